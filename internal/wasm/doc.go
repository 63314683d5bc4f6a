// Package wasm runs guests: core WebAssembly modules that turn one document of
// bytes into another under a deadline, a memory limit and an output limit.
//
// It checks a module before it compiles it, keeps the instances (one source's
// instance is never lent to another), and reports what went wrong as a small set
// of codes. One [Runtime] serves all modules of a process.
//
// It does not know JSON, the envelope of the guest ABI, personas or rules:
// callers own those. It offers a guest no file, socket, environment, real clock
// or real randomness, and has no switch that would.
//
// What it cannot do: native code is not preemptible, so the deadline acts where
// the compiler put a check, which is at loop edges. A loop-free chain of calls, and a
// single bulk memory instruction, run to their end. Compiling takes as long and
// as much memory as it takes, unless [Options.CompileCommand] moves it to a child
// process. Both are in the hands of a module's author, not of those who
// choose its input, and are the reason to run signed modules only.
package wasm
