package pgsql

// source produces the rows of a part of FROM: it sets its slots of the frame's row
// and calls yield, until yield returns false. It returns false when it was stopped.
type source func(f *frame, yield func() bool) bool

// step is a part of FROM before conditions were moved into it.
type step struct {
	lo, hi   int // slots
	uses     uint64
	rel      *relation // of a scan
	cols     []*scopeCol
	run      source
	join     *joinStep
	backward bool // a table is read from its end
	lateral  bool // reads what stands to its left
	conds    []*typed
	name     string // for EXPLAIN
}

type joinStep struct {
	kind string // inner, left, full
	l, r *step
	on   []*typed
}

// within reports whether an expression reads nothing but some slots.
//
//go:noinline
func (e *typed) within(slots uint64) bool {
	return !e.bound && e.uses&^slots == 0 && e.uses&sharedBit == 0
}

// push moves conditions to where they can be decided first.
func (st *step) push(conds []*typed) {
	if st.join == nil {
		st.conds = append(st.conds, conds...)
		return
	}
	j := st.join
	var here, left, right []*typed
	place := func(c *typed, canLeft, canRight, toOn bool) {
		switch {
		case canLeft && c.uses != 0 && c.within(j.l.uses):
			left = append(left, c)
		case canRight && c.uses != 0 && c.within(j.r.uses) && !j.r.lateral:
			right = append(right, c)
		case toOn:
			here = append(here, c)
		default:
			st.conds = append(st.conds, c)
		}
	}
	for _, c := range conds {
		place(c, j.kind != "full", j.kind == "inner", j.kind == "inner")
	}
	for _, c := range j.on {
		place(c, j.kind == "inner", j.kind != "full", true)
	}
	j.on = here
	j.l.push(left)
	j.r.push(right)
}

// build makes the source of a step and what is below it.
func (st *step) build(x *exec) source {
	run := st.run
	switch {
	case st.join != nil:
		run = st.join.build(x, st)
	case st.rel != nil:
		run = st.scan(x)
	}
	return filtered(run, st.conds)
}

func filtered(run source, conds []*typed) source {
	if len(conds) == 0 {
		return run
	}
	return func(f *frame, yield func() bool) bool {
		return run(f, func() bool {
			return !allTrue(f, conds) || yield()
		})
	}
}

// scan reads a relation. When it is read again with a condition on equality, an
// index is made of the column.
func (st *step) scan(x *exec) source {
	rel := st.rel
	if rel.table != nil {
		return st.scanTable(x)
	}
	used := func(i int) bool { return st.cols[i].used }
	runs := 0
	eq, column := st.indexable()
	var index map[string][][]Value
	return func(f *frame, yield func() bool) bool {
		rd := st.reader()
		if runs++; runs > 2 && eq != nil {
			if index == nil {
				index = x.index(rel, column, used)
			}
			v := eq.eval(f)
			if !v.ok {
				return true
			}
			for _, row := range index[string(appendKey(nil, rel.cols[column].t, v))] {
				x.spend(1)
				rd.read(f, row)
				if !yield() {
					return false
				}
			}
			return true
		}
		return rel.scan(x, used, func(row []Value) bool {
			x.spend(1)
			rd.read(f, row)
			return yield()
		})
	}
}

// indexable finds a condition column = something that does not read the relation.
func (st *step) indexable() (*typed, int) {
	for _, c := range st.conds {
		if c.eq == nil {
			continue
		}
		for _, pair := range [...][2]*typed{{c.eq.l, c.eq.r}, {c.eq.r, c.eq.l}} {
			if pair[0].slot >= st.lo && pair[0].slot < st.hi && pair[1].uses == 0 && pair[0].t == pair[1].t {
				return pair[1], pair[0].slot - st.lo
			}
		}
	}
	return nil, 0
}

func (x *exec) index(rel *relation, column int, used func(int) bool) map[string][][]Value {
	m := map[string][][]Value{}
	rel.scan(x, used, func(row []Value) bool {
		x.spend(1)
		key := string(appendKey(nil, rel.cols[column].t, row[column]))
		if row[column].ok {
			m[key] = append(m[key], x.copied(row))
		}
		return true
	})
	return m
}

// copied keeps a row.
func (x *exec) copied(row []Value) []Value {
	n := int64(24)
	for i := range row {
		n += row[i].size()
	}
	x.keep(n)
	return append([]Value(nil), row...)
}

// side is one side of a join, as rows that are kept.
type side struct {
	slots   []int // that the rows hold
	rows    [][]Value
	matched []bool
	index   map[string][]int
}

// slots are those of the frame's row that something reads.
func (st *step) slots(out []int) []int {
	if st.join != nil {
		return st.join.r.slots(st.join.l.slots(out))
	}
	for i := range st.hi - st.lo {
		if st.cols == nil || st.cols[i].used {
			out = append(out, st.lo+i)
		}
	}
	return out
}

// read makes a kept row the current one.
func (s *side) read(f *frame, i int) {
	for k, v := range s.rows[i] {
		f.row[s.slots[k]] = v
	}
}

func (j *joinStep) build(x *exec, st *step) source {
	left, right := j.l.build(x), j.r.build(x)
	keys, rest := j.keys()
	if j.r.lateral {
		return j.nested(left, filtered(right, j.on))
	}
	if src := j.lookup(x, left, keys); src != nil {
		return src
	}
	return func(f *frame, yield func() bool) bool {
		s := &side{}
		j.gather(x, f, right, s, keys)
		ok := left(f, func() bool { return j.match(x, f, s, keys, rest, yield) })
		if ok && j.kind == "full" {
			return j.unmatched(x, f, s, yield)
		}
		return ok
	}
}

// keys splits the conditions into equalities between the sides and the rest.
func (j *joinStep) keys() (keys []*equality, rest []*typed) {
	for _, c := range j.on {
		switch {
		case c.eq != nil && c.eq.l.within(j.l.uses) && c.eq.r.within(j.r.uses) && c.eq.r.uses != 0:
			keys = append(keys, c.eq)
		case c.eq != nil && c.eq.r.within(j.l.uses) && c.eq.l.within(j.r.uses) && c.eq.l.uses != 0:
			keys = append(keys, &equality{c.eq.r, c.eq.l, c.eq.t})
		default:
			rest = append(rest, c)
		}
	}
	return keys, rest
}

func (j *joinStep) nested(left, right source) source {
	return func(f *frame, yield func() bool) bool {
		return left(f, func() bool {
			hit := false
			ok := right(f, func() bool {
				hit = true
				return yield()
			})
			if ok && !hit && j.kind == "left" {
				clear(f.row[j.r.lo:j.r.hi])
				return yield()
			}
			return ok
		})
	}
}

// gather keeps the rows of the right side, by key if there is one.
func (j *joinStep) gather(x *exec, f *frame, right source, s *side, keys []*equality) {
	s.slots = j.r.slots(nil)
	if keys != nil {
		s.index = map[string][]int{}
	}
	right(f, func() bool {
		if keys != nil {
			if key, ok := joinKey(f, keys, false); ok {
				s.index[key] = append(s.index[key], len(s.rows))
			} else if j.kind != "full" {
				return true
			}
		}
		row := make([]Value, len(s.slots))
		for i, slot := range s.slots {
			row[i] = f.row[slot]
		}
		x.hold(row)
		s.rows = append(s.rows, row)
		return true
	})
	s.matched = make([]bool, len(s.rows))
}

func joinKey(f *frame, keys []*equality, left bool) (string, bool) {
	var b []byte
	for _, k := range keys {
		e := k.r
		if left {
			e = k.l
		}
		v := e.eval(f)
		if !v.ok {
			return "", false
		}
		b = appendKey(b, k.t, v)
	}
	return string(b), true
}

// match joins the current row of the left side.
func (j *joinStep) match(x *exec, f *frame, s *side, keys []*equality, rest []*typed, yield func() bool) bool {
	hit := false
	try := func(i int) bool {
		x.spend(1)
		s.read(f, i)
		if !allTrue(f, rest) {
			return true
		}
		hit, s.matched[i] = true, true
		return yield()
	}
	if keys != nil {
		if key, ok := joinKey(f, keys, true); ok {
			for _, i := range s.index[key] {
				if !try(i) {
					return false
				}
			}
		}
	} else {
		for i := range s.rows {
			if !try(i) {
				return false
			}
		}
	}
	if !hit && j.kind != "inner" {
		clear(f.row[j.r.lo:j.r.hi])
		return yield()
	}
	return true
}

func (j *joinStep) unmatched(x *exec, f *frame, s *side, yield func() bool) bool {
	clear(f.row[j.l.lo:j.l.hi])
	for i := range s.rows {
		if s.matched[i] {
			continue
		}
		x.spend(1)
		s.read(f, i)
		if !yield() {
			return false
		}
	}
	return true
}
