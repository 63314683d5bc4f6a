package enterprise

import (
	"strconv"
	"strings"

	"github.com/killdeer-mcp/killdeer/persona/world"
	"github.com/killdeer-mcp/killdeer/sdk/guest"
)

const (
	cassandraPage    = 100
	cassandraVersion = "4.1.3"
	errNoKeyspace    = refusal("InvalidRequest: Error from server: code=2200 [Invalid query] message=\"No keyspace has been specified. USE a keyspace, or explicitly specify keyspace.tablename\"")
	errFiltering     = refusal("InvalidRequest: Error from server: code=2200 [Invalid query] message=\"Cannot execute this query as it might involve data filtering and thus may have unpredictable performance. If you want to execute this query despite the performance unpredictability, use ALLOW FILTERING\"")
	errCQLTimeout    = refusal("OperationTimedOut: errors={}, last_host=None")
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

func cassandraInfo(v *view, _ args, w *guest.Writer) error {
	dc := v.DataCenter()
	w.Obj().Key("cluster_name").Str(v.Products[min(1, len(v.Products)-1)].Code + "-cluster").Key("release_version").Str(cassandraVersion)
	w.Key("cql_version").Str("3.4.6").Key("partitioner").Str("org.apache.cassandra.dht.Murmur3Partitioner").Key("data_centers").Arr().Str(dc).End().Key("hosts").Arr()
	for i := range 3 {
		w.Obj().Key("address").Str(v.Address("cassandra", i)).Key("data_center").Str(dc).Key("rack").Str("rack" + strconv.Itoa(i+1)).Key("state").Str("UP").End()
	}
	w.End().End()
	return nil
}

func invalid(message string) refusal {
	return refusal(`InvalidRequest: Error from server: code=2200 [Invalid query] message="` + message + `"`)
}

func cassandraSelect(v *view, a args, w *guest.Writer) error {
	toks, ok := lex(strings.TrimRight(a.text("query"), "; \n"))
	if !ok || len(toks) == 0 {
		return refusal("SyntaxException: line 1:0 no viable alternative at input '<EOF>'")
	}
	if !toks[0].is("select") {
		return refusal("Unauthorized: Error from server: code=2100 [Unauthorized] message=\"User reporting_ro has no MODIFY permission\"")
	}
	s, ok := parseSelect(toks)
	if !ok || s.table == "" {
		return errCQLTimeout
	}
	src, err := v.cqlSource(s, strings.ToLower(a.text("keyspace")))
	if err != nil {
		return err
	}
	if missing := s.check(src); missing != "" {
		return invalid("Undefined column name " + missing)
	}
	if err := restricted(s, src); err != nil {
		return err
	}
	rows := s.matching(src)
	if s.limit >= 0 {
		rows = page(rows, 0, s.limit)
	}
	if s.counts() {
		one := &source{columns: []world.Column{{Name: "count", Type: "bigint"}}, n: 1, row: func(int) []string { return []string{strconv.Itoa(len(rows))} }}
		return writeCQL(w, &selection{items: []item{{name: "*"}}}, one, []int{0}, "")
	}
	more := ""
	if len(rows) > cassandraPage {
		more = v.pagingState(s.table, cassandraPage)
	}
	return writeCQL(w, s, src, page(rows, 0, cassandraPage), more)
}

// restricted applies the rule that a condition starts with the partition key,
// which is the first column here.
func restricted(s *selection, src *source) error {
	if s.where == nil || s.filter {
		return nil
	}
	byKey := false
	_ = s.where.each(func(c *condition) error {
		byKey = byKey || src.column(unqualified(c.field)) == 0 && (c.cmp == "=" || c.cmp == "in")
		return nil
	})
	if !byKey {
		return errFiltering
	}
	return nil
}

func writeCQL(w *guest.Writer, s *selection, src *source, rows []int, more string) error {
	cols, names := s.output(src)
	w.Obj().Key("rows").Arr()
	for _, i := range rows {
		w.Obj()
		for k, col := range cols {
			w.Key(names[k])
			writeCell(w, src.columns[col].Type, src.row(i)[col])
		}
		w.End()
	}
	w.End().Key("metadata").Obj().Key("columns").Arr()
	for k, col := range cols {
		w.Obj().Key("name").Str(names[k]).Key("type").Str(src.columns[col].Type).End()
	}
	w.End().End().Key("paging_state")
	if more == "" {
		w.Null().End()
		return nil
	}
	w.Str(more).End()
	return nil
}

// pagingState is an opaque token in hexadecimal.
func (v *view) pagingState(table string, at int) string {
	id, _ := v.Fake("uuid", uint32(len(table)*1000+at))
	return "0010" + strings.ReplaceAll(id, "-", "") + "f07fffff9b00"
}

func (v *view) cqlSource(s *selection, keyspace string) (*source, error) {
	if s.schema != "" {
		keyspace = s.schema
	}
	if keyspace == "" {
		return nil, errNoKeyspace
	}
	if src := v.systemTable(keyspace + "." + s.table); src != nil {
		return src, nil
	}
	for _, k := range v.Keyspaces() {
		if k.Name != keyspace {
			continue
		}
		if t := k.Table(s.table); t != nil {
			if t.Denied {
				return nil, cqlClosed(keyspace + "." + t.Name)
			}
			return v.source(t), nil
		}
		return nil, invalid("unconfigured table " + s.table)
	}
	return nil, invalid("keyspace " + keyspace + " does not exist")
}

func (v *view) systemTable(name string) *source {
	var rows [][]string
	var columns []world.Column
	text := func(names ...string) {
		for _, n := range names {
			columns = append(columns, world.Column{Name: n, Type: "text"})
		}
	}
	switch name {
	case "system.local":
		text("key", "cluster_name", "data_center", "rack", "release_version")
		rows = [][]string{{"local", v.Products[min(1, len(v.Products)-1)].Code + "-cluster", v.DataCenter(), "rack1", cassandraVersion}}
	case "system.peers":
		text("peer", "data_center", "rack", "release_version")
		for i := 1; i < 3; i++ {
			rows = append(rows, []string{v.Address("cassandra", i), v.DataCenter(), "rack" + strconv.Itoa(i+1), cassandraVersion})
		}
	case "system_schema.keyspaces":
		text("keyspace_name", "durable_writes", "replication")
		for _, k := range v.Keyspaces() {
			rows = append(rows, []string{k.Name, strconv.FormatBool(k.Durable), k.Class})
		}
	case "system_schema.tables":
		text("keyspace_name", "table_name")
		for _, k := range v.Keyspaces() {
			for _, t := range k.Tables {
				rows = append(rows, []string{k.Name, t.Name})
			}
		}
	default:
		return nil
	}
	return &source{columns: columns, n: len(rows), row: func(i int) []string { return rows[i] }}
}
