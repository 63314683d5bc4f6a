package decoy

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/killdeer-mcp/killdeer/agent/decoy/profile"
	"github.com/killdeer-mcp/killdeer/sdk"
)

// ear hears everything and remembers it.
type ear struct {
	listening
	mu    sync.Mutex
	heard []string
}

func newEar(source string) *ear {
	e := &ear{}
	e.listening = listening{
		source:  source,
		changed: func(string) bool { return true },
		updated: func(uri string) bool { return uri != "doc://quiet" },
		send: func(method string, params []byte) {
			e.mu.Lock()
			defer e.mu.Unlock()
			e.heard = append(e.heard, method+string(params))
		},
	}
	return e
}

// What one source changes, no other hears; what changes by itself, all do.
func TestBulletins(t *testing.T) {
	b := newBulletins()
	mine, theirs := newEar("a"), newEar("b")
	stop, _ := b.listen(&mine.listening, nil)
	b.listen(&theirs.listening, nil)
	b.post("a", time.Now(), sdk.Notice{Changed: "tools"})
	b.announce("a", sdk.Notice{Updated: "doc://quiet"})
	b.announce("nobody", sdk.Notice{Changed: "tools"})
	b.announce("", sdk.Notice{Updated: "doc://x"})
	stop()
	stop()
	b.announce("a", sdk.Notice{Changed: "prompts"})
	all := `notifications/resources/updated{"uri":"doc://x"}`
	if got := strings.Join(mine.heard, " "); got != "notifications/tools/list_changed "+all {
		t.Errorf("a heard %s", got)
	}
	if got := strings.Join(theirs.heard, " "); got != all {
		t.Errorf("b heard %s", got)
	}
	if b.count != 1 || len(b.listeners) != 1 {
		t.Errorf("%d listeners of %d sources are left", b.count, len(b.listeners))
	}
}

func TestBulletinLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBulletins()
		e := newEar("a")
		b.listen(&e.listening, nil)
		for range maxOwnPosted + 5 {
			b.post("a", time.Now().Add(time.Minute), sdk.Notice{Changed: "tools"})
		}
		for i := range maxPosted {
			b.post(fmt.Sprint(i), time.Now().Add(time.Minute), sdk.Notice{Changed: "tools"})
		}
		b.mu.Lock()
		if b.waiting != maxPosted {
			t.Errorf("%d wait, want %d", b.waiting, maxPosted)
		}
		b.mu.Unlock()
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if len(e.heard) != maxOwnPosted || b.waiting != 0 || len(b.posted) != 0 {
			t.Errorf("heard %d, %d of %d sources still to come", len(e.heard), b.waiting, len(b.posted))
		}
		b.post("a", time.Now().Add(time.Minute), sdk.Notice{Changed: "tools"})
		b.close()
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if len(e.heard) != maxOwnPosted {
			t.Error("something was told after the end")
		}
	})
	b := newBulletins()
	for i := range maxListeners {
		if _, ok := b.listen(&newEar(fmt.Sprint(i)).listening, nil); !ok {
			t.Fatalf("listener %d was refused", i)
		}
	}
	if stop, ok := b.listen(&newEar("more").listening, nil); ok || b.count != maxListeners {
		t.Error("one listener too many")
	} else {
		stop()
	}
	if b.count != maxListeners {
		t.Error("who was refused left all the same")
	}
}

// A resource changes at the multiples of its interval.
func TestBulletinTick(t *testing.T) {
	b := newBulletins()
	e := newEar("a")
	b.listen(&e.listening, nil)
	resources := []sdk.Resource{{URI: "doc://never"}, {URI: "doc://5s", Every: 5 * time.Second}}
	at := time.Unix(1000, 0)
	for range 11 {
		b.tick(resources, at, at.Add(time.Second))
		at = at.Add(time.Second)
	}
	if len(e.heard) != 2 {
		t.Errorf("heard %q in 11 s", e.heard)
	}
}

// events is a recorder.
type events struct {
	mu  sync.Mutex
	all []*sdk.Event
}

func (e *events) Record(ev *sdk.Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.all = append(e.all, ev)
}

func (e *events) list() []*sdk.Event {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.all)
}

// The first over a limit are recorded one by one, the others as one count, and
// the next period begins anew. Sources are told apart.
func TestFloods(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rec := &events{}
		s := New(Options{Profile: profile.Strict{}, Recorder: rec, Backend: answers(nil), Log: slog.New(slog.DiscardHandler)})
		s.wg.Go(s.reportFloods)
		keep := func(n int, ip string, code profile.Code) {
			for range n {
				ev := s.newEvent(time.Now(), "http")
				ev.IP, ev.Outcome = ip, string(code)
				s.keep(ev, code)
			}
		}
		keep(floodFirst+5, "192.0.2.1", profile.BodyTooLarge)
		keep(floodFirst, "192.0.2.2", profile.BodyTooLarge)
		keep(floodFirst+5, "192.0.2.1", profile.ParseError)
		if n := len(rec.list()); n != 3*floodFirst+5 {
			t.Errorf("%d events, want %d", n, 3*floodFirst+5)
		}
		time.Sleep(floodPeriod + floodTick)
		synctest.Wait()
		all := rec.list()
		last := all[len(all)-1]
		if len(all) != 3*floodFirst+6 || last.Notes["requests"] != "5" || last.IP != "192.0.2.1" || last.Outcome != "body_too_large" {
			t.Errorf("%d events, the last %+v", len(all), last)
		}
		keep(1, "192.0.2.1", profile.BodyTooLarge)
		if len(rec.list()) != 3*floodFirst+7 {
			t.Error("a new period does not begin anew")
		}
		s.end(nil)
		s.wg.Wait()
	})
}
