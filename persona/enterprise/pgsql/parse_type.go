package pgsql

import "strconv"

// typeName takes a type with modifiers and array bounds.
func (p *parser) typeName() typeName {
	p.word("setof")
	t := p.typeNameBase()
	if t.name == "interval" {
		p.intervalUnits(&t)
	}
	for p.op("[") {
		if p.peek().kind == tokNumber {
			p.pos++
		}
		p.needOp("]")
		t.dims++
	}
	if p.word("array") {
		t.dims++
	}
	return t
}

func (p *parser) typeNameBase() typeName {
	tok := p.peek()
	t := typeName{at: tok.at}
	if tok.kind != tokQuoted && (tok.kind != tokWord || inWords(reserved, tok.text)) {
		p.fail()
	}
	t.name = p.label()
	if tok.kind == tokQuoted && t.name == "char" {
		t.name = `"char"`
	}
	for p.op(".") {
		schema := t.name
		t.name = p.label()
		if schema != "pg_catalog" {
			t.name = schema + "." + t.name
		} else if t.name == "char" {
			t.name = `"char"`
		}
	}
	if tok.kind == tokWord {
		p.typeWords(&t)
	}
	if p.op("(") {
		t.mods = p.modifiers()
	}
	if t.name == "timestamp" || t.name == "time" {
		p.zoneWords(&t)
	}
	return t
}

// typeWords takes the second word of the types that have two.
func (p *parser) typeWords(t *typeName) {
	switch t.name {
	case "double":
		p.need("precision")
		t.name = "double precision"
	case "character", "char", "nchar":
		t.name = "bpchar"
		if p.word("varying") {
			t.name = "varchar"
		} else if !p.isOp("(") {
			t.mods = []int{1}
		}
	case "national":
		if !p.word("character") {
			p.need("char")
		}
		t.name = "bpchar"
		p.typeWords(t)
	}
}

func (p *parser) zoneWords(t *typeName) {
	switch {
	case p.isWord("with", "time"):
		p.need("with", "time", "zone")
		t.name += "tz"
	case p.isWord("without", "time"):
		p.need("without", "time", "zone")
	}
}

func (p *parser) modifiers() []int {
	var out []int
	for {
		neg := p.op("-")
		t := p.advance()
		n, err := strconv.Atoi(t.text)
		if t.kind != tokNumber || err != nil {
			p.failAt(t)
		}
		if neg {
			n = -n
		}
		out = append(out, n)
		if !p.op(",") {
			p.needOp(")")
			return out
		}
	}
}

// intervalUnits takes the fields of an interval: DAY TO SECOND(3).
func (p *parser) intervalUnits(t *typeName) {
	t.unit = "second"
	for _, u := range [...]string{"year", "month", "day", "hour", "minute", "second"} {
		if !p.isWord(u) {
			continue
		}
		p.pos++
		t.unit = u
		if p.word("to") {
			t.unit = p.label()
		}
		if p.op("(") {
			t.mods = p.modifiers()
		}
		return
	}
}

// resolve finds the type and packs its modifiers.
func (t typeName) resolve() (*Type, int) {
	name := t.name
	if name == "float" && len(t.mods) == 1 {
		if t.mods[0] <= 24 {
			return t.array(tFloat4), noMod
		}
		return t.array(tFloat8), noMod
	}
	typ := sqlType(name)
	if typ == nil || typ.Cat == 'P' && typ != tRecord && typ != tVoid && typ != tUnknown && typ.Elem == nil {
		failAt(t.at, codeUndefined, `type "`+name+`" does not exist`)
	}
	return t.array(typ), t.mod(typ)
}

func (t typeName) array(typ *Type) *Type {
	if t.dims > 0 {
		return arrayOf(typ)
	}
	return typ
}

func (t typeName) mod(typ *Type) int {
	if t.mods == nil {
		return noMod
	}
	n := t.mods[0]
	switch typ {
	case tVarchar, tBpchar:
		if n < 1 {
			failAt(t.at, codeBadArgument, "length for type "+map[*Type]string{tVarchar: "varchar", tBpchar: "char"}[typ]+" must be at least 1")
		}
		return n + 4
	case tNumeric:
		scale := 0
		if len(t.mods) > 1 {
			scale = t.mods[1]
		}
		if n < 1 || n > 1000 {
			failAt(t.at, codeBadArgument, "NUMERIC precision "+strconv.Itoa(n)+" must be between 1 and 1000")
		}
		if scale < -1000 || scale > 1000 {
			failAt(t.at, codeBadArgument, "NUMERIC scale "+strconv.Itoa(scale)+" must be between -1000 and 1000")
		}
		return n<<16 | scale&0x7ff + 4
	case tTimestamp, tTimestamptz, tTime, tTimetz, tInterval:
		return min(max(n, 0), 6)
	}
	failAt(t.at, codeSyntax, `type modifier is not allowed for type "`+typ.Name+`"`)
	return noMod
}
