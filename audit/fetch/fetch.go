// Package fetch finds out what npx and uvx would run, fetches that into a folder
// without running any of its code, and says how to start it directly.
//
// It runs the user's own npm or uv, with their settings and network, outside of any
// sandbox: that is why no script of a package may run. It does not audit, and does
// not fetch what is no package of npm's or PyPI's.
package fetch

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Package is a server that was fetched.
type Package struct {
	Argv      []string // that starts it, with paths below Dir
	Dir       string   // of the host, with the package and all that it needs
	Movable   bool     // Dir may have another name where the server runs
	Name      string
	Version   string
	Integrity string   // as its registry says; empty if it says nothing
	Scripts   []string // packages that want to run something when they are installed
	Pinned    bool     // the command line names a version
}

// runners are the programs that fetch what they run, as the words that begin a
// command line.
var runners = []struct {
	words []string
	fetch func(context.Context, words, string) (*Package, error)
}{
	{[]string{"npx"}, npm},
	{[]string{"bunx"}, npm},
	{[]string{"npm", "exec"}, npm},
	{[]string{"uvx"}, uv},
	{[]string{"uv", "tool", "run"}, uv},
}

// Runs reports whether a command line fetches what it runs.
func Runs(argv []string) bool {
	_, f := runner(argv)
	return f != nil
}

func runner(argv []string) (rest []string, fetch func(context.Context, words, string) (*Package, error)) {
	for _, r := range runners {
		if len(argv) >= len(r.words) && filepath.Base(argv[0]) == r.words[0] && equal(argv[1:len(r.words)], r.words[1:]) {
			return argv[len(r.words):], r.fetch
		}
	}
	return nil, nil
}

func equal(a, b []string) bool { return strings.Join(a, "\x00") == strings.Join(b, "\x00") }

// Fetch fetches what a command line runs into a new folder below cache, which the
// caller removes. An argv for which [Runs] is false is an error.
func Fetch(ctx context.Context, argv []string, cache string) (*Package, error) {
	rest, fetch := runner(argv)
	if fetch == nil {
		return nil, fmt.Errorf("fetch a server: %q fetches nothing", argv)
	}
	w, err := parse(rest)
	if err != nil {
		return nil, fmt.Errorf("read the command line of %s: %w", filepath.Base(argv[0]), err)
	}
	if err := os.MkdirAll(cache, 0o700); err != nil {
		return nil, fmt.Errorf("fetch %s: %w", w.spec, err)
	}
	sum := sha256.Sum256([]byte(w.spec))
	dir, err := os.MkdirTemp(cache, fmt.Sprintf("%x-", sum[:6]))
	if err != nil {
		return nil, fmt.Errorf("fetch %s: %w", w.spec, err)
	}
	p, err := fetch(ctx, w, dir)
	if err == nil {
		err = open(dir)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("fetch %s: %w", w.spec, err), os.RemoveAll(dir))
	}
	p.Dir, p.Argv = dir, append(p.Argv, w.args...)
	return p, nil
}

// open lets other users read what was fetched, whatever the umask: it may run as one
// of them. The cache itself stays closed.
func open(dir string) error {
	return filepath.WalkDir(dir, func(at string, d os.DirEntry, err error) error {
		if err != nil || d.Type()&os.ModeSymlink != 0 {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		more := os.FileMode(0o444)
		if d.IsDir() || info.Mode()&0o100 != 0 {
			more = 0o555
		}
		if info.Mode().Perm()&more == more {
			return nil
		}
		return os.Chmod(at, info.Mode().Perm()|more)
	})
}

// words are the parts of a runner's command line.
type words struct {
	spec    string // of the package
	command string // of the package's; empty: the one of its name
	args    []string
}

// parse reads what follows the runner's name. Options that only concern the runner
// are left out; those that would change what runs are errors.
func parse(rest []string) (w words, err error) {
	for i := 0; i < len(rest); i++ {
		name, value, given := strings.Cut(rest[i], "=")
		switch name {
		case "-y", "--yes", "-q", "--quiet", "--prefer-online", "--prefer-offline", "--no-progress", "--refresh", "--isolated", "--bun":
		case "-p", "--package", "--from":
			if w.spec != "" {
				return w, fmt.Errorf("%s: one package at a time", name)
			}
			if !given && i+1 < len(rest) {
				i++
				value = rest[i]
			}
			if w.spec = value; value == "" {
				return w, fmt.Errorf("%s names no package", name)
			}
		default:
			if name == "--" && !given {
				i++
			} else if strings.HasPrefix(name, "-") {
				return w, fmt.Errorf("the option %s is not understood: install the server, and audit the command that starts it", name)
			}
			return w, w.rest(rest[min(i, len(rest)):])
		}
	}
	return w, errors.New("it names no package")
}

// rest takes the command and its arguments.
func (w *words) rest(rest []string) error {
	if len(rest) == 0 || rest[0] == "" {
		return errors.New("it names no package")
	}
	w.args = rest[1:]
	if w.spec == "" {
		w.spec = rest[0]
		return nil
	}
	w.command = rest[0]
	return nil
}

const (
	maxSaid  = 600 // bytes of what a failed program says
	killWait = 2 * time.Second
)

// tool runs npm or uv in a folder. They and what they start end with ctx.
func tool(ctx context.Context, dir, name string, args ...string) error {
	at, err := exec.LookPath(name)
	if err != nil {
		return fmt.Errorf("%s is needed to fetch the package: %w", name, err)
	}
	cmd := exec.CommandContext(ctx, at, args...)
	cmd.Dir, cmd.WaitDelay = dir, killWait
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	out, err := cmd.CombinedOutput()
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	said := strings.TrimSpace(string(out))
	if len(said) > maxSaid {
		said = "..." + strings.ToValidUTF8(said[len(said)-maxSaid:], "")
	}
	return fmt.Errorf("%s: %w: %s", name, err, said)
}
