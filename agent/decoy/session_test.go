package decoy

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/killdeer-mcp/killdeer/agent/decoy/profile"
	"github.com/killdeer-mcp/killdeer/sdk"
)

func newTestSession(t *testing.T) *session {
	t.Helper()
	limits := DefaultLimits()
	return newSessions(t.Context(), func() *Limits { return &limits }, func(string) {}).open("a", false, time.Now())
}

func TestSubscriptionLimit(t *testing.T) {
	n := newTestSession(t)
	for i := range maxSubscriptions {
		if !n.subscribe(fmt.Sprint("doc://", i)) {
			t.Fatalf("subscription %d was refused", i)
		}
	}
	if n.subscribe("doc://more") || n.wants("doc://more") {
		t.Error("one too many was taken")
	}
	if !n.subscribe("doc://0") {
		t.Error("one that is there was refused")
	}
	n.unsubscribe("doc://0")
	if n.wants("doc://0") || !n.subscribe("doc://more") {
		t.Error("one that left made no room")
	}
}

func TestAskedLimit(t *testing.T) {
	n := newTestSession(t)
	answers := make(chan *message, 2*maxAsked)
	for i := range maxAsked {
		if id, ok := n.ask(answers); !ok || id != i+1 {
			t.Fatalf("question %d: id %d, %v", i, id, ok)
		}
	}
	if _, ok := n.ask(answers); ok {
		t.Error("one question too many")
	}
	answer := &message{id: sdk.RawJSON("1"), answer: true}
	if !n.answered(answer) || n.answered(answer) {
		t.Error("an answer is taken once")
	}
	n.unask(2)
	if n.answered(&message{id: sdk.RawJSON("2")}) {
		t.Error("an answer that nobody waits for was taken")
	}
	if id, ok := n.ask(answers); !ok || id != maxAsked+1 {
		t.Errorf("after answers: id %d, %v; ids are used once", id, ok)
	}
	for _, id := range []string{`"3"`, "3.0", "03", "-3", "99", ""} {
		if n.answered(&message{id: sdk.RawJSON(id)}) {
			t.Errorf("%s answered question 3", id)
		}
	}
}

// One of several requests with an id can be taken back, whether somebody waits for its
// end or not, its id is free when it is done, and all of them end with the session.
func TestRunning(t *testing.T) {
	n := newTestSession(t)
	begin := func(id string) *requestContext {
		n.slots <- struct{}{}
		return n.begin(&message{id: sdk.RawJSON(id), method: "tools/call"})
	}
	first, again, other := begin("0"), begin("0"), begin("1")
	n.cancel(sdk.RawJSON("0"))
	if first.Err() == nil || again.Err() != nil || other.Err() != nil {
		t.Errorf("cancelled: first %v, same id %v, other %v", first.Err(), again.Err(), other.Err())
	}
	<-first.Done()
	if cause := context.Cause(first); !errors.Is(cause, context.Canceled) {
		t.Errorf("taken back because of %v", cause)
	}
	waits, stop := context.WithCancel(other)
	defer stop()
	n.cancel(sdk.RawJSON("1"))
	<-waits.Done()
	again.done()
	first.done()
	third := begin("0")
	if n.cancel(sdk.RawJSON("0")); third.Err() == nil {
		t.Error("an id is not free when its request is done")
	}
	third.done()
	other.done()
	if len(n.slots) != 0 || len(n.running) != 0 {
		t.Errorf("%d slots are taken and %d requests run when all are done", len(n.slots), len(n.running))
	}

	unwaited, waited := begin("5"), begin("6")
	ended := waited.Done()
	n.close()
	<-ended
	if unwaited.Err() == nil || begin("7").Err() == nil {
		t.Error("a request outlives its session")
	}
}

// Whoever leaves ends the request that somebody waits for, and what is said of it is why;
// one that can be taken up again goes on.
func TestRequestOfOneWhoLeft(t *testing.T) {
	for _, stays := range []bool{false, true} {
		client, leave := context.WithCancel(t.Context())
		r := &reply{a: &arrival{r: httptest.NewRequest("POST", "/mcp", nil).WithContext(client)}}
		r.stays.Store(stays)
		c := &requestContext{parent: t.Context(), reply: r}
		waits, stop := context.WithTimeout(c, time.Minute)
		leave()
		if stays {
			stop()
		}
		<-waits.Done()
		if got := errors.Is(context.Cause(c), errLeft); got == stays {
			t.Errorf("it can be taken up again: %v; it ended because of %v", stays, context.Cause(c))
		}
		c.done()
		if !errors.Is(c.Err(), context.Canceled) {
			t.Errorf("what is done has not ended: %v", c.Err())
		}
		stop()
	}
}

// The oldest stream that nobody reads makes room; when all are read, a new one
// cannot be taken up again.
func TestReplayStreams(t *testing.T) {
	b := newBudget(replayOwner, replayTotal)
	n := newTestSession(t)
	var all []*stream
	for range replayStreams {
		s := newTestStream("", b)
		n.reply(s)
		s.attach(0, &frames{n: 100})
		s.send([]byte("x"))
		all = append(all, s)
	}
	extra := newTestStream("", b)
	if n.reply(extra); extra.name != "" {
		t.Errorf("a ninth stream is %q", extra.name)
	}
	all[2].mu.Lock()
	all[2].cut()
	all[2].mu.Unlock()
	if n.reply(extra); extra.name != "9" || n.find("3") != nil || n.find("9") != extra || n.find("1") != all[0] {
		t.Errorf("after one broke off: %q, 3 is %v", extra.name, n.find("3"))
	}
	n.close()
	if b.used != 0 || len(b.by) != 0 {
		t.Errorf("%d bytes of the budget are lost", b.used)
	}
	late := newTestStream("", b)
	if n.reply(late); late.name != "" || n.find("1") != nil {
		t.Error("a closed session keeps streams")
	}
}

// A session that ends tells who asked to know, also when it has ended already.
func TestSessionClosers(t *testing.T) {
	n := newTestSession(t)
	calls := 0
	n.onClose(func() { calls++ })
	n.close()
	n.onClose(func() { calls++ })
	if calls != 2 {
		t.Errorf("%d calls, want 2", calls)
	}
	select {
	case <-n.deaf.Done():
	default:
		t.Error("who waits for an answer was not told")
	}
}

// A stream that has its name and not yet its connection does not make room for another.
func TestNewStreamIsNotForgotten(t *testing.T) {
	n, kept := newTestSession(t), newBudget(replayOwner, replayTotal)
	named := func() *stream {
		s := &stream{profile: profile.Strict{}, budget: kept}
		n.reply(s)
		return s
	}
	for range replayStreams - 1 {
		named().attach(0, newMailbox())
	}
	s := named()
	named() // finds no place
	box := newMailbox()
	s.attach(0, box)
	if frames, closed := box.take(); len(frames) > 0 || closed {
		t.Fatalf("the stream begins with %q, closed %v", frames, closed)
	}
	if !s.send([]byte(`{}`)) {
		t.Error("the answer reaches nobody")
	}
	if frames, _ := box.take(); len(frames) != 1 {
		t.Errorf("the client gets %q", frames)
	}
}
