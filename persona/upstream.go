package persona

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"time"
)

// Limits of what a persona says of the services behind its tools.
const (
	maxUpstreams  = 64
	maxLatency    = 10 * time.Second // median of a service
	maxPerMinute  = 100_000
	maxWait       = 20 * time.Second // that is drawn; a persona may ask for more itself
	maxRateGroups = 8192             // sources and services whose calls are counted
)

// spread is the standard deviation of the logarithm of response times.
const spread = 0.4

// slowBytes is the size of an answer that takes twice as long as a small one.
const slowBytes = 64 << 10

// upstream is a service that a persona pretends to ask.
type upstream struct {
	latency   time.Duration // median response time, 0 for none
	perMinute int           // calls of one source until it is limited, 0 for any number
}

type wireUpstream struct {
	LatencyMS int64 `json:"latency_ms"`
	PerMinute int   `json:"per_minute"`
}

// upstreams reads a description's services. Their figures vary by a quarter from
// deployment to deployment: equal ones would tell the persona.
func (p *wirePersona) upstreams(d *description, e *expander) error {
	if len(p.Upstreams) > maxUpstreams {
		return fmt.Errorf("more than %d upstreams", maxUpstreams)
	}
	d.upstreams = map[string]upstream{}
	for service, u := range p.Upstreams {
		median, err := milliseconds("upstreams."+service+".latency_ms", u.LatencyMS, 0, maxLatency)
		if err != nil {
			return err
		}
		if u.PerMinute < 0 || u.PerMinute > maxPerMinute {
			return errors.New("upstreams." + service + ".per_minute is not within 0 to 100000")
		}
		r := rand.New(rand.NewPCG(e.seed, hashOf(service)))
		factor := func() float64 { return 0.8 + 0.4*r.Float64() }
		d.upstreams[service] = upstream{
			latency: time.Duration(float64(median) * factor()), perMinute: int(math.Round(float64(u.PerMinute) * factor())),
		}
	}
	return nil
}

// hashOf is FNV-1a.
func hashOf(s string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	return h
}

// wait draws how long the service takes for an answer of so many bytes: log-normal
// as measured response times are, and never the same twice.
func (u upstream) wait(size int) time.Duration {
	d := float64(u.latency) * math.Exp(spread*rand.NormFloat64()) * (1 + float64(size)/slowBytes)
	return min(time.Duration(d), maxWait)
}

// rates counts calls of a source's owner to a service, by the minute.
type rates struct {
	mu sync.Mutex
	by map[rateKey]rate
}

type rateKey struct{ owner, service string }

type rate struct {
	minute int64
	calls  int
}

// take counts a call. Above the limit it returns how many seconds are left until
// calls are let through again, otherwise 0.
func (r *rates) take(owner, service string, limit int, now time.Time) (retryAfter int) {
	if limit <= 0 {
		return 0
	}
	minute := now.Unix() / 60
	r.mu.Lock()
	defer r.mu.Unlock()
	key := rateKey{owner, service}
	got, known := r.by[key]
	if got.minute != minute {
		got = rate{minute: minute}
	}
	if got.calls >= limit {
		return int(60 - now.Unix()%60)
	}
	got.calls++
	if !known && len(r.by) >= maxRateGroups {
		r.forget(minute)
	}
	if r.by == nil {
		r.by = map[rateKey]rate{}
	}
	r.by[key] = got
	return 0
}

// forget makes room: old minutes go, or everything if all are of this one. Who
// has so many addresses is not held back by counting.
func (r *rates) forget(minute int64) {
	for key, got := range r.by {
		if got.minute != minute {
			delete(r.by, key)
		}
	}
	if len(r.by) >= maxRateGroups {
		clear(r.by)
	}
}
