package pgsql

import (
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

func badText(t *Type, s string) Value {
	fail(codeBadText, "invalid input syntax for type "+t.SQL+`: "`+s+`"`)
	return Value{}
}

// input reads a value of a type from its text.
func (x *exec) input(t *Type, mod int, s string) Value {
	switch t {
	case tText, tVarchar, tBpchar, tUnknown, tPgNodeTree, tName:
		return x.applyMod(t, mod, textValue(s), false)
	case tBool:
		return inputBool(s)
	case tInt2, tInt4, tInt8:
		return inputInt(t, s)
	case tOid, tXid, tXid8:
		return inputOid(t, s)
	case tFloat4, tFloat8:
		return inputFloat(t, s)
	case tNumeric:
		d, ok := parseDecimal(s)
		if !ok {
			return badText(t, s)
		}
		return x.applyMod(t, mod, decValue(d), false)
	case tInterval:
		return x.applyMod(t, mod, parseInterval(s, "second"), false)
	case tDate, tTime, tTimetz, tTimestamp, tTimestamptz:
		return x.applyMod(t, mod, x.inputTime(t, s), false)
	case tJson:
		parseJSON(s)
		return textValue(s)
	case tJsonb:
		return textValue(parseJSON(s).String())
	case tUuid:
		return inputUUID(s)
	case tBytea:
		return inputBytes(s)
	case tInet, tCidr:
		return inputInet(t, s)
	case tChar:
		_, n := utf8.DecodeRuneInString(s)
		return textValue(s[:min(n, 1)])
	case tRegclass, tRegtype, tRegproc, tRegnamespace, tRegrole, tRegprocedure:
		return x.inputReg(t, s)
	case tOidvector, tInt2vector:
		return textValue(s)
	}
	if t.Elem != nil {
		return x.inputArray(t, mod, s)
	}
	if t == tRecord {
		fail(codeUnsupported, "input of anonymous composite types is not implemented")
	}
	fail(codeUnsupported, "cannot accept a value of type "+t.SQL)
	return Value{}
}

func inputBool(s string) Value {
	lower := strings.ToLower(strings.TrimSpace(s))
	for i, words := range [...][]string{{"false", "no", "off", "0"}, {"true", "yes", "on", "1"}} {
		for _, w := range words {
			if lower != "" && strings.HasPrefix(w, lower) && (lower != "o" || w == "0") {
				return intValue(int64(i))
			}
		}
	}
	return badText(tBool, s)
}

func inputInt(t *Type, s string) Value {
	trimmed := strings.Trim(s, " \t\n\r\f\v")
	n, err := strconv.ParseInt(trimmed, 10, t.Len*8)
	switch {
	case err == nil && !strings.Contains(trimmed, "_"):
		return intValue(n)
	case err != nil && strings.Trim(strings.TrimLeft(trimmed, "+-"), "0123456789") == "" && strings.Trim(trimmed, "+-") != "" && len(trimmed)-len(strings.TrimLeft(trimmed, "+-")) < 2:
		fail(codeRange, `value "`+s+`" is out of range for type `+t.SQL)
	}
	return badText(t, s)
}

func inputOid(t *Type, s string) Value {
	n, err := strconv.ParseInt(strings.TrimSpace(s), 10, 64)
	switch {
	case err != nil:
		return badText(t, s)
	case n > math.MaxUint32 || n < math.MinInt32:
		fail(codeRange, `value "`+s+`" is out of range for type oid`)
	case n < 0:
		n += 1 << 32
	}
	return intValue(n)
}

func inputFloat(t *Type, s string) Value {
	trimmed := strings.TrimSpace(s)
	bits := t.Len * 8
	f, err := strconv.ParseFloat(trimmed, bits)
	switch {
	case strings.ContainsAny(trimmed, "_xXpP") && !strings.EqualFold(strings.TrimLeft(trimmed, "+-"), "inf"):
		return badText(t, s)
	case err != nil && math.IsInf(f, 0):
		fail(codeRange, `"`+trimmed+`" is out of range for type `+t.SQL)
	case err != nil || trimmed == "":
		return badText(t, s)
	}
	return floatValue(f)
}

func (x *exec) inputTime(t *Type, s string) Value {
	p := parseTime(s, t.SQL)
	switch t {
	case tDate:
		return p.dateValue(x.now)
	case tTime, tTimetz:
		if !p.time && p.special == "" {
			badTime(s, t.SQL)
		}
		if p.special == "now" {
			p.clock = mod(x.now, day)
		}
		if t == tTimetz {
			return timetzValue(p.clock, p.zone)
		}
		return intValue(p.clock)
	}
	if !p.date && p.special == "" {
		badTime(s, t.SQL)
	}
	us := p.moment(x.now, t == tTimestamptz)
	if us != infinite && us != minusInfinite && (p.year > 294276 || p.year < -4713) {
		fail(codeTimeRange, "timestamp out of range: \""+s+"\"")
	}
	return intValue(us)
}

func (t *timeText) dateValue(now int64) Value {
	us := t.moment(now, false)
	switch {
	case us == infinite:
		return intValue(infiniteDay)
	case us == minusInfinite:
		return intValue(minusInfDay)
	case t.special == "":
		return intValue(days(t.year, t.month, t.day))
	}
	return intValue((us - mod(us, day)) / day)
}

func inputUUID(s string) Value {
	body := strings.ToLower(strings.Trim(s, "{}"))
	hex := strings.ReplaceAll(body, "-", "")
	if len(hex) != 32 || strings.Trim(hex, hexAlphabet) != "" {
		return badText(tUuid, s)
	}
	return textValue(hex[:8] + "-" + hex[8:12] + "-" + hex[12:16] + "-" + hex[16:20] + "-" + hex[20:])
}

func inputBytes(s string) Value {
	if hex, ok := strings.CutPrefix(s, `\x`); ok {
		b, bad := unhex(hex)
		if bad != "" {
			fail(codeBadArgument, bad)
		}
		return textValue(b)
	}
	var b []byte
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] != '\\':
			b = append(b, s[i])
		case i+1 < len(s) && s[i+1] == '\\':
			b = append(b, '\\')
			i++
		case i+3 < len(s):
			n, err := strconv.ParseUint(s[i+1:i+4], 8, 8)
			if err != nil {
				return badText(tBytea, s)
			}
			b = append(b, byte(n))
			i += 3
		default:
			return badText(tBytea, s)
		}
	}
	return textValue(string(b))
}

// unhex reads pairs of hexadecimal digits; the second result is the server's
// complaint.
func unhex(s string) (string, string) {
	b := make([]byte, 0, len(s)/2)
	for i := 0; i < len(s); i += 2 {
		hi := strings.IndexByte(hexAlphabet, s[i]|0x20)
		if s[i] >= '0' && s[i] <= '9' {
			hi = int(s[i] - '0')
		}
		if hi < 0 {
			return "", `invalid hexadecimal digit: "` + s[i:i+1] + `"`
		}
		if i+1 == len(s) {
			return "", "invalid hexadecimal data: odd number of digits"
		}
		n, err := strconv.ParseUint(s[i:i+2], 16, 8)
		if err != nil {
			return "", `invalid hexadecimal digit: "` + s[i+1:i+2] + `"`
		}
		b = append(b, byte(n))
	}
	return string(b), ""
}

func badArray(s, detail string) {
	failDetail(codeBadText, `malformed array literal: "`+s+`"`, detail)
}

// inputArray reads {a,b} and nested forms.
func (x *exec) inputArray(t *Type, mod int, s string) Value {
	p := arrayText{x: x, text: s, elem: t.Elem, mod: mod}
	body := strings.TrimSpace(s)
	if body == "" || body[0] != '{' {
		badArray(s, `Array value must start with "{" or dimension information.`)
	}
	p.rest = body
	a := &array{elem: t.Elem}
	p.dim(a, 0)
	if strings.TrimSpace(p.rest) != "" {
		badArray(s, "Junk after closing right brace.")
	}
	if len(a.items) == 0 {
		a.dims = nil
	}
	return Value{ok: true, x: a}
}

type arrayText struct {
	x          *exec
	text, rest string
	elem       *Type
	mod        int
}

// maxDims is the server's limit of dimensions.
const maxDims = 6

func (p *arrayText) dim(a *array, depth int) {
	if depth == maxDims {
		fail(codeTooLarge, "number of array dimensions (7) exceeds the maximum allowed (6)")
	}
	if len(a.dims) == depth {
		a.dims = append(a.dims, -1)
	}
	p.rest = p.rest[1:]
	n := 0
	for {
		p.rest = strings.TrimLeft(p.rest, " \t\n")
		switch {
		case p.rest == "":
			badArray(p.text, "Unexpected end of input.")
		case p.rest[0] == '}' && n == 0:
			p.rest = p.rest[1:]
			p.size(a, depth, n)
			return
		case p.rest[0] == '{':
			p.dim(a, depth+1)
		default:
			a.items = append(a.items, p.item())
			p.x.spend(1)
		}
		n++
		p.rest = strings.TrimLeft(p.rest, " \t\n")
		if p.rest == "" {
			badArray(p.text, "Unexpected end of input.")
		}
		c := p.rest[0]
		if c != ',' && c != '}' {
			badArray(p.text, "Unexpected array element.")
		}
		if c == '}' {
			p.rest = p.rest[1:]
			p.size(a, depth, n)
			return
		}
		p.rest = p.rest[1:]
	}
}

func (p *arrayText) size(a *array, depth, n int) {
	if a.dims[depth] >= 0 && a.dims[depth] != n {
		badArray(p.text, "Multidimensional arrays must have sub-arrays with matching dimensions.")
	}
	a.dims[depth] = n
}

func (p *arrayText) item() Value {
	if p.rest[0] == '"' {
		var b buffer
		for i := 1; i < len(p.rest); i++ {
			switch c := p.rest[i]; {
			case c == '\\' && i+1 < len(p.rest):
				i++
				b.char(p.rest[i])
			case c == '"':
				p.rest = p.rest[i+1:]
				return p.x.input(p.elem, p.mod, b.String())
			default:
				b.char(c)
			}
		}
		badArray(p.text, "Unexpected end of input.")
	}
	end := strings.IndexAny(p.rest, ",}{\"")
	if end < 0 {
		badArray(p.text, "Unexpected end of input.")
	}
	if end == 0 || p.rest[end] == '{' || p.rest[end] == '"' {
		badArray(p.text, `Unexpected "`+p.rest[end:end+1]+`" character.`)
	}
	s := strings.TrimSpace(p.rest[:end])
	p.rest = p.rest[end:]
	if strings.EqualFold(s, "null") {
		return Value{}
	}
	return p.x.input(p.elem, p.mod, strings.ReplaceAll(s, `\`, ""))
}
