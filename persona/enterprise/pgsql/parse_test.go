package pgsql

import (
	"strings"
	"testing"
)

// FuzzParse holds that whatever is not SQL is refused with an error that points into
// the text.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"select 1", "select * from t where a = 'x' and b in (1, 2) order by 1 limit 3", "with a as (select 1) select * from a join b using (c)", "insert into t (a) values (1)",
		"select sum(a) over (partition by b order by c range between 1 preceding and unbounded following exclude ties)", "select $$x$$, E'\\x41', U&'\\0041', 1e5, .5, x'1f', b'01'", "/* a /* b */ c */ select -- d",
		"explain (costs off) select 1", "set a.b = 'c', 1", "select (a).b[1:2].c::int[] at time zone 'x'", "grant all on t to public", "create table t (a int, b text default 'x')", "select 'unterminated", "((((", "select 1;;select 2",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		defer func() {
			switch fault := recover().(type) {
			case nil:
			case *Error:
				if fault.Position < 0 || fault.Position > len(text)+1 {
					t.Errorf("%q: position %d is outside of the text", text, fault.Position)
				}
				if strings.Contains(fault.Message, "runtime error") {
					t.Errorf("%q: %s", text, fault.Message)
				}
			default:
				panic(fault)
			}
		}()
		parse(text)
	})
}
