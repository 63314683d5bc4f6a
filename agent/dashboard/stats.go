package dashboard

import (
	"net/http"
	"slices"
	"time"

	"github.com/labstack/echo/v4"
)

const (
	listedTop   = 10
	defaultSpan = 60   // minutes of the timeline
	maxSpan     = 1440 // which the statistics go back
	minuteForm  = "2006-01-02T15:04"
)

// served are the outcomes of requests that got what they asked for. All others are
// errors in the statistics.
var served = []string{"result", "accepted", "route", "stream_opened", "stream_closed", "session_ended"}

type ipCount struct {
	IP    string `json:"ip"`
	Count uint64 `json:"count"`
}

// totals are the statistics under the predecessor's names, and what is new behind
// them.
type totals struct {
	Total       uint64            `json:"total"`
	UniqueIPs   uint64            `json:"uniqueIps"`
	TopTools    []Count           `json:"topTools"`
	TopIPs      []ipCount         `json:"topIps"`
	Methods     map[string]uint64 `json:"methods"`
	Errors      uint64            `json:"errors"`
	RecentCount uint64            `json:"recentCount"`
	FirstSeen   *string           `json:"firstSeen"`
	LastSeen    *string           `json:"lastSeen"`
	Detections  uint64            `json:"detections"`

	UniqueExact      bool              `json:"uniqueIpsExact"`
	RecentDetections uint64            `json:"recentDetections"`
	Severities       map[string]uint64 `json:"severities"`
	TopRules         []Count           `json:"topRules"`
	Outcomes         map[string]uint64 `json:"outcomes"`
	Events           uint64            `json:"events"`
	Lost             uint64            `json:"lost"`
	LastSeq          uint64            `json:"lastSeq"`
}

func (s *Server) stats(c echo.Context) error {
	if err := parameters(c).end(); err != nil {
		return err
	}
	ctx, cancel := within(c)
	defer cancel()
	last := s.Feed.Last() // before the statistics: what comes in between is in the live feed
	st, err := s.Sensor.Stats(ctx)
	if err != nil {
		return err
	}
	out := totals{
		UniqueIPs: st.UniqueSources, UniqueExact: st.Exact, Methods: map[string]uint64{}, Events: st.Events, Lost: st.Lost,
		Severities: orEmpty(st.Severities), Outcomes: orEmpty(st.Outcomes), TopRules: first(st.Rules, listedTop), TopTools: first(st.Tools, listedTop),
		TopIPs: []ipCount{}, LastSeq: last, FirstSeen: moment(st.From), LastSeen: moment(st.To),
	}
	for name, n := range st.Outcomes {
		out.Total += n
		if !slices.Contains(served, name) {
			out.Errors += n
		}
	}
	for _, n := range st.Severities {
		out.Detections += n
	}
	for _, m := range st.Methods {
		out.Methods[m.Name] = m.Count
	}
	for _, ip := range first(st.Sources, listedTop) {
		out.TopIPs = append(out.TopIPs, ipCount{ip.Name, ip.Count})
	}
	for _, m := range span(st.Minutes, time.Now(), defaultSpan) {
		out.RecentCount += uint64(m.Events)
		out.RecentDetections += uint64(m.Detections)
	}
	return writeJSON(c, http.StatusOK, out)
}

func orEmpty(m map[string]uint64) map[string]uint64 {
	if m == nil {
		return map[string]uint64{}
	}
	return m
}

func first(counts []Count, n int) []Count {
	return append([]Count{}, counts[:min(n, len(counts))]...)
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// moment is null for no time.
func moment(t time.Time) *string {
	if t.IsZero() {
		return nil
	}
	text := stamp(t)
	return &text
}

// tick is one minute of the timeline.
type tick struct {
	Minute     string `json:"minute"` // UTC
	Count      uint32 `json:"count"`
	Detections uint32 `json:"detections"`
}

// timeline counts the requests of each of the last minutes, the oldest first.
func (s *Server) timeline(c echo.Context) error {
	p := parameters(c)
	n := p.capped("minutes", defaultSpan, maxSpan)
	if err := p.end(); err != nil {
		return err
	}
	ctx, cancel := within(c)
	defer cancel()
	st, err := s.Sensor.Stats(ctx)
	if err != nil {
		return err
	}
	out := make([]tick, 0, n)
	for _, m := range span(st.Minutes, time.Now(), n) {
		out = append(out, tick{m.Time.UTC().Format(minuteForm), m.Events, m.Detections})
	}
	return writeJSON(c, http.StatusOK, out)
}

// span returns the n minutes that end with now's, with those in which nothing was.
func span(minutes []Minute, now time.Time, n int) []Minute {
	out := make([]Minute, n)
	end := now.Truncate(time.Minute)
	for i := range out {
		out[i].Time = end.Add(-time.Duration(n-1-i) * time.Minute)
	}
	for _, m := range minutes {
		if ago := int(end.Sub(m.Time.Truncate(time.Minute)) / time.Minute); ago >= 0 && ago < n {
			out[n-1-ago].Events += m.Events
			out[n-1-ago].Detections += m.Detections
		}
	}
	return out
}

// tools names the tools that the decoy offers, and those that were asked for most.
func (s *Server) tools(c echo.Context) error {
	if err := parameters(c).end(); err != nil {
		return err
	}
	ctx, cancel := within(c)
	defer cancel()
	names, err := s.Sensor.Tools(ctx)
	if err != nil {
		return err
	}
	st, err := s.Sensor.Stats(ctx)
	if err != nil {
		return err
	}
	names = slices.Clone(names)
	for _, t := range st.Tools {
		names = append(names, t.Name)
	}
	slices.Sort(names)
	return writeJSON(c, http.StatusOK, map[string]any{"tools": append([]string{}, slices.Compact(names)...)})
}
