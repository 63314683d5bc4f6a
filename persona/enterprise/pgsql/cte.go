package pgsql

import "slices"

// cteRel is a common table expression. Its rows are made once per run of the query
// that has it.
type cteRel struct {
	name  string
	cols  []outCol
	plan  *plan
	rows  [][]Value // kept, when the expression depends on nothing outside
	done  bool
	work  *[][]Value // of a recursive one: what its own name stands for
	from  *scope
	outer bool // depends on an outer query: nothing is kept
}

func (s *scope) addCTE(c *cte, recursive bool) {
	if c.write != nil {
		s.x.write(c.write)
	}
	for _, have := range s.ctes {
		if have.name == c.name && have.from == s {
			failAt(c.at, "42712", `WITH query name "`+c.name+`" specified more than once`)
		}
	}
	rel := &cteRel{name: c.name, from: s}
	if recursive && refersTo(c.q, c.name) {
		s.recursiveCTE(c, rel)
	} else {
		inner := s.sub()
		rel.plan = inner.query(c.q, nil)
		rel.outer = inner.correlated
		rel.cols = s.cteColumns(c, rel.plan)
	}
	s.ctes = append(slices.Clip(s.ctes), rel)
}

func (s *scope) cteColumns(c *cte, p *plan) []outCol {
	cols := append([]outCol(nil), p.cols...)
	if len(c.columns) > len(cols) {
		failAt(c.at, "42P10", `WITH query "`+c.name+`" has `+intText(int64(len(cols)))+" columns available but "+intText(int64(len(c.columns)))+" columns specified")
	}
	for i, n := range c.columns {
		cols[i].name = n
	}
	return cols
}

// refersTo reports whether a query reads a table of a name.
func refersTo(q *query, name string) bool {
	if q == nil {
		return false
	}
	for _, c := range q.with {
		if refersTo(c.q, name) {
			return true
		}
	}
	for _, f := range q.from {
		if fromRefers(f, name) {
			return true
		}
	}
	return refersTo(q.left, name) || refersTo(q.right, name)
}

func fromRefers(f tableRef, name string) bool {
	switch f := f.(type) {
	case *tableName:
		return len(f.parts) == 1 && f.parts[0] == name
	case *fromQuery:
		return refersTo(f.q, name)
	case *join:
		return fromRefers(f.l, name) || fromRefers(f.r, name)
	}
	return false
}

// recursiveCTE runs the second part over the rows of the last round until there
// are none.
func (s *scope) recursiveCTE(c *cte, rel *cteRel) {
	q := c.q
	if q.op != "union" || refersTo(q.left, c.name) {
		failAt(c.at, "42P19", `recursive query "`+c.name+`" does not have the form non-recursive-term UNION [ALL] recursive-term`)
	}
	base := s.branchOf(q.left)
	rel.cols = s.cteColumns(c, base)
	work := [][]Value{}
	rel.work = &work
	inner := s.sub()
	inner.ctes = append(inner.ctes, rel)
	next := inner.query(q.right, base.types())
	if len(next.cols) != len(base.cols) {
		failAt(firstItem(q.right), codeSyntax, "each UNION query must have the same number of columns")
	}
	for i, col := range next.cols {
		if have := base.cols[i].t; col.t != have {
			if t, ok := commonType([]*Type{have, col.t}); !ok {
				failAt(col.at, codeMismatch, "UNION types "+have.SQL+" and "+col.t.SQL+" cannot be matched")
			} else if t != have {
				failHint(base.cols[i].at, codeMismatch, `recursive query "`+c.name+`" column `+intText(int64(i+1))+" has type "+have.SQL+" in non-recursive term but type "+t.SQL+" overall",
					"Cast the output of the non-recursive term to the correct type.")
			}
		}
	}
	next = inner.retyped(next, base.types())
	x, types, all := s.x, base.types(), q.all
	rel.outer = inner.correlated
	rel.plan = s.sorted(&query{order: q.order, limit: q.limit, offset: q.offset, op: "union"}, &plan{cols: rel.cols, run: func(up *frame, yield func([]Value) bool) bool {
		return iterate(x, up, base, next, &work, types, all, yield)
	}}, nil)
}

func (s *scope) branchOf(q *query) *plan {
	inner := s.sub()
	return inner.query(q, nil)
}

func iterate(x *exec, up *frame, base, next *plan, work *[][]Value, types []*Type, all bool, yield func([]Value) bool) bool {
	seen := map[string]bool{}
	fresh := func(row []Value) bool {
		if all {
			return true
		}
		key := rowKey(types, row)
		dup := seen[key]
		seen[key] = true
		return !dup
	}
	var round [][]Value
	take := func(row []Value) bool {
		x.spend(1)
		if !fresh(row) {
			return true
		}
		x.hold(row)
		round = append(round, row)
		return yield(row)
	}
	if !base.run(up, take) {
		return false
	}
	for len(round) > 0 {
		*work, round = round, nil
		if !next.run(up, take) {
			return false
		}
	}
	return true
}

// cteTable reads a common table expression in FROM.
func (s *scope) cteTable(ref *tableName, c *cteRel, alias string) (*step, []*scopeCol, []*rangeRel) {
	p := &plan{cols: c.cols}
	st, r := s.leaf(ref.fromItem, alias, p.names(), p.types(), p.mods())
	x, lo, work, plan := s.x, st.lo, c.work, c.plan
	levels := 0
	for sc := s; sc != nil && sc != c.from; sc = sc.up {
		levels++
	}
	if c.outer {
		s.correlated = true
	}
	st.run = func(f *frame, yield func() bool) bool {
		emit := func(row []Value) bool {
			x.spend(1)
			copy(f.row[lo:], row)
			return yield()
		}
		if plan == nil {
			for _, row := range *work {
				if !emit(row) {
					return false
				}
			}
			return true
		}
		if c.outer {
			return c.plan.run(climbFrame(f, levels), emit)
		}
		return c.each(x, emit)
	}
	return st, r.cols, []*rangeRel{r}
}

func climbFrame(f *frame, levels int) *frame {
	for ; levels > 0 && f != nil; levels-- {
		f = f.up
	}
	return f
}

// each gives the rows, as far as they have been made. They are kept only when all
// of them were asked for.
func (c *cteRel) each(x *exec, yield func([]Value) bool) bool {
	if !c.done {
		var rows [][]Value
		ok := c.plan.run(nil, func(row []Value) bool {
			x.hold(row)
			rows = append(rows, append([]Value(nil), row...))
			return yield(row)
		})
		if ok {
			c.rows, c.done = rows, true
		}
		return ok
	}
	for _, row := range c.rows {
		if !yield(append([]Value(nil), row...)) {
			return false
		}
	}
	return true
}
