package pgsql

// nested resolves a query inside an expression. once keeps what it gave when it
// depends on nothing outside.
func (s *scope) nested(q *query) (*plan, bool) {
	inner := s.sub()
	p := inner.query(q, nil)
	return p, inner.correlated
}

func oneColumn(p *plan, at int) {
	if len(p.cols) != 1 {
		failAt(at, codeSyntax, "subquery must return only one column")
	}
}

func (s *scope) subquery(e *subquery) *typed {
	p, correlated := s.nested(e.q)
	out := &typed{mod: noMod, slot: -1, bound: true}
	switch e.kind {
	case 'e':
		out.t = tBool
		out.eval = func(f *frame) Value {
			return boolValue(!p.run(f, func([]Value) bool { return false }))
		}
	case 'a':
		oneColumn(p, e.where())
		elem := p.cols[0].t
		if out.t = arrayOf(elem); out.t == nil {
			failAt(e.where(), codeUndefined, "could not find array type for data type "+elem.SQL)
		}
		out.eval = func(f *frame) Value { return gathered(p, f, elem) }
	default:
		oneColumn(p, e.where())
		out.t, out.mod = p.cols[0].t, p.cols[0].mod
		out.eval = func(f *frame) Value { return single(p, f) }
	}
	return cached(out, correlated)
}

// cached keeps the value of a query that depends on nothing outside.
func cached(e *typed, correlated bool) *typed {
	if correlated {
		return e
	}
	inner := e.eval
	var v Value
	done := false
	e.bound = false
	e.eval = func(f *frame) Value {
		if !done {
			v, done = inner(f), true
		}
		return v
	}
	return e
}

func gathered(p *plan, f *frame, elem *Type) Value {
	var items []Value
	p.run(f, func(row []Value) bool {
		f.x.keep(row[0].size())
		items = append(items, row[0])
		return true
	})
	if elem.Elem != nil {
		return nestArrays(elem.Elem, items)
	}
	return arrayValue(elem, items)
}

func single(p *plan, f *frame) Value {
	var v Value
	n := 0
	p.run(f, func(row []Value) bool {
		if n++; n > 1 {
			fail(codeCardinality, "more than one row returned by a subquery used as an expression")
		}
		v = row[0]
		return true
	})
	return v
}

// inQuery compares with the rows of a query: x IN (query), x op ANY (query).
func (s *scope) inQuery(e *inQuery) *typed {
	x := s.expr(e.x)
	p, correlated := s.nested(e.q)
	left := []*typed{x}
	if x.row != nil {
		left = x.row
	}
	if len(left) != len(p.cols) {
		what := "subquery has too many columns"
		if len(p.cols) < len(left) {
			what = "subquery has too few columns"
		}
		failAt(e.where(), codeSyntax, what)
	}
	// The query's row is put where the comparison's right side reads it.
	cell := make([]Value, len(p.cols))
	right := make([]*typed, len(p.cols))
	for i, c := range p.cols {
		right[i] = &typed{t: c.t, mod: c.mod, slot: -1, at: e.where(), bound: true, eval: func(*frame) Value { return cell[i] }}
	}
	var cmp *typed
	if len(left) == 1 {
		cmp = s.operator(e.op, e.where(), left[0], right[0])
	} else {
		cmp = s.compareRows(e.op, e.where(), left, right)
	}
	if cmp.t != tBool {
		failAt(e.where(), codeMismatch, "row comparison operator must yield type boolean, not type "+cmp.t.SQL)
	}
	out := merge(&typed{t: tBool, mod: noMod, at: e.where()}, x)
	out.konst, out.bound = false, out.bound || correlated
	if len(left) == 1 && e.op == "=" && !e.all && !correlated && cmp.eq != nil {
		return s.hashedQuery(e, out, cmp.eq, p, cell)
	}
	decides := int64(1)
	if e.all {
		decides = 0
	}
	not := e.not
	rows := keptRows(p, correlated)
	out.eval = func(f *frame) Value {
		v := quantify(f, rows, decides, func(row []Value) Value {
			copy(cell, row)
			return cmp.eval(f)
		})
		if not {
			v.n ^= 1
		}
		return v
	}
	return out
}

// keptRows runs a plan once when it depends on nothing outside.
func keptRows(p *plan, correlated bool) func(f *frame, yield func([]Value) bool) {
	if correlated {
		return func(f *frame, yield func([]Value) bool) { p.run(f, yield) }
	}
	var rows [][]Value
	done := false
	return func(f *frame, yield func([]Value) bool) {
		if !done {
			p.run(f, func(row []Value) bool {
				f.x.hold(row)
				rows = append(rows, row)
				return true
			})
			done = true
		}
		for _, row := range rows {
			f.x.spend(1)
			if !yield(row) {
				return
			}
		}
	}
}

// quantify is ANY or ALL over rows: decides is the result that ends the search.
func quantify(f *frame, rows func(*frame, func([]Value) bool), decides int64, test func([]Value) Value) Value {
	unknown, hit := false, false
	rows(f, func(row []Value) bool {
		v := test(row)
		unknown = unknown || !v.ok
		hit = v.ok && v.n == decides
		return !hit
	})
	switch {
	case hit:
		return intValue(decides)
	case unknown:
		return Value{}
	}
	return intValue(1 - decides)
}

// hashedQuery looks the value up in the set of the query's rows.
func (s *scope) hashedQuery(e *inQuery, out *typed, eq *equality, p *plan, cell []Value) *typed {
	var set map[string]bool
	null, not := false, e.not
	out.eval = func(f *frame) Value {
		if set == nil {
			set = map[string]bool{}
			p.run(f, func(row []Value) bool {
				cell[0] = row[0]
				v := eq.r.eval(f)
				null = null || !v.ok
				f.x.keep(v.size())
				set[string(appendKey(nil, eq.t, v))] = true
				return true
			})
		}
		v := eq.l.eval(f)
		switch {
		case len(set) == 0:
			return boolValue(not)
		case !v.ok:
			return v
		case set[string(appendKey(nil, eq.t, v))]:
			return boolValue(!not)
		case null:
			return Value{}
		}
		return boolValue(not)
	}
	return out
}

// anyArray is x op ANY (array).
func (s *scope) anyArray(e *anyArray) *typed {
	x, arr := s.expr(e.x), s.expr(e.arr)
	if arr.t == tUnknown {
		t := x.t
		if t == tUnknown {
			t = tText
		}
		arr = s.coerce(arr, arrayOf(t), noMod, false)
	}
	if arr.t.Elem == nil {
		failAt(e.where(), "42809", "op ANY/ALL (array) requires array on right side")
	}
	var cell Value
	elem := &typed{t: arr.t.Elem, mod: noMod, slot: -1, at: e.where(), bound: true, eval: func(*frame) Value { return cell }}
	cmp := s.operator(e.op, e.where(), x, elem)
	if cmp.t != tBool {
		failAt(e.where(), "42809", "op ANY/ALL (array) requires operator to yield boolean")
	}
	out := merge(&typed{t: tBool, mod: noMod, at: e.where()}, x, arr)
	decides := int64(1)
	if e.all {
		decides = 0
	}
	out.eval = func(f *frame) Value {
		v := arr.eval(f)
		if !v.ok {
			return v
		}
		return quantify(f, func(f *frame, yield func([]Value) bool) {
			for _, item := range elements(v) {
				if cell = item; !yield(nil) {
					return
				}
			}
		}, decides, func([]Value) Value { return cmp.eval(f) })
	}
	return out
}
