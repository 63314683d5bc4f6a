package enterprise

import (
	"strconv"
	"strings"
	"time"

	"github.com/killdeer-mcp/killdeer/persona/enterprise/pgsql"
	"github.com/killdeer-mcp/killdeer/persona/world"
)

// engine is the SQL engine of a database as it is at now; it is made once.
func (v *view) engine(db *world.Database) *pgsql.Engine {
	if e := v.engines[db]; e != nil {
		return e
	}
	if v.engines == nil {
		v.engines = map[*world.Database]*pgsql.Engine{}
	}
	e := pgsql.New(v.describe(db))
	v.engines[db] = e
	return e
}

// describe tells the engine what a database holds.
func (v *view) describe(db *world.Database) *pgsql.Database {
	d := &pgsql.Database{
		Name: db.Name, Role: pgUser, Version: pgVersion, Now: v.now, Timeout: pgTimeout, Schemas: []pgsql.Schema{{Name: "public", Owner: "pg_database_owner"}},
	}
	for _, s := range pgSettings {
		d.Settings = append(d.Settings, pgsql.Setting{Name: s[0], Value: s[1]})
	}
	d.Roles = append(d.Roles, pgsql.Role{Name: pgUser, Login: true})
	owners := map[string]bool{"postgres": true, pgUser: true}
	for _, other := range v.Databases() {
		d.Databases = append(d.Databases, pgsql.Catalog{Name: other.Name, Owner: other.Owner, Bytes: sizeOf(other.Size)})
		if !owners[other.Owner] {
			owners[other.Owner] = true
			d.Roles = append(d.Roles, pgsql.Role{Name: other.Owner, Login: true})
		}
	}
	for i, other := range v.Databases() {
		if other == db {
			d.Session = v.session(i)
		}
	}
	for _, t := range db.Tables {
		d.Tables = append(d.Tables, v.sqlTable(t))
	}
	return d
}

// The pool of connections opens one anew after a while; a server runs from one
// update to the next. Both are odd, so that no worlds and databases agree.
const (
	poolSeconds   = 5003
	uptimeSeconds = 7_430_003
)

// session is the integration's connection to a database.
func (v *view) session(database int) pgsql.Session {
	mixed := int64(v.seed * 0x9e3779b97f4a7c15 >> 24)
	since := (v.now.Unix() + mixed + int64(database)*331) % poolSeconds
	opened := v.now.Add(-time.Duration(since)*time.Second + time.Duration(mixed%999_983-1_000_000)*time.Microsecond)
	up := (v.now.Unix() + mixed) % uptimeSeconds
	round := (v.now.Unix() + mixed - since) / 7
	return pgsql.Session{
		PID: int(20_011 + round%40_000), Port: int(32_801 + round*31%28_000), Server: v.Address("postgres", database), Client: v.Address("integrations", 0),
		Since: opened, Started: v.now.Add(-time.Duration(up)*time.Second + time.Duration(mixed%999_979-1_000_000)*time.Microsecond),
	}
}

// sizeOf reads a size such as 12 GB.
func sizeOf(s string) int64 {
	number, unit, _ := strings.Cut(s, " ")
	n, _ := strconv.ParseInt(number, 10, 64)
	switch unit {
	case "GB":
		return n << 30
	case "MB":
		return n << 20
	}
	return n << 10
}

// foreignKeys are the references between the world's tables.
var foreignKeys = map[string][]pgsql.ForeignKey{
	"api_keys": {{Columns: []string{"user_id"}, Table: "users", Refs: []string{"id"}}},
	"orders":   {{Columns: []string{"customer_id"}, Table: "customers", Refs: []string{"id"}}},
}

var uniqueKeys = map[string][][]string{"users": {{"email"}}, "orders": {{"reference"}}}

func (v *view) sqlTable(t *world.Table) *pgsql.Table {
	now := v.now
	out := &pgsql.Table{
		Schema: "public", Name: t.Name, Owner: t.Owner, Key: []string{t.Columns[0].Name}, Unique: uniqueKeys[t.Name], Foreign: foreignKeys[t.Name],
		Denied: t.Denied,
		Len:    func() int { return t.Len(now) }, Row: func(i int) []string { return t.Row(i, now) },
	}
	for _, c := range t.Columns {
		out.Columns = append(out.Columns, pgsql.Column{Name: c.Name, Type: c.Type, NotNull: true})
	}
	return out
}
