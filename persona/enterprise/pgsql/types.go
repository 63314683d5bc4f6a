package pgsql

import (
	"strconv"
	"strings"
)

// arrayOf is the array type of a type, nil when it has none.
func arrayOf(t *Type) *Type {
	if t.Elem != nil {
		return t // arrays of arrays are arrays with more dimensions
	}
	return arrayTypes[t.index]
}

// aliases are the names of types in SQL that are not their names in pg_type.
var aliases = map[string]string{
	"boolean": "bool", "smallint": "int2", "int": "int4", "integer": "int4", "bigint": "int8", "real": "float4", "float": "float8", "decimal": "numeric", "dec": "numeric",
	"character": "bpchar", "\"char\"": "char", "double precision": "float8", "character varying": "varchar", "timestamp with time zone": "timestamptz",
	"timestamp without time zone": "timestamp", "time with time zone": "timetz", "time without time zone": "time",
}

// typeNamed finds a type by its name in pg_type; nil if there is none.
func typeNamed(name string) *Type {
	if elem, ok := strings.CutPrefix(name, "_"); ok {
		if t := typeNamed(elem); t != nil {
			return arrayOf(t)
		}
		return nil
	}
	for _, t := range baseTypes {
		if t.Name == name {
			return t
		}
	}
	return nil
}

// sqlType finds a type by any of its names in SQL.
func sqlType(name string) *Type {
	name = strings.TrimPrefix(strings.ToLower(strings.TrimSpace(name)), "pg_catalog.")
	base, dims := strings.CutSuffix(name, "[]")
	if a, ok := aliases[base]; ok {
		base = a
	}
	t := typeNamed(base)
	if t != nil && dims {
		return arrayOf(t)
	}
	return t
}

func typeByOID(oid int64) *Type {
	for _, t := range baseTypes {
		if int64(t.OID) == oid {
			return t
		}
	}
	for _, t := range arrayTypes {
		if t != nil && int64(t.OID) == oid {
			return t
		}
	}
	return nil
}

// noMod is the modifier of a type that has none.
const noMod = -1

// formatType writes a type with its modifier, as format_type does.
func formatType(t *Type, mod int) string {
	if mod < 0 {
		return t.SQL
	}
	if t.Elem != nil {
		return formatType(t.Elem, mod) + "[]"
	}
	switch t {
	case tVarchar, tBpchar:
		return t.SQL + "(" + strconv.Itoa(mod-4) + ")"
	case tNumeric:
		p, s := numericMod(mod)
		return "numeric(" + strconv.Itoa(p) + "," + strconv.Itoa(s) + ")"
	case tTimestamp, tTimestamptz, tTime, tTimetz:
		head, tail, _ := strings.Cut(t.SQL, " ")
		return head + "(" + strconv.Itoa(mod) + ") " + tail
	case tInterval:
		if mod <= 6 {
			return "interval(" + strconv.Itoa(mod) + ")"
		}
	}
	return t.SQL
}

func numericMod(mod int) (precision, scale int) {
	mod -= 4
	scale = mod & 0x7ff
	if scale > 1000 {
		scale -= 2048
	}
	return mod >> 16 & 0xffff, scale
}

// stringLike reports whether a type's values are plain text in s.
func (t *Type) stringLike() bool {
	switch t {
	case tText, tVarchar, tBpchar, tName, tUnknown, tChar, tPgNodeTree, tAclitem:
		return true
	}
	return false
}

// output is the text of a value as the server sends it.
func (x *exec) output(t *Type, v Value) string {
	switch t {
	case tBool:
		if v.n != 0 {
			return "t"
		}
		return "f"
	case tFloat4:
		return formatFloat(v.float(), 32)
	case tFloat8:
		return formatFloat(v.float(), 64)
	case tNumeric:
		return v.dec().String()
	case tDate:
		return formatDate(v.n)
	case tTime:
		return string(appendClock(nil, v.n))
	case tTimetz:
		return string(appendClock(nil, v.n)) + formatZone(v.zone())
	case tTimestamp:
		return formatStamp(v.n, false)
	case tTimestamptz:
		return formatStamp(v.n, true)
	case tInterval:
		return v.span().String()
	case tBytea:
		return `\x` + hexText(v.s)
	case tVoid:
		return ""
	case tRecord:
		return x.recordText(v.x.(*record))
	case tRegclass, tRegtype, tRegproc, tRegnamespace, tRegrole, tRegprocedure:
		return x.regText(t, v.n)
	}
	switch {
	case t.Elem != nil && t == tOidvector || t == tInt2vector:
		return v.s
	case t.Elem != nil:
		return x.arrayText(v.arr())
	case t.isInteger():
		return strconv.FormatInt(v.n, 10)
	}
	return v.s
}

const hexAlphabet = "0123456789abcdef"

func hexText(s string) string {
	b := make([]byte, 0, 2*len(s))
	for i := range len(s) {
		b = append(b, hexAlphabet[s[i]>>4], hexAlphabet[s[i]&15])
	}
	return string(b)
}

// formatFloat writes the shortest text that reads back the same.
func formatFloat(f float64, bits int) string {
	switch {
	case f != f:
		return "NaN"
	case f > 0 && f/2 == f:
		return "Infinity"
	case f < 0 && f/2 == f:
		return "-Infinity"
	}
	s := strconv.FormatFloat(f, 'e', -1, bits)
	i := strings.IndexByte(s, 'e')
	exp, _ := strconv.Atoi(s[i+1:])
	limit := 15
	if bits == 32 {
		limit = 6
	}
	if exp < -4 || exp >= limit {
		return s
	}
	return strconv.FormatFloat(f, 'f', -1, bits)
}

// formatG is printf's %.*g.
func formatG(f float64, digits int) string {
	s := strconv.FormatFloat(f, 'e', digits-1, 64)
	i := strings.IndexByte(s, 'e')
	exp, _ := strconv.Atoi(s[i+1:])
	if exp < -4 || exp >= digits {
		head := s[:i]
		if strings.Contains(head, ".") {
			head = strings.TrimRight(strings.TrimRight(head, "0"), ".")
		}
		return head + s[i:]
	}
	s = strconv.FormatFloat(f, 'f', max(digits-1-exp, 0), 64)
	if strings.Contains(s, ".") {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	return s
}

func (x *exec) arrayText(a *array) string {
	if len(a.items) == 0 {
		return "{}"
	}
	var b buffer
	if a.lower != nil {
		for i, n := range a.dims {
			b.put("[" + strconv.Itoa(a.lower[i]) + ":" + strconv.Itoa(a.lower[i]+n-1) + "]")
		}
		b.char('=')
	}
	next := 0
	x.arrayDim(&b, a, 0, &next)
	return b.String()
}

func (x *exec) arrayDim(b *buffer, a *array, dim int, next *int) {
	b.char('{')
	for i := range a.dims[dim] {
		if i > 0 {
			b.char(',')
		}
		if dim+1 < len(a.dims) {
			x.arrayDim(b, a, dim+1, next)
			continue
		}
		v := a.items[*next]
		*next++
		if !v.ok {
			b.put("NULL")
			continue
		}
		writeQuoted(b, x.output(a.elem, v), "{},")
	}
	b.char('}')
}

// writeQuoted quotes a member of an array or record where it has to be.
func writeQuoted(b *buffer, s, special string) {
	plain := s != "" && !strings.ContainsAny(s, special+"\"\\ \t\n\r\v\f") && (special != "{}," || !strings.EqualFold(s, "null"))
	if plain {
		b.put(s)
		return
	}
	b.char('"')
	for i := range len(s) {
		if s[i] == '"' || s[i] == '\\' {
			if special == "{}," {
				b.char('\\')
			} else {
				b.char(s[i])
			}
		}
		b.char(s[i])
	}
	b.char('"')
}

func (x *exec) recordText(r *record) string {
	var b buffer
	b.char('(')
	for i, v := range r.items {
		if i > 0 {
			b.char(',')
		}
		if v.ok {
			writeQuoted(&b, x.output(r.types[i], v), "(),")
		}
	}
	b.char(')')
	return b.String()
}
