package pgsql

import "strings"

// rowMaker gathers the rows of a system relation as text, which takes far less code
// and memory than values would.
type rowMaker struct {
	x    *exec
	rel  *relation
	same *rowShape
	rows []madeRow
}

// rowShape is what rows have in common.
type rowShape struct {
	base  []Value // what is the same in every row
	slots []int   // columns of the cells that are given, in order
}

// madeRow is a row of a system relation.
type madeRow struct {
	*rowShape
	cells []string
}

// fill puts the columns that are used into row.
func (r madeRow) fill(x *exec, cols []relCol, used func(int) bool, row []Value) {
	copy(row, r.base)
	for i, at := range r.slots {
		if used(at) {
			row[at] = x.cell(cols[at], r.cells[i])
		}
	}
}

// shape says what the rows hold: "name=value" is in every row, "name" is given.
func (m *rowMaker) shape(list string) {
	m.same = &rowShape{base: make([]Value, len(m.rel.cols))}
	for f := range strings.FieldsSeq(list) {
		name, value, fixed := strings.Cut(f, "=")
		for i, c := range m.rel.cols {
			switch {
			case c.name != name:
			case fixed:
				m.same.base[i] = m.x.input(c.t, c.mod, value)
			default:
				m.same.slots = append(m.same.slots, i)
			}
		}
	}
}

// add adds a row; [Null] is NULL.
func (m *rowMaker) add(cells ...string) {
	m.rows = append(m.rows, madeRow{m.same, cells})
}

// tf is a bool as text.
func tf(b bool) string {
	if b {
		return "t"
	}
	return "f"
}

func yesNo(b bool) string {
	if b {
		return "YES"
	}
	return "NO"
}

// orNull is a text, or NULL for an empty one.
func orNull(s string) string {
	if s == "" {
		return Null
	}
	return s
}

// listText is an array of numbers as text.
func listText(list []int64) string { return "{" + strings.ReplaceAll(vectorText(list), " ", ",") + "}" }

func vectorText(list []int64) string {
	parts := make([]string, len(list))
	for i, n := range list {
		parts[i] = intText(n)
	}
	return strings.Join(parts, " ")
}
