// Package monitor says how the sensor is, to whoever watches over it: metrics for
// Prometheus, and whether it lives and is ready.
//
// It watches the sensor, not the attackers: no label has a value that a client can
// choose. It listens nowhere; the sensor mounts its handlers on the operator's
// listener, never on the decoy's.
package monitor

import (
	"context"
	"encoding/json"
	"net/http"
	"runtime"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// askTime bounds what one scrape waits for the sensor.
const askTime = 5 * time.Second

const (
	namespace = "killdeer"
	other     = "other" // stands for values that are not known
)

// Monitor counts what happens, and asks the sensor for the rest. Its methods may be
// called concurrently.
type Monitor struct {
	registry  *prometheus.Registry
	outcomes  []string
	requests  *prometheus.CounterVec
	found     *prometheus.CounterVec
	commit    prometheus.Histogram
	group     prometheus.Histogram
	calls     *prometheus.HistogramVec
	failures  *prometheus.CounterVec
	alive     func() error
	readiness func() Readiness
}

// Options say what to watch. All are required.
type Options struct {
	Version  string
	Outcomes []string                       // that a request may have
	Snapshot func(context.Context) Snapshot // how the sensor is
	Alive    func() error                   // why the pipeline stands still
	Ready    func() Readiness
}

// New makes a monitor.
func New(o Options) *Monitor {
	m := &Monitor{
		registry: prometheus.NewRegistry(), outcomes: o.Outcomes, alive: o.Alive, readiness: o.Ready,
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: namespace, Name: "requests_total", Help: "Messages and requests at the decoy, by what it made of them.",
		}, []string{"outcome"}),
		found: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: namespace, Name: "detections_total", Help: "What the rules found.",
		}, []string{"severity"}),
		commit: prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: namespace, Name: "commit_seconds", Help: "Time of a commit of the journal's writer.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10},
		}),
		group: prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: namespace, Name: "group_size", Help: "Events of a commit of the journal's writer.",
			Buckets: []float64{1, 2, 4, 8, 16, 32, 64, 128, 256, 512},
		}),
		calls: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: namespace, Name: "wasm_call_seconds", Help: "Time of a call of a guest.",
			Buckets: []float64{.00005, .0001, .00025, .0005, .001, .0025, .005, .01, .025, .1, .5, 2},
		}, []string{"guest"}),
		failures: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: namespace, Name: "wasm_failures_total", Help: "Calls of a guest that gave no answer: traps, deadlines, limits.",
		}, []string{"guest"}),
	}
	build := prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Namespace: namespace, Name: "build_info", Help: "1, for the version that runs.",
	}, []string{"version", "goversion"})
	build.WithLabelValues(o.Version, runtime.Version()).Set(1)
	for _, severity := range []string{"info", "low", "medium", "high", "critical"} {
		m.found.WithLabelValues(severity) // a counter that is 0 can be told from none
	}
	m.registry.MustRegister(m.requests, m.found, m.commit, m.group, m.calls, m.failures, build,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), &collector{o.Snapshot})
	return m
}

// Request counts a message or request by its outcome.
func (m *Monitor) Request(outcome string) {
	if !slices.Contains(m.outcomes, outcome) {
		outcome = other
	}
	m.requests.WithLabelValues(outcome).Inc()
}

// Detection counts a detection.
func (m *Monitor) Detection(severity string) { m.found.WithLabelValues(severity).Inc() }

// Committed counts a commit of n events.
func (m *Monitor) Committed(n int, took time.Duration) {
	m.commit.Observe(took.Seconds())
	m.group.Observe(float64(n))
}

// Loaded has the failures of a guest be told before there is one.
func (m *Monitor) Loaded(guest string) { m.failures.WithLabelValues(guest) }

// Called counts a call of a guest.
func (m *Monitor) Called(guest string, took time.Duration, err error) {
	m.calls.WithLabelValues(guest).Observe(took.Seconds())
	if err != nil {
		m.failures.WithLabelValues(guest).Inc()
	}
}

// Metrics answers with the metrics in the text form of Prometheus.
func (m *Monitor) Metrics() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4, Timeout: 2 * askTime})
}

// Readiness is whether the sensor does its work.
type Readiness struct {
	Status string  `json:"status"` // "ready"; "degraded", which is ready too; or "unready"
	Checks []Check `json:"checks"`
}

// Check is one thing that work depends on.
type Check struct {
	Name   string `json:"name"`
	OK     bool   `json:"ok"`
	Needed bool   `json:"needed"` // without it the sensor is unready, else degraded
	Detail string `json:"detail,omitempty"`
}

// NewReadiness draws the conclusion from checks.
func NewReadiness(checks ...Check) Readiness {
	r := Readiness{Status: "ready", Checks: checks}
	for _, c := range checks {
		switch {
		case c.OK:
		case c.Needed:
			r.Status = "unready"
		case r.Status == "ready":
			r.Status = "degraded"
		}
	}
	return r
}

// Live answers whether the pipeline moves: with 503 if it stands still, which a
// restart mends.
func (m *Monitor) Live() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if err := m.alive(); err != nil {
			answer(w, http.StatusServiceUnavailable, map[string]string{"status": "dead", "detail": err.Error()})
			return
		}
		answer(w, http.StatusOK, map[string]string{"status": "alive"})
	})
}

// Ready answers whether the sensor does its work, and what is amiss: with 503 if it
// does not.
func (m *Monitor) Ready() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		r := m.readiness()
		status := http.StatusOK
		if r.Status == "unready" {
			status = http.StatusServiceUnavailable
		}
		answer(w, status, r)
	})
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the reader is gone when it fails
}
