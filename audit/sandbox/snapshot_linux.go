package sandbox

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/killdeer-mcp/killdeer/audit/evidence"
)

// Limits of a snapshot.
const (
	maxEntries  = 200_000
	maxDepth    = 64       // folders below each other
	maxSample   = 64 << 10 // bytes of one file
	maxContents = 16 << 20 // bytes kept of all files, to tell later what is new
)

// Snapshot is the state of everything that the server may write to.
type Snapshot struct {
	files map[string]state // by path, as the server sees it
	// Incomplete says what was too much to look at, if anything was.
	Incomplete string
}

// state is what changes when a file does. The time of change (ctime) cannot be set
// back.
type state struct {
	mode    fs.FileMode
	size    int64
	ino     uint64
	changed syscall.Timespec
	written syscall.Timespec
	content []byte // of small files
}

// Snapshot looks at the home, the temporary folder and everything else that the
// server may write to.
func (b *Box) Snapshot() (*Snapshot, error) {
	s := &Snapshot{files: map[string]state{}}
	kept := 0
	dirs := b.writable()
	for _, name := range slices.Sorted(maps.Keys(dirs)) {
		if err := s.walk(b.root, name, dirs[name], &kept); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// writable maps folders of the world to how the server sees them.
func (b *Box) writable() map[string]string {
	dirs := map[string]string{"home": b.opts.Home}
	if b.opts.NoSandbox {
		return dirs
	}
	dirs["tmp"] = "/tmp"
	for i, m := range b.opts.Mounts {
		if m.Mode != ReadOnly {
			dirs["copy/"+strconv.Itoa(i)] = m.Target
		}
	}
	return dirs
}

// walk looks at a folder that the server may be changing: what goes away meanwhile
// is not there, and what may not be read is seen from outside.
func (s *Snapshot) walk(root *os.Root, from, seen string, kept *int) error {
	return fs.WalkDir(root.FS(), from, func(at string, d fs.DirEntry, err error) error {
		if err != nil {
			if d != nil && d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if len(s.files) >= maxEntries {
			s.Incomplete = "more than " + strconv.Itoa(maxEntries) + " files"
			return fs.SkipAll
		}
		if d.IsDir() {
			if strings.Count(at, "/") > maxDepth {
				s.Incomplete = "folders more than " + strconv.Itoa(maxDepth) + " deep"
				return fs.SkipDir
			}
			return nil
		}
		if st, ok := look(root, at, kept); ok {
			s.files[path.Join(seen, strings.TrimPrefix(at, from))] = st
		}
		return nil
	})
}

func look(root *os.Root, at string, kept *int) (state, bool) {
	info, err := root.Lstat(at)
	if err != nil {
		return state{}, false
	}
	st := state{mode: info.Mode(), size: info.Size()}
	if sys, ok := info.Sys().(*syscall.Stat_t); ok {
		st.ino, st.changed, st.written = sys.Ino, sys.Ctim, sys.Mtim
	}
	switch {
	case info.Mode()&fs.ModeSymlink != 0:
		to, _ := root.Readlink(at) // gone meanwhile: without its content
		st.content = []byte(to)
	case info.Mode().IsRegular() && *kept+maxSample <= maxContents:
		st.content = read(root, at, maxSample)
	}
	*kept += len(st.content)
	return st, true
}

// read returns at most n bytes of a file's beginning. The server may have put
// something else in its place: a pipe must not stop us.
func read(root *os.Root, at string, n int) []byte {
	f, err := root.OpenFile(at, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil
	}
	b, err := io.ReadAll(io.LimitReader(f, int64(n)))
	if err != nil && !errors.Is(err, io.EOF) {
		return nil
	}
	return b
}

// Diff returns what has changed from one snapshot to the next, by path. The phase
// and the call are for the caller to set.
func Diff(before, after *Snapshot) []evidence.FileChange {
	var all []evidence.FileChange
	names := maps.Clone(before.files)
	maps.Copy(names, after.files)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		old, was := before.files[name]
		now, is := after.files[name]
		c := evidence.FileChange{Path: name, Size: now.size}
		switch {
		case !was:
			c.Change, c.Sample = "created", now.content
		case !is:
			c.Change = "removed"
		case old.mode != now.mode && same(old, now):
			c.Change = "mode"
		case !same(old, now):
			c.Change, c.Sample = "modified", added(old.content, now.content)
		default:
			continue
		}
		all = append(all, c)
	}
	return all
}

// same reports whether a file holds what it held. A change of its rights alone
// moves ctime, so that time decides only if the content is not known.
func same(a, b state) bool {
	if a.ino != b.ino || a.size != b.size || a.written != b.written || a.mode.Type() != b.mode.Type() {
		return false
	}
	if a.size <= maxSample && a.content != nil && b.content != nil {
		return bytes.Equal(a.content, b.content)
	}
	return a.changed == b.changed || a.mode != b.mode
}

// added returns what stands in b between the beginning and the end that it shares
// with a.
func added(a, b []byte) []byte {
	for len(a) > 0 && len(b) > 0 && a[0] == b[0] {
		a, b = a[1:], b[1:]
	}
	for len(a) > 0 && len(b) > 0 && a[len(a)-1] == b[len(b)-1] {
		a, b = a[:len(a)-1], b[:len(b)-1]
	}
	return b
}
