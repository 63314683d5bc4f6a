package pgsql

import (
	"slices"
	"strings"
)

var arrayFunctions = []entry[impl]{
	{"array_length", func(_ *env, v []Value) Value { return dimension(v, func(_, n int) int { return n }) }},
	{"array_upper", func(_ *env, v []Value) Value { return dimension(v, func(lo, n int) int { return lo + n - 1 }) }},
	{"array_lower", func(_ *env, v []Value) Value { return dimension(v, func(lo, _ int) int { return lo }) }},
	{"cardinality", func(_ *env, v []Value) Value { return intValue(int64(len(elements(v[0])))) }},
	{"array_ndims", func(_ *env, v []Value) Value {
		if len(v[0].arr().dims) == 0 {
			return Value{}
		}
		return intValue(int64(len(v[0].arr().dims)))
	}},
	{"array_dims", func(_ *env, v []Value) Value {
		var s strings.Builder
		for i, n := range v[0].arr().dims {
			lo := v[0].arr().lowerBound(i)
			s.WriteString("[" + intText(int64(lo)) + ":" + intText(int64(lo+n-1)) + "]")
		}
		return Value{ok: s.String() != "", s: s.String()}
	}},
	{"array_append", func(c *env, v []Value) Value { return c.x.appendArray(c.ret.Elem, v[0], v[1]) }},
	{"array_prepend", func(c *env, v []Value) Value { return c.x.prependArray(c.ret.Elem, v[0], v[1]) }},
	{"array_cat", func(c *env, v []Value) Value { return concatArrays(c.ret.Elem, v[0], v[1]) }},
	{"array_position", func(c *env, v []Value) Value {
		if !v[0].ok {
			return Value{}
		}
		i := c.x.position(c.types[0].Elem, v[0].arr().items, v[1])
		if i < 0 {
			return Value{}
		}
		return intValue(int64(i + 1))
	}},
	{"array_positions", func(c *env, v []Value) Value {
		var out []Value
		for i, item := range v[0].arr().items {
			if compareNulls(c.types[0].Elem, item, v[1]) == 0 {
				out = append(out, intValue(int64(i+1)))
			}
		}
		return arrayValue(tInt4, out)
	}},
	{"array_remove", func(c *env, v []Value) Value {
		if !v[0].ok {
			return Value{}
		}
		elem := c.types[0].Elem
		return arrayValue(elem, slices.DeleteFunc(slices.Clone(v[0].arr().items), func(i Value) bool { return compareNulls(elem, i, v[1]) == 0 }))
	}},
	{"array_replace", func(c *env, v []Value) Value {
		if !v[0].ok {
			return Value{}
		}
		a := *v[0].arr()
		a.items = slices.Clone(a.items)
		for i, item := range a.items {
			if compareNulls(a.elem, item, v[1]) == 0 {
				a.items[i] = v[2]
			}
		}
		return Value{ok: true, x: &a}
	}},
	{"array_to_string", func(c *env, v []Value) Value {
		if !v[0].ok || !v[1].ok {
			return Value{}
		}
		var parts []string
		for _, item := range elements(v[0]) {
			switch {
			case item.ok:
				parts = append(parts, c.x.output(c.types[0].Elem, item))
			case len(v) > 2 && v[2].ok:
				parts = append(parts, v[2].s)
			}
		}
		return textValue(strings.Join(parts, v[1].s))
	}},
	{"array_fill", func(c *env, v []Value) Value {
		n := int64(1)
		var dims []int
		for _, d := range elements(v[1]) {
			dims = append(dims, int(d.n))
			if n *= max(d.n, 0); n > 1<<20 {
				outOfMemory(n * 8)
			}
		}
		c.x.room(n * 48)
		return Value{ok: true, x: &array{elem: c.types[0], dims: dims, items: slices.Repeat([]Value{v[0]}, int(n))}}
	}},
	{"trim_array", func(_ *env, v []Value) Value {
		items := v[0].arr().items
		if v[1].n < 0 || v[1].n > int64(len(items)) {
			fail("2202E", "number of elements to trim must be between 0 and "+intText(int64(len(items))))
		}
		return arrayValue(v[0].arr().elem, items[:int64(len(items))-v[1].n])
	}},
	{"num_nulls", func(_ *env, v []Value) Value {
		return intValue(int64(len(v)) - countPresent(v))
	}},
	{"num_nonnulls", func(_ *env, v []Value) Value { return intValue(countPresent(v)) }},
}

func countPresent(v []Value) int64 {
	n := int64(0)
	for _, i := range v {
		if i.ok {
			n++
		}
	}
	return n
}

func dimension(v []Value, f func(lower, n int) int) Value {
	a, ok := v[0].x.(*array)
	if !ok {
		return intValue(int64(f(0, len(elements(v[0])))))
	}
	if v[1].n < 1 || v[1].n > int64(len(a.dims)) {
		return Value{}
	}
	return intValue(int64(f(a.lowerBound(int(v[1].n-1)), a.dims[v[1].n-1])))
}

// setFunctionList is the implementations of functions that return rows.
var setFunctionList = []entry[setImpl]{
	{"generate_series", generateSeries},
	{"generate_subscripts", generateSubscripts},
	{"unnest", func(_ *env, v []Value, yield func([]Value) bool) {
		for _, item := range elements(v[0]) {
			if !yield([]Value{item}) {
				return
			}
		}
	}},
	{"json_each", jsonEach},
	{"jsonb_each", jsonEach},
	{"json_each_text", jsonEach},
	{"jsonb_each_text", jsonEach},
	{"json_object_keys", jsonKeys},
	{"jsonb_object_keys", jsonKeys},
	{"json_array_elements", jsonElements},
	{"jsonb_array_elements", jsonElements},
	{"json_array_elements_text", jsonElements},
	{"jsonb_array_elements_text", jsonElements},
	{"regexp_split_to_table", func(c *env, v []Value, yield func([]Value) bool) {
		for _, part := range regexSplit(c, v) {
			if !yield([]Value{part}) {
				return
			}
		}
	}},
	{"string_to_table", func(_ *env, v []Value, yield func([]Value) bool) {
		if !v[0].ok {
			return
		}
		for _, part := range splitText(v) {
			if !yield([]Value{part}) {
				return
			}
		}
	}},
	{"regexp_matches", func(c *env, v []Value, yield func([]Value) bool) {
		flags := ""
		if len(v) > 2 {
			flags = v[2].s
		}
		re := compileRegex(v[1].s, flags)
		for pos := 0; pos <= len(v[0].s); {
			m := re.find(c.x, v[0].s, pos)
			if m == nil || !yield([]Value{matchGroups(v[0].s, m)}) || !strings.Contains(flags, "g") {
				return
			}
			if pos = m[1]; m[0] == m[1] {
				pos++
			}
		}
	}},
	{"pg_get_keywords", func(_ *env, _ []Value, _ func([]Value) bool) {}},
	{"pg_show_all_settings", func(_ *env, _ []Value, _ func([]Value) bool) {}},
	{"aclexplode", func(_ *env, _ []Value, _ func([]Value) bool) {}},
	{"pg_options_to_table", func(_ *env, _ []Value, _ func([]Value) bool) {}},
}

func generateSeries(c *env, v []Value, yield func([]Value) bool) {
	t := c.types[0]
	if t == tTimestamp || t == tTimestamptz {
		generateStamps(v, yield)
		return
	}
	if t == tNumeric {
		generateDecimals(v, yield)
		return
	}
	step := int64(1)
	if len(v) > 2 {
		step = v[2].n
	}
	if step == 0 {
		fail(codeBadArgument, "step size cannot equal zero")
	}
	for n := v[0].n; step > 0 && n <= v[1].n || step < 0 && n >= v[1].n; n += step {
		if !yield([]Value{intValue(n)}) || (n+step > n) != (step > 0) {
			return
		}
	}
}

func generateDecimals(v []Value, yield func([]Value) bool) {
	step := decInt(1)
	if len(v) > 2 {
		step = v[2].dec()
	}
	if step.zero() {
		fail(codeBadArgument, "step size cannot equal zero")
	}
	for n := v[0].dec(); n.cmp(v[1].dec())*step.sign() <= 0; n = n.add(step) {
		if !yield([]Value{decValue(n)}) {
			return
		}
	}
}

func generateStamps(v []Value, yield func([]Value) bool) {
	step := v[2].span()
	sign := step.cmp(&interval{})
	if sign == 0 {
		fail(codeBadArgument, "step size cannot equal zero")
	}
	for n := v[0].n; compareInts(n, v[1].n)*sign <= 0; n = addInterval(n, step) {
		if !yield([]Value{intValue(n)}) {
			return
		}
	}
}

func generateSubscripts(_ *env, v []Value, yield func([]Value) bool) {
	a, ok := v[0].x.(*array)
	if !ok {
		for i := range elements(v[0]) {
			if !yield([]Value{intValue(int64(i))}) {
				return
			}
		}
		return
	}
	if v[1].n < 1 || v[1].n > int64(len(a.dims)) {
		return
	}
	lo := a.lowerBound(int(v[1].n - 1))
	for i := range a.dims[v[1].n-1] {
		if !yield([]Value{intValue(int64(lo + i))}) {
			return
		}
	}
}

var patternFunctions = []entry[impl]{
	{"regexp_replace", regexReplace},
	{"regexp_match", func(c *env, v []Value) Value {
		re := compileRegex(v[1].s, flagsOf(v, 2))
		m := re.find(c.x, v[0].s, 0)
		if m == nil {
			return Value{}
		}
		return matchGroups(v[0].s, m)
	}},
	{"regexp_like", func(c *env, v []Value) Value {
		return boolValue(compileRegex(v[1].s, flagsOf(v, 2)).find(c.x, v[0].s, 0) != nil)
	}},
	{"regexp_count", func(c *env, v []Value) Value {
		n := int64(0)
		eachMatch(c, compileRegex(v[1].s, flagsOf(v, 3)), v[0].s, func([]int) { n++ })
		return intValue(n)
	}},
	{"regexp_substr", func(c *env, v []Value) Value {
		m := compileRegex(v[1].s, "").find(c.x, v[0].s, 0)
		if m == nil {
			return Value{}
		}
		return groupText(v[0].s, m, 0)
	}},
	{"regexp_split_to_array", func(c *env, v []Value) Value { return arrayValue(tText, regexSplit(c, v)) }},
	{"similar_to_escape", func(_ *env, v []Value) Value {
		esc := `\`
		if len(v) > 1 {
			esc = v[1].s
		}
		return textValue(similarPattern(v[0].s, esc))
	}},
}

func flagsOf(v []Value, i int) string {
	if i < len(v) {
		return v[i].s
	}
	return ""
}

func matchGroups(s string, m []int) Value {
	if len(m) == 2 {
		return arrayValue(tText, []Value{groupText(s, m, 0)})
	}
	var out []Value
	for i := 1; i < len(m)/2; i++ {
		out = append(out, groupText(s, m, i))
	}
	return arrayValue(tText, out)
}

func eachMatch(c *env, re *regex, s string, f func(m []int)) {
	for pos := 0; pos <= len(s); {
		m := re.find(c.x, s, pos)
		if m == nil {
			return
		}
		f(m)
		if pos = m[1]; m[0] == m[1] {
			pos++
		}
	}
}

func substringRegex(c *env, v []Value) Value {
	if len(v) > 2 {
		fail(codeUnsupported, "SUBSTRING with an escape is not supported")
	}
	m := compileRegex(v[1].s, "").find(c.x, v[0].s, 0)
	if m == nil {
		return Value{}
	}
	if len(m) > 2 {
		return groupText(v[0].s, m, 1)
	}
	return groupText(v[0].s, m, 0)
}

func regexSplit(c *env, v []Value) []Value {
	s, last := v[0].s, 0
	var out []Value
	eachMatch(c, compileRegex(v[1].s, flagsOf(v, 2)), s, func(m []int) {
		if m[0] == m[1] && (m[0] == 0 || m[0] == len(s)) || m[1] == last && m[0] == m[1] {
			return
		}
		out = append(out, textValue(s[last:m[0]]))
		last = m[1]
	})
	return append(out, textValue(s[last:]))
}

func regexReplace(c *env, v []Value) Value {
	s := v[0].s
	if len(v) > 3 && c.types[3].Cat != 'S' {
		fail(codeUnsupported, "regexp_replace with a start is not supported")
	}
	flags := flagsOf(v, 3)
	re := compileRegex(v[1].s, flags)
	var b buffer
	last, done := 0, false
	eachMatch(c, re, s, func(m []int) {
		if done {
			return
		}
		b.put(s[last:m[0]])
		expandMatch(&b, s, m, v[2].s)
		c.x.room(int64(b.Len()))
		last = m[1]
		done = !strings.Contains(flags, "g")
	})
	return textValue(b.String() + s[last:])
}

func expandMatch(b *buffer, s string, m []int, with string) {
	for i := 0; i < len(with); i++ {
		if with[i] != '\\' || i+1 == len(with) {
			b.char(with[i])
			continue
		}
		i++
		switch c := with[i]; {
		case c == '&':
			b.put(s[m[0]:m[1]])
		case isDigit(c):
			b.put(groupText(s, m, int(c-'0')).s)
		default:
			b.char(c)
		}
	}
}
