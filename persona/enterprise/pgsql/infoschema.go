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

func infoTables(x *exec) (out []sysRow) {
	for _, r := range x.readable() {
		kind := "BASE TABLE"
		if r.kind == 'v' {
			kind = "VIEW"
		}
		out = append(out, sysRow{"table_catalog": text(x.db.Name), "table_schema": text(r.schema), "table_name": text(r.name), "table_type": text(kind), "is_insertable_into": text(yesNo(r.kind == 'r')), "is_typed": text("NO")})
	}
	return out
}

func yesNo(b bool) string {
	if b {
		return "YES"
	}
	return "NO"
}

func infoColumns(x *exec) (out []sysRow) {
	for _, r := range x.readable() {
		for i, c := range r.cols {
			out = append(out, x.infoColumn(r, i, c))
		}
	}
	return out
}

func (x *exec) infoColumn(r *relation, i int, c relCol) sysRow {
	kind := c.t.SQL
	if c.t.Elem != nil {
		kind = "ARRAY"
	}
	row := sysRow{
		"table_catalog": text(x.db.Name), "table_schema": text(r.schema), "table_name": text(r.name), "column_name": text(c.name), "ordinal_position": num(int64(i + 1)), "is_nullable": text("YES"), "data_type": text(kind),
		"udt_catalog": text(x.db.Name), "udt_schema": text("pg_catalog"), "udt_name": text(c.t.Name), "dtd_identifier": text(intText(int64(i + 1))), "is_self_referencing": text("NO"), "is_identity": text("NO"),
		"identity_cycle": text("NO"), "is_generated": text("NEVER"), "is_updatable": text(yesNo(r.kind == 'r')),
	}
	if r.table != nil {
		col := r.table.Columns[i]
		row["is_nullable"] = text(yesNo(!col.NotNull && indexOf(r.key, c.name) < 0))
		if col.Default != "" {
			row["column_default"] = text(col.Default)
		}
	}
	if bits := map[*Type]int64{tInt2: 16, tInt4: 32, tInt8: 64, tFloat4: 24, tFloat8: 53}[c.t]; bits != 0 {
		row["numeric_precision"], row["numeric_precision_radix"] = num(bits), num(2)
		if c.t.integral() {
			row["numeric_scale"] = num(0)
		}
	}
	switch c.t {
	case tTimestamp, tTimestamptz, tTime, tTimetz, tInterval:
		row["datetime_precision"] = num(6)
	case tDate:
		row["datetime_precision"] = num(0)
	case tText, tVarchar:
		row["character_octet_length"] = num(1 << 30)
		if c.mod > 0 {
			row["character_maximum_length"], row["character_octet_length"] = num(int64(c.mod-4)), num(int64(c.mod-4)*4)
		}
	case tNumeric:
		row["numeric_precision_radix"] = num(10)
		if c.mod > 0 {
			p, s := numericMod(c.mod)
			row["numeric_precision"], row["numeric_scale"] = num(int64(p)), num(int64(s))
		}
	}
	return row
}

func infoSchemata(x *exec) (out []sysRow) {
	for _, n := range x.namespaces() {
		if n.name == "pg_toast" && !x.super() {
			continue
		}
		out = append(out, sysRow{"catalog_name": text(x.db.Name), "schema_name": text(n.name), "schema_owner": text(n.owner)})
	}
	return out
}

func infoConstraints(x *exec) (out []sysRow) {
	for _, c := range x.constraints() {
		if !x.super() { // to read is not enough to see constraints
			continue
		}
		kind := map[byte]string{'p': "PRIMARY KEY", 'u': "UNIQUE", 'f': "FOREIGN KEY"}[c.kind]
		row := sysRow{"constraint_catalog": text(x.db.Name), "constraint_schema": text(c.rel.schema), "constraint_name": text(c.name), "table_catalog": text(x.db.Name), "table_schema": text(c.rel.schema), "table_name": text(c.rel.name),
			"constraint_type": text(kind), "is_deferrable": text("NO"), "initially_deferred": text("NO"), "enforced": text("YES")}
		if c.kind == 'u' {
			row["nulls_distinct"] = text("YES")
		}
		out = append(out, row)
	}
	return out
}

func infoKeys(x *exec) (out []sysRow) {
	for _, c := range x.constraints() {
		if c.rel.denied {
			continue
		}
		for i, name := range c.columns {
			row := sysRow{"constraint_catalog": text(x.db.Name), "constraint_schema": text(c.rel.schema), "constraint_name": text(c.name), "table_catalog": text(x.db.Name), "table_schema": text(c.rel.schema), "table_name": text(c.rel.name),
				"column_name": text(name), "ordinal_position": num(int64(i + 1))}
			if c.kind == 'f' {
				row["position_in_unique_constraint"] = num(int64(i + 1))
			}
			out = append(out, row)
		}
	}
	return out
}

func infoUsage(x *exec) (out []sysRow) {
	for _, c := range x.constraints() {
		rel, columns := c.rel, c.columns
		if c.kind == 'f' {
			rel, columns = c.target, c.refs
		}
		if rel == nil || !x.super() && rel.owner != x.db.Role {
			continue
		}
		for _, name := range columns {
			out = append(out, sysRow{"table_catalog": text(x.db.Name), "table_schema": text(rel.schema), "table_name": text(rel.name), "column_name": text(name), "constraint_catalog": text(x.db.Name), "constraint_schema": text(c.rel.schema), "constraint_name": text(c.name)})
		}
	}
	return out
}

func infoReferences(x *exec) (out []sysRow) {
	for _, c := range x.constraints() {
		if c.kind != 'f' || c.target == nil || !x.super() && c.rel.owner != x.db.Role {
			continue
		}
		out = append(out, sysRow{"constraint_catalog": text(x.db.Name), "constraint_schema": text(c.rel.schema), "constraint_name": text(c.name), "unique_constraint_catalog": text(x.db.Name), "unique_constraint_schema": text(c.target.schema),
			"unique_constraint_name": text(c.target.name + "_pkey"), "match_option": text("NONE"), "update_rule": text("NO ACTION"), "delete_rule": text("NO ACTION")})
	}
	return out
}

func infoPrivileges(x *exec) (out []sysRow) {
	for _, r := range x.readable() {
		if r.table == nil {
			continue
		}
		out = append(out, sysRow{"grantor": text(r.owner), "grantee": text(x.db.Role), "table_catalog": text(x.db.Name), "table_schema": text(r.schema), "table_name": text(r.name), "privilege_type": text("SELECT"), "is_grantable": text("NO"), "with_hierarchy": text("YES")})
	}
	return out
}

func infoRoles(x *exec) []sysRow { return []sysRow{{"role_name": text(x.db.Role)}} }

func infoCatalog(x *exec) []sysRow { return []sysRow{{"catalog_name": text(x.db.Name)}} }
