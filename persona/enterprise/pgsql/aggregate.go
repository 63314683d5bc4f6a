package pgsql

import (
	"math"
	"slices"
)

// accumulator gathers the arguments of one aggregate over one group.
type accumulator interface {
	add(args []Value)
	result() Value
}

// aggregateCall resolves a call of an aggregate.
func (s *scope) aggregateCall(e *call, list []*signature) *typed {
	switch {
	case s.inAgg:
		failAt(e.where(), codeGrouping, "aggregate function calls cannot be nested")
	case s.clause == "JOIN conditions" || s.clause == "functions in FROM":
		failAt(e.where(), codeGrouping, "aggregate functions are not allowed in "+s.clause)
	case s.group == nil:
		if s.clause != "" {
			failAt(e.where(), codeGrouping, "aggregate functions are not allowed in "+s.clause)
		}
		unsupported(e.where(), "an aggregate here")
	}
	key := s.key(e)
	a := s.aggregate(e, list)
	for _, have := range s.group.aggs {
		if have.key == key && key != "" && e.filter == nil && e.order == nil {
			return slotReader(a.ret, have.slot)
		}
	}
	a.call.key = key
	a.call.slot = s.width
	s.width++
	s.group.aggs = append(s.group.aggs, a.call)
	return slotReader(a.ret, a.call.slot)
}

func slotReader(t *Type, slot int) *typed {
	return &typed{t: t, mod: noMod, slot: -1, uses: bit(slot), eval: func(f *frame) Value { return f.row[slot] }}
}

type resolvedAggregate struct {
	call *aggCall
	ret  *Type
}

func (s *scope) aggregate(e *call, list []*signature) resolvedAggregate {
	name := e.name[len(e.name)-1]
	s.inAgg = true
	defer func() { s.inAgg = false }()
	args := s.arguments(e)
	if e.within {
		for _, o := range e.order {
			args = append(args, s.expr(o.x))
		}
	}
	if len(args) == 0 && !e.star && name == "count" {
		failAt(e.where(), "42809", "count(*) must be used to call a parameterless aggregate function")
	}
	c := s.chooseFunction(e, name, list, args)
	for i := range args {
		args[i] = s.coerce(args[i], c.types[i], noMod, false)
	}
	ev := &env{x: s.x, types: c.types, ret: c.ret, name: name}
	mk := aggregates()[name]
	if mk == nil {
		fail(codeCanceled, "canceling statement due to statement timeout")
	}
	call := &aggCall{make: func() accumulator { return mk(ev) }, args: args, distinct: e.distinct, width: len(args)}
	if e.filter != nil {
		call.filter = s.boolean(e.filter, "FILTER")
	}
	s.aggregateOrder(e, call)
	return resolvedAggregate{call, c.ret}
}

func (s *scope) aggregateOrder(e *call, call *aggCall) {
	for i, o := range e.order {
		if e.within {
			call.order = append(call.order, sortKey{len(call.args) - len(e.order) + i, call.args[len(call.args)-len(e.order)+i].t, o.desc, o.nullsFirst})
			continue
		}
		t := s.known(s.expr(o.x))
		if e.distinct && !slices.ContainsFunc(e.args, func(a expr) bool { return s.key(a) == s.key(o.x) }) {
			failAt(o.x.where(), "42P10", "in an aggregate with DISTINCT, ORDER BY expressions must appear in argument list")
		}
		call.order = append(call.order, sortKey{len(call.args), t.t, o.desc, o.nullsFirst})
		call.args = append(call.args, t)
	}
	if e.distinct && call.order == nil {
		for i, a := range call.args {
			call.order = append(call.order, sortKey{col: i, t: a.t})
		}
	}
}

// start makes the accumulator of a group, with sorting and DISTINCT around it.
func (a *aggCall) start() accumulator {
	acc := a.make()
	if acc != nil && (a.order != nil || a.distinct) {
		return &orderedAcc{call: a, inner: acc}
	}
	return acc
}

func (a *aggCall) feed(x *exec, f *frame, acc accumulator) {
	if a.filter != nil && !a.filter.eval(f).truth() {
		return
	}
	var fixed [4]Value
	args := fixed[:0]
	for _, arg := range a.args {
		args = append(args, arg.eval(f))
	}
	if o, ok := acc.(*orderedAcc); ok {
		o.x = x
		args = slices.Clone(args)
		x.hold(args)
	}
	acc.add(args)
}

// orderedAcc keeps the arguments until all are there.
type orderedAcc struct {
	call  *aggCall
	inner accumulator
	rows  [][]Value
	x     *exec
	done  bool
}

func (o *orderedAcc) add(args []Value) { o.rows = append(o.rows, args) }

func (o *orderedAcc) result() Value {
	if o.done {
		return o.inner.result()
	}
	o.done = true
	if o.rows != nil {
		sortRows(o.x, o.rows, o.call.order)
	}
	last := ""
	for i, row := range o.rows {
		if o.call.distinct {
			key := rowKey(typesOf(o.call.args[:o.call.width]), row[:o.call.width])
			if i > 0 && key == last {
				continue
			}
			last = key
		}
		o.inner.add(row[:o.call.width])
	}
	return o.inner.result()
}

// aggregateList is what aggregates do, by name.
var aggregateList = []entry[func(*env) accumulator]{
	{"count", func(*env) accumulator { return &countAcc{} }},
	{"sum", func(c *env) accumulator { return &sumAcc{t: c.types[0], ret: c.ret} }},
	{"avg", func(c *env) accumulator { return &sumAcc{t: c.types[0], ret: c.ret, avg: true} }},
	{"min", func(c *env) accumulator { return &extremeAcc{t: c.types[0], want: -1} }},
	{"max", func(c *env) accumulator { return &extremeAcc{t: c.types[0], want: 1} }},
	{"bool_and", func(*env) accumulator { return &boolAcc{decides: 0} }},
	{"every", func(*env) accumulator { return &boolAcc{decides: 0} }},
	{"bool_or", func(*env) accumulator { return &boolAcc{decides: 1} }},
	{"string_agg", func(c *env) accumulator { return &stringAcc{x: c.x} }},
	{"array_agg", func(c *env) accumulator { return &arrayAcc{c: c} }},
	{"json_agg", func(c *env) accumulator { return &jsonAcc{c: c} }},
	{"jsonb_agg", func(c *env) accumulator { return &jsonAcc{c: c} }},
	{"stddev", func(c *env) accumulator { return &varianceAcc{c: c, root: true, sample: true} }},
	{"stddev_samp", func(c *env) accumulator { return &varianceAcc{c: c, root: true, sample: true} }},
	{"stddev_pop", func(c *env) accumulator { return &varianceAcc{c: c, root: true} }},
	{"variance", func(c *env) accumulator { return &varianceAcc{c: c, sample: true} }},
	{"var_samp", func(c *env) accumulator { return &varianceAcc{c: c, sample: true} }},
	{"var_pop", func(c *env) accumulator { return &varianceAcc{c: c} }},
	{"bit_and", func(*env) accumulator { return &bitAcc{op: '&'} }},
	{"bit_or", func(*env) accumulator { return &bitAcc{op: '|'} }},
	{"bit_xor", func(*env) accumulator { return &bitAcc{op: '#'} }},
	{"mode", func(c *env) accumulator { return &modeAcc{t: c.types[0]} }},

	{"percentile_cont", func(c *env) accumulator { return &percentileAcc{c: c, cont: true} }},
	{"percentile_disc", func(c *env) accumulator { return &percentileAcc{c: c} }},
	{"json_object_agg", func(c *env) accumulator { return &jsonAcc{c: c, object: true} }},
	{"jsonb_object_agg", func(c *env) accumulator { return &jsonAcc{c: c, object: true} }},
}

type countAcc struct{ n int64 }

func (a *countAcc) add(args []Value) {
	if len(args) == 0 || args[0].ok {
		a.n++
	}
}

func (a *countAcc) result() Value { return intValue(a.n) }

// sumAcc is sum and avg.
type sumAcc struct {
	t, ret *Type
	avg    bool
	n      int64
	int    int64
	big    *decimal
	float  float64
	span   Value
}

func (a *sumAcc) add(args []Value) {
	v := args[0]
	if !v.ok {
		return
	}
	a.n++
	switch {
	case a.t.integral() && a.big == nil:
		sum := a.int + v.n
		if (sum > a.int) != (v.n > 0) && v.n != 0 {
			a.big = decInt(a.int).add(decInt(v.n))
		}
		a.int = sum
	case a.t.integral():
		a.big = a.big.add(decInt(v.n))
	case a.t == tNumeric:
		if a.big == nil {
			a.big = &decimal{}
		}
		a.big = a.big.add(v.dec())
	case a.t == tInterval:
		if !a.span.ok {
			a.span = v
		} else {
			a.span = a.span.span().add(v.span())
		}
	default:
		a.float += v.float()
		if a.t == tFloat4 && !a.avg {
			a.float = float64(float32(a.float))
		}
	}
}

func (a *sumAcc) result() Value {
	if a.n == 0 {
		return Value{}
	}
	switch {
	case a.t == tInterval && a.avg:
		return a.span.span().scaled(1 / float64(a.n))
	case a.t == tInterval:
		return a.span
	case a.t == tFloat4 || a.t == tFloat8:
		if a.avg {
			return floatValue(a.float / float64(a.n))
		}
		return floatValue(a.float)
	}
	total := a.big
	if total == nil {
		total = decInt(a.int)
	}
	switch {
	case a.avg:
		return decValue(total.div(decInt(a.n)))
	case a.ret == tInt8:
		if a.big != nil {
			outOfRange(tInt8)
		}
		return intValue(a.int)
	}
	return decValue(total)
}

type extremeAcc struct {
	t    *Type
	want int
	best Value
}

func (a *extremeAcc) add(args []Value) {
	if v := args[0]; v.ok && (!a.best.ok || compare(a.t, v, a.best) == a.want) {
		a.best = v
	}
}

func (a *extremeAcc) result() Value { return a.best }

type boolAcc struct {
	decides int64
	seen    Value
}

func (a *boolAcc) add(args []Value) {
	if v := args[0]; v.ok && (!a.seen.ok || v.n == a.decides) {
		a.seen = v
	}
}

func (a *boolAcc) result() Value { return a.seen }

type bitAcc struct {
	op byte
	v  Value
}

func (a *bitAcc) add(args []Value) {
	v := args[0]
	switch {
	case !v.ok:
	case !a.v.ok:
		a.v = v
	case a.op == '&':
		a.v.n &= v.n
	case a.op == '|':
		a.v.n |= v.n
	default:
		a.v.n ^= v.n
	}
}

func (a *bitAcc) result() Value { return a.v }

type stringAcc struct {
	x   *exec
	b   []byte
	any bool
}

func (a *stringAcc) add(args []Value) {
	if !args[0].ok {
		return
	}
	if a.any && args[1].ok {
		a.b = append(a.b, args[1].s...)
	}
	a.any = true
	a.x.keep(int64(len(args[0].s)))
	a.b = append(a.b, args[0].s...)
}

func (a *stringAcc) result() Value { return Value{ok: a.any, s: string(a.b)} }

type arrayAcc struct {
	c     *env
	items []Value
}

func (a *arrayAcc) add(args []Value) {
	a.c.x.keep(args[0].size())
	a.items = append(a.items, args[0])
}

func (a *arrayAcc) result() Value {
	switch {
	case len(a.items) == 0:
		return Value{}
	case a.c.types[0].Elem != nil:
		return nestArrays(a.c.types[0].Elem, a.items)
	}
	return arrayValue(a.c.types[0], a.items)
}

type jsonAcc struct {
	c      *env
	object bool
	b      []byte
	n      int
}

func (a *jsonAcc) add(args []Value) {
	last := len(args) - 1
	if a.n++; a.n > 1 {
		a.b = append(a.b, ", "...)
		if t := a.c.types[last]; a.c.ret == tJson && !a.object && (t == tRecord || t.Elem != nil) {
			a.b = append(a.b, "\n "...)
		}
	}
	start := len(a.b)
	if a.object {
		if !args[0].ok {
			fail("22004", "field name must not be null")
		}
		a.b = append(a.b, quoteJSON(a.c.x.output(a.c.types[0], args[0]))...)
		if a.c.ret == tJson {
			a.b = append(a.b, " : "...)
		} else {
			a.b = append(a.b, ": "...)
		}
	}
	a.b = append(a.b, a.c.x.toJSON(a.c.types[last], args[last])...)
	a.c.x.keep(int64(len(a.b) - start))
}

func (a *jsonAcc) result() Value {
	if a.n == 0 {
		return Value{}
	}
	text := "[" + string(a.b) + "]"
	if a.object && a.c.ret == tJson {
		text = "{ " + string(a.b) + " }"
	} else if a.object {
		text = "{" + string(a.b) + "}"
	}
	if a.c.ret == tJsonb {
		text = parseJSON(text).String()
	}
	return textValue(text)
}

// varianceAcc is variance and standard deviation: exact for integers and numeric.
type varianceAcc struct {
	c            *env
	root, sample bool
	n            int64
	sum, squares *decimal
	mean, m2     float64
}

func (a *varianceAcc) add(args []Value) {
	v := args[0]
	if !v.ok {
		return
	}
	a.n++
	if a.c.ret == tFloat8 {
		f := v.float()
		d := f - a.mean
		a.mean += d / float64(a.n)
		a.m2 += d * (f - a.mean)
		return
	}
	d := v.dec2(a.c.types[0])
	if a.sum == nil {
		a.sum, a.squares = &decimal{}, &decimal{}
	}
	a.sum, a.squares = a.sum.add(d), a.squares.add(d.mul(d))
}

// dec2 is an integer or numeric as a decimal.
func (v Value) dec2(t *Type) *decimal {
	if t == tNumeric {
		return v.dec()
	}
	return decInt(v.n)
}

func (a *varianceAcc) result() Value {
	switch {
	case a.n == 0 || a.sample && a.n == 1:
		return Value{}
	case a.c.ret == tFloat8:
		d := a.m2 / float64(a.n-map[bool]int64{true: 1}[a.sample])
		if a.root {
			d = math.Sqrt(d)
		}
		return floatValue(d)
	}
	n := decInt(a.n)
	top := n.mul(a.squares).sub(a.sum.mul(a.sum))
	if top.sign() <= 0 {
		return decValue(&decimal{})
	}
	below := n.mul(n)
	if a.sample {
		below = n.mul(decInt(a.n - 1))
	}
	scale := quotientScale(top, below)
	out := top.quotient(below, scale, true)
	if a.root {
		out = out.sqrtScale(scale)
	}
	return decValue(out)
}

type modeAcc struct {
	t       *Type
	best    Value
	current Value
	n, top  int
}

func (a *modeAcc) add(args []Value) {
	v := args[0]
	if !v.ok {
		return
	}
	if a.n == 0 || compare(a.t, a.current, v) != 0 {
		a.current, a.n = v, 0
	}
	if a.n++; a.n > a.top {
		a.top, a.best = a.n, v
	}
}

func (a *modeAcc) result() Value { return a.best }

type percentileAcc struct {
	c    *env
	cont bool
	p    Value
	vals []Value
}

func (a *percentileAcc) add(args []Value) {
	a.p = args[0]
	if args[1].ok {
		a.vals = append(a.vals, args[1])
	}
}

func (a *percentileAcc) result() Value {
	if len(a.vals) == 0 || !a.p.ok {
		return Value{}
	}
	if a.c.types[0].Elem != nil {
		out := &array{elem: a.c.types[1], dims: a.p.arr().dims}
		for _, p := range a.p.arr().items {
			out.items = append(out.items, a.at(p.float()))
		}
		return Value{ok: true, x: out}
	}
	return a.at(a.p.float())
}

func (a *percentileAcc) at(p float64) Value {
	if p < 0 || p > 1 || math.IsNaN(p) {
		fail(codeRange, "percentile value "+formatG(p, 6)+" is not between 0 and 1")
	}
	n := float64(len(a.vals))
	if !a.cont {
		return a.vals[max(int(math.Ceil(p*n))-1, 0)]
	}
	pos := p * (n - 1)
	lo, hi := a.vals[int(math.Floor(pos))], a.vals[int(math.Ceil(pos))]
	frac := pos - math.Floor(pos)
	if a.c.types[1] == tInterval {
		diff := hi.span().add(lo.span().neg().span())
		return lo.span().add(diff.span().scaled(frac).span())
	}
	return floatValue(lo.float() + frac*(hi.float()-lo.float()))
}
