// Package pgsql answers SQL as a PostgreSQL 15 server answers a read-only role.
//
// An [Engine] evaluates SELECT, VALUES, SHOW, EXPLAIN and the rest of what such a
// role may say over the tables that its [Database] describes, with PostgreSQL's
// own type resolution, three-valued logic, output formats, system catalogs and
// error texts. Whatever would write is refused as the server refuses it.
//
// It is a pure function of the database and the text: no clock, no randomness, no
// IO. Work, memory, result rows and nesting are bounded by constants; a statement
// that exceeds them ends with the error that a server under the same limits gives.
//
// It is no database: it stores nothing, has no user-defined functions, no named
// session time zone but UTC, the zones that it knows by name keep today's rules, and
// it has no collation but C.
//
// Inside the package an error is a panic with an [*Error], which [Engine.Exec]
// turns into its result.
package pgsql
