package service

import (
	"io/fs"
	"math"
	"os"
	"path"
	"runtime/debug"
	"strconv"
	"strings"
)

// share is how much of the unit's memory the Go heap may take: the rest is for
// compiled guests, mapped files and plugins.
const share = 0.8

// LimitMemory keeps the garbage collector within the memory of the control group
// that the program runs in (MemoryHigh=, MemoryMax=), unless GOMEMLIMIT says
// otherwise. It returns the limit in bytes, 0 for none.
func LimitMemory() int64 {
	if os.Getenv("GOMEMLIMIT") != "" {
		return 0
	}
	own, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return 0
	}
	limit := groupLimit(os.DirFS("/sys/fs/cgroup"), string(own))
	if limit == 0 {
		return 0
	}
	limit = int64(share * float64(limit))
	debug.SetMemoryLimit(limit)
	return limit
}

// groupLimit returns the lowest limit of a control group and those above it, 0 for
// none. own is the text of /proc/self/cgroup; only version 2 is read.
func groupLimit(root fs.FS, own string) int64 {
	group := ""
	for line := range strings.Lines(own) {
		if at, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "0::/"); ok {
			group = at
		}
	}
	lowest := int64(math.MaxInt64)
	for dir := path.Clean(group); fs.ValidPath(dir); dir = path.Dir(dir) {
		for _, name := range []string{"memory.high", "memory.max"} {
			text, err := fs.ReadFile(root, path.Join(dir, name))
			if err != nil {
				continue
			}
			if n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64); err == nil && n > 0 {
				lowest = min(lowest, n)
			}
		}
		if dir == "." {
			break
		}
	}
	if lowest == math.MaxInt64 {
		return 0
	}
	return lowest
}
