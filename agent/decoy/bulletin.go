package decoy

import (
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/killdeer-mcp/killdeer/sdk"
	"github.com/killdeer-mcp/killdeer/sdk/guest"
)

const (
	maxPosted    = 4096        // announcements whose time has not come; more are dropped
	maxOwnPosted = 64          // of one source
	maxListeners = 20_000      // who can hear announcements at once
	bulletinTick = time.Second // resources change no more often
)

// listening is somebody who hears what changes: a session of the legacy era, a
// subscriptions/listen request of the modern one. Who it is told to decides by
// source: what one source's calls change, no other source may notice.
type listening struct {
	source  string
	changed func(list string) bool // whether tools, prompts or resources is of interest
	updated func(uri string) bool
	send    func(method string, params []byte)
}

// bulletins tell listeners what changed.
type bulletins struct {
	mu        sync.Mutex
	listeners map[string]map[*listening]struct{} // by source
	count     int
	posted    map[string]int // by source
	waiting   int            // of all of them
	done      bool
}

func newBulletins() *bulletins {
	return &bulletins{listeners: map[string]map[*listening]struct{}{}, posted: map[string]int{}}
}

// listen adds a listener until stop is called, and calls first, if there is one,
// before it can hear anything. ok is false when there are too many.
func (b *bulletins) listen(l *listening, first func()) (stop func(), ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.count >= maxListeners {
		return func() {}, false
	}
	if first != nil {
		first() // under the lock: who has heard it misses nothing
	}
	if b.listeners[l.source] == nil {
		b.listeners[l.source] = map[*listening]struct{}{}
	}
	b.listeners[l.source][l] = struct{}{}
	b.count++
	return sync.OnceFunc(func() { b.leave(l) }), true
}

func (b *bulletins) leave(l *listening) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.count--
	delete(b.listeners[l.source], l)
	if len(b.listeners[l.source]) == 0 {
		delete(b.listeners, l.source)
	}
}

// post has a change announced to the listeners of a source when it is due.
func (b *bulletins) post(source string, due time.Time, n sdk.Notice) {
	wait := time.Until(due)
	if wait <= 0 {
		b.announce(source, n)
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.waiting >= maxPosted || b.posted[source] >= maxOwnPosted || b.done {
		return
	}
	b.waiting++
	b.posted[source]++
	time.AfterFunc(wait, func() {
		b.mu.Lock()
		b.waiting--
		if b.posted[source]--; b.posted[source] == 0 {
			delete(b.posted, source)
		}
		b.mu.Unlock()
		b.announce(source, n)
	})
}

// announce tells the listeners of a source, or all when it is "".
func (b *bulletins) announce(source string, n sdk.Notice) {
	if b.closed() {
		return
	}
	for _, l := range b.audience(source) {
		switch {
		case n.Changed != "" && l.changed(n.Changed):
			l.send("notifications/"+n.Changed+"/list_changed", nil)
		case n.Updated != "" && l.updated(n.Updated):
			var w guest.Writer
			l.send("notifications/resources/updated", w.Obj().Key("uri").Str(n.Updated).End().Bytes())
		}
	}
}

func (b *bulletins) audience(source string) []*listening {
	b.mu.Lock()
	defer b.mu.Unlock()
	if source != "" {
		return slices.Collect(maps.Keys(b.listeners[source]))
	}
	out := make([]*listening, 0, b.count)
	for _, of := range b.listeners {
		out = slices.AppendSeq(out, maps.Keys(of))
	}
	return out
}

// close drops what is still to be announced.
func (b *bulletins) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.done = true
}

func (b *bulletins) closed() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.done
}

// tick announces the resources whose time to change came since last. A resource
// changes at the multiples of its interval, for everybody at once.
func (b *bulletins) tick(resources []sdk.Resource, last, now time.Time) {
	for _, r := range resources {
		if r.Every > 0 && now.Truncate(r.Every).After(last) {
			b.announce("", sdk.Notice{Updated: r.URI})
		}
	}
}
