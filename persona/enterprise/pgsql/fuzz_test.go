//go:build unix

package pgsql_test

import (
	"testing"

	"github.com/killdeer-mcp/killdeer/persona/enterprise/pgsql"
)

// hostile are texts that try to use up time, memory or stack.
var hostile = []string{
	"select count(*) from orders a, orders b, orders c, orders d",
	"with recursive t(n) as (select 1 union all select n + 1 from t) select count(*) from t",
	"with recursive t(n) as (select 'x' union all select n || n from t) select length(n) from t",
	"select repeat('x', 1000000000)", "select repeat(repeat('x', 100000), 100000)", "select lpad('x', 1000000000)",
	"select string_agg(repeat('x', 1000000), '') from orders a, orders b",
	"select 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa' ~ '(a*)*(a*)*(a*)*b'", "select 'x' ~ '((((x{255}){255}){255}){255})'",
	"select 10::numeric ^ 100000", "select 2::numeric ^ 0.5", "select factorial(32177)", "select 9999999999::numeric ^ 9999",
	"select * from generate_series(1, 1000000000)", "select array_agg(x) from generate_series(1, 10000000) x", "select array_fill(1, array[1000000000])",
	"select 1 from (select 1 from (select 1 from (select 1 from generate_series(1, 100000)) a, generate_series(1, 100000)) b) c",
	"select (select (select (select (select count(*) from orders a where a.id > b.id) from orders b limit 1) from orders c limit 1) from orders d limit 1)",
}

func TestHostile(t *testing.T) {
	e := pgsql.New(fixture())
	for _, q := range hostile {
		if _, err := e.Exec(q); err != nil && err.Code != "57014" && err.Code[:2] != "53" && err.Code[:2] != "54" && err.Code != "2201B" && err.Code != "22003" {
			t.Errorf("%s: %s %v", q, err.Code, err)
		}
	}
	nested := "1"
	for range 5000 {
		nested = "(" + nested + ")"
	}
	if _, err := e.Exec("select " + nested); err == nil || err.Code != "54001" {
		t.Errorf("nesting: %v", err)
	}
}

// FuzzExec holds that no text makes the engine panic, and that the same text gives
// the same answer.
func FuzzExec(f *testing.F) {
	for _, q := range corpus(f) {
		f.Add(q)
	}
	for _, q := range generate(1, 50) {
		f.Add(q)
	}
	for _, q := range hostile[:4] {
		f.Add(q)
	}
	d := fixture()
	f.Fuzz(func(t *testing.T, q string) {
		a := ours(pgsql.New(d), q)
		if a.err['C'] == "XX000" {
			t.Fatalf("%q: a fault of the engine", q)
		}
		if b := ours(pgsql.New(d), q); difference(a, b, true) != "" {
			t.Errorf("%q: %s", q, difference(a, b, true))
		}
	})
}

func BenchmarkExec(b *testing.B) {
	for name, q := range map[string]string{
		"constant": "select 1", "point": "select * from users where id = 5", "join": "select u.email, o.cents from users u join orders o on o.user_id = u.id where o.cents > 500 order by 2 limit 5",
		"group": "select role, count(*), avg(score) from users group by role having count(*) > 1", "correlated": "select id, (select count(*) from orders o where o.user_id = u.id) from users u",
		"catalog": "select column_name, data_type from information_schema.columns where table_name = 'users'", "window": "select id, rank() over (partition by role order by score) from users", "error": "select nope from users",
	} {
		e := pgsql.New(fixture())
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, _ = e.Exec(q)
			}
		})
	}
}
