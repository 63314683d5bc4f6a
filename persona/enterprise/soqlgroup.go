package enterprise

import (
	"slices"
	"strconv"
	"strings"

	"github.com/killdeer-mcp/killdeer/persona/enterprise/ql"
	"github.com/killdeer-mcp/killdeer/sdk/guest"
)

var errManyGroups = ql.SOQLError("EXCEEDED_ID_LIMIT", "Aggregate query does not support queryMore(), use LIMIT to restrict the results to a single batch")

// sfGroup is the records that have the same values in the fields of GROUP BY.
type sfGroup struct{ rows []int }

// sfColumn is a column of grouped results.
type sfColumn struct {
	name string
	kind byte
	get  func(g *sfGroup) sfValue
}

// column finds a field or an aggregate among grouped records.
func (r *soqlRun) column(call, path string, pos int) (sfColumn, error) {
	if !soqlAggregate(call) {
		name := path
		if call != "" {
			name = call + "(" + path + ")"
		}
		if !slices.ContainsFunc(r.q.Group, func(g ql.Field) bool { return strings.EqualFold(g.Name(), name) }) {
			return sfColumn{}, r.q.At(pos, malformedQuery, "Field must be grouped or aggregated: %", path)
		}
		p, err := r.path(name, pos)
		if err != nil {
			return sfColumn{}, err
		}
		return sfColumn{p.name, p.kind, func(g *sfGroup) sfValue { return p.get(g.rows[0]) }}, nil
	}
	if path == "" {
		return sfColumn{"", 'n', func(g *sfGroup) sfValue { return sfValue{n: int64(len(g.rows))} }}, nil
	}
	p, err := r.path(path, pos)
	if err != nil {
		return sfColumn{}, err
	}
	if (call == "sum" || call == "avg") && p.kind != 'n' || (call == "min" || call == "max") && p.kind == 'b' {
		return sfColumn{}, r.q.At(pos, malformedQuery, "field % does not support aggregate operator %", p.name, strings.ToUpper(call))
	}
	kind := byte('n')
	if call == "min" || call == "max" {
		kind = p.kind
	}
	return sfColumn{"", kind, func(g *sfGroup) sfValue { return aggregate(call, p, g.rows) }}, nil
}

// aggregate computes an aggregate over the values that are not null.
func aggregate(call string, p *sfPath, rows []int) sfValue {
	seen := map[string]bool{}
	n, sum := int64(0), int64(0)
	best := sfValue{null: true}
	for _, i := range rows {
		x := p.get(i)
		if x.null {
			continue
		}
		n, sum = n+1, sum+x.n
		switch call {
		case "count_distinct":
			seen[strings.ToLower(sfText(p.kind, x))] = true
		case "min", "max":
			sign := compareValues(p.kind, x, best, &ql.Order{})
			if best.null || call == "min" && sign < 0 || call == "max" && sign > 0 {
				best = x
			}
		}
	}
	switch {
	case call == "count":
		return sfValue{n: n}
	case call == "count_distinct":
		return sfValue{n: int64(len(seen))}
	case call == "sum" && n > 0:
		return sfValue{n: sum}
	case call == "avg" && n > 0:
		return sfValue{n: (sum + n/2) / n}
	}
	return best
}

// groups puts records together by the fields of GROUP BY; without one they are one
// group.
func (r *soqlRun) groups(rows []int) ([]*sfGroup, error) {
	if len(r.q.Group) == 0 {
		return []*sfGroup{{rows}}, nil
	}
	var paths []*sfPath
	for _, f := range r.q.Group {
		p, err := r.path(f.Name(), f.Pos)
		if err != nil {
			return nil, err
		}
		paths = append(paths, p)
	}
	byKey := map[string]*sfGroup{}
	var out []*sfGroup
	for _, i := range rows {
		var key strings.Builder
		for _, p := range paths {
			if x := p.get(i); !x.null {
				key.WriteString(strings.ToLower(sfText(p.kind, x)))
			}
			key.WriteByte(0)
		}
		g := byKey[key.String()]
		if g == nil {
			g = &sfGroup{}
			byKey[key.String()], out = g, append(out, g)
		}
		g.rows = append(g.rows, i)
	}
	return out, nil
}

func (r *soqlRun) writeGroups(w *guest.Writer, rows []int) error {
	if r.counts() {
		w.Obj().Key("totalSize").Int(int64(len(r.window(rows)))).Key("done").Bool(true).Key("records").Arr().End().End()
		return nil
	}
	columns, err := r.groupColumns()
	if err != nil {
		return err
	}
	groups, err := r.groups(rows)
	if err != nil {
		return err
	}
	if groups, err = r.having(groups); err != nil {
		return err
	}
	if groups, err = r.sortGroups(groups); err != nil {
		return err
	}
	size := len(groups)
	if r.q.Limit >= 0 {
		size = r.q.Limit
	}
	groups = ql.Window(groups, r.q.Offset, size)
	if len(groups) > maxSOQL {
		return errManyGroups
	}
	w.Obj().Key("totalSize").Int(int64(len(groups))).Key("done").Bool(true).Key("records").Arr()
	for _, g := range groups {
		w.Obj().Key("attributes").Obj().Key("type").Str("AggregateResult").End()
		for _, c := range columns {
			w.Key(c.name)
			writeSF(w, c.kind, c.get(g))
		}
		if w.End(); len(w.Bytes()) > maxBytes {
			return errManyGroups
		}
	}
	w.End().End()
	return nil
}

// groupColumns are the columns of the result; those without a name are numbered.
func (r *soqlRun) groupColumns() ([]sfColumn, error) {
	var out []sfColumn
	unnamed := 0
	for _, f := range r.q.Fields {
		if f.Sub != nil || f.Func == "fields" {
			return nil, r.q.At(f.Pos, malformedQuery, "Grouped query cannot use child relationships in the SELECT list")
		}
		c, err := r.column(f.Func, f.Path, f.Pos)
		if err != nil {
			return nil, err
		}
		if f.Alias != "" {
			c.name = f.Alias
		} else if f.Func != "" {
			c.name = "expr" + strconv.Itoa(unnamed)
			unnamed++
		}
		out = append(out, c)
	}
	return out, nil
}

// split takes a name of a field or a function of one apart.
func split(name string) (call, path string) {
	call, path, ok := strings.Cut(name, "(")
	if !ok {
		return "", name
	}
	return call, strings.TrimSuffix(path, ")")
}

func (r *soqlRun) having(groups []*sfGroup) ([]*sfGroup, error) {
	e := r.q.Having
	err := e.Each(func(c *ql.Clause) error {
		call, path := split(c.Field)
		col, err := r.column(call, path, c.Pos)
		if err != nil {
			return err
		}
		test, err := r.clause(c, col.kind, path)
		c.Cache = func(g *sfGroup) bool { return test(col.get(g)) }
		return err
	})
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(groups, func(g *sfGroup) bool {
		return !e.Eval(func(c *ql.Clause) bool { return r.budget.Spend(len(g.rows)) && c.Cache.(func(*sfGroup) bool)(g) })
	}), nil
}

func (r *soqlRun) sortGroups(groups []*sfGroup) ([]*sfGroup, error) {
	var columns []sfColumn
	for _, o := range r.q.Order {
		call, path := split(o.Field)
		if i := slices.IndexFunc(r.q.Fields, func(f ql.Field) bool { return f.Alias != "" && strings.EqualFold(f.Alias, o.Field) }); i >= 0 {
			call, path = r.q.Fields[i].Func, r.q.Fields[i].Path
		}
		c, err := r.column(call, path, o.Pos)
		if err != nil {
			return nil, err
		}
		columns = append(columns, c)
	}
	order := make([]int, len(groups))
	for i := range order {
		order[i] = i
	}
	ql.Sort(order, func(a, b int) int {
		for k, c := range columns {
			if sign := compareValues(c.kind, c.get(groups[a]), c.get(groups[b]), &r.q.Order[k]); sign != 0 {
				return sign
			}
		}
		return 0
	})
	out := make([]*sfGroup, len(groups))
	for i, g := range order {
		out[i] = groups[g]
	}
	return out, nil
}
