package pgsql

import (
	"math"
	"strings"
)

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

// stringAcc keeps the parts and joins them once: a text that grows would leave
// many times its size behind.
type stringAcc struct {
	x     *exec
	parts []string
	any   bool
}

func (a *stringAcc) add(args []Value) {
	if !args[0].ok {
		return
	}
	if a.any && args[1].ok {
		a.parts = append(a.parts, args[1].s)
	}
	a.any = true
	a.x.keep(int64(len(args[0].s)) + 32)
	a.parts = append(a.parts, args[0].s)
}

func (a *stringAcc) result() Value { return Value{ok: a.any, s: strings.Join(a.parts, "")} }

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
	text := a.c.x.toJSON(a.c.types[last], args[last])
	a.b = append(a.c.x.grown(a.b, len(text)), text...)
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
