package pgsql

import (
	"strings"
)

var systemFunctions = []entry[impl]{
	{"version", func(c *env, _ []Value) Value { return textValue(c.x.db.Version) }},
	{"current_user", func(c *env, _ []Value) Value { return textValue(c.x.db.Role) }},
	{"session_user", func(c *env, _ []Value) Value { return textValue(c.x.db.Role) }},
	{"getpgusername", func(c *env, _ []Value) Value { return textValue(c.x.db.Role) }},
	{"current_database", func(c *env, _ []Value) Value { return textValue(c.x.db.Name) }},
	{"current_schema", currentSchema},
	{"current_schemas", currentSchemas},
	{"current_query", func(c *env, _ []Value) Value { return textValue(c.x.text) }},
	{"current_setting", currentSetting},
	{"set_config", setConfig},
	{"pg_backend_pid", func(c *env, _ []Value) Value { return intValue(c.x.pid()) }},
	{"pg_typeof", func(c *env, _ []Value) Value { return intValue(int64(c.types[0].OID)) }},
	{"format_type", formatTypeFunction},
	{"pg_get_userbyid", func(c *env, v []Value) Value { return textValue(orUnknown(c.x.roleName(v[0].n), v[0].n)) }},
	{"pg_table_is_visible", visible},
	{"pg_type_is_visible", func(*env, []Value) Value { return boolValue(true) }},
	{"pg_function_is_visible", func(*env, []Value) Value { return boolValue(true) }},
	{"pg_operator_is_visible", func(*env, []Value) Value { return boolValue(true) }},
	{"pg_collation_is_visible", func(*env, []Value) Value { return boolValue(true) }},
	{"pg_opclass_is_visible", func(*env, []Value) Value { return boolValue(true) }},
	{"pg_get_expr", func(_ *env, v []Value) Value { return v[0] }},
	{"pg_get_constraintdef", func(c *env, v []Value) Value { return c.x.constraintDef(v[0].n) }},
	{"pg_get_indexdef", func(c *env, v []Value) Value { return c.x.indexDefinition(v) }},
	{"pg_get_viewdef", func(*env, []Value) Value { return Value{} }},
	{"pg_get_functiondef", func(*env, []Value) Value { return Value{} }},
	{"pg_get_serial_sequence", func(*env, []Value) Value { return Value{} }},
	{"pg_get_partkeydef", func(*env, []Value) Value { return Value{} }},
	{"pg_get_triggerdef", func(*env, []Value) Value { return Value{} }},
	{"pg_get_ruledef", func(*env, []Value) Value { return Value{} }},
	{"obj_description", func(c *env, v []Value) Value { return c.x.comment(v[0].n) }},
	{"col_description", func(*env, []Value) Value { return Value{} }},
	{"shobj_description", func(*env, []Value) Value { return Value{} }},
	{"pg_encoding_to_char", func(_ *env, v []Value) Value { return textValue(map[int64]string{6: "UTF8", 0: "SQL_ASCII"}[v[0].n]) }},
	{"pg_client_encoding", func(*env, []Value) Value { return textValue("UTF8") }},
	{"getdatabaseencoding", func(*env, []Value) Value { return textValue("UTF8") }},
	{"pg_is_in_recovery", func(*env, []Value) Value { return boolValue(false) }},
	{"pg_postmaster_start_time", func(c *env, _ []Value) Value { return intValue(micros(c.x.db.Session.Started)) }},
	{"pg_conf_load_time", func(c *env, _ []Value) Value { return intValue(micros(c.x.db.Session.Started) - second/9) }},
	{"pg_database_size", databaseSize},
	{"pg_total_relation_size", func(c *env, v []Value) Value { return c.x.tableSize(v[0].n, 3) }},
	{"pg_relation_size", func(c *env, v []Value) Value { return c.x.tableSize(v[0].n, 2) }},
	{"pg_table_size", func(c *env, v []Value) Value { return c.x.tableSize(v[0].n, 2) }},
	{"pg_indexes_size", func(c *env, v []Value) Value { return c.x.tableSize(v[0].n, 1) }},
	{"pg_size_pretty", func(c *env, v []Value) Value { return textValue(prettySize(c, v[0])) }},
	{"pg_column_size", func(_ *env, v []Value) Value { return intValue(max(int64(len(v[0].s))+1, 4)) }},
	{"has_table_privilege", func(c *env, v []Value) Value { return boolValue(c.x.tablePrivilege(c, v)) }},
	{"has_any_column_privilege", func(c *env, v []Value) Value { return boolValue(c.x.tablePrivilege(c, v)) }},
	{"has_column_privilege", func(*env, []Value) Value { return boolValue(true) }},
	{"has_schema_privilege", func(_ *env, v []Value) Value { return boolValue(strings.EqualFold(v[len(v)-1].s, "usage")) }},
	{"has_database_privilege", func(_ *env, v []Value) Value { return boolValue(!strings.EqualFold(v[len(v)-1].s, "create")) }},
	{"has_function_privilege", func(*env, []Value) Value { return boolValue(true) }},
	{"has_sequence_privilege", func(*env, []Value) Value { return boolValue(false) }},
	{"pg_has_role", func(*env, []Value) Value { return boolValue(false) }},
	{"inet_server_addr", func(c *env, _ []Value) Value { return c.x.peer(c.x.db.Session.Server, 0) }},
	{"inet_client_addr", func(c *env, _ []Value) Value { return c.x.peer(c.x.db.Session.Client, 0) }},
	{"inet_server_port", func(c *env, _ []Value) Value { return c.x.peer("", 5432) }},
	{"inet_client_port", func(c *env, _ []Value) Value { return c.x.peer("", c.x.db.Session.Port) }},
	{"pg_my_temp_schema", func(*env, []Value) Value { return intValue(0) }},
	{"pg_jit_available", func(*env, []Value) Value { return boolValue(false) }},
	{"pg_relation_is_publishable", func(*env, []Value) Value { return boolValue(true) }},
	{"pg_tablespace_location", func(*env, []Value) Value { return textValue("") }},
	{"to_regclass", func(c *env, v []Value) Value { return soft(func() Value { return intValue(c.x.classNamed(v[0].s)) }) }},
	{"to_regtype", func(c *env, v []Value) Value { return soft(func() Value { return c.x.inputReg(tRegtype, v[0].s) }) }},
	{"to_regnamespace", func(c *env, v []Value) Value {
		return soft(func() Value { return c.x.inputReg(tRegnamespace, v[0].s) })
	}},
	{"to_regrole", func(c *env, v []Value) Value { return soft(func() Value { return c.x.inputReg(tRegrole, v[0].s) }) }},
	{"gen_random_uuid", func(c *env, _ []Value) Value { return textValue(c.x.randomUUID()) }},
	{"host", func(_ *env, v []Value) Value { h, _, _ := strings.Cut(v[0].s, "/"); return textValue(h) }},
	{"masklen", func(_ *env, v []Value) Value { _, n, _ := splitInet(v[0].s); return intValue(int64(n)) }},
	{"family", func(_ *env, v []Value) Value {
		if strings.Contains(v[0].s, ":") {
			return intValue(6)
		}
		return intValue(4)
	}},
	{"network", func(_ *env, v []Value) Value {
		a, n, _ := splitInet(v[0].s)
		return textValue(formatIPv4(a&netmask(n)) + "/" + intText(int64(n)))
	}},
	{"netmask", func(_ *env, v []Value) Value { _, n, _ := splitInet(v[0].s); return textValue(formatIPv4(netmask(n))) }},
	{"broadcast", func(_ *env, v []Value) Value {
		a, n, _ := splitInet(v[0].s)
		return textValue(formatIPv4(a | ^netmask(n)))
	}},
	{"pg_advisory_lock", func(*env, []Value) Value { return Value{ok: true} }},
	{"pg_try_advisory_lock", func(*env, []Value) Value { return boolValue(true) }},
	{"pg_advisory_unlock", func(*env, []Value) Value { return boolValue(true) }},
	{"pg_cancel_backend", func(*env, []Value) Value { return boolValue(false) }},
}

func soft(f func() Value) (v Value) {
	defer func() {
		if e := recover(); e != nil {
			if _, ok := e.(*Error); !ok {
				panic(e)
			}
			v = Value{}
		}
	}()
	return f()
}

func orUnknown(name string, oid int64) string {
	if name == "" {
		return "unknown (OID=" + intText(oid) + ")"
	}
	return name
}

func currentSchema(c *env, _ []Value) Value {
	for _, s := range c.x.path()[1:] {
		return textValue(s)
	}
	return Value{}
}

func currentSchemas(c *env, v []Value) Value {
	var out []Value
	for i, s := range c.x.path() {
		if i > 0 || v[0].truth() {
			out = append(out, textValue(s))
		}
	}
	return arrayValue(tName, out)
}

func currentSetting(c *env, v []Value) Value {
	if s, ok := c.x.lookupSetting(v[0].s); ok {
		return textValue(s)
	}
	if len(v) > 1 && v[1].truth() {
		return Value{}
	}
	fail(codeUndefined, `unrecognized configuration parameter "`+v[0].s+`"`)
	return Value{}
}

func setConfig(c *env, v []Value) Value {
	if !v[0].ok {
		fail("22004", "SET requires parameter name")
	}
	c.x.change(v[0].s, v[1].s)
	return v[1]
}

func formatTypeFunction(_ *env, v []Value) Value {
	if !v[0].ok {
		return Value{}
	}
	t := typeByOID(v[0].n)
	switch {
	case v[0].n == 0:
		return textValue("-")
	case t == nil:
		return textValue("???")
	case !v[1].ok:
		return textValue(t.SQL)
	}
	if t == tBpchar && v[1].n < 0 {
		return textValue("bpchar")
	}
	return textValue(formatType(t, int(v[1].n)))
}

func visible(c *env, v []Value) Value {
	for _, r := range c.x.relations() {
		if r.oid == v[0].n {
			return boolValue(indexOf(c.x.path(), r.schema) >= 0)
		}
	}
	return boolValue(true)
}

func (x *exec) constraintDef(oid int64) Value {
	for _, c := range x.constraints() {
		if c.oid == oid {
			return textValue(c.def())
		}
	}
	return Value{}
}

func (x *exec) indexDefinition(v []Value) Value {
	for _, c := range x.constraints() {
		if c.index != v[0].n {
			continue
		}
		if len(v) > 1 && v[1].n > 0 {
			if int(v[1].n) > len(c.columns) {
				return textValue("")
			}
			return textValue(c.columns[v[1].n-1])
		}
		return textValue(c.indexDef())
	}
	return Value{}
}

func (x *exec) comment(oid int64) Value {
	for _, r := range x.relations() {
		if r.oid == oid && r.table != nil && r.table.Comment != "" {
			return textValue(r.table.Comment)
		}
	}
	return Value{}
}

// peer is an address or a port of the connection, NULL for a Unix socket.
func (x *exec) peer(address string, port int) Value {
	switch {
	case x.db.Session.Server == "":
		return Value{}
	case address != "":
		return textValue(address)
	}
	return intValue(int64(port))
}

func databaseSize(c *env, v []Value) Value {
	for i, d := range c.x.db.Databases {
		if d.Name == v[0].s || v[0].n == int64(16384+i) {
			return intValue(d.Bytes)
		}
	}
	if c.types[0] == tName && !inWords(" template0 template1 ", v[0].s) {
		fail("3D000", `database "`+v[0].s+`" does not exist`)
	}
	return intValue(7_472_655)
}

func (x *exec) tableSize(oid, weight int64) Value {
	for _, r := range x.relations() {
		if r.oid == oid {
			n := int64(200)
			if r.table != nil {
				n = int64(r.table.Len())
			}
			return intValue((n/60*weight + 1) * 8192)
		}
	}
	return Value{}
}

func prettySize(c *env, v Value) string {
	n := v.n
	if c.types[0] == tNumeric {
		n, _ = v.dec().int64()
	}
	units := [...]string{"bytes", "kB", "MB", "GB", "TB", "PB"}
	i := 0
	for limit := int64(10 * 1024); i < len(units)-1 && int64(magnitude64(n)) >= limit; i++ {
		if i == 0 {
			limit = 20*1024 - 1
			n >>= 9
			continue
		}
		n >>= 10
	}
	if i > 0 {
		n = (n + n/int64(max(magnitude64(n), 1))) / 2
	}
	return intText(n) + " " + units[i]
}

func (x *exec) tablePrivilege(c *env, v []Value) bool {
	t := v[len(v)-2]
	oid := t.n
	if c.types[len(v)-2] == tText {
		oid = x.classNamed(t.s)
	}
	for _, r := range x.relations() {
		if r.oid == oid {
			return strings.EqualFold(v[len(v)-1].s, "select") && !r.denied
		}
	}
	return false
}

func (x *exec) randomUUID() string {
	var b [16]byte
	for i := range b {
		b[i] = byte(x.random() * 256)
	}
	b[6], b[8] = b[6]&15|0x40, b[8]&63|0x80
	return inputUUID(hexText(string(b[:]))).s
}
