package enterprise

import (
	"slices"
	"strconv"
	"strings"

	"github.com/killdeer-mcp/killdeer/persona/world"
	"github.com/killdeer-mcp/killdeer/sdk/guest"
)

// source is what a selection reads.
type source struct {
	columns []world.Column
	n       int
	row     func(i int) []string
}

// column returns the position of a column, -1 when there is none.
func (s *source) column(name string) int {
	return slices.IndexFunc(s.columns, func(c world.Column) bool { return strings.EqualFold(c.Name, name) })
}

// source is a table as it is at now; its rows are made once.
func (v *view) source(t *world.Table) *source {
	if s := v.tables[t]; s != nil {
		return s
	}
	cells := make([][]string, t.Len(v.now))
	s := &source{columns: t.Columns, n: len(cells), row: func(i int) []string {
		if cells[i] == nil {
			cells[i] = t.Row(i, v.now)
		}
		return cells[i]
	}}
	if v.tables == nil {
		v.tables = map[*world.Table]*source{}
	}
	v.tables[t] = s
	return s
}

func (src *source) sort(rows []int, col int, desc bool) {
	kind := src.columns[col].Type
	slices.SortStableFunc(rows, func(a, b int) int {
		sign := compareCells(kind, src.row(a)[col], src.row(b)[col])
		if desc {
			return -sign
		}
		return sign
	})
}

func (src *source) test(i int, c *condition) bool {
	col := src.column(unqualified(c.field))
	if col < 0 {
		return false
	}
	cell, kind := src.row(i)[col], src.columns[col].Type
	if strings.HasPrefix(c.cmp, "is") {
		return (cell == world.Null) == (c.cmp == "is")
	}
	if cell == world.Null || len(c.values) == 0 {
		return false
	}
	switch c.cmp {
	case "in", "not in":
		found := slices.ContainsFunc(c.values, func(v string) bool { return compareCells(kind, cell, v) == 0 })
		return found == (c.cmp == "in")
	case "like":
		return like(cell, c.values[0])
	case "not like":
		return !like(cell, c.values[0])
	case "ilike", "not ilike":
		return like(strings.ToLower(cell), strings.ToLower(c.values[0])) == (c.cmp == "ilike")
	}
	return compares(c.cmp, compareCells(kind, cell, c.values[0]))
}

// compareCells compares two values of a type in their text form.
func compareCells(kind, a, b string) int {
	switch kind {
	case "int4", "int8", "int", "bigint":
		x, _ := strconv.ParseInt(a, 10, 64)
		y, err := strconv.ParseInt(b, 10, 64)
		if err != nil {
			return -1
		}
		return int(min(max(x-y, -1), 1))
	case "bool", "boolean":
		return strings.Compare(truth(a), truth(b))
	case "timestamptz", "timestamp", "datetime":
		return strings.Compare(a, strings.Replace(b, " ", "T", 1))
	}
	return strings.Compare(a, b)
}

func truth(s string) string {
	switch strings.ToLower(s) {
	case "t", "true", "1", "yes", "on":
		return "t"
	}
	return "f"
}

// like matches SQL's LIKE, with % and _.
func like(s, pattern string) bool {
	star, mark := -1, 0
	i, j := 0, 0
	for i < len(s) {
		switch {
		case j < len(pattern) && pattern[j] == '%':
			star, mark = j, i
			j++
		case j < len(pattern) && (pattern[j] == '_' || pattern[j] == s[i]):
			i++
			j++
		case star >= 0:
			mark++
			i, j = mark, star+1
		default:
			return false
		}
	}
	return strings.Trim(pattern[j:], "%") == ""
}

// writeCell writes a value as the drivers give it: integers, booleans and null
// as such, the rest as text.
func writeCell(w *guest.Writer, kind, cell string) {
	switch {
	case cell == world.Null:
		w.Null()
	case kind == "int4" || kind == "int" || kind == "bool" || kind == "boolean":
		w.Raw([]byte(cell))
	default:
		w.Str(cell)
	}
}
