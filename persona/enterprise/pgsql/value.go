package pgsql

import (
	"math"
	"strings"
)

// Value is one datum; which field holds it follows from its type. The zero Value
// is NULL.
//
//	n  integers, oids, bool, date (days), time, timestamp (microseconds since 2000),
//	   floats as their bits
//	s  text and its kin, uuid, json, jsonb, bytea, inet
//	x  *decimal, *interval, *array, *record
type Value struct {
	ok bool
	n  int64
	s  string
	x  any
}

// array is a value of an array type with one dimension or more.
type array struct {
	elem  *Type
	items []Value // row by row
	dims  []int   // nil for an empty array
	lower []int   // nil when all bounds are one
}

// record is a value of an anonymous row type.
type record struct {
	types []*Type
	names []string
	items []Value
}

//go:noinline
func intValue(n int64) Value { return Value{ok: true, n: n} }

//go:noinline
func textValue(s string) Value { return Value{ok: true, s: s} }

//go:noinline
func decValue(d *decimal) Value { return Value{ok: true, x: d} }

//go:noinline
func floatValue(f float64) Value { return Value{ok: true, n: int64(math.Float64bits(f))} }

//go:noinline
func boolValue(b bool) Value {
	if b {
		return Value{ok: true, n: 1}
	}
	return Value{ok: true}
}

//go:noinline
func arrayValue(elem *Type, items []Value) Value {
	a := &array{elem: elem, items: items}
	if len(items) > 0 {
		a.dims = []int{len(items)}
	}
	return Value{ok: true, x: a}
}

//go:noinline
func (v Value) float() float64 { return math.Float64frombits(uint64(v.n)) }
func (v Value) truth() bool    { return v.ok && v.n != 0 }

//go:noinline
func (v Value) dec() *decimal { return v.x.(*decimal) }

//go:noinline
func (v Value) arr() *array { return v.x.(*array) }

//go:noinline
func (v Value) span() *interval {
	return v.x.(*interval)
}

// size is about how much memory a value takes.
func (v Value) size() int64 {
	n := int64(len(v.s)) + 48
	switch x := v.x.(type) {
	case *decimal:
		n += int64(len(x.mag))*4 + 40
	case *array:
		for _, i := range x.items {
			n += i.size()
		}
	case *record:
		for _, i := range x.items {
			n += i.size()
		}
	}
	return n
}

// lowerBound is the first index of a dimension.
func (a *array) lowerBound(dim int) int {
	if a.lower == nil {
		return 1
	}
	return a.lower[dim]
}

// compare orders two values of a type, neither of them NULL.
func compare(t *Type, a, b Value) int {
	switch t.store {
	case 'i':
		return compareInts(a.n, b.n)
	case 's':
		return strings.Compare(a.s, b.s)
	}
	switch t {
	case tFloat4, tFloat8:
		return compareFloats(a.float(), b.float())
	case tNumeric:
		return a.dec().cmp(b.dec())
	case tInterval:
		return a.span().cmp(b.span())
	case tTimetz:
		return compareTimetz(a, b)
	case tBpchar:
		return strings.Compare(strings.TrimRight(a.s, " "), strings.TrimRight(b.s, " "))
	case tJsonb:
		return compareJSON(parseJSON(a.s), parseJSON(b.s))
	case tInet, tCidr:
		return compareInet(a.s, b.s)
	case tRecord:
		return compareRecords(a.x.(*record), b.x.(*record))
	}
	if t.Elem != nil {
		return compareArrays(a.arr(), b.arr())
	}
	return strings.Compare(a.s, b.s)
}

// same reports whether two values are not distinct, as far as that is quick to say.
func same(t *Type, a, b *Value) bool {
	if !a.ok || !b.ok {
		return a.ok == b.ok
	}
	switch t.store {
	case 'i':
		return a.n == b.n
	case 's':
		return a.s == b.s
	}
	return false
}

// isInteger reports whether values live in n and are ordered by it.
func (t *Type) isInteger() bool { return t.store == 'i' }

//go:noinline
func compareInts(a, b int64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// compareFloats puts NaN above everything, as the server does.
func compareFloats(a, b float64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	case a == b:
		return 0
	case math.IsNaN(a) && math.IsNaN(b):
		return 0
	case math.IsNaN(a):
		return 1
	}
	return -1
}

func compareArrays(a, b *array) int {
	for i := range min(len(a.items), len(b.items)) {
		if c := compareNulls(a.elem, a.items[i], b.items[i]); c != 0 {
			return c
		}
	}
	if c := compareInts(int64(len(a.items)), int64(len(b.items))); c != 0 {
		return c
	}
	return compareInts(int64(len(a.dims)), int64(len(b.dims)))
}

func compareRecords(a, b *record) int {
	for i := range min(len(a.items), len(b.items)) {
		if c := compareNulls(a.types[i], a.items[i], b.items[i]); c != 0 {
			return c
		}
	}
	return compareInts(int64(len(a.items)), int64(len(b.items)))
}

// compareNulls orders NULL last.
func compareNulls(t *Type, a, b Value) int {
	switch {
	case a.ok && b.ok:
		return compare(t, a, b)
	case a.ok:
		return -1
	case b.ok:
		return 1
	}
	return 0
}

// appendKey appends bytes that are equal for values that are not distinct.
func appendKey(b []byte, t *Type, v Value) []byte {
	if !v.ok {
		return append(b, 0)
	}
	switch t.store {
	case 'i':
		return appendInt(append(b, 1), v.n)
	case 's':
		return appendText(append(b, 2), v.s)
	}
	switch {
	case t == tNumeric:
		return appendText(append(b, 2), v.dec().reduce().String())
	case t == tFloat4 || t == tFloat8:
		return appendFloatKey(b, v.float())
	case t == tInterval:
		return appendInt(append(b, 3), v.span().span())
	case t == tBpchar:
		return appendText(append(b, 2), strings.TrimRight(v.s, " "))
	case t == tJsonb:
		return appendText(append(b, 2), parseJSON(v.s).key())
	case t == tRecord:
		for i, item := range v.x.(*record).items {
			b = appendKey(b, v.x.(*record).types[i], item)
		}
		return b
	case t.Elem != nil:
		b = appendInt(append(b, 4), int64(len(v.arr().items)))
		for _, item := range v.arr().items {
			b = appendKey(b, t.Elem, item)
		}
		return b
	case t == tTimetz:
		return appendText(appendInt(append(b, 1), v.n), v.s)
	}
	return appendText(append(b, 2), v.s)
}

func appendFloatKey(b []byte, f float64) []byte {
	if f == 0 {
		f = 0 // minus zero equals zero
	}
	return appendInt(append(b, 1), int64(math.Float64bits(f)))
}

func appendInt(b []byte, n int64) []byte {
	return append(b, byte(n), byte(n>>8), byte(n>>16), byte(n>>24), byte(n>>32), byte(n>>40), byte(n>>48), byte(n>>56))
}

func appendText(b []byte, s string) []byte {
	return append(appendInt(b, int64(len(s))), s...)
}
