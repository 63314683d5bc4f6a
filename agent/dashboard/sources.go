package dashboard

import (
	"context"
	"net/http"
	"slices"
	"strconv"

	"github.com/labstack/echo/v4"

	"github.com/killdeer-mcp/killdeer/sdk"
)

// origin is one address that requests came from.
type origin struct {
	IP         string `json:"ip"`
	Count      uint64 `json:"count"` // may be a little too high where there are very many addresses
	Detections uint64 `json:"detections"`
	LastSeen   string `json:"last_seen,omitempty"`
	Client     string `json:"client,omitempty"` // as its last request says
	UA         string `json:"ua,omitempty"`
	Demo       bool   `json:"demo,omitempty"`
}

type originList struct {
	Total   uint64   `json:"total"`
	Exact   bool     `json:"total_exact"`
	Sources []origin `json:"sources"`
	Next    string   `json:"next,omitempty"`
}

const (
	defaultSources = 25
	maxSources     = 100
	sampled        = 1000 // events of a source that its details are made of
)

// sources lists the addresses that most requests came from.
func (s *Server) sources(c echo.Context) error {
	p := parameters(c)
	limit, at := p.capped("limit", defaultSources, maxSources), int(min(p.cursor(), maxSources))
	if err := p.end(); err != nil {
		return err
	}
	ctx, cancel := within(c)
	defer cancel()
	st, err := s.Sensor.Stats(ctx)
	if err != nil {
		return err
	}
	out := originList{Total: st.UniqueSources, Exact: st.Exact, Sources: []origin{}}
	at = min(at, len(st.Sources))
	end := min(at+limit, len(st.Sources))
	for _, src := range st.Sources[at:end] {
		o, err := s.origin(ctx, src)
		if err != nil {
			return err
		}
		out.Sources = append(out.Sources, o)
	}
	if end < len(st.Sources) {
		out.Next = strconv.Itoa(end)
	}
	return writeJSON(c, http.StatusOK, out)
}

func (s *Server) origin(ctx context.Context, src Count) (o origin, err error) {
	o = origin{IP: src.Name, Count: src.Count}
	found, err := s.Events.Count(ctx, Query{Kind: sdk.KindDetection, IP: src.Name})
	if err != nil {
		return o, err
	}
	o.Detections = found.Events
	page, err := s.Events.Query(ctx, Query{Kind: sdk.KindAccess, IP: src.Name, Limit: 1})
	for _, ev := range page.Events {
		o.LastSeen, o.UA, o.Demo = stamp(ev.Time), ev.UA, ev.Demo
		if ev.Client != nil {
			o.Client = ev.Client.Name
		}
	}
	return o, err
}

// portrait is what is known of one source.
type portrait struct {
	IP         string            `json:"ip"`
	Requests   uint64            `json:"requests"`
	Detections uint64            `json:"detections"`
	Sample     int               `json:"sample"` // the newest events, which the rest is made of
	Complete   bool              `json:"complete"`
	FirstSeen  string            `json:"first_seen,omitempty"`
	LastSeen   string            `json:"last_seen,omitempty"`
	Actors     []string          `json:"actors"`
	Sessions   []string          `json:"sessions"`
	Clients    []string          `json:"clients"`
	UserAgents []string          `json:"user_agents"`
	Tools      map[string]uint64 `json:"tools"`
	Methods    map[string]uint64 `json:"methods"`
	Rules      map[string]uint64 `json:"rules"`
}

// source shows what an address did.
func (s *Server) source(c echo.Context) error {
	if err := parameters(c).end(); err != nil {
		return err
	}
	ip, err := pathText(c, "ip")
	if err != nil {
		return err
	}
	ctx, cancel := within(c)
	defer cancel()
	page, err := s.Events.Query(ctx, Query{IP: ip, Limit: sampled})
	if err != nil {
		return err
	}
	if len(page.Events) == 0 {
		return ErrNotFound
	}
	out := paint(ip, page)
	requests, err := s.Events.Count(ctx, Query{Kind: sdk.KindAccess, IP: ip})
	if err != nil {
		return err
	}
	found, err := s.Events.Count(ctx, Query{Kind: sdk.KindDetection, IP: ip})
	if err != nil {
		return err
	}
	out.Requests, out.Detections = requests.Events, found.Events
	return writeJSON(c, http.StatusOK, out)
}

func paint(ip string, page Page) *portrait {
	out := &portrait{
		IP: ip, Sample: len(page.Events), Complete: page.Next == 0, Actors: []string{}, Sessions: []string{}, Clients: []string{},
		UserAgents: []string{}, Tools: map[string]uint64{}, Methods: map[string]uint64{}, Rules: map[string]uint64{},
	}
	out.LastSeen, out.FirstSeen = stamp(page.Events[0].Time), stamp(page.Events[len(page.Events)-1].Time)
	for _, ev := range page.Events {
		once(&out.Actors, ev.Actor)
		once(&out.Sessions, ev.Session)
		once(&out.UserAgents, ev.UA)
		if ev.Client != nil {
			once(&out.Clients, ev.Client.Name)
		}
		if ev.Detection != nil {
			tallyUp(out.Rules, ev.Detection.RuleID)
			continue
		}
		tallyUp(out.Tools, ev.Tool)
		tallyUp(out.Methods, ev.MCPMethod)
	}
	return out
}

func once(list *[]string, value string) {
	if value != "" && !slices.Contains(*list, value) {
		*list = append(*list, value)
	}
}

func tallyUp(counts map[string]uint64, name string) {
	if name != "" {
		counts[name]++
	}
}
