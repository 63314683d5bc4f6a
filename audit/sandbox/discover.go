package sandbox

import (
	"fmt"
	"io"
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

// personal are folders of a home that many programs keep things in, secrets among
// them. They are never shown whole either.
var personal = []string{
	".local", ".local/bin", ".local/lib", ".local/share", ".local/state", ".config", ".cache", ".cargo", ".cargo/bin", "go", "go/bin", "bin",
	".aws", ".azure", ".claude", ".codex", ".cursor", ".docker", ".gemini", ".gnupg", ".kube", ".mozilla", ".password-store", ".ssh", ".vscode",
	".config/gcloud", ".config/gh", "snap", "Desktop", "Documents", "Downloads",
}

// projectFiles stand in the folder that a server was installed to.
var projectFiles = []string{"package.json", "pyproject.toml", "setup.py", "pyvenv.cfg", "go.mod", "Cargo.toml", "deno.json", "Gemfile"}

// Discover finds what a command needs that a box does not have: the runtime, if it
// is not in /usr, and the folder of the script that it runs. Relative paths are
// taken from dir. Neither a home folder nor one above it is ever shown whole, and of
// what is below one only the command, its project, and the runtime or virtual
// environment that it is of; what other arguments name is not shown at all, since it
// may be anything.
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
	if by, ok := shebang(at, dir); ok {
		for _, link := range links(by) {
			in.runtime(link)
		}
	}
	if real := in.kept(at); interpreter(real) || isScript(real) { // others may go by their name
		in.Argv[0] = real
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
		in.Argv[i+1] = in.kept(name)
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

// kept returns the first of a path and what it leads to that is a link in the box if
// it is one outside. A link that is shown without its folder becomes a file, which
// finds nothing beside it.
func (in *Install) kept(name string) string {
	for _, link := range links(name) {
		if isShared(link) || slices.ContainsFunc(in.Mounts, func(m Mount) bool { return strings.HasPrefix(link, m.Source+"/") }) {
			return link
		}
	}
	return name
}

// firstLine is as much of a file's first line as the kernel reads of a script's.
func firstLine(name string) string {
	f, err := os.Open(name)
	if err != nil {
		return ""
	}
	defer f.Close()
	head := make([]byte, 256)
	n, _ := io.ReadFull(f, head)
	line, _, _ := strings.Cut(string(head[:n]), "\n")
	return line
}

func isScript(name string) bool { return strings.HasPrefix(firstLine(name), "#!") }

// shebang returns the program that runs a script.
func shebang(name, dir string) (string, bool) {
	words := strings.Fields(strings.TrimPrefix(firstLine(name), "#!"))
	if !isScript(name) || len(words) == 0 {
		return "", false
	}
	if filepath.Base(words[0]) == "env" {
		words = slices.DeleteFunc(words[1:], func(w string) bool { return strings.HasPrefix(w, "-") || strings.Contains(w, "=") })
		if len(words) == 0 {
			return "", false
		}
	}
	by, err := lookPath(words[0], dir)
	return by, err == nil
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
		if prefix := filepath.Dir(bin); !isBroad(prefix) && (!inHome(prefix) || ownPrefix(prefix, name)) {
			if in.show(prefix) {
				in.environment(prefix)
			}
			return
		}
	}
	if folder := project(bin); folder != "" {
		in.show(folder)
		return
	}
	in.show(name)
}

// ownPrefix reports whether the folder that a command is installed to is that of a
// runtime or a project, not one for any program.
func ownPrefix(prefix, command string) bool {
	named := slices.Contains(runtimes, strings.TrimRight(filepath.Base(command), "0123456789."))
	return named || anyExists(filepath.Dir(command), runtimes) || anyExists(prefix, projectFiles)
}

// environment shows what a virtual environment's interpreter is a link to.
func (in *Install) environment(prefix string) {
	if !anyExists(prefix, []string{"pyvenv.cfg"}) {
		return
	}
	for _, link := range links(filepath.Join(prefix, "bin", "python")) {
		if !strings.HasPrefix(link, prefix+"/") {
			in.runtime(link)
		}
	}
}

func anyExists(dir string, names []string) bool {
	return slices.ContainsFunc(names, func(name string) bool {
		_, err := os.Stat(filepath.Join(dir, name))
		return err == nil
	})
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
		if anyExists(d, projectFiles) {
			return d
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
	for _, home := range homes(dir) {
		if dir == home || strings.HasPrefix(home, strings.TrimSuffix(dir, "/")+"/") {
			return true
		}
		if below, ok := strings.CutPrefix(dir, home+"/"); ok && slices.Contains(personal, below) {
			return true
		}
	}
	return false
}

func inHome(dir string) bool {
	return slices.ContainsFunc(homes(dir), func(home string) bool { return strings.HasPrefix(dir, home+"/") })
}

// homes are the folders of users that a folder may lie in: of the one who audits,
// whatever it is called, and by custom those of others. Homebrew's has only programs.
func homes(dir string) []string {
	all := []string{"/root"}
	if below, ok := strings.CutPrefix(dir, "/home/"); ok {
		if user, _, _ := strings.Cut(below, "/"); user != "linuxbrew" {
			all = append(all, "/home/"+user)
		}
	}
	if home, err := os.UserHomeDir(); err == nil && filepath.IsAbs(home) {
		all = append(all, filepath.Clean(home))
		if real, err := filepath.EvalSymlinks(home); err == nil {
			all = appendNew(all, real)
		}
	}
	return slices.DeleteFunc(all, func(home string) bool { return home == "/" })
}

// show adds a mount unless another one holds it already, and reports whether it did.
func (in *Install) show(name string) bool {
	for _, m := range in.Mounts {
		if name == m.Source || strings.HasPrefix(name, m.Source+"/") {
			return false
		}
	}
	in.Mounts = append(in.Mounts, Mount{Source: name, Target: name})
	return true
}

func appendNew(all []string, s string) []string {
	if slices.Contains(all, s) {
		return all
	}
	return append(all, s)
}

// runtimes are the commands by which a folder of programs is known as a runtime's.
var runtimes = []string{"node", "deno", "bun", "python", "python3", "pypy3", "ruby", "perl", "php", "java"}

// interpreters run the first file among their arguments.
var interpreters = []string{"node", "nodejs", "deno", "bun", "tsx", "python", "python2", "python3", "pypy3", "ruby", "perl", "php", "java", "sh", "bash", "dash", "npx", "uv", "uvx"}

func interpreter(name string) bool {
	base := filepath.Base(name)
	return slices.Contains(interpreters, base) || slices.Contains(interpreters, strings.TrimRight(base, "0123456789."))
}
