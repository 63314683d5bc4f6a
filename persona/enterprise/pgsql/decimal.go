package pgsql

import (
	"strconv"
	"strings"
)

// decimal is a number of type numeric: mag × 10^-scale with a sign. mag holds
// digits in base 10^9, least significant first, without leading zeros.
type decimal struct {
	mag   []uint32
	neg   bool
	scale int
	kind  byte // 0 finite, 'n' NaN, 'i' infinity
}

const (
	decBase   = 1_000_000_000
	decDigits = 9
	// maxScale and maxWhole are the server's limits of a numeric.
	maxScale = 16383
	maxWhole = 131072
)

var pow10 = [...]uint32{1, 10, 100, 1000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000}

//go:noinline
func decInt(n int64) *decimal {
	d := &decimal{neg: n < 0}
	u := uint64(n)
	if d.neg {
		u = -u
	}
	for ; u > 0; u /= decBase {
		d.mag = append(d.mag, uint32(u%decBase))
	}
	return d
}

// parseDecimal reads digits with an optional sign, point and exponent.
func parseDecimal(s string) (*decimal, bool) {
	s = strings.Trim(s, " \t\n\r\f\v")
	body, neg := strings.CutPrefix(s, "-")
	if !neg {
		body = strings.TrimPrefix(s, "+")
	}
	switch strings.ToLower(body) {
	case "nan":
		return &decimal{kind: 'n'}, body == s
	case "infinity", "inf":
		return &decimal{kind: 'i', neg: neg}, true
	}
	exp := 0
	if i := strings.IndexAny(body, "eE"); i >= 0 {
		n, err := strconv.Atoi(body[i+1:])
		if err != nil || n > maxWhole || n < -maxScale {
			return nil, false
		}
		body, exp = body[:i], n
	}
	whole, frac, _ := strings.Cut(body, ".")
	digits := whole + frac
	if digits == "" || strings.Trim(digits, "0123456789") != "" {
		return nil, false
	}
	d := &decimal{mag: magnitude(digits), neg: neg, scale: len(frac) - exp}
	if d.scale < 0 {
		d.mag, d.scale = shiftUp(d.mag, -d.scale), 0
	}
	return d.tidy(), true
}

func magnitude(digits string) []uint32 {
	var mag []uint32
	for end := len(digits); end > 0; end -= decDigits {
		n, _ := strconv.ParseUint(digits[max(0, end-decDigits):end], 10, 32)
		mag = append(mag, uint32(n))
	}
	return trimMag(mag)
}

func trimMag(m []uint32) []uint32 {
	for len(m) > 0 && m[len(m)-1] == 0 {
		m = m[:len(m)-1]
	}
	return m
}

func (d *decimal) tidy() *decimal {
	d.mag = trimMag(d.mag)
	if len(d.mag) == 0 && d.kind == 0 {
		d.neg = false
	}
	if len(d.mag)*decDigits-d.scale > maxWhole+decDigits {
		fail(codeRange, "value overflows numeric format")
	}
	return d
}

//go:noinline
func (d *decimal) zero() bool { return d.kind == 0 && len(d.mag) == 0 }

// sign is -1, 0 or 1.
func (d *decimal) sign() int {
	switch {
	case d.zero():
		return 0
	case d.neg:
		return -1
	}
	return 1
}

func (d *decimal) negated() *decimal {
	c := *d
	c.neg = !d.neg && !d.zero() && d.kind != 'n'
	return &c
}

func (d *decimal) abs() *decimal {
	c := *d
	c.neg = false
	return &c
}

// digits are the decimal digits of the magnitude, "" for zero.
func (d *decimal) digits() string {
	if len(d.mag) == 0 {
		return ""
	}
	b := strconv.AppendUint(nil, uint64(d.mag[len(d.mag)-1]), 10)
	for i := len(d.mag) - 2; i >= 0; i-- {
		part := strconv.AppendUint(nil, uint64(d.mag[i])+decBase, 10)
		b = append(b, part[1:]...)
	}
	return string(b)
}

// String writes the number with all digits of its scale.
func (d *decimal) String() string {
	switch d.kind {
	case 'n':
		return "NaN"
	case 'i':
		if d.neg {
			return "-Infinity"
		}
		return "Infinity"
	}
	s := d.digits()
	if len(s) <= d.scale {
		s = strings.Repeat("0", d.scale-len(s)+1) + s
	}
	if d.scale > 0 {
		s = s[:len(s)-d.scale] + "." + s[len(s)-d.scale:]
	}
	if d.neg {
		s = "-" + s
	}
	return s
}

// reduce drops zeros at the end of the fraction.
func (d *decimal) reduce() *decimal {
	s := d.digits()
	n := 0
	for n < d.scale && (len(s) == 0 || len(s) > n && s[len(s)-1-n] == '0') {
		n++
	}
	if n == 0 || d.kind != 0 {
		return d
	}
	return d.rescale(d.scale-n, false)
}

// rescale changes the number of fractional digits, rounding half away from zero
// or cutting off.
func (d *decimal) rescale(scale int, round bool) *decimal {
	switch {
	case d.kind != 0 || scale == d.scale:
		return d
	case scale > d.scale:
		return (&decimal{mag: shiftUp(d.mag, scale-d.scale), neg: d.neg, scale: scale}).tidy()
	}
	drop := d.scale - scale
	mag := d.mag
	if round {
		mag = addMag(mag, shiftUp([]uint32{5}, drop-1))
	}
	return (&decimal{mag: shiftDown(mag, drop), neg: d.neg, scale: scale}).tidy()
}

func (d *decimal) cmp(e *decimal) int {
	if d.kind != 0 || e.kind != 0 {
		return compareInts(int64(d.rank()), int64(e.rank()))
	}
	if d.neg != e.neg {
		return compareInts(int64(d.sign()), int64(e.sign()))
	}
	a, b := aligned(d, e)
	c := cmpMag(a, b)
	if d.neg {
		return -c
	}
	return c
}

// rank orders -Infinity, finite numbers, Infinity and NaN.
func (d *decimal) rank() int {
	switch {
	case d.kind == 'n':
		return 2
	case d.kind == 'i' && d.neg:
		return -1
	case d.kind == 'i':
		return 1
	}
	return 0
}

func aligned(d, e *decimal) (a, b []uint32) {
	a, b = d.mag, e.mag
	if d.scale < e.scale {
		a = shiftUp(a, e.scale-d.scale)
	} else if e.scale < d.scale {
		b = shiftUp(b, d.scale-e.scale)
	}
	return a, b
}

// int64 rounds to an integer; ok is false when it does not fit.
func (d *decimal) int64() (n int64, ok bool) {
	r := d.rescale(0, true)
	if d.kind != 0 || len(r.mag) > 3 {
		return 0, false
	}
	n, err := strconv.ParseInt(r.String(), 10, 64)
	return n, err == nil
}

func (d *decimal) float() float64 {
	f, _ := strconv.ParseFloat(d.String(), 64)
	return f
}
