package enterprise

import (
	"slices"
	"strings"

	"github.com/killdeer-mcp/killdeer/persona/world"
)

// source is a table at one moment.
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
