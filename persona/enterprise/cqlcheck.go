package enterprise

import (
	"strconv"
	"strings"

	"github.com/killdeer-mcp/killdeer/persona/enterprise/ql"
	"github.com/killdeer-mcp/killdeer/persona/world"
)

// cqlRun is one SELECT on one table.
type cqlRun struct {
	v *view
	q *ql.CQL
	t *cqlTable
}

// check applies Cassandra's rules to the names and restrictions of a query.
func (r *cqlRun) check() error {
	for _, it := range r.q.Items {
		if err := r.checkItem(it); err != nil {
			return err
		}
	}
	restricted := map[int]string{} // column to operator
	for _, c := range r.q.Where {
		if err := r.checkRelation(c, restricted); err != nil {
			return err
		}
	}
	if err := r.checkKeys(restricted); err != nil {
		return err
	}
	if r.q.Limit == 0 || r.q.Limit < -1 {
		return invalid("LIMIT must be strictly positive")
	}
	if r.q.Each == 0 || r.q.Each < -1 {
		return invalid("PER PARTITION LIMIT must be strictly positive")
	}
	return r.checkOrder(restricted)
}

func (r *cqlRun) undefined(name string) error {
	return invalid("Undefined column name % in table %.%", name, r.t.keyspace, r.t.name)
}

// cqlItems are the functions of a selected column: their results' types, "" for
// that of the column.
var cqlItems = map[string]string{
	"count": "bigint", "min": "", "max": "", "sum": "", "avg": "", "token": "bigint", "writetime": "bigint", "ttl": "int", "totimestamp": "timestamp",
	"dateof": "timestamp", "todate": "date", "tounixtimestamp": "bigint", "unixtimestampof": "bigint",
}

func isAggregate(name string) bool {
	return name == "count" || name == "min" || name == "max" || name == "sum" || name == "avg"
}

func (r *cqlRun) checkItem(it ql.Item) error {
	if _, ok := cqlItems[it.Func]; !ok && it.Func != "" {
		return invalid("Unknown function '%'", it.Func)
	}
	if it.Column == "*" && (it.Func == "" || it.Func == "count") || it.Func == "count" && it.Column == "1" {
		return nil
	}
	col := r.t.column(it.Column)
	if col < 0 {
		return r.undefined(it.Column)
	}
	key := r.t.key(col)
	switch {
	case it.Func == "token" && key != 0:
		return invalid("The token function arguments must be in the partition key order: " + r.t.columns[0].Name)
	case (it.Func == "writetime" || it.Func == "ttl") && key >= 0:
		name := map[string]string{"writetime": "writeTime", "ttl": "ttl"}[it.Func]
		return invalid("Cannot use selection function % on PRIMARY KEY part %", name, it.Column)
	case r.q.Distinct && key != 0:
		return invalid("SELECT DISTINCT queries must only request partition key columns and/or static columns (not %)", it.Column)
	}
	return nil
}

// checkRelation looks at one restriction and its constants.
func (r *cqlRun) checkRelation(c *ql.Clause, restricted map[int]string) error {
	name, isToken := strings.CutPrefix(c.Field, "token(")
	name = strings.TrimSuffix(name, ")")
	col := r.t.column(name)
	if col < 0 {
		return r.undefined(name)
	}
	shown := "?"
	if len(c.Args) > 0 {
		if shown = c.Args[0].Text; c.Args[0].Quoted {
			shown = "'" + shown + "'"
		}
	}
	switch {
	case c.Cmp == "!=":
		return invalid("Unsupported \"!=\" relation: % != %", name, shown)
	case c.Cmp == "is not":
		return invalid("Unsupported restriction: % IS NOT %", name, strings.ToUpper(shown))
	case c.Cmp == "like":
		return invalid("LIKE restriction is only supported on properly indexed columns. % LIKE % is not valid.", name, shown)
	case c.Cmp == "contains":
		return invalid("Cannot use CONTAINS on non-collection column \"%\"", name)
	case isToken && r.t.key(col) != 0:
		return invalid("The token function arguments must be in the partition key order: " + r.t.columns[0].Name)
	case isToken:
		restricted[-1] = c.Cmp
		return r.checkToken(c)
	}
	if restricted[col] == "=" || restricted[col] == "in" || restricted[col] != "" && (c.Cmp == "=" || c.Cmp == "in") {
		return invalid(name + " cannot be restricted by more than one relation if it includes an Equal")
	}
	restricted[col] = c.Cmp
	for _, a := range c.Args {
		if err := r.checkConstant(r.t.columns[col], a); err != nil {
			return err
		}
	}
	return nil
}

func (r *cqlRun) checkToken(c *ql.Clause) error {
	for _, a := range c.Args {
		if _, err := strconv.ParseInt(a.Text, 10, 64); err != nil && !(a.Call && a.Text == "token" && len(a.Args) == 1) {
			return invalid("Invalid STRING constant (%) for \"partition key token\" of type bigint", a.Text)
		}
	}
	return nil
}

func (r *cqlRun) checkConstant(col world.Column, a ql.Arg) error {
	if !a.Quoted && strings.EqualFold(a.Text, "null") {
		return invalid("Unsupported null value for column " + col.Name)
	}
	if a.Call {
		if _, ok := r.constant(col, a); !ok {
			return invalid("Unknown function '%'", a.Text)
		}
		return nil
	}
	kind := "INTEGER"
	switch _, err := strconv.ParseInt(a.Text, 10, 64); {
	case a.Quoted:
		kind = "STRING"
	case len(a.Text) == 36:
		kind = "UUID"
	case strings.EqualFold(a.Text, "true") || strings.EqualFold(a.Text, "false"):
		kind = "BOOLEAN"
	case err != nil:
		kind = "FLOAT"
	}
	if !strings.Contains(constantsOf[col.Type], kind) {
		return invalid("Invalid % constant (%) for \"%\" of type %", kind, a.Text, col.Name, cqlType(col.Type))
	}
	if _, ok := r.constant(col, a); !ok {
		return invalid("Unable to parse a date/time from '%'", a.Text)
	}
	return nil
}

// constantsOf are the kinds of constants that a type takes.
var constantsOf = map[string]string{
	"int": "INTEGER", "bigint": "INTEGER", "text": "STRING", "inet": "STRING", "timeuuid": "UUID", "uuid": "UUID", "timestamp": "STRING INTEGER", "boolean": "BOOLEAN",
}

// checkKeys holds that rows can be found by their keys: the partition, then the
// clustering columns in their order.
func (r *cqlRun) checkKeys(restricted map[int]string) error {
	byKey := restricted[0] == "=" || restricted[0] == "in"
	if op := restricted[0]; op != "" && !byKey && !r.q.Filter {
		return invalid("Only EQ and IN relation are supported on the partition key (unless you use the token() function)")
	}
	if r.q.Filter {
		return nil
	}
	for col := range r.t.columns {
		op, key := restricted[col], r.t.key(col)
		if op == "" || key == 0 {
			continue
		}
		if key > 1 && byKey && restricted[col-1] == "" {
			return invalid("PRIMARY KEY column \"%\" cannot be restricted as preceding column \"%\" is not restricted", r.t.columns[col].Name, r.t.columns[col-1].Name)
		}
		if key > 1 && byKey && restricted[col-1] != "=" && restricted[col-1] != "in" {
			return invalid("Clustering column \"%\" cannot be restricted (preceding column \"%\" is restricted by a non-EQ relation)", r.t.columns[col].Name, r.t.columns[col-1].Name)
		}
		if key < 0 || !byKey {
			return errFiltering
		}
	}
	return nil
}

func (r *cqlRun) checkOrder(restricted map[int]string) error {
	for _, o := range r.q.Order {
		col := r.t.column(o.Field)
		switch {
		case col < 0:
			return r.undefined(o.Field)
		case restricted[0] != "=" && restricted[0] != "in":
			return invalid("ORDER BY is only supported when the partition key is restricted by an EQ or an IN.")
		case r.t.key(col) < 1:
			return invalid("Order by is currently only supported on the clustered columns of the PRIMARY KEY, got " + o.Field)
		}
	}
	return nil
}
