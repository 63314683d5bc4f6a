package service

import (
	"os"
	"runtime"
)

// SpareProcessor has Go run code on one thread more than there are processors for the
// program, unless GOMAXPROCS says otherwise. The kernel works for connections and journal
// on threads that Go counts as running: with as many as there are processors, some of
// these idle under load.
//
// A control group's CPU limit that changes later is not followed any more.
func SpareProcessor() {
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + 1)
	}
}
