package persona

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/killdeer-mcp/killdeer/sdk"
	"github.com/killdeer-mcp/killdeer/sdk/guest"
)

var upstreamDoc = strings.Replace(describeDoc, `"routes"`, `"upstreams":{"svc":{"latency_ms":200,"per_minute":20}},"routes"`, 1)

// conditionsOf answers with what the envelope says of the upstream.
func conditionsOf(in guest.Object) (string, error) {
	text := fmt.Sprint(in.Bool("friction"), " ", in.Int("retry_after", 0))
	return `{"result":{"content":[{"type":"text","text":"` + text + `"}]}}`, nil
}

// Response times are log-normal around the service's median, which is within a
// fifth of what the persona says, and remembered answers wait as well.
func TestLatency(t *testing.T) {
	h := open(t, &fakeGuest{describe: upstreamDoc, call: conditionsOf}, nil)
	median := h.by["t"].upstreams["svc"].latency
	if median < 160*time.Millisecond || median > 240*time.Millisecond {
		t.Errorf("median %v of 200ms", median)
	}
	var drawn []float64
	for i := range 2000 {
		a := ask(t, h, &sdk.Call{Op: sdk.OpCall, Tool: "echo", Now: noon.Add(time.Duration(i) * time.Hour)})
		drawn = append(drawn, math.Log(a.Delay.Seconds()/median.Seconds()))
	}
	slices.Sort(drawn)
	for _, q := range []struct{ part, want float64 }{{0.1, -1.2816 * spread}, {0.5, 0}, {0.9, 1.2816 * spread}} {
		// Five standard errors of a quantile of 2000 draws.
		if got := drawn[int(q.part*2000)]; math.Abs(got-q.want) > 0.08 {
			t.Errorf("quantile %v of the logarithms is %.3f, want %.3f", q.part, got, q.want)
		}
	}
	u := upstream{latency: time.Second}
	if u.wait(100*slowBytes) != maxWait {
		t.Error("a huge answer has no longest wait")
	}
	instant := open(t, &fakeGuest{describe: upstreamDoc, call: conditionsOf}, func(o *Options) { o.Instant = true })
	if a := ask(t, instant, &sdk.Call{Op: sdk.OpCall, Tool: "echo", Now: noon}); a.Delay != 0 {
		t.Errorf("an instant answer waits %v", a.Delay)
	}
}

// A persona that says itself when it answers is taken at its word.
func TestLatencyOfThePersona(t *testing.T) {
	g := &fakeGuest{describe: upstreamDoc, call: func(guest.Object) (string, error) {
		return `{"result":{"content":[]},"delay_ms":12345}`, nil
	}}
	if a := ask(t, open(t, g, nil), &sdk.Call{Op: sdk.OpCall, Tool: "echo", Now: noon}); a.Delay != 12345*time.Millisecond {
		t.Errorf("delay %v", a.Delay)
	}
}

// The calls of one address to a service are counted by the minute, over all of
// its sessions and nobody else's.
func TestRateLimit(t *testing.T) {
	h := open(t, &fakeGuest{describe: upstreamDoc, call: conditionsOf}, nil)
	limit := h.by["t"].upstreams["svc"].perMinute
	if limit < 16 || limit > 24 {
		t.Errorf("limit %d of 20", limit)
	}
	at := noon.Truncate(time.Minute).Add(13 * time.Second)
	say := func(source string, at time.Time) string {
		a, err := h.Call(t.Context(), source, &sdk.Call{Op: sdk.OpCall, Persona: "t", Tool: "echo", Now: at})
		if err != nil {
			t.Fatal(err)
		}
		return echoed(t, a)
	}
	for i := range limit {
		if got := say(fmt.Sprint("192.0.2.1 s", i), at); got != "true 0" {
			t.Fatalf("call %d: %s", i, got)
		}
	}
	tests := []struct {
		name, source string
		at           time.Time
		want         string
	}{
		{"one too many", "192.0.2.1 s", at, "true 47"},
		{"later", "192.0.2.1 s", at.Add(46 * time.Second), "true 1"},
		{"next minute", "192.0.2.1 s", at.Add(47 * time.Second), "true 0"},
		{"another address", "192.0.2.2 s", at, "true 0"},
	}
	for _, tt := range tests {
		if got := say(tt.source, tt.at); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
	calm := open(t, &fakeGuest{describe: upstreamDoc, call: conditionsOf}, func(o *Options) { o.Calm = true })
	for range 3 * limit {
		if got := echoed(t, ask(t, calm, &sdk.Call{Op: sdk.OpCall, Tool: "echo", Now: at})); got != "false 0" {
			t.Fatalf("without friction: %s", got)
		}
	}
}

// However many addresses call, what is kept of them is bounded.
func TestRatesAreBounded(t *testing.T) {
	var r rates
	for i := range 3 * maxRateGroups {
		r.take(fmt.Sprint(i), "svc", 1, noon.Add(time.Duration(i/maxRateGroups)*time.Minute))
		if len(r.by) > maxRateGroups {
			t.Fatalf("%d are kept", len(r.by))
		}
	}
}

func TestUpstreamFaults(t *testing.T) {
	for _, tt := range []struct{ upstreams, want string }{
		{`{"svc":{"latency_ms":10001}}`, "latency_ms"},
		{`{"svc":{"latency_ms":-1}}`, "latency_ms"},
		{`{"svc":{"per_minute":-1}}`, "per_minute"},
		{`{"svc":{"per_minute":100001}}`, "per_minute"},
	} {
		_, err := openDoc(t, with(`"upstreams":`+tt.upstreams))
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v", tt.upstreams, err)
		}
	}
	_, err := openDoc(t, strings.Replace(describeDoc, `"category":"docs"`, `"category":"docs","justification":"why"`, 1))
	if err == nil || !strings.Contains(err.Error(), "justification") {
		t.Errorf("a justification that is no argument: %v", err)
	}
}
