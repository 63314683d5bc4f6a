package pgsql

import (
	"runtime"
	"time"
)

// Null is the cell that holds no value. Text of PostgreSQL cannot hold a zero
// byte, so no cell is mistaken for it.
const Null = "\x00"

// Database is what a session is connected to, as its role sees it.
type Database struct {
	Name      string
	Role      string // the current user
	Version   string // what version() says
	Now       time.Time
	Settings  []Setting
	Roles     []Role
	Databases []Catalog
	Schemas   []Schema // beside pg_catalog and information_schema
	Tables    []*Table
	ReadOnly  bool // default_transaction_read_only
	Session   Session
	Timeout   time.Duration // of a statement; 0 for none
}

// Session is the connection that queries arrive by. Without addresses it is one by
// a Unix socket.
type Session struct {
	PID            int
	Server, Client string    // IPv4 addresses
	Port           int       // the client's; the server's is 5432
	Started        time.Time // of the server
	Since          time.Time
}

// Setting is one run-time parameter. Category and Comment may be empty.
type Setting struct{ Name, Value, Unit, Category, Comment string }

// Role is a user or group.
type Role struct {
	Name              string
	Login, Super      bool
	CreateDB, Replica bool
	Config            []string
}

// Catalog is one database of the cluster.
type Catalog struct {
	Name, Owner string
	Bytes       int64
}

// Schema is a namespace.
type Schema struct {
	Name, Owner string
	Denied      bool // the role has no USAGE
}

// Table is a table, its rows given by position and read as text.
type Table struct {
	Schema, Name, Owner string
	Comment             string
	Columns             []Column
	Key                 []string // of the primary key
	Unique              [][]string
	Foreign             []ForeignKey
	Denied              bool // the role may not read it
	Len                 func() int
	Row                 func(i int) []string
}

// Column of a table. Type is a name as in pg_type, such as int4 or _text.
type Column struct {
	Name, Type string
	Mod        int // as in pg_attribute; 0 for none
	NotNull    bool
	Default    string
}

// ForeignKey is a reference to another table's columns.
type ForeignKey struct {
	Columns []string
	Table   string
	Refs    []string
}

// Field is a column of a result.
type Field struct {
	Name string
	Type *Type
	Mod  int
}

// Cell is one value of a result: its text, or NULL.
type Cell struct {
	Text string
	Null bool
}

// Result is what one statement gave.
type Result struct {
	Tag     string // the command tag, such as SELECT 3
	Fields  []Field
	Rows    [][]Cell
	Returns bool // whether the statement returns rows at all
	Slept   time.Duration
}

// Limits of what one text may use. What goes beyond ends with the error of a
// server that was configured so.
const (
	// MaxSteps counts rows touched, functions called and bytes produced in bulk.
	MaxSteps = 1_500_000
	// MaxMemory is about how many bytes the rows that are kept may take.
	MaxMemory = 4 << 20
	// MaxRows is how many rows a statement returns before it is canceled.
	MaxRows = 10_000
)

// Engine answers for one database. It is not safe for concurrent use.
type Engine struct {
	took     time.Duration
	db       *Database
	rels     []*relation // all, once something lists them
	own      []*relation // tables
	garbage  int         // bytes, about, since the garbage was collected
	cached   int         // values of tables that are kept
	byName   map[string]*relation
	session  map[string]string // settings that the text has changed
	txn      bool
	writes   bool // SET TRANSACTION READ WRITE
	broken   bool // an error in a transaction block
	readOnly bool
	text     string
}

// New returns an engine for a database.
func New(db *Database) *Engine { return &Engine{db: db} }

// Exec runs a text as one simple query: all statements are read before the first
// runs, an error ends the text. The results of the statements before it are
// returned, too.
func (e *Engine) Exec(text string) (results []Result, err *Error) {
	defer func() {
		switch fault := recover().(type) {
		case nil:
		case *Error:
			err = e.reported(fault, text)
			if err.Code == codeCanceled {
				e.took = e.db.Timeout
			}
		case runtime.Error:
			// A mistake of the engine's own must not look like one: the tests
			// take this code for a failure.
			err = &Error{Severity: "ERROR", Code: codeInternal, Message: "canceling statement due to user request"}
		default:
			panic(fault)
		}
	}()
	e.session, e.txn, e.writes, e.broken, e.readOnly, e.text = nil, false, false, false, false, text
	x := e.start()
	defer func() { e.took = x.slept }()
	defer func() { x.collect(textGarbage + (x.steps-x.pause)*stepGarbage) }()
	for _, s := range parse(text) {
		results = append(results, x.statement(s))
	}
	return results, nil
}

// Took is how long the last text would have taken beyond the usual: what it slept,
// or the timeout that ended it.
func (e *Engine) Took() time.Duration { return e.took }

// reported turns an offset in bytes into a position in characters.
func (e *Engine) reported(fault *Error, text string) *Error {
	out := *fault
	if out.Position > 0 {
		n := 1
		for i := range text {
			if i >= out.Position-1 {
				break
			}
			n++
		}
		out.Position = n
	}
	return &out
}

// exec is the run of one text.
type exec struct {
	*Engine
	now      int64
	steps    int
	pause    int // at how many steps left the runtime gets its next turn
	memory   int64
	spare    []Value // a projected row that nothing keeps
	slept    time.Duration
	seed     uint64   // of random()
	refusals []string // relations that the role may not read
}

func (e *Engine) start() *exec {
	return &exec{Engine: e, now: micros(e.db.Now), steps: MaxSteps, pause: MaxSteps - breather}
}

// spend takes steps from the budget.
func (x *exec) spend(n int) {
	x.steps -= n
	if x.steps < x.pause {
		x.breathe()
	}
}

// micros is a moment as the server counts it: microseconds since 2000.
func micros(t time.Time) int64 { return t.UnixMicro() - unixEpochDays*day }

// collectAfter is about how many bytes of garbage, over several texts, are worth
// collecting. The runtime's own pace would exceed a guest's memory.
const collectAfter = 4 << 20

// About how much garbage a text and a step leave, beside what is counted.
const (
	textGarbage = 32 << 10
	stepGarbage = 16
)

func (x *exec) collect(garbage int) {
	if x.garbage += garbage; x.garbage > collectAfter {
		x.garbage = 0
		runtime.GC()
	}
}

// breather is after how many steps the runtime gets a turn.
const breather = 1 << 12

// breathe lets the garbage collector run: in WebAssembly there is one thread, and
// nobody else to interrupt a long loop for it.
func (x *exec) breathe() {
	if x.steps < 0 {
		fail(codeCanceled, "canceling statement due to statement timeout")
	}
	x.pause = max(x.steps-breather, 0)
	runtime.Gosched()
	x.collect(breather * stepGarbage)
}

// keep takes memory from the budget, for as long as the text runs.
//
//go:noinline
func (x *exec) keep(bytes int64) {
	if x.memory += bytes; x.memory > MaxMemory { // a server would go on, on its disk
		fail(codeCanceled, "canceling statement due to statement timeout")
	}
	x.garbage += int(bytes)
	x.spend(int(bytes / 256))
}

// grown makes room for n more bytes behind b. append would grow a large text by a
// quarter, and leave several times its size behind.
func (x *exec) grown(b []byte, n int) []byte {
	if cap(b)-len(b) >= n {
		return b
	}
	x.collect(cap(b))
	return append(make([]byte, 0, 2*cap(b)+n), b...)
}

// room refuses a text that would not fit, before it is made.
//
//go:noinline
func (x *exec) room(bytes int64) {
	if bytes >= 1<<30-1 {
		fail(codeTooLarge, "requested length too large")
	}
	if bytes > MaxMemory/4 {
		outOfMemory(bytes)
	}
	x.garbage += int(bytes)
	x.spend(int(bytes / 64))
}

func outOfMemory(bytes int64) {
	failDetail(codeMemory, "out of memory", "Failed on request of size "+intText(bytes)+` in memory context "ExecutorState".`)
}
