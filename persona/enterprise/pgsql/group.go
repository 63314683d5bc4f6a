package pgsql

import "slices"

// grouping is GROUP BY with the aggregates that are computed for each group. After
// it, the row of the level is a row of the group with the keys and results behind.
type grouping struct {
	keys  []*typed
	texts []string
	slots []int
	sets  [][]int // positions among keys; more than one for GROUPING SETS
	aggs  []*aggCall
	free  []*rangeRel // whose columns the keys determine
	ready bool
	masks []mask
}

// aggCall is one call of an aggregate.
type aggCall struct {
	make     func() accumulator
	args     []*typed
	filter   *typed
	distinct bool
	order    []sortKey
	slot     int
	width    int // arguments proper; the rest is only ordered by
	buf      []Value
	key      string
}

// noAggregates refuses aggregates in a clause.
func (s *scope) noAggregates(e expr) {
	each(e, func(e expr) bool {
		if c, ok := e.(*call); ok && isAggregate(c) {
			failAt(c.where(), codeGrouping, "aggregate functions are not allowed in "+s.clause)
		}
		if c, ok := e.(*call); ok && c.over != nil {
			failAt(c.where(), codeWindowing, "window functions are not allowed in "+s.clause)
		}
		return true
	})
}

func (s *scope) beginGroups(q *query) {
	need := len(q.group) > 0 || q.having != nil
	for _, it := range q.items {
		need = need || hasAggregate(it.x)
	}
	for _, o := range q.order {
		need = need || hasAggregate(o.x)
	}
	if !need {
		return
	}
	g := &grouping{}
	s.clause = "GROUP BY"
	for i, set := range s.groupingSets(q, g, q.group) {
		if i >= 4096 {
			fail(codeTooLarge, "too many grouping sets present (maximum 4096)")
		}
		g.sets = append(g.sets, set)
	}
	s.clause = ""
	for range g.keys {
		g.slots = append(g.slots, s.width)
		s.width++
	}
	for _, r := range s.rels {
		if r.rel != nil && g.determines(s, r) {
			g.free = append(g.free, r)
		}
	}
	g.ready = true
	s.group = g
}

// groupingSets is the cross product of the elements of GROUP BY, each of which
// stands for one set or more.
func (s *scope) groupingSets(q *query, g *grouping, items []groupItem) [][]int {
	sets := [][]int{nil}
	for _, it := range items {
		var next [][]int
		alternatives := s.groupSets(q, g, it)
		if len(sets)*len(alternatives) > 4096 {
			fail(codeTooLarge, "too many grouping sets present (maximum 4096)")
		}
		for _, have := range sets {
			for _, add := range alternatives {
				next = append(next, append(slices.Clip(have), add...))
			}
		}
		sets = next
	}
	return sets
}

func (s *scope) groupSets(q *query, g *grouping, it groupItem) [][]int {
	switch it.kind {
	case 0:
		return [][]int{{g.add(s, s.groupExpr(q, it.x))}}
	case '(':
		return [][]int{s.flat(q, g, it.kids)}
	case 's':
		var out [][]int
		for _, k := range it.kids {
			out = append(out, s.groupSets(q, g, k)...)
		}
		return out
	}
	var parts [][]int
	for _, k := range it.kids {
		parts = append(parts, s.flat(q, g, []groupItem{k}))
	}
	if it.kind == 'r' {
		return rollup(parts)
	}
	return cube(parts)
}

func (s *scope) flat(q *query, g *grouping, items []groupItem) []int {
	var out []int
	for _, k := range items {
		for _, set := range s.groupSets(q, g, k) {
			out = append(out, set...)
		}
	}
	return out
}

func rollup(parts [][]int) [][]int {
	var out [][]int
	for n := len(parts); n >= 0; n-- {
		out = append(out, slices.Concat(parts[:n]...))
	}
	return out
}

func cube(parts [][]int) [][]int {
	if len(parts) > 12 {
		fail("54011", "CUBE is limited to 12 elements")
	}
	var out [][]int
	for mask := 1<<len(parts) - 1; mask >= 0; mask-- {
		var set []int
		for i, p := range parts {
			if mask>>(len(parts)-1-i)&1 == 1 {
				set = append(set, p...)
			}
		}
		out = append(out, set)
	}
	return out
}

// groupExpr finds what an element of GROUP BY means: an ordinal, an input column,
// a name of the select list or an expression.
func (s *scope) groupExpr(q *query, e expr) expr {
	if i := s.ordinal(e, len(q.items), "GROUP BY"); i >= 0 {
		e = q.items[i].x
	} else if c, ok := e.(*columnRef); ok && len(c.parts) == 1 {
		if findCol(s.vis, c.parts[0]) == nil {
			for _, it := range q.items {
				if it.alias == c.parts[0] {
					e = it.x
				}
			}
		}
	}
	s.noAggregates(e)
	return e
}

func (g *grouping) add(s *scope, e expr) int {
	text := s.key(e)
	if i := indexOf(g.texts, text); i >= 0 && text != "" {
		return i
	}
	t := s.known(s.expr(e))
	if t.t == tJson {
		failAt(e.where(), codeNoFunction, "could not identify an equality operator for type json")
	}
	g.keys, g.texts = append(g.keys, t), append(g.texts, text)
	return len(g.keys) - 1
}

// determines reports whether the keys hold a relation's primary key.
func (g *grouping) determines(s *scope, r *rangeRel) bool {
	if len(r.rel.key) == 0 || len(g.sets) != 1 {
		return false
	}
	for _, name := range r.rel.key {
		c := findCol(r.cols, name)
		if c == nil || !slices.ContainsFunc(g.keys, func(k *typed) bool { return k.slot == c.slot }) {
			return false
		}
	}
	return true
}

// lookup finds the key that an expression is.
func (g *grouping) lookup(s *scope, e expr) *typed {
	if _, ok := e.(*literal); ok || len(g.keys) == 0 || !g.ready {
		return nil
	}
	text := s.key(e)
	i := indexOf(g.texts, text)
	if i < 0 || text == "" {
		return nil
	}
	k, slot := g.keys[i], g.slots[i]
	return &typed{t: k.t, mod: k.mod, at: e.where(), slot: -1, uses: computedBit, name: k.name, eval: func(f *frame) Value { return f.row[slot] }}
}

// ungrouped refuses a column that has no one value in a group.
func (s *scope) ungrouped(user *scope, e *columnRef, f found) {
	g := s.group
	if g == nil || s.inAgg || !g.ready {
		return
	}
	for sc := user; sc != s; sc = sc.up {
		if sc.inAgg {
			break
		}
	}
	if slices.Contains(g.free, f.col.rel) {
		return
	}
	if f.levels > 0 && slices.ContainsFunc(g.keys, func(k *typed) bool { return k.slot == f.col.slot && k.slot >= 0 }) {
		return
	}
	name := f.col.name
	if f.col.rel != nil && f.col.rel.name != "" {
		name = f.col.rel.name + "." + name
	}
	if f.levels > 0 {
		failAt(e.where(), codeGrouping, `subquery uses ungrouped column "`+name+`" from outer query`)
	}
	failAt(e.where(), codeGrouping, `column "`+name+`" must appear in the GROUP BY clause or be used in an aggregate function`)
}

// grouping is the function GROUPING: which of its arguments a set leaves out.
func (s *scope) grouping(e *special) *typed {
	if s.group == nil || len(s.group.keys) == 0 {
		failAt(e.where(), codeGrouping, "arguments to GROUPING must be grouping expressions of the associated query level")
	}
	var positions []int
	for _, arg := range e.args {
		i := indexOf(s.group.texts, s.key(arg))
		if i < 0 {
			failAt(arg.where(), codeGrouping, "arguments to GROUPING must be grouping expressions of the associated query level")
		}
		positions = append(positions, i)
	}
	slot := s.width
	s.width++
	s.group.aggs = append(s.group.aggs, &aggCall{slot: slot, make: func() accumulator { return nil }, width: -1, args: nil})
	s.group.masks = append(s.group.masks, mask{slot, positions})
	return &typed{t: tInt4, mod: noMod, slot: -1, uses: computedBit, eval: func(f *frame) Value { return f.row[slot] }}
}

// mask is a call of GROUPING.
type mask struct {
	slot      int
	positions []int
}

// group is one group in the making.
type group struct {
	row  []Value // the first row
	keys []Value
	set  int
	accs []accumulator
}

// source groups the rows of src.
func (g *grouping) source(s *scope, src source, having *typed) source {
	x := s.x
	return func(f *frame, yield func() bool) bool {
		b := &groupBuilder{grouping: g, x: x, f: f, vals: make([]Value, len(g.keys)), groups: map[string]*group{}}
		src(f, b.row)
		for n, set := range g.sets {
			if len(set) == 0 && b.groups[string(appendInt(nil, int64(n)))] == nil {
				clear(f.row)
				b.start(n)
			}
		}
		for _, gr := range b.order {
			g.restore(f, gr)
			if having != nil && !having.eval(f).truth() {
				continue
			}
			if !yield() {
				return false
			}
		}
		return true
	}
}

// groupBuilder finds the groups of each row.
type groupBuilder struct {
	*grouping
	x      *exec
	f      *frame
	vals   []Value
	buf    []byte
	groups map[string]*group
	order  []*group
}

func (b *groupBuilder) start(set int) *group {
	gr := &group{set: set, row: b.x.copied(b.f.row), keys: make([]Value, len(b.keys))}
	for _, a := range b.aggs {
		gr.accs = append(gr.accs, a.start())
	}
	b.order = append(b.order, gr)
	return gr
}

// fewGroups is up to how many groups a row is compared with them one by one.
const fewGroups = 8

func (b *groupBuilder) row() bool {
	for i, k := range b.keys {
		b.vals[i] = k.eval(b.f)
	}
	if len(b.sets) == 1 && len(b.order) <= fewGroups {
		for _, gr := range b.order {
			if b.in(gr) {
				gr.add(b.x, b.f, b.aggs)
				return true
			}
		}
	}
	for n, set := range b.sets {
		b.find(n, set).add(b.x, b.f, b.aggs)
	}
	return true
}

// in reports whether the row is in a group of the only set.
func (b *groupBuilder) in(gr *group) bool {
	for _, i := range b.sets[0] {
		if !same(b.keys[i].t, &b.vals[i], &gr.keys[i]) {
			return false
		}
	}
	return true
}

func (b *groupBuilder) find(n int, set []int) *group {
	b.buf = appendInt(b.buf[:0], int64(n))
	for _, i := range set {
		b.buf = appendKey(b.buf, b.keys[i].t, b.vals[i])
	}
	gr := b.groups[string(b.buf)]
	if gr == nil {
		gr = b.start(n)
		b.groups[string(b.buf)] = gr
		for _, i := range set {
			gr.keys[i] = b.vals[i]
		}
	}
	return gr
}

func (gr *group) add(x *exec, f *frame, aggs []*aggCall) {
	for i, a := range aggs {
		if a.width >= 0 {
			x.spend(1)
			a.feed(x, f, gr.accs[i])
		}
	}
}

// restore makes a finished group the current row.
func (g *grouping) restore(f *frame, gr *group) {
	copy(f.row, gr.row)
	for i, slot := range g.slots {
		f.row[slot] = gr.keys[i]
	}
	for i, a := range g.aggs {
		if a.width >= 0 {
			f.row[a.slot] = gr.accs[i].result()
		}
	}
	for _, m := range g.masks {
		n := int64(0)
		for _, p := range m.positions {
			n <<= 1
			if !slices.Contains(g.sets[gr.set], p) {
				n |= 1
			}
		}
		f.row[m.slot] = intValue(n)
	}
}
