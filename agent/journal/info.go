package journal

import (
	"slices"
	"sync"
	"time"
)

const (
	topListed   = 100  // values of a field in [Stats]
	minutesKept = 1440 // of the timeline, back from the newest event
)

// Info says what a journal is made of, and how it is.
type Info struct {
	Dir      string        `json:"dir"`
	Epoch    uint64        `json:"epoch"`
	First    uint64        `json:"first"`
	Last     uint64        `json:"last"`
	Events   uint64        `json:"events"`
	Bytes    int64         `json:"bytes"` // on disk
	Segments []SegmentInfo `json:"segments"`
	Marks    []Mark        `json:"consumers"`
	Aside    []string      `json:"set_aside,omitempty"` // damaged files
	Free     int64         `json:"free_bytes,omitempty"`
	Low      bool          `json:"low_on_space"`
	Reserve  bool          `json:"reserve_held"`
	MaxBytes int64         `json:"max_bytes,omitempty"`
	MaxAge   time.Duration `json:"max_age_ns,omitempty"`
}

// SegmentInfo says what a segment holds.
type SegmentInfo struct {
	Name      string    `json:"name"`
	First     uint64    `json:"first"`
	Last      uint64    `json:"last"`
	Events    uint64    `json:"events"`
	Bytes     int64     `json:"bytes"` // on disk
	From      time.Time `json:"from"`
	To        time.Time `json:"to"`
	Sealed    bool      `json:"sealed"`
	Unindexed uint64    `json:"unindexed,omitempty"` // events that are indexed in memory only
}

// Info describes the journal.
func (j *Journal) Info() (Info, error) {
	i := Info{Dir: j.dir, Epoch: j.epoch, First: j.First(), Last: j.Last(), MaxBytes: j.keeping().MaxBytes, MaxAge: j.keeping().MaxAge}
	for _, seg := range j.shelf.all() {
		s := j.describe(seg)
		i.Events, i.Bytes = i.Events+s.Events, i.Bytes+s.Bytes
		i.Segments = append(i.Segments, s)
	}
	if j.room != nil {
		i.Low, i.Free = j.room.short()
		i.Reserve = j.room.isHeld()
	}
	var err error
	if i.Aside, err = Aside(j.dir); err != nil {
		return i, err
	}
	i.Marks, err = j.Marks()
	return i, err
}

func (j *Journal) describe(seg *segment) SegmentInfo {
	seg.mu.RLock()
	defer seg.mu.RUnlock()
	s := SegmentInfo{Name: seg.name.String(), Bytes: j.sizeOf(seg.name)}
	switch b := seg.body.(type) {
	case *store:
		s.First, s.Last = b.bounds()
		s.Events, s.Unindexed = s.Last+1-s.First, b.tail.length()
		b.tail.mu.RLock()
		s.From, s.To = b.tail.sum.From, b.tail.sum.To
		b.tail.mu.RUnlock()
	case *sealed:
		s.First, s.Last = b.bounds()
		s.Events, s.From, s.To, s.Sealed = b.head.Events, b.head.From, b.head.To, true
	}
	return s
}

// Stats are what the events that are kept add up to. They are counted as events
// come, and stored with each segment: asking costs the same however many there are.
type Stats struct {
	Events     uint64            `json:"events"`
	Lost       uint64            `json:"lost"` // counted by gaps
	Kinds      map[string]uint64 `json:"kinds"`
	Outcomes   map[string]uint64 `json:"outcomes"`
	Severities map[string]uint64 `json:"severities"`

	Tools   []Count `json:"tools"` // the most frequent ones
	Methods []Count `json:"methods"`
	Sources []Count `json:"sources"`
	Rules   []Count `json:"rules"`

	UniqueSources uint64 `json:"unique_sources"`
	Exact         bool   `json:"unique_sources_exact"` // else its standard error is 0.8 %

	Minutes []Minute  `json:"minutes"` // those with events, of the last 24 hours before the newest
	From    time.Time `json:"from"`
	To      time.Time `json:"to"`
}

// Count is how often a value occurred. Where a field has more different values
// than are counted one by one, it may be too high by Over.
type Count struct {
	Name  string `json:"name"`
	Count uint64 `json:"count"`
	Over  uint64 `json:"over,omitempty"`
}

// Minute is a minute of the timeline.
type Minute struct {
	Time       time.Time `json:"time"`
	Events     uint32    `json:"events"` // of kind access
	Detections uint32    `json:"detections"`
}

// sums keeps what the sealed segments add up to, which changes only when their
// set does.
type sums struct {
	mu   sync.Mutex
	of   []*segment
	base *summary
}

// Stats returns what the events add up to. A segment whose numbers are damaged is
// left out.
func (j *Journal) Stats() (Stats, error) {
	var cold, warm []*segment
	for _, seg := range j.shelf.all() {
		if seg.sealed() != nil {
			cold = append(cold, seg)
		} else {
			warm = append(warm, seg)
		}
	}
	sum := j.sums.total(cold)
	for _, seg := range warm {
		s, err := seg.summary()
		if err = j.bearable(seg, err); err != nil {
			return Stats{}, err
		}
		if s != nil {
			sum.merge(s)
		}
	}
	return sum.stats(), nil
}

// total returns the sum of sealed segments, for the caller to change.
func (s *sums) total(cold []*segment) *summary {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.base == nil || len(cold) < len(s.of) || !slices.Equal(s.of, cold[:len(s.of)]) {
		s.base, s.of = newSummary(), nil
	}
	for _, seg := range cold[len(s.of):] {
		if add, err := seg.summary(); err == nil {
			s.base.merge(add)
			s.base.recentOnly()
		}
	}
	s.of = slices.Clone(cold)
	return s.base.clone()
}

// recentOnly drops the minutes that no timeline shows.
func (s *summary) recentOnly() {
	newest := uint64(0)
	for at := range s.Minutes {
		newest = max(newest, at)
	}
	for at := range s.Minutes {
		if at+minutesKept <= newest {
			delete(s.Minutes, at)
		}
	}
}

func (s *summary) stats() Stats {
	s.recentOnly()
	st := Stats{
		Events: s.Events, Lost: s.Lost, Kinds: s.Kinds, Outcomes: s.Outcomes, Severities: s.Severities,
		Tools: s.Tools.list(topListed), Methods: s.Methods.list(topListed), Sources: s.Sources.list(topListed), Rules: s.Rules.list(topListed),
		From: s.From, To: s.To,
	}
	st.UniqueSources, st.Exact = s.Unique.count()
	for at, m := range s.Minutes {
		st.Minutes = append(st.Minutes, Minute{Time: time.Unix(int64(at)*60, 0).UTC(), Events: m[0], Detections: m[1]})
	}
	slices.SortFunc(st.Minutes, func(a, b Minute) int { return a.Time.Compare(b.Time) })
	return st
}
