package pgsql

import "strconv"

// planLines draws a plan that the server might have chosen, with costs that follow
// from the number of rows.
func (x *exec) planLines(p *plan, q *query, bare bool) []string {
	d := &planDrawing{x: x, bare: bare}
	depth := 0
	if q.limit != nil {
		depth = d.node(depth, "Limit", 1)
	}
	if len(q.order) > 0 {
		depth = d.node(depth, "Sort", 2)
	}
	if len(q.group) > 0 {
		depth = d.node(depth, "HashAggregate", 2)
	}
	if p.root != nil {
		d.step(p.root, depth)
	}
	if len(d.lines) == 0 {
		d.node(0, "Result", 0)
	}
	return d.lines
}

type planDrawing struct {
	x     *exec
	lines []string
	bare  bool // without costs
}

func (d *planDrawing) node(depth int, name string, rows int) int {
	cost := strconv.FormatFloat(float64(rows)*0.0125+0.01, 'f', 2, 64)
	head := ""
	for range depth - 1 {
		head += "      "
	}
	if depth > 0 {
		head += "  ->  "
		if depth == 1 {
			head = "  ->  "
		}
	}
	if d.bare {
		d.lines = append(d.lines, head+name)
		return depth + 1
	}
	d.lines = append(d.lines, head+name+"  (cost=0.00.."+cost+" rows="+strconv.Itoa(max(rows, 1))+" width=64)")
	return depth + 1
}

func (d *planDrawing) step(st *step, depth int) {
	switch {
	case st.join != nil:
		name := "Nested Loop"
		if keys, _ := st.join.keys(); keys != nil {
			name = "Hash Join"
			if st.join.kind != "inner" {
				name = "Hash " + map[string]string{"left": "Left", "full": "Full"}[st.join.kind] + " Join"
			}
		}
		depth = d.node(depth, name, st.join.l.guess()+st.join.r.guess())
		d.step(st.join.l, depth)
		d.step(st.join.r, depth)
	case st.rel != nil:
		name := "Seq Scan on " + st.rel.name
		if st.name != st.rel.name {
			name += " " + st.name
		}
		d.node(depth, name, st.guess())
	case st.name != "":
		d.node(depth, "Subquery Scan on "+quoteIdent(st.name), 100)
	default:
		d.node(depth, "Result", 0)
	}
}

// guess is how many rows a step might give.
func (st *step) guess() int {
	switch {
	case st.join != nil:
		return max(st.join.l.guess(), st.join.r.guess())
	case st.rel != nil && st.rel.table != nil && len(st.conds) > 0:
		return st.rel.table.Len()/3 + 1
	case st.rel != nil && st.rel.table != nil:
		return st.rel.table.Len()
	}
	return 100
}
