package agent

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/killdeer-mcp/killdeer/agent/decoy/profile"
	"github.com/killdeer-mcp/killdeer/agent/journal"
	"github.com/killdeer-mcp/killdeer/agent/monitor"
	"github.com/killdeer-mcp/killdeer/plugins"
	"github.com/killdeer-mcp/killdeer/sdk"
)

// newMonitor makes what watches over this sensor.
func (s *Sensor) newMonitor() *monitor.Monitor {
	var outcomes []string
	for _, c := range profile.Codes() {
		outcomes = append(outcomes, string(c))
	}
	m := monitor.New(monitor.Options{
		Version: s.options.Version, Outcomes: outcomes, Snapshot: s.snapshot, Alive: s.Alive, Ready: s.readiness,
	})
	s.tagger.request = m.Request
	return m
}

// Watch is a path of the operator's listener that says how the sensor is. It is
// never to be served where the decoy is.
type Watch struct {
	Path    string
	Open    bool // whoever reaches the listener may ask
	Handler http.Handler
}

// Watched are the paths that say how the sensor is. Whether it lives is no secret
// among those who reach the operator's listener; the rest is the operator's.
func (s *Sensor) Watched() []Watch {
	return []Watch{
		{"/livez", true, s.monitor.Live()}, {"/readyz", true, s.monitor.Ready()}, {"/metrics", false, s.monitor.Metrics()},
	}
}

// readiness says whether the sensor does its work.
func (s *Sensor) readiness() monitor.Readiness {
	checks := []monitor.Check{s.guestsReady(), s.journalReady(), {Name: "decoy", Needed: true, OK: s.options.Listen == (s.listener != nil), Detail: s.where()}}
	if s.certificate != nil && s.guests.current.Load() != nil {
		checks = append(checks, s.certificateReady())
	}
	if h := s.sinks.host(); h != nil {
		for _, st := range h.Status() {
			checks = append(checks, monitor.Check{Name: "sink " + st.Name, OK: st.State == plugins.StateUp, Detail: string(st.State)})
		}
	}
	checks = append(checks, s.packsReady()...)
	if aside, err := journal.Aside(s.cfg.Sensor.StateDir); err != nil || len(aside) > 0 {
		checks = append(checks, monitor.Check{Name: "segments", Detail: fmt.Sprintf("%d damaged files were set aside", len(aside))})
	}
	return monitor.NewReadiness(checks...)
}

func (s *Sensor) where() string {
	if s.listener == nil {
		return "standard input and output"
	}
	return s.listener.Addr().String()
}

func (s *Sensor) guestsReady() monitor.Check {
	c := monitor.Check{Name: "guests", Needed: true, Detail: "loading"}
	select {
	case <-s.ready:
	default:
		return c
	}
	c.OK, c.Detail = s.guests.current.Load() != nil, "loaded"
	if !c.OK {
		c.Detail = "they could not be loaded"
	}
	return c
}

func (s *Sensor) journalReady() monitor.Check {
	c := monitor.Check{Name: "journal", Needed: true, OK: true, Detail: "takes events"}
	if err := s.Alive(); err != nil {
		c.OK, c.Detail = false, err.Error()
	} else if s.writer.Failing() {
		c.OK, c.Detail = false, "takes no events: they wait, then are counted"
	}
	return c
}

// snapshot asks the parts how they are.
func (s *Sensor) snapshot(ctx context.Context) monitor.Snapshot {
	load := s.decoy.Load()
	snap := monitor.Snapshot{
		Recorded: s.journal.Last(), Shed: s.writer.Shed(), Waiting: s.writer.Depth(), Engine: s.cfg.WASM.Engine,
		Connections: load.Connections, Streams: load.Streams, Sessions: load.Sessions, Refused: load.Refused,
		Ready: s.readiness().Status != "unready",
	}
	if info, err := s.journal.Info(); err == nil {
		snap.StoreBytes, snap.FreeBytes, snap.Segments, snap.Aside, snap.Low = info.Bytes, info.Free, len(info.Segments), len(info.Aside), info.Low
		i := slices.IndexFunc(info.Marks, func(m journal.Mark) bool { return m.Consumer == judgeConsumer })
		if i >= 0 && info.Last > info.Marks[i].Seq {
			snap.Unjudged = info.Last - info.Marks[i].Seq
		}
	}
	if stats, err := s.journal.Stats(); err == nil {
		snap.Kept = stats.Kinds
	}
	if h := s.sinks.host(); h != nil {
		for _, st := range h.Status() {
			snap.Sinks = append(snap.Sinks, s.sinkSnapshot(ctx, st))
		}
	}
	snap.Packs = s.packsWatched()
	return snap
}

func (s *Sensor) sinkSnapshot(ctx context.Context, st plugins.Status) monitor.Sink {
	k := monitor.Sink{
		Name: st.Name, Up: st.State == plugins.StateUp, Behind: st.Behind, Sent: st.Sent, Failures: st.Failures,
		Restarts: st.Restarts, Dead: uint64(st.Dead), RSS: residentMemory(st.PID),
	}
	if st.Behind == 0 {
		return k
	}
	records, err := s.journal.Records(ctx, st.At, 1)
	if err != nil || len(records) == 0 {
		return k // the next look will find it
	}
	var ev sdk.Event
	if json.Unmarshal(records[0].JSON, &ev) == nil {
		k.Lag = max(0, time.Since(ev.Time))
	}
	return k
}

// residentMemory is what a process holds, 0 if that is not known.
func residentMemory(pid int) int64 {
	if pid == 0 {
		return 0
	}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(text))
	if len(fields) < 2 {
		return 0
	}
	pages, _ := strconv.ParseInt(fields[1], 10, 64) // 0 if it is no number
	return pages * int64(os.Getpagesize())
}

// packsWatched are the installed packs that answer or judge.
func (s *Sensor) packsWatched() (packs []monitor.Pack) {
	now := s.guests.current.Load()
	if now == nil {
		return nil
	}
	for _, b := range now.members() {
		if b.pack != nil && !slices.ContainsFunc(packs, func(p monitor.Pack) bool { return p.ID == b.pack.ID() }) {
			packs = append(packs, monitor.Pack{ID: b.pack.ID(), Serial: b.pack.Serial, Expires: b.pack.Expires})
		}
	}
	return packs
}
