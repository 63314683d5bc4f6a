package pgsql

import (
	"encoding/base64"
	"math"
	"strings"
)

func floats(f func(float64) float64) impl {
	return func(_ *env, v []Value) Value {
		out := f(v[0].float())
		if math.IsNaN(out) && !math.IsNaN(v[0].float()) {
			fail(codeRange, "input is out of range")
		}
		return checkFloat(tFloat8, out, math.IsInf(v[0].float(), 0), false)
	}
}

var mathFunctions = []entry[impl]{
	{"abs", func(c *env, v []Value) Value { return absolute(c.types[0], v[0]) }},
	{"ceil", rounder((*decimal).ceil, math.Ceil)},
	{"ceiling", rounder((*decimal).ceil, math.Ceil)},
	{"floor", rounder((*decimal).floor, math.Floor)},
	{"round", func(c *env, v []Value) Value { return roundFunction(c, v, true) }},
	{"trunc", func(c *env, v []Value) Value { return roundFunction(c, v, false) }},
	{"sign", signFunction},
	{"mod", func(c *env, v []Value) Value {
		return c.x.arithmetic("%", &chosen{types: c.types, ret: c.ret})(v[0], v[1])
	}},
	{"div", func(_ *env, v []Value) Value {
		a, b := v[0].dec(), v[1].dec()
		if a.kind != 0 || b.kind != 0 || b.zero() {
			return decValue(a.div(b))
		}
		return decValue(a.quotient(b, 0, false))
	}},
	{"power", func(c *env, v []Value) Value {
		return c.x.arithmetic("^", &chosen{types: c.types, ret: c.ret})(v[0], v[1])
	}},
	{"pow", func(c *env, v []Value) Value {
		return c.x.arithmetic("^", &chosen{types: c.types, ret: c.ret})(v[0], v[1])
	}},
	{"sqrt", func(c *env, v []Value) Value {
		if c.types[0] == tNumeric {
			return decValue(v[0].dec().sqrt())
		}
		return sqrtFloat(v[0].float())
	}},
	{"cbrt", floats(math.Cbrt)},
	{"exp", logLike(math.Exp, false)},
	{"ln", logLike(math.Log, true)},
	{"log", logFunction},
	{"log10", logLike(math.Log10, true)},
	{"pi", func(*env, []Value) Value { return floatValue(math.Pi) }},
	{"sin", floats(math.Sin)},
	{"cos", floats(math.Cos)},
	{"tan", floats(math.Tan)},
	{"asin", floats(math.Asin)},
	{"acos", floats(math.Acos)},
	{"atan", floats(math.Atan)},
	{"atan2", func(_ *env, v []Value) Value { return floatValue(math.Atan2(v[0].float(), v[1].float())) }},
	{"degrees", floats(func(f float64) float64 { return f * 180 / math.Pi })},
	{"radians", floats(func(f float64) float64 { return f * math.Pi / 180 })},
	{"gcd", func(c *env, v []Value) Value { return gcdFunction(c, v) }},
	{"lcm", func(c *env, v []Value) Value {
		g := gcdFunction(c, v)
		if c.types[0] == tNumeric {
			if g.dec().zero() {
				return g
			}
			return decValue(v[0].dec().quotient(g.dec(), 0, false).mul(v[1].dec()).abs())
		}
		if g.n == 0 {
			return g
		}
		return absolute(c.ret, intArithmetic('*', c.ret, v[0].n/g.n, v[1].n))
	}},
	{"factorial", factorial},
	{"scale", func(_ *env, v []Value) Value {
		if v[0].dec().kind != 0 {
			return Value{}
		}
		return intValue(int64(v[0].dec().scale))
	}},
	{"min_scale", func(_ *env, v []Value) Value { return intValue(int64(v[0].dec().reduce().scale)) }},
	{"trim_scale", func(_ *env, v []Value) Value { return decValue(v[0].dec().reduce()) }},
	{"width_bucket", widthBucket},
	{"random", func(c *env, _ []Value) Value { return floatValue(c.x.random()) }},
	{"setseed", func(*env, []Value) Value { return Value{ok: true} }},
}

// random is a sequence that every text starts anew: the engine has no randomness.
func (x *exec) random() float64 {
	x.seed = x.seed*6364136223846793005 + 1442695040888963407
	return float64(x.seed>>11) / (1 << 53)
}

func rounder(d func(*decimal) *decimal, f func(float64) float64) impl {
	return func(c *env, v []Value) Value {
		if c.types[0] == tNumeric {
			return decValue(d(v[0].dec()))
		}
		return floatValue(f(v[0].float()))
	}
}

func roundFunction(c *env, v []Value, round bool) Value {
	if c.types[0] != tNumeric {
		if round {
			return floatValue(math.RoundToEven(v[0].float()))
		}
		return floatValue(math.Trunc(v[0].float()))
	}
	scale := 0
	if len(v) > 1 {
		scale = int(min(max(v[1].n, -2000), 2000))
	}
	d := v[0].dec()
	if d.kind != 0 {
		return v[0]
	}
	if round {
		return decValue(roundDec(d, scale))
	}
	if scale >= 0 {
		return decValue(d.rescale(scale, false))
	}
	mag := shiftUp(shiftDown(d.mag, d.scale-scale), -scale)
	return decValue((&decimal{mag: mag, neg: d.neg}).tidy())
}

func signFunction(c *env, v []Value) Value {
	if c.types[0] == tNumeric {
		return decValue(decInt(int64(v[0].dec().sign())))
	}
	return floatValue(float64(compareFloats(v[0].float(), 0)))
}

// logLike is a function over floats that has a numeric form, too.
func logLike(f func(float64) float64, logarithm bool) impl {
	return func(c *env, v []Value) Value {
		in := 0.0
		if c.types[0] == tNumeric {
			in = v[0].dec().float()
		} else {
			in = v[0].float()
		}
		if logarithm && in <= 0 {
			what := "zero"
			if in < 0 {
				what = "a negative number"
			}
			fail("2201E", "cannot take logarithm of "+what)
		}
		out := f(in)
		if c.types[0] == tNumeric {
			if math.IsInf(out, 0) {
				fail(codeRange, "value overflows numeric format")
			}
			return decValue(decScaled(out, 16))
		}
		return checkFloat(tFloat8, out, math.IsInf(in, 0), false)
	}
}

// decScaled is a float with about so many significant digits.
func decScaled(f float64, digits int) *decimal {
	weight := 0
	if f != 0 {
		weight = int(math.Floor(math.Log10(math.Abs(f))))
	}
	return decFloat(f, 17).rescale(min(max(digits-max(weight, 0), 0), 20), true)
}

func logFunction(c *env, v []Value) Value {
	if len(v) == 1 {
		return logLike(math.Log10, true)(c, v)
	}
	b, x := v[0].dec().float(), v[1].dec().float()
	if b <= 0 || x <= 0 {
		what := "zero"
		if b < 0 || x < 0 {
			what = "a negative number"
		}
		fail("2201E", "cannot take logarithm of "+what)
	}
	if b == 1 {
		fail(codeDivision, "division by zero")
	}
	return decValue(decScaled(math.Log(x)/math.Log(b), 16))
}

func gcdFunction(c *env, v []Value) Value {
	if c.types[0] == tNumeric {
		a, b := v[0].dec().abs(), v[1].dec().abs()
		for !b.zero() {
			a, b = b, a.mod(b)
		}
		return decValue(a)
	}
	a, b := v[0].n, v[1].n
	for b != 0 {
		if b == -1 {
			return intValue(1)
		}
		a, b = b, a%b
	}
	return absolute(c.ret, intValue(a))
}

func factorial(c *env, v []Value) Value {
	if v[0].n < 0 {
		fail(codeRange, "factorial of a negative number is undefined")
	}
	if v[0].n > 32177 {
		fail(codeRange, "value overflows numeric format")
	}
	out := decInt(1)
	for i := int64(2); i <= v[0].n; i++ {
		c.x.spend(len(out.mag) + 1)
		out = out.mul(decInt(i))
	}
	return decValue(out)
}

func widthBucket(c *env, v []Value) Value {
	if len(v) != 4 {
		n := 0
		for _, t := range elements(v[1]) {
			if t.ok && compare(c.types[0], v[0], t) >= 0 {
				n++
			}
		}
		return intValue(int64(n))
	}
	f := func(i int) float64 {
		if c.types[0] == tNumeric {
			return v[i].dec().float()
		}
		return v[i].float()
	}
	x, lo, hi, n := f(0), f(1), f(2), v[3].n
	switch {
	case n <= 0:
		fail("2201G", "count must be greater than zero")
	case lo == hi:
		fail("2201G", "lower bound cannot equal upper bound")
	}
	if lo > hi {
		x, lo, hi = -x, -lo, -hi
	}
	if x < lo {
		return intValue(0)
	}
	if x >= hi {
		return intValue(n + 1)
	}
	return intValue(int64((x-lo)/(hi-lo)*float64(n)) + 1)
}

func base64Lines(s string) string {
	out := base64.StdEncoding.EncodeToString([]byte(s))
	var b buffer
	for len(out) > 76 {
		b.put(out[:76] + "\n")
		out = out[76:]
	}
	return b.String() + out
}

func unbase64(s string) string {
	clean := strings.Map(func(r rune) rune {
		if strings.ContainsRune(" \n\t\r", r) {
			return -1
		}
		return r
	}, s)
	out, err := base64.StdEncoding.DecodeString(clean)
	if err != nil {
		for i := range len(clean) {
			if c := clean[i]; !isLetter(rune(c)) && !isDigit(c) && strings.IndexByte("+/=", c) < 0 {
				fail(codeBadArgument, `invalid symbol "`+clean[i:i+1]+`" found while decoding base64 sequence`)
			}
		}
		panic(&Error{Severity: "ERROR", Code: codeBadArgument, Message: "invalid base64 end sequence", Hint: "Input data is missing padding, is truncated, or is otherwise corrupted."})
	}
	return string(out)
}
