package pgsql

const (
	noOperatorHint  = "No operator matches the given name and argument types. You might need to add explicit type casts."
	noOperatorHint1 = "No operator matches the given name and argument type. You might need to add an explicit type cast."
	manyOperators   = "Could not choose a best candidate operator. You might need to add explicit type casts."
)

// apply is the work of an operator on operands that are not NULL.
type apply func(a, b Value) Value

func (s *scope) binary(e *binary) *typed {
	if e.op == "overlaps" {
		return s.overlaps(e)
	}
	l, r := s.expr(e.l), s.expr(e.r)
	if isComparison(e.op) {
		return s.compareExprs(e.op, e.where(), l, r)
	}
	return s.operator(e.op, e.where(), l, r)
}

// overlaps compares two periods, each of two ends or a start and a length.
func (s *scope) overlaps(e *binary) *typed {
	l, r := s.expr(e.l), s.expr(e.r)
	if len(l.row) != 2 || len(r.row) != 2 {
		failAt(e.where(), codeSyntax, "wrong number of parameters on left side of OVERLAPS expression")
	}
	var ends [4]*typed
	for i, row := range [...][]*typed{l.row, r.row} {
		from, to := row[0], row[1]
		if to.t == tInterval {
			to = s.operator("+", e.where(), from, to)
		}
		ends[2*i], ends[2*i+1] = from, to
	}
	t, _ := commonType(typesOf(ends[:]))
	for i := range ends {
		ends[i] = s.coerce(ends[i], t, noMod, false)
	}
	out := merge(&typed{t: tBool, mod: noMod}, ends[:]...)
	out.eval = func(f *frame) Value {
		var v [4]Value
		for i, end := range ends {
			v[i] = end.eval(f)
		}
		return overlap(t, v)
	}
	return out
}

// overlap follows the standard: an end that is not known does not matter where the
// others decide.
func overlap(t *Type, v [4]Value) Value {
	for i := 0; i < 4; i += 2 {
		if !v[i].ok || v[i+1].ok && compare(t, v[i], v[i+1]) > 0 {
			v[i], v[i+1] = v[i+1], v[i]
		}
		if !v[i].ok {
			return Value{}
		}
	}
	if compare(t, v[0], v[2]) > 0 {
		v = [4]Value{v[2], v[3], v[0], v[1]}
	}
	switch c := compare(t, v[0], v[2]); {
	case c == 0 && v[1].ok && v[3].ok:
		return boolValue(true)
	case c == 0 || !v[1].ok:
		return Value{}
	}
	return boolValue(compare(t, v[2], v[1]) < 0)
}

func isComparison(op string) bool {
	switch op {
	case "=", "<>", "<", "<=", ">", ">=":
		return true
	}
	return false
}

// compareExprs resolves a comparison, of rows member by member.
func (s *scope) compareExprs(op string, at int, l, r *typed) *typed {
	if l.row != nil && r.row != nil {
		return s.compareRows(op, at, l.row, r.row)
	}
	return s.operator(op, at, l, r)
}

func (s *scope) compareRows(op string, at int, l, r []*typed) *typed {
	if len(l) != len(r) {
		failAt(at, codeSyntax, "unequal number of entries in row expressions")
	}
	parts := make([]*typed, len(l))
	for i := range l {
		parts[i] = s.operator("=", at, l[i], r[i])
	}
	out := merge(&typed{t: tBool, mod: noMod, at: at}, parts...)
	evals := make([]func(*frame) Value, len(parts))
	for i, p := range parts {
		evals[i] = p.eval
	}
	switch op {
	case "=":
		out.eval = func(f *frame) Value { return chain(f, evals, 0) }
	case "<>":
		out.eval = func(f *frame) Value {
			v := chain(f, evals, 0)
			v.n ^= 1
			return v
		}
	default:
		last := s.operator(op, at, l[len(l)-1], r[len(r)-1])
		strictOp := op[:1]
		tests := make([]*typed, len(l))
		for i := range l {
			tests[i] = s.operator(strictOp, at, l[i], r[i])
		}
		out.eval = func(f *frame) Value { return lexicographic(f, parts, tests, last) }
	}
	return out
}

func lexicographic(f *frame, equal, tests []*typed, last *typed) Value {
	for i := range equal[:len(equal)-1] {
		v := equal[i].eval(f)
		if !v.ok {
			return v
		}
		if v.n == 0 {
			return tests[i].eval(f)
		}
	}
	return last.eval(f)
}

// operator resolves an operator by the types of its operands; l is nil for one
// that stands before its operand.
func (s *scope) operator(op string, at int, l, r *typed) *typed {
	operands := []*typed{r}
	if l != nil {
		operands = []*typed{l, r}
	}
	c := s.chooseOperator(op, at, typesOf(operands))
	for i, o := range operands {
		if o.set != nil {
			unsupported(at, "a set-returning function inside an expression")
		}
		operands[i] = s.coerce(o, c.types[i], noMod, false)
	}
	out := merge(&typed{t: c.ret, mod: noMod, at: at}, operands...)
	if l == nil {
		work := s.x.prefixOperator(op, c)
		x := operands[0].eval
		out.eval = func(f *frame) Value {
			if v := x(f); v.ok {
				return work(v, Value{})
			}
			return Value{}
		}
		return s.fold(out)
	}
	work := s.x.infixOperator(op, at, c)
	a, b, x := operands[0].eval, operands[1].eval, s.x
	if notStrict := op == "||" && (c.types[0].Elem != nil || c.types[1].Elem != nil); notStrict {
		out.eval = func(f *frame) Value { return work(a(f), b(f)) }
		return out
	}
	out.eval = func(f *frame) Value {
		v := a(f)
		if !v.ok {
			return Value{}
		}
		w := b(f)
		if !w.ok {
			return Value{}
		}
		x.spend(1)
		return work(v, w)
	}
	if op == "=" && hashable(c.types[0], c.types[1]) {
		out.eq = &equality{operands[0], operands[1], c.types[0]}
		return out
	}
	if isComparison(op) {
		out.eq = nil
	}
	return s.fold(out)
}

// hashable reports whether equal values of two types have equal keys.
func hashable(a, b *Type) bool {
	if a == b {
		return true
	}
	return a.integral() && b.integral() || a.stringLike() && b.stringLike() && a != tBpchar && b != tBpchar ||
		(a == tTimestamp || a == tTimestamptz) && (b == tTimestamp || b == tTimestamptz)
}

// fold keeps the value of a constant expression once it was found.
func (s *scope) fold(e *typed) *typed {
	if !e.konst || e.bound {
		return e
	}
	inner := e.eval
	var v Value
	done := false
	e.eval = func(f *frame) Value {
		if !done {
			v, done = inner(f), true
		}
		return v
	}
	s.folds = append(s.folds, e)
	return e
}

// unfold forgets the constants that were found since a mark: the server does not
// look at what a constant condition rules out.
func (s *scope) unfold(mark int, parts ...*typed) {
	for _, p := range parts {
		if p.konst {
			s.folds = s.folds[:mark]
			return
		}
	}
}

func (s *scope) chooseOperator(op string, at int, types []*Type) *chosen {
	list := operatorsNamed(op, len(types))
	if len(types) == 2 {
		if c := exactOperator(list, types); c != nil {
			return c
		}
		if types[0] == tRecord && types[1] == tRecord {
			unsupported(at, "a comparison of rows")
		}
	}
	c, many := choose(list, types)
	if c != nil {
		return c
	}
	names := types[0].SQL
	text := op + " " + names
	hint := noOperatorHint1
	if len(types) == 2 {
		text, hint = names+" "+op+" "+types[1].SQL, noOperatorHint
	}
	if many {
		failHint(at, "42725", "operator is not unique: "+text, manyOperators)
	}
	failHint(at, codeNoFunction, "operator does not exist: "+text, hint)
	return nil
}

// exactOperator takes an open constant for the type of the other operand.
func exactOperator(list []*signature, types []*Type) *chosen {
	a, b := types[0], types[1]
	if a == tUnknown {
		a = b
	}
	if b == tUnknown {
		b = a
	}
	if a == tUnknown {
		return nil
	}
	for _, s := range list {
		if s.args[0] == a && s.args[1] == b {
			return finish(&chosen{signature: s, types: s.args}, []*Type{a, b})
		}
	}
	return nil
}

func (x *exec) prefixOperator(op string, c *chosen) apply {
	t := c.types[0]
	switch op {
	case "+":
		return func(a, _ Value) Value { return a }
	case "-":
		return func(a, _ Value) Value { return negate(t, a) }
	case "~":
		return func(a, _ Value) Value { return intValue(^a.n) }
	case "@":
		return func(a, _ Value) Value { return absolute(t, a) }
	case "|/":
		return func(a, _ Value) Value { return sqrtFloat(a.float()) }
	case "||/":
		return func(a, _ Value) Value { return floatValue(cbrt(a.float())) }
	}
	fail(codeUnsupported, "operator "+op+" is not supported")
	return nil
}

func (x *exec) infixOperator(op string, at int, c *chosen) apply {
	if isComparison(op) {
		return comparison(op, c.types[0], c.types[1])
	}
	switch op {
	case "+", "-", "*", "/", "%", "^":
		return x.arithmetic(op, c)
	case "||":
		return x.concatenation(c)
	case "~~", "!~~", "~~*", "!~~*":
		return x.likeOperator(op)
	case "~", "!~", "~*", "!~*":
		return x.matchOperator(op)
	case "&", "|", "#", "<<", ">>":
		if c.types[0].integral() {
			return bitwise(op, c.ret)
		}
	case "^@":
		return func(a, b Value) Value { return boolValue(len(a.s) >= len(b.s) && a.s[:len(b.s)] == b.s) }
	}
	if f := x.containment(op, c); f != nil {
		return f
	}
	if f := x.jsonOperator(op, c); f != nil {
		return f
	}
	unsupported(at, "operator "+op)
	return nil
}

// comparison compares values of one type or of two that compare alike.
func comparison(op string, t, u *Type) apply {
	cmp := func(a, b Value) int { return compare(t, a, b) }
	switch {
	case t == u:
	case t == tDate && u.timeLike():
		cmp = func(a, b Value) int { return compareInts(dateStamp(a.n), b.n) }
	case u == tDate && t.timeLike():
		cmp = func(a, b Value) int { return compareInts(a.n, dateStamp(b.n)) }
	}
	if t == u && t.isInteger() || t.integral() && u.integral() {
		return compareIntegers(op)
	}
	if t == u && t.store == 's' && op == "=" {
		return func(a, b Value) Value { return boolValue(a.s == b.s) }
	}
	switch op {
	case "=":
		return func(a, b Value) Value { return boolValue(cmp(a, b) == 0) }
	case "<>":
		return func(a, b Value) Value { return boolValue(cmp(a, b) != 0) }
	case "<":
		return func(a, b Value) Value { return boolValue(cmp(a, b) < 0) }
	case "<=":
		return func(a, b Value) Value { return boolValue(cmp(a, b) <= 0) }
	case ">":
		return func(a, b Value) Value { return boolValue(cmp(a, b) > 0) }
	}
	return func(a, b Value) Value { return boolValue(cmp(a, b) >= 0) }
}

func compareIntegers(op string) apply {
	switch op {
	case "=":
		return func(a, b Value) Value { return boolValue(a.n == b.n) }
	case "<>":
		return func(a, b Value) Value { return boolValue(a.n != b.n) }
	case "<":
		return func(a, b Value) Value { return boolValue(a.n < b.n) }
	case "<=":
		return func(a, b Value) Value { return boolValue(a.n <= b.n) }
	case ">":
		return func(a, b Value) Value { return boolValue(a.n > b.n) }
	}
	return func(a, b Value) Value { return boolValue(a.n >= b.n) }
}

func (x *exec) concatenation(c *chosen) apply {
	l, r := c.types[0], c.types[1]
	switch {
	case l.Elem != nil && r.Elem != nil:
		return func(a, b Value) Value { return concatArrays(l.Elem, a, b) }
	case l.Elem != nil:
		return func(a, b Value) Value { return x.appendArray(l.Elem, a, b) }
	case r.Elem != nil:
		return func(a, b Value) Value { return x.prependArray(r.Elem, a, b) }
	case c.ret == tJsonb:
		return func(a, b Value) Value { return concatJSON(a, b) }
	case l == r:
		return func(a, b Value) Value { return x.concat(a.s, b.s) }
	}
	return func(a, b Value) Value {
		return x.concat(x.shown(l, a), x.shown(r, b))
	}
}

// shown is the text of a value as a cast to text gives it.
func (x *exec) shown(t *Type, v Value) string {
	switch t {
	case tBool:
		return [2]string{"false", "true"}[v.n]
	case tBpchar:
		return trimSpaces(v.s)
	}
	return x.output(t, v)
}

func (x *exec) concat(a, b string) Value {
	x.room(int64(len(a) + len(b)))
	return textValue(a + b)
}
