package dashboard

import (
	"fmt"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/labstack/echo/v4"

	"github.com/killdeer-mcp/killdeer/sdk"
)

// Bounds of what may be asked for.
const (
	defaultLimit = 100
	maxLimit     = 1000
	maxOffset    = 10_000 // beyond it a cursor finds the way without counting
	maxText      = 2048   // characters of a filter
	maxShown     = 40     // bytes of a wrong value that an error repeats
)

// params reads the parameters of a request. The first fault is kept: [params.end]
// returns it, and one for a parameter that nobody asked for.
type params struct {
	values url.Values
	known  []string
	err    error
}

func parameters(c echo.Context) *params {
	values, err := url.ParseQuery(c.Request().URL.RawQuery)
	p := &params{values: values}
	if err != nil {
		p.err = problem(http.StatusBadRequest, "the query string is not URL-encoded")
	}
	return p
}

func (p *params) fault(format string, args ...any) {
	if p.err == nil {
		p.err = problem(http.StatusBadRequest, fmt.Sprintf(format, args...))
	}
}

// text returns a parameter, "" when it is absent or empty: forms send empty ones.
func (p *params) text(name string) string {
	text, _ := p.given(name)
	return text
}

// given returns a parameter, and whether it is there.
func (p *params) given(name string) (text string, ok bool) {
	p.known = append(p.known, name)
	all := p.values[name]
	if len(all) == 0 {
		return "", false
	}
	if len(all) > 1 {
		p.fault("parameter %q is there %d times", name, len(all))
	}
	if utf8.RuneCountInString(all[0]) > maxText || !utf8.ValidString(all[0]) {
		p.fault("parameter %q: want at most %d characters of UTF-8", name, maxText)
		return "", false
	}
	return all[0], true
}

func (p *params) number(name string, absent, low, high int) int {
	text, ok := p.given(name)
	if !ok {
		return absent
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < low || n > high {
		p.fault("parameter %q: want a number from %d to %d, got %s", name, low, high, shown(text))
		return absent
	}
	return n
}

// capped is a number from 1 on, of which more than most means most.
func (p *params) capped(name string, absent, most int) int {
	return min(p.number(name, absent, 1, math.MaxInt32), most)
}

func (p *params) time(name string) time.Time {
	text, ok := p.given(name)
	if !ok {
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		p.fault("parameter %q: want a time such as 2026-11-20T14:03:00Z (RFC 3339), got %s", name, shown(text))
	}
	if err == nil && t.IsZero() {
		t = t.Add(1) // the zero time stands for none
	}
	return t
}

func (p *params) oneOf(name string, want ...string) string {
	text, ok := p.given(name)
	if ok && !slices.Contains(want, text) {
		p.fault("parameter %q: want one of %s, got %s", name, strings.Join(want, ", "), shown(text))
	}
	return text
}

// cursor returns the number that the cursor of the page before stands for.
func (p *params) cursor() uint64 {
	text, ok := p.given("cursor")
	if !ok {
		return 0
	}
	n, err := strconv.ParseUint(text, 10, 63)
	if err != nil || n == 0 {
		p.fault("parameter %q: want what the page before has as \"next\", got %s", "cursor", shown(text))
	}
	return n
}

// end returns what was wrong.
func (p *params) end() error {
	for name := range p.values {
		if !slices.Contains(p.known, name) {
			p.fault("unknown parameter %s: want %s", shown(name), strings.Join(p.known, ", "))
		}
	}
	return p.err
}

func shown(s string) string {
	if len(s) > maxShown {
		s = strings.ToValidUTF8(s[:maxShown], "") + "..."
	}
	return strconv.QuoteToASCII(s)
}

var severities = []string{
	string(sdk.SeverityInfo), string(sdk.SeverityLow), string(sdk.SeverityMedium), string(sdk.SeverityHigh), string(sdk.SeverityCritical),
}

// filters reads the filters that all lists of events have.
func (p *params) filters() Query {
	return Query{
		IP: p.text("ip"), Tool: p.text("tool"), MCPMethod: p.text("mcp_method"), Session: p.text("session_id"),
		Actor: p.text("actor"), From: p.time("from"), To: p.time("to"),
	}
}

// ofDetections reads those that only detections have.
func (p *params) ofDetections(q *Query) {
	q.Rule = p.text("rule_id")
	q.Severity = sdk.Severity(p.oneOf("severity", severities...))
	q.MinSeverity = sdk.Severity(p.oneOf("min_severity", severities...))
}

// anyKind asks for events of every kind.
const anyKind = "all"

// kind reads the kind of event, requests where nothing else is asked for.
func (p *params) kind() sdk.Kind {
	kinds := []string{anyKind}
	for _, k := range sdk.Kinds() {
		kinds = append(kinds, string(k))
	}
	switch kind := p.oneOf("kind", kinds...); kind {
	case "":
		return sdk.KindAccess
	case anyKind:
		return ""
	default:
		return sdk.Kind(kind)
	}
}

// page reads how long a page is and where it begins: how many events behind the
// cursor, or behind the newest.
func (p *params) page(q *Query) (offset int) {
	q.Limit = p.capped("limit", defaultLimit, maxLimit)
	q.Before = p.cursor()
	return p.number("offset", 0, 0, maxOffset)
}
