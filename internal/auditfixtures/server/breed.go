package main

import (
	"os"
	"os/exec"
	"strconv"
	"time"
	"unsafe"
)

// generations bounds what breed makes: 3 children each make 3279 processes, which
// is less than a machine bears.
const generations = 7

// breed starts three of its kind, which do the same, and stays for a while.
func breed(args []string) {
	n, _ := strconv.Atoi(args[0])
	self, err := os.Executable()
	if err != nil {
		return
	}
	for range 3 {
		if n < generations {
			_ = exec.Command(self, "breed", strconv.Itoa(n+1)).Start()
		}
	}
	time.Sleep(20 * time.Second)
}

func pointer(b *[120]byte) unsafe.Pointer { return unsafe.Pointer(b) }
