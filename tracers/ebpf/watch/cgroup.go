//go:build linux && amd64

package watch

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

const (
	// groupPrefix begins the names of our cgroups; the number of the tracer's process
	// follows.
	groupPrefix = "killdeer-trace-"
	// maxMounts is how much of the table of mounts is read.
	maxMounts = 8 << 20
)

// hierarchy is where the second version of cgroups is mounted.
type hierarchy struct {
	at    string
	depth int // of the cgroup that is mounted there, below the real root; -1: unknown
}

func findHierarchy() (hierarchy, error) {
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return hierarchy{}, fmt.Errorf("look for cgroups: %w", err)
	}
	defer f.Close()
	h, err := hierarchyIn(io.LimitReader(f, maxMounts))
	if err == nil && h.at == "" {
		err = errors.New("cgroups of version 2 are not mounted here: mount -t cgroup2 none /sys/fs/cgroup/unified")
	}
	return h, err
}

// hierarchyIn reads proc_pid_mountinfo(5).
func hierarchyIn(table io.Reader) (hierarchy, error) {
	lines := bufio.NewScanner(table)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		before, after, found := strings.Cut(lines.Text(), " - ")
		fields := strings.Fields(before)
		if !found || len(fields) < 5 || !strings.HasPrefix(after, "cgroup2 ") {
			continue
		}
		h := hierarchy{at: unescape(fields[4]), depth: depth(unescape(fields[3]))}
		if strings.HasPrefix(fields[3], "/..") {
			h.depth = -1
		}
		return h, nil
	}
	return hierarchy{}, lines.Err()
}

var escapes = strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)

func unescape(s string) string { return escapes.Replace(s) }

func depth(path string) int {
	path = strings.Trim(filepath.Clean(path), "/.")
	if path == "" {
		return 0
	}
	return strings.Count(path, "/") + 1
}

// group is a cgroup whose processes are traced.
type group struct {
	dir string
	own bool // made by us
}

// newGroup makes a cgroup for one target.
func newGroup(session string) (*group, error) {
	h, err := findHierarchy()
	if err != nil {
		return nil, err
	}
	sweep(h.at)
	g := &group{filepath.Join(h.at, groupPrefix+strconv.Itoa(os.Getpid())+"-"+session), true}
	if err := os.Mkdir(g.dir, 0o755); err != nil {
		return nil, fmt.Errorf("make a cgroup for what is traced: %w", err)
	}
	return g, nil
}

// findGroup finds a cgroup by its folder, or by its name from the root.
func findGroup(name string) (*group, error) {
	h, err := findHierarchy()
	if err != nil {
		return nil, err
	}
	for _, dir := range []string{filepath.Clean(name), filepath.Join(h.at, name)} {
		if _, err := os.Stat(filepath.Join(dir, "cgroup.procs")); err == nil {
			return &group{dir: dir}, nil
		}
	}
	return nil, fmt.Errorf("there is no cgroup %s, nor one of that name in %s", name, h.at)
}

// sweep removes cgroups of tracers that have ended and left processes behind, which
// have ended since.
func sweep(at string) {
	old, _ := filepath.Glob(filepath.Join(at, groupPrefix+"*"))
	for _, dir := range old {
		name, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(dir), groupPrefix), "-")
		pid, err := strconv.Atoi(name)
		if err == nil && pid > 0 && errors.Is(unix.Kill(pid, 0), unix.ESRCH) {
			_ = os.Remove(dir) // only an empty one can be
		}
	}
}

// id is the number by which the kernel's programs know the cgroup.
func (g *group) id() (uint64, error) {
	var st unix.Stat_t
	if err := unix.Stat(g.dir, &st); err != nil {
		return 0, fmt.Errorf("look at the cgroup: %w", err)
	}
	return st.Ino, nil
}

// level is how deep the cgroup is, from the root of all.
func (g *group) level() (int32, error) {
	h, err := findHierarchy()
	if err != nil {
		return 0, err
	}
	below, err := filepath.Rel(h.at, g.dir)
	if err != nil || strings.HasPrefix(below, "..") || below == "." {
		return 0, fmt.Errorf("%s is no cgroup below %s", g.dir, h.at)
	}
	if h.depth < 0 {
		return 0, errors.New("the root of the cgroups cannot be seen from this container: attach on the host")
	}
	return int32(h.depth + depth(below)), nil
}

// members are its processes, without those of cgroups below it.
func (g *group) members() []int {
	b, err := os.ReadFile(filepath.Join(g.dir, "cgroup.procs"))
	if err != nil {
		return nil
	}
	var pids []int
	for word := range strings.FieldsSeq(string(b)) {
		if pid, err := strconv.Atoi(word); err == nil && pid > 0 {
			pids = append(pids, pid)
		}
	}
	slices.Sort(pids)
	return pids
}

// remove removes a cgroup of ours. One with processes stays until a later trace
// finds it empty.
func (g *group) remove() error {
	if !g.own {
		return nil
	}
	err := os.Remove(g.dir)
	if errors.Is(err, unix.EBUSY) || errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

// populated reports whether there are processes in it or below it.
func (g *group) populated() bool {
	b, err := os.ReadFile(filepath.Join(g.dir, "cgroup.events"))
	return err == nil && strings.Contains(string(b), "populated 1")
}

// family lists a process and those that it started, as far as they still are its
// descendants.
func family(pid int) ([]int, error) {
	children := map[int][]int{}
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, name := range stats {
		b, err := os.ReadFile(name)
		if err != nil {
			continue // it has ended
		}
		own, _ := strconv.Atoi(filepath.Base(filepath.Dir(name)))
		// What is in brackets may hold anything: proc_pid_stat(5).
		rest := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
		if len(rest) > 1 {
			parent, _ := strconv.Atoi(rest[1])
			children[parent] = append(children[parent], own)
		}
	}
	if err := unix.Kill(pid, 0); errors.Is(err, unix.ESRCH) {
		return nil, fmt.Errorf("there is no process %d", pid)
	}
	all := []int{pid}
	for i := 0; i < len(all); i++ {
		all = append(all, children[all[i]]...)
	}
	return all, nil
}
