package meter

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// flowsOf decodes and prices every function of a module.
func flowsOf(tb testing.TB, code []byte, visit func(number int, f *flow)) {
	tb.Helper()
	s, err := Scan(code)
	if err != nil {
		return
	}
	m := &meter{Module: s}
	r := &reader{b: s.Code[len(coreV1):]}
	for len(r.b) > 0 {
		id, body := r.byte(), &reader{b: r.take(r.u32())}
		if id != sectionCode {
			continue
		}
		for i := range body.u32() {
			function := &reader{b: body.take(body.u32())}
			m.locals(function)
			if err := m.flow.read(function); err != nil {
				tb.Fatalf("function %d: %v", i, err)
			}
			m.flow.assign()
			visit(int(i), &m.flow)
		}
	}
}

// On whatever way through a function, a charge pays for all until the next one,
// except for what a leaf and the end behind a call may cost. Walks at random, in
// which each branch is taken or not by lot, must never find it overdrawn.
func TestChargesCoverEveryWay(t *testing.T) {
	all := fixtures(t)
	for _, guest := range []string{"enterprise", "core"} {
		if code, err := os.ReadFile(filepath.Join("..", "..", "guests", "bin", guest+".wasm")); err == nil {
			all[guest] = code
		}
	}
	for name, code := range all {
		walkAll(t, name, code, 20)
	}
}

func walkAll(t *testing.T, name string, code []byte, walks int) {
	t.Helper()
	lot := rand.New(rand.NewPCG(1, 2))
	flowsOf(t, code, func(number int, f *flow) {
		w := newWalk(f)
		for range walks {
			if err := w.once(lot); err != nil {
				t.Errorf("%s, function %d: %v", name, number, err)
				return
			}
		}
	})
}

// walk goes through a function's instructions forwards.
type walk struct {
	*flow
	ends   map[uint32]uint32   // of blocks, by opener; of the function
	elses  map[uint32]uint32   // by opener
	around map[uint32][]uint32 // openers around a branch
	skips  map[uint32]uint32   // openers, by else
	values map[uint32]uint32   // constants in locals, by local
}

func newWalk(f *flow) *walk {
	w := &walk{
		flow: f, ends: map[uint32]uint32{}, elses: map[uint32]uint32{},
		around: map[uint32][]uint32{}, skips: map[uint32]uint32{},
	}
	open := []uint32{noOpener}
	for i, in := range f.list {
		here := uint32(i)
		switch in.op {
		case opBlock, opLoop, opIf:
			open = append(open, here)
		case opElse:
			w.elses[open[len(open)-1]] = here
			w.skips[here] = open[len(open)-1]
		case opEnd:
			w.ends[open[len(open)-1]] = here
			open = open[:len(open)-1]
		case opBr, opBrIf, opBrTable:
			w.around[here] = slices.Clone(open)
		}
	}
	return w
}

// once walks a few thousand instructions, or to the end.
func (w *walk) once(lot *rand.Rand) error {
	balance := int64(leafCost)
	w.values = map[uint32]uint32{}
	here := uint32(0)
	for range 5000 {
		if here >= uint32(len(w.list)) {
			return nil
		}
		if c := w.charges[here]; c > 0 {
			balance = int64(c)
		}
		if balance -= int64(w.price(here)); balance < 0 {
			return fmt.Errorf("instruction %d is not paid for", here)
		}
		switch w.list[here].op {
		case opReturn, opUnreachable:
			return nil
		case opCall, opCallIndirect:
			balance = min(balance, tailCost)
		}
		here = w.next(here, lot)
	}
	return nil
}

func (w *walk) next(here uint32, lot *rand.Rand) uint32 {
	in := w.list[here]
	heads := lot.IntN(2) == 0
	switch {
	case in.op == opElse:
		return w.ends[w.skips[here]]
	case in.op == opIf && heads:
		if e, ok := w.elses[here]; ok {
			return e + 1
		}
		return w.ends[here]
	case in.op == opBr, in.op == opBrIf && heads:
		return w.target(here, in.arg)
	case in.op == opBrTable:
		labels := w.labels(here)
		choice := lot.IntN(len(labels))
		// A dispatch goes where the constant says, if one is known.
		if before := w.list[here-1]; before.op == opLocalGet {
			if v, ok := w.values[before.arg]; ok {
				choice = int(min(uint64(v), uint64(len(labels)-1)))
			}
		}
		return w.target(here, labels[choice])
	case in.op == opLocalSet || in.op == opLocalTee:
		delete(w.values, in.arg)
		if here > 0 && w.list[here-1].op == opI32Const {
			w.values[in.arg] = w.list[here-1].arg
		}
	}
	return here + 1
}

func (w *walk) target(here, label uint32) uint32 {
	around := w.around[here]
	opener := around[len(around)-1-int(label)]
	if opener != noOpener && w.list[opener].op == opLoop {
		return opener + 1
	}
	return w.ends[opener] + 1
}
