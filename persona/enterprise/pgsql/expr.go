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

func (s *scope) arrayExpr(e *arrayExpr) *typed {
	if len(e.items) == 0 {
		failHint(e.where(), "42P18", "cannot determine type of empty array", "Explicitly cast to the desired type, for example ARRAY[]::integer[].")
	}
	items := make([]*typed, len(e.items))
	types := make([]*Type, len(items))
	for i, item := range e.items {
		items[i] = s.expr(item)
		types[i] = items[i].t
	}
	t := s.common(types, items, "ARRAY")
	for i := range items {
		items[i] = s.coerce(items[i], t, noMod, false)
	}
	arr := arrayOf(t)
	if arr == nil {
		failAt(e.where(), codeUndefined, "could not find array type for data type "+t.SQL)
	}
	return merge(&typed{t: arr, mod: noMod, eval: arrayEval(t, items)}, items...)
}

func arrayEval(t *Type, items []*typed) func(f *frame) Value {
	return func(f *frame) Value {
		vals := make([]Value, len(items))
		for i, item := range items {
			vals[i] = item.eval(f)
		}
		if t.Elem == nil {
			return arrayValue(t, vals)
		}
		return nestArrays(t.Elem, vals)
	}
}

func nestArrays(elem *Type, vals []Value) Value {
	out := &array{elem: elem}
	for _, v := range vals {
		if !v.ok {
			fail("2202E", "multidimensional arrays must have array expressions with matching dimensions")
		}
		a := v.arr()
		if out.dims == nil {
			out.dims = append([]int{len(vals)}, a.dims...)
		} else if len(a.dims) != len(out.dims)-1 || len(a.items)*len(vals) != product(out.dims) {
			fail("2202E", "multidimensional arrays must have array expressions with matching dimensions")
		}
		out.items = append(out.items, a.items...)
	}
	if len(out.items) == 0 {
		out.dims = nil
	}
	return Value{ok: true, x: out}
}

func product(dims []int) int {
	n := 1
	for _, d := range dims {
		n *= d
	}
	return n
}

// common finds the common type of parts or complains in the name of a construct.
func (s *scope) common(types []*Type, parts []*typed, what string) *Type {
	t, ok := commonType(types)
	if ok {
		return t
	}
	first := tUnknown
	for i, have := range types {
		if first == tUnknown {
			first = have
			continue
		}
		if have == tUnknown {
			continue
		}
		if have.Cat != first.Cat {
			failAt(parts[i].at, codeMismatch, what+" types "+first.SQL+" and "+have.SQL+" cannot be matched")
		}
		if !first.Pref && coercible(first, have) == 'i' && coercible(have, first) != 'i' {
			first = have
		}
	}
	for i, have := range types {
		if have != tUnknown && coercible(have, first) != 'i' {
			failAt(parts[i].at, codeCannotCast, what+" could not convert type "+have.SQL+" to "+first.SQL)
		}
	}
	return t
}

func (s *scope) rowExpr(e *rowExpr) *typed {
	items := make([]*typed, 0, len(e.items))
	names := make([]string, len(e.items))
	for i, item := range e.items {
		items = append(items, s.expr(item))
		names[i] = "f" + strconv.Itoa(i+1)
	}
	out := merge(&typed{t: tRecord, mod: noMod, row: items}, items...)
	shown := make([]*typed, len(items))
	for i, item := range items {
		shown[i] = s.known(item)
	}
	items = shown
	types := typesOf(items)
	out.eval = func(f *frame) Value {
		r := &record{types: types, names: names, items: make([]Value, len(items))}
		for i, item := range items {
			r.items[i] = item.eval(f)
		}
		return Value{ok: true, x: r}
	}
	return out
}

func (s *scope) caseExpr(e *caseExpr) *typed {
	var parts, results []*typed
	var types []*Type
	mark := len(s.folds)
	for _, w := range e.whens {
		when := w[0]
		if e.x != nil {
			when = &binary{at(w[0].where()), "=", e.x, w[0]}
		}
		parts = append(parts, s.boolean(when, "CASE/WHEN"))
		results = append(results, s.expr(w[1]))
	}
	if e.other != nil {
		other := s.expr(e.other)
		results = append(results, other)
		types = append(types, other.t) // the server looks at ELSE first
	}
	for _, r := range results[:len(e.whens)] {
		types = append(types, r.t)
	}
	order := results
	if e.other != nil {
		order = append([]*typed{results[len(results)-1]}, results[:len(results)-1]...)
	}
	t := s.common(types, order, "CASE")
	for i := range results {
		results[i] = s.coerce(results[i], t, noMod, false)
	}
	s.unfold(mark, parts...)
	out := merge(&typed{t: t, mod: sharedMod(results)}, append(parts, results...)...)
	out.eval = func(f *frame) Value {
		for i, p := range parts {
			if p.eval(f).truth() {
				return results[i].eval(f)
			}
		}
		if len(results) > len(parts) {
			return results[len(parts)].eval(f)
		}
		return Value{}
	}
	return out
}

// sharedMod is the modifier that all parts have.
func sharedMod(parts []*typed) int {
	for _, p := range parts {
		if p.mod != parts[0].mod {
			return noMod
		}
	}
	return parts[0].mod
}

func (s *scope) special(e *special) *typed {
	if e.name == "grouping" {
		return s.grouping(e)
	}
	args := make([]*typed, len(e.args))
	types := make([]*Type, len(args))
	mark := len(s.folds)
	for i, arg := range e.args {
		args[i] = s.expr(arg)
		types[i] = args[i].t
	}
	if e.name == "nullif" {
		return s.nullif(e, args)
	}
	t := s.common(types, args, strings.ToUpper(e.name))
	for i := range args {
		args[i] = s.coerce(args[i], t, noMod, false)
	}
	out := merge(&typed{t: t, mod: sharedMod(args)}, args...)
	want := map[string]int{"greatest": 1, "least": -1}[e.name]
	if want == 0 {
		s.unfold(mark, args...)
		out.eval = func(f *frame) Value {
			for _, arg := range args {
				if v := arg.eval(f); v.ok {
					return v
				}
			}
			return Value{}
		}
		return out
	}
	out.eval = func(f *frame) Value {
		var best Value
		for _, arg := range args {
			if v := arg.eval(f); v.ok && (!best.ok || compare(t, v, best) == want) {
				best = v
			}
		}
		return best
	}
	return out
}

func (s *scope) nullif(e *special, args []*typed) *typed {
	eq := s.compareExprs("=", e.where(), args[0], args[1])
	c := s.chooseOperator("=", e.where(), typesOf(args))
	first := s.coerce(args[0], c.types[0], noMod, false)
	out := merge(&typed{t: first.t, mod: first.mod}, args...)
	out.eval = func(f *frame) Value {
		if eq.eval(f).truth() {
			return Value{}
		}
		return first.eval(f)
	}
	return out
}

func (s *scope) cast(e *cast) *typed {
	to, mod := e.to.resolve()
	if arr, ok := e.x.(*arrayExpr); ok && to.Elem != nil && len(arr.items) == 0 {
		return constant(to, arrayValue(to.Elem, nil))
	}
	x := s.expr(e.x)
	if x.t == tUnknown && e.to.name == "interval" && e.to.unit != "" && x.lit != nil && x.lit.kind == 's' {
		v := locate(x.at, func() Value { return s.x.applyMod(to, mod, parseInterval(x.lit.text, e.to.unit), true) })
		out := constant(to, truncInterval(v, e.to.unit))
		return out
	}
	if c := coercible(x.t, to); c == 0 || x.t == tRecord && to != tRecord && to.Cat != 'S' {
		failAt(e.where(), codeCannotCast, "cannot cast type "+x.t.SQL+" to "+to.SQL)
	}
	if to == tVarchar || to == tText {
		x = s.known(x)
	}
	return s.coerce(x, to, mod, true)
}

// truncInterval drops what is finer than the last field of an interval's type.
func truncInterval(v Value, unit string) Value {
	i := *v.span()
	switch unit {
	case "year":
		i = interval{months: i.months / 12 * 12}
	case "month":
		i = interval{months: i.months}
	case "day":
		i.us = 0
	case "hour":
		i.us = i.us / hour * hour
	case "minute":
		i.us = i.us / minute * minute
	}
	return Value{ok: true, x: &i}
}

func (s *scope) collate(e *collate) *typed {
	x := s.known(s.expr(e.x))
	if x.t.Cat != 'S' {
		failAt(e.where(), codeMismatch, "collations are not supported by type "+x.t.SQL)
	}
	switch e.name {
	case "C", "POSIX", "default", "C.UTF-8", "ucs_basic", "en_US.utf8", "en_US", "C.utf8", "und-x-icu", "en-US-x-icu", "en-x-icu":
		return x
	}
	failAt(e.where(), codeUndefined, `collation "`+e.name+`" for encoding "UTF8" does not exist`)
	return nil
}
