package trace

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// lookup asks the kernel whose thread a thread is, while it lives.
func lookup(tid int) (pid, ppid int, ok bool) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", tid))
	if err != nil {
		return 0, 0, false
	}
	for l := range bytes.Lines(b) {
		key, value, _ := bytes.Cut(l, []byte(":"))
		n, _ := strconv.Atoi(string(bytes.TrimSpace(value)))
		switch string(key) {
		case "Tgid":
			pid = n
		case "PPid":
			ppid = n
		}
	}
	return pid, ppid, pid > 0
}

// stdio returns the pipes and sockets that a process has as standard input, output
// and error: what is written there is for whoever started it.
func stdio(pid int) (tags []string) {
	for fd := range 3 {
		to, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", pid, fd))
		if err == nil && (strings.HasPrefix(to, "pipe:[") || strings.HasPrefix(to, "socket:[")) {
			tags = append(tags, to)
		}
	}
	return tags
}
