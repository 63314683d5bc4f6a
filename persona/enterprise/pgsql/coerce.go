package pgsql

import (
	"math"
	"strings"
)

// typed is an expression whose type is known and which can be evaluated.
type typed struct {
	t     *Type
	mod   int
	at    int
	eval  func(f *frame) Value
	lit   *literal // of a string or NULL whose type is still open
	konst bool     // the value depends on nothing
	uses  uint64   // sets of slots of its own level that it reads
	bound bool     // depends on more than uses tells: outer rows, queries
	slot  int      // of a plain column, else -1
	eq    *equality
	row   []*typed // of a row constructor
	set   *setCall // of a function that returns rows
	name  string   // the column's name when none is given
}

// equality is a comparison with = that a join can use for hashing.
type equality struct {
	l, r *typed
	t    *Type
}

// frame holds the row that expressions of one query level read.
type frame struct {
	row []Value
	up  *frame
	x   *exec
}

//go:noinline
func constant(t *Type, v Value) *typed {
	return &typed{t: t, mod: noMod, at: -1, konst: true, slot: -1, eval: func(*frame) Value { return v }}
}

// coercible reports whether a value goes to a type: 'i' without being asked, 'a'
// when stored, 'e' on demand. It is 0 when it does not.
func coercible(from, to *Type) byte {
	switch {
	case from == to || from == tUnknown || to == tAny:
		return 'i'
	case polymorphic(to):
		return polyAccepts(from, to)
	}
	if c, ok := castTable()[castKey{from, to}]; ok {
		return c.context
	}
	switch {
	case from.Elem != nil && to.Elem != nil:
		return coercible(from.Elem, to.Elem)
	case to.Cat == 'S' && to != tChar:
		return 'a' // through text
	case from.Cat == 'S' && from != tChar && to.Cat != 'P':
		return 'e'
	case from == tRecord && to.Cat == 'S':
		return 'a'
	}
	return 0
}

func polymorphic(t *Type) bool {
	switch t {
	case tAnyelement, tAnyarray, tAnynonarray, tAnycompatible, tAnycompatiblearray, tAnycompatiblenonarray:
		return true
	}
	return false
}

// member is the type of an array's members, or of a vector's.
func (t *Type) member() *Type {
	switch t {
	case tInt2vector:
		return tInt2
	case tOidvector:
		return tOid
	}
	return t.Elem
}

func polyAccepts(from, to *Type) byte {
	isArray := from.member() != nil
	switch to {
	case tAnyarray, tAnycompatiblearray:
		if !isArray {
			return 0
		}
	case tAnynonarray, tAnycompatiblenonarray:
		if isArray {
			return 0
		}
	}
	return 'i'
}

// coerce turns an expression into one of another type. The caller has made sure
// that it goes.
func (a *analyzer) coerce(e *typed, to *Type, mod int, explicit bool) *typed {
	if e.t == to && (mod == noMod || mod == e.mod) || to == tAny || polymorphic(to) {
		return e
	}
	if e.lit != nil {
		return a.constantOf(e, to, mod, explicit)
	}
	from := e.t
	conv := a.x.converter(from, to)
	out := *e
	out.t, out.mod, out.lit, out.slot, out.eq, out.row, out.set = to, mod, nil, -1, nil, nil, nil
	inner := e.eval
	x := a.x
	out.eval = func(f *frame) Value {
		v := inner(f)
		if !v.ok {
			return v
		}
		v = conv(v)
		if mod != noMod {
			v = x.applyMod(to, mod, v, explicit)
		}
		return v
	}
	if e.set != nil {
		unsupported(e.at, "a cast of a set")
	}
	return &out
}

// constantOf gives an open constant its type; its text is read now, as the server
// reads it when it parses.
func (a *analyzer) constantOf(e *typed, to *Type, mod int, explicit bool) *typed {
	var v Value
	if e.lit.kind != '0' {
		v = locate(e.at, func() Value {
			if to == tVarchar || to == tBpchar {
				return a.x.applyMod(to, mod, textValue(e.lit.text), explicit)
			}
			return a.x.input(to, mod, e.lit.text)
		})
	}
	out := constant(to, v)
	out.mod, out.at = mod, e.at
	return out
}

// converter finds how values go from one type to another.
// fromVector is a vector as an array; vectors count from zero.
func fromVector(elem *Type, v Value) Value {
	out := arrayValue(elem, elements(v))
	out.arr().lower = []int{0}
	return out
}

func (x *exec) converter(from, to *Type) func(Value) Value {
	same := func(v Value) Value { return v }
	switch {
	case from == to:
		return same
	case from.Elem == nil && from.member() != nil && to.Elem == from.member():
		return func(v Value) Value { return fromVector(to.Elem, v) }
	case from.Elem != nil && to.Elem != nil:
		return x.arrayConverter(from, to)
	case from.number() && to.number():
		return numberConverter(from, to)
	case from.timeLike() && to.timeLike():
		return timeConverter(from, to)
	case from == tBpchar && (to == tText || to == tVarchar || to == tName):
		return func(v Value) Value { return textValue(strings.TrimRight(v.s, " ")) }
	case from.stringLike() && (to == tText || to == tVarchar || to == tBpchar):
		return same
	case from.isOid() && (to.isOid() || to.isInteger() && to != tBool):
		return numberConverter(tOid, to)
	case to.isOid() && from.isInteger() && from != tBool:
		return numberConverter(from, tOid)
	case from == tBool && to == tInt4:
		return same
	case from == tInt4 && to == tBool:
		return func(v Value) Value { return boolValue(v.n != 0) }
	case from == tJson && to == tJsonb || from == tJsonb && to == tJson:
		return func(v Value) Value { return x.input(to, noMod, v.s) }
	case from == tJsonb && (to.number() || to == tBool):
		return func(v Value) Value { return x.jsonTo(v, to) }
	case from == tBool && to.Cat == 'S':
		return func(v Value) Value { return textValue([2]string{"false", "true"}[v.n]) }
	case from == tInet && to == tCidr, from == tCidr && to == tInet:
		return same
	case from == tInet && to.Cat == 'S' && to != tName:
		return func(v Value) Value { return textValue(inetText(v.s)) }
	case from == tChar && to == tInt4:
		return func(v Value) Value { return intValue(int64(int8((v.s + "\x00")[0]))) }
	}
	return func(v Value) Value { return x.input(to, noMod, x.output(from, v)) }
}

func inetText(s string) string {
	if strings.Contains(s, "/") {
		return s
	}
	if strings.Contains(s, ":") {
		return s + "/128"
	}
	return s + "/32"
}

func (x *exec) arrayConverter(from, to *Type) func(Value) Value {
	conv := x.converter(from.Elem, to.Elem)
	return func(v Value) Value {
		src := v.arr()
		out := &array{elem: to.Elem, dims: src.dims, lower: src.lower, items: make([]Value, len(src.items))}
		for i, item := range src.items {
			if item.ok {
				out.items[i] = conv(item)
			}
		}
		return Value{ok: true, x: out}
	}
}

func (t *Type) number() bool { return t.integral() || t == tFloat4 || t == tFloat8 || t == tNumeric }

func (t *Type) integral() bool { return t == tInt2 || t == tInt4 || t == tInt8 || t == tOid }

func (t *Type) isOid() bool {
	switch t {
	case tOid, tRegclass, tRegtype, tRegproc, tRegnamespace, tRegrole, tRegprocedure:
		return true
	}
	return false
}

func (t *Type) timeLike() bool {
	switch t {
	case tDate, tTime, tTimetz, tTimestamp, tTimestamptz, tInterval:
		return true
	}
	return false
}

func numberConverter(from, to *Type) func(Value) Value {
	switch {
	case to == tNumeric && from.integral():
		return func(v Value) Value { return decValue(decInt(v.n)) }
	case to == tNumeric:
		digits := 15
		if from == tFloat4 {
			digits = 6
		}
		return func(v Value) Value { return decValue(decFloat(v.float(), digits)) }
	case to == tFloat8 || to == tFloat4:
		return func(v Value) Value { return toFloat(from, to, v) }
	}
	return func(v Value) Value { return toInt(from, to, v) }
}

func toFloat(from, to *Type, v Value) Value {
	var f float64
	switch {
	case from == tNumeric:
		f = v.dec().float()
	case from.integral():
		f = float64(v.n)
	default:
		f = v.float()
	}
	if to == tFloat4 {
		return float4(f)
	}
	if from == tNumeric && math.IsInf(f, 0) && v.dec().kind == 0 {
		fail(codeRange, `"`+v.dec().String()+`" is out of range for type double precision`)
	}
	return floatValue(f)
}

func float4(f float64) Value {
	n := float64(float32(f))
	if math.IsInf(n, 0) && !math.IsInf(f, 0) {
		fail(codeRange, "value out of range: overflow")
	}
	return floatValue(n)
}

func toInt(from, to *Type, v Value) Value {
	n, ok := v.n, true
	switch from {
	case tNumeric:
		if k := v.dec().kind; k != 0 {
			what := map[byte]string{'n': "NaN", 'i': "infinity"}[k]
			fail(codeUnsupported, "cannot convert "+what+" to "+to.SQL)
		}
		n, ok = v.dec().int64()
	case tFloat4, tFloat8:
		f := math.RoundToEven(v.float())
		ok = f >= -9223372036854775808 && f < 9223372036854775808
		n = int64(f)
	}
	if ok {
		ok = fits(to, n)
	}
	if !ok {
		outOfRange(to)
	}
	return intValue(n)
}

func fits(t *Type, n int64) bool {
	switch t {
	case tInt2:
		return n == int64(int16(n))
	case tInt4:
		return n == int64(int32(n))
	case tInt8:
		return true
	}
	if n < 0 && n >= math.MinInt32 {
		return true
	}
	return n >= 0 && n <= math.MaxUint32
}

func outOfRange(t *Type) {
	name := t.SQL
	if t.isOid() {
		name = "OID"
	}
	fail(codeRange, name+" out of range")
}

func timeConverter(from, to *Type) func(Value) Value {
	switch {
	case from == tDate && (to == tTimestamp || to == tTimestamptz):
		return func(v Value) Value { return intValue(dateStamp(v.n)) }
	case (from == tTimestamp || from == tTimestamptz) && to == tDate:
		return func(v Value) Value { return stampDate(v.n) }
	case (from == tTimestamp || from == tTimestamptz) && to == tTime:
		return func(v Value) Value { return intValue(mod(v.n, day)) }
	case from == tTimestamptz && to == tTimetz:
		return func(v Value) Value { return timetzValue(mod(v.n, day), 0) }
	case from == tTime && to == tTimetz:
		return func(v Value) Value { return timetzValue(v.n, 0) }
	case from == tTimetz && to == tTime:
		return func(v Value) Value { return intValue(v.n) }
	case from == tTime && to == tInterval:
		return func(v Value) Value { return intervalValue(0, 0, v.n) }
	case from == tInterval && to == tTime:
		return func(v Value) Value { return intValue(mod(v.span().us, day)) }
	}
	return func(v Value) Value { return v }
}

func dateStamp(n int64) int64 {
	switch n {
	case infiniteDay:
		return infinite
	case minusInfDay:
		return minusInfinite
	}
	return checkStamp(n * day)
}

func stampDate(us int64) Value {
	switch us {
	case infinite:
		return intValue(infiniteDay)
	case minusInfinite:
		return intValue(minusInfDay)
	}
	return intValue((us - mod(us, day)) / day)
}

func (x *exec) jsonTo(v Value, to *Type) Value {
	n := parseJSON(v.s)
	what := map[byte]string{'o': "object", 'a': "array", 's': "string", '0': "null", 'n': "numeric", 't': "boolean", 'f': "boolean"}[n.kind]
	if to == tBool && (n.kind == 't' || n.kind == 'f') {
		return boolValue(n.kind == 't')
	}
	if to == tBool || n.kind != 'n' {
		fail(codeBadArgument, "cannot cast jsonb "+what+" to type "+to.SQL)
	}
	return numberConverter(tNumeric, to)(x.input(tNumeric, noMod, n.text))
}
