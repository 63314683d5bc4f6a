package pgsql

import "strings"

// setOperation resolves UNION, INTERSECT and EXCEPT.
func (s *scope) setOperation(q *query, want []*Type) *plan {
	left, right := s.branch(q.left, openTypes(want)), s.branch(q.right, openTypes(want))
	name := strings.ToUpper(q.op)
	if len(left.cols) != len(right.cols) {
		failAt(firstItem(q.right), codeSyntax, "each "+name+" query must have the same number of columns")
	}
	types := make([]*Type, len(left.cols))
	for i := range types {
		types[i] = s.matchTypes(name, left.cols[i], right.cols[i])
		if want == nil && types[i] == tUnknown || types[i] == tUnknown && (i >= len(want) || want[i] != tUnknown) {
			types[i] = tText
		}
	}
	left, right = s.retyped(left, types), s.retyped(right, types)
	out := &plan{cols: left.cols, root: left.root}
	for i := range out.cols {
		if left.cols[i].mod != right.cols[i].mod {
			out.cols[i].mod = noMod
		}
	}
	x := s.x
	if q.op == "union" {
		out.run = func(up *frame, yield func([]Value) bool) bool { return left.run(up, yield) && right.run(up, yield) }
		if !q.all {
			s.comparableCols(out)
			return s.unique(out, nil, nil, len(types))
		}
		return out
	}
	s.comparableCols(out)
	keep, all := q.op == "intersect", q.all
	out.run = func(up *frame, yield func([]Value) bool) bool {
		counts := map[string]int{}
		right.run(up, func(row []Value) bool {
			x.keep(64)
			counts[rowKey(types, row)]++
			return true
		})
		seen := map[string]bool{}
		return left.run(up, func(row []Value) bool {
			key := rowKey(types, row)
			n := counts[key]
			if all && n > 0 {
				counts[key]--
			}
			if n > 0 != keep || !all && seen[key] {
				return true
			}
			x.keep(int64(len(key)) + 32)
			seen[key] = true
			return yield(row)
		})
	}
	return out
}

func (s *scope) comparableCols(p *plan) {
	for _, c := range p.cols {
		if c.t == tJson {
			failAt(c.at, codeNoFunction, "could not identify an equality operator for type json")
		}
	}
}

func rowKey(types []*Type, row []Value) string {
	var b []byte
	for i, t := range types {
		b = appendKey(b, t, row[i])
	}
	return string(b)
}

// openTypes lets constants keep their open type, for the other side to decide.
func openTypes(want []*Type) []*Type {
	out := make([]*Type, 200)
	for i := range out {
		out[i] = tUnknown
		if i < len(want) && want[i] != nil {
			out[i] = want[i]
		}
	}
	return out
}

func (s *scope) branch(q *query, want []*Type) *plan {
	inner := s.sub()
	inner.up, inner.ctes = s.up, s.ctes
	p := inner.query(q, want)
	s.correlated = s.correlated || inner.correlated
	return p
}

func firstItem(q *query) int {
	for q.left != nil {
		q = q.left
	}
	if len(q.items) > 0 {
		return q.items[0].x.where()
	}
	if len(q.values) > 0 {
		return q.values[0][0].where()
	}
	return q.at
}

func (s *scope) matchTypes(name string, l, r outCol) *Type {
	if l.t == tUnknown && r.t == tUnknown {
		return tUnknown
	}
	t, ok := commonType([]*Type{l.t, r.t})
	if !ok {
		failAt(r.at, codeMismatch, name+" types "+l.t.SQL+" and "+r.t.SQL+" cannot be matched")
	}
	return t
}

// retyped converts the columns of a plan.
func (s *scope) retyped(p *plan, types []*Type) *plan {
	convs := make([]func(Value) Value, len(types))
	same := true
	out := &plan{root: p.root, cols: append([]outCol(nil), p.cols...)}
	for i, t := range types {
		if p.cols[i].t == t {
			continue
		}
		same = false
		from := p.cols[i].t
		if from == tUnknown {
			at := p.cols[i].at
			convs[i] = func(v Value) Value { return locate(at, func() Value { return s.x.input(t, noMod, v.s) }) }
		} else {
			convs[i] = s.x.converter(from, t)
		}
		out.cols[i].t, out.cols[i].mod = t, noMod
	}
	if same {
		return p
	}
	out.run = func(up *frame, yield func([]Value) bool) bool {
		return p.run(up, func(row []Value) bool {
			for i, conv := range convs {
				if conv != nil && row[i].ok {
					row[i] = conv(row[i])
				}
			}
			return yield(row)
		})
	}
	return out
}
