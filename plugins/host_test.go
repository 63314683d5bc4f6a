package plugins_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/killdeer-mcp/killdeer/plugins"
	"github.com/killdeer-mcp/killdeer/plugins/sinktest"
	"github.com/killdeer-mcp/killdeer/sdk"
)

// patience is how long what has to happen may take on a busy machine.
const patience = time.Minute

// fixture is a host and what it works on.
type fixture struct {
	t       *testing.T
	dir     string
	program string
	journal *sinktest.Journal
	host    *plugins.Host
	stop    func()

	mu      sync.Mutex
	log     bytes.Buffer
	reports []*sdk.Event
	failed  error
}

// Write takes the log.
func (f *fixture) Write(b []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.log.Write(b)
}

func (f *fixture) said() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.log.String()
}

func (f *fixture) reported() []*sdk.Event {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.reports)
}

func newFixture(t *testing.T) *fixture {
	return &fixture{t: t, dir: t.TempDir(), program: sinktest.Program(t), journal: sinktest.NewJournal(), stop: func() {}}
}

func (f *fixture) file(name string) string { return filepath.Join(f.dir, name) }

func (f *fixture) touch(name string) string {
	f.t.Helper()
	if err := os.WriteFile(f.file(name), nil, 0o600); err != nil {
		f.t.Fatal(err)
	}
	return f.file(name)
}

func (f *fixture) remove(name string) {
	f.t.Helper()
	if err := os.Remove(f.file(name)); err != nil {
		f.t.Fatal(err)
	}
}

// spec is an odd sink that writes to a file of its name.
func (f *fixture) spec(name string, config map[string]any) plugins.Spec {
	if config == nil {
		config = map[string]any{}
	}
	config["path"] = f.file(name)
	return plugins.Spec{Name: name, Program: f.program, Timeout: 2 * time.Second, Config: config}
}

func (f *fixture) start(specs ...plugins.Spec) {
	f.t.Helper()
	host, err := plugins.New(plugins.Options{
		Sinks: specs, Journal: f.journal, StateDir: f.dir, Log: slog.New(slog.NewTextHandler(f, nil)),
		Report: func(ev *sdk.Event) {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.reports = append(f.reports, ev)
		},
		Fail: func(err error) {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.failed = err
		},
	})
	if err != nil {
		f.t.Fatal(err)
	}
	f.host = host
	ctx, cancel := context.WithCancel(context.WithoutCancel(f.t.Context()))
	done := make(chan struct{})
	go func() {
		defer close(done)
		host.Run(ctx)
	}()
	f.stop = sync.OnceFunc(func() {
		cancel()
		select {
		case <-done:
		case <-time.After(patience):
			f.t.Error("the host does not end")
		}
	})
	f.t.Cleanup(f.stop)
}

func (f *fixture) events(n int) []string {
	var all []*sdk.Event
	for range n {
		all = append(all, sinktest.Event(int(f.journal.Last())+len(all)))
	}
	return f.journal.Append(all...)
}

func (f *fixture) received(name string) []string {
	text, err := os.ReadFile(f.file(name))
	if err != nil && !os.IsNotExist(err) {
		f.t.Fatal(err)
	}
	return strings.Fields(string(text))
}

func (f *fixture) status(name string) plugins.Status {
	for _, st := range f.host.Status() {
		if st.Name == name {
			return st
		}
	}
	f.t.Fatalf("no sink %q", name)
	return plugins.Status{}
}

func (f *fixture) until(what string, ok func() bool) {
	f.t.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			f.t.Fatalf("waited %v until %s: %+v\n%.4000s", patience, what, f.host.Status(), f.said())
		}
	}
}

// gets waits until a sink has received events, in order, some perhaps twice.
func (f *fixture) gets(name string, want []string) (twice int) {
	f.t.Helper()
	f.until(name+" got everything", func() bool { return f.status(name).Behind == 0 })
	got := f.received(name)
	once := firsts(got)
	if !slices.Equal(once, want) {
		f.t.Errorf("%s received %d events, want %d", name, len(once), len(want))
	}
	return len(got) - len(once)
}

func firsts(ids []string) (once []string) {
	seen := map[string]bool{}
	for _, id := range ids {
		if !seen[id] {
			seen[id] = true
			once = append(once, id)
		}
	}
	return once
}

func (f *fixture) pid(name string) (pid int) {
	f.t.Helper()
	f.until(name+" runs", func() bool { pid = f.status(name).PID; return pid != 0 })
	return pid
}

// freeze stops a process. The signal is one thread's to take, and until that one has a
// processor the others run on: freeze waits until all have stopped.
func (f *fixture) freeze(pid int) {
	f.t.Helper()
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		f.t.Fatal(err)
	}
	f.until("the process is stopped", func() bool {
		threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid)) // the pattern is sound
		return !slices.ContainsFunc(threads, func(file string) bool {
			text, err := os.ReadFile(file)
			_, after, _ := bytes.Cut(text, []byte(") "))
			return err == nil && !bytes.HasPrefix(after, []byte("T"))
		})
	})
}

func TestConformance(t *testing.T) {
	sinktest.Run(t, sinktest.Sink{
		Large: true,
		Receiver: func(t *testing.T) (map[string]any, func() []string) {
			path := filepath.Join(t.TempDir(), "ids")
			return map[string]any{"path": path}, func() []string {
				text, _ := os.ReadFile(path) // not there before the first event
				return strings.Fields(string(text))
			}
		},
		Refuses: []map[string]any{{"path": 1}},
	})
}

// While a receiver is down its events wait, the other sinks' do not, and nothing
// piles up in memory. Then everything arrives in order.
func TestReceiverDown(t *testing.T) {
	f := newFixture(t)
	f.touch("down")
	f.start(f.spec("siem", map[string]any{"down": f.file("down")}), f.spec("other", nil))
	f.pid("siem")
	before := heap()
	var want []string
	for range 20 {
		want = append(want, f.events(250)...)
		f.gets("other", want)
	}
	if st := f.status("siem"); st.State != plugins.StateRetrying || st.Behind != 5000 || st.At != 0 || !strings.Contains(st.Error, "is down") {
		t.Errorf("status = %+v", st)
	}
	journal := uint64(5000 * 600) // the events themselves, which this journal has in memory
	if grown := int64(heap()) - int64(before); grown > int64(journal+8<<20) {
		t.Errorf("the heap grew by %d bytes", grown)
	}
	f.remove("down")
	if _, err := f.host.Retry(t.Context(), "siem"); err != nil {
		t.Fatal(err)
	}
	if twice := f.gets("siem", want); twice != 0 {
		t.Errorf("%d events came twice", twice)
	}
	if st := f.status("siem"); st.State != plugins.StateUp || st.Restarts != 0 || st.Sent != 5000 {
		t.Errorf("status = %+v", st)
	}
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// An event that is refused for ever becomes a dead letter, whether the sink says
// which it is or not. The others arrive.
func TestRefused(t *testing.T) {
	for _, located := range []bool{true, false} {
		t.Run(fmt.Sprintf("located=%v", located), func(t *testing.T) {
			f := newFixture(t)
			var all []*sdk.Event
			for i := range 100 {
				ev := sinktest.Event(i)
				if i%40 == 7 {
					ev.Tool = "bad"
				}
				all = append(all, ev)
			}
			var want []string
			for i, id := range f.journal.Append(all...) {
				if i%40 != 7 {
					want = append(want, id)
				}
			}
			f.start(f.spec("siem", map[string]any{"refuse": "bad", "located": located}))
			if twice := f.gets("siem", want); twice != 0 {
				t.Errorf("%d events came twice", twice)
			}
			st := f.status("siem")
			if st.Dead != 3 || st.Letters[0].Seq != 8 || st.Letters[2].Seq != 88 || !strings.Contains(st.Letters[0].Reason, "bad") || st.Sent != 97 {
				t.Errorf("status = %+v", st)
			}
			if r := f.reported(); len(r) != 1 || r[0].Health == nil || r[0].Health.State != "dead_letter" || r[0].Health.Part != "sink/siem" {
				t.Errorf("reports = %+v", r)
			}
			f.journal.Forget(8)
			r, err := f.host.Retry(t.Context(), "siem")
			if want := (plugins.Retried{Left: 2, Lost: 1}); err != nil || r != want {
				t.Errorf("Retry = %+v, %v, want %+v", r, err, want)
			}
			f.stop()
			f.start(f.spec("siem", nil)) // which takes them
			if st := f.status("siem"); st.Dead != 2 {
				t.Errorf("after a restart the status is %+v", st)
			}
			if r, err = f.host.Retry(t.Context(), "siem"); err != nil || r.Delivered != 2 || r.Left != 0 {
				t.Errorf("Retry = %+v, %v", r, err)
			}
			if letters, err := plugins.ReadDead(f.dir, "siem"); err != nil || len(letters) != 0 {
				t.Errorf("dead letters on disk: %+v, %v", letters, err)
			}
			if got := f.received("siem"); len(got) != 99 {
				t.Errorf("received %d events, want 99", len(got))
			}
		})
	}
}

// A record that is no event on one line does not reach a sink.
func TestDamagedRecords(t *testing.T) {
	f := newFixture(t)
	want := f.events(3)
	f.journal.AppendRaw([]byte("{\"v\":1}\n{\"v\":1}"))
	f.journal.AppendRaw(nil)
	f.journal.AppendRaw([]byte(`{"v":"one"}`))
	want = append(want, f.events(3)...)
	f.start(f.spec("siem", nil))
	f.gets("siem", want)
	if st := f.status("siem"); st.Dead != 3 || st.Letters[0].Seq != 4 || st.Letters[2].Seq != 6 {
		t.Errorf("status = %+v", st)
	}
}

// An event that the program crashes at is found, and the rest arrives.
func TestPoison(t *testing.T) {
	f := newFixture(t)
	want := f.events(20)
	poison := sinktest.Event(0)
	poison.Tool = "poison"
	f.journal.Append(poison)
	want = append(want, f.events(20)...)
	f.start(f.spec("siem", map[string]any{"panic": "poison"}), f.spec("other", nil))
	f.gets("siem", want)
	st := f.status("siem")
	if st.Dead != 1 || st.Letters[0].Seq != 21 || !strings.Contains(st.Letters[0].Reason, "panic: cannot bear poison") {
		t.Errorf("status = %+v", st)
	}
}

// A program that hangs is killed, and goes on where it was.
func TestHung(t *testing.T) {
	f := newFixture(t)
	f.touch("hang")
	spec := f.spec("siem", map[string]any{"hang": f.file("hang")})
	spec.Timeout = 100 * time.Millisecond
	f.start(spec)
	want := f.events(10)
	f.until("the program was killed", func() bool { return f.status("siem").Restarts > 0 })
	f.remove("hang")
	f.gets("siem", want)
}

// One that is stopped in the middle of everything as well. Stopping the host does
// not wait for it.
func TestStopped(t *testing.T) {
	f := newFixture(t)
	spec := f.spec("siem", nil)
	spec.Timeout = 100 * time.Millisecond
	f.start(spec, f.spec("other", nil))
	want := f.events(10)
	f.gets("siem", want)
	first := f.pid("siem")
	f.freeze(first)
	want = append(want, f.events(10)...)
	f.gets("other", want)
	f.gets("siem", want)
	second := f.pid("siem")
	if second == first {
		t.Error("a program that is stopped delivers events")
	}
	f.freeze(second)
	f.stop()
	if err := syscall.Kill(first, 0); err == nil {
		t.Error("the stopped program is still there")
	}
}

// A program may shout: its events arrive all the same, and the log stays readable.
func TestNoise(t *testing.T) {
	f := newFixture(t)
	f.start(f.spec("siem", map[string]any{"noise": 1 << 20, "print": true}), f.spec("other", nil))
	var want []string
	for range 20 {
		want = append(want, f.events(50)...)
		time.Sleep(50 * time.Millisecond)
	}
	f.gets("siem", want)
	f.gets("other", want)
	f.stop()
	lines := strings.Count(f.said(), "\n")
	if lines < 50 || lines > 200 || !strings.Contains(f.said(), "a plugin says too much") {
		t.Errorf("%d lines in the log:\n%.2000s", lines, f.said())
	}
}

// What a program says is in the log, with its level and the sink's name.
func TestLog(t *testing.T) {
	f := newFixture(t)
	f.start(f.spec("siem", map[string]any{"print": true}))
	f.gets("siem", f.events(1))
	for _, want := range []string{
		`level=WARN msg="plugin says" sink=siem text="a record" n=1`,
		`level=INFO msg="plugin says" sink=siem text="a line on standard error"`,
		`level=INFO msg="plugin says" sink=siem text="a line on standard output"`,
	} {
		f.until("the log has "+want, func() bool { return strings.Contains(f.said(), want) })
	}
}

// A program gets its configuration, and nothing of the sensor's surroundings.
func TestSurroundings(t *testing.T) {
	f := newFixture(t)
	t.Setenv("KILLDEER_TEST_TOKEN", "s3cret")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "not for sinks")
	if err := os.WriteFile(f.file("secret"), []byte("from a file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	f.start(f.spec("siem", map[string]any{"env": f.file("env"), "secret": "env:KILLDEER_TEST_TOKEN"}))
	f.pid("siem")
	text, err := os.ReadFile(f.file("env"))
	if err != nil {
		t.Fatal(err)
	}
	if s := string(text); strings.Contains(s, "not for sinks") || strings.Contains(s, "KILLDEER_TEST_TOKEN") ||
		!strings.Contains(s, "SECRET=s3cret") || !strings.Contains(s, "STDIN=/dev/null") {
		t.Errorf("the program's surroundings are\n%s", s)
	}
}

// Whatever a program started ends with it.
func TestChildren(t *testing.T) {
	f := newFixture(t)
	f.start(f.spec("siem", map[string]any{"child": true}))
	want := f.events(5)
	f.gets("siem", want)
	first := f.pid("siem")
	if err := syscall.Kill(first, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	f.until("it was started again", func() bool { pid := f.status("siem").PID; return pid != 0 && pid != first })
	second := f.pid("siem")
	f.stop()
	for _, group := range []int{first, second} {
		if left := inGroup(t, group); len(left) > 0 {
			t.Errorf("still running of group %d: %q", group, left)
		}
	}
}

// inGroup returns the processes of a process group.
func inGroup(t *testing.T, group int) (found []string) {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil || len(files) == 0 {
		t.Skip("this system does not show its processes in /proc")
	}
	for _, file := range files {
		text, _ := os.ReadFile(file) // a process may have ended meanwhile
		_, after, _ := strings.Cut(string(text), ") ")
		if f := strings.Fields(after); len(f) > 2 && f[2] == strconv.Itoa(group) && f[0] != "Z" {
			found = append(found, string(text))
		}
	}
	return found
}

// A receiver that wants nothing more is left alone until the operator says so.
func TestGone(t *testing.T) {
	f := newFixture(t)
	f.touch("gone")
	f.start(f.spec("siem", map[string]any{"gone": f.file("gone")}))
	want := f.events(5)
	f.until("the sink rests", func() bool { return f.status("siem").State == plugins.StateGone })
	if r := f.reported(); len(r) != 1 || r[0].Health.State != "gone" {
		t.Errorf("reports = %+v", r)
	}
	f.remove("gone")
	time.Sleep(300 * time.Millisecond)
	if st := f.status("siem"); st.Sent != 0 || st.Failures != 1 {
		t.Errorf("it was tried again: %+v", st)
	}
	if _, err := f.host.Retry(t.Context(), "siem"); err != nil {
		t.Fatal(err)
	}
	f.gets("siem", want)
	f.until("the sink is up", func() bool { return f.status("siem").State == plugins.StateUp })
}

// A program that cannot start says why, and the others run.
func TestNotStarting(t *testing.T) {
	f := newFixture(t)
	f.start(f.spec("siem", map[string]any{"exit": true}), f.spec("other", nil))
	f.gets("other", f.events(5))
	f.until("there is an error", func() bool { return f.status("siem").Error != "" })
	if st := f.status("siem"); !strings.Contains(st.Error, "panic: out of order") {
		t.Errorf("status = %+v", st)
	}
}

// A sink whose program or credential is missing keeps its place, and delivers all once
// they are there. What its program then says of its configuration ends no sensor.
func TestMissing(t *testing.T) {
	f := newFixture(t)
	late, secret := f.spec("late", nil), f.spec("secret", map[string]any{"secret": "file:" + f.file("token")})
	program := f.file("program")
	late.Program, late.Find = "odd", func() (string, error) {
		if _, err := os.Stat(program); err != nil {
			return "", errors.New("there is no odd")
		}
		return f.program, nil
	}
	refused := f.spec("refused", map[string]any{"no_such_key": 1})
	refused.Program, refused.Find = late.Program, late.Find
	f.start(late, secret, refused, f.spec("other", nil))
	want := f.events(5)
	f.gets("other", want)
	for name, reason := range map[string]string{"late": "there is no odd", "secret": "no such file", "refused": "there is no odd"} {
		f.until(name+" is down", func() bool {
			st := f.status(name)
			return st.State == plugins.StateDown && st.Behind == 5 && strings.Contains(st.Error, reason)
		})
	}
	f.touch("program")
	f.touch("token")
	for _, name := range []string{"late", "secret", "refused"} {
		if _, err := f.host.Retry(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
	f.gets("late", want)
	f.gets("secret", want)
	f.until("a refusal", func() bool { return strings.Contains(f.status("refused").Error, "cannot be used") })
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.failed != nil {
		t.Errorf("the sensor ends: %v", f.failed)
	}
}

// The place is kept: what a new host delivers again is bounded.
func TestPlace(t *testing.T) {
	f := newFixture(t)
	f.start(f.spec("siem", nil))
	want := f.events(3000)
	f.gets("siem", want)
	f.stop()
	f.start(f.spec("siem", nil))
	want = append(want, f.events(10)...)
	if twice := f.gets("siem", want); twice != 0 {
		t.Errorf("%d events came twice after a clean stop", twice)
	}
	f.stop()
	newest := f.spec("late", nil)
	newest.Newest = true
	f.start(newest, f.spec("early", nil))
	f.gets("early", want)
	f.until("the late sink has begun", func() bool { return f.status("late").State == plugins.StateUp })
	want = append(want, f.events(10)...)
	f.gets("late", want[len(want)-10:])
}

// SIGKILL at any time costs time and nothing else.
func TestKilled(t *testing.T) {
	rounds := 100
	if testing.Short() {
		rounds = 10
	}
	f := newFixture(t)
	f.start(f.spec("siem", nil), f.spec("other", nil))
	var want []string
	var waits []time.Duration
	for i := range rounds {
		want = append(want, f.events(50+i%7*40)...)
		pid := f.pid("siem")
		time.Sleep(time.Duration(i%10) * time.Millisecond)
		killed := time.Now()
		if syscall.Kill(pid, syscall.SIGKILL) != nil {
			continue
		}
		f.until("it was started again", func() bool { now := f.status("siem").PID; return now != 0 && now != pid })
		waits = append(waits, time.Since(killed))
	}
	twice := f.gets("siem", want)
	if twice > rounds*plugins.MaxBatch {
		t.Errorf("%d events came twice", twice)
	}
	if again := f.gets("other", want); again != 0 {
		t.Errorf("%d events came twice to a sink that was left alone", again)
	}
	f.stop()
	if left, _ := filepath.Glob(filepath.Join(f.dir, "plugins", "*", "*")); len(left) > 0 {
		t.Errorf("sockets are left: %q", left)
	}
	slices.Sort(waits)
	t.Logf("%d kills, %d events, %d of them twice, running again after %v in the middle, %v at most",
		len(waits), len(want), twice, waits[len(waits)/2], waits[len(waits)-1])
}

// What a program started in a session of its own is out of reach, and holds its pipes;
// the sink is started again all the same, and a stop does not wait for it.
func TestChildOutOfReach(t *testing.T) {
	f := newFixture(t)
	f.start(f.spec("siem", map[string]any{"escape": f.file("escaped")}))
	t.Cleanup(func() {
		text, _ := os.ReadFile(f.file("escaped")) // of the second program
		if pid, err := strconv.Atoi(string(text)); err == nil {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	})
	f.gets("siem", f.events(5))
	first := f.pid("siem")
	text, err := os.ReadFile(f.file("escaped"))
	if err != nil {
		t.Fatal(err)
	}
	escaped, err := strconv.Atoi(string(text))
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Kill(escaped, syscall.SIGKILL)
	if err := syscall.Kill(first, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	f.until("it was started again", func() bool { pid := f.status("siem").PID; return pid != 0 && pid != first })
	done := make(chan struct{})
	go func() { f.stop(); close(done) }()
	select {
	case <-done:
	case <-time.After(15 * time.Second):
		t.Fatal("the stop waits for it")
	}
}

// A program that says of a batch that all of it was delivered and that it failed for
// good is believed the first.
func TestDeliveredAndRefused(t *testing.T) {
	f := newFixture(t)
	f.start(f.spec("siem", map[string]any{"refuse": "jira_search_issues", "located": true, "all_done": true}))
	want := f.events(5)
	f.until("it went on", func() bool { return f.status("siem").At >= uint64(len(want)) })
	if st := f.status("siem"); st.Sent != 5 || st.Dead != 0 {
		t.Errorf("it is %+v", st)
	}
}
