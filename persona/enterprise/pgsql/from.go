package pgsql

import (
	"slices"
	"strings"
)

// from resolves FROM. Its elements are joined from left to right.
func (s *scope) from(list []tableRef) *step {
	var all *step
	for _, ref := range list {
		st, vis, rels := s.tableRef(ref)
		s.addRels(rels)
		s.vis = append(s.vis, vis...)
		if all == nil {
			all = st
			continue
		}
		all = joined("inner", all, st, nil)
	}
	return all
}

//go:noinline
func joined(kind string, l, r *step, on []*typed) *step {
	return &step{lo: min(l.lo, r.lo), hi: max(l.hi, r.hi), uses: l.uses | r.uses, lateral: l.lateral, join: &joinStep{kind: kind, l: l, r: r, on: on}}
}

func (s *scope) addRels(rels []*rangeRel) {
	for _, r := range rels {
		for _, have := range s.rels {
			if have.name == r.name && r.name != "" && (have.schema == r.schema || have.rel == nil || r.rel == nil || !r.unaliased() || !have.unaliased()) {
				fail("42712", `table name "`+r.name+`" specified more than once`)
			}
		}
		s.rels = append(s.rels, r)
	}
}

func (r *rangeRel) unaliased() bool { return r.rel != nil && r.rel.name == r.name }

func (s *scope) tableRef(ref tableRef) (*step, []*scopeCol, []*rangeRel) {
	s.enter()
	defer s.leave()
	switch ref := ref.(type) {
	case *tableName:
		return s.table(ref)
	case *fromQuery:
		return s.derived(ref)
	case *fromCall:
		return s.tableFunction(ref)
	}
	return s.join(ref.(*join))
}

// leaf adds a relation's columns to the row of the level.
func (s *scope) leaf(item fromItem, name string, names []string, types []*Type, mods []int) (*step, *rangeRel) {
	r := &rangeRel{name: name, at: item.at, base: s.width}
	if len(item.columns) > len(names) {
		failAt(item.at, "42P10", `table "`+name+`" has `+intText(int64(len(names)))+" columns available but "+intText(int64(len(item.columns)))+" columns specified")
	}
	st := &step{lo: s.width, name: name, uses: s.newBit()}
	for i, n := range names {
		if i < len(item.columns) {
			n = item.columns[i]
		}
		mod := noMod
		if mods != nil {
			mod = mods[i]
		}
		r.cols = append(r.cols, &scopeCol{name: n, t: types[i], mod: mod, slot: s.width, rel: r, bit: st.uses})
		s.width++
	}
	st.hi = s.width
	return st, r
}

func (s *scope) table(ref *tableName) (*step, []*scopeCol, []*rangeRel) {
	name := ref.parts[len(ref.parts)-1]
	alias := name
	if ref.alias != "" {
		alias = ref.alias
	}
	if len(ref.parts) == 1 {
		if c := s.cte(name); c != nil {
			return s.cteTable(ref, c, alias)
		}
	}
	rel := s.x.lookup(ref.parts, ref.at)
	var names []string
	var types []*Type
	var mods []int
	for _, c := range rel.cols {
		names, types, mods = append(names, c.name), append(types, c.t), append(mods, c.mod)
	}
	st, r := s.leaf(ref.fromItem, alias, names, types, mods)
	r.rel, st.rel, st.cols, r.schema = rel, rel, r.cols, rel.schema
	if ref.alias != "" {
		r.schema = ""
	}
	s.x.wanted(rel)
	return st, r.cols, []*rangeRel{r}
}

func (s *scope) derived(ref *fromQuery) (*step, []*scopeCol, []*rangeRel) {
	inner := s.sub()
	if !ref.lateral {
		inner.up = s.up
		inner.ctes = s.visibleCTEs()
	}
	p := inner.query(ref.q, nil)
	st, r := s.leaf(ref.fromItem, ref.alias, p.names(), p.types(), p.mods())
	st.lateral = ref.lateral && inner.correlated
	lo, lateral := st.lo, ref.lateral
	st.run = func(f *frame, yield func() bool) bool {
		up := f.up
		if lateral {
			up = f
		}
		return p.run(up, func(row []Value) bool {
			copy(f.row[lo:], row)
			return yield()
		})
	}
	if inner.correlated && !ref.lateral {
		s.correlated = true
	}
	return st, r.cols, []*rangeRel{r}
}

// visibleCTEs are those of this level, for a query that stands beside it.
func (s *scope) visibleCTEs() []*cteRel {
	var out []*cteRel
	if s.up != nil {
		out = append(out, s.up.visibleCTEs()...)
	}
	return append(out, s.ctes...)
}

func (s *scope) tableFunction(ref *fromCall) (*step, []*scopeCol, []*rangeRel) {
	inner := s.sub()
	inner.clause = "functions in FROM"
	if several := sideBySide(ref); several != nil {
		ref = several
	}
	fn := inner.rowsFrom(ref)
	names, types := []string{columnName(ref.calls[0])}, []*Type{fn.t}
	if fn.set != nil {
		names, types = fn.set.names, fn.set.types
	} else if fn.t == tRecord && len(ref.defs) == 0 {
		failAt(ref.at, codeSyntax, `a column definition list is required for functions returning "record"`)
	}
	alias := ref.alias
	if alias == "" {
		alias = columnName(ref.calls[0])
	} else if len(names) == 1 && len(ref.columns) == 0 && len(ref.defs) == 0 && (fn.set == nil || len(fn.set.names) == 1 && fn.set.names[0] == columnName(ref.calls[0])) {
		names = []string{alias}
	}
	if ref.ordinality {
		names, types = append(slices.Clip(names), "ordinality"), append(slices.Clip(types), tInt8)
	}
	for i, d := range ref.defs {
		if i == 0 {
			names, types = nil, nil
		}
		t, _ := d.typ.resolve()
		names, types = append(names, d.name), append(types, t)
	}
	st, r := s.leaf(ref.fromItem, alias, names, types, nil)
	st.lateral = inner.correlated || fn.uses != 0
	lo, ordinal := st.lo, ref.ordinality
	st.run = func(f *frame, yield func() bool) bool {
		done, n := true, int64(0)
		emit := func(row []Value) bool {
			k := copy(f.row[lo:st.hi], row)
			if n++; ordinal {
				f.row[lo+k] = intValue(n)
			}
			done = yield()
			return done
		}
		up := &frame{up: f, x: f.x}
		if fn.set != nil {
			fn.set.run(up, emit)
		} else {
			emit([]Value{fn.eval(up)})
		}
		return done
	}
	return st, r.cols, []*rangeRel{r}
}

// sideBySide turns unnest of several arrays into an unnest of each.
func sideBySide(ref *fromCall) *fromCall {
	c, ok := ref.calls[0].(*call)
	if !ok || len(c.args) < 2 || c.name[len(c.name)-1] != "unnest" {
		return nil
	}
	out := *ref
	out.calls = nil
	for _, arg := range c.args {
		one := *c
		one.args = []expr{arg}
		out.calls = append(out.calls, &one)
	}
	return &out
}

// rowsFrom is a function of FROM, or several whose rows stand side by side.
func (s *scope) rowsFrom(ref *fromCall) *typed {
	if len(ref.calls) == 1 {
		return s.expr(ref.calls[0])
	}
	all := make([]*typed, len(ref.calls))
	set := &setCall{}
	for i, c := range ref.calls {
		all[i] = s.expr(c)
		set.names, set.types = append(set.names, columnName(c)), append(set.types, all[i].t)
	}
	set.run = func(f *frame, yield func([]Value) bool) { expandSets(f, all, yield) }
	out := merge(&typed{t: tRecord, mod: noMod}, all...)
	out.set = set
	return out
}

func (s *scope) join(j *join) (*step, []*scopeCol, []*rangeRel) {
	l, lvis, lrels := s.tableRef(j.l)
	// A lateral right side sees the left one.
	saved, savedVis := s.rels, s.vis
	s.rels, s.vis = append(slices.Clip(s.rels), lrels...), append(slices.Clip(s.vis), lvis...)
	r, rvis, rrels := s.tableRef(j.r)
	s.rels, s.vis = saved, savedVis
	both := append(slices.Clip(lrels), rrels...)
	for _, a := range lrels {
		for _, b := range rrels {
			if a.name == b.name && a.name != "" && (a.schema == b.schema || !a.unaliased() || !b.unaliased()) {
				fail("42712", `table name "`+a.name+`" specified more than once`)
			}
		}
	}
	on, vis := s.condition(j, both, lvis, rvis)
	kind := j.kind
	switch kind {
	case "cross":
		kind = "inner"
	case "right":
		kind, l, r = "left", r, l
	}
	st := joined(kind, l, r, on)
	if j.alias == "" {
		return st, vis, both
	}
	rel := &rangeRel{name: j.alias, at: j.fromItem.at}
	for i, c := range vis {
		n := *c
		n.rel = rel
		if i < len(j.columns) {
			n.name = j.columns[i]
		}
		rel.cols = append(rel.cols, &n)
	}
	s.hidden = append(s.hidden, both...)
	return st, rel.cols, []*rangeRel{rel}
}

// condition resolves ON, USING or NATURAL and merges the columns it makes one.
func (s *scope) condition(j *join, rels []*rangeRel, lvis, rvis []*scopeCol) ([]*typed, []*scopeCol) {
	all := append(slices.Clip(lvis), rvis...)
	if j.on != nil {
		inner := &scope{analyzer: s.analyzer, up: s.up, rels: rels, vis: all, ctes: s.ctes, clause: "JOIN conditions", width: s.width, hidden: s.rels}
		cond := inner.boolean(j.on, "JOIN/ON")
		s.correlated = s.correlated || inner.correlated
		return conjuncts(inner, j.on, cond), all
	}
	names := j.using
	if j.natural {
		for _, c := range lvis {
			if findCol(rvis, c.name) != nil && indexOf(names, c.name) < 0 {
				names = append(names, c.name)
			}
		}
	}
	if len(names) == 0 {
		return nil, all
	}
	return s.using(j, names, lvis, rvis)
}

func findCol(cols []*scopeCol, name string) *scopeCol {
	for _, c := range cols {
		if c.name == name {
			return c
		}
	}
	return nil
}

func (s *scope) using(j *join, names []string, lvis, rvis []*scopeCol) (on []*typed, vis []*scopeCol) {
	for _, name := range names {
		at := -1
		l, r := s.usingCol(lvis, name, "left", at), s.usingCol(rvis, name, "right", at)
		lt, rt := s.read(l, 0), s.read(r, 0)
		t, ok := commonType([]*Type{lt.t, rt.t})
		if !ok {
			failAt(at, codeMismatch, "JOIN/USING types "+lt.t.SQL+" and "+rt.t.SQL+" cannot be matched")
		}
		on = append(on, s.operator("=", at, lt, rt))
		merged := s.coerce(lt, t, noMod, false)
		if j.kind == "right" {
			merged = s.coerce(rt, t, noMod, false)
		}
		if j.kind == "full" {
			a, b := merged.eval, s.coerce(rt, t, noMod, false).eval
			merged = merge(&typed{t: t, mod: noMod}, lt, rt)
			merged.eval = func(f *frame) Value {
				if v := a(f); v.ok {
					return v
				}
				return b(f)
			}
		}
		slot := l.slot
		if j.kind == "right" {
			slot = r.slot
		}
		vis = append(vis, &scopeCol{name: name, t: t, mod: noMod, slot: slot, node: merged, rel: l.rel})
	}
	for _, c := range append(slices.Clip(lvis), rvis...) {
		if indexOf(names, c.name) < 0 {
			vis = append(vis, c)
		}
	}
	return on, vis
}

func (s *scope) usingCol(cols []*scopeCol, name, which string, at int) *scopeCol {
	var hit *scopeCol
	for _, c := range cols {
		if c.name != name {
			continue
		}
		if hit != nil {
			failAt(at, codeAmbiguous, `common column name "`+name+`" appears more than once in `+which+" table")
		}
		hit = c
	}
	if hit == nil {
		failAt(at, codeNoColumn, `column "`+name+`" specified in USING clause does not exist in `+which+" table")
	}
	return hit
}

// conjuncts takes a condition apart at its ANDs.
func conjuncts(s *scope, e expr, whole *typed) []*typed {
	l, ok := e.(*logic)
	if !ok || l.op != "and" {
		return []*typed{whole}
	}
	var out []*typed
	for _, k := range l.kids {
		out = append(out, conjuncts(s, k, s.boolean(k, "AND"))...)
	}
	return out
}

// lookup finds a relation by name.
func (x *exec) lookup(parts []string, at int) *relation {
	if len(parts) == 0 {
		failAt(at, codeSyntax, "syntax error at end of input")
	}
	name := parts[len(parts)-1]
	shown := strings.Join(parts, ".")
	if len(parts) == 3 && parts[0] != x.db.Name || len(parts) > 3 {
		failAt(at, codeUnsupported, `cross-database references are not implemented: "`+shown+`"`)
	}
	if len(parts) > 1 {
		schema := parts[len(parts)-2]
		n := x.namespace(schema)
		switch rel := x.relationNamed(schema, name); {
		case n != nil && n.denied:
			failAt(at, codeDenied, "permission denied for schema "+schema)
		case rel != nil:
			return rel
		}
		failAt(at, codeNoTable, `relation "`+schema+"."+name+`" does not exist`)
	}
	for _, schema := range x.path() {
		if rel := x.relationNamed(schema, name); rel != nil {
			return rel
		}
	}
	failAt(at, codeNoTable, `relation "`+name+`" does not exist`)
	return nil
}

// wanted checks that the role may read a relation.
func (x *exec) wanted(rel *relation) {
	if rel.denied && !x.super() {
		what := "table "
		if rel.kind == 'v' {
			what = "view "
		}
		x.refusals = append(x.refusals, "permission denied for "+what+rel.name)
	}
}
