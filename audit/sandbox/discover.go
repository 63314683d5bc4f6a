package sandbox

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// Install is what of the host a command needs in a box.
type Install struct {
	Argv    []string // with the command and its script as absolute paths
	Mounts  []Mount  // read-only: runtimes, and Folder
	Path    []string // folders of the runtimes' commands
	Folder  string   // where the server's own code lies; empty if that is in /usr
	Runtime string   // resolved path of the command
}

// shared are folders that every box has.
var shared = []string{"/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64"}

// broad are folders that hold more than one program: they are never shown whole.
var broad = []string{"/", "/home", "/root", "/opt", "/srv", "/tmp", "/var", "/var/tmp", "/etc", "/mnt", "/media", "/run", "/dev/shm", "/nix"}

// projectFiles stand in the folder that a server was installed to.
var projectFiles = []string{"package.json", "pyproject.toml", "setup.py", "pyvenv.cfg", "go.mod", "Cargo.toml", "deno.json", "Gemfile"}

// Discover finds what a command needs that a box does not have: the runtime, if it
// is not in /usr, and the folder of the script that it runs. Relative paths are
// taken from dir. Neither a home folder nor one above it is ever shown whole; what
// other arguments name is not shown at all, since it may be anything.
func Discover(argv []string, dir string) (Install, error) {
	if len(argv) == 0 {
		return Install{}, fmt.Errorf("find the server: no command")
	}
	in := Install{Argv: slices.Clone(argv)}
	at, err := lookPath(argv[0], dir)
	if err != nil {
		return Install{}, fmt.Errorf("find the server: %w", err)
	}
	in.Argv[0] = at
	for _, link := range links(at) {
		in.runtime(link)
		in.Runtime = link
	}
	if !interpreter(at) {
		return in, nil
	}
	for i, arg := range argv[1:] {
		name := arg
		if !filepath.IsAbs(name) {
			name = filepath.Join(dir, name)
		}
		if info, err := os.Stat(name); err != nil || !info.Mode().IsRegular() || strings.HasPrefix(arg, "-") {
			continue
		}
		in.Argv[i+1] = name
		for _, link := range links(name) {
			in.script(link)
		}
		break
	}
	return in, nil
}

func lookPath(name, dir string) (string, error) {
	if strings.Contains(name, "/") && !filepath.IsAbs(name) {
		name = filepath.Join(dir, name)
	}
	at, err := exec.LookPath(name)
	if err != nil {
		return "", err
	}
	return filepath.Abs(at)
}

// links returns a path and everything that it leads to.
func links(name string) []string {
	all := []string{filepath.Clean(name)}
	for range 40 { // as many as the kernel follows
		to, err := os.Readlink(all[len(all)-1])
		if err != nil {
			break
		}
		if !filepath.IsAbs(to) {
			to = filepath.Join(filepath.Dir(all[len(all)-1]), to)
		}
		all = append(all, filepath.Clean(to))
	}
	if real, err := filepath.EvalSymlinks(name); err == nil && !slices.Contains(all, real) {
		all = append(all, real)
	}
	return all
}

// runtime shows the folder that a command's bin lies in, or else only the command.
func (in *Install) runtime(name string) {
	if isShared(name) {
		return
	}
	bin := filepath.Dir(name)
	in.Path = appendNew(in.Path, bin)
	switch filepath.Base(bin) {
	case "bin", "sbin", "shims", "libexec":
		if prefix := filepath.Dir(bin); !isBroad(prefix) {
			in.show(prefix)
			return
		}
	}
	if folder := project(bin); folder != "" {
		in.show(folder)
		return
	}
	in.show(name)
}

// script shows the folder that a script was installed to.
func (in *Install) script(name string) {
	if isShared(name) {
		return
	}
	folder := project(filepath.Dir(name))
	if folder == "" {
		folder = filepath.Dir(name)
	}
	if isBroad(folder) {
		in.show(name)
		return
	}
	in.Folder = folder
	in.show(folder)
}

// project returns the folder that holds the outermost node_modules, or the nearest
// one with a project file.
func project(dir string) string {
	if above, _, ok := strings.Cut(dir+"/", "/node_modules/"); ok && !isBroad(above) {
		return above
	}
	if i := strings.Index(dir+"/", "/node_modules/"); i >= 0 {
		return filepath.Join(dir[:i], "node_modules")
	}
	for d := dir; !isBroad(d); d = filepath.Dir(d) {
		for _, name := range projectFiles {
			if _, err := os.Stat(filepath.Join(d, name)); err == nil {
				return d
			}
		}
	}
	return ""
}

func isShared(name string) bool {
	return slices.ContainsFunc(shared, func(s string) bool { return strings.HasPrefix(name, s+"/") })
}

// isBroad reports whether a folder is a home, above one, or otherwise everybody's.
func isBroad(dir string) bool {
	if slices.Contains(broad, dir) || filepath.Dir(dir) == "/home" {
		return true
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return false
	}
	return dir == home || strings.HasPrefix(home, strings.TrimSuffix(dir, "/")+"/")
}

// show adds a mount unless another one holds it already.
func (in *Install) show(name string) {
	for _, m := range in.Mounts {
		if name == m.Source || strings.HasPrefix(name, m.Source+"/") {
			return
		}
	}
	in.Mounts = append(in.Mounts, Mount{Source: name, Target: name})
}

func appendNew(all []string, s string) []string {
	if slices.Contains(all, s) {
		return all
	}
	return append(all, s)
}

// interpreters run the first file among their arguments.
var interpreters = []string{"node", "nodejs", "deno", "bun", "tsx", "python", "python2", "python3", "pypy3", "ruby", "perl", "php", "java", "sh", "bash", "dash", "npx", "uv", "uvx"}

func interpreter(name string) bool {
	base := filepath.Base(name)
	return slices.Contains(interpreters, base) || slices.Contains(interpreters, strings.TrimRight(base, "0123456789."))
}
