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

// resident returns the bytes of memory that processes use together: what is private,
// and what they share without a file of the host behind it. Memory that is in use by no
// process, such as a file in memory that nobody has mapped, is not in it.
func resident(pids []int, limit int64) int64 {
	var most, exact int64
	for _, pid := range pids {
		most += sizes(pid, "status", "RssAnon", "RssShmem")
	}
	if most <= limit { // what is shared is in it once for each, and it is cheap
		return most
	}
	for _, pid := range pids {
		exact += proportional(pid)
	}
	return exact
}

// proportional counts of what a process shares its part. A process that cannot be
// looked into counts with all that it has.
func proportional(pid int) int64 {
	if n := sizes(pid, "smaps_rollup", "Pss_Anon", "Pss_Shmem"); n > 0 {
		return n
	}
	if n := sizes(pid, "smaps_rollup", "Pss"); n > 0 { // before Linux 5.9
		return n
	}
	return sizes(pid, "status", "RssAnon", "RssShmem")
}

// sizes adds up fields of a file in /proc/PID; 0 if it cannot be read.
func sizes(pid int, file string, fields ...string) int64 {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/" + file)
	if err != nil {
		return 0
	}
	return fieldsOf(string(b), fields)
}

// fieldsOf adds up lines like "RssAnon:  12 kB", in bytes.
func fieldsOf(text string, fields []string) (sum int64) {
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(line, ":")
		if !slices.Contains(fields, name) {
			continue
		}
		kb, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
		sum += kb << 10
	}
	return sum
}

// sharedMemory returns the bytes that this machine keeps in files in memory and in
// shared memory, whoever made them.
func sharedMemory() int64 {
	b, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0
	}
	return fieldsOf(string(b), []string{"Shmem"})
}

// sacrifice lets the kernel end what runs in process namespaces of its own first, when
// memory runs out. A process may undo it for itself, until the next time.
func sacrifice(all []process) {
	own, _ := os.Readlink("/proc/self/ns/pid") // an empty one is nobody's
	for _, p := range all {
		if p.pidns != "" && p.pidns != own {
			_ = os.WriteFile("/proc/"+strconv.Itoa(p.pid)+"/oom_score_adj", []byte("1000"), 0) // it may have ended
		}
	}
}
