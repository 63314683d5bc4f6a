package plugins

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"path"
	"slices"

	"github.com/killdeer-mcp/killdeer/sdk"
)

// Route says which events a sink gets, and what of them. The zero value: all, whole.
type Route struct {
	Only        []sdk.Kind   // nil: all
	MinSeverity sdk.Severity // of detections; "": any
	Rules       []string     // of detections: ids, in which "*" stands for anything; nil: any
	Personas    []string     // of what clients did; nil: any
	Sources     []Source     // of what clients did; nil: any
	Fields      []string     // dotted paths of all that stays; nil: everything
	Drop        []string     // of what goes
	Redact      []string     // of what is made unreadable
}

// Source is an address range that is let through, or kept out. The first one that
// has an address decides; without one, an address passes if all keep out.
type Source struct {
	Prefix netip.Prefix
	Not    bool
}

var severities = []sdk.Severity{sdk.SeverityInfo, sdk.SeverityLow, sdk.SeverityMedium, sdk.SeverityHigh, sdk.SeverityCritical}

// route is a Route that was looked over.
type route struct {
	Route
	open     bool // everything passes
	severity int
	shape    *shape // nil: as it is
}

func compileRoute(r Route) (*route, error) {
	c := &route{Route: r}
	var err error
	if r.MinSeverity != "" {
		if c.severity = slices.Index(severities, r.MinSeverity); c.severity < 0 {
			err = fmt.Errorf("unknown severity %q", r.MinSeverity)
		}
	}
	for _, id := range r.Rules {
		if _, bad := path.Match(id, ""); bad != nil {
			err = errors.Join(err, fmt.Errorf("rule %q: %w", id, bad))
		}
	}
	c.open = len(r.Only) == 0 && r.MinSeverity == "" && r.Rules == nil && r.Personas == nil && r.Sources == nil
	shape, bad := newShape(r.Fields, r.Drop, r.Redact)
	c.shape = shape
	return c, errors.Join(err, bad)
}

// brief is what routing looks at.
type brief struct {
	Kind      sdk.Kind `json:"kind"`
	IP        string   `json:"ip"`
	Persona   string   `json:"persona"`
	Detection *struct {
		Rule     string       `json:"rule_id"`
		Severity sdk.Severity `json:"severity"`
	} `json:"detection"`
}

// pass reports whether a sink gets an event. One that cannot be read passes: what
// to do about it is for the sink to say.
func (r *route) pass(event []byte) bool {
	if r.open {
		return true
	}
	var b brief
	if json.Unmarshal(event, &b) != nil {
		return true
	}
	if len(r.Only) > 0 && !slices.Contains(r.Only, b.Kind) {
		return false
	}
	if d := b.Detection; d != nil && !r.passVerdict(d.Rule, d.Severity) {
		return false
	}
	switch b.Kind {
	case sdk.KindAccess, sdk.KindDetection, sdk.KindCanary:
		return r.passClient(&b)
	}
	return true // about the sensor itself
}

func (r *route) passVerdict(rule string, severity sdk.Severity) bool {
	// One that is not known is not below anything.
	if n := slices.Index(severities, severity); n >= 0 && n < r.severity {
		return false
	}
	return r.Rules == nil || slices.ContainsFunc(r.Rules, func(pattern string) bool {
		ok, _ := path.Match(pattern, rule) // checked before
		return ok
	})
}

func (r *route) passClient(b *brief) bool {
	if r.Personas != nil && !slices.Contains(r.Personas, b.Persona) {
		return false
	}
	if r.Sources == nil {
		return true
	}
	addr, err := netip.ParseAddr(b.IP)
	passes := true
	for _, s := range r.Sources {
		if err == nil && s.Prefix.Contains(addr.Unmap().WithZone("")) {
			return !s.Not
		}
		passes = passes && s.Not
	}
	return passes
}

// form returns an event as the sink gets it.
func (r *route) form(event []byte) ([]byte, error) {
	if r.shape == nil {
		return event, nil
	}
	return r.shape.apply(event)
}
