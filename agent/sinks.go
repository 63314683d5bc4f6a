package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/killdeer-mcp/killdeer/agent/config"
	"github.com/killdeer-mcp/killdeer/agent/journal"
	"github.com/killdeer-mcp/killdeer/plugins"
	"github.com/killdeer-mcp/killdeer/sdk"
)

const (
	sinkConsumer = "sink/"          // begins a sink's name among the journal's consumers
	sinkProgram  = "killdeer-sink-" // begins the file name of a plugin that is named shortly

	// lastEvents is how long a stop waits for sinks that are up to get what was
	// recorded at last. What they do not get then they get after the next start.
	lastEvents = 500 * time.Millisecond
)

// PluginDirs are the folders in which plugins are sought that have no path: that of
// this program, and where packages put programs that nobody starts by hand.
func PluginDirs() []string {
	var dirs []string
	if self, err := os.Executable(); err == nil {
		dir := filepath.Dir(self)
		dirs = append(dirs, dir, filepath.Join(filepath.Dir(dir), "libexec", "killdeer"))
	}
	return append(dirs, "/usr/libexec/killdeer", "/usr/lib/killdeer")
}

// FindPlugin returns the path of a sink's program, which its name or path stands for.
func FindPlugin(name string) (string, error) { return findPlugin(name, PluginDirs()) }

// findPlugin returns the path of a sink's program.
func findPlugin(name string, dirs []string) (string, error) {
	if strings.Contains(name, "/") {
		return name, nil
	}
	for _, dir := range dirs {
		path := filepath.Join(dir, sinkProgram+name)
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			return path, nil
		}
	}
	return "", fmt.Errorf("plugin %q: there is no %s in %s", name, sinkProgram+name, strings.Join(dirs, ", "))
}

// sinkSpec turns a sink of the configuration into what the host takes. One whose program
// is not found is complete too, and its program is looked for at each start.
func sinkSpec(s *config.Sink, dirs []string) (plugins.Spec, error) {
	program, err := findPlugin(s.Plugin, dirs)
	var find func() (string, error)
	if err != nil {
		program, err = s.Plugin, fmt.Errorf("sink %q: %w", s.Name, err)
		find = func() (string, error) { return findPlugin(s.Plugin, dirs) }
	}
	r := plugins.Route{
		MinSeverity: sdk.Severity(s.MinSeverity), Rules: given(s.Rules), Personas: given(s.Personas),
		Fields: given(s.Fields), Drop: s.Drop, Redact: s.Redact,
	}
	if r.MinSeverity == sdk.SeverityInfo {
		r.MinSeverity = "" // which none is below
	}
	for _, k := range s.Only {
		r.Only = append(r.Only, sdk.Kind(k))
	}
	prefixes, out := s.Prefixes()
	for i, p := range prefixes {
		r.Sources = append(r.Sources, plugins.Source{Prefix: p, Not: out[i]})
	}
	return plugins.Spec{
		Name: s.Name, Program: program, Find: find, Checksum: s.SHA256(), Route: r,
		Newest: s.Start == "newest", Timeout: time.Duration(s.Timeout), Config: s.Config,
	}, err
}

// given is nil for a list without entries, which stands for everything.
func given(list []string) []string {
	if len(list) == 0 {
		return nil
	}
	return list
}

func sinkSpecs(sinks []config.Sink, dirs []string) (specs []plugins.Spec, err error) {
	for i := range sinks {
		spec, bad := sinkSpec(&sinks[i], dirs)
		if err = errors.Join(err, bad); bad == nil {
			specs = append(specs, spec)
		}
	}
	return specs, err
}

// openSpecs returns the sinks of a configuration, and logs which of them are down until
// somebody mends what they lack.
func openSpecs(sinks []config.Sink, log *slog.Logger) (specs []plugins.Spec) {
	for i := range sinks {
		spec, _ := sinkSpec(&sinks[i], PluginDirs()) // the check finds what is wrong again
		if err := spec.Check(); err != nil {
			log.Error("a sink cannot run: its events wait in the journal", "sink", spec.Name, "error", err,
				"remedy", `install the program or hand over the credential; "killdeer sinks retry" does not wait for the next attempt`)
		}
		specs = append(specs, spec)
	}
	return specs
}

// sinkConsumers are the names of all who read the journal.
func sinkConsumers(sinks []config.Sink) []string {
	names := []string{judgeConsumer}
	for _, s := range sinks {
		names = append(names, sinkConsumer+s.Name)
	}
	return names
}

// sinkSet is the sinks of a sensor, which a reload exchanges.
type sinkSet struct {
	mu   sync.Mutex
	now  *plugins.Host // nil when there are none
	stop context.CancelFunc
	done chan struct{} // closed when what was run has ended
}

// host returns the sinks, nil when there are none.
func (x *sinkSet) host() *plugins.Host {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.now
}

// open makes the sinks of a configuration ready; nothing runs yet. A sink that lacks its
// program or a credential is down: it is no reason to record nothing.
func (x *sinkSet) open(c *config.Config, s *Sensor) error {
	if len(c.Sinks) == 0 {
		return nil
	}
	h, err := plugins.New(plugins.Options{
		Sinks: openSpecs(c.Sinks, s.log), Journal: sinkJournal{s.journal, s.log}, StateDir: c.Sensor.StateDir,
		RuntimeDir: os.Getenv("RUNTIME_DIRECTORY"), Log: s.log,
		Report: func(ev *sdk.Event) { s.writer.Record(ev) }, Fail: s.fail,
	})
	if err != nil {
		return err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.now = h
	return nil
}

// run feeds the sinks until ctx ends or they are exchanged.
func (x *sinkSet) run(ctx context.Context, c *config.Config, s *Sensor) {
	h := x.host()
	if h == nil {
		return
	}
	ctx, x.stop = context.WithCancel(ctx)
	done := make(chan struct{})
	x.done = done
	s.tasks.Go(func() {
		defer close(done)
		var beating sync.WaitGroup
		if every := time.Duration(c.Sensor.Heartbeat); every > 0 {
			beating.Go(func() { s.beat(ctx, every) })
		}
		h.Run(ctx)
		beating.Wait()
	})
}

// exchange replaces the sinks of one configuration by those of another. They go on
// from their places in the journal. If the new ones cannot be opened, the old ones
// run again.
func (x *sinkSet) exchange(ctx context.Context, old, next *config.Config, s *Sensor) error {
	if x.done != nil {
		x.stop()
		<-x.done
	}
	x.mu.Lock()
	x.now, x.done = nil, nil
	x.mu.Unlock()
	err := x.open(next, s)
	if err == nil {
		x.run(ctx, next, s)
		return nil
	}
	if again := x.open(old, s); again != nil {
		return errors.Join(err, fmt.Errorf("and the earlier sinks cannot be started again: %w", again))
	}
	x.run(ctx, old, s)
	return err
}

// beat records that the sensor runs.
func (s *Sensor) beat(ctx context.Context, every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		s.writer.Record(&sdk.Event{
			V: sdk.EventVersion, ID: uuid.Must(uuid.NewV7()).String(), Kind: sdk.KindHeartbeat, Time: time.Now().UTC(),
			Heartbeat: &sdk.Heartbeat{Every: every.Seconds(), Uptime: time.Since(s.began).Round(time.Millisecond).Seconds(), Last: s.journal.Last()},
		})
	}
}

// deliverLast waits a moment for sinks that are up to get what was recorded at last.
func (s *Sensor) deliverLast(ctx context.Context) error {
	h := s.sinks.host()
	if h == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, lastEvents)
	defer cancel()
	for ctx.Err() == nil && slices.ContainsFunc(h.Status(), func(st plugins.Status) bool {
		return st.State == plugins.StateUp && st.Behind > 0
	}) {
		pause(ctx, 5*time.Millisecond)
	}
	return nil
}

// Reopen asks the sinks to open their files again, after somebody moved them.
func (s *Sensor) Reopen() {
	if h := s.sinks.host(); h != nil {
		h.Reopen()
	}
}

// sinkJournal is the journal as sinks see it.
type sinkJournal struct {
	*journal.Journal
	log *slog.Logger
}

var _ plugins.Journal = sinkJournal{}

// Read implements [plugins.Journal]. A damaged record is logged and passed over.
func (j sinkJournal) Read(ctx context.Context, after uint64, limit int) (records []plugins.Record, end uint64, err error) {
	found, err := j.Records(ctx, after, limit)
	end = after
	records = make([]plugins.Record, len(found))
	for i, r := range found {
		records[i], end = plugins.Record(r), r.Seq
	}
	if bad, ok := errors.AsType[*journal.RecordError](err); ok {
		j.log.Error("a damaged record is passed over", "seq", bad.Seq, "error", bad.Err)
		return records, bad.Seq, nil
	}
	return records, end, err
}

// Place implements [plugins.Journal].
func (j sinkJournal) Place(sink string) (seq uint64, ok bool, err error) {
	marks, err := j.Marks()
	i := slices.IndexFunc(marks, func(m journal.Mark) bool { return m.Consumer == sinkConsumer+sink })
	if err != nil || i < 0 {
		return 0, false, err
	}
	return min(marks[i].Seq, j.Last()), true, nil
}

// Keep implements [plugins.Journal]. The first place is stored even if it is 0,
// before all events: a sink that has one has begun.
func (j sinkJournal) Keep(ctx context.Context, sink string, seq uint64) error {
	// Where retention moved the place ahead, going back would count a loss twice.
	if at, begun, err := j.Place(sink); err != nil || begun && at >= seq {
		return err
	}
	return j.Append(ctx, nil, journal.Mark{Consumer: sinkConsumer + sink, Seq: seq})
}

// Record implements [plugins.Journal].
func (j sinkJournal) Record(ctx context.Context, seq uint64) ([]byte, error) {
	b, err := j.Journal.Record(ctx, seq)
	if errors.Is(err, journal.ErrNotFound) {
		return nil, fmt.Errorf("%w: %w", plugins.ErrNoEvent, err)
	}
	return b, err
}
