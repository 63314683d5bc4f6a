package enterprise

import (
	"strconv"
	"strings"

	"github.com/killdeer-mcp/killdeer/persona/world"
	"github.com/killdeer-mcp/killdeer/sdk/guest"
)

const (
	maxRows    = 200
	pgVersion  = "PostgreSQL 15.18 (Debian 15.18-0+deb12u1) on x86_64-pc-linux-gnu, compiled by gcc (Debian 12.2.0-14+deb12u1) 12.2.0, 64-bit"
	pgUser     = "reporting_ro"
	errTimeout = refusal("ERROR: canceling statement due to statement timeout")
	errStacked = refusal("ERROR: cannot insert multiple commands into a prepared statement")
)

func postgresDatabases(v *view, _ args, w *guest.Writer) error {
	w.Obj().Key("databases").Arr()
	for _, d := range v.Databases() {
		w.Obj().Key("name").Str(d.Name).Key("owner").Str(d.Owner).Key("size").Str(d.Size).Key("encoding").Str("UTF8").End()
	}
	w.End().End()
	return nil
}

func postgresInfo(v *view, _ args, w *guest.Writer) error {
	w.Obj().Key("server_version").Str("15.18 (Debian 15.18-0+deb12u1)").Key("version").Str(pgVersion)
	w.Key("current_database").Str(v.Databases()[0].Name).Key("current_user").Str(pgUser).Key("settings").Obj()
	for _, s := range [...][2]string{
		{"max_connections", "300"},
		{"shared_buffers", "8GB"},
		{"work_mem", "32MB"},
		{"statement_timeout", "15s"},
		{"ssl", "on"},
		{"wal_level", "replica"},
		{"default_transaction_read_only", "on"},
		{"TimeZone", "Etc/UTC"},
		{"password_encryption", "scram-sha-256"},
	} {
		w.Key(s[0]).Str(s[1])
	}
	w.End().End()
	return nil
}

func (v *view) database(name string) (*world.Database, error) {
	all := v.Databases()
	if name == "" {
		return all[0], nil
	}
	for _, d := range all {
		if d.Name == name {
			return d, nil
		}
	}
	return nil, refusal(`FATAL: database "` + name + `" does not exist`)
}

func postgresSelect(v *view, a args, w *guest.Writer) error {
	db, err := v.database(a.text("database"))
	if err != nil {
		return err
	}
	toks, err := statement(a.text("query"))
	if err != nil {
		return err
	}
	if len(toks) == 0 {
		return writeRows(w, &selection{}, &source{}, nil)
	}
	if !toks[0].is("select") {
		return otherStatement(db, toks)
	}
	s, ok := parseSelect(toks)
	if !ok {
		return errTimeout
	}
	if s.table == "" {
		return v.constants(db, s, w)
	}
	src, err := v.relation(db, s)
	if err != nil {
		return err
	}
	return query(w, s, src)
}

// statement splits the one statement that a prepared query may hold.
func statement(text string) ([]lexeme, error) {
	toks, ok := lex(text)
	if !ok {
		return nil, refusal("ERROR: unterminated quoted string")
	}
	for len(toks) > 0 && toks[len(toks)-1].kind == ';' {
		toks = toks[:len(toks)-1]
	}
	for _, t := range toks {
		if t.kind == ';' {
			return nil, errStacked
		}
	}
	return toks, nil
}

func query(w *guest.Writer, s *selection, src *source) error {
	if missing := s.check(src); missing != "" {
		return refusal(`ERROR: column "` + missing + `" does not exist`)
	}
	rows := s.matching(src)
	if s.counts() {
		return writeCount(w, s, len(rows))
	}
	for _, it := range s.items {
		if it.call != "" {
			return errTimeout
		}
	}
	return writeRows(w, s, src, s.window(rows, maxRows))
}

func writeRows(w *guest.Writer, s *selection, src *source, rows []int) error {
	cols, names := s.output(src)
	w.Obj().Key("rows").Arr()
	for _, i := range rows {
		row := src.row(i)
		w.Obj()
		for k, col := range cols {
			w.Key(names[k])
			writeCell(w, src.columns[col].Type, row[col])
		}
		w.End()
	}
	w.End().Key("rowCount").Int(int64(len(rows))).Key("columns").Arr()
	for k, col := range cols {
		w.Obj().Key("name").Str(names[k]).Key("type").Str(src.columns[col].Type).End()
	}
	w.End().End()
	return nil
}

// writeCount writes count(*), which node-postgres gives as text.
func writeCount(w *guest.Writer, s *selection, n int) error {
	name := s.items[0].alias
	if name == "" {
		name = "count"
	}
	one := &source{columns: []world.Column{{Name: name, Type: "int8"}}, n: 1, row: func(int) []string { return []string{strconv.Itoa(n)} }}
	return writeRows(w, &selection{items: []item{{name: "*"}}}, one, []int{0})
}

// otherStatement refuses what is not a SELECT, as a read-only role is refused.
func otherStatement(db *world.Database, toks []lexeme) error {
	name := target(toks)
	known := db.Table(name) != nil
	switch verb := strings.ToLower(toks[0].text); verb {
	case "insert", "update", "delete", "truncate", "alter", "drop", "copy", "lock":
		if !known {
			return refusal(`ERROR: relation "` + name + `" does not exist`)
		}
		if verb == "drop" || verb == "alter" {
			return refusal("ERROR: must be owner of table " + name)
		}
		return refusal("ERROR: permission denied for table " + name)
	case "create":
		return refusal("ERROR: permission denied for schema public")
	case "grant", "revoke":
		return refusal("ERROR: permission denied for table " + name)
	case "with", "explain", "show", "values", "table":
		return errTimeout
	}
	return refusal(`ERROR: syntax error at or near "` + toks[0].text + `"`)
}

// target finds the table that a statement is about.
func target(toks []lexeme) string {
	for _, t := range toks[1:] {
		if t.kind != 'w' && t.kind != 'q' {
			continue
		}
		switch strings.ToLower(t.text) {
		case "into", "from", "table", "only", "if", "exists", "not", "all", "on", "select", "privileges", "insert", "update", "delete":
			continue
		}
		return unqualified(t.text)
	}
	return ""
}

func (v *view) relation(db *world.Database, s *selection) (*source, error) {
	switch s.schema {
	case "", "public":
		if t := db.Table(s.table); t != nil {
			return v.source(t), nil
		}
	}
	switch s.table {
	case "tables", "pg_tables":
		return v.tableCatalog(db, s.table), nil
	case "columns":
		return columnCatalog(db), nil
	case "pg_database":
		return v.databaseCatalog(), nil
	case "pg_shadow", "pg_authid", "pg_user_mapping":
		return nil, refusal("ERROR: permission denied for view " + s.table)
	}
	name := s.table
	if s.schema != "" {
		name = s.schema + "." + s.table
	}
	return nil, refusal(`ERROR: relation "` + name + `" does not exist`)
}

func (v *view) tableCatalog(db *world.Database, name string) *source {
	cols := []world.Column{{Name: "table_catalog", Type: "name"}, {Name: "table_schema", Type: "name"}, {Name: "table_name", Type: "name"}, {Name: "table_type", Type: "varchar"}}
	if name == "pg_tables" {
		cols = []world.Column{{Name: "schemaname", Type: "name"}, {Name: "tablename", Type: "name"}, {Name: "tableowner", Type: "name"}}
	}
	return &source{columns: cols, n: len(db.Tables), row: func(i int) []string {
		if t := db.Tables[i]; name == "pg_tables" {
			return []string{"public", t.Name, t.Owner}
		}
		return []string{db.Name, "public", db.Tables[i].Name, "BASE TABLE"}
	}}
}

func columnCatalog(db *world.Database) *source {
	var rows [][]string
	for _, t := range db.Tables {
		for i, c := range t.Columns {
			rows = append(rows, []string{"public", t.Name, c.Name, strconv.Itoa(i + 1), c.Type})
		}
	}
	return &source{n: len(rows), row: func(i int) []string { return rows[i] }, columns: []world.Column{
		{Name: "table_schema", Type: "name"},
		{Name: "table_name", Type: "name"},
		{Name: "column_name", Type: "name"},
		{Name: "ordinal_position", Type: "int4"},
		{Name: "data_type", Type: "varchar"},
	}}
}

func (v *view) databaseCatalog() *source {
	all := v.Databases()
	return &source{columns: []world.Column{{Name: "datname", Type: "name"}}, n: len(all), row: func(i int) []string { return []string{all[i].Name} }}
}

// constants answers a SELECT without a table.
func (v *view) constants(db *world.Database, s *selection, w *guest.Writer) error {
	var cols []world.Column
	var row []string
	for _, it := range s.items {
		c, value := v.constant(db, it)
		if value == "" {
			return refusal(`ERROR: column "` + it.name + `" does not exist`)
		}
		if it.alias != "" {
			c.Name = it.alias
		}
		cols, row = append(cols, c), append(row, value)
	}
	src := &source{columns: cols, n: 1, row: func(int) []string { return row }}
	return writeRows(w, &selection{items: []item{{name: "*"}}}, src, []int{0})
}

func (v *view) constant(db *world.Database, it item) (world.Column, string) {
	name := it.call
	if name == "" {
		name = it.name
	}
	switch {
	case name == "version":
		return world.Column{Name: name, Type: "text"}, pgVersion
	case name == "current_user" || name == "session_user" || name == "user":
		return world.Column{Name: name, Type: "name"}, pgUser
	case name == "current_database":
		return world.Column{Name: name, Type: "name"}, db.Name
	case name == "current_schema":
		return world.Column{Name: name, Type: "name"}, "public"
	case name == "now" || name == "current_timestamp":
		return world.Column{Name: name, Type: "timestamptz"}, v.now.Format(milliTime)
	case name == "pg_sleep":
		return world.Column{Name: name, Type: "void"}, " "
	}
	if n, err := strconv.ParseInt(it.raw, 10, 32); err == nil && it.call == "" {
		return world.Column{Name: "?column?", Type: "int4"}, strconv.FormatInt(n, 10)
	}
	return world.Column{}, ""
}
