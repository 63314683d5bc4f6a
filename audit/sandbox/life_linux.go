package sandbox

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"
)

// watch ends what runs when the budget, the memory or ctx is up. The context that
// it returns ends then too.
func (b *Box) watch(ctx context.Context) context.Context {
	end, least := time.Now().Add(b.opts.Budget), sharedMemory()
	ctx, b.stop = context.WithCancel(ctx)
	go func() {
		defer close(b.watched)
		tick := time.NewTicker(watchEvery)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				b.end("the audit was ended")
				return
			case <-tick.C:
			}
			least = min(least, sharedMemory()) // others may let go of theirs
			if cause := b.exceeded(end, least); cause != "" {
				b.end(cause)
				b.stop()
				return
			}
		}
	}()
	return ctx
}

// exceeded says what is up. least is the least shared memory that the machine had since
// the beginning: most that a server could fill without using it is there.
func (b *Box) exceeded(end time.Time, least int64) string {
	if time.Now().After(end) {
		return fmt.Sprintf("the budget of %s ended", b.opts.Budget)
	}
	all, l := b.within(), b.opts.Limits
	sacrifice(all)
	if resident(b.members(all), l.Memory) > l.Memory {
		return fmt.Sprintf("more than %d MiB of memory were in use", l.Memory>>20)
	}
	if most := l.Memory + 2*l.World; !b.opts.NoSandbox && sharedMemory()-least > most {
		return fmt.Sprintf("more than %d MiB of shared memory came into use on this machine", most>>20)
	}
	return ""
}

// end kills what runs, for the first cause that is given.
func (b *Box) end(cause string) {
	b.mu.Lock()
	if b.cause == "" && !b.done {
		b.cause = cause
	}
	b.mu.Unlock()
	b.Kill()
}

// Ended says why the box ended what ran in it, in words, or nothing.
func (b *Box) Ended() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.cause
}

// members are the numbers of the box's processes, among them those that seal it.
func (b *Box) members(within []process) []int {
	if b.opts.NoSandbox {
		return b.bareMembers()
	}
	var pids []int
	for _, p := range within {
		pids = append(pids, p.pid)
	}
	return pids
}

// within returns the processes in the box's namespaces.
func (b *Box) within() []process {
	if s := b.namespaces(); s != nil {
		return s.members()
	}
	return nil
}

func (b *Box) namespaces() *space {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.space
}

// Survivors are the command lines of what is alive in the box. After a server's
// end they are what it left behind.
func (b *Box) Survivors() []string {
	var lines []string
	for _, pid := range b.survivors() {
		if line := commandLine(pid); line != "" {
			lines = append(lines, line)
		}
	}
	slices.Sort(lines)
	return lines
}

// survivors are the processes in the box's own process namespaces. The first of
// each is bwrap's.
func (b *Box) survivors() []int {
	if b.opts.NoSandbox {
		return b.bareMembers()
	}
	all := b.within()
	ns := map[int]string{}
	for _, p := range all {
		ns[p.pid] = p.pidns
	}
	own, _ := os.Readlink("/proc/self/ns/pid") // an empty one is nobody's
	var pids []int
	for _, p := range all {
		if p.pidns != own && ns[p.ppid] == p.pidns {
			pids = append(pids, p.pid)
		}
	}
	return pids
}

// Kill ends everything that runs in the box, and reports whether nothing is left.
// The box can be used again.
func (b *Box) Kill() bool {
	if b.opts.NoSandbox {
		return b.killBare()
	}
	if s := b.namespaces(); s != nil {
		return s.kill(endTimeout)
	}
	return true
}

// Close ends the box. Nothing of it is left then: no process, mount, namespace or
// folder. The records stay. It may be called more than once.
func (b *Box) Close() error {
	b.mu.Lock()
	again := b.done
	b.done = true
	files := b.files
	b.files = nil
	b.mu.Unlock()
	if again {
		return nil
	}
	if b.stop != nil {
		b.stop()
		<-b.watched // kills
	}
	var errs []error
	for _, f := range slices.Concat(files, b.trees) {
		if f != nil {
			errs = append(errs, f.Close())
		}
	}
	if b.sink != nil {
		errs = append(errs, b.sink.Close())
	}
	if b.root != nil {
		errs = append(errs, b.root.Close())
	}
	errs = append(errs, b.endHolder(), b.forget())
	if b.dir != "" {
		errs = append(errs, removeAll(b.dir)) // if the holder could not
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("close the box: %w", err)
	}
	return nil
}

// endHolder lets the holder clean up and go, and kills it if it does not.
func (b *Box) endHolder() error {
	if b.control != nil {
		_ = b.control.Close()
	}
	if b.holder == nil {
		return nil
	}
	kill := time.AfterFunc(endTimeout, func() { _ = b.holder.Process.Kill() })
	err := b.holder.Wait()
	if !kill.Stop() {
		return fmt.Errorf("the holder of the box had to be killed: %w", err)
	}
	return nil
}

// forget lets go of the namespaces: from then on their names may be others'.
func (b *Box) forget() error {
	b.mu.Lock()
	s := b.space
	b.space = nil
	b.mu.Unlock()
	if s == nil {
		return nil
	}
	return s.close()
}

// Terminate asks the server that a command of this box runs to end, by SIGTERM, or
// kills it. What it has started lives on.
func (b *Box) Terminate(cmd *exec.Cmd, kill bool) error {
	signal := syscall.SIGTERM
	if kill {
		signal = syscall.SIGKILL
	}
	if b.opts.NoSandbox {
		return cmd.Process.Signal(signal)
	}
	ended := errors.New("end the server: it has ended")
	for _, pid := range b.survivors() {
		if firstInside(pid) {
			if err := syscall.Kill(pid, signal); err != nil {
				return fmt.Errorf("end the server: %w", err)
			}
			ended = nil
		}
	}
	return ended
}

// firstInside reports whether a process is the first that bwrap's own started: in
// its process namespace it has the number 2.
func firstInside(pid int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(b)) {
		if ids, ok := strings.CutPrefix(line, "NSpid:"); ok {
			f := strings.Fields(ids)
			return len(f) > 0 && f[len(f)-1] == "2"
		}
	}
	return false
}
