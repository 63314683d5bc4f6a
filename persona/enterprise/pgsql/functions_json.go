package pgsql

import (
	"strings"
)

// toJSON writes a value as JSON.
func (x *exec) toJSON(t *Type, v Value) string {
	switch {
	case !v.ok:
		return "null"
	case t == tJson || t == tJsonb:
		return v.s
	case t == tBool:
		return [2]string{"false", "true"}[v.n]
	case t.integral() && t != tOid:
		return intText(v.n)
	case t == tNumeric || t == tFloat4 || t == tFloat8:
		text := x.output(t, v)
		if strings.ContainsAny(text, "NI") {
			return quoteJSON(text)
		}
		return text
	case t == tTimestamp || t == tTimestamptz:
		text := strings.Replace(x.output(t, v), " ", "T", 1)
		if t == tTimestamptz && strings.HasSuffix(text, "+00") {
			text += ":00"
		}
		return quoteJSON(text)
	case t == tRecord:
		return x.recordJSON(v.x.(*record), ",")
	case t.Elem != nil && t != tOidvector && t != tInt2vector:
		return x.arrayJSON(v.arr(), 0, new(int))
	}
	return quoteJSON(x.output(t, v))
}

func (x *exec) recordJSON(r *record, sep string) string {
	var b buffer
	b.char('{')
	for i, v := range r.items {
		if i > 0 {
			b.put(sep)
		}
		b.put(quoteJSON(r.names[i]) + ":" + x.toJSON(r.types[i], v))
	}
	return b.String() + "}"
}

func (x *exec) arrayJSON(a *array, dim int, next *int) string {
	if len(a.items) == 0 {
		return "[]"
	}
	var b buffer
	b.char('[')
	for i := range a.dims[dim] {
		if i > 0 {
			b.char(',')
		}
		if dim+1 < len(a.dims) {
			b.put(x.arrayJSON(a, dim+1, next))
			continue
		}
		b.put(x.toJSON(a.elem, a.items[*next]))
		*next++
	}
	return b.String() + "]"
}

// jsonText is a value for jsonb or json: the first is put in order.
func jsonText(t *Type, text string) Value {
	if t == tJsonb {
		return textValue(parseJSON(text).String())
	}
	return textValue(text)
}

func (x *exec) jsonOperator(op string, c *chosen) apply {
	t := c.types[0]
	if t != tJson && t != tJsonb {
		return nil
	}
	switch op {
	case "->", "->>":
		return func(a, b Value) Value { return jsonStep(t, c.types[1], a, b, op == "->>") }
	case "#>", "#>>":
		return func(a, b Value) Value { return jsonPath(t, a, elements(b), op == "#>>") }
	case "?":
		return func(a, b Value) Value { return boolValue(jsonHas(parseJSON(a.s), b.s)) }
	case "?|", "?&":
		return func(a, b Value) Value {
			n := parseJSON(a.s)
			for _, k := range elements(b) {
				if jsonHas(n, k.s) == (op == "?|") {
					return boolValue(op == "?|")
				}
			}
			return boolValue(op == "?&")
		}
	case "-":
		return func(a, b Value) Value { return jsonRemove(c.types[1], a, b) }
	}
	return nil
}

func jsonStep(t, by *Type, a, b Value, text bool) Value {
	n := parseJSON(a.s)
	var kid *jsonNode
	if by == tInt4 {
		kid = n.index(b.n)
	} else if n.kind == 'o' {
		kid = n.member(b.s)
	}
	return jsonValue(t, kid, text)
}

func jsonValue(t *Type, n *jsonNode, text bool) Value {
	switch {
	case n == nil || text && n.kind == '0':
		return Value{}
	case text && n.kind == 's':
		return textValue(n.text)
	case t == tJson:
		return textValue(n.raw)
	}
	return textValue(n.String())
}

func jsonPath(t *Type, a Value, path []Value, text bool) Value {
	n := parseJSON(a.s)
	for _, p := range path {
		if !p.ok || n == nil {
			return Value{}
		}
		if n.kind == 'a' {
			i, ok := digits(strings.TrimPrefix(p.s, "-"))
			if !ok {
				return Value{}
			}
			if strings.HasPrefix(p.s, "-") {
				i = -i
			}
			n = n.index(int64(i))
			continue
		}
		n = n.member(p.s)
	}
	return jsonValue(t, n, text)
}

func jsonHas(n *jsonNode, key string) bool {
	if n.kind == 'o' {
		return n.member(key) != nil
	}
	if n.kind == 's' {
		return n.text == key
	}
	for _, k := range n.kids {
		if k.kind == 's' && k.text == key {
			return true
		}
	}
	return false
}

func jsonRemove(by *Type, a, b Value) Value {
	n := parseJSON(a.s)
	out := &jsonNode{kind: n.kind}
	drop := map[string]bool{}
	switch by {
	case tInt4:
		if b.n < 0 {
			b.n += int64(len(n.kids))
		}
	case tText:
		drop[b.s] = true
	default:
		for _, k := range elements(b) {
			drop[k.s] = true
		}
	}
	for i, k := range n.kids {
		if by == tInt4 && int64(i) == b.n || n.kind == 'o' && drop[n.keys[i]] || n.kind == 'a' && k.kind == 's' && drop[k.text] {
			continue
		}
		out.kids = append(out.kids, k)
		if n.kind == 'o' {
			out.keys = append(out.keys, n.keys[i])
		}
	}
	return textValue(out.String())
}

func concatJSON(a, b Value) Value {
	x, y := parseJSON(a.s), parseJSON(b.s)
	if x.kind == 'o' && y.kind == 'o' {
		return textValue((&jsonNode{kind: 'o', keys: append(x.keys, y.keys...), kids: append(x.kids, y.kids...)}).String())
	}
	list := func(n *jsonNode) []*jsonNode {
		if n.kind == 'a' {
			return n.kids
		}
		return []*jsonNode{n}
	}
	return textValue((&jsonNode{kind: 'a', kids: append(append([]*jsonNode(nil), list(x)...), list(y)...)}).String())
}

// jsonContains is @>.
func jsonContains(a, b *jsonNode) bool {
	if a.kind == 'a' && b.kind != 'a' && b.kind != 'o' {
		b = &jsonNode{kind: 'a', kids: []*jsonNode{b}}
	}
	if a.kind != b.kind {
		return false
	}
	switch a.kind {
	case 'o':
		for i, key := range b.keys {
			if m := a.member(key); m == nil || !jsonContains(m, b.kids[i]) {
				return false
			}
		}
		return true
	case 'a':
		for _, want := range b.kids {
			hit := false
			for _, have := range a.kids {
				hit = hit || have.kind == want.kind && jsonContains(have, want)
			}
			if !hit {
				return false
			}
		}
		return true
	}
	return compareJSON(a, b) == 0
}

var jsonKinds = map[byte]string{'o': "object", 'a': "array", 's': "string", 'n': "number", 't': "boolean", 'f': "boolean", '0': "null"}

func jsonArrayLength(_ *env, v []Value) Value {
	n := parseJSON(v[0].s)
	if n.kind != 'a' {
		what := "a scalar"
		if n.kind == 'o' {
			what = "a non-array"
		}
		fail(codeBadArgument, "cannot get array length of "+what)
	}
	return intValue(int64(len(n.kids)))
}

func jsonBuildObject(c *env, v []Value) Value {
	if len(v)%2 != 0 {
		panic(&Error{Severity: "ERROR", Code: codeBadArgument, Message: "argument list must have even number of elements", Hint: "The arguments of " + c.name + "() must consist of alternating keys and values."})
	}
	var b buffer
	for i := 0; i < len(v); i += 2 {
		if i > 0 {
			b.put(", ")
		}
		if !v[i].ok {
			panic(&Error{Severity: "ERROR", Code: codeBadArgument, Message: "argument " + intText(int64(i+1)) + " cannot be null", Hint: "Object keys should be text."})
		}
		b.put(quoteJSON(c.x.output(c.types[i], v[i])) + " : " + c.x.toJSON(c.types[i+1], v[i+1]))
	}
	return jsonText(c.ret, "{"+b.String()+"}")
}

func jsonBuildArray(c *env, v []Value) Value {
	parts := make([]string, len(v))
	for i := range v {
		parts[i] = c.x.toJSON(c.types[i], v[i])
	}
	return jsonText(c.ret, "["+strings.Join(parts, ", ")+"]")
}

func toJSONFunction(c *env, v []Value) Value { return jsonText(c.ret, c.x.toJSON(c.types[0], v[0])) }

var jsonFunctions = []entry[impl]{
	{"to_json", toJSONFunction},
	{"to_jsonb", toJSONFunction},
	{"row_to_json", toJSONFunction},
	{"array_to_json", toJSONFunction},
	{"json_build_object", jsonBuildObject},
	{"jsonb_build_object", jsonBuildObject},
	{"json_build_array", jsonBuildArray},
	{"jsonb_build_array", jsonBuildArray},
	{"json_array_length", jsonArrayLength},
	{"jsonb_array_length", jsonArrayLength},
	{"json_typeof", func(_ *env, v []Value) Value { return textValue(jsonKinds[parseJSON(v[0].s).kind]) }},
	{"jsonb_typeof", func(_ *env, v []Value) Value { return textValue(jsonKinds[parseJSON(v[0].s).kind]) }},
	{"json_extract_path", func(_ *env, v []Value) Value { return jsonPath(tJson, v[0], v[1:], false) }},
	{"json_extract_path_text", func(_ *env, v []Value) Value { return jsonPath(tJson, v[0], v[1:], true) }},
	{"jsonb_extract_path", func(_ *env, v []Value) Value { return jsonPath(tJsonb, v[0], v[1:], false) }},
	{"jsonb_extract_path_text", func(_ *env, v []Value) Value { return jsonPath(tJsonb, v[0], v[1:], true) }},
	{"jsonb_pretty", func(_ *env, v []Value) Value { return textValue(pretty(parseJSON(v[0].s), "")) }},
	{"jsonb_strip_nulls", func(_ *env, v []Value) Value { return textValue(stripNulls(parseJSON(v[0].s)).String()) }},
}

func stripNulls(n *jsonNode) *jsonNode {
	out := *n
	out.keys, out.kids = nil, nil
	for i, k := range n.kids {
		if n.kind == 'o' && k.kind == '0' {
			continue
		}
		if n.kind == 'o' {
			out.keys = append(out.keys, n.keys[i])
		}
		out.kids = append(out.kids, stripNulls(k))
	}
	return &out
}

func pretty(n *jsonNode, margin string) string {
	if n.kind != 'o' && n.kind != 'a' {
		return n.String()
	}
	open, end := "[", "]"
	if n.kind == 'o' {
		open, end = "{", "}"
	}
	var b buffer
	b.put(open + "\n")
	for i, k := range n.kids {
		b.put(margin + "    ")
		if n.kind == 'o' {
			b.put(quoteJSON(n.keys[i]) + ": ")
		}
		b.put(pretty(k, margin+"    "))
		if i+1 < len(n.kids) {
			b.char(',')
		}
		b.char('\n')
	}
	return b.String() + margin + end
}

func jsonObject(v Value, what string) *jsonNode {
	n := parseJSON(v.s)
	if n.kind != 'o' {
		kind := "a scalar"
		if n.kind == 'a' {
			kind = "a non-object"
		}
		fail(codeBadArgument, "cannot call "+what+" on "+kind)
	}
	return n
}

func jsonEach(c *env, v []Value, yield func([]Value) bool) {
	t, text := tJson, strings.HasSuffix(c.name, "_text")
	if strings.HasPrefix(c.name, "jsonb") {
		t = tJsonb
	}
	n := jsonObject(v[0], c.name)
	if t == tJsonb {
		n = n.sorted()
	}
	for i, k := range n.kids {
		if !yield([]Value{textValue(n.keys[i]), jsonValue(t, k, text)}) {
			return
		}
	}
}

func jsonKeys(c *env, v []Value, yield func([]Value) bool) {
	n := jsonObject(v[0], c.name)
	if strings.HasPrefix(c.name, "jsonb") {
		n = n.sorted()
	}
	for _, k := range n.keys {
		if !yield([]Value{textValue(k)}) {
			return
		}
	}
}

func jsonElements(c *env, v []Value, yield func([]Value) bool) {
	n := parseJSON(v[0].s)
	if n.kind != 'a' {
		what := "a scalar"
		if n.kind == 'o' {
			what = "an object"
		}
		if strings.HasPrefix(c.name, "jsonb") {
			fail(codeBadArgument, "cannot extract elements from "+what)
		}
		fail(codeBadArgument, "cannot call "+c.name+" on "+strings.Replace(what, "an object", "a non-array", 1))
	}
	t := tJson
	if strings.HasPrefix(c.name, "jsonb") {
		t = tJsonb
	}
	for _, k := range n.kids {
		if !yield([]Value{jsonValue(t, k, strings.HasSuffix(c.name, "_text"))}) {
			return
		}
	}
}
