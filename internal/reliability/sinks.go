package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/killdeer-mcp/killdeer/sdk"
	"github.com/killdeer-mcp/killdeer/sdk/plugin"
)

// probe is a sink that writes the numbers of what it gets to a file, and is down
// while a file says so. It can shout.
type probe struct {
	Path  string `json:"path"`
	Shout bool   `json:"shout"`
}

var _ sdk.JSONSink = (*probe)(nil)

func serveSink() {
	plugin.Serve(func(config json.RawMessage) (sdk.Sink, error) {
		p := &probe{}
		if err := json.Unmarshal(config, p); err != nil {
			return nil, err
		}
		if p.Shout {
			go shout()
		}
		return p, nil
	})
}

// shout writes a megabyte a second to standard error, until the process ends.
func shout() {
	line := bytes.Repeat([]byte("x"), 1023)
	line = append(line, '\n')
	for range time.Tick(100 * time.Millisecond) {
		for range 100 {
			_, _ = os.Stderr.Write(line) // the sensor reads it, or does not
		}
	}
}

// Write implements [sdk.Sink].
func (p *probe) Write(ctx context.Context, batch []sdk.Event) error {
	raw := make([]sdk.RawJSON, len(batch))
	for i := range batch {
		raw[i], _ = json.Marshal(map[string]uint64{"seq": batch[i].Seq}) // never fails
	}
	return p.WriteJSON(ctx, raw)
}

// WriteJSON implements [sdk.JSONSink].
func (p *probe) WriteJSON(_ context.Context, batch []sdk.RawJSON) error {
	if _, err := os.Stat(p.Path + ".down"); err == nil {
		return errors.New("the receiver is down")
	}
	f, err := os.OpenFile(p.Path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	for _, raw := range batch {
		var ev struct{ Seq uint64 }
		if err := json.Unmarshal(raw, &ev); err != nil {
			return err
		}
		fmt.Fprintln(&b, ev.Seq)
	}
	_, err = f.Write(b.Bytes())
	return errors.Join(err, f.Close())
}

// sinkTable is a sink of the configuration that is this program.
func sinkTable(name, path string, shout bool) (string, error) {
	self, err := os.Executable()
	return fmt.Sprintf("[[sinks]]\nname = %q\nplugin = %q\nonly = [\"access\"]\nconfig.path = %q\nconfig.shout = %v\n", name, self, path, shout), err
}

// delivered reads what a sink got.
func delivered(path string) (seqs []uint64, err error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	for line := range strings.Lines(string(text)) {
		if n, bad := strconv.ParseUint(strings.TrimSpace(line), 10, 64); bad == nil {
			seqs = append(seqs, n)
		}
	}
	return seqs, err
}

// status is a line of "killdeer sinks status --json".
type status struct {
	Name, State string
	PID         int
	Behind      uint64
	Restarts    uint64
}

func (k *sensor) sink(name string) (st status, err error) {
	out, err := k.tool("sinks", "status", "--json")
	for line := range bytes.Lines(out) {
		if err := json.Unmarshal(line, &st); err != nil {
			return st, err
		}
		if st.Name == name {
			return st, nil
		}
	}
	return status{}, errors.Join(err, fmt.Errorf("no sink %q", name))
}

// sinkDown is test 4.
func (s *suite) sinkDown() (string, error) {
	slow, steady := filepath.Join(s.dir, "slow"), filepath.Join(s.dir, "steady")
	one, err := sinkTable("slow", slow, false)
	two, err2 := sinkTable("steady", steady, false)
	if err := errors.Join(err, err2); err != nil {
		return "", err
	}
	k, err := s.newSensor("sink", one+two)
	if err != nil {
		return "", err
	}
	if err := k.start(); err != nil {
		return "", err
	}
	defer k.kill()
	// The heap has room to grow in before its first collection: a flood gets it there in
	// seconds, the rate of this test in half a minute, and it would count as grown.
	flood, stop := context.WithTimeout(context.Background(), choose(s, 3*time.Second, 10*time.Second))
	defer stop()
	(&load{url: k.url(), clients: 8}).run(flood)
	ctx, cancel := context.WithCancel(context.Background())
	l := &load{url: k.url(), clients: 8, rate: 500}
	done := make(chan struct{})
	go func() { l.run(ctx); close(done) }()
	time.Sleep(choose(s, 4*time.Second, time.Minute)) // until memory has found its level
	if err := os.WriteFile(slow+".down", nil, 0o600); err != nil {
		cancel()
		return "", err
	}
	before, lag, began, acked := anonymous(k.pid()), uint64(0), time.Now(), l.answered()
	for range choose(s, 5, 3600) {
		time.Sleep(time.Second)
		st, err := k.sink("steady")
		if err != nil {
			cancel()
			return "", err
		}
		lag = max(lag, st.Behind)
	}
	grown, perSecond := anonymous(k.pid())-before, float64(l.answered()-acked)/time.Since(began).Seconds()
	cancel()
	<-done
	waiting, err := k.sink("slow")
	if err != nil {
		return "", err
	}
	known, err := delivered(slow)
	if err := errors.Join(err, os.Remove(slow+".down")); err != nil {
		return "", err
	}
	if _, err := k.tool("sinks", "retry", "slow"); err != nil {
		return "", err
	}
	count := func() int { text, _ := os.ReadFile(slow); return bytes.Count(text, []byte{'\n'}) }
	_, started := until(patience, func() bool { return count() > len(known) })
	first := count()
	took, all := until(patience+time.Duration(waiting.Behind/10_000)*time.Second, func() bool { return count() >= len(known)+int(waiting.Behind) })
	rate := float64(count()-first) / max(took.Seconds(), 0.001)
	seqs, err := delivered(slow)
	inOrder, twice := order(seqs)
	return fmt.Sprintf("%d waited at %.0f/s, delivered in order %v, %d twice, drained in %v (%.0f/s), memory %+.1f MB, other sink at most %d events behind",
			waiting.Behind, perSecond, inOrder, twice, took.Round(10*time.Millisecond), rate, grown, lag),
		errors.Join(err, want(started && all && inOrder, "not all was delivered in order"), want(len(seqs)-twice >= len(l.acked), "%d of %d arrived", len(seqs)-twice, len(l.acked)),
			want(twice <= 1000, "too many twice"), want(grown < 20, "memory grew"), want(float64(lag) < perSecond, "the other sink waited"),
			want(took < time.Second || rate >= 10_000, "slow to drain"))
}

// order reports whether numbers rise but for steps back to what came before, and how
// many came twice.
func order(seqs []uint64) (ok bool, twice int) {
	seen, top := map[uint64]bool{}, uint64(0)
	for _, n := range seqs {
		if seen[n] {
			twice++
		} else if n < top {
			return false, twice
		}
		seen[n], top = true, max(top, n)
	}
	return true, twice
}

// plugins is test 5.
func (s *suite) plugins() (string, error) {
	path := filepath.Join(s.dir, "victim")
	table, err := sinkTable("victim", path, true)
	if err != nil {
		return "", err
	}
	k, err := s.newSensor("plugins", table)
	if err != nil {
		return "", err
	}
	var took []time.Duration
	for range choose(s, 1, 12) { // after ten crashes in ten minutes a program rests
		if err := k.start(); err != nil {
			return "", err
		}
		for range choose(s, 4, 9) {
			t, err := k.crashPlugin(syscall.SIGKILL)
			if err != nil {
				k.kill()
				return "", err
			}
			took = append(took, t)
		}
		if s.long {
			if err := k.stop(); err != nil {
				return "", err
			}
		}
	}
	if s.long {
		if err := k.start(); err != nil {
			return "", err
		}
	}
	frozen, err := k.crashPlugin(syscall.SIGSTOP)
	if err != nil {
		k.kill()
		return "", err
	}
	st, err := k.sink("victim")
	k.kill()
	_, gone := until(3*time.Second, func() bool { return syscall.Kill(st.PID, 0) != nil })
	if !gone {
		_ = syscall.Kill(st.PID, syscall.SIGKILL) // what the test found must not stay
	}
	median := percentile(took, 0.5)
	return fmt.Sprintf("%d kills, median recovery %v, slowest %v; stopped: %v; orphan after 3 s: %v", len(took), median.Round(time.Millisecond), slices.Max(took).Round(time.Millisecond), frozen.Round(100*time.Millisecond), !gone),
		errors.Join(err, want(median < 2*time.Second, "slow recovery"), want(gone, "an orphan"))
}

// crashPlugin sends a signal to the sink's program, and returns how long it took
// until another one took an event.
func (k *sensor) crashPlugin(sig syscall.Signal) (time.Duration, error) {
	var st status
	_, up := until(patience, func() bool {
		now, err := k.sink("victim")
		st = now
		return err == nil && now.State == "up"
	})
	if !up {
		return 0, fmt.Errorf("the sink is not up: %+v\n%s", st, k.log())
	}
	began := time.Now()
	if err := syscall.Kill(st.PID, sig); err != nil {
		return 0, err
	}
	l := &load{url: k.url(), clients: 1, rate: 50}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { l.run(ctx); close(done) }()
	defer func() { cancel(); <-done }()
	_, again := until(patience, func() bool {
		now, err := k.sink("victim")
		return err == nil && now.State == "up" && now.PID != st.PID && now.Behind < 100
	})
	return time.Since(began), want(again, "the sink does not come back\n%s", k.log())
}
