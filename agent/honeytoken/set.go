// Package honeytoken recognises honeytokens in recorded requests.
//
// A [Set] learns each token from the event that records it, and says of a later
// request which tokens it carries, where, and to whom they were given first. It
// searches what the event has of the request, raw and decoded, within fixed
// bounds.
//
// It does not mint tokens (package persona does), does not decide what a match
// means (a rule does), and stores nothing: whoever holds a Set fills it from the
// journal.
package honeytoken

import (
	"slices"
	"time"

	"github.com/killdeer-mcp/killdeer/persona/canary"
	"github.com/killdeer-mcp/killdeer/sdk"
)

const (
	maxTokens  = 200_000 // of which the newer half is kept when there is one more
	maxOrigins = 16      // clients of a token that are remembered, the first always
	maxSeen    = 32      // tokens that are reported of one request
)

// Origin is a client that was given a token, and the event that records it.
type Origin struct {
	Session, Actor, IP string
	Event              string
	Time               time.Time
}

// Set is the tokens that were handed out. It is not safe for concurrent use.
type Set struct {
	limit  int
	finder *canary.Finder
	tokens []token // by the finder's references
	by     map[string]int
}

type token struct {
	sdk.Canary
	origins []Origin
}

// New returns an empty set.
func New() *Set { return newSet(maxTokens) }

func newSet(limit int) *Set {
	return &Set{limit: limit, finder: canary.NewFinder(1024), by: map[string]int{}}
}

// Len is how many tokens are known.
func (s *Set) Len() int { return len(s.tokens) }

// Learn adds a token, or another client of a known one.
func (s *Set) Learn(c sdk.Canary, o Origin) {
	if c.Value == "" {
		return
	}
	if i, ok := s.by[c.Value]; ok {
		t := &s.tokens[i]
		if len(t.origins) < maxOrigins && !slices.ContainsFunc(t.origins, func(p Origin) bool { return p.Session == o.Session && p.Actor == o.Actor }) {
			t.origins = append(t.origins, o)
		}
		return
	}
	if len(s.tokens) >= s.limit {
		s.forget()
	}
	s.add(token{c, []Origin{o}})
}

func (s *Set) add(t token) {
	if s.finder.Len() > 0 && s.finder.Len()&(s.finder.Len()-1) == 0 {
		s.grow() // its filter is made for a number of tokens
	}
	s.by[t.Value] = len(s.tokens)
	s.index(&t, len(s.tokens))
	s.tokens = append(s.tokens, t)
}

func (s *Set) index(t *token, ref int) {
	for _, n := range canary.Needles(t.Kind, t.Value) {
		s.finder.Add(n, ref)
	}
}

// grow makes a finder for twice as many.
func (s *Set) grow() {
	s.finder = canary.NewFinder(max(1024, 2*s.finder.Len()))
	for i := range s.tokens {
		s.index(&s.tokens[i], i)
	}
}

// forget leaves the newer half.
func (s *Set) forget() {
	kept := slices.Clone(s.tokens[len(s.tokens)/2:])
	*s = *newSet(s.limit)
	for _, t := range kept {
		s.add(t)
	}
}

// Seen returns the tokens that a request carries, nil for none: each once, where
// it stands most tellingly.
func (s *Set) Seen(ev *sdk.Event) []sdk.CanarySeen {
	if len(s.tokens) == 0 {
		return nil
	}
	q := &search{set: s, left: maxTotal}
	for p := range parts(ev) {
		if q.left <= 0 || len(q.found) >= maxSeen {
			break
		}
		q.part(p)
	}
	return q.report(ev)
}

// seen describes a found token as it is for the request that carries it.
func (t *token) seen(h hit, ev *sdk.Event) sdk.CanarySeen {
	first := t.origins[0]
	c := sdk.CanarySeen{
		CanaryRef: sdk.CanaryRef{ID: t.ID, Kind: t.Kind, Label: t.Label}, Scope: t.Scope,
		OriginSession: first.Session, OriginActor: first.Actor, OriginIP: first.IP, OriginEvent: first.Event, OriginTime: first.Time,
		Position: h.position, Encoding: h.encoding, Credential: h.credential, Partial: h.partial,
	}
	for _, o := range t.origins {
		c.SameActor = c.SameActor || o.Actor != "" && o.Actor == ev.Actor
		c.SameIP = c.SameIP || o.IP != "" && o.IP == ev.IP
		c.SameSession = c.SameSession || o.sessionOf(ev)
	}
	return c
}

// sessionOf reports whether the request is of the session that was given the
// token. Requests without sessions are one session of their actor; what a persona
// describes is given to everybody.
func (o Origin) sessionOf(ev *sdk.Event) bool {
	if o.Session != "" || ev.Session != "" && o.Actor != "" {
		return o.Session == ev.Session
	}
	return o.Actor == "" || o.Actor == ev.Actor
}
