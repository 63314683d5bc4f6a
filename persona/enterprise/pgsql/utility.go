package pgsql

import "strings"

// other refuses a statement that is neither a query nor about the session, as the
// server refuses it to a role that may only read.
func (x *exec) other(o *other) Result {
	name := strings.Join(o.name, ".")
	readOnly := x.readOnly || x.db.ReadOnly && !x.writes
	if readOnly && inWords(" CREATE ALTER DROP GRANT REVOKE COMMENT REINDEX CLUSTER REFRESH IMPORT REASSIGN SECURITY ", o.verb) {
		x.refuseWrite(strings.TrimSpace(o.verb+" "+strings.ToUpper(o.kind)), "")
	}
	switch o.verb {
	case "INSERT", "UPDATE", "DELETE", "MERGE", "TRUNCATE":
		x.write(o)
	case "CREATE":
		x.create(o)
	case "DROP", "ALTER", "COMMENT", "REINDEX", "CLUSTER", "REFRESH":
		x.owned(o, name)
	case "GRANT", "REVOKE", "LOCK":
		if o.verb == "LOCK" && !x.txn {
			fail("25P01", "LOCK TABLE can only be used in transaction blocks")
		}
		rel := x.lookup(o.name, o.nameAt)
		if rel.denied || o.verb == "LOCK" {
			fail(codeDenied, "permission denied for table "+rel.name)
		}
	case "COPY":
		x.copyTable(o)
	case "CALL":
		failHint(o.nameAt, codeNoFunction, "procedure "+name+"() does not exist", "No procedure matches the given name and argument types. You might need to add explicit type casts.")
	case "EXECUTE", "DEALLOCATE":
		if name != "all" {
			fail("26000", `prepared statement "`+name+`" does not exist`)
		}
	case "DECLARE":
		if !x.txn {
			fail("25P01", "DECLARE CURSOR can only be used in transaction blocks")
		}
	case "FETCH", "MOVE", "CLOSE":
		if len(o.toks) > 0 {
			name = o.toks[len(o.toks)-1].text
		}
		fail("34000", `cursor "`+name+`" does not exist`)
	case "SECURITY":
		fail(codeBadArgument, "no security label providers have been loaded")
	case "LOAD":
		fail(codeDenied, "access to library is not allowed")
	case "CHECKPOINT":
		fail(codeDenied, "must be superuser or have privileges of pg_checkpoint to do CHECKPOINT")
	}
	return Result{Tag: o.verb}
}

func (x *exec) create(o *other) {
	switch o.kind {
	case "role", "user", "group":
		if strings.Contains(" "+words(o.toks)+" ", " superuser ") {
			fail(codeDenied, "must be superuser to create superusers")
		}
		fail(codeDenied, "permission denied to create role")
	case "database":
		fail(codeDenied, "permission denied to create database")
	case "schema", "publication":
		fail(codeDenied, "permission denied for database "+x.db.Name)
	case "extension":
		x.createExtension(strings.Join(o.name, "."))
	case "index":
		for i, t := range o.toks {
			if t.is("on") && i+1 < len(o.toks) {
				rel := x.lookup([]string{o.toks[i+1].text}, o.toks[i+1].at)
				fail(codeDenied, "must be owner of table "+rel.name)
			}
		}
	case "":
		fail(codeSyntax, "syntax error at end of input")
	}
	if len(o.toks) > 0 && inWords(" temp temporary ", o.toks[0].text) {
		fail(codeDenied, `permission denied to create temporary tables in database "`+x.db.Name+`"`)
	}
	schema := "public"
	if len(o.name) > 1 {
		schema = o.name[0]
	}
	if x.namespace(schema) == nil {
		failAt(o.nameAt, "3F000", `schema "`+schema+`" does not exist`)
	}
	if o.kind != "table" {
		fail(codeDenied, "permission denied for schema "+schema)
	}
	failAt(o.nameAt, codeDenied, "permission denied for schema "+schema)
}

// Extensions that a server with postgresql-contrib has, trusted ones first.
const (
	trustedExtensions = " btree_gin btree_gist citext cube dict_int fuzzystrmatch hstore intarray isn lo ltree pgcrypto pg_trgm seg tablefunc tcn tsm_system_rows tsm_system_time unaccent uuid-ossp "
	otherExtensions   = " adminpack amcheck autoinc bloom dblink dict_xsyn earthdistance file_fdw insert_username intagg moddatetime old_snapshot pageinspect pg_buffercache pg_freespacemap pg_prewarm pg_stat_statements pg_surgery pg_visibility pg_walinspect pgrowlocks pgstattuple postgres_fdw refint sslinfo xml2 "
)

func (x *exec) createExtension(name string) {
	hint := "Must be superuser to create this extension."
	switch {
	case name == "plpgsql":
		fail("42710", `extension "plpgsql" already exists`)
	case inWords(trustedExtensions, name):
		hint = "Must have CREATE privilege on current database to create this extension."
	case !inWords(otherExtensions, name):
		panic(&Error{
			Severity: "ERROR", Code: codeUnsupported, Message: `extension "` + name + `" is not available`,
			Detail: `Could not open extension control file "/usr/share/postgresql/15/extension/` + name + `.control": No such file or directory.`,
			Hint:   "The extension must first be installed on the system where PostgreSQL is running.",
		})
	}
	panic(&Error{Severity: "ERROR", Code: codeDenied, Message: `permission denied to create extension "` + name + `"`, Hint: hint})
}

// owned refuses what only the owner of an object may do.
func (x *exec) owned(o *other, name string) {
	exists := words(o.toks)
	switch o.kind {
	case "table", "view", "materialized view", "index", "sequence", "column", "":
	case "role", "user":
		if o.verb == "ALTER" && (name == "postgres" || strings.Contains(" "+exists+" ", " superuser ")) {
			fail(codeDenied, "must be superuser to alter superuser roles or change superuser attribute")
		}
		fail(codeDenied, "permission denied to "+strings.ToLower(o.verb)+" role")
	case "schema":
		if x.namespace(name) == nil {
			fail("3F000", `schema "`+name+`" does not exist`)
		}
		fail(codeDenied, "must be owner of schema "+name)
	case "database":
		for _, d := range x.db.Databases {
			if d.Name == name {
				fail(codeDenied, "must be owner of database "+name)
			}
		}
		fail("3D000", `database "`+name+`" does not exist`)
	case "system":
		fail(codeDenied, `permission denied to set parameter`)
	default:
		fail(codeUndefined, o.kind+` "`+name+`" does not exist`)
	}
	for _, r := range x.relations() {
		if len(o.name) > 0 && r.name == o.name[len(o.name)-1] && (len(o.name) > 1 && r.schema == o.name[0] || len(o.name) == 1 && indexOf(x.path(), r.schema) >= 0) {
			fail(codeDenied, "must be owner of table "+r.name)
		}
	}
	if strings.Contains(exists, "if exists") {
		o.verb += " " + strings.ToUpper(o.kind)
		return
	}
	what := o.kind
	if what == "" || o.verb != "DROP" {
		what = "relation"
	}
	fail(codeNoTable, what+` "`+name+`" does not exist`)
}

func (x *exec) copyTable(o *other) {
	all := words(o.toks)
	switch {
	case strings.Contains(all, " program "):
		dir := "to or from"
		panic(&Error{
			Severity: "ERROR", Code: codeDenied, Message: "must be superuser or have privileges of the pg_execute_server_program role to COPY " + dir + " an external program",
			Hint: "Anyone can COPY to stdout or from stdin. psql's \\copy command also works for anyone.",
		})
	case strings.Contains(all, " stdin"):
		x.write(&other{verb: "COPY FROM", name: o.name, nameAt: o.nameAt})
	case strings.Contains(all, " stdout"):
		fail(codeUnsupported, "COPY to stdout or from stdin is not supported in this protocol")
	}
	role, dir := "pg_write_server_files", "to"
	if strings.Contains(all, " from ") && !strings.Contains(all, " to ") {
		role, dir = "pg_read_server_files", "from"
	}
	panic(&Error{Severity: "ERROR", Code: codeDenied, Message: "must be superuser or have privileges of the " + role + " role to COPY " + dir + " a file", Hint: "Anyone can COPY to stdout or from stdin. psql's \\copy command also works for anyone."})
}
