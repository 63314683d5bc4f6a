//go:build race

package wasm

// raceFactor is how many times as much memory a compile child may have: the race
// detector keeps several bytes for each.
const raceFactor = 4
