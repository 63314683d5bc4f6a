package pgsql

// expr is an expression as it was written; at is its offset in the text.
type expr interface{ where() int }

// at is embedded by every expression.
type at int

func (a at) where() int { return int(a) }

type (
	columnRef struct {
		at
		parts []string // qualifiers and the name, "*" for all columns
	}
	// literal is a constant. Kinds: 's' string, 'n' number, 'b' boolean, '0' NULL.
	literal struct {
		at
		kind byte
		text string
	}
	unary struct {
		at
		op string
		x  expr
	}
	binary struct {
		at
		op   string
		l, r expr
	}
	logic struct { // AND, OR and NOT
		at
		op   string
		kids []expr
	}
	isTest struct { // IS NULL, TRUE, FALSE, UNKNOWN
		at
		x    expr
		what string
		not  bool
	}
	distinctFrom struct {
		at
		l, r expr
		not  bool
	}
	between struct {
		at
		x, lo, hi expr
		not, sym  bool
	}
	inList struct {
		at
		x    expr
		list []expr
		not  bool
	}
	inQuery struct { // x op ANY (query), with IN for = ANY
		at
		x        expr
		op       string
		all, not bool
		q        *query
		in       bool
	}
	anyArray struct { // x op ANY (array)
		at
		x   expr
		op  string
		all bool
		arr expr
	}
	subquery struct { // (query), EXISTS (query), ARRAY(query)
		at
		kind byte // 's', 'e' or 'a'
		q    *query
	}
	arrayExpr struct {
		at
		items []expr
	}
	rowExpr struct {
		at
		items []expr
	}
	caseExpr struct {
		at
		x     expr // nil for a searched CASE
		whens [][2]expr
		other expr
	}
	cast struct {
		at
		x  expr
		to typeName
	}
	like struct {
		at
		op        string
		x, pat    expr
		escape    expr
		not       bool
		similarTo bool
	}
	call struct {
		at
		name      []string
		args      []expr
		names     []string // of named arguments, "" for others
		star      bool
		distinct  bool
		variadic  bool
		order     []orderItem
		within    bool // WITHIN GROUP (order)
		filter    expr
		over      *window
		reordered []*typed // named arguments in their order
		special   string   // the column's name, of a construct that is not spelled as a call
	}
	subscript struct {
		at
		x      expr
		lo, hi expr
		slice  bool
	}
	field struct {
		at
		x    expr
		name string
	}
	collate struct {
		at
		x    expr
		name string
	}
	special struct { // COALESCE, NULLIF, GREATEST, LEAST, GROUPING
		at
		name string
		args []expr
	}
)

type typeName struct {
	at   int
	name string
	mods []int
	dims int
	unit string // the last field of an interval
}

type orderItem struct {
	x          expr
	desc       bool
	nullsFirst bool
	nulls      bool // NULLS was said
	using      string
}

type window struct {
	at        int
	name      string // of a WINDOW clause
	partition []expr
	order     []orderItem
	frame     *frameClause
}

type frameClause struct {
	mode       string // rows, range, groups
	start, end frameBound
	exclude    string
}

type frameBound struct {
	kind string // "unbounded preceding", "preceding", "current row", "following", "unbounded following"
	n    expr
}

// query is a SELECT, a VALUES or two queries with a set operation.
type query struct {
	at        int
	with      []*cte
	recursive bool

	op          string // union, intersect, except; "" for a simple query
	all         bool
	left, right *query

	values [][]expr

	distinct   bool
	distinctOn []expr
	items      []selectItem
	into       bool
	from       []tableRef
	where      expr
	group      []groupItem
	groupAll   bool // GROUP BY DISTINCT
	having     expr
	windows    []*window

	order         []orderItem
	limit, offset expr
	ties          bool
	locking       string // FOR UPDATE, as the privilege check names it
	lockAt        int
}

type cte struct {
	at      int
	name    string
	columns []string
	q       *query
	write   *other // a data-modifying statement
}

type selectItem struct {
	x     expr
	alias string
	at    int
}

// groupItem is one element of GROUP BY. Kinds: 0 expression, 'r' ROLLUP, 'c' CUBE,
// 's' GROUPING SETS, '(' a list.
type groupItem struct {
	kind byte
	x    expr
	kids []groupItem
}

// tableRef is one element of FROM.
type tableRef interface{ offset() int }

type fromItem struct {
	at      int
	alias   string
	columns []string
}

func (f fromItem) offset() int { return f.at }

type (
	tableName struct {
		fromItem
		parts  []string
		only   bool
		sample bool
	}
	fromQuery struct {
		fromItem
		q       *query
		lateral bool
	}
	fromCall struct {
		fromItem
		calls      []expr
		defs       []columnDef
		ordinality bool
		lateral    bool
	}
	join struct {
		fromItem
		kind    string // inner, left, right, full, cross
		l, r    tableRef
		natural bool
		using   []string
		usingAt []int
		on      expr
	}
)

type columnDef struct {
	name string
	typ  typeName
}

// Statements beside queries.
type (
	explain struct {
		options map[string]string
		stmt    statement
	}
	show struct {
		at   int
		name string
	}
	set struct {
		at    int
		name  string
		value string
		local bool
		reset bool
	}
	transaction struct {
		verb string
		mode string
	}
	// other is a statement that is refused or has no effect here.
	other struct {
		at     int
		verb   string // as the command tag has it
		kind   string // table, schema, ...
		name   []string
		nameAt int
		toks   []token
	}
)

type statement any
