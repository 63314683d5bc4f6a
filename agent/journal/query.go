package journal

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/killdeer-mcp/killdeer/sdk"
)

const (
	defaultLimit = 50
	maxLimit     = 1000
	maxExamined  = 100_000  // events looked at for one page
	timedStep    = 256      // events copied at once when times will refuse some
	maxPageBytes = 32 << 20 // of records in one page, the last one not counted
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
	for !w.done {
		if err := ctx.Err(); err != nil {
			return Page{}, err
		}
		var found []stored
		recent := j.store.tail.pick(w.terms)
		err := j.store.view(func(tx *bolt.Tx) (err error) {
			found, err = w.step(tx, recent)
			return err
		})
		if err != nil {
			return Page{}, fmt.Errorf("query journal: %w", err)
		}
		w.take(found)
	}
	return w.page, nil
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

// source opens the query's terms in tx, which must be younger than recent.
func (w *walk) source(tx *bolt.Tx, recent map[string]listed) source {
	one := func(t string) source { return anyOf{recent[t], newTermSource(tx, t)} }
	all := allOf{through(lastSeq(tx))}
	for _, alternatives := range w.terms {
		var some anyOf
		for _, t := range alternatives {
			some = append(some, one(t))
		}
		all = append(all, some)
	}
	if !w.q.To.IsZero() {
		all = append(all, upTo(tx, w.q.To, one(lateTerm)))
	}
	return all
}

// lowest returns the lowest number that can match.
func (w *walk) lowest(tx *bolt.Tx) uint64 {
	if w.q.From.IsZero() {
		return firstSeq(tx)
	}
	return max(firstSeq(tx), notBefore(tx, w.q.From))
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

// step copies out the next candidates.
func (w *walk) step(tx *bolt.Tx, recent map[string]listed) (found []stored, err error) {
	src, low, want := w.source(tx, recent), w.lowest(tx), w.wanted()
	bytes := 0
	for high := w.below - 1; len(found) < want && bytes < maxReadBytes; {
		seq, err := src.atMost(high)
		if err != nil {
			return nil, err
		}
		if seq < low {
			w.done = true
			break
		}
		rec := tx.Bucket(bucketEvents).Get(be64(seq))
		found = append(found, stored{seq: seq, rec: slices.Clone(rec)})
		bytes += len(rec)
		high = seq - 1
	}
	return found, nil
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
