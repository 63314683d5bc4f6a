package pgsql

import "strings"

// rowMaker gathers the rows of a system relation from text, which takes far less
// code than values would.
type rowMaker struct {
	x     *exec
	rel   *relation
	base  []Value // what is the same in every row
	slots []int   // columns of the cells that are given, in order
	rows  [][]Value
}

// shape says what the rows hold: "name=value" is in every row, "name" is given.
func (m *rowMaker) shape(list string) {
	m.base, m.slots = make([]Value, len(m.rel.cols)), nil
	for f := range strings.FieldsSeq(list) {
		name, value, fixed := strings.Cut(f, "=")
		for i, c := range m.rel.cols {
			switch {
			case c.name != name:
			case fixed:
				m.base[i] = m.x.input(c.t, c.mod, value)
			default:
				m.slots = append(m.slots, i)
			}
		}
	}
}

// add adds a row; [Null] is NULL.
func (m *rowMaker) add(cells ...string) {
	row := append([]Value(nil), m.base...)
	for i, at := range m.slots {
		row[at] = m.x.cell(m.rel.cols[at], cells[i])
	}
	m.rows = append(m.rows, row)
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
