//go:build linux && amd64

package watch

import (
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// first shows the first arguments as they are.
func first(n int) func([]uint64) string {
	return func(args []uint64) string {
		words := make([]string, 0, n)
		for _, a := range args[:n] {
			words = append(words, fmt.Sprintf("%#x", a))
		}
		return strings.Join(words, ", ")
	}
}

func ofProcess(args []uint64) string { return "process " + strconv.Itoa(int(int32(args[0]))) }

// requests are those of ptrace(2) that say what is meant.
var ptraceRequests = map[uint64]string{
	unix.PTRACE_TRACEME: "PTRACE_TRACEME", unix.PTRACE_PEEKTEXT: "PTRACE_PEEKTEXT", unix.PTRACE_PEEKDATA: "PTRACE_PEEKDATA",
	unix.PTRACE_PEEKUSR: "PTRACE_PEEKUSER", unix.PTRACE_POKETEXT: "PTRACE_POKETEXT", unix.PTRACE_POKEDATA: "PTRACE_POKEDATA",
	unix.PTRACE_POKEUSR: "PTRACE_POKEUSER", unix.PTRACE_CONT: "PTRACE_CONT", unix.PTRACE_KILL: "PTRACE_KILL",
	unix.PTRACE_GETREGS: "PTRACE_GETREGS", unix.PTRACE_SETREGS: "PTRACE_SETREGS", unix.PTRACE_ATTACH: "PTRACE_ATTACH",
	unix.PTRACE_DETACH: "PTRACE_DETACH", unix.PTRACE_SYSCALL: "PTRACE_SYSCALL", unix.PTRACE_SEIZE: "PTRACE_SEIZE",
	unix.PTRACE_SETOPTIONS: "PTRACE_SETOPTIONS",
}

func ptraceText(args []uint64) string {
	name := ptraceRequests[args[0]]
	if name == "" {
		name = fmt.Sprintf("%#x", args[0])
	}
	return fmt.Sprintf("%s, %d", name, int32(args[1]))
}

// killText shows whom a signal is for, and which.
func killText(signal int) func([]uint64) string {
	return func(args []uint64) string {
		name := unix.SignalName(unix.Signal(args[signal]))
		if name == "" {
			name = strconv.Itoa(int(int32(args[signal])))
		}
		return fmt.Sprintf("%d, %s", int32(args[0]), name)
	}
}

var namespaceFlags = []struct {
	flag uint64
	name string
}{
	{unix.CLONE_NEWUSER, "CLONE_NEWUSER"},
	{unix.CLONE_NEWNS, "CLONE_NEWNS"},
	{unix.CLONE_NEWPID, "CLONE_NEWPID"},
	{unix.CLONE_NEWNET, "CLONE_NEWNET"},
	{unix.CLONE_NEWIPC, "CLONE_NEWIPC"},
	{unix.CLONE_NEWUTS, "CLONE_NEWUTS"},
	{unix.CLONE_NEWCGROUP, "CLONE_NEWCGROUP"},
	{unix.CLONE_NEWTIME, "CLONE_NEWTIME"},
	{unix.CLONE_FS, "CLONE_FS"},
	{unix.CLONE_FILES, "CLONE_FILES"},
}

// namespaces shows flags of unshare(2) and setns(2).
func namespaces(n int) func([]uint64) string {
	return func(args []uint64) string {
		var words []string
		rest := args[n]
		for _, f := range namespaceFlags {
			if rest&f.flag != 0 {
				words = append(words, f.name)
				rest &^= f.flag
			}
		}
		if rest != 0 || len(words) == 0 {
			words = append(words, fmt.Sprintf("%#x", rest))
		}
		return strings.Join(words, "|")
	}
}
