package enterprise

import (
	"slices"
	"time"

	"github.com/killdeer-mcp/killdeer/persona/enterprise/pgsql"
	"github.com/killdeer-mcp/killdeer/persona/world"
	"github.com/killdeer-mcp/killdeer/sdk/guest"
)

const (
	pgVersion = "PostgreSQL 15.18 (Debian 15.18-0+deb12u1) on x86_64-pc-linux-gnu, compiled by gcc (Debian 12.2.0-14+deb12u1) 12.2.0, 64-bit"
	pgUser    = "reporting_ro"
	pgTimeout = 15 * time.Second
)

// pgSettings are the parameters that the tool about the server shows.
var pgSettings = [...][2]string{
	{"max_connections", "300"},
	{"shared_buffers", "8GB"},
	{"work_mem", "32MB"},
	{"statement_timeout", pgTimeout.String()},
	{"ssl", "on"},
	{"wal_level", "replica"},
	{"default_transaction_read_only", "off"},
	{"TimeZone", "Etc/UTC"},
	{"password_encryption", "scram-sha-256"},
}

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
	for _, s := range pgSettings {
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
	query := a.text("query")
	engine := v.engine(db)
	results, fault := engine.Exec(query)
	v.delay = engine.Took()
	if fault != nil {
		return refusal(fault.Report(query))
	}
	writeResult(w, shown(results))
	return nil
}

// shown picks the result that the tool shows of a text with several statements:
// the last that has rows.
func shown(results []pgsql.Result) pgsql.Result {
	for _, result := range slices.Backward(results) {
		if result.Returns {
			return result
		}
	}
	return pgsql.Result{}
}

func writeResult(w *guest.Writer, r pgsql.Result) {
	names := objectKeys(r.Fields)
	w.Obj().Key("rows").Arr()
	for _, row := range r.Rows {
		w.Obj()
		for i, cell := range row {
			if names[i] != "" {
				w.Key(names[i])
				writeSQL(w, r.Fields[i].Type, cell)
			}
		}
		w.End()
	}
	w.End().Key("rowCount").Int(int64(len(r.Rows))).Key("columns").Arr()
	for _, f := range r.Fields {
		w.Obj().Key("name").Str(f.Name).Key("type").Str(f.Type.Name).End()
	}
	w.End().End()
}

// objectKeys are the names of columns in a row's object: of equal ones the last
// stays, as in JavaScript.
func objectKeys(fields []pgsql.Field) []string {
	names := make([]string, len(fields))
	last := map[string]int{}
	for i, f := range fields {
		if before, ok := last[f.Name]; ok {
			names[before] = ""
		}
		names[i], last[f.Name] = f.Name, i
	}
	return names
}

// writeSQL writes a value as node-postgres gives it and JSON.stringify writes it:
// small integers, floats, booleans and JSON as such, times in ISO 8601, the rest
// as text.
func writeSQL(w *guest.Writer, t *pgsql.Type, c pgsql.Cell) {
	switch {
	case c.Null:
		w.Null()
		return
	case c.Text == "":
		w.Str("")
		return
	}
	switch t.Name {
	case "int2", "int4", "oid":
		w.Raw([]byte(c.Text))
	case "float4", "float8":
		if last := c.Text[len(c.Text)-1]; last == 'N' || last == 'y' {
			w.Null()
			return
		}
		w.Raw([]byte(c.Text))
	case "bool":
		w.Bool(c.Text == "t")
	case "json", "jsonb":
		w.Raw([]byte(c.Text))
	case "timestamptz", "timestamp", "date":
		w.Str(isoTime(c.Text))
	default:
		w.Str(c.Text)
	}
}

// isoTime turns 2006-01-02 15:04:05.999999+00 into what a Date of JavaScript gives.
func isoTime(s string) string {
	if len(s) < len("2006-01-02") || s[4] != '-' || s[len(s)-1] == 'C' {
		return s
	}
	date, clock := s[:10], "00:00:00.000"
	if len(s) >= len("2006-01-02 15:04:05") {
		clock = s[11:19] + ".000"
		if frac := s[19:]; frac != "" && frac[0] == '.' {
			clock = clock[:9]
			for i := 1; i <= 3; i++ {
				digit := byte('0')
				if i < len(frac) && frac[i] >= '0' && frac[i] <= '9' {
					digit = frac[i]
				} else {
					frac = frac[:i]
				}
				clock += string(digit)
			}
		}
	}
	return date + "T" + clock + "Z"
}
