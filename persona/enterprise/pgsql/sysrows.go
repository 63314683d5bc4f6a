package pgsql

import "strings"

// systemRows make the rows of system relations. Relations that are not listed are
// empty, as most are in a database that uses nothing special.
var systemRows map[string]func(x *exec) []sysRow

func init() {
	systemRows = map[string]func(x *exec) []sysRow{
		"pg_namespace": sysNamespaces, "pg_class": sysClasses, "pg_attribute": sysAttributes, "pg_type": sysTypes, "pg_database": sysDatabases,
		"pg_roles": sysRoles, "pg_user": sysUsers, "pg_tables": sysTables, "pg_indexes": sysIndexes, "pg_index": sysIndex, "pg_constraint": sysConstraints,
		"pg_settings": sysSettings, "pg_stat_activity": sysActivity, "pg_stat_user_tables": sysStats, "pg_stat_all_tables": sysStats, "pg_extension": sysExtensions,
		"pg_attrdef": sysDefaults, "pg_tablespace": sysTablespaces, "pg_am": sysAccess, "pg_language": sysLanguages, "pg_collation": sysCollations,
		"pg_description": sysDescriptions, "pg_stat_database": sysStatDatabase, "pg_proc": sysProcs, "pg_views": sysViews, "pg_group": sysGroups,
		"tables": infoTables, "columns": infoColumns, "schemata": infoSchemata, "table_constraints": infoConstraints, "key_column_usage": infoKeys,
		"constraint_column_usage": infoUsage, "referential_constraints": infoReferences, "table_privileges": infoPrivileges, "role_table_grants": infoPrivileges,
		"enabled_roles": infoRoles, "applicable_roles": nil, "information_schema_catalog_name": infoCatalog, "views": nil,
	}
}

//go:noinline
func text(s string) Value { return textValue(s) }

//go:noinline
func num(n int64) Value { return intValue(n) }

var (
	valTrue  = boolValue(true)
	valFalse = boolValue(false)
)

func vector(list []int64) Value {
	parts := make([]string, len(list))
	for i, n := range list {
		parts[i] = intText(n)
	}
	return textValue(strings.Join(parts, " "))
}

func smallArray(list []int64) Value {
	var out []Value
	for _, n := range list {
		out = append(out, intValue(n))
	}
	return arrayValue(tInt2, out)
}

func sysNamespaces(x *exec) (out []sysRow) {
	for _, n := range x.namespaces() {
		out = append(out, sysRow{"oid": num(n.oid), "nspname": text(n.name), "nspowner": num(x.role(n.owner))})
	}
	return out
}

func (x *exec) schemaOID(name string) int64 {
	if n := x.namespace(name); n != nil {
		return n.oid
	}
	return 0
}

func classRow(oid int64, name string, schema, owner int64, kind byte, columns int, tuples float64) sysRow {
	return sysRow{
		"oid": num(oid), "relname": text(name), "relnamespace": num(schema), "reltype": num(oid + 2), "reloftype": num(0), "relowner": num(owner),
		"relam": num(map[byte]int64{'r': 2, 'i': 403}[kind]), "relfilenode": num(oid), "reltablespace": num(0), "relpages": num(int64(tuples/60) + 1), "reltuples": floatValue(tuples),
		"relallvisible": num(0), "reltoastrelid": num(0), "relhasindex": valFalse, "relisshared": valFalse, "relpersistence": text("p"), "relkind": text(string(kind)),
		"relnatts": num(int64(columns)), "relchecks": num(0), "relhasrules": boolValue(kind == 'v'), "relhastriggers": valFalse, "relhassubclass": valFalse,
		"relrowsecurity": valFalse, "relforcerowsecurity": valFalse, "relispopulated": valTrue, "relreplident": text("d"), "relispartition": valFalse, "relrewrite": num(0),
		"relfrozenxid": num(722), "relminmxid": num(1),
	}
}

func sysClasses(x *exec) (out []sysRow) {
	for _, r := range x.relations() {
		tuples := -1.0
		if r.table != nil {
			tuples = float64(r.table.Len())
		}
		row := classRow(r.oid, r.name, x.schemaOID(r.schema), x.role(r.owner), r.kind, len(r.cols), tuples)
		row["relhasindex"] = boolValue(len(r.key) > 0)
		row["relhastriggers"] = boolValue(r.table != nil && len(r.table.Foreign) > 0)
		out = append(out, row)
	}
	for _, c := range x.constraints() {
		if c.index != 0 {
			out = append(out, classRow(c.index, c.name, x.schemaOID(c.rel.schema), x.role(c.rel.owner), 'i', len(c.columns), float64(c.rel.table.Len())))
		}
	}
	return out
}

func sysAttributes(x *exec) (out []sysRow) {
	for _, r := range x.relations() {
		for i, c := range r.cols {
			row := sysRow{
				"attrelid": num(r.oid), "attname": text(c.name), "atttypid": num(int64(c.t.OID)), "attstattarget": num(-1), "attlen": num(int64(c.t.Len)), "attnum": num(int64(i + 1)),
				"attndims": num(0), "attcacheoff": num(-1), "atttypmod": num(int64(c.mod)), "attbyval": boolValue(c.t.Len > 0 && c.t.Len <= 8), "attalign": text("i"), "attstorage": text("p"),
				"attcompression": text(""), "attnotnull": valFalse, "atthasdef": valFalse, "atthasmissing": valFalse, "attidentity": text(""), "attgenerated": text(""),
				"attisdropped": valFalse, "attislocal": valTrue, "attinhcount": num(0), "attcollation": num(map[bool]int64{true: 100}[c.t.Cat == 'S'])}
			if r.table != nil {
				row["attnotnull"] = boolValue(r.table.Columns[i].NotNull || indexOf(r.key, c.name) >= 0)
				row["atthasdef"] = boolValue(r.table.Columns[i].Default != "")
			} else if r.schema == "information_schema" {
				continue
			}
			out = append(out, row)
		}
	}
	return out
}

func sysTypes(*exec) (out []sysRow) {
	add := func(t *Type, elem, arr int64) {
		kind := "b"
		if t.Cat == 'P' {
			kind = "p"
		}
		out = append(out, sysRow{
			"oid": num(int64(t.OID)), "typname": text(t.Name), "typnamespace": num(oidCatalog), "typowner": num(bootstrap), "typlen": num(int64(t.Len)), "typbyval": boolValue(t.Len > 0 && t.Len <= 8),
			"typtype": text(kind), "typcategory": text(string(t.Cat)), "typispreferred": boolValue(t.Pref), "typisdefined": valTrue, "typdelim": text(","), "typrelid": num(0),
			"typelem": num(elem), "typarray": num(arr), "typnotnull": valFalse, "typbasetype": num(0), "typtypmod": num(-1), "typndims": num(0), "typcollation": num(0),
		})
	}
	for i, t := range baseTypes {
		if arr := arrayTypes[i]; arr != nil {
			add(t, 0, int64(arr.OID))
			add(arr, int64(t.OID), 0)
			continue
		}
		add(t, 0, 0)
	}
	return out
}

func sysDatabases(x *exec) (out []sysRow) {
	for i, d := range x.db.Databases {
		oid := int64(16384 + i)
		if d.Name == "postgres" {
			oid = 5
		}
		out = append(out, databaseRow(oid, d.Name, x.role(d.Owner), false))
	}
	return append(out, databaseRow(1, "template1", bootstrap, true), databaseRow(4, "template0", bootstrap, true))
}

func databaseRow(oid int64, name string, owner int64, template bool) sysRow {
	return sysRow{
		"oid": num(oid), "datname": text(name), "datdba": num(owner), "encoding": num(6), "datlocprovider": text("c"), "datistemplate": boolValue(template), "datallowconn": boolValue(name != "template0"),
		"datconnlimit": num(-1), "datfrozenxid": num(722), "datminmxid": num(1), "dattablespace": num(1663), "datcollate": text("C.UTF-8"), "datctype": text("C.UTF-8"),
	}
}

func sysRoles(x *exec) (out []sysRow) {
	add := func(oid int64, r Role) {
		config := Value{}
		if r.Config != nil {
			config = texts(r.Config)
		}
		out = append(out, sysRow{
			"oid": num(oid), "rolname": text(r.Name), "rolsuper": boolValue(r.Super), "rolinherit": valTrue, "rolcreaterole": boolValue(r.Super), "rolcreatedb": boolValue(r.CreateDB || r.Super),
			"rolcanlogin": boolValue(r.Login), "rolreplication": boolValue(r.Replica), "rolconnlimit": num(-1), "rolpassword": text("********"), "rolbypassrls": boolValue(r.Super), "rolconfig": config,
		})
	}
	add(bootstrap, Role{Name: "postgres", Login: true, Super: true, Replica: true})
	for i, name := range [...]string{"pg_database_owner", "pg_read_all_data", "pg_write_all_data", "pg_monitor", "pg_read_all_settings", "pg_read_all_stats", "pg_stat_scan_tables", "pg_read_server_files", "pg_write_server_files", "pg_execute_server_program", "pg_signal_backend", "pg_checkpoint"} {
		add([...]int64{6171, 6181, 6182, 3373, 3374, 3375, 3377, 4569, 4570, 4571, 4200, 4544}[i], Role{Name: name})
	}
	for i, r := range x.db.Roles {
		if r.Name != "postgres" {
			add(int64(firstUser+i), r)
		}
	}
	return out
}

func texts(list []string) Value {
	var out []Value
	for _, s := range list {
		out = append(out, textValue(s))
	}
	return arrayValue(tText, out)
}

func sysUsers(x *exec) (out []sysRow) {
	for _, r := range sysRoles(x) {
		if r["rolcanlogin"].truth() {
			out = append(out, sysRow{"usename": r["rolname"], "usesysid": r["oid"], "usecreatedb": r["rolcreatedb"], "usesuper": r["rolsuper"], "userepl": r["rolreplication"], "usebypassrls": r["rolbypassrls"], "passwd": text("********"), "useconfig": r["rolconfig"]})
		}
	}
	return out
}

func sysGroups(x *exec) (out []sysRow) {
	for _, r := range sysRoles(x) {
		if !r["rolcanlogin"].truth() {
			out = append(out, sysRow{"groname": r["rolname"], "grosysid": r["oid"], "grolist": arrayValue(tOid, nil)})
		}
	}
	return out
}

func sysTables(x *exec) (out []sysRow) {
	for _, r := range x.relations() {
		if r.kind == 'r' {
			out = append(out, sysRow{"schemaname": text(r.schema), "tablename": text(r.name), "tableowner": text(r.owner), "hasindexes": boolValue(len(r.key) > 0 || r.table == nil), "hasrules": valFalse,
				"hastriggers": boolValue(r.table != nil && len(r.table.Foreign) > 0), "rowsecurity": valFalse})
		}
	}
	return out
}

func sysViews(x *exec) (out []sysRow) {
	for _, r := range x.relations() {
		if r.kind == 'v' {
			out = append(out, sysRow{"schemaname": text(r.schema), "viewname": text(r.name), "viewowner": text(r.owner)})
		}
	}
	return out
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

func sysIndexes(x *exec) (out []sysRow) {
	for _, c := range x.constraints() {
		if c.index != 0 {
			out = append(out, sysRow{"schemaname": text(c.rel.schema), "tablename": text(c.rel.name), "indexname": text(c.name), "indexdef": text(c.indexDef())})
		}
	}
	return out
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

func sysIndex(x *exec) (out []sysRow) {
	for _, c := range x.constraints() {
		if c.index == 0 {
			continue
		}
		at := positions(c.rel, c.columns)
		out = append(out, sysRow{
			"indexrelid": num(c.index), "indrelid": num(c.rel.oid), "indnatts": num(int64(len(at))), "indnkeyatts": num(int64(len(at))), "indisunique": valTrue, "indnullsnotdistinct": valFalse,
			"indisprimary": boolValue(c.kind == 'p'), "indisexclusion": valFalse, "indimmediate": valTrue, "indisclustered": valFalse, "indisvalid": valTrue, "indcheckxmin": valFalse,
			"indisready": valTrue, "indislive": valTrue, "indisreplident": valFalse, "indkey": vector(at), "indoption": vector(make([]int64, len(at))),
		})
	}
	return out
}

func sysConstraints(x *exec) (out []sysRow) {
	for _, c := range x.constraints() {
		row := sysRow{
			"oid": num(c.oid), "conname": text(c.name), "connamespace": num(x.schemaOID(c.rel.schema)), "contype": text(string(c.kind)), "condeferrable": valFalse, "condeferred": valFalse, "convalidated": valTrue,
			"conrelid": num(c.rel.oid), "contypid": num(0), "conindid": num(c.index), "conparentid": num(0), "confrelid": num(0), "confupdtype": text(" "), "confdeltype": text(" "), "confmatchtype": text(" "),
			"conislocal": valTrue, "coninhcount": num(0), "connoinherit": valTrue, "conkey": smallArray(positions(c.rel, c.columns)),
		}
		if c.kind == 'f' && c.target != nil {
			row["confrelid"], row["confkey"] = num(c.target.oid), smallArray(positions(c.target, c.refs))
			row["confupdtype"], row["confdeltype"], row["confmatchtype"] = text("a"), text("a"), text("s")
		}
		out = append(out, row)
	}
	return out
}

func sysSettings(x *exec) (out []sysRow) {
	for _, s := range x.settings() {
		unit := Value{}
		if s.Unit != "" {
			unit = text(s.Unit)
		}
		out = append(out, sysRow{"name": text(s.Name), "setting": text(s.Value), "unit": unit, "category": text(s.Category), "short_desc": text(s.Comment), "context": text("user"), "vartype": text("string"), "source": text("configuration file"), "boot_val": text(s.Value), "reset_val": text(s.Value), "pending_restart": valFalse})
	}
	return out
}

func sysActivity(x *exec) []sysRow {
	return []sysRow{{
		"datid": num(16384), "datname": text(x.db.Name), "pid": num(x.pid()), "usesysid": num(x.role(x.db.Role)), "usename": text(x.db.Role), "application_name": text(x.setting("application_name")),
		"backend_start": num(x.now - 47*minute), "xact_start": num(x.now), "query_start": num(x.now), "state_change": num(x.now), "state": text("active"), "query": text(x.text), "backend_type": text("client backend"),
	}}
}

// pid is the number of the session's process; it follows from the minute.
func (x *exec) pid() int64 { return 20_000 + mod(x.now/minute*7919, 40_000) }

func sysStats(x *exec) (out []sysRow) {
	for _, r := range x.relations() {
		if r.table == nil {
			break
		}
		n := int64(r.table.Len())
		out = append(out, sysRow{"relid": num(r.oid), "schemaname": text(r.schema), "relname": text(r.name), "seq_scan": num(n%977 + 40), "seq_tup_read": num(n * 41), "idx_scan": num(n * 13), "idx_tup_fetch": num(n * 12),
			"n_tup_ins": num(n), "n_tup_upd": num(n / 3), "n_tup_del": num(n / 50), "n_tup_hot_upd": num(n / 5), "n_live_tup": num(n), "n_dead_tup": num(n % 97), "n_mod_since_analyze": num(n % 53), "n_ins_since_vacuum": num(n % 31),
			"last_autovacuum": num(x.now - mod(x.now, 9*hour) - 3*hour), "last_autoanalyze": num(x.now - mod(x.now, 9*hour) - 2*hour), "vacuum_count": num(0), "autovacuum_count": num(n%60 + 1), "analyze_count": num(0), "autoanalyze_count": num(n%80 + 1)})
	}
	return out
}

func sysExtensions(*exec) []sysRow {
	return []sysRow{{"oid": num(13569), "extname": text("plpgsql"), "extowner": num(bootstrap), "extnamespace": num(oidCatalog), "extrelocatable": valFalse, "extversion": text("1.0")}}
}

func sysDefaults(x *exec) (out []sysRow) {
	for _, r := range x.relations() {
		if r.table == nil {
			break
		}
		for i, c := range r.table.Columns {
			if c.Default != "" {
				out = append(out, sysRow{"oid": num(r.oid*10 + int64(i)), "adrelid": num(r.oid), "adnum": num(int64(i + 1)), "adbin": text(c.Default)})
			}
		}
	}
	return out
}

func sysTablespaces(*exec) []sysRow {
	return []sysRow{{"oid": num(1663), "spcname": text("pg_default"), "spcowner": num(bootstrap)}, {"oid": num(1664), "spcname": text("pg_global"), "spcowner": num(bootstrap)}}
}

func sysAccess(*exec) (out []sysRow) {
	for _, a := range [...]struct {
		oid        int64
		name, kind string
	}{{2, "heap", "t"}, {403, "btree", "i"}, {405, "hash", "i"}, {783, "gist", "i"}, {2742, "gin", "i"}, {4000, "spgist", "i"}, {3580, "brin", "i"}} {
		out = append(out, sysRow{"oid": num(a.oid), "amname": text(a.name), "amtype": text(a.kind)})
	}
	return out
}

func sysLanguages(*exec) (out []sysRow) {
	for i, name := range [...]string{"internal", "c", "sql", "plpgsql"} {
		out = append(out, sysRow{"oid": num([...]int64{12, 13, 14, 13572}[i]), "lanname": text(name), "lanowner": num(bootstrap), "lanispl": boolValue(i == 3), "lanpltrusted": boolValue(i > 1)})
	}
	return out
}

func sysCollations(*exec) (out []sysRow) {
	for i, name := range [...]string{"default", "C", "POSIX", "ucs_basic"} {
		out = append(out, sysRow{"oid": num([...]int64{100, 950, 951, 12341}[i]), "collname": text(name), "collnamespace": num(oidCatalog), "collowner": num(bootstrap), "collprovider": text("c"), "collisdeterministic": valTrue, "collencoding": num(-1)})
	}
	return out
}

func sysDescriptions(x *exec) (out []sysRow) {
	for _, r := range x.relations() {
		if r.table != nil && r.table.Comment != "" {
			out = append(out, sysRow{"objoid": num(r.oid), "classoid": num(1259), "objsubid": num(0), "description": text(r.table.Comment)})
		}
	}
	return out
}

func sysStatDatabase(x *exec) (out []sysRow) {
	for i, d := range x.db.Databases {
		n := d.Bytes / 1024
		out = append(out, sysRow{"datid": num(int64(16384 + i)), "datname": text(d.Name), "numbackends": num(n%17 + 3), "xact_commit": num(n * 7), "xact_rollback": num(n % 911), "blks_read": num(n * 3), "blks_hit": num(n * 301), "deadlocks": num(0)})
	}
	return out
}

func sysProcs(*exec) (out []sysRow) {
	for i, line := range functionLines() {
		s := parseSignature(line)
		out = append(out, sysRow{"oid": num(int64(1200 + i)), "proname": text(s.name), "pronamespace": num(oidCatalog), "proowner": num(bootstrap), "prolang": num(12), "prokind": text(string(s.kind)),
			"prosecdef": valFalse, "proisstrict": boolValue(s.strict), "proretset": boolValue(s.set), "provolatile": text(string(s.volatile)), "pronargs": num(int64(len(s.args))), "prorettype": num(int64(s.ret.OID)), "prosrc": text(s.name)})
	}
	return out
}
