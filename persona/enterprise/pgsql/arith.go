package pgsql

import (
	"math"
	"math/bits"
	"strings"
)

func trimSpaces(s string) string { return strings.TrimRight(s, " ") }

func (x *exec) arithmetic(op string, c *chosen) apply {
	l, r, ret := c.types[0], c.types[1], c.ret
	switch {
	case ret == tJsonb:
		return x.jsonOperator(op, c)
	case l.integral() && r.integral() && ret.integral():
		return func(a, b Value) Value { return intArithmetic(op[0], ret, a.n, b.n) }
	case ret == tNumeric:
		return func(a, b Value) Value { return x.decArithmetic(op[0], a.dec(), b.dec()) }
	case l.number() && r.number():
		return func(a, b Value) Value { return floatArithmetic(op[0], ret, a.float(), b.float()) }
	case l == tInet || r == tInet:
		fail(codeUnsupported, "arithmetic on type inet is not supported")
	}
	return timeArithmetic(op, l, r)
}

func intArithmetic(op byte, t *Type, a, b int64) Value {
	var n int64
	var ok bool
	switch op {
	case '+':
		n = a + b
		ok = (n > a) == (b > 0) || b == 0
	case '-':
		n = a - b
		ok = (n < a) == (b > 0) || b == 0
	case '*':
		n, ok = multiply(a, b)
	default:
		if b == 0 {
			fail(codeDivision, "division by zero")
		}
		if op == '%' {
			if b == -1 {
				return intValue(0)
			}
			return intValue(a % b)
		}
		ok = b != -1 || a != math.MinInt64
		if ok {
			n = a / b
		}
	}
	if !ok || !fits(t, n) {
		outOfRange(t)
	}
	return intValue(n)
}

func multiply(a, b int64) (int64, bool) {
	hi, lo := bits.Mul64(magnitude64(a), magnitude64(b))
	if hi != 0 || lo > 1<<63 {
		return 0, false
	}
	neg := (a < 0) != (b < 0)
	if lo == 1<<63 {
		return math.MinInt64, neg
	}
	if neg {
		return -int64(lo), true
	}
	return int64(lo), true
}

func magnitude64(n int64) uint64 {
	if n < 0 {
		return -uint64(n)
	}
	return uint64(n)
}

func (x *exec) decArithmetic(op byte, a, b *decimal) Value {
	x.spend((len(a.mag)+1)*(len(b.mag)+1)/16 + (len(a.mag)+len(b.mag)+a.scale+b.scale)/32)
	switch op {
	case '+':
		return decValue(a.add(b))
	case '-':
		return decValue(a.sub(b))
	case '*':
		return decValue(a.mul(b))
	case '/':
		return decValue(a.div(b))
	case '%':
		return decValue(a.mod(b))
	}
	return decValue(x.decPower(a, b))
}

func floatArithmetic(op byte, t *Type, a, b float64) Value {
	var f float64
	switch op {
	case '+':
		f = a + b
	case '-':
		f = a - b
	case '*':
		f = a * b
	case '/':
		if b == 0 && !math.IsNaN(a) {
			fail(codeDivision, "division by zero")
		}
		f = a / b
	case '^':
		return powerFloat(a, b)
	}
	return checkFloat(t, f, math.IsInf(a, 0) || math.IsInf(b, 0), f == 0 && a != 0 && b != 0 && (op == '*' || op == '/' && !math.IsInf(b, 0)))
}

func checkFloat(t *Type, f float64, infAllowed, underflow bool) Value {
	if t == tFloat4 {
		f = float64(float32(f))
	}
	switch {
	case math.IsInf(f, 0) && !infAllowed:
		fail(codeRange, "value out of range: overflow")
	case underflow:
		fail(codeRange, "value out of range: underflow")
	}
	return floatValue(f)
}

func powerFloat(a, b float64) Value {
	switch {
	case a == 0 && b < 0:
		fail("2201F", "zero raised to a negative power is undefined")
	case a < 0 && b != math.Trunc(b) && !math.IsNaN(b):
		fail("2201F", "a negative number raised to a non-integer power yields a complex result")
	}
	f := math.Pow(a, b)
	return checkFloat(tFloat8, f, math.IsInf(a, 0) || math.IsInf(b, 0), f == 0 && a != 0 && !math.IsInf(a, 0) && !math.IsInf(b, 0))
}

// decPower raises exactly for integer exponents, else by way of floats.
func (x *exec) decPower(a, b *decimal) *decimal {
	if a.kind != 0 || b.kind != 0 {
		return decFloat(math.Pow(a.float(), b.float()), 15)
	}
	switch {
	case a.zero() && b.neg:
		fail("2201F", "zero raised to a negative power is undefined")
	case a.neg && b.cmp(b.rescale(0, false)) != 0:
		fail("2201F", "a negative number raised to a non-integer power yields a complex result")
	}
	f := math.Pow(a.float(), b.float())
	weight := 0
	if f != 0 && !math.IsInf(f, 0) {
		weight = int(math.Floor(math.Log10(math.Abs(f))))
	}
	scale := min(max(16-weight, a.scale, b.scale, 0), 1000)
	n, whole := b.int64()
	if !whole || b.cmp(decInt(n)) != 0 {
		return decFloat(f, 17).rescale(min(scale, 16), true)
	}
	if math.IsInf(f, 0) || math.Abs(float64(n))*float64(len(a.digits())) > 20000 {
		if math.Abs(a.float()) < 1 == (n > 0) {
			return (&decimal{}).rescale(scale, false)
		}
		fail(codeRange, "value overflows numeric format")
	}
	x.spend(int(magnitude64(n)) + 1)
	out := decInt(1)
	for range magnitude64(n) {
		if out = out.mul(a); out.scale > scale+24 && n > 0 {
			out = out.rescale(scale+24, true)
		}
		x.spend(len(out.mag))
	}
	if n < 0 {
		return decInt(1).quotient(out, scale, true)
	}
	return out.rescale(scale, true)
}

func negate(t *Type, a Value) Value {
	switch {
	case t.integral():
		if a.n == math.MinInt64 || !fits(t, -a.n) {
			outOfRange(t)
		}
		return intValue(-a.n)
	case t == tNumeric:
		return decValue(a.dec().negated())
	case t == tInterval:
		return a.span().neg()
	}
	return floatValue(-a.float())
}

func absolute(t *Type, a Value) Value {
	switch {
	case t == tNumeric:
		return decValue(a.dec().abs())
	case t.integral() && a.n < 0:
		return negate(t, a)
	case t.integral():
		return a
	}
	return floatValue(math.Abs(a.float()))
}

func sqrtFloat(f float64) Value {
	if f < 0 {
		fail("2201F", "cannot take square root of a negative number")
	}
	return floatValue(math.Sqrt(f))
}

func cbrt(f float64) float64 { return math.Cbrt(f) }

func bitwise(op string, t *Type) apply {
	width := int64(t.Len * 8)
	return func(a, b Value) Value {
		n := a.n
		switch op {
		case "&":
			n &= b.n
		case "|":
			n |= b.n
		case "#":
			n ^= b.n
		case "<<":
			n <<= uint64(b.n & (width - 1))
		case ">>":
			n >>= uint64(b.n & (width - 1))
		}
		switch t {
		case tInt2:
			n = int64(int16(n))
		case tInt4:
			n = int64(int32(n))
		}
		return intValue(n)
	}
}

// timeArithmetic adds and subtracts dates, times and intervals, and scales the
// latter.
func timeArithmetic(op string, l, r *Type) apply {
	if l == tInterval && r != tInterval && op == "+" && r.timeLike() || l == tTime && r == tDate || l == tInt4 && r == tDate {
		inner := timeArithmetic(op, r, l)
		return func(a, b Value) Value { return inner(b, a) }
	}
	sign := int64(1)
	if op == "-" {
		sign = -1
	}
	switch {
	case op == "*" && l == tInterval:
		return func(a, b Value) Value { return a.span().scaled(b.float()) }
	case op == "*":
		return func(a, b Value) Value { return b.span().scaled(a.float()) }
	case op == "/":
		return func(a, b Value) Value {
			if b.float() == 0 {
				fail(codeDivision, "division by zero")
			}
			return a.span().scaled(1 / b.float())
		}
	case l == tDate && r == tInt4:
		return func(a, b Value) Value { return addDays(a, sign*b.n) }
	case l == tDate && r == tDate:
		return func(a, b Value) Value { return intValue(a.n - b.n) }
	case r == tInterval && l == tInterval:
		return func(a, b Value) Value {
			if sign < 0 {
				b = b.span().neg()
			}
			return a.span().add(b.span())
		}
	case r == tInterval:
		return moved(l, sign)
	case l == tDate && r == tTime:
		return func(a, b Value) Value { return intValue(dateStamp(a.n) + b.n) }
	case l == tTime && r == tTime:
		return func(a, b Value) Value { return intervalValue(0, 0, a.n-b.n) }
	case op == "-":
		return func(a, b Value) Value { return stampDifference(a.n, b.n) }
	}
	fail(codeUnsupported, "arithmetic on "+l.SQL+" and "+r.SQL+" is not supported")
	return nil
}

func addDays(a Value, n int64) Value {
	if a.n == infiniteDay || a.n == minusInfDay {
		return a
	}
	if d := a.n + n; d >= minDay && d < maxDay {
		return intValue(d)
	}
	fail(codeTimeRange, "date out of range")
	return Value{}
}

// moved adds an interval to a date, time or timestamp.
func moved(t *Type, sign int64) apply {
	return func(a, b Value) Value {
		i := *b.span()
		if sign < 0 {
			i = *i.neg().span()
		}
		switch t {
		case tTime:
			return intValue(mod(a.n+i.us, day))
		case tTimetz:
			a.n = mod(a.n+i.us, day)
			return a
		case tDate:
			return intValue(addInterval(dateStamp(a.n), &i))
		}
		return intValue(addInterval(a.n, &i))
	}
}

func stampDifference(a, b int64) Value {
	if a == infinite || a == minusInfinite || b == infinite || b == minusInfinite {
		fail(codeTimeRange, "cannot subtract infinite timestamps")
	}
	return intervalValue(0, (a-b)/day, (a-b)%day)
}
