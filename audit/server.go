package audit

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/killdeer-mcp/killdeer/audit/sandbox"
)

const (
	// maxCopy bounds an installation that the server gets to write in: it is kept in
	// memory, once for each box.
	maxCopy      = 300 << 20
	maxCopyFiles = 60_000
	// argFiles is where files are shown that arguments name.
	argFiles = "/opt/files"
)

// server is how the audited program is started in a box.
type server struct {
	words   []word
	mounts  []sandbox.Mount
	path    []string
	install []string // folders of its own code, as it sees them
	notes   []string // for the report, what is not as outside
}

// word is one of a command line. A folder that the user names is replaced by the
// working folder of the pass, with what is planted there.
type word struct {
	text   string
	folder bool // text goes before the folder
}

// argv is the command line for a working folder.
func (s *server) argv(dir string) []string {
	out := make([]string, len(s.words))
	for i, w := range s.words {
		out[i] = w.text
		if w.folder {
			out[i] += dir
		}
	}
	return out
}

// prepare finds what a command needs in a box. Relative paths are taken from dir.
func prepare(argv []string, dir string, sealed bool) (*server, error) {
	in, err := sandbox.Discover(argv, dir)
	if err != nil {
		return nil, err
	}
	s := &server{mounts: in.Mounts, path: in.Path}
	for _, m := range in.Mounts {
		s.install = append(s.install, m.Target)
	}
	if in.Folder != "" && sealed {
		s.writable(ownFolder(in))
	}
	for i, arg := range in.Argv {
		if i == 0 || arg != argv[i] { // the command, and the script that it runs
			s.words = append(s.words, word{text: arg})
			continue
		}
		s.argument(arg, dir, sealed)
	}
	return s, nil
}

// dependencies are folders in a server's own that hold others' code. The server may
// read them.
var dependencies = []string{"node_modules", ".venv", "venv"}

// ownFolder is the folder of the package that a script belongs to, or else the one
// that is shown for it: what lies beside other packages is theirs.
func ownFolder(in sandbox.Install) string {
	for _, arg := range in.Argv[1:] {
		real, err := filepath.EvalSymlinks(arg)
		if err != nil || !strings.HasPrefix(real, in.Folder+"/") {
			continue
		}
		for dir := filepath.Dir(real); dir != in.Folder; dir = filepath.Dir(dir) {
			if _, err := os.Stat(filepath.Join(dir, "package.json")); err == nil {
				return dir
			}
		}
	}
	return in.Folder
}

// writable gives the server a copy of its own folder: many write beside their code.
// What it brought along stays read-only, and a history of versions stays outside.
func (s *server) writable(dir string) {
	if !small(dir) {
		s.notes = append(s.notes, fmt.Sprintf("%s is larger than %d MiB or %d files: the server could not write there", dir, maxCopy>>20, maxCopyFiles))
		return
	}
	s.mounts = append(s.mounts, sandbox.Mount{Source: dir, Target: dir, Mode: sandbox.Copy, Empty: append(slices.Clone(dependencies), ".git")})
	for _, name := range dependencies {
		if at := filepath.Join(dir, name); isFolder(at) {
			s.mounts = append(s.mounts, sandbox.Mount{Source: at, Target: at})
		}
	}
}

func isFolder(name string) bool {
	info, err := os.Lstat(name)
	return err == nil && info.IsDir()
}

// argument adds a word of the command line as the box has it.
func (s *server) argument(arg, dir string, sealed bool) {
	option, value := "", arg
	if name, v, ok := strings.Cut(arg, "="); ok && strings.HasPrefix(arg, "-") {
		option, value = name+"=", v
	}
	at, ok := pathOf(value, dir)
	if !ok || !sealed {
		s.words = append(s.words, word{text: arg})
		return
	}
	info, err := os.Stat(at)
	switch {
	case err == nil && info.IsDir():
		s.words = append(s.words, word{option, true})
	case err == nil && info.Mode().IsRegular() && !s.shows(at):
		target := filepath.Join(argFiles, strconv.Itoa(len(s.words)), filepath.Base(at))
		s.mounts = append(s.mounts, sandbox.Mount{Source: at, Target: target, Mode: sandbox.Copy})
		s.words = append(s.words, word{text: option + target})
	case err == nil && s.shows(at):
		s.words = append(s.words, word{text: option + at})
	default:
		s.words = append(s.words, word{text: arg})
	}
}

// move gives what lies below a folder of the host another name in the box.
func (s *server) move(from, to string) {
	moved := func(name string) string {
		if rest, ok := strings.CutPrefix(name, from); ok && (rest == "" || rest[0] == '/') {
			return to + rest
		}
		return name
	}
	for i := range s.mounts {
		s.mounts[i].Target = moved(s.mounts[i].Target)
	}
	for i := range s.words {
		s.words[i].text = moved(s.words[i].text)
	}
	for i := range s.install {
		s.install[i] = moved(s.install[i])
	}
}

// shows reports whether a box has a file of the host where it is.
func (s *server) shows(name string) bool {
	return slices.ContainsFunc(s.mounts, func(m sandbox.Mount) bool {
		return m.Source == m.Target && (name == m.Source || strings.HasPrefix(name, m.Source+"/"))
	})
}

// pathOf reads a word as a path: absolute, or one that says so by a slash or a dot.
func pathOf(value, dir string) (string, bool) {
	switch {
	case filepath.IsAbs(value):
		return filepath.Clean(value), true
	case value == "." || value == ".." || strings.Contains(value, "/") && !strings.Contains(value, "://") && !strings.HasPrefix(value, "-"):
		return filepath.Join(dir, value), true
	}
	return "", false
}

// small reports whether a folder can be copied into memory.
func small(dir string) bool {
	var bytes int64
	files := 0
	err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (slices.Contains(dependencies, d.Name()) || d.Name() == ".git") {
			return fs.SkipDir
		}
		if info, err := d.Info(); err == nil && info.Mode().IsRegular() {
			bytes += info.Size()
		}
		if files++; files > maxCopyFiles || bytes > maxCopy {
			return fs.SkipAll
		}
		return nil
	})
	return err == nil && files <= maxCopyFiles && bytes <= maxCopy
}

func targetName(o Options) string {
	switch {
	case o.Server != "":
		return o.Server
	case len(o.Argv) > 0:
		return filepath.Base(o.Argv[0])
	case o.URL != "":
		return o.URL
	}
	return "manifest"
}

// kernel names the system that the audit runs on.
func kernel() string {
	b, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return runtime.GOOS
	}
	return runtime.GOOS + " " + strings.TrimSpace(string(b))
}
