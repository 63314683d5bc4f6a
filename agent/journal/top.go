package journal

import (
	"cmp"
	"container/heap"
	"encoding/json"
	"fmt"
	"slices"
)

// topSize is how many values of a field a segment counts. Clients choose most
// values: beyond this many, the count of a value may be too high by at most one
// in topSize of the segment's events, and a value that is in more of them than
// that is always listed. Metwally, Agrawal and El Abbadi 2005, "Space-Saving".
const topSize = 512

// top counts the most frequent values of one field in bounded memory.
type top struct {
	slots map[string]*slot
	queue slotHeap // built once there are topSize
}

type slot struct {
	name  string
	n     uint64
	over  uint64 // by how much n may be too high
	index int
}

func newTop() *top { return &top{slots: make(map[string]*slot)} }

// add counts a value, which is cut to what a term may hold.
func (t *top) add(name string, n uint64) {
	if name == "" {
		return
	}
	if name = asStored(name); len(name) > maxTerm {
		name = name[:maxTerm]
	}
	t.count(name, n, 0)
}

func (t *top) count(name string, n, over uint64) {
	if s := t.slots[name]; s != nil {
		s.n += n
		s.over += over
		if t.queue != nil {
			heap.Fix(&t.queue, s.index)
		}
		return
	}
	if len(t.slots) < topSize {
		t.slots[name] = &slot{name: name, n: n, over: over}
		return
	}
	t.replace(name, n, over)
}

// replace gives the place of the rarest value to another one.
func (t *top) replace(name string, n, over uint64) {
	if t.queue == nil {
		for _, s := range t.slots {
			s.index = len(t.queue)
			t.queue = append(t.queue, s)
		}
		heap.Init(&t.queue)
	}
	s := t.queue[0]
	delete(t.slots, s.name)
	s.name, s.n, s.over = name, s.n+n, s.n+over
	t.slots[name] = s
	heap.Fix(&t.queue, 0)
}

// merge adds another segment's counts, the frequent ones first.
func (t *top) merge(o *top) {
	for _, c := range o.list(topSize) {
		t.count(c.Name, c.Count, c.Over)
	}
}

func (t *top) clone() *top {
	c := newTop()
	for name, s := range t.slots {
		c.slots[name] = &slot{name: name, n: s.n, over: s.over}
	}
	return c
}

// list returns the n most frequent values.
func (t *top) list(n int) []Count {
	all := make([]Count, 0, len(t.slots))
	for _, s := range t.slots {
		all = append(all, Count{Name: s.name, Count: s.n, Over: s.over})
	}
	slices.SortFunc(all, func(a, b Count) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Name, b.Name))
	})
	return all[:min(n, len(all))]
}

// MarshalJSON stores the counts.
func (t *top) MarshalJSON() ([]byte, error) { return json.Marshal(t.list(topSize)) }

// UnmarshalJSON reads stored counts.
func (t *top) UnmarshalJSON(b []byte) error {
	var all []Count
	if err := json.Unmarshal(b, &all); err != nil {
		return err
	}
	if len(all) > topSize {
		return fmt.Errorf("%d values, at most %d", len(all), topSize)
	}
	*t = *newTop()
	for _, c := range all {
		t.count(c.Name, c.Count, c.Over)
	}
	return nil
}

// slotHeap has the rarest value first.
type slotHeap []*slot

func (h slotHeap) Len() int           { return len(h) }
func (h slotHeap) Less(i, j int) bool { return h[i].n < h[j].n }
func (h slotHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}
func (h *slotHeap) Push(x any) { *h = append(*h, x.(*slot)) }
func (h *slotHeap) Pop() any {
	old := *h
	s := old[len(old)-1]
	*h = old[:len(old)-1]
	return s
}
