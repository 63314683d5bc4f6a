package pgsql

import (
	"slices"
	"strings"
)

// analyzer turns what was written into what can be run.
type analyzer struct {
	x     *exec
	depth int
	folds []*typed // constants, to be computed before the statement runs
}

//go:noinline
func (a *analyzer) enter() {
	if a.depth++; a.depth > maxNested*2 {
		panic(&Error{Severity: "ERROR", Code: codeTooComplex, Message: "stack depth limit exceeded", Hint: stackHint})
	}
}

//go:noinline
func (a *analyzer) leave() { a.depth-- }

// scope is one query level: the relations whose columns its expressions see.
type scope struct {
	*analyzer
	up         *scope
	rels       []*rangeRel
	vis        []*scopeCol // what * and unqualified names see
	width      int         // slots of the level's row
	bits       int         // relations that have one
	ctes       []*cteRel
	clause     string // for complaints about aggregates
	group      *grouping
	windows    *windowing
	inAgg      bool
	inWindow   bool
	correlated bool
	hidden     []*rangeRel // relations that exist but may not be referenced here
}

// rangeRel is one relation of FROM.
type rangeRel struct {
	name   string
	schema string
	cols   []*scopeCol
	rel    *relation // nil for what is no table
	at     int
	base   int
}

// scopeCol is a column that can be named.
type scopeCol struct {
	name string
	t    *Type
	mod  int
	slot int
	rel  *rangeRel
	node *typed // of a merged column; else the slot is read
	used bool   // something reads it
	bit  uint64 // of its relation
}

// Which relations of a level an expression reads is a set of bits, one for each.
// What comes after the first 62 shares a bit and is never said to be apart; what is
// computed from the rows has one, too.
const (
	computedBit = 1 << 63
	sharedBit   = 1 << 62
)

// newBit is the bit of the next relation of the level.
func (s *scope) newBit() uint64 {
	s.bits++
	return 1 << min(s.bits-1, 62)
}

// read is an expression that reads a column levels above.
func (s *scope) read(c *scopeCol, levels int) *typed {
	c.used = true
	if levels > 0 {
		return &typed{t: c.t, mod: c.mod, slot: -1, bound: true, name: c.name, eval: climb(c, levels)}
	}
	if c.node != nil {
		n := *c.node
		n.name = c.name
		return &n
	}
	slot := c.slot
	return &typed{t: c.t, mod: c.mod, slot: slot, uses: c.bit, name: c.name, eval: func(f *frame) Value { return f.row[slot] }}
}

func climb(c *scopeCol, levels int) func(f *frame) Value {
	read := func(f *frame) Value { return f.row[c.slot] }
	if c.node != nil {
		read = c.node.eval
	}
	return func(f *frame) Value {
		for range levels {
			f = f.up
		}
		return read(f)
	}
}

// found is where a name was found.
type found struct {
	col    *scopeCol
	s      *scope
	levels int
}

// column resolves a name with up to three qualifiers.
func (s *scope) column(c *columnRef) found {
	n := len(c.parts)
	name := c.parts[n-1]
	switch {
	case n > 3:
		if n == 4 && c.parts[0] != s.x.db.Name {
			failAt(c.where(), codeUnsupported, "cross-database references are not implemented: "+strings.Join(c.parts, "."))
		}
		if n > 4 {
			failAt(c.where(), codeSyntax, "improper qualified name (too many dotted names): "+strings.Join(c.parts, "."))
		}
	case n == 1:
		return s.bare(c, name)
	}
	qualifier := c.parts[n-2]
	schema := ""
	if n > 2 {
		schema = c.parts[n-3]
	}
	rel, sc, levels := s.relation(c, schema, qualifier)
	var hit *scopeCol
	for _, col := range rel.cols {
		if col.name == name {
			if hit != nil {
				failAt(c.where(), codeAmbiguous, `column reference "`+name+`" is ambiguous`)
			}
			hit = col
		}
	}
	if hit == nil {
		hit = sc.systemColumn(rel, name)
	}
	if hit == nil {
		s.noColumn(c, qualifier+"."+name)
	}
	return s.reached(found{hit, sc, levels})
}

// reached marks the levels that depend on an outer one.
func (s *scope) reached(f found) found {
	for sc, i := s, 0; i < f.levels; sc, i = sc.up, i+1 {
		sc.correlated = true
	}
	return f
}

func (s *scope) bare(c *columnRef, name string) found {
	levels := 0
	for sc := s; sc != nil; sc, levels = sc.up, levels+1 {
		var hit *scopeCol
		for _, col := range sc.vis {
			if col.name != name {
				continue
			}
			if hit != nil {
				failAt(c.where(), codeAmbiguous, `column reference "`+name+`" is ambiguous`)
			}
			hit = col
		}
		for _, r := range sc.rels {
			if hit == nil && len(sc.rels) == 1 {
				hit = sc.systemColumn(r, name)
			}
		}
		if hit != nil {
			return s.reached(found{hit, sc, levels})
		}
	}
	if w, sc, levels := s.wholeRow(name); w != nil {
		return s.reached(found{w, sc, levels})
	}
	s.noColumn(c, name)
	return found{}
}

// wholeRow resolves the name of a relation that stands for its row.
func (s *scope) wholeRow(name string) (*scopeCol, *scope, int) {
	levels := 0
	for sc := s; sc != nil; sc, levels = sc.up, levels+1 {
		for _, r := range sc.rels {
			if r.name != name {
				continue
			}
			if len(r.cols) == 1 && r.rel == nil && r.cols[0].name == name {
				return r.cols[0], sc, levels
			}
			return &scopeCol{name: name, t: tRecord, mod: noMod, slot: -1, rel: r, node: rowOf(r)}, sc, levels
		}
	}
	return nil, nil, 0
}

func rowOf(r *rangeRel) *typed {
	n := &typed{t: tRecord, mod: noMod, slot: -1, bound: true}
	cols := r.cols
	for _, c := range cols {
		c.used = true
	}
	n.eval = func(f *frame) Value {
		rec := &record{}
		any := false
		for _, c := range cols {
			v := f.row[max(c.slot, 0)]
			if c.node != nil {
				v = c.node.eval(f)
			}
			any = any || v.ok
			rec.types, rec.names, rec.items = append(rec.types, c.t), append(rec.names, c.name), append(rec.items, v)
		}
		return Value{ok: any || len(cols) == 0, x: rec}
	}
	return n
}

// systemColumn resolves tableoid, ctid and their like.
func (s *scope) systemColumn(r *rangeRel, name string) *scopeCol {
	if r.rel == nil || r.rel.kind == 'v' {
		return nil
	}
	switch name {
	case "tableoid":
		return &scopeCol{name: name, t: tOid, mod: noMod, slot: -1, rel: r, node: constant(tOid, intValue(r.rel.oid))}
	case "xmin", "xmax":
		return &scopeCol{name: name, t: tXid, mod: noMod, slot: -1, rel: r, node: constant(tXid, intValue(map[string]int64{"xmin": 731}[name]))}
	}
	return nil
}

func (s *scope) relation(c *columnRef, schema, name string) (*rangeRel, *scope, int) {
	levels := 0
	for sc := s; sc != nil; sc, levels = sc.up, levels+1 {
		var hit *rangeRel
		for _, r := range sc.rels {
			if r.name == name && (schema == "" || r.schema == schema) {
				if hit != nil {
					failAt(c.where(), "42P09", `table reference "`+name+`" is ambiguous`)
				}
				hit = r
			}
		}
		if hit != nil {
			return hit, sc, levels
		}
	}
	full := name
	if schema != "" {
		full = schema + "." + name
	}
	s.missingFrom(c, full, name)
	return nil, nil, 0
}

func (s *scope) missingFrom(c *columnRef, full, name string) {
	for sc := s; sc != nil; sc = sc.up {
		for _, r := range sc.rels {
			if r.rel != nil && r.rel.name == name && r.name != name {
				failHint(c.where(), codeNoTable, `invalid reference to FROM-clause entry for table "`+full+`"`,
					`Perhaps you meant to reference the table alias "`+r.name+`".`)
			}
		}
		for _, r := range sc.hidden {
			if r.name == name {
				failHint(c.where(), codeNoTable, `invalid reference to FROM-clause entry for table "`+full+`"`,
					`There is an entry for table "`+name+`", but it cannot be referenced from this part of the query.`)
			}
		}
	}
	failAt(c.where(), codeNoTable, `missing FROM-clause entry for table "`+full+`"`)
}

func (s *scope) noColumn(c *columnRef, name string) {
	message := "column " + name + " does not exist"
	if len(c.parts) == 1 {
		message = `column "` + name + `" does not exist`
	}
	failHint(c.where(), codeNoColumn, message, s.suggest(c))
}

// suggest names the nearest column, as the server does when one is near enough.
func (s *scope) suggest(c *columnRef) string {
	name := c.parts[len(c.parts)-1]
	alias := ""
	if len(c.parts) > 1 {
		alias = c.parts[len(c.parts)-2]
	}
	nearest := 0
	limit := len(name)/2 + 1
	var hit []string
	for sc := s; sc != nil && len(hit) == 0; sc = sc.up {
		for _, r := range sc.rels {
			for _, col := range r.cols {
				d := distance(col.name, name)
				if alias != "" {
					d += distance(r.name, alias)
				}
				full := r.name + "." + col.name
				switch {
				case d >= limit || d > len(name)/2 && d > 3 || d > 3:
				case hit == nil || d < nearest:
					nearest, hit = d, []string{full}
				case d == nearest:
					hit = append(hit, full)
				}
			}
		}
	}
	switch len(hit) {
	case 1:
		return `Perhaps you meant to reference the column "` + hit[0] + `".`
	case 2:
		return `Perhaps you meant to reference the column "` + hit[0] + `" or the column "` + hit[1] + `".`
	}
	return ""
}

// distance is Levenshtein's.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		last := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := last
			if a[i] != b[j] {
				cost++
			}
			last = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// sub is the scope of a query inside an expression.
func (s *scope) sub() *scope { return &scope{analyzer: s.analyzer, up: s} }

// cte finds a common table expression by name.
func (s *scope) cte(name string) *cteRel {
	for sc := s; sc != nil; sc = sc.up {
		for _, v := range slices.Backward(sc.ctes) {
			if v.name == name {
				return v
			}
		}
	}
	return nil
}
