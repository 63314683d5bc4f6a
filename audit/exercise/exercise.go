// Package exercise drives one life of an MCP server: it shakes hands, lists what
// the server offers, calls all of it in many ways, answers what the server asks,
// lists again, and records everything in an [evidence.Pass] with the phases it
// came in.
//
// It starts and ends no process, traces nothing and judges nothing. The server is
// taken to be hostile: it may be silent, print junk, flood, answer 100 MB, list
// without end or go away, and none of it costs more than its limits.
package exercise

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
	"golang.org/x/sys/unix"

	"github.com/killdeer-mcp/killdeer/audit/evidence"
)

// Era is how a server is greeted.
type Era string

// The eras.
const (
	Legacy Era = "legacy" // initialize, asking for 2025-11-25
	Modern Era = "modern" // server/discover, 2026-07-28
)

// Answers is what the server is told when it asks for roots, sampling or input.
type Answers string

// The ways to answer.
const (
	AnswerCanaries Answers = "canaries" // with planted values
	AnswerDecline  Answers = "decline"  // it is able to, but will not
	AnswerNone     Answers = "none"     // it is not able to
)

// Options are the circumstances of a life. The zero value of a field is its
// default; most are shorter with Quick.
type Options struct {
	Era           Era           // Legacy
	Client        string        // clientInfo.name; "mcp-client"
	ClientVersion string        // "1.0.0"
	Quick         bool          // fewer cases, less patience
	ListOnly      bool          // nothing is called: for servers whose acts are real
	ReadOnly      bool          // of the tools, only those are called that say readOnlyHint
	Orderly       bool          // tools that make things are called before those that look at them and those that remove them
	Untyped       bool          // completions are asked for with nothing typed, rather than an "a"
	InitTimeout   time.Duration // for initialize: 30 s, quick 10 s; server/discover has 5 s
	CallTimeout   time.Duration // for the first call of each thing: 15 s, quick 4 s
	Patience      time.Duration // for its other calls, or twice its slowest reply: 3 s, quick 1 s
	Drain         time.Duration // wait behind the last call of each thing: 500 ms, quick 100 ms; all together at most 10 s
	Gap           time.Duration // wait behind its other calls: 50 ms, quick 10 ms
	Idle          time.Duration // length of each idle phase: 1 s, quick 200 ms
	Budget        time.Duration // for all calls together; 0: only the context ends them
	MaxCalls      int           // 400, quick 150; each tool has at least 3
	Cases         []string      // which cases to try of tools; nil: all, quick some
	Seed          uint64
	Asked         []*evidence.Call  // of earlier lives of the server: what they were of is not called again
	Answers       Answers           // AnswerCanaries
	Roots         []string          // folders the server may use, as it sees them
	Canaries      []evidence.Canary // of this pass. Those of kind argument and answer are used; all are known again in arguments
	MarkerDir     string            // where payload probes make their files, as the server sees it; empty: no payload probes
	CanaryPath    string            // a file inside a root that looks secret; .env in the first root
	SinkURL       string            // "http://files.example.com/" and a word
}

const (
	maxDrains       = 10 * time.Second
	discoverTimeout = 5 * time.Second
)

// withDefaults fills in what is not set.
func (o Options) withDefaults() Options {
	pick := func(d *time.Duration, normal, quick time.Duration) {
		if *d == 0 {
			*d = normal
			if o.Quick {
				*d = quick
			}
		}
	}
	pick(&o.InitTimeout, 30*time.Second, 10*time.Second)
	pick(&o.CallTimeout, 15*time.Second, 4*time.Second)
	pick(&o.Patience, 3*time.Second, time.Second)
	pick(&o.Drain, 500*time.Millisecond, 100*time.Millisecond)
	pick(&o.Gap, 50*time.Millisecond, 10*time.Millisecond)
	pick(&o.Idle, time.Second, 200*time.Millisecond)
	or := func(s *string, otherwise string) {
		if *s == "" {
			*s = otherwise
		}
	}
	or((*string)(&o.Era), string(Legacy))
	or((*string)(&o.Answers), string(AnswerCanaries))
	or(&o.Client, "mcp-client")
	or(&o.ClientVersion, "1.0.0")
	or(&o.SinkURL, "http://files.example.com/"+word(o.Seed, "sink"))
	if len(o.Roots) > 0 {
		or(&o.CanaryPath, o.Roots[0]+"/.env")
	}
	if o.MaxCalls == 0 {
		o.MaxCalls = 400
		if o.Quick {
			o.MaxCalls = 150
		}
	}
	if o.Cases == nil {
		o.Cases = allCases
		if o.Quick {
			o.Cases = quickCases
		}
	}
	return o
}

// Canaries are planted values for arguments and answers, which follow from the
// seed and the pass's name. They go into [Options] and into the audit.
func Canaries(seed uint64, pass string) []evidence.Canary {
	var out []evidence.Canary
	for _, c := range []struct{ id, kind, source string }{
		{"argument:text/1", "argument", "an argument"},
		{"answer:elicitation/1", "answer", "the answer to elicitation/create"},
		{"answer:sampling/1", "answer", "the answer to sampling/createMessage"},
	} {
		out = append(out, evidence.Canary{
			ID: c.id, Pass: pass, Kind: c.kind, Source: c.source,
			Values: []string{word(seed, pass+"/"+c.id)},
		})
	}
	return out
}

// word is a value of 20 letters and digits that nobody else writes.
func word(seed uint64, of string) string {
	h := hmac.New(sha256.New, binary.BigEndian.AppendUint64(nil, seed))
	h.Write([]byte(of))
	return strings.ToLower(base32.StdEncoding.EncodeToString(h.Sum(nil))[:20])
}

// Monotonic is the time of CLOCK_MONOTONIC in nanoseconds, which is what
// observations and spans are told in.
func Monotonic() int64 {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		panic("exercise: no monotonic clock: " + err.Error())
	}
	return ts.Nano()
}

// Session is a connection to one life of a server. Use it from one goroutine. The
// pass that it records may be read when Close has returned.
type Session struct {
	opts Options
	peer *peer
	conn mcp.Connection

	mu   sync.Mutex // guards what the reading goroutine also touches: the pass and what follows
	pass *evidence.Pass
	kept kept
	call int // number of the call under way, 0 for none
	// changed says that the server has announced another list.
	changed bool

	capabilities map[string]json.RawMessage
	catalog      catalog
	pool         *pool
	stop         error // why nothing more is asked of the server
	silent       int   // calls in a row without a reply
}

// Open shakes hands with the server behind a transport. The pass's clock begins
// now unless the caller has set it. On an error everything is closed; it wraps
// [ErrNotModern] if a server should be started again and greeted as [Legacy].
func Open(ctx context.Context, transport mcp.Transport, opts Options, pass *evidence.Pass) (*Session, error) {
	opts = opts.withDefaults()
	if pass.Clock.MonoNS == 0 {
		pass.Clock.MonoNS, pass.Begin = Monotonic(), time.Now()
	}
	pass.Client = opts.Client
	conn, err := transport.Connect(ctx)
	if err != nil {
		return nil, fmt.Errorf("connect to the server: %w", err)
	}
	s := &Session{opts: opts, conn: conn, pass: pass, pool: newPool()}
	s.peer = newPeer(ctx, conn, s)
	if err := s.handshake(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	s.ended(evidence.Startup, 0, pass.Clock.MonoNS)
	return s, nil
}

// Exercise lists, calls and lists again. What went wrong with the server stands
// in the pass's faults. It returns when ctx or the budget ends, at the latest.
func (s *Session) Exercise(ctx context.Context) {
	s.phase(evidence.ReadyIdle, 0, func() { s.wait(ctx, s.opts.Idle) })
	s.phase(evidence.List, 0, func() { s.list(ctx, evidence.List) })
	if !s.opts.ListOnly && s.stop == nil {
		s.callAll(ctx)
		s.phase(evidence.Idle, 0, func() { s.wait(ctx, s.opts.Idle) })
	}
	s.relistTwice(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.stop != nil:
		s.fault(s.stop.Error())
	case ctx.Err() != nil:
		s.fault("the time of the pass ended: " + context.Cause(ctx).Error())
	}
}

// Ended reports whether the server has ended the connection. Ask before Hangup.
func (s *Session) Ended() bool {
	select {
	case <-s.peer.ended:
		return true
	default:
		return false
	}
}

// asked reports whether an earlier life of the server was asked for something.
func (s *Session) asked(kind, name string) bool {
	return slices.ContainsFunc(s.opts.Asked, func(c *evidence.Call) bool { return c.Kind == kind && c.Name == name })
}

// Hangup closes the server's standard input, which asks it to end, and goes on
// reading what it writes. Over HTTP it does nothing.
func (s *Session) Hangup() error {
	if c, ok := s.conn.(interface{ closeInput() error }); ok {
		return c.closeInput()
	}
	return nil
}

// Closed is closed when the server has closed its output.
func (s *Session) Closed() <-chan struct{} { return s.peer.ended }

// Close ends the connection and waits for its goroutines. It may be called again.
func (s *Session) Close() error {
	if err := s.peer.close(); err != nil {
		return fmt.Errorf("close the connection to the server: %w", err)
	}
	return nil
}

// phase runs a phase and records its span.
func (s *Session) phase(p evidence.Phase, call int, do func()) {
	from := Monotonic()
	do()
	s.ended(p, call, from)
}

func (s *Session) ended(p evidence.Phase, call int, from int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pass.Spans = append(s.pass.Spans, evidence.Span{Phase: p, Call: call, From: from, To: Monotonic()})
}

// wait lets time pass, until the server or ctx ends.
func (s *Session) wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	case <-s.peer.ended:
		s.stop = cmp.Or(s.stop, s.peer.cause)
	}
}
