package sandbox

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/killdeer-mcp/killdeer/audit/evidence"
)

// tools are the programs that make a box.
type tools struct {
	bwrap, nsenter, prlimit string
	version                 string // of bwrap, with its name
	lockUserns              bool   // bwrap can forbid further user namespaces
}

func findTools() (tools, error) {
	var t tools
	for _, want := range []struct {
		name, pkg string
		at        *string
	}{
		{"bwrap", "bubblewrap", &t.bwrap},
		{"nsenter", "util-linux", &t.nsenter},
		{"prlimit", "util-linux", &t.prlimit},
	} {
		at, err := exec.LookPath(want.name)
		if err != nil {
			return t, &Unavailable{Reason: want.name + " is not installed", Fix: "install the package " + want.pkg + " (apt-get install " + want.pkg + ")", Err: err}
		}
		*want.at = at
	}
	out, err := exec.Command(t.bwrap, "--version").Output()
	if err != nil {
		return t, &Unavailable{Reason: "bwrap does not run", Fix: "reinstall the package bubblewrap", Err: err}
	}
	t.version = strings.Replace(strings.TrimSpace(string(out)), "bwrap", "bubblewrap", 1)
	help, _ := exec.Command(t.bwrap, "--help").CombinedOutput() // some versions end with 1
	t.lockUserns = bytes.Contains(help, []byte("--disable-userns"))
	return t, nil
}

// Planted sockets, in the world.
const dockerSocket = "run/docker.sock"

// plantSockets adds the sockets that answer as an SSH agent and as Docker would.
func (b *Box) plantSockets() {
	sum := sha256.Sum256([]byte("agent\x00" + b.opts.Seed + "\x00" + b.opts.Pass))
	b.agent = fmt.Sprintf("/tmp/ssh-%x/agent.%d", sum[:6], 1000+int(sum[6]))
	b.plan.Canaries = append(b.plan.Canaries,
		evidence.Canary{ID: "socket:ssh-agent", Pass: b.opts.Pass, Source: b.agent, Kind: "socket"},
		evidence.Canary{ID: "socket:docker", Pass: b.opts.Pass, Source: "/" + dockerSocket, Kind: "socket"})
}

func (b *Box) socketNames() []string { return []string{b.agent[1:], dockerSocket} }

// seen returns how the server sees a planted socket.
func (b *Box) seen(name string) string { return "/" + name }

// Command returns a command in the box, for the caller to give a standard input,
// output and error and to start, once. It ends when the server does; what that
// leaves behind lives on, until Kill, and keeps the output open: wait for the
// process, not for the end of what it says. Its process is the tracer's target.
func (b *Box) Command(l Launch) (*exec.Cmd, error) {
	if len(l.Argv) == 0 {
		return nil, errors.New("start a server: no command")
	}
	b.mu.Lock()
	done := b.done
	b.mu.Unlock()
	if done {
		return nil, errors.New("start a server: the box is closed")
	}
	if b.opts.NoSandbox {
		return b.bareCommand(l)
	}
	if err := b.giveTracerDir(); err != nil {
		return nil, err
	}
	return b.sealed(l)
}

func (b *Box) sealed(l Launch) (*exec.Cmd, error) {
	cmd := &exec.Cmd{Path: b.tools.nsenter, Args: b.enter(), Env: []string{"PATH=/usr/local/bin:/usr/bin:/bin"}, Dir: "/"}
	sealing := b.bwrapArgs(l)
	for _, arg := range sealing {
		if strings.ContainsRune(arg, 0) { // it would become two
			return nil, fmt.Errorf("start a server: %q holds a NUL byte", arg)
		}
	}
	n, err := b.handIn(cmd, "filter", sealingFilter(l.DenyIoUring))
	if err != nil {
		return nil, err
	}
	sealing = append(sealing, "--seccomp", n)
	n, err = b.handIn(cmd, "args", []byte(strings.Join(sealing, "\x00")))
	if err != nil {
		return nil, err
	}
	cmd.Args = append(cmd.Args, b.limits()...)
	cmd.Args = append(cmd.Args, l.Prefix...)
	cmd.Args = append(cmd.Args, b.tools.bwrap, "--args", n, "--")
	cmd.Args = append(cmd.Args, l.Argv...)
	// Until it is in the namespaces, where the holder sees it, it must not outlive us.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, UseCgroupFD: l.Cgroup != 0, CgroupFD: l.Cgroup}
	return cmd, nil
}

// giveTracerDir lets a tracer, which runs as the box's user, use the pipes that
// were made for it.
func (b *Box) giveTracerDir() error {
	err := filepath.WalkDir(b.TracerDir(), func(at string, _ os.DirEntry, err error) error {
		return errors.Join(err, b.give(at))
	})
	if err != nil {
		return fmt.Errorf("hand over the tracer's pipes: %w", err)
	}
	return nil
}

// handIn gives cmd a descriptor to read content from, and returns its number.
func (b *Box) handIn(cmd *exec.Cmd, name string, content []byte) (string, error) {
	fd, err := unix.MemfdCreate(name, unix.MFD_CLOEXEC)
	if err != nil {
		return "", fmt.Errorf("hand over the sandbox's %s: %w", name, err)
	}
	f := os.NewFile(uintptr(fd), name)
	b.mu.Lock()
	b.files = append(b.files, f)
	b.mu.Unlock()
	if _, err := f.Write(content); err != nil {
		return "", fmt.Errorf("hand over the sandbox's %s: %w", name, err)
	}
	if _, err := f.Seek(0, 0); err != nil {
		return "", fmt.Errorf("hand over the sandbox's %s: %w", name, err)
	}
	cmd.ExtraFiles = append(cmd.ExtraFiles, f)
	return strconv.Itoa(2 + len(cmd.ExtraFiles)), nil
}

// enter begins a command line in the holder's namespaces.
func (b *Box) enter() []string {
	args := []string{b.tools.nsenter, "--target", strconv.Itoa(b.holder.Process.Pid), "--user", "--net", "--mount"}
	if b.owner == os.Geteuid() {
		args = append(args, "--preserve-credentials")
	} else {
		args = append(args, "--setuid", "0", "--setgid", "0")
	}
	return append(args, "--")
}

func (b *Box) limits() []string {
	l := b.opts.Limits
	args := []string{b.tools.prlimit, "--core=0"}
	for _, r := range []struct {
		name string
		n    int64
	}{{"nproc", int64(l.Processes)}, {"nofile", int64(l.Files)}, {"fsize", l.FileSize}, {"as", l.Address}, {"data", l.Data}} {
		args = append(args, fmt.Sprintf("--%s=%d:%d", r.name, r.n, r.n))
	}
	return append(args, "--")
}

// keyList names the keys of the user who audits, whatever namespace it is read in. In
// the box it cannot be opened.
const keyList = "/proc/keys"

// bwrapArgs say what the box looks like from inside. Order matters: what lies in
// another mount comes after it.
func (b *Box) bwrapArgs(l Launch) []string {
	id := strconv.Itoa(boxID)
	args := []string{
		"--unshare-user", "--uid", id, "--gid", id, "--unshare-pid", "--unshare-ipc", "--unshare-uts",
		"--unshare-cgroup-try", "--hostname", hostname, "--new-session", "--cap-drop", "ALL",
		"--ro-bind", "/usr", "/usr",
	}
	if b.tools.lockUserns {
		args = append(args, "--disable-userns")
	}
	args = append(args, mergedLinks()...)
	world := func(name string) string { return filepath.Join(b.dir, worldName, name) }
	args = append(args,
		"--ro-bind", world("etc"), "/etc", "--ro-bind-try", "/etc/alternatives", "/etc/alternatives",
		"--proc", "/proc", "--dev", "/dev", "--size", strconv.FormatInt(b.opts.Limits.World, 10), "--tmpfs", "/dev/shm",
		"--bind", world("tmp"), "/tmp", "--dir", "/var", "--symlink", "/tmp", "/var/tmp",
		"--ro-bind", world("run"), "/run", "--symlink", "/run", "/var/run",
		"--bind", world("home"), b.opts.Home)
	if _, err := os.Stat(keyList); err == nil {
		args = append(args, "--ro-bind", "/dev/null", keyList)
	}
	for i, m := range b.opts.Mounts {
		n := strconv.Itoa(i)
		switch {
		case m.Mode != ReadOnly:
			args = append(args, "--bind", world("copy/"+n), m.Target)
		case b.trees[i] != nil:
			args = append(args, "--ro-bind", world("mnt/"+n), m.Target)
		default:
			args = append(args, "--ro-bind", m.Source, m.Target)
		}
	}
	args = append(args, "--remount-ro", "/dev", "--remount-ro", "/", "--chdir", b.opts.Dir, "--clearenv")
	for _, v := range append(environment(&b.opts, b.plan, b.agent), l.Env...) {
		name, value, _ := strings.Cut(v, "=")
		args = append(args, "--setenv", name, value)
	}
	return args
}

// mergedLinks shows the folders beside /usr as the host has them: links into it, or
// folders.
func mergedLinks() []string {
	var args []string
	for _, name := range []string{"bin", "sbin", "lib", "lib32", "lib64", "libx32"} {
		info, err := os.Lstat("/" + name)
		switch {
		case err != nil:
		case info.Mode()&os.ModeSymlink != 0:
			if to, err := os.Readlink("/" + name); err == nil {
				args = append(args, "--symlink", to, "/"+name)
			}
		case info.IsDir():
			args = append(args, "--ro-bind", "/"+name, "/"+name)
		}
	}
	return args
}

// prove runs a command in the box: only then is it certain that it can be made.
func (b *Box) prove(ctx context.Context) error {
	cmd, err := b.Command(Launch{Argv: []string{"/usr/bin/true"}})
	if err != nil {
		return err
	}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err = cmd.Run()
	if ctx.Err() != nil {
		return fmt.Errorf("try the box: %w", context.Cause(ctx))
	}
	if err == nil {
		return nil
	}
	said := strings.TrimSpace(out.String())
	return &Unavailable{Reason: "bubblewrap cannot make the box: " + said, Fix: advice(), Err: err}
}

// noNamespaces explains why the holder did not start.
func noNamespaces(err error) error {
	if errors.Is(err, syscall.EACCES) {
		return &Unavailable{
			Reason: "this program may not be run by the user of the box", Err: err,
			Fix: "make the file of this program executable for everybody (chmod 755)",
		}
	}
	return &Unavailable{Reason: "user namespaces are not allowed here", Fix: advice(), Err: err}
}

// advice finds out what forbids namespaces.
func advice() string {
	for _, s := range []struct{ name, bad, fix string }{
		{"kernel/apparmor_restrict_unprivileged_userns", "1", "allow user namespaces (sysctl kernel.apparmor_restrict_unprivileged_userns=0), or give this program and bwrap an AppArmor profile with 'userns'"},
		{"kernel/unprivileged_userns_clone", "0", "allow user namespaces: sysctl kernel.unprivileged_userns_clone=1"},
		{"user/max_user_namespaces", "0", "allow user namespaces: sysctl user.max_user_namespaces=15000"},
	} {
		b, err := os.ReadFile(path.Join("/proc/sys", s.name))
		if err == nil && strings.TrimSpace(string(b)) == s.bad {
			return s.fix
		}
	}
	return "in a container, allow user namespaces and mounts of /proc (Docker: --security-opt seccomp=unconfined --security-opt apparmor=unconfined --security-opt systempaths=unconfined)"
}
