package pgsql

// frameBounds resolves the offsets of a frame.
func (s *scope) frameBounds(w *windowCall, at int) {
	for i, b := range [...]frameBound{w.frame.start, w.frame.end} {
		if b.n == nil {
			continue
		}
		t := tInt8
		if w.frame.mode == "range" {
			t = s.rangeOffset(w, at, b.n.where())
		} else if w.frame.mode == "groups" && len(w.keys) == 0 {
			failAt(at, codeWindowing, "GROUPS mode requires an ORDER BY clause")
		}
		w.bounds[i] = s.coerce(s.expr(b.n), t, noMod, false)
	}
}

// rangeOffset is the type of an offset from the column that a window is ordered by.
func (s *scope) rangeOffset(w *windowCall, at, offsetAt int) *Type {
	if len(w.keys) != 1 {
		failAt(at, codeWindowing, "RANGE with offset PRECEDING/FOLLOWING requires exactly one ORDER BY column")
	}
	switch t := w.keys[0].t; {
	case t.number() && t != tOid:
		return t
	case t.timeLike() || t == tDate || t == tInterval || t == tTime:
		return tInterval
	default:
		failAt(offsetAt, codeUnsupported, "RANGE with offset PRECEDING/FOLLOWING is not supported for column type "+t.SQL)
		return nil
	}
}

// rangeBound is the position of a frame's bound at a distance from row i: the first
// row that is not before it, or behind the last that is not after it.
func (w *windowCall) rangeBound(x *exec, rows []*windowRow, i, end int, by Value, kind string) int {
	key := w.keys[0]
	own := rows[i].keys[0]
	if !own.ok {
		if end == 1 {
			return w.peersEnd(rows, i)
		}
		return w.peersStart(rows, i)
	}
	limit := distant(key.t, own, by, (kind == "preceding") == !key.desc)
	for n := range rows {
		x.spend(1)
		v := rows[n].keys[0]
		c := 0
		switch {
		case !v.ok:
			c = 1
			if key.nullsFirst {
				c = -1
			}
		case key.desc:
			c = compare(key.t, limit, v)
		default:
			c = compare(key.t, v, limit)
		}
		if c > 0 || c == 0 && end == 0 {
			return n
		}
	}
	return len(rows)
}

// distant is a value less or more than another by an offset.
func distant(t *Type, v, by Value, less bool) Value {
	sign := int64(1)
	if less {
		sign = -1
	}
	switch {
	case t.integral():
		n := v.n + sign*by.n
		if (n > v.n) != (sign*by.n > 0) && by.n != 0 {
			n = sign * int64(1<<62)
		}
		return intValue(n)
	case t.member() == nil && by.x != nil && t != tNumeric && less:
		return distant(t, v, by.span().neg(), false)
	case t == tNumeric && less:
		return decValue(v.dec().sub(by.dec()))
	case t == tNumeric:
		return decValue(v.dec().add(by.dec()))
	case t == tFloat4 || t == tFloat8:
		return floatValue(v.float() + float64(sign)*by.float())
	case t == tDate:
		return stampDate(addInterval(dateStamp(v.n), by.span()))
	case t == tTime:
		return intValue(v.n + by.span().us)
	case t == tInterval:
		return v.span().add(by.span())
	}
	return intValue(addInterval(v.n, by.span()))
}

func negative(t *Type, v Value) bool {
	switch {
	case t == tNumeric:
		return v.dec().sign() < 0
	case t == tFloat4 || t == tFloat8:
		return v.float() < 0
	case t == tInterval:
		return v.span().span() < 0
	}
	return v.n < 0
}

// peersStart is the position of the first row that is equal in order.
func (w *windowCall) peersStart(rows []*windowRow, i int) int {
	for i > 0 && compareKeysOf(rows[i-1].keys, rows[i].keys, w.keys) == 0 {
		i--
	}
	return i
}

// groupBound is the position of a bound that is some groups of peers away.
func (w *windowCall) groupBound(rows []*windowRow, i, end int, n int64, kind string) int {
	lo, hi := w.peersStart(rows, i), w.peersEnd(rows, i)
	for ; n > 0; n-- {
		switch {
		case kind == "preceding" && lo == 0:
			return 0
		case kind == "preceding":
			hi = lo
			lo = w.peersStart(rows, lo-1)
		case hi == len(rows):
			return len(rows)
		default:
			lo = hi
			hi = w.peersEnd(rows, hi)
		}
	}
	if end == 1 {
		return hi
	}
	return lo
}

// excluded are the rows that EXCLUDE takes out of the frame of row i: from lo up to
// hi, but for keep.
func (w *windowCall) excluded(rows []*windowRow, i int) (lo, hi, keep int) {
	switch w.frame.exclude {
	case "current":
		return i, i + 1, -1
	case "group":
		return w.peersStart(rows, i), w.peersEnd(rows, i), -1
	}
	return w.peersStart(rows, i), w.peersEnd(rows, i), i
}

// without is the frame of row i with what EXCLUDE leaves.
func (w *windowCall) without(rows []*windowRow, i, lo, hi int) (left []*windowRow, from, to int) {
	out, end, keep := w.excluded(rows, i)
	for n := lo; n < hi; n++ {
		if n < out || n >= end || n == keep {
			left = append(left, rows[n])
		}
	}
	return left, 0, len(left)
}
