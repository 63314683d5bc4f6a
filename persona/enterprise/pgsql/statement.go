package pgsql

import (
	"strings"
	"time"
)

// statement runs one statement of a text.
func (x *exec) statement(s statement) Result {
	if _, ends := s.(*transaction); x.broken && !ends {
		fail("25P02", "current transaction is aborted, commands ignored until end of transaction block")
	}
	switch s := s.(type) {
	case *query:
		return x.query(s)
	case *show:
		return x.showSetting(s)
	case *set:
		return x.setSetting(s)
	case *explain:
		return x.explain(s)
	case *transaction:
		return x.transaction(s)
	case *other:
		return x.other(s)
	}
	return Result{}
}

// plan resolves a query of the top level and checks that the role may read what it
// names.
func (x *exec) plan(q *query) *plan {
	x.refusals = nil
	a := &analyzer{x: x}
	p := (&scope{analyzer: a}).query(q, nil)
	if len(x.refusals) > 0 {
		fail(codeDenied, x.refusals[0])
	}
	for _, e := range a.folds {
		e.eval(&frame{x: x})
	}
	return p
}

func (x *exec) query(q *query) Result {
	p := x.plan(q)
	r := Result{Returns: true}
	for _, c := range p.cols {
		r.Fields = append(r.Fields, Field{c.name, c.t, c.mod})
	}
	before := x.slept
	p.run(nil, func(row []Value) bool {
		if len(r.Rows) == MaxRows {
			fail(codeCanceled, "canceling statement due to statement timeout")
		}
		cells := make([]Cell, len(p.cols))
		for i, c := range p.cols {
			if !row[i].ok {
				cells[i].Null = true
				continue
			}
			cells[i].Text = x.output(c.t, row[i])
			x.memory += int64(len(cells[i].Text))
		}
		x.keep(int64(len(cells)) * 24)
		r.Rows = append(r.Rows, cells)
		return true
	})
	r.Slept = x.slept - before
	if limit := x.timeout(); limit > 0 && x.slept > limit {
		fail(codeCanceled, "canceling statement due to statement timeout")
	}
	r.Tag = "SELECT " + intText(int64(len(r.Rows)))
	return r
}

// timeout is the statement timeout, 0 for none.
func (x *exec) timeout() time.Duration {
	v := strings.TrimSpace(x.setting("statement_timeout"))
	for unit, d := range map[string]time.Duration{"ms": time.Millisecond, "min": time.Minute} {
		if n, ok := strings.CutSuffix(v, unit); ok {
			k, _ := digits(n)
			return time.Duration(k) * d
		}
	}
	if n, ok := strings.CutSuffix(v, "s"); ok {
		k, _ := digits(n)
		return time.Duration(k) * time.Second
	}
	k, _ := digits(v)
	return time.Duration(k) * time.Millisecond
}

// settings are those of the database and the few that every session has.
func (x *exec) settings() []Setting {
	have := map[string]bool{}
	var out []Setting
	for _, s := range x.db.Settings {
		have[strings.ToLower(s.Name)] = true
		if v, ok := x.session[strings.ToLower(s.Name)]; ok {
			s.Value = v
		}
		out = append(out, s)
	}
	for _, s := range sessionSettings {
		if !have[strings.ToLower(s.Name)] {
			if v, ok := x.session[strings.ToLower(s.Name)]; ok {
				s.Value = v
			}
			out = append(out, s)
		}
	}
	return out
}

// sessionSettings are what drivers and tools ask for.
var sessionSettings = []Setting{
	{Name: "search_path", Value: `"$user", public`},
	{Name: "client_encoding", Value: "UTF8"},
	{Name: "server_encoding", Value: "UTF8"},
	{Name: "DateStyle", Value: "ISO, MDY"},
	{Name: "IntervalStyle", Value: "postgres"},
	{Name: "TimeZone", Value: "Etc/UTC"},
	{Name: "transaction_isolation", Value: "read committed"},
	{Name: "transaction_read_only", Value: "off"},
	{Name: "default_transaction_read_only", Value: "off"},
	{Name: "default_transaction_isolation", Value: "read committed"},
	{Name: "transaction_deferrable", Value: "off"},
	{Name: "standard_conforming_strings", Value: "on"},
	{Name: "application_name", Value: ""},
	{Name: "integer_datetimes", Value: "on"},
	{Name: "server_version", Value: "15.18 (Debian 15.18-0+deb12u1)"},
	{Name: "server_version_num", Value: "150018"},
	{Name: "is_superuser", Value: "off"},
	{Name: "max_identifier_length", Value: "63"},
	{Name: "max_index_keys", Value: "32"},
	{Name: "lc_collate", Value: "C.UTF-8"},
	{Name: "lc_ctype", Value: "C.UTF-8"},
	{Name: "lc_messages", Value: "C.UTF-8"},
	{Name: "lc_monetary", Value: "C.UTF-8"},
	{Name: "extra_float_digits", Value: "1"},
	{Name: "bytea_output", Value: "hex"},
	{Name: "statement_timeout", Value: "0"},
	{Name: "lock_timeout", Value: "0"},
	{Name: "idle_in_transaction_session_timeout", Value: "0"},
	{Name: "client_min_messages", Value: "notice"},
	{Name: "row_security", Value: "on"},
	{Name: "default_tablespace", Value: ""},
	{Name: "default_table_access_method", Value: "heap"},
	{Name: "max_connections", Value: "100"},
	{Name: "shared_buffers", Value: "128MB"},
	{Name: "work_mem", Value: "4MB"},
	{Name: "wal_level", Value: "replica"},
	{Name: "ssl", Value: "on"},
	{Name: "port", Value: "5432"},
	{Name: "listen_addresses", Value: "*"},
	{Name: "password_encryption", Value: "scram-sha-256"},
	{Name: "block_size", Value: "8192"},
	{Name: "jit", Value: "on"},
	{Name: "enable_seqscan", Value: "on"},
	{Name: "xmlbinary", Value: "base64"},
	{Name: "check_function_bodies", Value: "on"},
	{Name: "role", Value: "none"},
	{Name: "synchronous_commit", Value: "on"},
	{Name: "log_statement", Value: "none"},
	{Name: "autovacuum", Value: "on"},
	{Name: "effective_cache_size", Value: "4GB"},
	{Name: "maintenance_work_mem", Value: "64MB"},
	{Name: "random_page_cost", Value: "4"},
	{Name: "max_stack_depth", Value: "2MB"},
}

func (x *exec) lookupSetting(name string) (string, bool) {
	if strings.Contains(name, ".") {
		v, ok := x.session[strings.ToLower(name)]
		return v, ok
	}
	if strings.EqualFold(name, "session_authorization") {
		return x.db.Role, true
	}
	for _, s := range x.settings() {
		if strings.EqualFold(s.Name, name) {
			return s.Value, true
		}
	}
	return "", false
}

func (x *exec) setting(name string) string {
	v, _ := x.lookupSetting(name)
	return v
}

// secretSettings are for superusers and pg_read_all_settings.
var secretSettings = " data_directory config_file hba_file ident_file log_directory log_filename unix_socket_directories primary_conninfo ssl_passphrase_command krb_server_keyfile session_preload_libraries shared_preload_libraries dynamic_library_path restore_command archive_command archive_library "

func (x *exec) showSetting(s *show) Result {
	if s.name == "all" {
		return x.showAll()
	}
	name := s.name
	if inWords(secretSettings, name) && !x.super() {
		fail(codeDenied, `must be superuser or have privileges of pg_read_all_settings to examine "`+name+`"`)
	}
	v, ok := x.lookupSetting(name)
	if !ok {
		fail(codeUndefined, `unrecognized configuration parameter "`+name+`"`)
	}
	for _, have := range x.settings() {
		if strings.EqualFold(have.Name, name) {
			name = have.Name
		}
	}
	return Result{Tag: "SHOW", Returns: true, Fields: []Field{{name, tText, noMod}}, Rows: [][]Cell{{{Text: v}}}}
}

func (x *exec) showAll() Result {
	r := Result{Tag: "SHOW", Returns: true, Fields: []Field{{"name", tText, noMod}, {"setting", tText, noMod}, {"description", tText, noMod}}}
	for _, s := range x.settings() {
		r.Rows = append(r.Rows, []Cell{{Text: s.Name}, {Text: s.Value}, {Text: s.Comment}})
	}
	return r
}

// superSettings may be changed by superusers only.
const superSettings = " session_replication_role log_statement lo_compat_privileges zero_damaged_pages log_min_duration_statement track_activities "

// fixedSettings need a restart or a reload.
const fixedSettings = " max_connections shared_buffers port listen_addresses wal_level block_size server_version server_version_num max_stack_depth_ ssl server_encoding "

func (x *exec) setSetting(s *set) Result {
	if s.name == "all" && s.reset {
		x.session = nil
		return Result{Tag: "RESET"}
	}
	_, ok := x.lookupSetting(s.name)
	ok = ok || s.name == "session authorization"
	switch {
	case !ok && !strings.Contains(s.name, ".") && !inWords(superSettings, s.name):
		fail(codeUndefined, `unrecognized configuration parameter "`+s.name+`"`)
	case inWords(superSettings, s.name) && !x.super():
		fail(codeDenied, `permission denied to set parameter "`+s.name+`"`)
	case (s.name == "role" || s.name == "session authorization") && !s.reset:
		x.setRole(s.name, s.value)
	case inWords(fixedSettings, s.name):
		fail("55P02", `parameter "`+s.name+`" cannot be changed without restarting the server`)
	}
	if s.reset || s.value == "default" {
		delete(x.session, s.name)
		return Result{Tag: map[bool]string{true: "RESET", false: "SET"}[s.reset]}
	}
	x.change(s.name, x.canonical(s.name, s.value))
	return Result{Tag: "SET"}
}

func (x *exec) setRole(what, name string) {
	if name == "none" || name == "default" || name == x.db.Role {
		return
	}
	for _, r := range x.db.Roles {
		if r.Name == name {
			fail(codeDenied, `permission denied to set `+what+` "`+name+`"`)
		}
	}
	if name == "postgres" {
		fail(codeDenied, `permission denied to set `+what+` "postgres"`)
	}
	fail(codeBadArgument, `role "`+name+`" does not exist`)
}

func (x *exec) change(name, value string) {
	if x.session == nil {
		x.session = map[string]string{}
	}
	name = strings.ToLower(name)
	if name == "transaction_read_only" || name == "default_transaction_read_only" {
		x.writes = value == "off" || value == "false" || value == "0"
	}
	x.session[name] = value
}

func (x *exec) transaction(s *transaction) Result {
	switch s.verb {
	case "begin", "start", "set":
		if s.verb != "set" {
			x.txn = true
		}
		if strings.Contains(s.mode, "read write") {
			x.writes = true
		}
		if strings.Contains(s.mode, "read only") {
			x.readOnly = true
		}
	case "savepoint", "release":
		if !x.txn {
			fail("25P01", strings.ToUpper(s.verb)+" can only be used in transaction blocks")
		}
	case "commit", "rollback":
		if strings.Contains(s.mode, "to ") && !x.txn {
			fail("25P01", "ROLLBACK TO SAVEPOINT can only be used in transaction blocks")
		}
		x.txn, x.broken, x.readOnly = false, false, false
	}
	tag := map[string]string{"start": "START TRANSACTION"}[s.verb]
	if tag == "" {
		tag = strings.ToUpper(s.verb)
	}
	return Result{Tag: tag}
}

// refuseWrite ends a statement that would write: as the transaction is read-only,
// or as the role may not.
func (x *exec) refuseWrite(command, denied string) {
	if x.readOnly || x.db.ReadOnly && !x.writes {
		fail(codeReadOnly, "cannot execute "+command+" in a read-only transaction")
	}
	fail(codeDenied, denied)
}

// write refuses INSERT, UPDATE, DELETE, MERGE and TRUNCATE.
func (x *exec) write(o *other) {
	if o.verb == "TRUNCATE" && (x.readOnly || x.db.ReadOnly && !x.writes) {
		x.refuseWrite("TRUNCATE TABLE", "")
	}
	rel := x.lookup(o.name, o.nameAt)
	what := "table "
	if rel.kind == 'v' {
		what = "view "
	}
	if rel.kind == 'v' && o.verb == "TRUNCATE" {
		fail("42809", `"`+rel.name+`" is not a table`)
	}
	x.refuseWrite(o.verb, "permission denied for "+what+rel.name)
}

func (x *exec) explain(e *explain) Result {
	q, ok := e.stmt.(*query)
	if !ok {
		if o, ok := e.stmt.(*other); ok {
			x.other(o)
		}
		fail(codeSyntax, "syntax error at end of input")
	}
	p := x.plan(q)
	r := Result{Tag: "EXPLAIN", Returns: true, Fields: []Field{{"QUERY PLAN", tText, noMod}}}
	for _, line := range x.planLines(p, q, inWords(" off false 0 ", e.options["costs"])) {
		r.Rows = append(r.Rows, []Cell{{Text: line}})
	}
	return r
}
