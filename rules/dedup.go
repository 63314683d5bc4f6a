package rules

import (
	"crypto/sha256"
	"encoding/binary"
	"time"

	"github.com/killdeer-mcp/killdeer/sdk"
)

// maxRemembered bounds how many detections the deduplication remembers. Beyond
// it the least recently used is forgotten, and its next repetition is reported.
const maxRemembered = 1 << 16

// dedup remembers when a detection was first made: rule, source and subject. The
// first hit is reported, the others are swallowed until the rule's time has
// passed since the first; the next one then is a first again.
type dedup struct {
	first   *lru[fingerprint, int64] // nanoseconds of the event's time
	limit   int
	evicted uint64
}

type fingerprint [16]byte

func newDedup() *dedup {
	return &dedup{first: newLRU[fingerprint, int64](), limit: maxRemembered}
}

// fresh reports whether the hit is a first, and remembers it if so.
func (d *dedup) fresh(f fingerprint, at time.Time, over time.Duration) bool {
	if d.repeats(f, at, over) {
		return false
	}
	d.remember(f, at.UnixNano())
	return true
}

// repeats reports whether a hit would be a repetition.
func (d *dedup) repeats(f fingerprint, at time.Time, over time.Duration) bool {
	t := d.first.peek(f)
	if t == nil || abs(at.UnixNano()-*t) >= int64(over) {
		return false
	}
	d.first.use(f)
	return true
}

func (d *dedup) remember(f fingerprint, now int64) {
	*d.first.use(f) = now
	if d.first.len() > d.limit {
		d.first.remove(d.first.oldest())
		d.evicted++
	}
}

// source returns the event's value for a rule's Dedup.By. An event without one is
// told apart by its actor, then by its address.
func source(ev *sdk.Event, by string) string {
	for _, v := range [...]string{groupings[by](ev), ev.Actor, ev.IP} {
		if v != "" {
			return v
		}
	}
	return ""
}

// digest hashes parts so that no two lists of parts look the same.
func digest(parts ...string) [sha256.Size]byte {
	var usual [512]byte
	all := usual[:0]
	for _, p := range parts {
		all = append(binary.BigEndian.AppendUint64(all, uint64(len(p))), p...)
	}
	return sha256.Sum256(all)
}

func abs(n int64) int64 { return max(n, -n) }
