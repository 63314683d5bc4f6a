package pgsql

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// applyMod fits a value to the modifier of its type. An explicit cast cuts text
// off, an implicit one refuses.
func (x *exec) applyMod(t *Type, mod int, v Value, explicit bool) Value {
	if t == tName && len(v.s) > 63 {
		return textValue(strings.ToValidUTF8(v.s[:63], ""))
	}
	if mod < 0 || !v.ok {
		return v
	}
	switch t {
	case tVarchar, tBpchar:
		return textMod(t, mod-4, v, explicit)
	case tNumeric:
		return roundMod(mod, v)
	case tTimestamp, tTimestamptz, tTime, tTimetz:
		if mod < 6 && v.n != infinite && v.n != minusInfinite {
			v.n = roundTo(v.n, int64(pow10[6-mod]))
		}
	case tInterval:
		if i := v.span(); mod < 6 {
			return intervalValue(int64(i.months), int64(i.days), roundTo(i.us, int64(pow10[6-mod])))
		}
	}
	if t.Elem != nil && t != tOidvector && t != tInt2vector {
		a := *v.arr()
		a.items = append([]Value(nil), a.items...)
		for i := range a.items {
			a.items[i] = x.applyMod(t.Elem, mod, a.items[i], explicit)
		}
		v.x = &a
	}
	return v
}

func roundTo(n, step int64) int64 {
	half := step / 2
	if n < 0 {
		half = -half
	}
	return (n + half) / step * step
}

func textMod(t *Type, n int, v Value, explicit bool) Value {
	have := utf8.RuneCountInString(v.s)
	switch {
	case have > n:
		cut := byteOffset(v.s, n)
		if !explicit && strings.Trim(v.s[cut:], " ") != "" {
			fail("22001", "value too long for type "+t.SQL+"("+strconv.Itoa(n)+")")
		}
		return textValue(v.s[:cut])
	case have < n && t == tBpchar:
		return textValue(v.s + strings.Repeat(" ", n-have))
	}
	return v
}

// byteOffset is where character n of s begins.
func byteOffset(s string, n int) int {
	for i := range s {
		if n == 0 {
			return i
		}
		n--
	}
	return len(s)
}

func roundMod(mod int, v Value) Value {
	precision, scale := numericMod(mod)
	d := v.dec()
	if d.kind == 'n' {
		return v
	}
	r := d
	if d.kind == 0 {
		if scale >= 0 {
			r = d.rescale(scale, true)
		} else {
			r = roundDec(d, scale)
		}
	}
	if s := r.digits(); d.kind != 0 || len(s)-r.scale > precision-scale && s != "" {
		bound := "10^" + strconv.Itoa(precision-scale)
		if precision == scale {
			bound = "1"
		}
		what := "a precision " + strconv.Itoa(precision) + ", scale " + strconv.Itoa(scale)
		if d.kind != 0 {
			failDetail(codeRange, "numeric field overflow", "A field with "+what[2:]+" cannot hold an infinite value.")
		}
		failDetail(codeRange, "numeric field overflow", "A field with "+what[2:]+" must round to an absolute value less than "+bound+".")
	}
	return decValue(r)
}

// roundDec rounds to a scale, which may be negative.
func roundDec(d *decimal, scale int) *decimal {
	if scale >= 0 {
		return d.rescale(scale, true)
	}
	if -scale > maxWhole {
		return &decimal{}
	}
	mag := d.mag
	half := shiftUp([]uint32{5}, d.scale-scale-1)
	mag = shiftDown(addMag(mag, half), d.scale-scale)
	return (&decimal{mag: shiftUp(mag, -scale), neg: d.neg}).tidy()
}
