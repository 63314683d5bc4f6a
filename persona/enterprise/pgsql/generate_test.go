//go:build unix

package pgsql_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

const generatedQueries = 4000

// generator makes statements over the fixture; most of them are valid.
type generator struct{ r *rand.Rand }

func generate(seed uint64, n int) []string {
	g := &generator{rand.New(rand.NewPCG(seed, 1))}
	var out []string
	for range n {
		out = append(out, g.query())
	}
	return out
}

func (g *generator) pick(list ...string) string { return list[g.r.IntN(len(list))] }

func (g *generator) chance(n int) bool { return g.r.IntN(100) < n }

var numeric = []string{"u.id", "u.manager_id", "u.score", "o.cents", "o.id", "o.user_id"}

func (g *generator) number(depth int) string {
	if depth == 0 || g.chance(30) {
		if g.chance(40) {
			return g.pick("0", "1", "2", "7", "10", "1.5", "-3", "100", "0.25", "null", "'5'", "2147483647", "1e2")
		}
		return numeric[g.r.IntN(len(numeric))]
	}
	a, b := g.number(depth-1), g.number(depth-1)
	switch g.r.IntN(12) {
	case 0:
		return "coalesce(" + a + ", " + b + ")"
	case 1:
		return "case when " + g.cond(depth-1) + " then " + a + " else " + b + " end"
	case 2:
		return "abs(" + a + ")"
	case 3:
		return "round(" + a + "::numeric, " + g.pick("0", "1", "2") + ")"
	case 4:
		return "greatest(" + a + ", " + b + ")"
	case 5:
		return "length(" + g.text(depth-1) + ")"
	case 6:
		return "nullif(" + a + ", " + b + ")"
	case 7:
		return "(" + a + ")::" + g.pick("int", "bigint", "numeric", "float8", "text", "numeric(10,2)", "smallint")
	}
	return "(" + a + " " + g.pick("+", "-", "*", "/", "%", "+", "-") + " " + b + ")"
}

func (g *generator) text(depth int) string {
	if depth == 0 || g.chance(40) {
		return g.pick("u.email", "u.full_name", "u.role", "o.status", "'abc'", "''", "'%1%'", "null", "'O''Brien'")
	}
	a := g.text(depth - 1)
	switch g.r.IntN(9) {
	case 0:
		return "upper(" + a + ")"
	case 1:
		return "substr(" + a + ", " + g.pick("1", "2", "-1", "5") + ", 3)"
	case 2:
		return "replace(" + a + ", 'e', 'x')"
	case 3:
		return "(" + a + " || " + g.pick(g.text(depth-1), "o.id", "u.active", "u.score") + ")"
	case 4:
		return "lpad(" + a + ", 12, '*')"
	case 5:
		return "split_part(" + a + ", '@', 1)"
	case 6:
		return "to_char(u.created_at, '" + g.pick("YYYY-MM-DD", "Mon DD", "HH24:MI", "Day", "IYYY-IW") + "')"
	case 7:
		return "left(" + a + ", " + g.pick("2", "-2", "0") + ")"
	}
	return "(" + g.number(depth-1) + ")::text"
}

func (g *generator) cond(depth int) string {
	if depth > 0 && g.chance(35) {
		a, b := g.cond(depth-1), g.cond(depth-1)
		return g.pick("("+a+" and "+b+")", "("+a+" or "+b+")", "not "+a)
	}
	switch g.r.IntN(12) {
	case 0:
		return g.pick("u.active", "u.active is true", "u.active is not false", "o.status is null", "u.active is unknown")
	case 1:
		return g.text(depth) + " " + g.pick("like", "ilike", "not like", "~", "!~*") + " " + g.pick("'user%'", "'%1%'", "'a_c'", "'^u.*[13]'")
	case 2:
		return g.number(0) + " between " + g.number(0) + " and " + g.number(0)
	case 3:
		return g.pick("u.role", "o.status") + g.pick(" in ", " not in ") + g.pick("('admin', 'paid')", "('guest', null)", "('member')")
	case 4:
		return "exists (select 1 from orders x where x.user_id = u.id and x.cents > " + g.pick("100", "500", "900") + ")"
	case 5:
		return "u.id " + g.pick("in", "not in") + " (select user_id from orders where cents > " + g.pick("300", "950") + ")"
	case 6:
		return "o.day " + g.pick("<", ">=", "=") + " date '2026-03-1" + g.pick("0", "5") + "'"
	case 7:
		return "o.data->>'n' " + g.pick("=", ">") + " '3'"
	case 8:
		return g.number(1) + " is " + g.pick("null", "not null", "distinct from 1", "not distinct from null")
	case 9:
		return g.number(0) + " = any (o.nums)"
	}
	return g.number(depth) + " " + g.pick("=", "<>", "<", "<=", ">", ">=") + " " + g.number(depth)
}

func (g *generator) from() string {
	on := g.pick("o.user_id = u.id", "o.user_id = u.id and o.cents > 200", "o.user_id = u.manager_id")
	return g.pick("users u join orders o on "+on, "users u left join orders o on "+on, "users u, orders o where o.user_id = u.id", "users u right join orders o on "+on, "users u full join orders o on o.user_id = u.id",
		"users u cross join lateral (select * from orders where user_id = u.id limit 100) o", "(select * from users where id < 6) u join orders o on "+on)
}

func (g *generator) query() string {
	switch g.r.IntN(10) {
	case 0, 1:
		return g.grouped()
	case 2:
		return g.union()
	case 3:
		return g.windowed()
	case 4:
		return "select " + strings.NewReplacer("u.", "", "o.", "").Replace(g.pick("id", "email", "role")) + " from users " + g.pick("", "where id > 3 ") + "order by " + g.pick("1", "id", "lower(email) desc", "id desc nulls first") + " limit " + g.pick("3", "5", "0") + " offset " + g.pick("0", "2") + " /* ordered */"
	}
	from := g.from()
	where := " where "
	if strings.Contains(from, " where o.") {
		where = " and "
	}
	q := "select " + g.pick("", "", "distinct ") + g.item() + ", " + g.item() + " as b from " + from
	if g.chance(70) {
		q += where + g.cond(2)
	}
	return q
}

func (g *generator) item() string {
	return g.pick(g.number(2), g.text(2), g.cond(1), g.number(1), g.pick("u.created_at", "o.day", "o.day + 7", "u.created_at - interval '3 days'", "age(u.created_at, timestamptz '2025-12-25 12:00+00')", "extract(dow from o.day)",
		"date_trunc('month', u.created_at)", "o.data->'tags'->>0", "o.nums", "o.nums[1]", "array_length(o.nums, 1)", "o.data", "(select max(cents) from orders where user_id = u.id)", "u.created_at::date", "o.day - date '2026-01-01'"))
}

func (g *generator) grouped() string {
	key := g.pick("u.role", "o.status", "u.active", "extract(month from o.day)", "u.id", "u.role, o.status")
	agg := func() string {
		return g.pick("count(*)", "count(o.status)", "sum(o.cents)", "avg(o.cents)", "min(u.email)", "max(o.day)", "string_agg(u.role, ',' order by o.id)", "array_agg(o.id order by o.id)", "bool_and(u.active)", "count(distinct u.role)",
			"sum(o.cents) filter (where o.cents > 300)", "avg(u.score)", "stddev(o.cents)", "variance(u.score)", "bool_or(u.active)", "max(u.created_at)", "json_agg(o.id order by o.id)", "sum(u.score) / nullif(count(*), 0)")
	}
	q := fmt.Sprintf("select %s, %s, %s from users u join orders o on o.user_id = u.id group by %s", key, agg(), agg(), key)
	if g.chance(20) {
		q = fmt.Sprintf("select %s, %s from users u join orders o on o.user_id = u.id group by rollup (%s)", key, agg(), key)
	}
	if g.chance(30) {
		q += " having " + g.pick("count(*) > 2", "sum(o.cents) > 1000", "min(o.cents) < 50 or count(*) = 1")
	}
	return q
}

func (g *generator) union() string {
	part := func() string {
		return g.pick("select id, email from users", "select cents, status from orders", "select 1, 'x'", "select user_id, null from orders", "values (1, 'user0@example.com'), (2, null)", "select id, role from users where id > 6")
	}
	op := func() string { return g.pick(" union ", " union all ", " intersect ", " except ", " except all ") }
	return part() + op() + part() + g.pick("", op()+part()) + g.pick("", " order by 1, 2 /* ordered */")
}

func (g *generator) windowed() string {
	over := g.pick("(partition by u.role order by o.id)", "(order by o.id)", "(partition by u.id order by o.cents, o.id)", "(partition by o.status order by o.id desc rows between 2 preceding and 1 following)")
	fn := g.pick("row_number()", "rank()", "sum(o.cents)", "lag(o.cents)", "lead(o.cents, 2, 0)", "count(*)", "avg(o.cents)", "first_value(o.id)", "ntile(3)", "dense_rank()", "max(o.day)", "last_value(o.cents)", "percent_rank()", "cume_dist()")
	return "select o.id, " + fn + " over " + over + " from users u join orders o on o.user_id = u.id"
}
