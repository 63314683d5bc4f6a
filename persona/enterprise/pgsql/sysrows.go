package pgsql

import "strings"

// systemRows make the rows of system relations. Relations that are not listed are
// empty, as most are in a database that uses nothing special.
var systemRows []entry[func(*rowMaker)]

func init() {
	systemRows = []entry[func(*rowMaker)]{
		{"pg_namespace", sysNamespaces},
		{"pg_class", sysClasses},
		{"pg_attribute", sysAttributes},
		{"pg_type", sysTypes},
		{"pg_database", sysDatabases},
		{"pg_roles", sysRoles},
		{"pg_user", sysUsers},
		{"pg_group", sysGroups},
		{"pg_tables", sysTables},
		{"pg_views", sysViews},
		{"pg_indexes", sysIndexes},
		{"pg_index", sysIndex},
		{"pg_constraint", sysConstraints},
		{"pg_settings", sysSettings},
		{"pg_stat_activity", sysActivity},
		{"pg_stat_user_tables", sysStats},
		{"pg_stat_all_tables", sysStats},
		{"pg_extension", sysFixed},
		{"pg_attrdef", sysDefaults},
		{"pg_tablespace", sysFixed},
		{"pg_am", sysFixed},
		{"pg_language", sysFixed},
		{"pg_collation", sysFixed},
		{"pg_description", sysDescriptions},
		{"pg_stat_database", sysStatDatabase},
		{"pg_proc", sysProcs},
		{"tables", infoTables},
		{"columns", infoColumns},
		{"schemata", infoSchemata},
		{"table_constraints", infoConstraints},
		{"key_column_usage", infoKeys},
		{"constraint_column_usage", infoUsage},
		{"referential_constraints", infoReferences},
		{"table_privileges", infoPrivileges},
		{"role_table_grants", infoPrivileges},
		{"enabled_roles", infoRoles},
		{"information_schema_catalog_name", infoCatalog},
	}
}

func rowsOf(name string) func(*rowMaker) {
	for _, e := range systemRows {
		if e.name == name {
			return e.work
		}
	}
	return nil
}

// fixedRows are the rows of relations that are the same in every database.
const fixedRows = `
pg_extension oid=13569 extname=plpgsql extowner=10 extnamespace=11 extrelocatable=f extversion=1.0
pg_tablespace oid=1663 spcname=pg_default spcowner=10
pg_tablespace oid=1664 spcname=pg_global spcowner=10
pg_am oid=2 amname=heap amtype=t
pg_am oid=403 amname=btree amtype=i
pg_am oid=405 amname=hash amtype=i
pg_am oid=783 amname=gist amtype=i
pg_am oid=2742 amname=gin amtype=i
pg_am oid=4000 amname=spgist amtype=i
pg_am oid=3580 amname=brin amtype=i
pg_language oid=12 lanname=internal lanowner=10 lanispl=f lanpltrusted=f
pg_language oid=13 lanname=c lanowner=10 lanispl=f lanpltrusted=f
pg_language oid=14 lanname=sql lanowner=10 lanispl=f lanpltrusted=t
pg_language oid=13572 lanname=plpgsql lanowner=10 lanispl=t lanpltrusted=t
pg_collation oid=100 collname=default collnamespace=11 collowner=10 collprovider=d collisdeterministic=t collencoding=-1
pg_collation oid=950 collname=C collnamespace=11 collowner=10 collprovider=c collisdeterministic=t collencoding=-1
pg_collation oid=951 collname=POSIX collnamespace=11 collowner=10 collprovider=c collisdeterministic=t collencoding=-1
`

func sysFixed(m *rowMaker) {
	for line := range strings.SplitSeq(fixedRows, "\n") {
		if name, list, _ := strings.Cut(line, " "); name == m.rel.name {
			m.shape(list)
			m.add()
		}
	}
}

func sysNamespaces(m *rowMaker) {
	m.shape("oid nspname nspowner")
	for _, n := range m.x.namespaces() {
		m.add(intText(n.oid), n.name, intText(m.x.role(n.owner)))
	}
}

func (x *exec) schemaOID(name string) string {
	if n := x.namespace(name); n != nil {
		return intText(n.oid)
	}
	return "0"
}

func sysClasses(m *rowMaker) {
	m.shape("reloftype=0 reltablespace=0 relallvisible=0 reltoastrelid=0 relisshared=f relpersistence=p relchecks=0 relhassubclass=f relrowsecurity=f relforcerowsecurity=f relispopulated=t relreplident=d relispartition=f relrewrite=0 relfrozenxid=722 relminmxid=1 relhasrules=f " +
		"oid relname relnamespace reltype relowner relam relfilenode relpages reltuples relhasindex relkind relnatts relhastriggers")
	x := m.x
	for _, r := range x.relations() {
		tuples := int64(-1)
		if r.table != nil {
			tuples = int64(r.table.Len())
		}
		am := map[byte]string{'r': "2", 'v': "0"}[r.kind]
		m.class(r.oid, r.name, r, am, tuples, string(r.kind), len(r.cols), len(r.key) > 0, r.table != nil && len(r.table.Foreign) > 0)
	}
	for _, c := range x.constraints() {
		if c.index != 0 {
			m.class(c.index, c.name, c.rel, "403", int64(c.rel.table.Len()), "i", len(c.columns), false, false)
		}
	}
}

func (m *rowMaker) class(oid int64, name string, r *relation, am string, tuples int64, kind string, columns int, indexed, triggers bool) {
	id := intText(oid)
	m.add(id, name, m.x.schemaOID(r.schema), intText(oid+2), intText(m.x.role(r.owner)), am, id, intText(tuples/60+1), intText(tuples), tf(indexed), kind, intText(int64(columns)), tf(triggers))
}

// systemColumns are the columns that every table has: name, type, size and number.
var systemColumns = [...][4]string{
	{"tableoid", "26", "4", "-6"}, {"cmax", "29", "4", "-5"}, {"xmax", "28", "4", "-4"}, {"cmin", "29", "4", "-3"}, {"xmin", "28", "4", "-2"}, {"ctid", "27", "6", "-1"},
}

func sysAttributes(m *rowMaker) {
	m.shape("attstattarget=-1 attndims=0 attcacheoff=-1 attalign=i attstorage=p atthasmissing=f attisdropped=f attislocal=t attinhcount=0 " +
		"attrelid attname atttypid attlen attnum atttypmod attbyval attcompression attnotnull atthasdef attidentity attgenerated attcollation")
	for _, r := range m.x.relations() {
		if r.table != nil {
			for _, c := range systemColumns {
				m.add(intText(r.oid), c[0], c[1], c[2], c[3], "-1", tf(c[0] != "ctid"), "", "t", "f", "", "", "0")
			}
		}
		for i, c := range r.cols {
			filled, def := false, false
			if r.table != nil {
				filled, def = r.table.Columns[i].NotNull || indexOf(r.key, c.name) >= 0, r.table.Columns[i].Default != ""
			}
			m.add(intText(r.oid), c.name, intText(int64(c.t.OID)), intText(int64(c.t.Len)), intText(int64(i+1)), intText(int64(c.mod)), tf(c.t.byValue()), "", tf(filled), tf(def), "", "", c.t.collation())
		}
	}
}

func (t *Type) byValue() bool { return t.Len > 0 && t.Len <= 8 }

// collation is the number of a type's collation as in pg_type.
func (t *Type) collation() string {
	switch {
	case t.Elem != nil:
		return t.Elem.collation()
	case t == tName:
		return "950"
	case t.Cat == 'S':
		return "100"
	}
	return "0"
}

func sysTypes(m *rowMaker) {
	m.shape("typnamespace=11 typowner=10 typisdefined=t typdelim=, typrelid=0 typnotnull=f typbasetype=0 typtypmod=-1 typndims=0 " +
		"oid typname typlen typbyval typtype typcategory typispreferred typelem typarray typcollation")
	add := func(t *Type, elem, arr uint32) {
		kind := "b"
		if t.Cat == 'P' {
			kind = "p"
		}
		m.add(intText(int64(t.OID)), t.Name, intText(int64(t.Len)), tf(t.byValue()), kind, string(t.Cat), tf(t.Pref), intText(int64(elem)), intText(int64(arr)), t.collation())
	}
	add(&Type{OID: 27, Name: "tid", Cat: 'U', Len: 6}, 0, 1010)
	add(&Type{OID: 29, Name: "cid", Cat: 'U', Len: 4}, 0, 1012)
	for i, t := range baseTypes {
		arr := arrayTypes[i]
		if arr == nil {
			add(t, 0, 0)
			continue
		}
		add(t, 0, arr.OID)
		add(arr, t.OID, 0)
	}
}

func sysDatabases(m *rowMaker) {
	m.shape("encoding=6 datlocprovider=c datconnlimit=-1 datfrozenxid=722 datminmxid=1 dattablespace=1663 datcollate=C.UTF-8 datctype=C.UTF-8 oid datname datdba datistemplate datallowconn")
	for i, d := range m.x.db.Databases {
		oid := int64(16384 + i)
		if d.Name == "postgres" {
			oid = 5
		}
		m.add(intText(oid), d.Name, intText(m.x.role(d.Owner)), "f", "t")
	}
	m.add("1", "template1", "10", "t", "t")
	m.add("4", "template0", "10", "t", "f")
}

// numberedRole is a role with its number.
type numberedRole struct {
	oid int64
	Role
}

const predefinedRoles = "6171 pg_database_owner 6181 pg_read_all_data 6182 pg_write_all_data 3373 pg_monitor 3374 pg_read_all_settings 3375 pg_read_all_stats 3377 pg_stat_scan_tables " +
	"4569 pg_read_server_files 4570 pg_write_server_files 4571 pg_execute_server_program 4200 pg_signal_backend 4544 pg_checkpoint"

func (x *exec) allRoles() []numberedRole {
	out := []numberedRole{{bootstrap, Role{Name: "postgres", Login: true, Super: true, Replica: true}}}
	list := strings.Fields(predefinedRoles)
	for i := 0; i < len(list); i += 2 {
		n, _ := digits(list[i])
		out = append(out, numberedRole{int64(n), Role{Name: list[i+1]}})
	}
	for i, r := range x.db.Roles {
		if r.Name != "postgres" {
			out = append(out, numberedRole{int64(firstUser + i), r})
		}
	}
	return out
}

func (r Role) configText() string {
	if r.Config == nil {
		return Null
	}
	return "{" + strings.Join(r.Config, ",") + "}"
}

func sysRoles(m *rowMaker) {
	m.shape("rolinherit=t rolconnlimit=-1 rolpassword=******** oid rolname rolsuper rolcreaterole rolcreatedb rolcanlogin rolreplication rolbypassrls rolconfig")
	for _, r := range m.x.allRoles() {
		super := tf(r.Super)
		m.add(intText(r.oid), r.Name, super, super, tf(r.CreateDB || r.Super), tf(r.Login), tf(r.Replica), super, r.configText())
	}
}

func sysUsers(m *rowMaker) {
	m.shape("passwd=******** usename usesysid usecreatedb usesuper userepl usebypassrls useconfig")
	for _, r := range m.x.allRoles() {
		if r.Login {
			m.add(r.Name, intText(r.oid), tf(r.CreateDB || r.Super), tf(r.Super), tf(r.Replica), tf(r.Super), r.configText())
		}
	}
}

func sysGroups(m *rowMaker) {
	m.shape("grolist={} groname grosysid")
	for _, r := range m.x.allRoles() {
		if !r.Login {
			m.add(r.Name, intText(r.oid))
		}
	}
}

func sysTables(m *rowMaker) {
	m.shape("hasrules=f rowsecurity=f schemaname tablename tableowner hasindexes hastriggers")
	for _, r := range m.x.relations() {
		if r.kind == 'r' {
			m.add(r.schema, r.name, r.owner, tf(len(r.key) > 0 || r.table == nil), tf(r.table != nil && len(r.table.Foreign) > 0))
		}
	}
}

func sysViews(m *rowMaker) {
	m.shape("schemaname viewname viewowner")
	for _, r := range m.x.relations() {
		if r.kind == 'v' {
			m.add(r.schema, r.name, r.owner)
		}
	}
}

func (c constraint) indexDef() string {
	return "CREATE UNIQUE INDEX " + c.name + " ON " + c.rel.schema + "." + c.rel.name + " USING btree (" + strings.Join(c.columns, ", ") + ")"
}

func (c constraint) def() string {
	list := "(" + strings.Join(c.columns, ", ") + ")"
	switch c.kind {
	case 'p':
		return "PRIMARY KEY " + list
	case 'u':
		return "UNIQUE " + list
	}
	name := ""
	if c.target != nil {
		name = c.target.name
	}
	return "FOREIGN KEY " + list + " REFERENCES " + name + "(" + strings.Join(c.refs, ", ") + ")"
}

func sysIndexes(m *rowMaker) {
	m.shape("schemaname tablename indexname indexdef")
	for _, c := range m.x.constraints() {
		if c.index != 0 {
			m.add(c.rel.schema, c.rel.name, c.name, c.indexDef())
		}
	}
}

func positions(r *relation, columns []string) (out []int64) {
	for _, name := range columns {
		for i, c := range r.cols {
			if c.name == name {
				out = append(out, int64(i+1))
			}
		}
	}
	return out
}

func sysIndex(m *rowMaker) {
	m.shape("indisunique=t indnullsnotdistinct=f indisexclusion=f indimmediate=t indisclustered=f indisvalid=t indcheckxmin=f indisready=t indislive=t indisreplident=f " +
		"indexrelid indrelid indnatts indnkeyatts indisprimary indkey indoption")
	for _, c := range m.x.constraints() {
		if c.index == 0 {
			continue
		}
		at := positions(c.rel, c.columns)
		n := intText(int64(len(at)))
		m.add(intText(c.index), intText(c.rel.oid), n, n, tf(c.kind == 'p'), vectorText(at), vectorText(make([]int64, len(at))))
	}
}

func sysConstraints(m *rowMaker) {
	m.shape("condeferrable=f condeferred=f convalidated=t contypid=0 conparentid=0 conislocal=t coninhcount=0 connoinherit=t " +
		"oid conname connamespace contype conrelid conindid confrelid confupdtype confdeltype confmatchtype conkey confkey")
	for _, c := range m.x.constraints() {
		target, action, match, refs := "0", " ", " ", Null
		if c.kind == 'f' && c.target != nil {
			target, action, match, refs = intText(c.target.oid), "a", "s", listText(positions(c.target, c.refs))
		}
		m.add(intText(c.oid), c.name, m.x.schemaOID(c.rel.schema), string(c.kind), intText(c.rel.oid), intText(c.index), target, action, action, match, listText(positions(c.rel, c.columns)), refs)
	}
}

func sysSettings(m *rowMaker) {
	m.shape("context=user vartype=string pending_restart=f name setting unit category short_desc source boot_val reset_val")
	for _, s := range m.x.settings() {
		m.add(s.Name, s.Value, orNull(s.Unit), s.Category, s.Comment, "configuration file", s.Value, s.Value)
	}
}

func (x *exec) stamp(us int64) string { return formatStamp(us, true) }

// sysActivity shows the own session and, as to somebody who may not read all
// statistics, the bare numbers of the server's other processes.
func sysActivity(m *rowMaker) {
	x, session := m.x, &m.x.db.Session
	if session.Server != "" {
		m.shape("pid query")
		for i := range 5 {
			m.add(intText(int64(session.PID%700+31+i)), "<insufficient privilege>")
		}
	}
	m.shape("datid=16384 state=active datname pid usesysid usename application_name client_addr client_port backend_start xact_start query_start state_change query backend_type")
	now, port := x.stamp(x.now), Null
	if session.Server != "" {
		port = intText(int64(session.Port))
	}
	m.add(x.db.Name, intText(x.pid()), intText(x.role(x.db.Role)), x.db.Role, x.setting("application_name"), orNull(session.Client), port,
		x.stamp(micros(session.Since)), now, now, now, x.text, "client backend")
}

func (x *exec) pid() int64 { return int64(x.db.Session.PID) }

func sysStats(m *rowMaker) {
	m.shape("vacuum_count=0 analyze_count=0 relid schemaname relname seq_scan seq_tup_read idx_scan idx_tup_fetch n_tup_ins n_tup_upd n_tup_del n_tup_hot_upd n_live_tup n_dead_tup " +
		"n_mod_since_analyze n_ins_since_vacuum autovacuum_count autoanalyze_count last_autovacuum last_autoanalyze")
	for _, r := range m.x.relations() {
		if r.table == nil {
			break
		}
		n := int64(r.table.Len())
		cells := []string{intText(r.oid), r.schema, r.name}
		for _, k := range [...]int64{n%977 + 40, n * 41, n * 13, n * 12, n, n / 3, n / 50, n / 5, n, n % 97, n % 53, n % 31, n%60 + 1, n%80 + 1} {
			cells = append(cells, intText(k))
		}
		last := m.x.now - mod(m.x.now, 9*hour)
		m.add(append(cells, m.x.stamp(last-3*hour), m.x.stamp(last-2*hour))...)
	}
}

func sysDefaults(m *rowMaker) {
	m.shape("oid adrelid adnum adbin")
	for _, r := range m.x.relations() {
		if r.table == nil {
			break
		}
		for i, c := range r.table.Columns {
			if c.Default != "" {
				m.add(intText(r.oid*10+int64(i)), intText(r.oid), intText(int64(i+1)), c.Default)
			}
		}
	}
}

func sysDescriptions(m *rowMaker) {
	m.shape("classoid=1259 objsubid=0 objoid description")
	for _, r := range m.x.relations() {
		if r.table != nil && r.table.Comment != "" {
			m.add(intText(r.oid), r.table.Comment)
		}
	}
}

func sysStatDatabase(m *rowMaker) {
	m.shape("deadlocks=0 datid datname numbackends xact_commit xact_rollback blks_read blks_hit")
	for i, d := range m.x.db.Databases {
		n := d.Bytes / 1024
		m.add(intText(int64(16384+i)), d.Name, intText(n%17+3), intText(n*7), intText(n%911), intText(n*3), intText(n*301))
	}
}

func sysProcs(m *rowMaker) {
	m.shape("pronamespace=11 proowner=10 prolang=12 prosecdef=f oid proname prokind proisstrict proretset provolatile pronargs prorettype prosrc")
	for i, line := range functionLines() {
		s := parseSignature(line)
		m.add(intText(int64(1200+i)), s.name, string(s.kind), tf(s.strict), tf(s.set), string(s.volatile), intText(int64(len(s.args))), intText(int64(s.ret.OID)), s.name)
	}
}
