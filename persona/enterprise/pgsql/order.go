package pgsql

import (
	"slices"
	"sort"
	"strconv"
)

// sortKey is a column of the projected row to sort by.
type sortKey struct {
	col        int
	t          *Type
	desc       bool
	nullsFirst bool
}

// orderBy resolves ORDER BY: names of the select list first, then ordinals, then
// expressions of the input.
func (s *scope) orderBy(q *query, pr *projection) []sortKey {
	var out []sortKey
	s.clause = "ORDER BY"
	defer func() { s.clause = "" }()
	for _, o := range q.order {
		out = append(out, s.orderKey(o, s.outputColumn(o.x, pr, "ORDER BY", true), pr))
	}
	return out
}

func (s *scope) orderKey(o orderItem, col int, pr *projection) sortKey {
	t := pr.items[col].t
	if t == tJson || t == tXid || t == tVoid || t == tPgNodeTree {
		failHint(o.x.where(), codeNoFunction, "could not identify an ordering operator for type "+t.SQL, "Use an explicit ordering operator or modify the query.")
	}
	return sortKey{col, t, o.desc, o.nullsFirst}
}

// outputColumn finds or adds the projected column that an expression of ORDER BY,
// GROUP BY or DISTINCT ON means.
func (s *scope) outputColumn(e expr, pr *projection, clause string, names bool) int {
	if i := s.ordinal(e, len(pr.items)-pr.extra, clause); i >= 0 {
		return i
	}
	if c, ok := e.(*columnRef); ok && len(c.parts) == 1 && names {
		if i := s.outputNamed(c, pr, clause); i >= 0 {
			return i
		}
	}
	key := s.key(e)
	for i, have := range pr.exprs {
		if key != "" && have != nil && i < len(pr.items) && s.key(have) == key && pr.items[i].set == nil {
			return i
		}
	}
	item := s.known(s.expr(e))
	if item.set != nil {
		unsupported(e.where(), "a set-returning function in "+clause)
	}
	pr.items, pr.exprs, pr.extra = append(pr.items, item), append(pr.exprs, e), pr.extra+1
	return len(pr.items) - 1
}

// ordinal is the position that an integer constant means, else -1.
func (s *scope) ordinal(e expr, n int, clause string) int {
	l, ok := e.(*literal)
	if !ok {
		return -1
	}
	i, err := strconv.Atoi(l.text)
	if l.kind != 'n' || err != nil {
		failAt(e.where(), codeSyntax, "non-integer constant in "+clause)
	}
	if i < 1 || i > n {
		failAt(e.where(), "42P10", clause+" position "+l.text+" is not in select list")
	}
	return i - 1
}

func (s *scope) outputNamed(c *columnRef, pr *projection, clause string) int {
	hit := -1
	for i := range len(pr.items) - pr.extra {
		if pr.cols[i].name != c.parts[0] {
			continue
		}
		if hit >= 0 {
			a, b := s.key(pr.exprs[hit]), s.key(pr.exprs[i])
			if a == "" || a != b {
				failAt(c.where(), codeAmbiguous, clause+` "`+c.parts[0]+`" is ambiguous`)
			}
			continue
		}
		hit = i
	}
	return hit
}

func (s *scope) distinctKeys(q *query, pr *projection, sortBy []sortKey) []int {
	var on []int
	for _, e := range q.distinctOn {
		on = append(on, s.outputColumn(e, pr, "DISTINCT ON", true))
	}
	for i, k := range sortBy {
		if on == nil || i >= len(on) {
			break
		}
		if !slices.Contains(on, k.col) {
			failAt(q.distinctOn[0].where(), "42P10", "SELECT DISTINCT ON expressions must match initial ORDER BY expressions")
		}
	}
	return on
}

func (s *scope) checkDistinct(q *query, pr *projection) {
	for i := range len(pr.items) - pr.extra {
		if t := pr.items[i].t; t == tJson && q.distinctOn == nil {
			failAt(pr.cols[i].at, codeNoFunction, "could not identify an equality operator for type json")
		}
	}
	if q.distinctOn == nil && pr.extra > 0 {
		failAt(pr.exprs[len(pr.items)-pr.extra].where(), "42P10", "for SELECT DISTINCT, ORDER BY expressions must appear in select list")
	}
}

// unique drops rows that were seen. DISTINCT ON sorts first, so that the first of
// each group stays.
func (s *scope) unique(p *plan, on []int, sortBy []sortKey, n int) *plan {
	if on == nil {
		for i := range n {
			on = append(on, i)
		}
	} else {
		keys := slices.Clone(sortBy)
		for _, c := range on {
			if !slices.ContainsFunc(keys, func(k sortKey) bool { return k.col == c }) {
				keys = append(keys, sortKey{col: c, t: s.typeAt(p, c)})
			}
		}
		p = s.sortPlan(p, keys, new(int))
	}
	inner, x := p.run, s.x
	types := make([]*Type, len(on))
	for i, c := range on {
		types[i] = s.typeAt(p, c)
	}
	out := *p
	out.gate = nil
	out.run = func(up *frame, yield func([]Value) bool) bool {
		seen := map[string]bool{}
		var buf []byte
		return inner(up, func(row []Value) bool {
			buf = buf[:0]
			for i, c := range on {
				buf = appendKey(buf, types[i], row[c])
			}
			x.spend(1)
			if seen[string(buf)] {
				return true
			}
			x.keep(int64(len(buf)) + 32)
			seen[string(buf)] = true
			return yield(row)
		})
	}
	return &out
}

// typeAt is the type of a projected column, hidden ones too.
func (s *scope) typeAt(p *plan, c int) *Type {
	if c < len(p.cols) {
		return p.cols[c].t
	}
	return p.hidden[c-len(p.cols)]
}

// sorted applies ORDER BY, OFFSET and LIMIT.
func (s *scope) sorted(q *query, p *plan, keys []sortKey) *plan {
	if keys == nil && q.order != nil && (q.op != "" || q.values != nil || q.left != nil) {
		keys = s.outputOrder(q, p)
	}
	most := 0
	if len(keys) > 0 {
		p = s.sortPlan(p, keys, &most)
	}
	if q.locking != "" {
		s.lock(q)
	}
	if q.limit == nil && q.offset == nil {
		return p
	}
	return s.limited(q, p, keys, &most)
}

// outputOrder resolves ORDER BY of a set operation: columns of the result only.
func (s *scope) outputOrder(q *query, p *plan) []sortKey {
	var out []sortKey
	for _, o := range q.order {
		col := s.ordinal2(o.x, p)
		if col < 0 && q.values != nil {
			unsupported(o.x.where(), "an expression in ORDER BY of VALUES")
		}
		if col < 0 {
			panic(&Error{
				Severity: "ERROR", Code: codeUnsupported, Position: o.x.where() + 1, Message: "invalid UNION/INTERSECT/EXCEPT ORDER BY clause",
				Detail: "Only result column names can be used, not expressions or functions.", Hint: "Add the expression/function to every SELECT, or move the UNION into a FROM clause.",
			})
		}
		out = append(out, sortKey{col, p.cols[col].t, o.desc, o.nullsFirst})
	}
	return out
}

func (s *scope) ordinal2(e expr, p *plan) int {
	if c, ok := e.(*columnRef); ok && len(c.parts) == 1 {
		if i := indexOf(p.names(), c.parts[0]); i >= 0 {
			return i
		}
		failHint(c.where(), codeNoColumn, `column "`+c.parts[0]+`" does not exist`, "")
	}
	if _, ok := e.(*literal); ok {
		return s.ordinal(e, len(p.cols), "ORDER BY")
	}
	return -1
}

// sortPlan sorts; of what comes behind the first *most rows nothing is kept, unless
// that is 0.
func (s *scope) sortPlan(p *plan, keys []sortKey, most *int) *plan {
	inner, x := p.run, s.x
	out := *p
	out.gate = nil
	out.run = func(up *frame, yield func([]Value) bool) bool {
		var rows [][]Value
		top := *most
		if p.gate != nil {
			*p.gate = gate{keys: keys}
		}
		inner(up, func(row []Value) bool {
			if top > 0 {
				rows = x.insert(rows, row, keys, top)
				if p.gate != nil && len(rows) == top {
					p.gate.worst = rows[top-1]
				}
				return true
			}
			x.hold(row)
			rows = append(rows, row)
			return true
		})
		if top == 0 {
			sortRows(x, rows, keys)
		}
		for _, row := range rows {
			if !yield(row) {
				return false
			}
		}
		return true
	}
	return &out
}

// maxTop is up to how many rows are kept in order while they come, when a LIMIT
// says that no more are wanted.
const maxTop = 128

// insert puts a row behind those that are not after it; of more than top rows the
// last goes.
func (x *exec) insert(rows [][]Value, row []Value, keys []sortKey, top int) [][]Value {
	x.spend(1)
	if len(rows) == top {
		if compareKeysOf(row, rows[top-1], keys) >= 0 {
			x.spare = row
			return rows
		}
		x.spare = rows[top-1]
		rows = rows[:top-1]
	} else {
		x.hold(row)
	}
	at := sort.Search(len(rows), func(i int) bool { return compareKeysOf(row, rows[i], keys) < 0 })
	return slices.Insert(rows, at, row)
}

// hold accounts for a row that is kept.
func (x *exec) hold(row []Value) {
	n := int64(24)
	for i := range row {
		n += row[i].size()
	}
	x.keep(n)
}

func sortRows(x *exec, rows [][]Value, keys []sortKey) {
	slices.SortStableFunc(rows, func(a, b []Value) int {
		x.spend(1)
		return compareKeysOf(a, b, keys)
	})
}

func compareKeysOf(a, b []Value, keys []sortKey) int {
	for _, k := range keys {
		v, w := a[k.col], b[k.col]
		if !v.ok || !w.ok {
			if v.ok == w.ok {
				continue
			}
			if v.ok == k.nullsFirst {
				return 1
			}
			return -1
		}
		c := compare(k.t, v, w)
		if c == 0 {
			continue
		}
		if k.desc {
			return -c
		}
		return c
	}
	return 0
}

func (s *scope) lock(q *query) {
	switch {
	case q.op != "":
		failAt(q.lockAt, codeUnsupported, q.locking+" is not allowed with UNION/INTERSECT/EXCEPT")
	case q.distinct:
		failAt(q.lockAt, codeUnsupported, q.locking+" is not allowed with DISTINCT clause")
	case len(q.group) > 0:
		failAt(q.lockAt, codeUnsupported, q.locking+" is not allowed with GROUP BY clause")
	}
	for _, r := range s.rels {
		if r.rel != nil {
			s.x.refuseWrite("SELECT "+q.locking, "permission denied for table "+r.rel.name)
		}
	}
}

func (s *scope) limited(q *query, p *plan, keys []sortKey, sorted *int) *plan {
	inner := &scope{analyzer: s.analyzer, up: s.up}
	limit, offset := inner.count(q.limit, "LIMIT"), inner.count(q.offset, "OFFSET")
	run, x := p.run, s.x
	out := *p
	ties := q.ties
	out.run = func(up *frame, yield func([]Value) bool) bool {
		most, skip := evalCount(limit, up, x, "LIMIT"), max(evalCount(offset, up, x, "OFFSET"), 0)
		n, ok := int64(0), true
		if most == 0 {
			return true
		}
		if *sorted = 0; most > 0 && most+skip <= maxTop && !ties {
			*sorted = int(most + skip)
		}
		var last []Value
		run(up, func(row []Value) bool {
			if skip > 0 {
				skip--
				return true
			}
			if most >= 0 && n >= most && compareKeysOf(last, row, keys) != 0 {
				return false
			}
			n++
			last = row
			ok = yield(row)
			return ok && (most < 0 || n < most || ties)
		})
		return ok
	}
	return &out
}

func (s *scope) count(e expr, clause string) *typed {
	if e == nil {
		return nil
	}
	t := s.expr(e)
	if coercible(t.t, tInt8) == 0 || t.t == tBool || t.t.Cat == 'S' {
		failAt(e.where(), codeMismatch, "argument of "+clause+" must be type bigint, not type "+t.t.SQL)
	}
	return s.coerce(t, tInt8, noMod, false)
}

// evalCount is a number of rows, -1 for none.
func evalCount(e *typed, up *frame, x *exec, clause string) int64 {
	if e == nil {
		return -1
	}
	v := e.eval(&frame{up: up, x: x})
	if !v.ok {
		return -1
	}
	if v.n < 0 {
		code := "2201W"
		if clause == "OFFSET" {
			code = "2201X"
		}
		fail(code, clause+" must not be negative")
	}
	return v.n
}
