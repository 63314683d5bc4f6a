package enterprise

import (
	"strconv"
	"strings"

	"github.com/killdeer-mcp/killdeer/persona/enterprise/ql"
	"github.com/killdeer-mcp/killdeer/persona/world"
	"github.com/killdeer-mcp/killdeer/sdk/guest"
)

const (
	cassandraPage    = 100 // rows of one answer
	cassandraVersion = "4.1.3"
	cassandraRole    = "reporting_ro"
	errNoKeyspace    = refusal(invalidCQL + `No keyspace has been specified. USE a keyspace, or explicitly specify keyspace.tablename"`)
	errFiltering     = refusal(invalidCQL + `Cannot execute this query as it might involve data filtering and thus may have unpredictable performance. If you want to execute this query despite the performance unpredictability, use ALLOW FILTERING"`)
	errPagingState   = refusal(`ProtocolException: Error from server: code=000A [Protocol error] message="Invalid value for the paging state"`)
	invalidCQL       = `InvalidRequest: Error from server: code=2200 [Invalid query] message="`
)

func cassandraKeyspaces(v *view, _ args, w *guest.Writer) error {
	w.Obj().Key("keyspaces").Arr()
	for _, k := range v.Keyspaces() {
		w.Obj().Key("name").Str(k.Name).Key("durable_writes").Bool(k.Durable).Key("replication").Obj().Key("class").Str(k.Class)
		for _, r := range k.Replication {
			w.Key(r[0]).Str(r[1])
		}
		w.End().End()
	}
	w.End().End()
	return nil
}

func (v *view) cassandraCluster() string {
	return v.Products[min(1, len(v.Products)-1)].Code + "-cluster"
}

func cassandraInfo(v *view, _ args, w *guest.Writer) error {
	dc := v.DataCenter()
	w.Obj().Key("cluster_name").Str(v.cassandraCluster()).Key("release_version").Str(cassandraVersion)
	w.Key("cql_version").Str("3.4.6").Key("partitioner").Str("org.apache.cassandra.dht.Murmur3Partitioner").Key("data_centers").Arr().Str(dc).End().Key("hosts").Arr()
	for i := range 3 {
		w.Obj().Key("address").Str(v.Address("cassandra", i)).Key("data_center").Str(dc).Key("rack").Str("rack" + strconv.Itoa(i+1)).Key("state").Str("UP").End()
	}
	w.End().End()
	return nil
}

// invalid is an error of code 2200; each % of the message stands for an argument.
//
//go:noinline
func invalid(message string, args ...string) error {
	return refusal(invalidCQL + ql.Say(message, args...) + `"`)
}

//go:noinline
func unauthorized(message string, args ...string) error {
	return refusal(`Unauthorized: Error from server: code=2100 [Unauthorized] message="` + ql.Say(message, args...) + `"`)
}

// denied tells the role that it lacks a permission on something.
//
//go:noinline
func denied(permission, on string, args ...string) error {
	return unauthorized("User % has no % permission on % or any of its parents", cassandraRole, permission, ql.Say(on, args...))
}

func cassandraSelect(v *view, a args, w *guest.Writer) error {
	text, keyspace := a.text("query"), strings.ToLower(a.text("keyspace"))
	q, err := ql.ParseCassandra(text)
	if err != nil {
		return err
	}
	if q.Keyspace == "" {
		q.Keyspace = keyspace
	}
	if q.Verb != "select" {
		return v.otherCQL(q, w)
	}
	t, err := v.cqlTable(q)
	if err != nil {
		return err
	}
	run := &cqlRun{v: v, q: q, t: t}
	if err := run.check(); err != nil {
		return err
	}
	asked, start := say("cql % %", keyspace, text), 0
	if state := a.text("paging_state"); state != "" {
		var ok bool
		if start, ok = v.key.FromHex(asked, state); !ok {
			return errPagingState
		}
	}
	rows := run.rows()
	if run.aggregates() {
		return run.writeAggregate(w, rows)
	}
	more := ""
	if start+cassandraPage < len(rows) {
		more = v.key.Hex(asked, start+cassandraPage)
	}
	return run.write(w, ql.Window(rows, start, cassandraPage), more)
}

// otherCQL answers what is no SELECT: a role that may only read is told so.
func (v *view) otherCQL(q *ql.CQL, w *guest.Writer) error {
	verb, what, _ := strings.Cut(q.Verb, " ")
	switch verb {
	case "use":
		if !v.keyspaceExists(q.Table) {
			return invalid("Keyspace '%' does not exist", q.Table)
		}
		w.Obj().Key("rows").Arr().End().Key("metadata").Obj().Key("columns").Arr().End().End().Key("paging_state").Null().End()
		return nil
	case "grant", "revoke":
		return denied("AUTHORIZE", "<all keyspaces>")
	case "list":
		return unauthorized("You are not authorized to view everyone's permissions")
	case "begin":
		return denied("MODIFY", "<all keyspaces>")
	case "describe", "desc":
		return refusal(`SyntaxException: <Error from server: code=2000 [Syntax error in CQL query] message="line 1:0 no viable alternative at input 'DESCRIBE' ([DESCRIBE]...)">`)
	}
	switch what {
	case "role", "user":
		return denied(strings.ToUpper(verb), "<all roles>")
	case "keyspace":
		if verb == "create" {
			return denied("CREATE", "<all keyspaces>")
		}
		return denied(strings.ToUpper(verb), "<keyspace %>", q.Table)
	}
	if q.Keyspace == "" {
		return errNoKeyspace
	}
	if !v.keyspaceExists(q.Keyspace) {
		return invalid("keyspace % does not exist", q.Keyspace)
	}
	switch {
	case verb == "create" && what != "index" && what != "custom":
		return denied("CREATE", "<keyspace %>", q.Keyspace)
	case verb == "drop" && what == "table":
		return denied("DROP", "<table %.%>", q.Keyspace, q.Table)
	case what != "":
		return denied("ALTER", "<table %.%>", q.Keyspace, q.Table)
	}
	return denied("MODIFY", "<table %.%>", q.Keyspace, q.Table)
}

func (v *view) keyspaceExists(name string) bool {
	for _, k := range v.Keyspaces() {
		if k.Name == name {
			return true
		}
	}
	return name == "system_distributed" || name == "system_traces"
}

// cqlTable is a table with its primary key: the first column is the partition
// key, the next ones cluster.
type cqlTable struct {
	*source
	keyspace, name string
	clustering     int
}

// key tells what a column is: 0 the partition key, 1 the first clustering column
// and so on, -1 for none of them.
func (t *cqlTable) key(col int) int {
	if col <= t.clustering {
		return col
	}
	return -1
}

func (v *view) cqlTable(q *ql.CQL) (*cqlTable, error) {
	if q.Keyspace == "" {
		return nil, errNoKeyspace
	}
	if !v.keyspaceExists(q.Keyspace) {
		return nil, invalid("keyspace % does not exist", q.Keyspace)
	}
	if q.Keyspace == "system_auth" {
		return nil, denied("SELECT", "<table system_auth.%>", q.Table)
	}
	if t := v.systemTable(q.Keyspace, q.Table); t != nil {
		return t, nil
	}
	for _, k := range v.Keyspaces() {
		if t := k.Table(q.Table); t != nil && k.Name == q.Keyspace {
			if t.Denied {
				return nil, denied("SELECT", "<table %.%>", k.Name, t.Name)
			}
			return &cqlTable{v.source(t), k.Name, t.Name, 1}, nil
		}
	}
	return nil, invalid("table % does not exist", q.Table)
}

// systemColumns are the tables that drivers read when they connect: keyspace.table,
// the number of clustering columns, and the columns.
var systemColumns = [...]struct {
	name       string
	clustering int
	columns    string
}{
	{"system.local", 0, "key:text bootstrapped:text broadcast_address:inet cluster_name:text cql_version:text data_center:text host_id:uuid listen_address:inet native_protocol_version:text partitioner:text rack:text release_version:text rpc_address:inet schema_version:uuid"},
	{"system.peers", 0, "peer:inet data_center:text host_id:uuid preferred_ip:inet rack:text release_version:text rpc_address:inet schema_version:uuid"},
	{"system.peers_v2", 1, "peer:inet peer_port:int data_center:text host_id:uuid native_address:inet native_port:int rack:text release_version:text schema_version:uuid"},
	{"system_schema.columns", 2, "keyspace_name:text table_name:text column_name:text clustering_order:text kind:text position:int type:text"},
	{"system_schema.indexes", 2, "keyspace_name:text table_name:text index_name:text kind:text"},
	{"system_schema.keyspaces", 0, "keyspace_name:text durable_writes:boolean replication:map"},
	{"system_schema.tables", 1, "keyspace_name:text table_name:text comment:text default_time_to_live:int gc_grace_seconds:int"},
	{"system_schema.types", 1, "keyspace_name:text type_name:text"},
	{"system_schema.views", 1, "keyspace_name:text view_name:text"},
}

func (v *view) systemTable(keyspace, name string) *cqlTable {
	t := bareSystemTable(keyspace, name)
	if t != nil {
		rows := v.systemRows(say("%.%", keyspace, name))
		t.n, t.row = len(rows), func(i int) []string { return rows[i] }
	}
	return t
}

// bareSystemTable is a system table without rows, nil when there is none.
func bareSystemTable(keyspace, name string) *cqlTable {
	for _, s := range systemColumns {
		if s.name != keyspace+"."+name {
			continue
		}
		t := &cqlTable{&source{}, keyspace, name, s.clustering}
		for column := range strings.FieldsSeq(s.columns) {
			name, kind, _ := strings.Cut(column, ":")
			t.columns = append(t.columns, world.Column{Name: name, Type: kind})
		}
		return t
	}
	return nil
}

func (v *view) systemRows(table string) (rows [][]string) {
	id := func(n uint32) string {
		s, _ := v.Fake("uuid", n)
		return s
	}
	dc, schema := v.DataCenter(), id(7000)
	node := func(i int) (address, host, rack string) {
		return v.Address("cassandra", i), id(7001 + uint32(i)), "rack" + strconv.Itoa(i+1)
	}
	switch table {
	case "system.local":
		address, host, rack := node(0)
		rows = append(rows, []string{"local", "COMPLETED", address, v.cassandraCluster(), "3.4.6", dc, host, address, "5", "org.apache.cassandra.dht.Murmur3Partitioner", rack, cassandraVersion, address, schema})
	case "system.peers", "system.peers_v2":
		for i := 1; i < 3; i++ {
			address, host, rack := node(i)
			if table == "system.peers" {
				rows = append(rows, []string{address, dc, host, world.Null, rack, cassandraVersion, address, schema})
			} else {
				rows = append(rows, []string{address, "7000", dc, host, address, "9042", rack, cassandraVersion, schema})
			}
		}
	default:
		for _, k := range v.Keyspaces() {
			rows = append(rows, v.schemaRows(table, k)...)
		}
	}
	return rows
}

// schemaRows are a keyspace's rows of the tables that describe the schema.
func (v *view) schemaRows(table string, k *world.Keyspace) (rows [][]string) {
	if table == "system_schema.keyspaces" {
		var replication strings.Builder
		replication.WriteString(say(`{"class":"%"`, k.Class))
		for _, r := range k.Replication {
			replication.WriteString(say(`,"%":"%"`, r[0], r[1]))
		}
		return [][]string{{k.Name, strconv.FormatBool(k.Durable), replication.String() + "}"}}
	}
	type columns struct {
		table      string
		of         []world.Column
		clustering int
	}
	var all []columns
	for _, t := range k.Tables {
		all = append(all, columns{t.Name, t.Columns, 1})
	}
	for _, s := range systemColumns {
		if keyspace, table, _ := strings.Cut(s.name, "."); keyspace == k.Name && table != "" {
			t := bareSystemTable(keyspace, table)
			all = append(all, columns{table, t.columns, t.clustering})
		}
	}
	for _, t := range all {
		switch table {
		case "system_schema.tables":
			rows = append(rows, []string{k.Name, t.table, "", "0", "864000"})
		case "system_schema.columns":
			for i, c := range t.of {
				order, kind, position := "none", "regular", -1
				if i == 0 {
					kind, position = "partition_key", 0
				} else if i <= t.clustering {
					order, kind, position = "asc", "clustering", i-1
				}
				rows = append(rows, []string{k.Name, t.table, c.Name, order, kind, strconv.Itoa(position), cqlType(c.Type)})
			}
		}
	}
	return rows
}

// cqlType is how Cassandra spells a type.
func cqlType(t string) string {
	if t == "map" {
		return "frozen<map<text, text>>"
	}
	return t
}
