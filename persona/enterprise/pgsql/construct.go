package pgsql

import (
	"strconv"
	"strings"
)

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
