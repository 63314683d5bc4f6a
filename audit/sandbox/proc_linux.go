package sandbox

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// process is what /proc says of a process.
type process struct {
	pid, ppid int
	net       string // its network namespace; empty if it may not be known
	user      string
	pidns     string
}

// processes lists what runs, except what has ended and waits for its parent.
func processes() []process {
	names, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return nil // only for a bad pattern
	}
	var all []process
	for _, dir := range names {
		pid, err := strconv.Atoi(filepath.Base(dir))
		if err != nil {
			continue
		}
		ppid, alive := parent(dir)
		if !alive {
			continue
		}
		p := process{pid: pid, ppid: ppid}
		p.net, _ = os.Readlink(dir + "/ns/net")
		p.user, _ = os.Readlink(dir + "/ns/user")
		p.pidns, _ = os.Readlink(dir + "/ns/pid")
		all = append(all, p)
	}
	return all
}

// parent reads /proc/PID/stat: the name in brackets may hold anything.
func parent(dir string) (ppid int, alive bool) {
	b, err := os.ReadFile(dir + "/stat")
	if err != nil {
		return 0, false
	}
	text := string(b)
	fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
	if len(fields) < 2 || fields[0] == "Z" || fields[0] == "X" {
		return 0, false
	}
	ppid, err = strconv.Atoi(fields[1])
	return ppid, err == nil
}

// space are the namespaces of a box.
type space struct {
	holder    int
	net, user string
	pins      []*os.File // keep the names from being given to others
}

// spaceOf finds the namespaces of a holder.
func spaceOf(holder int) (*space, error) {
	s := &space{holder: holder}
	for kind, name := range map[string]*string{"net": &s.net, "user": &s.user} {
		at := "/proc/" + strconv.Itoa(holder) + "/ns/" + kind
		pin, err := os.Open(at)
		if err == nil {
			s.pins = append(s.pins, pin)
			*name, err = os.Readlink(at)
		}
		if err != nil {
			return nil, errors.Join(fmt.Errorf("find the namespaces of the box: %w", err), s.close())
		}
	}
	return s, nil
}

func (s *space) close() error {
	var errs []error
	for _, f := range s.pins {
		errs = append(errs, f.Close())
	}
	return errors.Join(errs...)
}

// members returns the processes in the namespaces and their descendants, without
// the holder.
func (s *space) members() []process {
	all := processes()
	in := map[int]bool{}
	for _, p := range all {
		if p.net == s.net || p.user == s.user {
			in[p.pid] = true
		}
	}
	delete(in, s.holder)
	for grown := true; grown; {
		grown = false
		for _, p := range all {
			if !in[p.pid] && in[p.ppid] && p.pid != s.holder {
				in[p.pid], grown = true, true
			}
		}
	}
	return slices.DeleteFunc(all, func(p process) bool { return !in[p.pid] })
}

// kill ends what runs in the namespaces, and reports whether nothing is left after
// at most the given time.
func (s *space) kill(most time.Duration) bool {
	for end := time.Now().Add(most); ; time.Sleep(5 * time.Millisecond) {
		left := s.members()
		if len(left) == 0 {
			return true
		}
		for _, p := range left {
			_ = syscall.Kill(p.pid, syscall.SIGKILL) // may have ended already
		}
		if time.Now().After(end) {
			return false
		}
	}
}

// commandLine returns how a process was started, for people to read.
func commandLine(pid int) string {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cmdline")
	if err != nil {
		return ""
	}
	return strings.Join(strings.Split(strings.TrimRight(string(b), "\x00"), "\x00"), " ")
}

// resident returns the bytes of memory that a process does not share.
func resident(pid int) int64 {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/statm")
	if err != nil {
		return 0
	}
	f := strings.Fields(string(b))
	if len(f) < 3 {
		return 0
	}
	rss, _ := strconv.ParseInt(f[1], 10, 64)
	shared, _ := strconv.ParseInt(f[2], 10, 64)
	return max(0, rss-shared) * int64(os.Getpagesize())
}
