package ql

import (
	"math/bits"
	"slices"
)

// Budget is how much work a query may still cost: a unit is a clause on one row,
// or sixteen bytes of text that are looked at.
type Budget int

// DefaultBudget lets a query look at about 16 MB of text, which takes a guest some
// tenths of a second.
const DefaultBudget Budget = 1 << 20

// Spend takes the cost of looking at n bytes, and reports whether there was any
// budget left.
func (b *Budget) Spend(n int) bool {
	*b -= Budget(n/16 + 1)
	return *b > 0
}

// Spent is how much of a budget was used.
func (b Budget) Spent() int { return int(DefaultBudget - b) }

// Gone reports whether the budget was spent: the result is not complete.
func (b Budget) Gone() bool { return b <= 0 }

// Cost is what looking for the terms in n bytes costs: a pattern is tried on each
// word.
func (ts Terms) Cost(n int) int {
	sum := 0
	for i := range ts {
		sum += ts[i].cost(n)
	}
	return sum
}

func (t *Term) cost(n int) int {
	if t.wild != "" {
		return n * (8 + len(t.wild))
	}
	return n
}

// Ranking orders documents by how well terms describe them: BM25 with k1 1.2 and
// b 0.75 in whole numbers, so that a guest and its host agree to the last bit. The
// documents are numbered; of equals the one with the higher number comes first.
type Ranking struct {
	Budget Budget
	terms  Terms
	all    bool
	seen   []int // documents that were searched for each term
	held   []int // and that held it
	bytes  int
	docs   int
	found  []ranked
}

type ranked struct {
	doc, length int
	counts      []uint8
	score       int
}

// Rank prepares a ranking by terms: all says whether a document has to hold all of
// them, or may hold none.
func Rank(terms Terms, all bool) *Ranking {
	if len(terms) > maxTerms {
		terms = terms[:maxTerms]
	}
	return &Ranking{Budget: DefaultBudget, terms: terms, all: all, seen: make([]int, len(terms)), held: make([]int, len(terms))}
}

// Add looks at the next document's lower-case text, and reports whether it is kept.
func (r *Ranking) Add(doc int, text string) bool {
	r.docs++
	r.bytes += len(text)
	var counts [maxTerms]uint8
	for i := range r.terms {
		if !r.Budget.Spend(r.terms[i].cost(len(text))) {
			return false
		}
		r.seen[i]++
		n := r.terms[i].Count(text)
		if n == 0 && r.all {
			return false
		}
		if n > 0 {
			r.held[i]++
		}
		counts[i] = uint8(n)
	}
	r.found = append(r.found, ranked{doc: doc, length: len(text), counts: slices.Clone(counts[:len(r.terms)])})
	return true
}

// Len is how many documents were kept.
func (r *Ranking) Len() int { return len(r.found) }

// Top returns the documents at places from up to to, best first.
func (r *Ranking) Top(from, to int) []int {
	r.score()
	best := Best(len(r.found), to, func(a, b int) int {
		x, y := &r.found[a], &r.found[b]
		if x.score != y.score {
			return y.score - x.score
		}
		return y.doc - x.doc
	})
	out := make([]int, 0, len(best))
	for _, i := range Window(best, from, to-from) {
		out = append(out, r.found[i].doc)
	}
	return out
}

// score gives each document its weight, in thousandths.
func (r *Ranking) score() {
	mean := max(1, r.bytes/max(1, r.docs))
	weight := make([]int, len(r.terms))
	for i := range r.terms {
		weight[i] = log2(1000 * (1 + r.seen[i]) / (1 + r.held[i]))
	}
	for k := range r.found {
		d := &r.found[k]
		d.score = 0
		norm := 1200 * (250 + 750*d.length/mean) / 1000
		for i, n := range d.counts {
			tf := int(n) * 1000
			d.score += weight[i] * (tf * 2200 / (tf + norm)) / 1000
		}
	}
}

// log2 is 1000 times the binary logarithm of a number of thousandths, linear
// between powers of two.
func log2(thousandths int) int {
	n := uint64(max(thousandths, 1000))
	whole := bits.Len64(n/1000) - 1
	rest := int(n) - 1000<<whole
	return whole*1000 + rest>>whole
}

// Best returns the first k of n items in the order that compare gives, which must
// not hold two for equal.
func Best(n, k int, compare func(a, b int) int) []int {
	k = min(n, max(k, 0))
	heap := make([]int, 0, k) // the worst on top
	for i := range n {
		switch {
		case len(heap) < k:
			heap = append(heap, i)
			up(heap, compare)
		case k > 0 && compare(i, heap[0]) < 0:
			heap[0] = i
			down(heap, compare)
		}
	}
	Sort(heap, compare)
	return heap
}

func up(heap []int, compare func(a, b int) int) {
	for i := len(heap) - 1; i > 0; {
		parent := (i - 1) / 2
		if compare(heap[i], heap[parent]) <= 0 {
			return
		}
		heap[i], heap[parent] = heap[parent], heap[i]
		i = parent
	}
}

func down(heap []int, compare func(a, b int) int) {
	for i := 0; ; {
		worst := i
		for _, kid := range [...]int{2*i + 1, 2*i + 2} {
			if kid < len(heap) && compare(heap[kid], heap[worst]) > 0 {
				worst = kid
			}
		}
		if worst == i {
			return
		}
		heap[i], heap[worst] = heap[worst], heap[i]
		i = worst
	}
}

// Sort orders numbers by a comparison; equals keep their order. It is the one sort
// that the persona has of its own: each type that package slices sorts is some
// kilobytes of a guest.
func Sort(list []int, compare func(a, b int) int) {
	slices.SortStableFunc(list, compare)
}

// Window cuts size elements from start on, as many as there are.
func Window[T any](list []T, start, size int) []T {
	start = min(max(start, 0), len(list))
	return list[start : start+min(max(size, 0), len(list)-start)]
}
