// Command tracing measures what being traced costs: the same load untraced, under
// strace and under eBPF, by turns, so that the ratios hold on a noisy machine.
//
//   - calls: 200 calls of a real MCP server, after its start.
//   - loop: a thread that opens and closes a file.
//   - flood: four threads that do, without a pause.
//
// It needs the built tracers, a server of npm's, and root for eBPF. It is no test: it
// asserts nothing about time. What a tracer lost is printed with its figures.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
	"golang.org/x/sys/unix"

	"github.com/killdeer-mcp/killdeer/sdk"
	"github.com/killdeer-mcp/killdeer/tracers"
)

// loopEnv makes this program the load: its value has a character
// for each thread.
const loopEnv = "KILLDEER_BENCH_LOOP"

const (
	calls = 200
	opens = 100_000 // of one thread
)

func main() {
	run := measure
	if n := os.Getenv(loopEnv); n != "" {
		run = func() error { return openAndClose(len(n)) }
	}
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// openAndClose opens and closes a file.
func openAndClose(threads int) error {
	var all sync.WaitGroup
	errs := make([]error, threads)
	for i := range threads {
		all.Go(func() {
			runtime.LockOSThread()
			for range opens {
				fd, err := unix.Open("/etc/hostname", unix.O_RDONLY, 0)
				if err != nil {
					errs[i] = err
					return
				}
				_ = unix.Close(fd)
			}
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

// load is something that takes a time.
type load struct {
	name string
	run  func(start func(*exec.Cmd)) (time.Duration, error)
}

// measure runs every load under every tracer, by turns.
func measure() error {
	dir := flag.String("tracers", "dist", "folder with the tracers' programs")
	server := flag.String("server", "", "main file of @modelcontextprotocol/server-filesystem")
	rounds := flag.Int("rounds", 5, "how often each is measured; printed are the median and the fastest")
	only := flag.String("run", "", "the load to measure: calls, loop or flood; empty: all")
	flag.Parse()
	if *server == "" {
		return errors.New("-server is missing: make bench-tracers installs one")
	}
	b := &bench{rounds: *rounds}
	defer b.close()
	for _, name := range []string{"strace", "ebpf"} {
		if err := b.add(*dir, name); err != nil {
			fmt.Printf("%s is left out: %v\n", name, err)
		}
	}
	for _, l := range []load{
		{"calls", func(start func(*exec.Cmd)) (time.Duration, error) { return serve(*server, start) }},
		{"loop", func(start func(*exec.Cmd)) (time.Duration, error) { return loop("1", start) }},
		{"flood", func(start func(*exec.Cmd)) (time.Duration, error) { return loop("1234", start) }},
	} {
		if *only != "" && *only != l.name {
			continue
		}
		if err := b.load(l); err != nil {
			return fmt.Errorf("%s: %w", l.name, err)
		}
	}
	return nil
}

type bench struct {
	rounds  int
	tracers []traced
}

type traced struct {
	name string
	p    *tracers.Process
	dir  string
}

func (b *bench) add(dir, name string) error {
	own, err := os.MkdirTemp("", "kd")
	if err != nil {
		return err
	}
	program, err := filepath.Abs(filepath.Join(dir, "killdeer-tracer-"+name))
	if err != nil {
		return err
	}
	p, err := tracers.Start(context.Background(), tracers.Options{Program: program, Dir: filepath.Join(own, "s"), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	if c, err := p.Capabilities(context.Background()); err != nil || !c.Usable {
		return errors.Join(err, errors.New(c.Reason), p.Close())
	}
	b.tracers = append(b.tracers, traced{name, p, own})
	return nil
}

func (b *bench) close() {
	for _, t := range b.tracers {
		_ = t.p.Close() // the figures are out
		_ = os.RemoveAll(t.dir)
	}
}

// load measures one load and prints a line for each way.
func (b *bench) load(l load) error {
	times := map[string][]time.Duration{}
	notes := map[string]string{}
	for range b.rounds {
		d, err := l.run(func(*exec.Cmd) {})
		if err != nil {
			return err
		}
		times["untraced"] = append(times["untraced"], d)
		for _, t := range b.tracers {
			d, note, err := t.run(l)
			if err != nil {
				return fmt.Errorf("under %s: %w", t.name, err)
			}
			times[t.name] = append(times[t.name], d)
			notes[t.name] = note
		}
	}
	base, fastest := middle(times["untraced"])
	fmt.Printf("%-6s %-9s %9.1f ms                fastest %9.1f ms\n", l.name, "untraced", ms(base), ms(fastest))
	for _, t := range b.tracers {
		d, f := middle(times[t.name])
		fmt.Printf("%-6s %-9s %9.1f ms %6.2f times, fastest %9.1f ms %6.2f times; %s\n",
			l.name, t.name, ms(d), float64(d)/float64(base), ms(f), float64(f)/float64(fastest), notes[t.name])
	}
	return nil
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// middle returns the median, and the least.
func middle(all []time.Duration) (median, least time.Duration) {
	slices.Sort(all)
	return all[len(all)/2], all[0]
}

// run runs a load under a tracer.
func (t traced) run(l load) (d time.Duration, note string, err error) {
	dir, err := os.MkdirTemp("", "kd")
	if err != nil {
		return 0, "", err
	}
	defer os.RemoveAll(dir)
	ctx := context.Background()
	plan, err := t.p.Prepare(ctx, sdk.TracerSpec{Session: "bench", Dir: dir})
	if err != nil {
		return 0, "", err
	}
	done := make(chan error, 1)
	go func() { done <- t.p.Observe(ctx, "bench", func(sdk.Observation) error { return nil }) }()
	var group *os.File
	d, err = l.run(func(cmd *exec.Cmd) {
		if len(plan.Prefix) > 0 {
			cmd.Path, cmd.Args = plan.Prefix[0], slices.Concat(plan.Prefix, cmd.Args)
		}
		if plan.CgroupDir != "" {
			if group, _ = os.Open(plan.CgroupDir); group != nil {
				cmd.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: int(group.Fd())}
			}
		}
	})
	if group != nil {
		_ = group.Close()
	}
	observed := <-done
	sum, stopped := t.p.Stop(ctx, "bench")
	note = fmt.Sprintf("%d observations, lost %v", sum.Emitted, sum.Lost)
	return d, note, errors.Join(err, observed, stopped)
}

// loop measures the whole life of a process that opens and closes.
func loop(threads string, start func(*exec.Cmd)) (time.Duration, error) {
	self, err := os.Executable()
	if err != nil {
		return 0, err
	}
	cmd := exec.Command(self)
	cmd.Env = []string{loopEnv + "=" + threads}
	start(cmd)
	began := time.Now()
	out, err := cmd.CombinedOutput()
	if err != nil {
		return 0, fmt.Errorf("%w: %s", err, out)
	}
	return time.Since(began), nil
}

// serve measures the calls of a server, without its start.
func serve(server string, start func(*exec.Cmd)) (time.Duration, error) {
	dir, err := os.MkdirTemp("", "kd")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "note.txt")
	if err := os.WriteFile(file, []byte("a note\n"), 0o600); err != nil {
		return 0, err
	}
	node, err := exec.LookPath("node")
	if err != nil {
		return 0, err
	}
	cmd := exec.Command(node, server, dir)
	cmd.Stderr = io.Discard
	start(cmd)
	ctx := context.Background()
	s, err := mcp.NewClient(&mcp.Implementation{Name: "bench", Version: "1"}, nil).Connect(ctx, &mcp.CommandTransport{Command: cmd}, nil)
	if err != nil {
		return 0, err
	}
	began := time.Now()
	for range calls {
		r, err := s.CallTool(ctx, &mcp.CallToolParams{Name: "read_text_file", Arguments: map[string]any{"path": file}})
		if err == nil && r.IsError {
			err = errors.New("the server could not read the file")
		}
		if err != nil {
			return 0, errors.Join(err, s.Close())
		}
	}
	took := time.Since(began)
	return took, s.Close()
}
