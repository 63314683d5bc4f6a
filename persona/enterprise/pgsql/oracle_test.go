//go:build unix

package pgsql_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/killdeer-mcp/killdeer/persona/enterprise/pgsql"
)

// fixture is the database that both servers hold.
func fixture() *pgsql.Database {
	null := pgsql.Null
	table := func(name, columns string, rows [][]string) *pgsql.Table {
		t := &pgsql.Table{Schema: "public", Name: name, Owner: "shop_owner", Len: func() int { return len(rows) }, Row: func(i int) []string { return rows[i] }}
		for c := range strings.SplitSeq(columns, ", ") {
			n, kind, _ := strings.Cut(c, " ")
			t.Columns = append(t.Columns, pgsql.Column{Name: n, Type: kind})
		}
		t.Key = []string{t.Columns[0].Name}
		return t
	}
	var users, orders [][]string
	roles := []string{"admin", "member", "member", "guest"}
	for i := range 12 {
		email, manager := fmt.Sprintf("user%d@example.com", i), strconv.Itoa(i/3+1)
		if i < 2 {
			manager = null
		}
		ok := []string{"t", "f", null}[i%3]
		users = append(users, []string{strconv.Itoa(i + 1), email, fmt.Sprintf("Name %c'%d", 'A'+i, i), roles[i%4], manager, ok, fmt.Sprintf("2026-0%d-1%d 0%d:30:15.5+00", i%9+1, i%8, i%9), fmt.Sprintf("%d.%02d", i*7, i*13%100)})
	}
	for i := range 40 {
		status := []string{"paid", "pending", "refunded", null}[i%4]
		orders = append(orders, []string{strconv.Itoa(1000 + i*3), strconv.Itoa(i%9 + 1), strconv.Itoa(i * 137 % 1000), status, fmt.Sprintf("2026-03-%02d", i%28+1), fmt.Sprintf(`{"n": %d, "tags": ["a", "b%d"], "ok": %v}`, i, i%3, i%2 == 0), fmt.Sprintf("{%d,%d}", i, i%5)})
	}
	d := &pgsql.Database{
		Name: "postgres", Role: "reporting_ro", Version: "PostgreSQL 15", Now: time.Now().UTC(), Schemas: []pgsql.Schema{{Name: "public", Owner: "pg_database_owner"}},
		Roles:     []pgsql.Role{{Name: "reporting_ro", Login: true}, {Name: "shop_owner", Login: true}},
		Databases: []pgsql.Catalog{{Name: "postgres", Owner: "postgres", Bytes: 7 << 20}},
		Session:   pgsql.Session{PID: 4711, Started: time.Now().Add(-time.Hour), Since: time.Now().Add(-time.Minute)},
		Tables: []*pgsql.Table{
			table("users", "id int4, email text, full_name text, role text, manager_id int4, active bool, created_at timestamptz, score numeric", users),
			table("orders", "id int8, user_id int4, cents int4, status text, day date, data jsonb, nums _int4", orders),
			table("payroll", "id int4, salary int4", [][]string{{"1", "90000"}}),
			table("empty", "id int4, note text", nil),
		},
	}
	d.Tables[1].Foreign = []pgsql.ForeignKey{{Columns: []string{"user_id"}, Table: "users", Refs: []string{"id"}}}
	d.Tables[2].Denied = true
	return d
}

// load makes the fixture in a real server and connects as the role that reads it.
func load(t *testing.T, s *server, d *pgsql.Database) *server {
	t.Helper()
	must := func(q string) {
		if a := s.query(t, q); a.err != nil {
			t.Fatalf("%s: %v", q, a.err['M'])
		}
	}
	must("create role shop_owner login; create role reporting_ro login; grant create on schema public to shop_owner")
	must("set role shop_owner")
	for _, table := range d.Tables {
		var cols []string
		for _, c := range table.Columns {
			cols = append(cols, c.Name+" "+c.Type)
		}
		must("create table " + table.Name + " (" + strings.Join(cols, ", ") + ", primary key (" + table.Key[0] + "))")
		for i := range table.Len() {
			var vals []string
			for _, v := range table.Row(i) {
				if v == pgsql.Null {
					vals = append(vals, "null")
				} else {
					vals = append(vals, "'"+strings.ReplaceAll(v, "'", "''")+"'")
				}
			}
			must("insert into " + table.Name + " values (" + strings.Join(vals, ", ") + ")")
		}
		for _, f := range table.Foreign {
			must("alter table " + table.Name + " add foreign key (" + f.Columns[0] + ") references " + f.Table)
		}
		if !table.Denied {
			must("grant select on " + table.Name + " to reporting_ro")
		}
	}
	must("reset role; analyze")
	return connect(t, s.socket, "reporting_ro")
}

// ours answers with the engine, in the words of the wire.
func ours(e *pgsql.Engine, text string) answer {
	results, fault := e.Exec(text)
	var a answer
	if fault != nil {
		a.err = map[byte]string{'C': fault.Code, 'M': fault.Message, 'D': fault.Detail, 'H': fault.Hint}
		if fault.Position > 0 {
			a.err['P'] = strconv.Itoa(fault.Position)
		}
		return a
	}
	for _, r := range results {
		if !r.Returns {
			a.tag = r.Tag
			continue
		}
		a = answer{tag: r.Tag}
		for _, f := range r.Fields {
			a.names, a.types = append(a.names, f.Name), append(a.types, f.Type.OID)
		}
		for _, row := range r.Rows {
			var cells []string
			for _, c := range row {
				if c.Null {
					cells = append(cells, "\x00")
				} else {
					cells = append(cells, c.Text)
				}
			}
			a.rows = append(a.rows, cells)
		}
	}
	return a
}

// difference says how two answers differ, "" for not at all.
func difference(want, got answer, ordered bool) string {
	switch {
	case (want.err == nil) != (got.err == nil):
		return fmt.Sprintf("error: %q %q, want %q %q", got.err['C'], got.err['M'], want.err['C'], want.err['M'])
	case want.err != nil:
		for _, f := range "CMPH" {
			if want.err[byte(f)] != got.err[byte(f)] {
				return fmt.Sprintf("error field %c: %q, want %q (%s)", f, got.err[byte(f)], want.err[byte(f)], want.err['M'])
			}
		}
		return ""
	case !slices.Equal(want.names, got.names):
		return fmt.Sprintf("names: %q, want %q", got.names, want.names)
	case !slices.Equal(want.types, got.types):
		return fmt.Sprintf("types: %v, want %v", got.types, want.types)
	case want.tag != got.tag:
		return fmt.Sprintf("tag: %s, want %s", got.tag, want.tag)
	}
	a, b := flat(want.rows), flat(got.rows)
	if !ordered {
		slices.Sort(a)
		slices.Sort(b)
	}
	for i := range a {
		if a[i] != b[i] {
			return fmt.Sprintf("row %d: %q, want %q", i, b[i], a[i])
		}
	}
	return ""
}

func flat(rows [][]string) []string {
	var out []string
	for _, r := range rows {
		out = append(out, strings.Join(r, "|"))
	}
	return out
}

// corpus reads the statements of testdata, one a line.
func corpus(t testing.TB) []string {
	t.Helper()
	files, _ := filepath.Glob("testdata/*.sql")
	var out []string
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.SplitSeq(string(b), "\n") {
			if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "--") {
				out = append(out, line)
			}
		}
	}
	return out
}

// TestOracle compares the engine with PostgreSQL 15 itself.
func TestOracle(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a server")
	}
	s := startServer(t)
	d := fixture()
	s = load(t, s, d)
	e := pgsql.New(d)
	for name, list := range map[string][]string{"corpus": corpus(t), "generated": generate(7, generatedQueries)} {
		agreed, excused := 0, map[string]int{}
		for _, q := range list {
			s.query(t, "discard all") // a text of ours begins with a new session
			want, got := s.query(t, q), ours(e, q)
			diff := difference(want, got, strings.Contains(q, "/* ordered */"))
			if diff == "" {
				agreed++
				continue
			}
			if reason := known(q, name == "generated", want, got); reason != "" {
				excused[reason]++
				continue
			}
			t.Errorf("%s\n\t%s", q, diff)
		}
		t.Logf("%s: %d of %d agree (%.2f %%), known differences: %v", name, agreed, len(list), 100*float64(agreed)/float64(len(list)), excused)
	}
}

// known names the difference between the servers that explains one; "" for none.
func known(q string, generated bool, want, got answer) string {
	for _, k := range knownDifferences {
		if k.generated && !generated {
			continue
		}
		if k.is(strings.ToLower(q), want, got) {
			return k.name
		}
	}
	return ""
}

// objectNumber is an object identifier that is not the system's.
var objectNumber = regexp.MustCompile(`\b16[34]\d\d\b`)

// knownDifferences are where the engine is known not to be PostgreSQL.
var knownDifferences = []struct {
	name      string
	generated bool // of generated queries only
	is        func(q string, want, got answer) bool
}{
	{"the type of a whole row is record", false, func(_ string, want, got answer) bool {
		return slices.Contains(got.types, 2249) && slices.ContainsFunc(want.types, func(t uint32) bool { return t >= 16384 })
	}},
	{"the numbers of users' objects differ", false, func(_ string, want, got answer) bool {
		hide := func(a answer) []string {
			rows := flat(a.rows)
			for i := range rows {
				rows[i] = objectNumber.ReplaceAllString(rows[i], "N")
			}
			return rows
		}
		return want.err == nil && got.err == nil && slices.Equal(hide(want), hide(got))
	}},
	{"operator classes beside the default ones", false, func(q string, _, _ answer) bool { return strings.Contains(q, "pg_opclass") }},
	{"identifiers with Unicode escapes", false, func(q string, _, _ answer) bool { return strings.Contains(q, `u&"`) }},
	{"data exceptions depend on the order of evaluation", true, func(_ string, want, got answer) bool {
		return (want.err == nil) != (got.err == nil) && strings.HasPrefix(want.err['C']+got.err['C'], "22")
	}},
	{"steps of the engine run out first", false, func(_ string, want, got answer) bool { return got.err['C'] == "57014" && want.err == nil }},
}
