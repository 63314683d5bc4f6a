package pgsql

import (
	"math"
	"slices"
)

func cmpMag(a, b []uint32) int {
	if len(a) != len(b) {
		return compareInts(int64(len(a)), int64(len(b)))
	}
	for i, v := range slices.Backward(a) {
		if v != b[i] {
			return compareInts(int64(v), int64(b[i]))
		}
	}
	return 0
}

func addMag(a, b []uint32) []uint32 {
	out := make([]uint32, 0, max(len(a), len(b))+1)
	var carry uint32
	for i := 0; i < len(a) || i < len(b) || carry > 0; i++ {
		if i < len(a) {
			carry += a[i]
		}
		if i < len(b) {
			carry += b[i]
		}
		out = append(out, carry%decBase)
		carry /= decBase
	}
	return trimMag(out)
}

// subMag subtracts a magnitude from one that is not smaller.
func subMag(a, b []uint32) []uint32 {
	out := make([]uint32, len(a))
	borrow := int64(0)
	for i := range a {
		n := int64(a[i]) - borrow
		if i < len(b) {
			n -= int64(b[i])
		}
		if borrow = 0; n < 0 {
			n, borrow = n+decBase, 1
		}
		out[i] = uint32(n)
	}
	return trimMag(out)
}

func mulMag(a, b []uint32) []uint32 {
	out := make([]uint32, len(a)+len(b))
	for i, x := range a {
		carry := uint64(0)
		for j := 0; j < len(b) || carry > 0; j++ {
			n := uint64(out[i+j]) + carry
			if j < len(b) {
				n += uint64(x) * uint64(b[j])
			}
			out[i+j] = uint32(n % decBase)
			carry = n / decBase
		}
	}
	return trimMag(out)
}

// shiftUp multiplies by 10^n.
func shiftUp(m []uint32, n int) []uint32 {
	if len(m) == 0 {
		return nil
	}
	out := make([]uint32, n/decDigits, n/decDigits+len(m)+1)
	return append(out, mulMag(m, []uint32{pow10[n%decDigits]})...)
}

// shiftDown divides by 10^n and cuts off.
func shiftDown(m []uint32, n int) []uint32 {
	if n/decDigits >= len(m) {
		return nil
	}
	q, _ := divSmall(m[n/decDigits:], pow10[n%decDigits])
	return q
}

func divSmall(a []uint32, b uint32) (q []uint32, rest uint32) {
	q = make([]uint32, len(a))
	r := uint64(0)
	for i := len(a) - 1; i >= 0; i-- {
		r = r*decBase + uint64(a[i])
		q[i] = uint32(r / uint64(b))
		r %= uint64(b)
	}
	return trimMag(q), uint32(r)
}

// divMag divides by the schoolbook method with normalised estimates (Knuth's
// algorithm D).
func divMag(a, b []uint32) (q, rest []uint32) {
	switch {
	case cmpMag(a, b) < 0:
		return nil, a
	case len(b) == 1:
		q, r := divSmall(a, b[0])
		return q, trimMag([]uint32{r})
	}
	factor := uint32(decBase / (uint64(b[len(b)-1]) + 1))
	u := append(mulMag(a, []uint32{factor}), 0)
	for len(u) <= len(a) {
		u = append(u, 0)
	}
	v := mulMag(b, []uint32{factor})
	q = make([]uint32, len(u)-len(v))
	for j := len(u) - len(v) - 1; j >= 0; j-- {
		q[j] = divStep(u[j:j+len(v)+1], v)
	}
	rest, _ = divSmall(trimMag(u), factor)
	return trimMag(q), rest
}

// divStep finds one digit of a quotient and subtracts its multiple from u.
func divStep(u, v []uint32) uint32 {
	n := len(v)
	top := uint64(u[n])*decBase + uint64(u[n-1])
	digit := top / uint64(v[n-1])
	rest := top % uint64(v[n-1])
	for digit >= decBase || digit*uint64(v[n-2]) > rest*decBase+uint64(u[n-2]) {
		digit--
		if rest += uint64(v[n-1]); rest >= decBase {
			break
		}
	}
	borrow := int64(0)
	for i := range n {
		t := int64(u[i]) - borrow - int64(digit)*int64(v[i])
		borrow = 0
		if t < 0 {
			borrow = (-t + decBase - 1) / decBase
			t += borrow * decBase
		}
		u[i] = uint32(t)
	}
	t := int64(u[n]) - borrow
	if t >= 0 {
		u[n] = uint32(t)
		return uint32(digit)
	}
	carry := uint32(0)
	for i := range n {
		carry += u[i] + v[i]
		u[i] = carry % decBase
		carry /= decBase
	}
	u[n] = 0
	return uint32(digit - 1)
}

func (d *decimal) add(e *decimal) *decimal {
	if d.kind != 0 || e.kind != 0 {
		return addSpecial(d, e)
	}
	a, b := aligned(d, e)
	out := &decimal{neg: d.neg, scale: max(d.scale, e.scale)}
	switch {
	case d.neg == e.neg:
		out.mag = addMag(a, b)
	case cmpMag(a, b) >= 0:
		out.mag = subMag(a, b)
	default:
		out.mag, out.neg = subMag(b, a), e.neg
	}
	return out.tidy()
}

func addSpecial(d, e *decimal) *decimal {
	switch {
	case d.kind == 'n' || e.kind == 'n' || d.kind == e.kind && d.neg != e.neg:
		return &decimal{kind: 'n'}
	case d.kind == 'i':
		return d
	}
	return e
}

func (d *decimal) sub(e *decimal) *decimal { return d.add(e.negated()) }

func (d *decimal) mul(e *decimal) *decimal {
	if d.kind != 0 || e.kind != 0 {
		if d.kind == 'n' || e.kind == 'n' || d.zero() || e.zero() {
			return &decimal{kind: 'n'}
		}
		return &decimal{kind: 'i', neg: d.neg != e.neg}
	}
	out := &decimal{mag: mulMag(d.mag, e.mag), neg: d.neg != e.neg, scale: d.scale + e.scale}
	if out.tidy(); out.scale > maxScale {
		return out.rescale(maxScale, true)
	}
	return out
}

// weight is the position of the first digit in base 10000, as the server's own
// numbers have it, and that digit.
func (d *decimal) weight() (w int, first int) {
	s := d.digits()
	if s == "" {
		return 0, 0
	}
	whole := len(s) - d.scale // digits before the point
	w = floorDiv(whole-1, 4)
	take := whole - w*4
	for i := range take {
		first *= 10
		if i < len(s) {
			first += int(s[i] - '0')
		}
	}
	return w, first
}

func floorDiv(a, b int) int {
	q := a / b
	if a%b != 0 && (a < 0) != (b < 0) {
		q--
	}
	return q
}

// quotientScale is the server's choice of fractional digits for a quotient: at
// least 16 significant ones.
func quotientScale(d, e *decimal) int {
	w1, f1 := d.weight()
	w2, f2 := e.weight()
	w := w1 - w2
	if f1 <= f2 {
		w--
	}
	scale := max(16-w*4, d.scale, e.scale, 0)
	return min(scale, 1000)
}

func (d *decimal) div(e *decimal) *decimal { return d.divScale(e, quotientScale) }

func (d *decimal) divScale(e *decimal, choose func(d, e *decimal) int) *decimal {
	switch {
	case d.kind == 'n' || e.kind == 'n' || d.kind == 'i' && e.kind == 'i':
		return &decimal{kind: 'n'}
	case e.zero():
		fail(codeDivision, "division by zero")
	case d.kind == 'i':
		return &decimal{kind: 'i', neg: d.neg != e.neg}
	case e.kind == 'i':
		return &decimal{}
	}
	scale := choose(d, e)
	return d.quotient(e, scale, true)
}

// quotient divides to a number of fractional digits.
func (d *decimal) quotient(e *decimal, scale int, round bool) *decimal {
	extra := 0
	if round {
		extra = 1
	}
	a, b := d.mag, e.mag
	if shift := scale + extra + e.scale - d.scale; shift >= 0 {
		a = shiftUp(a, shift)
	} else {
		b = shiftUp(b, -shift)
	}
	q, _ := divMag(a, b)
	out := (&decimal{mag: q, neg: d.neg != e.neg, scale: scale + extra}).tidy()
	return out.rescale(scale, round)
}

func (d *decimal) mod(e *decimal) *decimal {
	switch {
	case d.kind == 'n' || e.kind == 'n' || d.kind == 'i':
		return &decimal{kind: 'n'}
	case e.zero():
		fail(codeDivision, "division by zero")
	case e.kind == 'i':
		return d
	}
	a, b := aligned(d, e)
	_, rest := divMag(a, b)
	return (&decimal{mag: rest, neg: d.neg, scale: max(d.scale, e.scale)}).tidy()
}

// sqrt finds the root by Newton's method on the magnitude.
func (d *decimal) sqrt() *decimal {
	if d.neg {
		fail("2201F", "cannot take square root of a negative number")
	}
	if d.kind != 0 {
		return d
	}
	// The server's estimate of the root's weight decides how many digits it shows.
	w, _ := d.weight()
	rw := w*2 + 1
	if w < 0 {
		rw = 1 - (1-w*4)/2
	}
	return d.sqrtScale(min(max(16-rw, d.scale, 0), 1000))
}

func (d *decimal) sqrtScale(scale int) *decimal {
	if d.zero() {
		return (&decimal{}).rescale(scale, false)
	}
	n := d.rescale(2*(scale+1), false).mag
	guess := shiftUp([]uint32{1}, (len(n)*decDigits+1)/2+1)
	for {
		q, _ := divMag(n, guess)
		next, _ := divSmall(addMag(guess, q), 2)
		if cmpMag(next, guess) >= 0 {
			break
		}
		guess = next
	}
	return (&decimal{mag: guess, scale: scale + 1}).tidy().rescale(scale, true)
}

func (d *decimal) floor() *decimal {
	t := d.rescale(0, false)
	if d.neg && d.cmp(t) != 0 {
		return t.sub(decInt(1))
	}
	return t
}

func (d *decimal) ceil() *decimal { return d.negated().floor().negated() }

// decFloat converts a float as the server does: with 15 significant digits, or
// six for single precision.
func decFloat(f float64, digits int) *decimal {
	switch {
	case math.IsNaN(f):
		return &decimal{kind: 'n'}
	case math.IsInf(f, 0):
		return &decimal{kind: 'i', neg: f < 0}
	}
	d, _ := parseDecimal(formatG(f, digits))
	return d
}
