package enterprise

import (
	"slices"
	"strconv"
	"strings"

	"github.com/killdeer-mcp/killdeer/persona/enterprise/ql"
	"github.com/killdeer-mcp/killdeer/persona/world"
	"github.com/killdeer-mcp/killdeer/sdk/guest"
)

const (
	maxSOQL   = 2000 // records of one answer
	maxOffset = 2000
	maxFields = 200 // LIMIT that FIELDS() asks for at most
)

var errSOQLTime = ql.SOQLError("QUERY_TIMEOUT", "Your query request was running for too long.")

func salesforceQuery(v *view, a args, w *guest.Writer) error {
	text := a.text("query")
	q, err := ql.ParseSOQL(text)
	if err != nil {
		return err
	}
	o := v.object(q.From)
	if o == nil {
		return noObject(q)
	}
	budget := ql.DefaultBudget
	defer v.spent(&budget)
	r := &soqlRun{v, q, o, &budget}
	if err := r.check(); err != nil {
		return err
	}
	start := 0
	if next := a.text("next_records_url"); next != "" {
		if start = v.fromLocator(text, next); start == 0 {
			return ql.SOQLError("INVALID_QUERY_LOCATOR", "invalid query locator")
		}
	}
	rows, err := r.rows()
	if err != nil {
		return err
	}
	if r.grouped() {
		return r.writeGroups(w, rows)
	}
	if err := r.sort(rows); err != nil {
		return err
	}
	return r.write(w, r.window(rows), text, start)
}

// locator is the URL of the records from a place on: a cursor's id and the place.
func (v *view) locator(text string, start int) string {
	const digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	id := []byte("01g")
	for sum := v.key.Sum("soql "+text, 0); len(id) < 15; sum /= 62 {
		id = append(id, digits[sum%62])
	}
	return sfQuery + string(id) + world.SalesforceChecksum(string(id)) + "-" + strconv.Itoa(start)
}

const sfQuery = "/services/data/v59.0/query/"

// fromLocator is the place that a URL of locator leads to, 0 when it is none.
func (v *view) fromLocator(text, url string) int {
	at := strings.LastIndexByte(url, '-')
	if at < 0 {
		return 0
	}
	n, err := strconv.Atoi(url[at+1:])
	if err != nil || n < 1 || v.locator(text, n) != url {
		return 0
	}
	return n
}

// check looks at the form of a query: what goes with what.
func (r *soqlRun) check() error {
	q := r.q
	for _, f := range q.Fields {
		if f.Func == "fields" {
			if q.Limit < 0 || q.Limit > maxFields {
				return ql.SOQLError(malformedQuery, "The SOQL FIELDS function must have a LIMIT of at most 200")
			}
			if !strings.EqualFold(f.Path, "all") && !strings.EqualFold(f.Path, "standard") && !strings.EqualFold(f.Path, "custom") {
				return q.At(f.Pos, malformedQuery, "unexpected token: '%'", f.Path)
			}
		}
	}
	if q.Offset > maxOffset {
		return ql.SOQLError("NUMBER_OUTSIDE_VALID_RANGE", "Maximum SOQL offset allowed is 2000")
	}
	if q.Having != nil && len(q.Group) == 0 {
		return q.At(q.FromPos, malformedQuery, "Having clause requires grouping")
	}
	return nil
}

func soqlAggregate(name string) bool {
	switch name {
	case "count", "count_distinct", "sum", "avg", "min", "max":
		return true
	}
	return false
}

// counts reports whether the query is SELECT COUNT(), which gives no records.
func (r *soqlRun) counts() bool {
	f := r.q.Fields
	return len(f) == 1 && f[0].Func == "count" && f[0].Path == "" && len(r.q.Group) == 0
}

func (r *soqlRun) grouped() bool {
	return len(r.q.Group) > 0 || slices.ContainsFunc(r.q.Fields, func(f ql.Field) bool { return soqlAggregate(f.Func) })
}

// rows are the records that meet the condition, in the order of the object.
func (r *soqlRun) rows() ([]int, error) {
	test, err := r.test(r.q.Where)
	if err != nil {
		return nil, err
	}
	var out []int
	for i := range r.o.n {
		if test(i) {
			out = append(out, i)
		}
	}
	if *r.budget <= 0 {
		return nil, errSOQLTime
	}
	return out, nil
}

// sort orders records by fields. Nulls come first unless they are to be last.
func (r *soqlRun) sort(rows []int) error {
	var paths []*sfPath
	for _, o := range r.q.Order {
		p, err := r.path(o.Field, o.Pos)
		if err != nil {
			return err
		}
		paths = append(paths, p)
	}
	if len(paths) == 0 {
		return nil
	}
	ql.Sort(rows, func(a, b int) int {
		for k, p := range paths {
			if sign := compareValues(p.kind, p.get(a), p.get(b), &r.q.Order[k]); sign != 0 {
				return sign
			}
		}
		return 0
	})
	return nil
}

func compareValues(kind byte, a, b sfValue, o *ql.Order) int {
	sign := 0
	switch {
	case a.null || b.null:
		if a.null == b.null {
			return 0
		}
		if a.null == o.Last {
			return 1
		}
		return -1
	case kind == 's':
		sign = strings.Compare(strings.ToLower(a.s), strings.ToLower(b.s))
	case kind == 'i':
		sign = strings.Compare(a.s, b.s)
	default:
		sign = compareInts(a.n, b.n)
	}
	if o.Desc {
		return -sign
	}
	return sign
}

// window applies OFFSET and LIMIT.
func (r *soqlRun) window(rows []int) []int {
	size := len(rows)
	if r.q.Limit >= 0 {
		size = r.q.Limit
	}
	return ql.Window(rows, r.q.Offset, size)
}
