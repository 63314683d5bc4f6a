// Package meter reads core WebAssembly modules and rewrites them so that they count
// down the price of what they are about to run, and call the host for more when it is
// used up. It also exports what an instance keeps outside its memory, for the host to
// read and write.
//
// It checks what a compiler's decoder believes: counts, orders and sizes. What the
// instructions mean is left to the compiler, which sees the rewritten module. It runs
// nothing, starts no goroutine, and knows neither an ABI nor an engine.
//
// Source: WebAssembly Core Specification 2.0, chapter 5 (binary format).
package meter
