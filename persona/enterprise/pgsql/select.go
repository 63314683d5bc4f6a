package pgsql

import "slices"

// plan is a query that can be run. Rows that it yields may be kept.
type plan struct {
	cols   []outCol
	run    func(up *frame, yield func([]Value) bool) bool
	root   *step   // for EXPLAIN
	hidden []*Type // of columns at the end that are only sorted by
	gate   *gate
}

// gate lets a sort that keeps a few rows tell the projection below it which rows
// are not worth making.
type gate struct {
	keys  []sortKey
	worst []Value // nil while every row is wanted
}

// refuses reports whether the current row would be dropped. It sets what rows are
// sorted by.
func (g *gate) refuses(f *frame, items []*typed, row []Value) bool {
	if g == nil || g.worst == nil {
		return false
	}
	for _, k := range g.keys {
		row[k.col] = items[k.col].eval(f)
	}
	return compareKeysOf(row, g.worst, g.keys) >= 0
}

type outCol struct {
	name string
	t    *Type
	mod  int
	at   int
}

func (p *plan) names() []string {
	out := make([]string, len(p.cols))
	for i, c := range p.cols {
		out[i] = c.name
	}
	return out
}

func (p *plan) types() []*Type {
	out := make([]*Type, len(p.cols))
	for i, c := range p.cols {
		out[i] = c.t
	}
	return out
}

func (p *plan) mods() []int {
	out := make([]int, len(p.cols))
	for i, c := range p.cols {
		out[i] = c.mod
	}
	return out
}

// query resolves a query. want are the types that open constants take, as the
// other side of a set operation tells.
func (s *scope) query(q *query, want []*Type) *plan {
	s.enter()
	defer s.leave()
	for _, c := range q.with {
		s.addCTE(c, q.recursive)
	}
	switch {
	case q.values != nil:
		return s.sorted(q, s.valuesPlan(q, want), nil)
	case q.op != "":
		return s.sorted(q, s.setOperation(q, want), nil)
	case q.left != nil:
		p := s.sub()
		p.up, p.ctes = s.up, s.ctes
		inner := p.query(q.left, want)
		s.correlated = s.correlated || p.correlated
		return s.sorted(q, inner, nil)
	}
	return s.selectPlan(q, want)
}

// projection is a select list with what is sorted by.
type projection struct {
	items []*typed
	cols  []outCol
	exprs []expr // nil for those that * stands for
	extra int    // items at the end that are only sorted by
}

func (s *scope) selectPlan(q *query, want []*Type) *plan {
	if q.into {
		s.x.refuseWrite("SELECT INTO", "permission denied for schema public")
	}
	root := s.from(q.from)
	if q.where != nil {
		s.clause = "WHERE"
		s.noAggregates(q.where)
		cond := s.boolean(q.where, "WHERE")
		list := conjuncts(s, q.where, cond)
		if root == nil {
			root = &step{run: once}
		}
		root.push(list)
	}
	s.clause = ""
	if root == nil {
		root = &step{run: once}
	}
	s.windows = &windowing{named: q.windows}
	s.beginGroups(q)
	pr := &projection{}
	for _, it := range q.items {
		s.target(pr, it)
	}
	s.settleOpen(pr, want)
	var having *typed
	if q.having != nil {
		s.clause = "HAVING"
		having = s.boolean(q.having, "HAVING")
		s.clause = ""
	}
	sortBy := s.orderBy(q, pr)
	distinctOn := s.distinctKeys(q, pr, sortBy)
	if len(sortBy) > 0 && sortBy[0].desc && q.limit != nil && s.group == nil {
		root.backward = true // tables hold what is old first
	}
	src := root.build(s.x)
	if s.group != nil {
		src = s.group.source(s, src, having)
	}
	if len(s.windows.calls) > 0 {
		src = s.windows.source(s, src)
	}
	p := s.project(pr, src)
	p.root = root
	if q.distinct {
		s.checkDistinct(q, pr)
		p = s.unique(p, distinctOn, sortBy, len(pr.items)-pr.extra)
		if distinctOn != nil {
			sortBy = nil
		}
	}
	p = s.sorted(q, p, sortBy)
	return s.cut(p, pr.extra)
}

func once(_ *frame, yield func() bool) bool { return yield() }

// target resolves one element of a select list.
func (s *scope) target(pr *projection, it selectItem) {
	switch x := it.x.(type) {
	case *columnRef:
		if x.parts[len(x.parts)-1] == "*" {
			s.star(pr, x)
			return
		}
	case *field:
		if x.name == "*" {
			s.expand(pr, x)
			return
		}
	}
	e := s.expr(it.x)
	name := it.alias
	if name == "" {
		name = columnName(it.x)
	}
	pr.items, pr.exprs = append(pr.items, e), append(pr.exprs, it.x)
	pr.cols = append(pr.cols, outCol{name, e.t, e.mod, it.x.where()})
}

func (s *scope) star(pr *projection, x *columnRef) {
	cols := s.vis
	if len(x.parts) > 1 {
		schema := ""
		if len(x.parts) > 2 {
			schema = x.parts[len(x.parts)-3]
		}
		rel, _, levels := s.relation(x, schema, x.parts[len(x.parts)-2])
		cols = rel.cols
		if levels > 0 {
			unsupported(x.where(), "a star of an outer query")
		}
	} else if len(s.rels) == 0 {
		failAt(x.where(), codeSyntax, "SELECT * with no tables specified is not valid")
	}
	for _, c := range cols {
		e := s.read(c, 0)
		e.at = x.where()
		if s.group != nil {
			ref := &columnRef{x.at, []string{c.name}}
			if c.rel != nil {
				ref.parts = []string{c.rel.name, c.name}
			}
			e = s.expr(ref)
		}
		pr.items, pr.exprs = append(pr.items, e), append(pr.exprs, &columnRef{x.at, []string{c.name}})
		pr.cols = append(pr.cols, outCol{c.name, e.t, e.mod, x.where()})
	}
}

// expand resolves (expression).*.
func (s *scope) expand(pr *projection, x *field) {
	e := s.expr(x.x)
	if e.set != nil || e.row == nil {
		unsupported(x.where(), "expansion of a record")
	}
	for i, item := range e.row {
		pr.items, pr.exprs = append(pr.items, item), append(pr.exprs, x)
		pr.cols = append(pr.cols, outCol{"f" + intText(int64(i+1)), item.t, item.mod, x.where()})
	}
}

// settleOpen gives constants whose type is still open the wanted type or text.
func (s *scope) settleOpen(pr *projection, want []*Type) {
	for i, e := range pr.items {
		if e.t != tUnknown {
			continue
		}
		t := tText
		if i < len(want) && want[i] != nil {
			t = want[i]
		}
		if t == tUnknown {
			continue
		}
		pr.items[i] = s.coerce(e, t, noMod, false)
		pr.cols[i].t = t
	}
}

// project evaluates the select list; sets in it give several rows.
func (s *scope) project(pr *projection, src source) *plan {
	items, x := pr.items, s.x
	sets := slices.ContainsFunc(items, func(e *typed) bool { return e.set != nil })
	p := &plan{cols: pr.cols, hidden: typesOf(items[len(pr.cols):])}
	if !slices.ContainsFunc(items, func(e *typed) bool { return e.slot < 0 }) {
		p.gate = &gate{} // reading columns cannot fail, so that it may be left out
	}
	p.run = func(up *frame, yield func([]Value) bool) bool {
		f := &frame{row: make([]Value, s.width), up: up, x: x}
		return src(f, func() bool {
			if sets {
				return expandSets(f, items, yield)
			}
			x.spend(1)
			row := x.newRow(len(items))
			if p.gate.refuses(f, items, row) {
				x.spare = row
				return true
			}
			for i, e := range items {
				row[i] = e.eval(f)
			}
			return yield(row)
		})
	}
	return p
}

// newRow is a row to fill, in place of one that was dropped if there is such.
func (x *exec) newRow(n int) []Value {
	row := x.spare
	x.spare = nil
	if len(row) != n {
		row = make([]Value, n)
		x.garbage += 48 * n
	}
	return row
}

// expandSets runs the sets of a select list side by side, until the longest ends.
func expandSets(f *frame, items []*typed, yield func([]Value) bool) bool {
	lists := make([][]Value, len(items))
	n := 0
	for i, e := range items {
		if e.set == nil {
			continue
		}
		e.set.run(f, func(row []Value) bool {
			v := row[0]
			if len(row) > 1 {
				v = Value{ok: true, x: &record{types: e.set.types, names: e.set.names, items: append([]Value(nil), row...)}}
			}
			f.x.keep(v.size())
			lists[i] = append(lists[i], v)
			return true
		})
		n = max(n, len(lists[i]))
	}
	for k := range n {
		row := make([]Value, len(items))
		for i, e := range items {
			switch {
			case e.set == nil:
				row[i] = e.eval(f)
			case k < len(lists[i]):
				row[i] = lists[i][k]
			}
		}
		if !yield(row) {
			return false
		}
	}
	return true
}

// cut drops the columns that were only sorted by.
func (s *scope) cut(p *plan, extra int) *plan {
	if extra == 0 {
		return p
	}
	n, inner := len(p.cols), p.run
	return &plan{cols: p.cols, root: p.root, run: func(up *frame, yield func([]Value) bool) bool {
		return inner(up, func(row []Value) bool { return yield(row[:n]) })
	}}
}

func (s *scope) valuesPlan(q *query, want []*Type) *plan {
	columns := len(q.values[0])
	rows := make([][]*typed, len(q.values))
	for i, list := range q.values {
		for _, e := range list {
			rows[i] = append(rows[i], s.expr(e))
		}
	}
	p := &plan{}
	for k := range columns {
		types := make([]*Type, len(rows))
		parts := make([]*typed, len(rows))
		for i := range rows {
			types[i], parts[i] = rows[i][k].t, rows[i][k]
		}
		t := s.common(types, parts, "VALUES")
		if allOpen(types) && k < len(want) && want[k] != nil {
			t = want[k]
		}
		if t == tUnknown {
			t = tText
		}
		mod := sharedMod(parts)
		for i := range rows {
			rows[i][k] = s.coerce(rows[i][k], t, noMod, false)
		}
		p.cols = append(p.cols, outCol{"column" + intText(int64(k+1)), t, mod, q.values[0][k].where()})
	}
	x := s.x
	p.run = func(up *frame, yield func([]Value) bool) bool {
		f := &frame{up: up, x: x}
		for _, list := range rows {
			x.spend(1)
			row := make([]Value, columns)
			for k, e := range list {
				row[k] = e.eval(f)
			}
			if !yield(row) {
				return false
			}
		}
		return true
	}
	return p
}

func allOpen(types []*Type) bool {
	for _, t := range types {
		if t != tUnknown {
			return false
		}
	}
	return true
}
