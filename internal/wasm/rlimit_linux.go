package wasm

import "syscall"

// limitData bounds what the process may allocate. The address space as a whole
// cannot be bounded: Go reserves more of it than it uses.
func limitData(bytes uint64) error {
	return syscall.Setrlimit(syscall.RLIMIT_DATA, &syscall.Rlimit{Cur: bytes, Max: bytes})
}
