package enterprise

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/killdeer-mcp/killdeer/persona/enterprise/ql"
	"github.com/killdeer-mcp/killdeer/persona/world"
	"github.com/killdeer-mcp/killdeer/sdk/guest"
)

// constant is a value in the form that cells are compared in.
func (r *cqlRun) constant(col world.Column, a ql.Arg) (string, bool) {
	if a.Call {
		return r.called(a)
	}
	if col.Type != "timestamp" {
		return sortKey(col.Type, a.Text), true
	}
	if ms, err := strconv.ParseInt(a.Text, 10, 64); err == nil {
		return time.UnixMilli(ms).UTC().Format(milliTime), true
	}
	t, _, ok := ql.Date(a.Text)
	return format(t, milliTime), ok
}

// called evaluates the functions that stand for times.
func (r *cqlRun) called(a ql.Arg) (string, bool) {
	switch a.Text {
	case "now", "uuid", "currenttimeuuid":
		return timeKey(r.v.now, "0"), true
	case "currenttimestamp", "totimestamp", "dateof":
		return format(r.v.now, milliTime), true
	case "mintimeuuid", "maxtimeuuid":
		if len(a.Args) != 1 {
			return "", false
		}
		t, _, ok := ql.Date(a.Args[0])
		return timeKey(t, map[string]string{"mintimeuuid": "", "maxtimeuuid": "~"}[a.Text]), ok
	}
	return "", false
}

// gregorian is the distance from the epoch of version 1 UUIDs to 1970, in 100 ns.
const gregorian = 0x01b21dd213814000

// timeKey is a time in the form that version 1 UUIDs are compared in: the hours
// first, as hexadecimal digits.
func timeKey(t time.Time, tail string) string {
	n := uint64(t.Unix())*10_000_000 + uint64(t.Nanosecond()/100) + gregorian
	return strconv.FormatUint(n|1<<60, 16)[1:] + tail
}

// sortKey turns a cell into what sorts as its type does: UUIDs of version 1 by
// their time, numbers by their value, the rest as text.
func sortKey(kind, cell string) string {
	switch kind {
	case "timeuuid":
		if len(cell) == 36 {
			return strings.ToLower(cell[15:18] + cell[9:13] + cell[:8] + cell[19:])
		}
	case "uuid":
		return strings.ToLower(cell)
	case "int", "bigint":
		n, _ := strconv.ParseInt(cell, 10, 64)
		digits := strconv.FormatUint(uint64(n)^1<<63, 16)
		return "0000000000000000"[len(digits):] + digits
	}
	return cell
}

// token is the token of a partition key.
func token(kind, cell string) int64 {
	if kind != "int" {
		return ql.Token([]byte(cell))
	}
	n, _ := strconv.ParseInt(cell, 10, 32)
	return ql.Token([]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)})
}

// rows are the positions of the rows that are asked for: partitions in the order
// of their tokens, within them by the clustering columns.
func (r *cqlRun) rows() []int {
	var out []int
	r.v.waste += 128 * r.t.n
	for i := range r.t.n {
		if r.keeps(r.t.row(i)) {
			out = append(out, i)
		}
	}
	out = r.sorted(out)
	if r.q.Distinct {
		out = r.perPartition(out, 1)
	} else if r.q.Each > 0 {
		out = r.perPartition(out, r.q.Each)
	}
	if r.q.Limit > 0 && !r.aggregates() {
		out = ql.Window(out, 0, r.q.Limit)
	}
	return out
}

func (r *cqlRun) keeps(row []string) bool {
	for _, c := range r.q.Where {
		if !r.meets(row, c) {
			return false
		}
	}
	return true
}

func (r *cqlRun) meets(row []string, c *ql.Clause) bool {
	if strings.HasPrefix(c.Field, "token(") {
		have := token(r.t.columns[0].Type, row[0])
		a := c.Args[0]
		want, _ := strconv.ParseInt(a.Text, 10, 64)
		if a.Call {
			want = token(r.t.columns[0].Type, a.Args[0])
		}
		return ql.Compares(c.Cmp, compareInts(have, want))
	}
	col := r.t.column(c.Field)
	if row[col] == world.Null {
		return false
	}
	wants, ok := c.Cache.([]string)
	if !ok {
		for _, a := range c.Args {
			want, _ := r.constant(r.t.columns[col], a)
			wants = append(wants, want)
		}
		c.Cache = wants
	}
	have := sortKey(r.t.columns[col].Type, row[col])
	if c.Cmp == "in" {
		return slices.Contains(wants, have)
	}
	return ql.Compares(c.Cmp, strings.Compare(have, wants[0]))
}

func compareInts(a, b int64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

func (r *cqlRun) sorted(rows []int) []int {
	tokens, cells := make([]int64, len(rows)), make([]string, len(rows))
	known := map[string]int64{}
	order := make([]int, len(rows))
	for k, i := range rows {
		row := r.t.row(i)
		t, ok := known[row[0]]
		if !ok {
			t = token(r.t.columns[0].Type, row[0])
			known[row[0]] = t
		}
		order[k], tokens[k], cells[k] = k, t, r.clusteringKey(row)
	}
	desc := len(r.q.Order) > 0 && r.q.Order[0].Desc
	ql.Sort(order, func(a, b int) int {
		if sign := compareInts(tokens[a], tokens[b]); sign != 0 {
			return sign
		}
		if desc {
			a, b = b, a
		}
		return strings.Compare(cells[a], cells[b])
	})
	for k, o := range order {
		order[k] = rows[o]
	}
	return order
}

func (r *cqlRun) clusteringKey(row []string) string {
	if r.t.clustering == 1 {
		return sortKey(r.t.columns[1].Type, row[1])
	}
	var text strings.Builder
	for i := 1; i <= r.t.clustering; i++ {
		text.WriteString(sortKey(r.t.columns[i].Type, row[i]) + "\x00")
	}
	return text.String()
}

// perPartition keeps the first n rows of each partition.
func (r *cqlRun) perPartition(rows []int, n int) []int {
	seen := map[string]int{}
	return slices.DeleteFunc(rows, func(i int) bool {
		key := r.t.row(i)[0]
		seen[key]++
		return seen[key] > n
	})
}

func (r *cqlRun) aggregates() bool {
	return slices.ContainsFunc(r.q.Items, func(it ql.Item) bool { return isAggregate(it.Func) })
}

// cqlColumn is one column of a result.
type cqlColumn struct {
	name, kind string
	item       ql.Item
	cell       func(row []string) string
}

// columns are the columns of the result, one of each name.
func (r *cqlRun) columns() []cqlColumn {
	var out []cqlColumn
	add := func(c cqlColumn) {
		if !slices.ContainsFunc(out, func(have cqlColumn) bool { return have.name == c.name }) {
			out = append(out, c)
		}
	}
	for _, it := range r.q.Items {
		if it.Column == "*" && it.Func == "" {
			for i, c := range r.t.columns {
				add(cqlColumn{c.Name, c.Type, it, func(row []string) string { return row[i] }})
			}
			continue
		}
		add(r.item(it))
	}
	return out
}

func (r *cqlRun) item(it ql.Item) cqlColumn {
	i := max(0, r.t.column(it.Column))
	c := cqlColumn{it.Alias, r.t.columns[i].Type, it, func(row []string) string { return row[i] }}
	of := r.t.columns[i].Type
	if it.Func != "" {
		if kind := cqlItems[it.Func]; kind != "" {
			c.kind = kind
		}
		c.cell = func(row []string) string { return r.function(it.Func, of, row, i) }
	}
	switch {
	case c.name != "":
	case it.Func == "":
		c.name = r.t.columns[i].Name
	case it.Func == "count" && (it.Column == "*" || it.Column == "1"):
		c.name = "count"
	case it.Func == "writetime" || it.Func == "ttl":
		c.name = say("%(%)", it.Func, it.Column)
	default:
		c.name = say("system.%(%)", it.Func, it.Column)
	}
	return c
}

// function computes a function of one cell.
func (r *cqlRun) function(name, kind string, row []string, i int) string {
	cell := row[i]
	switch name {
	case "token":
		return strconv.FormatInt(token(kind, cell), 10)
	case "ttl":
		return world.Null
	case "writetime":
		return strconv.FormatInt(r.written(row).UnixMicro(), 10)
	}
	at, ok := uuidTime(cell)
	if kind == "timestamp" {
		at, _, ok = ql.Date(cell)
	}
	switch {
	case !ok:
		return world.Null
	case name == "tounixtimestamp" || name == "unixtimestampof":
		return strconv.FormatInt(at.UnixMilli(), 10)
	case name == "todate":
		return format(at, milliTime)[:10]
	}
	return format(at, milliTime)
}

// written is when a row was written: the time of the UUID that clusters it.
func (r *cqlRun) written(row []string) time.Time {
	for i := range r.t.columns {
		if at, ok := uuidTime(row[i]); ok {
			return at
		}
	}
	return r.v.Org.Founded
}

// uuidTime is the time in a UUID of version 1.
func uuidTime(s string) (time.Time, bool) {
	if len(s) != 36 || s[14] != '1' {
		return time.Time{}, false
	}
	n, err := strconv.ParseUint(s[15:18]+s[9:13]+s[:8], 16, 64)
	if err != nil || n < gregorian {
		return time.Time{}, false
	}
	n -= gregorian
	return time.Unix(int64(n/10_000_000), int64(n%10_000_000)*100).UTC(), true
}

func (r *cqlRun) write(w *guest.Writer, rows []int, more string) error {
	columns := r.columns()
	w.Obj().Key("rows").Arr()
	for _, i := range rows {
		row := r.t.row(i)
		w.Obj()
		for _, c := range columns {
			w.Key(c.name)
			writeCQL(w, c.kind, c.cell(row))
		}
		w.End()
	}
	w.End()
	writeColumns(w, columns)
	if w.Key("paging_state"); more == "" {
		w.Null().End()
	} else {
		w.Str(more).End()
	}
	return nil
}

func writeColumns(w *guest.Writer, columns []cqlColumn) {
	w.Key("metadata").Obj().Key("columns").Arr()
	for _, c := range columns {
		w.Obj().Key("name").Str(c.name).Key("type").Str(cqlType(c.kind)).End()
	}
	w.End().End()
}

// writeCQL writes a value as the driver gives it: integers of 64 bits as text.
func writeCQL(w *guest.Writer, kind, cell string) {
	switch {
	case cell == world.Null:
		w.Null()
	case kind == "int" || kind == "boolean" || kind == "map":
		w.Raw([]byte(cell))
	default:
		w.Str(cell)
	}
}

// writeAggregate writes the one row that aggregates make of all rows.
func (r *cqlRun) writeAggregate(w *guest.Writer, rows []int) error {
	columns := r.columns()
	w.Obj().Key("rows").Arr().Obj()
	for _, c := range columns {
		w.Key(c.name)
		writeCQL(w, c.kind, r.aggregate(c.item, rows))
	}
	w.End().End()
	writeColumns(w, columns)
	w.Key("paging_state").Null().End()
	return nil
}

func (r *cqlRun) aggregate(it ql.Item, rows []int) string {
	if it.Func == "count" {
		return strconv.Itoa(len(rows))
	}
	col := max(0, r.t.column(it.Column))
	kind := r.t.columns[col].Type
	best, sum := world.Null, int64(0)
	for _, i := range rows {
		cell := r.t.row(i)[col]
		sign := strings.Compare(sortKey(kind, cell), sortKey(kind, best))
		if best == world.Null || it.Func == "min" && sign < 0 || it.Func == "max" && sign > 0 {
			best = cell
		}
		n, _ := strconv.ParseInt(cell, 10, 64)
		sum += n
		if !isAggregate(it.Func) {
			return cell // a plain column shows the first row
		}
	}
	switch it.Func {
	case "sum":
		return strconv.FormatInt(sum, 10)
	case "avg":
		return strconv.FormatInt(sum/int64(max(1, len(rows))), 10)
	}
	return best
}
