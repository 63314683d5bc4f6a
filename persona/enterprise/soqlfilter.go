package enterprise

import (
	"strconv"
	"strings"
	"time"

	"github.com/killdeer-mcp/killdeer/persona/enterprise/ql"
)

// sfPath is a field that was found: the references that lead to it from a record,
// and the field.
type sfPath struct {
	kind  byte
	name  string // the last part, as the object spells it
	steps []sfStep
	o     *sfObject // which has the field
	field int
	part  func(time.Time) int // of a date, nil for the field itself
}

// sfStep goes from a record to one of its parents.
type sfStep struct {
	of    *sfObject
	field int
	to    *sfObject
}

// get reads the field of a record.
func (p *sfPath) get(i int) sfValue {
	for _, s := range p.steps {
		if i = s.to.find(s.of.value(i, s.field).s); i < 0 {
			return sfValue{null: true}
		}
	}
	x := p.o.value(i, p.field)
	if p.part != nil && !x.null {
		x.n = int64(p.part(time.UnixMilli(x.n).UTC()))
	}
	return x
}

const (
	malformedQuery = "MALFORMED_QUERY"
	invalidField   = "INVALID_FIELD"
	noColumnHelp   = " If you are attempting to use a custom field, be sure to append the '__c' after the custom field name. Please reference your WSDL or the describe call for the appropriate names."
	noRelationHelp = " If you are attempting to use a custom relationship, be sure to append the '__r' after the custom relationship name. Please reference your WSDL or the describe call for the appropriate names."
	noObjectHelp   = " If you are attempting to use a custom object, be sure to append the '__c' after the entity name. Please reference your WSDL or the describe call for the appropriate names."
)

// soqlRun is one query on one object.
type soqlRun struct {
	v      *view
	q      *ql.SOQL
	o      *sfObject
	budget *ql.Budget
}

// parts are the names of a path, without the alias of the query's own object.
func (r *soqlRun) parts(path string) []string {
	parts := strings.Split(path, ".")
	if first := parts[0]; len(parts) > 1 && r.o.relation(first) < 0 && (strings.EqualFold(first, r.q.Alias) || strings.EqualFold(first, r.q.From)) {
		return parts[1:]
	}
	return parts
}

// path finds a field by its path from the query's object, or a function of one.
func (r *soqlRun) path(path string, pos int) (*sfPath, error) {
	if name, inner, ok := strings.Cut(path, "("); ok {
		return r.function(name, strings.TrimSuffix(inner, ")"), pos)
	}
	parts := r.parts(path)
	p := &sfPath{o: r.o}
	for _, name := range parts[:len(parts)-1] {
		by := p.o.relation(name)
		if by < 0 {
			return nil, r.q.At(pos, invalidField, "Didn't understand relationship '%' in field path."+noRelationHelp, name)
		}
		parent := r.v.object(p.o.fields[by].parent)
		p.steps = append(p.steps, sfStep{p.o, by, parent})
		p.o = parent
	}
	name := parts[len(parts)-1]
	if p.field = p.o.field(name); p.field < 0 {
		return nil, r.q.At(pos, invalidField, "No such column '%' on entity '%'."+noColumnHelp, name, p.o.name)
	}
	p.kind, p.name = p.o.fields[p.field].kind, p.o.fields[p.field].name
	return p, nil
}

// datePart is a function that takes a part of a date, nil for another name.
func datePart(name string) func(t time.Time) int {
	switch strings.TrimPrefix(strings.TrimPrefix(name, "calendar_"), "fiscal_") {
	case "year":
		return time.Time.Year
	case "month":
		return func(t time.Time) int { return int(t.Month()) }
	case "quarter":
		return func(t time.Time) int { return int(t.Month()+2) / 3 }
	case "day_in_month":
		return time.Time.Day
	case "day_in_year":
		return time.Time.YearDay
	case "day_in_week":
		return func(t time.Time) int { return int(t.Weekday()) + 1 }
	case "week_in_year":
		return func(t time.Time) int { return (t.YearDay() + 6) / 7 }
	case "week_in_month":
		return func(t time.Time) int { return (t.Day() + 6) / 7 }
	case "hour_in_day":
		return time.Time.Hour
	}
	return nil
}

// function is a field seen through a function that is no aggregate.
func (r *soqlRun) function(name, inner string, pos int) (*sfPath, error) {
	p, err := r.path(inner, pos)
	if err != nil {
		return p, err
	}
	isDate := p.kind == 't' || p.kind == 'd'
	switch {
	case name == "tolabel" || name == "format" || name == "convertcurrency" || name == "converttimezone":
		return p, nil
	case name == "day_only" && isDate:
		p.kind = 'd'
		return p, nil
	}
	if p.part = datePart(name); p.part == nil || !isDate {
		return p, r.q.At(pos, malformedQuery, "unexpected token: '%'", name)
	}
	p.kind = 'n'
	return p, nil
}

// test makes the function that decides a condition for a record.
func (r *soqlRun) test(e *ql.Expr) (func(i int) bool, error) {
	if e == nil {
		return func(int) bool { return true }, nil
	}
	err := e.Each(func(c *ql.Clause) error {
		p, err := r.path(c.Field, c.Pos)
		if err != nil {
			return err
		}
		test, err := r.clause(c, p.kind, p.name)
		c.Cache = func(i int) bool { return test(p.get(i)) }
		return err
	})
	if err != nil {
		return nil, err
	}
	return func(i int) bool {
		return e.Eval(func(c *ql.Clause) bool { return r.budget.Spend(0) && c.Cache.(func(int) bool)(i) })
	}, nil
}

// clause makes the function that decides a comparison for a value.
func (r *soqlRun) clause(c *ql.Clause, kind byte, name string) (func(sfValue) bool, error) {
	if c.Sub != nil {
		return r.semiJoin(c)
	}
	if strings.HasSuffix(c.Cmp, "cludes") || c.Cmp == "like" && kind != 's' {
		return nil, r.q.At(c.Pos, "INVALID_QUERY_FILTER_OPERATOR", "invalid operator on % field", strings.ToLower(sfType(kind)))
	}
	var tests []func(sfValue) (sign int, ok bool)
	for i := range c.Args {
		test, err := r.operand(c, &c.Args[i], kind, name)
		if err != nil {
			return nil, err
		}
		tests = append(tests, test)
	}
	switch c.Cmp {
	case "in", "not in":
		return func(x sfValue) bool {
			for _, t := range tests {
				if sign, ok := t(x); ok && sign == 0 {
					return c.Cmp == "in"
				}
			}
			return c.Cmp == "not in"
		}, nil
	case "like":
		pattern := strings.ToLower(c.Value())
		return func(x sfValue) bool {
			return !x.null && r.budget.Spend(len(x.s)*len(pattern)) && ql.Like(strings.ToLower(x.s), pattern, '%', '_', '\\')
		}, nil
	}
	return func(x sfValue) bool {
		sign, ok := tests[0](x)
		if !ok { // one of both is null
			return c.Cmp == "!="
		}
		return ql.Compares(c.Cmp, sign)
	}, nil
}

// operand compares a value with a constant. It reports false where a null meets a
// value.
func (r *soqlRun) operand(c *ql.Clause, a *ql.Arg, kind byte, name string) (func(sfValue) (int, bool), error) {
	if !a.Quoted && strings.EqualFold(a.Text, "null") {
		return func(x sfValue) (int, bool) { return 0, x.null }, nil
	}
	compare, ok := r.constant(a, kind)
	if !ok {
		enclosed := "should not"
		if kind == 's' || kind == 'i' {
			enclosed = "should"
		}
		return nil, r.q.At(c.Pos, invalidField, "value of filter criterion for field '%' must be of type % and % be enclosed in quotes", name, sfType(kind), enclosed)
	}
	return func(x sfValue) (int, bool) {
		if x.null {
			return 0, false
		}
		return compare(x), true
	}, nil
}

// sfType is what messages call a kind.
func sfType(kind byte) string {
	switch kind {
	case 'n':
		return "double"
	case 'b':
		return "boolean"
	case 't':
		return "dateTime"
	case 'd':
		return "date"
	}
	return "string"
}

// constant reads a constant of a kind, and returns what compares a value with it.
func (r *soqlRun) constant(a *ql.Arg, kind byte) (func(sfValue) int, bool) {
	switch kind {
	case 's':
		want := strings.ToLower(a.Text)
		return func(x sfValue) int { return strings.Compare(strings.ToLower(x.s), want) }, a.Quoted
	case 'i':
		const short = 15 // the case-sensitive form of an id
		return func(x sfValue) int {
			return strings.Compare(x.s[:min(len(x.s), short)], a.Text[:min(len(a.Text), short)])
		}, a.Quoted
	case 'n':
		n, err := strconv.ParseFloat(a.Text, 64)
		return func(x sfValue) int {
			switch d := float64(x.n) - n; {
			case d < 0:
				return -1
			case d > 0:
				return 1
			}
			return 0
		}, err == nil && !a.Quoted
	case 'b':
		want := int64(0)
		if strings.EqualFold(a.Text, "true") {
			want = 1
		}
		return func(x sfValue) int { return compareInts(x.n, want) }, !a.Quoted && (want == 1 || strings.EqualFold(a.Text, "false"))
	}
	span, ok := ql.Stretch(a.Text, r.v.now)
	if !ok {
		var length time.Duration
		span.From, length, ok = ql.Date(a.Text)
		if kind == 't' { // an instant, of the precision that times are shown in
			ok, length = ok && length < oneDay, min(length, time.Second)
		} else {
			ok = ok && length == oneDay
		}
		span.To = span.From.Add(length)
	}
	return func(x sfValue) int {
		at := time.UnixMilli(x.n)
		if kind == 'd' {
			at = at.UTC().Truncate(oneDay)
		}
		return span.Compare(at)
	}, ok && !a.Quoted
}

// semiJoin compares ids with those that a query in parentheses gives.
func (r *soqlRun) semiJoin(c *ql.Clause) (func(sfValue) bool, error) {
	o := r.v.object(c.Sub.From)
	if o == nil {
		return nil, noObject(c.Sub)
	}
	sub := &soqlRun{r.v, c.Sub, o, r.budget}
	if len(c.Sub.Fields) != 1 || c.Sub.Fields[0].Func != "" || c.Sub.Fields[0].Sub != nil {
		return nil, c.Sub.At(c.Pos, malformedQuery, "The inner select statement can select only one field")
	}
	p, err := sub.path(c.Sub.Fields[0].Path, c.Sub.Fields[0].Pos)
	if err != nil {
		return nil, err
	}
	rows, err := sub.rows()
	if err != nil {
		return nil, err
	}
	ids := map[string]bool{}
	for _, i := range rows {
		ids[p.get(i).s] = true
	}
	return func(x sfValue) bool { return (!x.null && ids[x.s]) == (c.Cmp == "in") }, nil
}

func noObject(q *ql.SOQL) error {
	return q.At(q.FromPos, "INVALID_TYPE", "sObject type '%' is not supported."+noObjectHelp, q.From)
}
