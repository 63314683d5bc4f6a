//go:build unix

package config

import "syscall"

// accessWriteSearch is W_OK|X_OK of access(2).
const accessWriteSearch = 0x2 | 0x1

// writable asks the kernel whether entries may be made in a folder, without
// making one.
func writable(dir string) error { return syscall.Access(dir, accessWriteSearch) }
