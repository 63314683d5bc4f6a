package pgsql

import (
	"slices"
	"strings"
	"sync"
)

// relation is a table or view that FROM can name.
type relation struct {
	oid          int64
	schema, name string
	owner        string
	kind         byte // 'r' table, 'v' view
	cols         []relCol
	key          []string
	denied       bool
	table        *Table // nil for system relations
	fill         func(*rowMaker)
	made         []madeRow
	tableRows
}

type relCol struct {
	name string
	t    *Type
	mod  int
}

// Object identifiers. Those of the system are PostgreSQL's own.
const (
	oidCatalog  = 11
	oidPublic   = 2200
	oidInfo     = 13182
	oidToast    = 99
	firstUser   = 16385
	firstTable  = 16410
	tableStride = 12
	bootstrap   = 10
)

// relations makes the list on first use.
func (e *Engine) relations() []*relation {
	if e.rels != nil {
		return e.rels
	}
	e.rels = e.tables()
	for _, name := range systemFacts().names {
		e.rels = append(e.rels, e.named(name))
	}
	return e.rels
}

// tables are the relations that are no system's.
func (e *Engine) tables() []*relation {
	if e.byName != nil {
		return slices.Clip(e.own)
	}
	e.byName = map[string]*relation{}
	for i, t := range e.db.Tables {
		r := userRelation(t, int64(firstTable+i*tableStride))
		e.own = append(e.own, r)
		e.byName[r.schema+"."+r.name] = r
	}
	return e.own
}

// named finds a relation by its schema and name; nil if there is none.
func (e *Engine) named(name string) *relation {
	e.tables()
	r := e.byName[name]
	if r == nil {
		if line := systemFacts().lines[name]; line != "" {
			r = systemRelation(line)
			e.byName[name] = r
		}
	}
	return r
}

// systemFacts are the lines about system relations.
var systemFacts = sync.OnceValue(func() (f struct {
	names []string
	lines map[string]string
},
) {
	f.lines = map[string]string{}
	for line := range strings.SplitSeq(strings.TrimSpace(relationFacts), "\n") {
		name, _, _ := strings.Cut(line, " ")
		f.names = append(f.names, name)
		f.lines[name] = line
	}
	return f
})

func userRelation(t *Table, oid int64) *relation {
	r := &relation{oid: oid, schema: t.Schema, name: t.Name, owner: t.Owner, kind: 'r', key: t.Key, denied: t.Denied, table: t}
	for _, c := range t.Columns {
		mod := noMod
		if c.Mod > 0 {
			mod = c.Mod
		}
		r.cols = append(r.cols, relCol{c.Name, factType(c.Type), mod})
	}
	return r
}

// systemRelation reads "schema.name kind oid column type,column type".
func systemRelation(line string) *relation {
	head, columns, _ := strings.Cut(line, " ")
	kind, columns, _ := strings.Cut(columns, " ")
	oid, columns, _ := strings.Cut(columns, " ")
	schema, name, _ := strings.Cut(head, ".")
	n, _ := digits(oid)
	r := &relation{oid: int64(n), schema: schema, name: name, owner: "postgres", kind: kind[0], denied: secretRelations[name], fill: rowsOf(name)}
	for c := range strings.SplitSeq(columns, ",") {
		col, t, _ := strings.Cut(c, " ")
		r.cols = append(r.cols, relCol{col, factType(t), noMod})
	}
	return r
}

// secretRelations are for superusers only.
var secretRelations = map[string]bool{
	"pg_authid": true, "pg_shadow": true, "pg_hba_file_rules": true, "pg_ident_file_mappings": true, "pg_file_settings": true, "pg_largeobject": true,
	"pg_user_mapping": true, "pg_statistic": true, "pg_subscription": true, "pg_backend_memory_contexts": true, "pg_shmem_allocations": true,
	"pg_config": true, "pg_replication_origin_status": true, "pg_statistic_ext_data": true,
}

func (x *exec) relationNamed(schema, name string) *relation {
	return x.named(schema + "." + name)
}

func (x *exec) cell(c relCol, text string) Value {
	switch {
	case text == Null:
		return Value{}
	case c.t.stringLike() && c.mod == noMod:
		return textValue(text)
	}
	return x.input(c.t, c.mod, text)
}

// scan gives the rows of a system relation; a row is valid until the next.
func (r *relation) scan(x *exec, used func(int) bool, yield func([]Value) bool) bool {
	if r.made == nil && r.fill != nil {
		m := &rowMaker{x: x, rel: r}
		r.fill(m)
		r.made = m.rows
	}
	row := make([]Value, len(r.cols))
	var w wantedCells
	for _, m := range r.made {
		if m.rowShape != w.rowShape {
			w = m.wanted(used, len(r.cols))
		}
		w.fill(x, r.cols, m.cells, row)
		if !yield(row) {
			return false
		}
	}
	return true
}

// namespace is a schema as pg_namespace has it.
type namespace struct {
	oid    int64
	name   string
	owner  string
	denied bool
}

func (e *Engine) namespaces() []namespace {
	out := []namespace{{oidToast, "pg_toast", "postgres", false}, {oidCatalog, "pg_catalog", "postgres", false}, {oidPublic, "public", "pg_database_owner", false}, {oidInfo, "information_schema", "postgres", false}}
	for i, s := range e.db.Schemas {
		if s.Name == "public" {
			out[2].owner, out[2].denied = s.Owner, s.Denied
			continue
		}
		out = append(out, namespace{int64(firstUser - 100 - i), s.Name, s.Owner, s.Denied})
	}
	return out
}

func (x *exec) namespace(name string) *namespace {
	all := x.namespaces()
	i := slices.IndexFunc(all, func(n namespace) bool { return n.name == name })
	if i < 0 {
		return nil
	}
	return &all[i]
}

// path is the search path with what is always in it.
func (x *exec) path() []string {
	out := []string{"pg_catalog"}
	for part := range strings.SplitSeq(x.setting("search_path"), ",") {
		part = strings.Trim(part, ` "'`)
		if x.namespace(part) != nil && part != "pg_catalog" {
			out = append(out, part)
		}
	}
	return out
}

// role is a role's number in pg_authid.
func (e *Engine) role(name string) int64 {
	switch name {
	case "postgres":
		return bootstrap
	case "pg_database_owner":
		return 6171
	}
	for i, r := range e.db.Roles {
		if r.Name == name {
			return int64(firstUser + i)
		}
	}
	return bootstrap
}

func (e *Engine) super() bool {
	return slices.ContainsFunc(e.db.Roles, func(r Role) bool { return r.Name == e.db.Role && r.Super })
}

// regText writes an object identifier as its object's name.
func (x *exec) regText(t *Type, oid int64) string {
	if oid == 0 {
		return "-"
	}
	switch t {
	case tRegtype:
		if typ := typeByOID(oid); typ != nil {
			return typ.SQL
		}
	case tRegnamespace:
		for _, n := range x.namespaces() {
			if n.oid == oid {
				return n.name
			}
		}
	case tRegrole:
		if name := x.roleName(oid); name != "" {
			return name
		}
	case tRegclass:
		for _, r := range x.relations() {
			if r.oid == oid {
				return x.visibleName(r)
			}
		}
		for _, c := range x.constraints() {
			if c.index == oid {
				return quoteIdent(c.name)
			}
		}
	}
	return intText(oid)
}

func (x *exec) visibleName(r *relation) string {
	if slices.Contains(x.path(), r.schema) {
		return quoteIdent(r.name)
	}
	return quoteIdent(r.schema) + "." + quoteIdent(r.name)
}

func (x *exec) roleName(oid int64) string {
	switch oid {
	case bootstrap:
		return "postgres"
	case 6171:
		return "pg_database_owner"
	}
	if i := int(oid - firstUser); i >= 0 && i < len(x.db.Roles) {
		return x.db.Roles[i].Name
	}
	return ""
}

// inputReg finds an object by name or number.
func (x *exec) inputReg(t *Type, s string) Value {
	if n, ok := digits(s); ok {
		return intValue(int64(n))
	}
	if s == "-" {
		return intValue(0)
	}
	switch t {
	case tRegtype:
		if typ := sqlType(s); typ != nil {
			return intValue(int64(typ.OID))
		}
		fail(codeUndefined, `type "`+s+`" does not exist`)
	case tRegnamespace:
		if n := x.namespace(unquoted(s)); n != nil {
			return intValue(n.oid)
		}
		fail("3F000", `schema "`+s+`" does not exist`)
	case tRegrole:
		for _, r := range x.db.Roles {
			if r.Name == unquoted(s) {
				return intValue(x.role(r.Name))
			}
		}
		if s == "postgres" {
			return intValue(bootstrap)
		}
		fail(codeUndefined, `role "`+s+`" does not exist`)
	case tRegproc, tRegprocedure:
		if len(functionsNamed(s)) == 0 {
			fail(codeNoFunction, `function "`+s+`" does not exist`)
		}
		return textValue(s)
	}
	return intValue(x.classNamed(s))
}

func unquoted(s string) string {
	if len(s) > 1 && s[0] == '"' {
		return strings.ReplaceAll(strings.Trim(s, `"`), `""`, `"`)
	}
	return strings.ToLower(s)
}

func (x *exec) classNamed(s string) int64 {
	var parts []string
	for p := range strings.SplitSeq(s, ".") {
		parts = append(parts, unquoted(strings.TrimSpace(p)))
	}
	if len(parts) == 1 {
		for _, c := range x.constraints() {
			if c.name == parts[0] && c.index != 0 {
				return c.index
			}
		}
	}
	return x.lookup(parts, -1).oid
}

// constraint is a key or reference of a table.
type constraint struct {
	name    string
	kind    byte // 'p', 'u' or 'f'
	rel     *relation
	columns []string
	target  *relation
	refs    []string
	oid     int64
	index   int64
}

func (e *Engine) constraints() []constraint {
	var out []constraint
	for _, r := range e.tables() {
		n := int64(0)
		next := func() int64 { n++; return r.oid + n }
		if len(r.key) > 0 {
			out = append(out, constraint{r.name + "_pkey", 'p', r, r.key, nil, nil, next() + 6, r.oid + n})
		}
		for _, u := range r.table.Unique {
			out = append(out, constraint{r.name + "_" + strings.Join(u, "_") + "_key", 'u', r, u, nil, nil, next() + 6, r.oid + n})
		}
		for _, f := range r.table.Foreign {
			out = append(out, constraint{r.name + "_" + strings.Join(f.Columns, "_") + "_fkey", 'f', r, f.Columns, e.named(r.schema + "." + f.Table), f.Refs, next() + 6, 0})
		}
	}
	return out
}
