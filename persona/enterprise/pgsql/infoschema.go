package pgsql

// The rows of information_schema: what the role owns or may read.

func (x *exec) readable() (out []*relation) {
	for _, r := range x.relations() {
		if !r.denied {
			out = append(out, r)
		}
	}
	return out
}

func infoTables(m *rowMaker) {
	m.shape("is_typed=NO table_catalog table_schema table_name table_type is_insertable_into")
	for _, r := range m.x.readable() {
		kind := "BASE TABLE"
		if r.kind == 'v' {
			kind = "VIEW"
		}
		m.add(m.x.db.Name, r.schema, r.name, kind, yesNo(r.kind == 'r'))
	}
}

func infoColumns(m *rowMaker) {
	m.shape("udt_schema=pg_catalog is_self_referencing=NO is_identity=NO identity_cycle=NO is_generated=NEVER " +
		"table_catalog table_schema table_name column_name ordinal_position is_nullable data_type udt_catalog udt_name dtd_identifier is_updatable column_default " +
		"numeric_precision numeric_precision_radix numeric_scale datetime_precision character_maximum_length character_octet_length")
	for _, r := range m.x.readable() {
		for i, c := range r.cols {
			m.infoColumn(r, i, c)
		}
	}
}

func (m *rowMaker) infoColumn(r *relation, i int, c relCol) {
	kind, def, nullable := c.t.SQL, Null, true
	if c.t.Elem != nil {
		kind = "ARRAY"
	}
	if r.table != nil {
		col := r.table.Columns[i]
		nullable = !col.NotNull && indexOf(r.key, c.name) < 0
		def = orNull(col.Default)
	}
	number := intText(int64(i + 1))
	cells := []string{m.x.db.Name, r.schema, r.name, c.name, number, yesNo(nullable), kind, m.x.db.Name, c.t.Name, number, yesNo(r.kind == 'r'), def}
	m.add(append(cells, c.extent()...)...)
}

// extent are precision, radix, scale, precision of times, length and bytes.
func (c relCol) extent() []string {
	out := []string{Null, Null, Null, Null, Null, Null}
	switch c.t {
	case tInt2, tInt4, tInt8:
		out[0], out[1], out[2] = intText(int64(c.t.Len)*8), "2", "0"
	case tFloat4, tFloat8:
		out[0], out[1] = map[*Type]string{tFloat4: "24", tFloat8: "53"}[c.t], "2"
	case tTimestamp, tTimestamptz, tTime, tTimetz, tInterval:
		out[3] = "6"
	case tDate:
		out[3] = "0"
	case tText, tVarchar:
		out[5] = "1073741824"
		if c.mod > 0 {
			out[4], out[5] = intText(int64(c.mod-4)), intText(int64(c.mod-4)*4)
		}
	case tNumeric:
		out[1] = "10"
		if c.mod > 0 {
			p, s := numericMod(c.mod)
			out[0], out[2] = intText(int64(p)), intText(int64(s))
		}
	}
	return out
}

func infoSchemata(m *rowMaker) {
	m.shape("catalog_name schema_name schema_owner")
	for _, n := range m.x.namespaces() {
		if n.name != "pg_toast" || m.x.super() {
			m.add(m.x.db.Name, n.name, n.owner)
		}
	}
}

func infoConstraints(m *rowMaker) {
	if !m.x.super() {
		return // to read is not enough to see constraints
	}
	m.shape("is_deferrable=NO initially_deferred=NO enforced=YES constraint_catalog constraint_schema constraint_name table_catalog table_schema table_name constraint_type")
	for _, c := range m.x.constraints() {
		kind := map[byte]string{'p': "PRIMARY KEY", 'u': "UNIQUE", 'f': "FOREIGN KEY"}[c.kind]
		m.add(m.x.db.Name, c.rel.schema, c.name, m.x.db.Name, c.rel.schema, c.rel.name, kind)
	}
}

func infoKeys(m *rowMaker) {
	m.shape("constraint_catalog constraint_schema constraint_name table_catalog table_schema table_name column_name ordinal_position position_in_unique_constraint")
	for _, c := range m.x.constraints() {
		if c.rel.denied {
			continue
		}
		for i, name := range c.columns {
			n, unique := intText(int64(i+1)), Null
			if c.kind == 'f' {
				unique = n
			}
			m.add(m.x.db.Name, c.rel.schema, c.name, m.x.db.Name, c.rel.schema, c.rel.name, name, n, unique)
		}
	}
}

func infoUsage(m *rowMaker) {
	m.shape("table_catalog table_schema table_name column_name constraint_catalog constraint_schema constraint_name")
	for _, c := range m.x.constraints() {
		rel, columns := c.rel, c.columns
		if c.kind == 'f' {
			rel, columns = c.target, c.refs
		}
		if rel == nil || !m.x.super() && rel.owner != m.x.db.Role {
			continue
		}
		for _, name := range columns {
			m.add(m.x.db.Name, rel.schema, rel.name, name, m.x.db.Name, c.rel.schema, c.name)
		}
	}
}

func infoReferences(m *rowMaker) {
	m.shape("match_option=NONE constraint_catalog constraint_schema constraint_name unique_constraint_catalog unique_constraint_schema unique_constraint_name update_rule delete_rule")
	for _, c := range m.x.constraints() {
		if c.kind == 'f' && c.target != nil && (m.x.super() || c.rel.owner == m.x.db.Role) {
			m.add(m.x.db.Name, c.rel.schema, c.name, m.x.db.Name, c.target.schema, c.target.name+"_pkey", "NO ACTION", "NO ACTION")
		}
	}
}

func infoPrivileges(m *rowMaker) {
	m.shape("privilege_type=SELECT is_grantable=NO with_hierarchy=YES grantor grantee table_catalog table_schema table_name")
	for _, r := range m.x.readable() {
		if r.table != nil {
			m.add(r.owner, m.x.db.Role, m.x.db.Name, r.schema, r.name)
		}
	}
}

func infoRoles(m *rowMaker) {
	m.shape("role_name")
	m.add(m.x.db.Role)
}

func infoCatalog(m *rowMaker) {
	m.shape("catalog_name")
	m.add(m.x.db.Name)
}
