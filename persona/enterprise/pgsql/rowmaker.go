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

// wantedCells is what of a shape's rows a scan reads.
type wantedCells struct {
	*rowShape
	fixed []int    // columns that are the same in every row
	given [][2]int // columns and their cells
}

func (r *rowShape) wanted(used func(int) bool, columns int) wantedCells {
	w := wantedCells{rowShape: r}
	given := make([]bool, columns)
	for i, at := range r.slots {
		if given[at] = true; used(at) {
			w.given = append(w.given, [2]int{at, i})
		}
	}
	for i := range columns {
		if used(i) && !given[i] {
			w.fixed = append(w.fixed, i)
		}
	}
	return w
}

// fill puts the columns that are wanted into row.
func (w *wantedCells) fill(x *exec, cols []relCol, cells []string, row []Value) {
	for _, at := range w.fixed {
		row[at] = w.base[at]
	}
	for _, g := range w.given {
		row[g[0]] = x.cell(cols[g[0]], cells[g[1]])
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
