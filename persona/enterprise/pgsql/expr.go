package pgsql

import (
	"math"
	"strconv"
	"strings"
)

// expr resolves an expression.
func (s *scope) expr(e expr) *typed {
	s.enter()
	defer s.leave()
	if s.group != nil && !s.inAgg {
		if t := s.group.lookup(s, e); t != nil {
			return t
		}
	}
	out := s.resolve(e)
	out.at = e.where()
	return out
}

func (s *scope) resolve(e expr) *typed {
	switch e := e.(type) {
	case *columnRef:
		return s.columnExpr(e)
	case *rowField:
		return s.columnExpr(e.columnRef)
	case *literal:
		return s.literal(e)
	case *unary:
		return s.operator(e.op, e.where(), nil, s.expr(e.x))
	case *binary:
		return s.binary(e)
	case *logic:
		return s.logic(e)
	case *isTest:
		return s.isTest(e)
	case *distinctFrom:
		return s.distinctFrom(e)
	case *between:
		return s.between(e)
	case *inList:
		return s.inList(e)
	case *inQuery:
		return s.inQuery(e)
	case *anyArray:
		return s.anyArray(e)
	case *subquery:
		return s.subquery(e)
	case *arrayExpr:
		return s.arrayExpr(e)
	case *rowExpr:
		return s.rowExpr(e)
	case *caseExpr:
		return s.caseExpr(e)
	case *cast:
		return s.cast(e)
	case *like:
		return s.like(e)
	case *call:
		return s.call(e)
	case *subscript:
		return s.subscript(e)
	case *field:
		return s.field(e)
	case *collate:
		return s.collate(e)
	case *special:
		return s.special(e)
	}
	unsupported(e.where(), "this expression")
	return nil
}

func (s *scope) columnExpr(e *columnRef) *typed {
	if e.parts[len(e.parts)-1] == "*" {
		failAt(e.where(), codeSyntax, `row expansion via "*" is not supported here`)
	}
	f := s.column(e)
	f.s.ungrouped(s, e, f)
	return s.read(f.col, f.levels)
}

func (s *scope) literal(e *literal) *typed {
	out := &typed{t: tUnknown, mod: noMod, at: e.where(), konst: true, slot: -1, eval: func(*frame) Value { return textValue(e.text) }}
	switch e.kind {
	case 'n':
		return number(e)
	case 'b':
		return constant(tBool, boolValue(e.text == "true"))
	case '0':
		out.eval = func(*frame) Value { return Value{} }
	}
	out.lit = e
	return out
}

// number gives a numeral the smallest type that holds it.
func number(e *literal) *typed {
	if n, err := strconv.ParseInt(e.text, 10, 64); err == nil {
		if n >= math.MinInt32 && n <= math.MaxInt32 && (n != math.MinInt32) {
			return constant(tInt4, intValue(n))
		}
		return constant(tInt8, intValue(n))
	}
	d, ok := parseDecimal(e.text)
	if !ok {
		failAt(e.where(), codeRange, "value overflows numeric format")
	}
	return constant(tNumeric, decValue(d))
}

// join merges what several parts depend on.
func merge(out *typed, parts ...*typed) *typed {
	out.slot, out.konst = -1, true
	for _, p := range parts {
		if p == nil {
			continue
		}
		out.uses |= p.uses
		out.bound = out.bound || p.bound
		out.konst = out.konst && p.konst
	}
	return out
}

// boolean resolves an expression that has to be true or false.
func (s *scope) boolean(e expr, where string) *typed {
	t := s.expr(e)
	return s.mustBool(t, where)
}

func (s *scope) mustBool(t *typed, where string) *typed {
	if t.t == tUnknown {
		return s.coerce(t, tBool, noMod, false)
	}
	if t.t != tBool {
		failAt(t.at, codeMismatch, "argument of "+where+" must be type boolean, not type "+t.t.SQL)
	}
	if t.set != nil {
		failAt(t.at, codeUnsupported, "set-returning functions are not allowed in "+where)
	}
	return t
}

func (s *scope) logic(e *logic) *typed {
	parts := make([]*typed, len(e.kids))
	evals := make([]func(*frame) Value, len(e.kids))
	mark := len(s.folds)
	for i, k := range e.kids {
		parts[i] = s.boolean(k, strings.ToUpper(e.op))
		evals[i] = parts[i].eval
	}
	if e.op != "not" {
		s.unfold(mark, parts...)
	}
	out := merge(&typed{t: tBool, mod: noMod}, parts...)
	switch e.op {
	case "not":
		out.eval = func(f *frame) Value {
			v := evals[0](f)
			v.n ^= 1
			return v
		}
	case "and":
		out.eval = func(f *frame) Value { return chain(f, evals, 0) }
	default:
		out.eval = func(f *frame) Value { return chain(f, evals, 1) }
	}
	return out
}

// chain ends at the first value that decides; an unknown one is remembered.
func chain(f *frame, evals []func(*frame) Value, decides int64) Value {
	unknown := false
	for _, e := range evals {
		v := e(f)
		if !v.ok {
			unknown = true
		} else if v.n == decides {
			return v
		}
	}
	if unknown {
		return Value{}
	}
	return intValue(1 - decides)
}

func (s *scope) isTest(e *isTest) *typed {
	x := s.expr(e.x)
	if e.what != "null" {
		x = s.mustBool(x, "IS "+strings.ToUpper(map[bool]string{true: "not "}[e.not]+e.what))
	}
	x = s.known(x)
	out := merge(&typed{t: tBool, mod: noMod}, x)
	eval, not := x.eval, e.not
	switch e.what {
	case "null":
		out.eval = func(f *frame) Value {
			v := eval(f)
			if r, ok := v.x.(*record); ok && v.ok {
				return boolValue(allNull(r, !not))
			}
			return boolValue(v.ok == not)
		}
	case "unknown":
		out.eval = func(f *frame) Value { return boolValue(eval(f).ok == not) }
	default:
		want := int64(0)
		if e.what == "true" {
			want = 1
		}
		out.eval = func(f *frame) Value {
			v := eval(f)
			return boolValue((v.ok && v.n == want) != not)
		}
	}
	return out
}

// allNull reports whether every member of a row is NULL, or none is.
func allNull(r *record, null bool) bool {
	for _, v := range r.items {
		if v.ok == null {
			return false
		}
	}
	return true
}

// known gives an open constant the type text.
func (s *scope) known(t *typed) *typed {
	if t.t == tUnknown {
		return s.coerce(t, tText, noMod, false)
	}
	return t
}

func (s *scope) distinctFrom(e *distinctFrom) *typed {
	eq := s.compareExprs("=", e.where(), s.expr(e.l), s.expr(e.r))
	if eq.eq == nil {
		unsupported(e.where(), "IS DISTINCT FROM for rows")
	}
	l, r, cmp, not := eq.eq.l.eval, eq.eq.r.eval, eq.eval, e.not
	out := merge(&typed{t: tBool, mod: noMod}, eq)
	out.eval = func(f *frame) Value {
		a, b := l(f), r(f)
		if !a.ok || !b.ok {
			return boolValue((a.ok != b.ok) != not)
		}
		return boolValue((cmp(f).n == 0) != not)
	}
	return out
}

func (s *scope) between(e *between) *typed {
	low := &logic{e.at, "and", []expr{&binary{e.at, ">=", e.x, e.lo}, &binary{e.at, "<=", e.x, e.hi}}}
	x := expr(low)
	if e.sym {
		x = &logic{e.at, "or", []expr{low, &logic{e.at, "and", []expr{&binary{e.at, ">=", e.x, e.hi}, &binary{e.at, "<=", e.x, e.lo}}}}}
	}
	if e.not {
		x = &logic{e.at, "not", []expr{x}}
	}
	return s.resolve(x)
}

func (s *scope) inList(e *inList) *typed {
	x := s.expr(e.x)
	items := make([]*typed, len(e.list))
	types := []*Type{x.t}
	for i, item := range e.list {
		items[i] = s.expr(item)
		types = append(types, items[i].t)
	}
	parts := make([]*typed, len(items))
	if t, ok := commonType(types); ok && x.row == nil && t != tText || len(items) > 1 && ok && x.row == nil {
		x = s.coerceImplicit(x, t)
		for i := range items {
			items[i] = s.coerceImplicit(items[i], t)
		}
	}
	for i, item := range items {
		parts[i] = s.compareExprs("=", e.where(), x, item)
	}
	if set := s.hashedList(x, items, parts, e.not); set != nil {
		return set
	}
	evals := make([]func(*frame) Value, len(parts))
	for i := range parts {
		evals[i] = parts[i].eval
	}
	out := merge(&typed{t: tBool, mod: noMod}, parts...)
	not := e.not
	out.eval = func(f *frame) Value {
		v := chain(f, evals, 1)
		if not {
			v.n ^= 1
		}
		return v
	}
	return out
}

// hashedList looks a value up among constants; nil when they are not.
func (s *scope) hashedList(x *typed, items, parts []*typed, not bool) *typed {
	if len(items) < 8 || x.row != nil {
		return nil
	}
	set, null := map[string]bool{}, false
	for i, item := range items {
		if !item.konst || parts[i].eq == nil {
			return nil
		}
		v := parts[i].eq.r.eval(&frame{x: s.x})
		null = null || !v.ok
		set[string(appendKey(nil, parts[i].eq.t, v))] = true
	}
	t, eval := parts[0].eq.t, parts[0].eq.l.eval
	out := merge(&typed{t: tBool, mod: noMod}, x)
	out.eval = func(f *frame) Value {
		v := eval(f)
		if !v.ok {
			return Value{}
		}
		hit := set[string(appendKey(nil, t, v))]
		if !hit && null {
			return Value{}
		}
		return boolValue(hit != not)
	}
	return out
}

// coerceImplicit converts where the server would without being asked.
func (s *scope) coerceImplicit(e *typed, t *Type) *typed {
	if e.t != t && coercible(e.t, t) != 'i' {
		return e
	}
	return s.coerce(e, t, noMod, false)
}
