package monitor

import (
	"context"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// shedReasons are those of the journal's writer. Their counts are told from the start:
// what grows from none to one is no increase to Prometheus.
var shedReasons = []string{"queue_full", "write_failed"}

// Snapshot is how the sensor is at one time.
type Snapshot struct {
	Recorded uint64            // events, ever
	Kept     map[string]uint64 // events by kind
	Shed     map[string]uint64 // events not recorded since the start, by reason; what is not in it is 0
	Waiting  int               // events in the writer's queue
	Unjudged uint64            // events that the rules have not seen

	StoreBytes, FreeBytes int64
	Segments, Aside       int
	Low                   bool // on space

	Connections, Streams, Sessions int
	Refused                        uint64 // connections

	Sinks  []Sink
	Packs  []Pack
	Engine string
	Ready  bool
}

// Sink is how the delivery to one sink is.
type Sink struct {
	Name                           string
	Up                             bool
	Behind                         uint64        // events
	Lag                            time.Duration // age of the oldest that it has not had
	Sent, Failures, Restarts, Dead uint64
	RSS                            int64 // of its program, in bytes; 0: not known
}

// Pack is an installed pack in use.
type Pack struct {
	ID      string
	Serial  uint64
	Expires time.Time
}

// collector turns snapshots into metrics.
type collector struct {
	ask func(context.Context) Snapshot
}

var _ prometheus.Collector = (*collector)(nil)

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(prometheus.BuildFQName(namespace, "", name), help, labels, nil)
}

var (
	recorded    = desc("events_recorded_total", "Events that the journal has taken, ever.")
	kept        = desc("events_kept", "Events that the journal keeps.", "kind")
	shed        = desc("events_shed_total", "Events that were counted and not recorded.", "reason")
	waiting     = desc("queue_events", "Events that wait for the disk.")
	unjudged    = desc("unjudged_events", "Events that the rules have not seen yet.")
	storeBytes  = desc("store_bytes", "Disk space that the journal takes.")
	freeBytes   = desc("free_bytes", "Free disk space where the journal is.")
	low         = desc("low_on_space", "1 while accesses are shed because the disk is full.")
	segments    = desc("segments", "Segments of the journal.")
	aside       = desc("segments_set_aside", "Damaged files that were set aside.")
	connections = desc("connections", "Open connections to the decoy.")
	streams     = desc("streams", "Open event streams.")
	sessions    = desc("sessions", "MCP sessions that live.")
	refused     = desc("conn_rejected_total", "Connections beyond a limit.")
	sinkUp      = desc("plugin_up", "1 while a sink's program takes events.", "sink")
	sinkBehind  = desc("sink_lag_events", "Events that a sink has not had.", "sink")
	sinkLag     = desc("sink_lag_seconds", "Age of the oldest event that a sink has not had.", "sink")
	sinkSent    = desc("sink_sent_total", "Events that a sink has acknowledged.", "sink")
	sinkFailed  = desc("sink_failures_total", "Deliveries that failed.", "sink")
	sinkDead    = desc("sink_dead_letters", "Events that a sink could not take.", "sink")
	sinkStarts  = desc("plugin_restarts_total", "Starts of a sink's program but the first.", "sink")
	sinkRSS     = desc("plugin_resident_memory_bytes", "Memory of a sink's program.", "sink")
	packSerial  = desc("pack_serial", "Serial of a pack in use.", "pack")
	packExpiry  = desc("pack_expiry_timestamp_seconds", "When a pack in use expires.", "pack")
	engine      = desc("wasm_engine", "1, for how guests run.", "mode")
	ready       = desc("ready", "1 while the sensor does its work.")
)

// Describe implements [prometheus.Collector].
func (c *collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		recorded, kept, shed, waiting, unjudged, storeBytes, freeBytes, low, segments, aside, connections, streams, sessions, refused,
		sinkUp, sinkBehind, sinkLag, sinkSent, sinkFailed, sinkDead, sinkStarts, sinkRSS, packSerial, packExpiry, engine, ready,
	} {
		ch <- d
	}
}

// Collect implements [prometheus.Collector].
func (c *collector) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), askTime)
	defer cancel()
	s := c.ask(ctx)
	count := func(d *prometheus.Desc, n uint64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), labels...)
	}
	gauge := func(d *prometheus.Desc, n float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, n, labels...)
	}
	count(recorded, s.Recorded)
	for kind, n := range s.Kept {
		gauge(kept, float64(n), kind)
	}
	for _, reason := range shedReasons {
		count(shed, s.Shed[reason], reason)
	}
	for reason, n := range s.Shed {
		if !slices.Contains(shedReasons, reason) {
			count(shed, n, reason)
		}
	}
	gauge(waiting, float64(s.Waiting))
	gauge(unjudged, float64(s.Unjudged))
	gauge(storeBytes, float64(s.StoreBytes))
	gauge(freeBytes, float64(s.FreeBytes))
	gauge(low, flag(s.Low))
	gauge(segments, float64(s.Segments))
	gauge(aside, float64(s.Aside))
	gauge(connections, float64(s.Connections))
	gauge(streams, float64(s.Streams))
	gauge(sessions, float64(s.Sessions))
	count(refused, s.Refused)
	gauge(ready, flag(s.Ready))
	gauge(engine, 1, s.Engine)
	for _, k := range s.Sinks {
		gauge(sinkUp, flag(k.Up), k.Name)
		gauge(sinkBehind, float64(k.Behind), k.Name)
		gauge(sinkLag, k.Lag.Seconds(), k.Name)
		count(sinkSent, k.Sent, k.Name)
		count(sinkFailed, k.Failures, k.Name)
		gauge(sinkDead, float64(k.Dead), k.Name)
		count(sinkStarts, k.Restarts, k.Name)
		gauge(sinkRSS, float64(k.RSS), k.Name)
	}
	for _, p := range s.Packs {
		gauge(packSerial, float64(p.Serial), p.ID)
		gauge(packExpiry, float64(p.Expires.Unix()), p.ID)
	}
}

func flag(v bool) float64 {
	if v {
		return 1
	}
	return 0
}
