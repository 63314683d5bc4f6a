package pgsql

import "strings"

// env is what a function's implementation gets beside its arguments.
type env struct {
	x     *exec
	types []*Type
	ret   *Type
	name  string
}

// impl is the work of a function. Strict functions never see NULL.
type impl func(c *env, v []Value) Value

// setImpl is the work of a function that returns rows.
type setImpl func(c *env, v []Value, yield func([]Value) bool)

// setCall is a call of a function that returns rows.
type setCall struct {
	names []string
	types []*Type
	run   func(f *frame, yield func([]Value) bool)
}

const (
	noFunctionHint = "No function matches the given name and argument types. You might need to add explicit type casts."
	manyFunctions  = "Could not choose a best candidate function. You might need to add explicit type casts."
)

func (s *scope) call(e *call) *typed {
	name := e.name[len(e.name)-1]
	if len(e.name) > 1 && e.name[0] != "pg_catalog" {
		s.foreignCall(e)
	}
	if t := s.castCall(e, name); t != nil {
		return t
	}
	if t := s.clockCall(e, name); t != nil {
		return t
	}
	list := functionsNamed(name)
	for _, sig := range list {
		switch {
		case e.over != nil && (sig.kind == 'w' || sig.kind == 'a'):
			return s.windowCall(e, list)
		case sig.kind == 'a':
			return s.aggregateCall(e, list)
		case sig.kind == 'w':
			failAt(e.where(), "42809", "window function "+name+" requires an OVER clause")
		}
	}
	if e.over != nil && len(list) > 0 {
		failAt(e.where(), "42809", "OVER specified, but "+name+" is not a window function nor an aggregate function")
	}
	args := s.arguments(e)
	if e.star {
		args = nil
	}
	c := s.chooseFunction(e, name, list, args)
	s.misused(e, name)
	if c.private && !s.x.super() {
		fail(codeDenied, "permission denied for function "+name)
	}
	return s.invoke(e, name, c, args)
}

// misused refuses decorations that only aggregates take.
func (s *scope) misused(e *call, name string) {
	switch {
	case e.star:
		failAt(e.where(), "42809", name+"(*) specified, but "+name+" is not an aggregate function")
	case e.distinct:
		failAt(e.where(), "42809", "DISTINCT specified, but "+name+" is not an aggregate function")
	case e.order != nil && !e.within:
		failAt(e.where(), "42809", "ORDER BY specified, but "+name+" is not an aggregate function")
	case e.filter != nil:
		failAt(e.where(), "42809", "FILTER specified, but "+name+" is not an aggregate function")
	}
}

func (s *scope) foreignCall(e *call) {
	schema := e.name[0]
	for _, n := range s.x.namespaces() {
		if n.name == schema {
			args := s.arguments(e)
			failHint(e.where(), codeNoFunction, "function "+strings.Join(e.name, ".")+"("+typeNames(typesOf(args))+") does not exist", noFunctionHint)
		}
	}
	failAt(e.where(), "3F000", `schema "`+schema+`" does not exist`)
}

func (s *scope) arguments(e *call) []*typed {
	args := make([]*typed, len(e.args))
	for i, arg := range e.args {
		args[i] = s.expr(arg)
		if args[i].set != nil {
			unsupported(e.where(), "a set-returning function as an argument")
		}
	}
	return args
}

// castCall takes a type's name used as a function for a cast.
func (s *scope) castCall(e *call, name string) *typed {
	if len(e.args) != 1 || e.distinct || e.star || e.over != nil {
		return nil
	}
	t := typeNamed(name)
	if t == nil || t.Cat == 'P' || t == tInterval || t == tTime || t == tTimestamp {
		return nil
	}
	arg := s.expr(e.args[0])
	if arg.t == tUnknown || castTable()[castKey{arg.t, t}].same || coercible(arg.t, t) != 0 && (t.Cat == 'S' || castTable()[castKey{arg.t, t}].context != 0) {
		return s.coerce(arg, t, noMod, true)
	}
	return nil
}

// clockCall takes the functions that the grammar turns into casts of now.
func (s *scope) clockCall(e *call, name string) *typed {
	if e.special == "" {
		return nil
	}
	now := intValue(s.x.now)
	precision := noMod
	if len(e.args) == 1 {
		if n := s.expr(e.args[0]); n.konst && n.t == tInt4 {
			precision = int(min(max(n.eval(&frame{x: s.x}).n, 0), 6))
		}
	}
	fit := func(t *Type, v Value) *typed {
		out := constant(t, s.x.applyMod(t, precision, v, true))
		out.mod = precision
		return out
	}
	switch name {
	case "current_timestamp":
		return fit(tTimestamptz, now)
	case "localtimestamp":
		return fit(tTimestamp, now)
	case "current_date":
		return constant(tDate, stampDate(s.x.now))
	case "current_time":
		return fit(tTimetz, timetzValue(mod(s.x.now, day), 0))
	case "localtime":
		return fit(tTime, intValue(mod(s.x.now, day)))
	}
	return nil
}

func (s *scope) chooseFunction(e *call, name string, list []*signature, args []*typed) *chosen {
	types := typesOf(args)
	if order := named(e); order != nil {
		args, types = s.reorder(e, args)
	}
	if e.variadic {
		list = literalVariadic(list, types)
	}
	c, many := choose(list, types)
	if c != nil {
		return c
	}
	text := name + "(" + typeNames(types) + ")"
	if many {
		failHint(e.where(), "42725", "function "+text+" is not unique", manyFunctions)
	}
	full := text
	if len(e.name) > 1 || e.special == "extract" || strings.HasPrefix(e.special, "substring") || e.special == "position" || e.special == "timezone" || e.special == "btrim" || e.special == "ltrim" || e.special == "rtrim" || e.special == "overlay" {
		full = "pg_catalog." + text
	}
	hint := noFunctionHint
	if len(args) > 0 && e.order != nil {
		hint = "No aggregate function matches the given name and argument types. Perhaps you misplaced ORDER BY; ORDER BY must appear after all regular arguments of the aggregate."
	}
	failHint(e.where(), codeNoFunction, "function "+full+" does not exist", hint)
	return nil
}

// literalVariadic makes VARIADIC array calls ordinary ones.
func literalVariadic(list []*signature, types []*Type) []*signature {
	var out []*signature
	for _, s := range list {
		if s.variadic && len(s.args) == len(types) {
			c := *s
			c.variadic = false
			out = append(out, &c)
		}
	}
	return out
}

func named(e *call) []string {
	for _, n := range e.names {
		if n != "" {
			return e.names
		}
	}
	return nil
}

// argumentNames are of the few functions that are called with named arguments.
var argumentNames = map[string][]string{"make_interval": {"years", "months", "weeks", "days", "hours", "mins", "secs"}}

func (s *scope) reorder(e *call, args []*typed) ([]*typed, []*Type) {
	names := argumentNames[e.name[len(e.name)-1]]
	if names == nil {
		unsupported(e.where(), "named argument notation for this function")
	}
	out := make([]*typed, len(names))
	for i := range out {
		out[i] = constant(tInt4, intValue(0))
		if i == len(out)-1 {
			out[i] = constant(tFloat8, floatValue(0))
		}
	}
	for i, n := range e.names {
		at := i
		if n != "" {
			at = indexOf(names, n)
		}
		if at < 0 || at >= len(out) {
			failHint(e.where(), codeNoFunction, "function "+e.name[0]+"("+n+" => "+args[i].t.SQL+") does not exist", noFunctionHint)
		}
		out[at] = args[i]
	}
	e.names, e.args = nil, nil
	e.reordered = out
	return out, typesOf(out)
}

func indexOf(list []string, s string) int {
	for i, v := range list {
		if v == s {
			return i
		}
	}
	return -1
}

// invoke builds the evaluation of a chosen function.
func (s *scope) invoke(e *call, name string, c *chosen, args []*typed) *typed {
	if e.reordered != nil {
		args = e.reordered
	}
	for i := range args {
		args[i] = s.coerce(args[i], c.types[i], noMod, false)
	}
	ev := &env{x: s.x, types: c.types, ret: c.ret, name: name}
	out := merge(&typed{t: c.ret, mod: noMod, at: e.where()}, args...)
	if c.set {
		return s.setReturning(name, c, args, ev, out)
	}
	work := functions()[name]
	if work == nil {
		failAt(-1, codeCanceled, "canceling statement due to statement timeout")
	}
	out.konst = out.konst && c.volatile != 'v'
	out.bound = out.bound || c.volatile == 'v'
	buf := make([]Value, len(args))
	strict, x := c.strict, s.x
	out.eval = func(f *frame) Value {
		x.spend(1)
		for i, arg := range args {
			v := arg.eval(f)
			if strict && !v.ok {
				return Value{}
			}
			buf[i] = v
		}
		return work(ev, buf)
	}
	if c.volatile == 'i' {
		return s.fold(out)
	}
	return out
}

func (s *scope) setReturning(name string, c *chosen, args []*typed, ev *env, out *typed) *typed {
	work := setFunctions()[name]
	if work == nil {
		failAt(-1, codeCanceled, "canceling statement due to statement timeout")
	}
	set := &setCall{names: c.outNames, types: c.outTypes}
	if set.types == nil {
		set.names, set.types = []string{name}, []*Type{c.ret}
	}
	ev.ret = c.ret
	strict, x := c.strict, s.x
	set.run = func(f *frame, yield func([]Value) bool) {
		vals := make([]Value, len(args))
		for i, arg := range args {
			vals[i] = arg.eval(f)
			if strict && !vals[i].ok {
				return
			}
		}
		work(ev, vals, func(row []Value) bool {
			x.spend(1)
			return yield(row)
		})
	}
	out.set, out.konst, out.bound = set, false, true
	out.eval = func(*frame) Value { return Value{} }
	return out
}
