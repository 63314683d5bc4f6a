package sandbox

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// startBare makes a home and nothing around it.
func (b *Box) startBare(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "killdeer-bare-")
	if err != nil {
		return fmt.Errorf("make a home: %w", err)
	}
	b.dir = dir
	below, inHome := strings.CutPrefix(b.opts.Dir, b.opts.Home)
	b.opts.Home = filepath.Join(dir, "home")
	if inHome {
		b.opts.Dir = b.opts.Home + below
	}
	b.plan = Plant(b.opts.Seed, b.opts.Pass, b.opts.Home)
	if err := b.writeBare(); err != nil {
		return fmt.Errorf("plant a home: %w", err)
	}
	if b.root, err = os.OpenRoot(dir); err != nil {
		return fmt.Errorf("open the home: %w", err)
	}
	b.watch(ctx)
	return nil
}

func (b *Box) writeBare() error {
	for _, d := range []string{b.opts.Home, b.TracerDir(), b.opts.Dir} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			return err
		}
	}
	for name, content := range b.plan.Files {
		at := filepath.Join(b.opts.Home, name)
		if err := os.MkdirAll(filepath.Dir(at), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(at, []byte(content), 0o600); err != nil {
			return err
		}
	}
	return nil
}

func (b *Box) bareCommand(l Launch) (*exec.Cmd, error) {
	argv := slices.Concat(l.Prefix, l.Argv)
	at, err := exec.LookPath(argv[0])
	if err != nil {
		return nil, fmt.Errorf("start a server: %w", err)
	}
	env := environment(&b.opts, b.plan, "")
	env = append(env, "PATH="+strings.Join(append(slices.Clone(b.opts.Path), os.Getenv("PATH")), ":"))
	cmd := &exec.Cmd{Path: at, Args: argv, Dir: b.opts.Dir, Env: append(env, l.Env...)}
	if l.Cgroup != 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: l.Cgroup}
	}
	return cmd, nil
}

// bareMembers are the processes that have the planted home in their environment:
// one that changes its environment gets away.
func (b *Box) bareMembers() []int {
	mark := []byte("HOME=" + b.opts.Home + "\x00")
	var pids []int
	for _, p := range processes() {
		env, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", p.pid))
		if err == nil && bytes.Contains(env, mark) {
			pids = append(pids, p.pid)
		}
	}
	return pids
}

func (b *Box) killBare() bool {
	for end := time.Now().Add(endTimeout); ; time.Sleep(5 * time.Millisecond) {
		left := b.bareMembers()
		if len(left) == 0 {
			return true
		}
		for _, pid := range left {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		if time.Now().After(end) {
			return false
		}
	}
}

// removeAll removes a folder in which others may have closed folders.
func removeAll(dir string) error {
	err := os.RemoveAll(dir)
	if err == nil {
		return nil
	}
	_ = filepath.WalkDir(dir, func(at string, d fs.DirEntry, _ error) error {
		if d != nil && d.IsDir() {
			_ = os.Chmod(at, 0o700)
		}
		return nil
	})
	return os.RemoveAll(dir)
}
