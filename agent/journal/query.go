package journal

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/killdeer-mcp/killdeer/sdk"
)

const (
	defaultLimit = 50
	maxLimit     = 1000
	maxExamined  = 100_000         // events looked at for one page
	timedStep    = 64              // events copied at once when times will refuse some
	maxPageBytes = 32 << 20        // of records in one page, the last one not counted
	maxQuery     = 2 * time.Second // after it a page ends with what it has
)

// Query asks for events. An empty field asks for nothing; the others must all
// hold. A field of a detection counts like that field of its event.
type Query struct {
	Kind        sdk.Kind
	IP          string
	Tool        string
	MCPMethod   string
	Session     string
	Rule        string // rule id of a detection
	Actor       string
	Outcome     string
	Severity    sdk.Severity // of a detection, exactly
	MinSeverity sdk.Severity // of a detection, or higher
	From        time.Time    // at or after
	To          time.Time    // before
	Before      uint64       // numbers below it only; where the last page ended
	Limit       int          // 0: 50; at most 1000
}

// Page is one page of a query's answer, newest event first.
type Page struct {
	Events []*sdk.Event
	// Next is the Before of the next page, 0 when this is the last. A page that
	// was costly to find may hold fewer events than asked for, even none, and
	// still have a Next.
	Next uint64
	// Unreadable counts damaged records that may have belonged on this page.
	// [Journal.Read] says which.
	Unreadable int
}

// severities in rising order.
var severities = []sdk.Severity{
	sdk.SeverityInfo, sdk.SeverityLow, sdk.SeverityMedium, sdk.SeverityHigh, sdk.SeverityCritical,
}

// Query returns the newest events that match q.
func (j *Journal) Query(ctx context.Context, q Query) (Page, error) {
	w, err := newWalk(q)
	if err != nil {
		return Page{}, err
	}
	deadline := time.Now().Add(maxQuery)
	for !w.done {
		if err := ctx.Err(); err != nil {
			return Page{}, err
		}
		seg := j.shelf.below(w.below)
		if seg == nil {
			break
		}
		var found []stored
		var spent bool
		err := seg.view(w.terms, func(p part) (err error) {
			found, spent, err = w.step(p)
			return err
		})
		switch {
		case errors.Is(err, errGone) && !j.closed.Load():
			continue
		case errors.Is(err, ErrDamaged) && j.mends(seg):
			w.skip(seg, j.keeper.suspect(seg, err))
			continue
		case err != nil:
			return Page{}, fmt.Errorf("query journal: %w", closing(j, err))
		}
		w.take(found)
		if spent && !w.done {
			w.below = seg.name.base + 1
		}
		if !w.done && time.Now().After(deadline) {
			w.end(w.below)
		}
	}
	return w.page, nil
}

// skip passes over a segment whose index cannot be read.
func (w *walk) skip(seg *segment, lost int) {
	w.page.Unreadable += lost
	w.below = seg.name.base + 1
}

// walk is a query in progress. It reads in steps, each in a short transaction
// of its own, and decodes between them.
type walk struct {
	q        Query
	terms    [][]string // all of: any of
	below    uint64     // numbers from here on were looked at
	examined int
	bytes    int
	page     Page
	done     bool
}

func newWalk(q Query) (*walk, error) {
	switch {
	case q.Limit < 0:
		return nil, fmt.Errorf("%w: limit %d is negative", ErrQuery, q.Limit)
	case q.Limit == 0:
		q.Limit = defaultLimit
	}
	q.Limit = min(q.Limit, maxLimit)
	w := &walk{q: q, below: math.MaxUint64}
	if q.Before > 0 {
		w.below = q.Before
	}
	ofDetections := q.Rule != "" || q.Severity != "" || q.MinSeverity != ""
	if ofDetections && q.Kind != "" && q.Kind != sdk.KindDetection {
		w.done = true // nothing else has them: not worth a search
	}
	var err error
	w.terms, err = queryTerms(q)
	return w, err
}

func queryTerms(q Query) ([][]string, error) {
	if q.Severity != "" && !slices.Contains(severities, q.Severity) {
		return nil, fmt.Errorf("%w: unknown severity %.40q", ErrQuery, q.Severity)
	}
	var all [][]string
	for _, c := range []struct {
		f     field
		value string
	}{
		{fieldRule, q.Rule},
		{fieldSession, q.Session},
		{fieldActor, q.Actor},
		{fieldIP, q.IP},
		{fieldTool, q.Tool},
		{fieldSeverity, string(q.Severity)},
		{fieldMethod, q.MCPMethod},
		{fieldOutcome, q.Outcome},
		{fieldKind, string(q.Kind)},
	} {
		if c.value != "" {
			all = append(all, []string{term(c.f, c.value)})
		}
	}
	if q.MinSeverity == "" {
		return all, nil
	}
	from := slices.Index(severities, q.MinSeverity)
	if from < 0 {
		return nil, fmt.Errorf("%w: unknown severity %.40q", ErrQuery, q.MinSeverity)
	}
	var enough []string
	for _, s := range severities[from:] {
		enough = append(enough, term(fieldSeverity, string(s)))
	}
	return append(all, enough), nil
}

// source opens the query's terms in a segment.
func (w *walk) source(p part) source {
	_, last := p.bounds()
	all := allOf{through(last)}
	for _, alternatives := range w.terms {
		var some anyOf
		for _, t := range alternatives {
			some = append(some, p.term(t))
		}
		if len(some) == 1 {
			all = append(all, some[0])
		} else {
			all = append(all, some)
		}
	}
	if !w.q.To.IsZero() {
		all = append(all, upTo(p, w.q.To))
	}
	return all
}

// lowest returns the lowest number of the segment that can match.
func (w *walk) lowest(p part) uint64 {
	first, _ := p.bounds()
	if w.q.From.IsZero() {
		return first
	}
	return max(first, notBefore(p, w.q.From))
}

// stretch returns the lowest and the highest number of the segment that can still
// match, by their times alone: most segments are not in a query's times.
func (w *walk) stretch(p part) (low, high uint64, err error) {
	_, last := p.bounds()
	low, high = w.lowest(p), min(w.below-1, last)
	if from, _ := p.times(); !w.q.To.IsZero() && !from.IsZero() && !from.Before(w.q.To) {
		return low, 0, nil // not even a late one
	}
	if w.q.To.IsZero() || high < low {
		return low, high, nil
	}
	for n, err := range falling(upTo(p, w.q.To), high) {
		return low, n, err
	}
	return low, 0, nil
}

// wanted is how many candidates to copy: one more than the page has room for,
// which shows whether there is a next page, and more where times will refuse some.
func (w *walk) wanted() int {
	n := w.q.Limit + 1 - len(w.page.Events)
	if w.q.From.IsZero() && w.q.To.IsZero() {
		return n
	}
	return max(n, timedStep)
}

// step copies out the next candidates of a segment, and reports whether there
// are no more in it.
func (w *walk) step(p part) (found []stored, spent bool, err error) {
	low, high, err := w.stretch(p)
	if err != nil || high < low {
		return nil, true, err
	}
	src, want, bytes := w.source(p), w.wanted(), 0
	for seq, err := range falling(src, high) {
		switch {
		case err != nil:
			return nil, false, err
		case seq < low:
			return found, true, nil
		}
		rec, err := p.record(seq)
		found = append(found, stored{seq: seq, rec: slices.Clone(rec), err: err})
		if bytes += len(rec); len(found) == want || bytes >= maxReadBytes {
			return found, false, nil
		}
	}
	return found, true, nil
}

// take adds candidates to the page, until it is full or has cost enough.
func (w *walk) take(found []stored) {
	for _, s := range found {
		ev, err := s.event()
		match := err == nil && w.inTime(ev.Time)
		if match && (len(w.page.Events) == w.q.Limit || w.bytes >= maxPageBytes) {
			w.end(w.below)
			return
		}
		w.below = s.seq
		w.examined++
		switch {
		case err != nil:
			w.page.Unreadable++
		case match:
			w.page.Events = append(w.page.Events, ev)
			w.bytes += len(s.rec)
		}
	}
	if !w.done && w.examined >= maxExamined {
		w.end(w.below)
	}
}

// end finishes the page before the events are exhausted.
func (w *walk) end(next uint64) { w.done, w.page.Next = true, next }

func (w *walk) inTime(t time.Time) bool {
	return (w.q.From.IsZero() || !t.Before(w.q.From)) && (w.q.To.IsZero() || t.Before(w.q.To))
}
