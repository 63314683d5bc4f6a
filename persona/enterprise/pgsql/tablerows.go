package pgsql

import "slices"

// maxCached is how many values of tables an engine keeps between texts. Rows beyond
// it are made again whenever they are read.
const maxCached = 60_000

// tableRows are the rows of a table that were read, and where values are.
type tableRows struct {
	rows    [][]Value
	indexes map[int]map[string][]int32 // by column
}

// row is a row of a table. It must not be changed.
func (r *relation) row(x *exec, i int) []Value {
	if i < len(r.rows) && r.rows[i] != nil {
		return r.rows[i]
	}
	cells := r.table.Row(i)
	row := make([]Value, len(r.cols))
	for k, c := range r.cols {
		row[k] = x.cell(c, cells[k])
	}
	if r.rows == nil {
		r.rows = make([][]Value, r.table.Len())
	}
	if x.cached += len(row); x.cached <= maxCached && i < len(r.rows) {
		r.rows[i] = row
	}
	return row
}

// find are the numbers of the rows whose column holds a value.
func (r *relation) find(x *exec, column int, v Value) []int32 {
	t := r.cols[column].t
	index := r.indexes[column]
	if index == nil {
		index = map[string][]int32{}
		for i := range r.table.Len() {
			x.spend(1)
			if v := r.row(x, i)[column]; v.ok {
				key := string(appendKey(nil, t, v))
				index[key] = append(index[key], int32(i))
			}
		}
		if x.cached += r.table.Len(); x.cached <= maxCached {
			if r.indexes == nil {
				r.indexes = map[int]map[string][]int32{}
			}
			r.indexes[column] = index
		}
	}
	var buf [64]byte
	return index[string(appendKey(buf[:0], t, v))]
}

// reader sets the columns of a frame that something reads.
type reader struct {
	lo      int
	columns []int
}

func (st *step) reader() reader {
	var out []int
	for i, c := range st.cols {
		if c.used {
			out = append(out, i)
		}
	}
	return reader{st.lo, out}
}

func (r reader) read(f *frame, row []Value) {
	for _, i := range r.columns {
		f.row[r.lo+i] = row[i]
	}
}

// scanTable reads a table from its first row to the last, or the rows where a column
// has a value.
func (st *step) scanTable(x *exec) source {
	rel, eq, column := st.rel, (*typed)(nil), 0
	if eq, column = st.indexable(); eq != nil && eq.set != nil {
		eq = nil
	}
	return func(f *frame, yield func() bool) bool {
		rd := st.reader()
		if eq != nil {
			v := eq.eval(f)
			if !v.ok {
				return true
			}
			for _, i := range rel.find(x, column, v) {
				x.spend(1)
				rd.read(f, rel.row(x, int(i)))
				if !yield() {
					return false
				}
			}
			return true
		}
		n := rel.table.Len()
		for i := range n {
			x.spend(1)
			if st.backward {
				i = n - 1 - i
			}
			if len(rd.columns) > 0 {
				rd.read(f, rel.row(x, i))
			}
			if !yield() {
				return false
			}
		}
		return true
	}
}

// lookup joins by looking up rows of a table: what the right side of a join is when
// an equality names one of its columns. It returns nil where that is not so.
func (j *joinStep) lookup(x *exec, left source, keys []*equality) source {
	r := j.r
	if j.kind == "full" || r.join != nil || r.rel == nil || r.rel.table == nil {
		return nil
	}
	for _, k := range keys {
		if k.r.slot < r.lo || k.r.slot >= r.hi || k.r.t != r.cols[k.r.slot-r.lo].t || !hashable(k.l.t, k.r.t) {
			continue
		}
		return j.lookups(x, left, k)
	}
	return nil
}

func (j *joinStep) lookups(x *exec, left source, k *equality) source {
	r, rel, column := j.r, j.r.rel, k.r.slot-j.r.lo
	conds := slices.Clip(r.conds)
	for _, c := range j.on {
		if c.eq == nil || c.eq.l != k.r && c.eq.r != k.r {
			conds = append(conds, c)
		}
	}
	return func(f *frame, yield func() bool) bool {
		rd := r.reader()
		return left(f, func() bool {
			hit := false
			if v := k.l.eval(f); v.ok {
				for _, i := range rel.find(x, column, v) {
					x.spend(1)
					rd.read(f, rel.row(x, int(i)))
					if !allTrue(f, conds) {
						continue
					}
					hit = true
					if !yield() {
						return false
					}
				}
			}
			if hit || j.kind != "left" {
				return true
			}
			clear(f.row[r.lo:r.hi])
			return yield()
		})
	}
}

func allTrue(f *frame, conds []*typed) bool {
	for _, c := range conds {
		if !c.eval(f).truth() {
			return false
		}
	}
	return true
}
