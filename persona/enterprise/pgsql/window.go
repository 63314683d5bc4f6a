package pgsql

import "slices"

// windowing is the window functions of a query level.
type windowing struct {
	named []*window
	calls []*windowCall
}

// windowCall is one call with its window.
type windowCall struct {
	name      string
	args      []*typed
	agg       *aggCall
	partition []*typed
	order     []*typed
	keys      []sortKey
	frame     *frameClause
	bounds    [2]*typed
	slot      int
	types     []*Type
}

func (s *scope) windowCall(e *call, list []*signature) *typed {
	name := e.name[len(e.name)-1]
	switch {
	case s.clause != "" && s.clause != "ORDER BY":
		failAt(e.where(), codeWindowing, "window functions are not allowed in "+s.clause)
	case s.windows == nil:
		failAt(e.where(), codeWindowing, "window functions are not allowed here")
	case e.distinct:
		failAt(e.where(), codeUnsupported, "DISTINCT is not implemented for window functions")
	case s.inWindow:
		failAt(e.where(), codeWindowing, "window function calls cannot be nested")
	}
	s.inWindow = true
	defer func() { s.inWindow = false }()
	w := &windowCall{name: name}
	s.over(w, e)
	var ret *Type
	if list[0].kind == 'a' {
		plain := *e
		plain.over = nil
		w.agg, ret = s.windowAggregate(&plain, list)
	} else {
		w.args = s.arguments(e)
		c := s.chooseFunction(e, name, list, w.args)
		for i := range w.args {
			w.args[i] = s.coerce(w.args[i], c.types[i], noMod, false)
		}
		ret, w.types = c.ret, c.types
	}
	w.slot = s.width
	s.width++
	s.windows.calls = append(s.windows.calls, w)
	return slotReader(ret, w.slot)
}

// windowAggregate resolves an aggregate over a window: its arguments may be
// aggregates of the groups.
func (s *scope) windowAggregate(e *call, list []*signature) (*aggCall, *Type) {
	name := e.name[len(e.name)-1]
	args := s.arguments(e)
	c := s.chooseFunction(e, name, list, args)
	for i := range args {
		args[i] = s.coerce(args[i], c.types[i], noMod, false)
	}
	ev := &env{x: s.x, types: c.types, ret: c.ret, name: name}
	mk := aggregates()[name]
	if mk == nil || e.order != nil {
		unsupported(e.where(), "this aggregate over a window")
	}
	a := &aggCall{make: func() accumulator { return mk(ev) }, args: args, width: len(args)}
	if e.filter != nil {
		a.filter = s.boolean(e.filter, "FILTER")
	}
	return a, c.ret
}

func (s *scope) over(w *windowCall, e *call) {
	spec := e.over
	if spec.name != "" {
		base := s.namedWindow(spec)
		merged := *base
		merged.order = append(merged.order, spec.order...)
		if spec.frame != nil {
			merged.frame = spec.frame
		}
		spec = &merged
	}
	for _, p := range spec.partition {
		w.partition = append(w.partition, s.known(s.expr(p)))
	}
	for i, o := range spec.order {
		t := s.known(s.expr(o.x))
		w.order = append(w.order, t)
		w.keys = append(w.keys, sortKey{i, t.t, o.desc, o.nullsFirst})
	}
	if w.frame = spec.frame; w.frame == nil {
		return
	}
	s.frameBounds(w, spec.at)
}

func (s *scope) namedWindow(spec *window) *window {
	for _, w := range s.windows.named {
		if w.name == spec.name {
			return w
		}
	}
	failAt(spec.at, codeUndefined, `window "`+spec.name+`" does not exist`)
	return nil
}

// windowRow is a row of the input with what it is ordered by.
type windowRow struct {
	row  []Value
	keys []Value
	part string
}

// source computes all window functions over the rows of src.
func (ws *windowing) source(s *scope, src source) source {
	x := s.x
	return func(f *frame, yield func() bool) bool {
		var rows []*windowRow
		src(f, func() bool {
			rows = append(rows, &windowRow{row: x.copied(f.row)})
			return true
		})
		for _, w := range ws.calls {
			rows = w.compute(x, f, rows)
		}
		for _, r := range rows {
			copy(f.row, r.row)
			if !yield() {
				return false
			}
		}
		return true
	}
}

func (w *windowCall) compute(x *exec, f *frame, rows []*windowRow) []*windowRow {
	for _, r := range rows {
		copy(f.row, r.row)
		x.spend(1)
		r.part = evalKey(f, w.partition)
		r.keys = make([]Value, len(w.order))
		for i, o := range w.order {
			r.keys[i] = o.eval(f)
		}
	}
	if len(w.partition) > 0 || len(w.keys) > 0 {
		w.sort(x, f, rows)
	}
	for start := 0; start < len(rows); {
		end := start + 1
		for end < len(rows) && rows[end].part == rows[start].part {
			end++
		}
		w.partitionOf(x, f, rows[start:end])
		start = end
	}
	return rows
}

func evalKey(f *frame, list []*typed) string {
	var b []byte
	for _, e := range list {
		b = appendKey(b, e.t, e.eval(f))
	}
	return string(b)
}

func (w *windowCall) sort(x *exec, f *frame, rows []*windowRow) {
	parts := make([]sortKey, len(w.partition))
	vals := map[*windowRow][]Value{}
	for i, p := range w.partition {
		parts[i] = sortKey{col: i, t: p.t}
	}
	for _, r := range rows {
		copy(f.row, r.row)
		for _, p := range w.partition {
			vals[r] = append(vals[r], p.eval(f))
		}
	}
	slices.SortStableFunc(rows, func(a, b *windowRow) int {
		x.spend(1)
		if c := compareKeysOf(vals[a], vals[b], parts); c != 0 {
			return c
		}
		return compareKeysOf(a.keys, b.keys, w.keys)
	})
}

// partitionOf computes one partition, in order.
func (w *windowCall) partitionOf(x *exec, f *frame, rows []*windowRow) {
	if w.agg != nil || w.name == "first_value" || w.name == "last_value" || w.name == "nth_value" {
		w.framed(x, f, rows)
		return
	}
	rank, dense := int64(0), int64(0)
	for i, r := range rows {
		if i == 0 || compareKeysOf(rows[i-1].keys, r.keys, w.keys) != 0 {
			rank, dense = int64(i+1), dense+1
		}
		x.spend(1)
		r.row[w.slot] = w.value(f, rows, i, rank, dense)
	}
}

func (w *windowCall) value(f *frame, rows []*windowRow, i int, rank, dense int64) Value {
	n := len(rows)
	switch w.name {
	case "row_number":
		return intValue(int64(i + 1))
	case "rank":
		return intValue(rank)
	case "dense_rank":
		return intValue(dense)
	case "percent_rank":
		if n == 1 {
			return floatValue(0)
		}
		return floatValue(float64(rank-1) / float64(n-1))
	case "cume_dist":
		return floatValue(float64(w.peersEnd(rows, i)) / float64(n))
	case "ntile":
		return w.ntile(f, rows, i)
	}
	return w.shifted(f, rows, i)
}

func (w *windowCall) arg(f *frame, r *windowRow, i int) Value {
	copy(f.row, r.row)
	return w.args[i].eval(f)
}

func (w *windowCall) ntile(f *frame, rows []*windowRow, i int) Value {
	v := w.arg(f, rows[0], 0)
	if !v.ok {
		return v
	}
	if v.n <= 0 {
		fail("22014", "argument of ntile must be greater than zero")
	}
	size, extra := int64(len(rows))/v.n, int64(len(rows))%v.n
	at := int64(i)
	if at < extra*(size+1) {
		return intValue(at/(size+1) + 1)
	}
	return intValue((at-extra*(size+1))/size + extra + 1)
}

// shifted is lag and lead.
func (w *windowCall) shifted(f *frame, rows []*windowRow, i int) Value {
	by := int64(1)
	if len(w.args) > 1 {
		v := w.arg(f, rows[i], 1)
		if !v.ok {
			return v
		}
		by = v.n
	}
	if w.name == "lag" {
		by = -by
	}
	at := int64(i) + by
	if at >= 0 && at < int64(len(rows)) {
		return w.arg(f, rows[at], 0)
	}
	if len(w.args) > 2 {
		return w.arg(f, rows[i], 2)
	}
	return Value{}
}

// peersEnd is the position behind the last row that is equal in order.
func (w *windowCall) peersEnd(rows []*windowRow, i int) int {
	end := i + 1
	for end < len(rows) && compareKeysOf(rows[i].keys, rows[end].keys, w.keys) == 0 {
		end++
	}
	return end
}

// framed computes aggregates and values over the frame of each row.
func (w *windowCall) framed(x *exec, f *frame, rows []*windowRow) {
	excludes := w.frame != nil && w.frame.exclude != "" && w.frame.exclude != "no"
	growing := w.frame == nil || w.frame.start.kind == "unbounded preceding" && !excludes
	var acc accumulator
	done, last := 0, -1
	var v Value
	for i, r := range rows {
		lo, hi := w.span(f, rows, i, last)
		last = hi
		frame := rows
		if excludes {
			frame, lo, hi = w.without(rows, i, lo, hi)
		}
		if w.agg == nil {
			v = w.pick(f, frame, r, lo, hi)
			r.row[w.slot] = v
			continue
		}
		if acc == nil || !growing || hi < done {
			acc, done = w.agg.start(), lo
		} else if hi == done && i > 0 {
			r.row[w.slot] = v
			continue
		}
		for ; done < hi; done++ {
			x.spend(1)
			copy(f.row, frame[done].row)
			w.agg.feed(x, f, acc)
		}
		v = acc.result()
		r.row[w.slot] = v
	}
}

// span is the frame of row i, from lo up to hi. last is the end of the frame of
// the row before, -1 for none.
func (w *windowCall) span(f *frame, rows []*windowRow, i, last int) (lo, hi int) {
	if w.frame == nil {
		if last > i {
			return 0, last
		}
		return 0, w.peersEnd(rows, i)
	}
	lo = w.bound(f, rows, i, w.frame.start, 0)
	hi = w.bound(f, rows, i, w.frame.end, 1)
	return min(max(lo, 0), len(rows)), min(max(hi, lo, 0), len(rows))
}

func (w *windowCall) bound(f *frame, rows []*windowRow, i int, b frameBound, end int) int {
	switch b.kind {
	case "unbounded preceding":
		return 0
	case "unbounded following":
		return len(rows)
	case "current row":
		switch {
		case w.frame.mode == "rows":
			return i + end
		case end == 1:
			return w.peersEnd(rows, i)
		}
		return w.peersStart(rows, i)
	}
	copy(f.row, rows[i].row)
	v := w.bounds[end].eval(f)
	if w.frame.mode == "range" {
		if !v.ok || negative(w.bounds[end].t, v) {
			fail("22013", "invalid preceding or following size in window function")
		}
		return w.rangeBound(f.x, rows, i, end, v, b.kind)
	}
	if !v.ok || v.n < 0 {
		fail("22013", "frame "+[2]string{"starting", "ending"}[end]+" offset must not be negative")
	}
	if w.frame.mode == "groups" {
		return w.groupBound(rows, i, end, min(v.n, int64(len(rows))), b.kind)
	}
	n := int(min(v.n, int64(len(rows))))
	if b.kind == "preceding" {
		n = -n
	}
	return i + n + end
}

func (w *windowCall) pick(f *frame, rows []*windowRow, own *windowRow, lo, hi int) Value {
	at := lo
	switch w.name {
	case "last_value":
		at = hi - 1
	case "nth_value":
		v := w.arg(f, own, 1)
		if !v.ok {
			return v
		}
		if v.n <= 0 {
			fail("22016", "argument of nth_value must be greater than zero")
		}
		at = lo + int(min(v.n, 1<<30)) - 1
	}
	if at < lo || at >= hi {
		return Value{}
	}
	return w.arg(f, rows[at], 0)
}
