// Package wasm runs guests: core WebAssembly modules that turn one document of
// bytes into another under a deadline, a memory limit and an output limit.
//
// It checks a module before it compiles it, keeps the instances (one source's
// instance is never lent to another; what all have in common before a source's first
// call, they share until they write to it), and reports what went wrong as a small set
// of codes. One [Runtime] serves all modules of a process.
//
// It does not know JSON, the envelope of the guest ABI, personas or rules:
// callers own those. It offers a guest no file, socket, environment, real clock
// or real randomness, and has no switch that would.
//
// Native code cannot be preempted, so a module is rewritten before it is
// compiled: its code counts down the price of what it is about to run, and calls
// the host for more after a fraction of a millisecond. There the deadline acts and
// the garbage collector gets its turn, whatever the guest does.
//
// What it cannot do: a single bulk memory instruction and a single call of a host
// function run to their end, which the memory limit bounds; and to end a guest in
// the middle of a million nested calls takes as long as to list them. Compiling
// takes as long and as much memory as it takes, unless [Options.CompileCommand]
// moves it to a child process. All of this is in the hands of a module's author,
// not of those who choose its input, and is the reason to run signed modules only.
package wasm
