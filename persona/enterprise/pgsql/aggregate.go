package pgsql

import "slices"

// accumulator gathers the arguments of one aggregate over one group. It does not
// keep the slice that it is given.
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
	return &typed{t: t, mod: noMod, slot: -1, uses: computedBit, eval: func(f *frame) Value { return f.row[slot] }}
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
	args := a.buf[:0]
	for _, arg := range a.args {
		args = append(args, arg.eval(f))
	}
	a.buf = args
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
