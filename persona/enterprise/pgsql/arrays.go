package pgsql

import (
	"slices"
	"strings"
)

// elements are the members of an array or of an int2vector or oidvector.
func elements(v Value) []Value {
	if a, ok := v.x.(*array); ok {
		return a.items
	}
	var out []Value
	for f := range strings.FieldsSeq(v.s) {
		n, _ := digits(f)
		out = append(out, intValue(int64(n)))
	}
	return out
}

func concatArrays(elem *Type, a, b Value) Value {
	if !a.ok {
		return b
	}
	if !b.ok {
		return a
	}
	l, r := a.arr(), b.arr()
	if len(l.items) == 0 {
		return b
	}
	if len(r.items) == 0 {
		return a
	}
	out := &array{elem: elem, items: slices.Concat(l.items, r.items), dims: slices.Clone(l.dims)}
	switch {
	case len(l.dims) == len(r.dims):
		out.dims[0] += r.dims[0]
	case len(l.dims) == len(r.dims)+1:
		out.dims[0]++
	case len(l.dims)+1 == len(r.dims):
		out.dims = slices.Clone(r.dims)
		out.dims[0]++
	}
	if product(out.dims) != len(out.items) {
		failDetail("2202E", "cannot concatenate incompatible arrays", "Arrays with differing element dimensions are not compatible for concatenation.")
	}
	return Value{ok: true, x: out}
}

func (x *exec) appendArray(elem *Type, a, v Value) Value {
	if !a.ok {
		return arrayValue(elem, []Value{v})
	}
	x.spend(len(a.arr().items) / 16)
	return arrayValue(elem, append(slices.Clone(a.arr().items), v))
}

func (x *exec) prependArray(elem *Type, v, a Value) Value {
	if !a.ok {
		return arrayValue(elem, []Value{v})
	}
	x.spend(len(a.arr().items) / 16)
	return arrayValue(elem, append([]Value{v}, a.arr().items...))
}

// containment is @>, <@ and && of arrays, jsonb and networks.
func (x *exec) containment(op string, c *chosen) apply {
	t := c.types[0]
	switch {
	case t == tInet || t == tCidr:
		return inetOperator(op)
	case t == tJsonb && op == "@>":
		return func(a, b Value) Value { return boolValue(jsonContains(parseJSON(a.s), parseJSON(b.s))) }
	case t == tJsonb && op == "<@":
		return func(a, b Value) Value { return boolValue(jsonContains(parseJSON(b.s), parseJSON(a.s))) }
	case t.Elem == nil:
		return nil
	}
	switch op {
	case "@>":
		return func(a, b Value) Value { return boolValue(x.containsAll(t.Elem, a, b)) }
	case "<@":
		return func(a, b Value) Value { return boolValue(x.containsAll(t.Elem, b, a)) }
	case "&&":
		return func(a, b Value) Value {
			for _, v := range elements(b) {
				if v.ok && x.position(t.Elem, elements(a), v) >= 0 {
					return boolValue(true)
				}
			}
			return boolValue(false)
		}
	}
	return nil
}

func (x *exec) containsAll(elem *Type, a, b Value) bool {
	for _, v := range elements(b) {
		if !v.ok || x.position(elem, elements(a), v) < 0 {
			return false
		}
	}
	return true
}

func (x *exec) position(elem *Type, items []Value, v Value) int {
	x.spend(len(items))
	return slices.IndexFunc(items, func(i Value) bool { return compareNulls(elem, i, v) == 0 })
}

func inetOperator(op string) apply {
	switch op {
	case "<<":
		return func(a, b Value) Value { return boolValue(inetWithin(a.s, b.s, true)) }
	case "<<=":
		return func(a, b Value) Value { return boolValue(inetWithin(a.s, b.s, false)) }
	case ">>":
		return func(a, b Value) Value { return boolValue(inetWithin(b.s, a.s, true)) }
	case ">>=":
		return func(a, b Value) Value { return boolValue(inetWithin(b.s, a.s, false)) }
	case "&&":
		return func(a, b Value) Value { return boolValue(inetWithin(a.s, b.s, false) || inetWithin(b.s, a.s, false)) }
	}
	return nil
}

// subscript resolves x[i] and x[i:j].
func (s *scope) subscript(e *subscript) *typed {
	x := s.expr(e.x)
	if x.t == tJsonb {
		return s.operator("->", e.where(), x, s.expr(e.lo))
	}
	if x.t.Elem == nil {
		failAt(e.where(), codeMismatch, "cannot subscript type "+x.t.SQL+" because it does not support subscripting")
	}
	bound := func(b expr) *typed {
		if b == nil {
			return constant(tInt4, Value{})
		}
		t := s.expr(b)
		if coercible(t.t, tInt4) == 0 || t.t.Cat != 'N' && t.t != tUnknown {
			failAt(b.where(), codeMismatch, "array subscript must have type integer")
		}
		return s.coerce(t, tInt4, noMod, false)
	}
	lo := bound(e.lo)
	if e.slice {
		hi := bound(e.hi)
		out := merge(&typed{t: x.t, mod: x.mod}, x, lo, hi)
		out.eval = func(f *frame) Value { return slice(x.eval(f), lo.eval(f), hi.eval(f), e.lo != nil, e.hi != nil) }
		return out
	}
	out := merge(&typed{t: x.t.Elem, mod: x.mod}, x, lo)
	out.eval = func(f *frame) Value {
		v, i := x.eval(f), lo.eval(f)
		if !v.ok || !i.ok {
			return Value{}
		}
		if a, ok := v.x.(*array); ok {
			if len(a.dims) != 1 {
				return subArray(a, i.n)
			}
			i.n -= int64(a.lowerBound(0) - 1)
		} else {
			i.n++ // vectors count from zero
		}
		items := elements(v)
		if i.n < 1 || i.n > int64(len(items)) {
			return Value{}
		}
		return items[i.n-1]
	}
	return out
}

// subArray is a row of an array with more dimensions, for the next subscript.
func subArray(a *array, i int64) Value {
	if len(a.dims) < 2 || i < 1 || i > int64(a.dims[0]) {
		return Value{}
	}
	size := len(a.items) / a.dims[0]
	return Value{ok: true, x: &array{elem: a.elem, items: a.items[int(i-1)*size : int(i)*size], dims: a.dims[1:]}}
}

func slice(v, lo, hi Value, hasLo, hasHi bool) Value {
	if !v.ok || hasLo && !lo.ok || hasHi && !hi.ok {
		return Value{}
	}
	items := elements(v)
	from, to := int64(1), int64(len(items))
	if hasLo {
		from = max(lo.n, 1)
	}
	if hasHi {
		to = min(hi.n, to)
	}
	elem := tInt4
	if a, ok := v.x.(*array); ok {
		elem = a.elem
	}
	if from > to {
		return arrayValue(elem, nil)
	}
	return arrayValue(elem, items[from-1:to])
}

// field resolves (row).name.
func (s *scope) field(e *field) *typed {
	if c, ok := e.x.(*rowField); ok && len(c.parts) == 1 {
		return s.columnExpr(&columnRef{c.at, []string{c.parts[0], e.name}})
	}
	x := s.expr(e.x)
	if x.t != tRecord {
		failAt(e.x.where(), "42809", "column notation ."+e.name+" applied to type "+x.t.SQL+", which is not a composite type")
	}
	if i := indexOf(rowNames(x), e.name); i >= 0 {
		item := *x.row[i]
		return &item
	}
	failAt(e.where(), codeNoColumn, `could not identify column "`+e.name+`" in record data type`)
	return nil
}

func rowNames(x *typed) []string {
	names := make([]string, len(x.row))
	for i := range names {
		names[i] = "f" + intText(int64(i+1))
	}
	return names
}
