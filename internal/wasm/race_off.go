//go:build !race

package wasm

const raceFactor = 1
