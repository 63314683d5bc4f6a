package main

import (
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// aloneMark says that the process has mounts of its own.
const aloneMark = "KILLDEER_RELIABILITY_ALONE"

// alone starts the program again with mounts of its own, where it may: a file system
// that others have copied in their namespaces survives the cutting of its power.
func alone() error {
	if os.Geteuid() != 0 || os.Getenv(aloneMark) != "" {
		return nil
	}
	runtime.LockOSThread() // the namespace is the thread's, which becomes the program
	defer runtime.UnlockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return nil //nolint:nilerr // tests that need it will say so
	}
	if err := unix.Mount("none", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	return unix.Exec(self, os.Args, append(os.Environ(), aloneMark+"=1"))
}
