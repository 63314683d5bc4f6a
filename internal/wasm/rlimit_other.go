//go:build !linux

package wasm

// limitData does nothing: here only the time of a compile child is bounded.
func limitData(uint64) error { return nil }
