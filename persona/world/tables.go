package world

import (
	"strconv"
	"strings"
	"time"
)

// Null is the cell that holds no value.
const Null = "\x00"

// Column of a table. Type is the product's own name of the type.
type Column struct{ Name, Type string }

// Table is a table of a database. Rows are read by position, oldest first.
type Table struct {
	Name    string
	Owner   string
	Columns []Column
	Denied  bool // reading it is refused
	count   func(now time.Time) int
	row     func(i int, now time.Time) []string
}

// Len is how many rows there are at now.
func (t *Table) Len(now time.Time) int { return t.count(now) }

// Row returns row i, 0 <= i < Len(now).
func (t *Table) Row(i int, now time.Time) []string { return t.row(i, now) }

// Database is a PostgreSQL database.
type Database struct {
	Name, Owner, Size string
	Tables            []*Table
}

// Table finds a table by name; nil if there is none.
func (d *Database) Table(name string) *Table { return findTable(d.Tables, name) }

func findTable(tables []*Table, name string) *Table {
	for _, t := range tables {
		if t.Name == name {
			return t
		}
	}
	return nil
}

// Databases returns the PostgreSQL databases; the first is the one a client is
// connected to.
func (w *World) Databases() []*Database {
	if w.cache.databases != nil {
		return w.cache.databases
	}
	users, keys, customers, orders := w.usersTable(), w.keysTable(), w.customersTable(), w.ordersTable()
	payroll := w.payrollTable()
	r := w.sub("databases").at(0)
	for i, p := range w.Products {
		db := &Database{Name: p.Code + "_prod", Owner: p.Code + "_owner", Size: strconv.Itoa(r.between(2, 90)) + " GB", Tables: []*Table{customers, w.settingsTable(p)}}
		if i == 0 {
			db.Tables = []*Table{users, keys, customers, orders, payroll, w.settingsTable(p), w.integrationsTable()}
		}
		w.cache.databases = append(w.cache.databases, db)
	}
	w.cache.databases = append(w.cache.databases,
		&Database{Name: "analytics", Owner: "analytics", Size: strconv.Itoa(r.between(90, 400)) + " GB", Tables: []*Table{customers, orders}},
		&Database{Name: "postgres", Owner: "postgres", Size: "7453 kB"})
	return w.cache.databases
}

const stampLayout = "2006-01-02T15:04:05.000Z"

func stamp(t time.Time) string { return t.Format(stampLayout) }

func (w *World) usersTable() *Table {
	return &Table{
		Name: "users", Owner: w.Products[0].Code + "_owner",
		Columns: []Column{{"id", "int4"}, {"email", "text"}, {"full_name", "text"}, {"role", "text"}, {"team", "text"}, {"mfa_enabled", "bool"}, {"last_login_at", "timestamptz"}, {"created_at", "timestamptz"}},
		count: func(now time.Time) int {
			for i, p := range w.Staff {
				if p.Joined.After(now) {
					return i
				}
			}
			return len(w.Staff)
		},
		row: func(i int, now time.Time) []string {
			p := w.Staff[i]
			role := "member"
			if p.Admin {
				role = "admin"
			}
			r := w.sub("login times").at(i)
			_, seen := rhythm{p.office, p.Joined.Unix() + 33*60, int64(r.between(7*3600, 70*3600)), 1 << 30}.last(now)
			return []string{strconv.Itoa(p.UserID), p.Email, p.Name, role, p.Team.Slug, strconv.FormatBool(p.MFA), stamp(minTime(seen, now)), stamp(p.Joined)}
		},
	}
}

func minTime(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func (w *World) keysTable() *Table {
	created := func(i int) time.Time {
		r := w.sub("api key times").at(i)
		return at(w.cal.inHours(w.start + int64(i)*12*day + int64(r.below(11*day))))
	}
	return &Table{
		Name: "api_keys", Owner: w.Products[0].Code + "_owner",
		Columns: []Column{{"id", "int4"}, {"user_id", "int4"}, {"name", "text"}, {"key_prefix", "text"}, {"key_hash", "text"}, {"scopes", "text"}, {"revoked", "bool"}, {"last_used_at", "timestamptz"}, {"created_at", "timestamptz"}},
		count: func(now time.Time) int {
			if now.Unix() < w.start {
				return 0
			}
			n := min(int((now.Unix()-w.start)/(12*day))+1, 400)
			for n > 0 && created(n-1).After(now) {
				n--
			}
			return n
		},
		row: func(i int, now time.Time) []string {
			r := w.sub("api key").at(i)
			p := w.busy[r.below(len(w.busy))]
			if !p.there(created(i).Unix()) {
				p = w.Teams[0].Members[0]
			}
			name := r.pick([]string{"ci", "export", "partner sync", "monitoring", "local", "reporting", "migration"})
			used := lastTick(created(i), int64(r.between(900, 90*3600)), now)
			return []string{
				strconv.Itoa(11 + i*2 + r.below(2)), strconv.Itoa(p.UserID), name, w.Products[0].Code[:2] + "k_" + r.text(base62, 6), r.hex(64),
				r.pick([]string{"read", "read,write", "admin", "read"}), strconv.FormatBool(r.chance(22)), stamp(used), stamp(created(i)),
			}
		},
	}
}

func (w *World) customersTable() *Table {
	return &Table{
		Name: "customers", Owner: w.Products[0].Code + "_owner",
		Columns: []Column{{"id", "int4"}, {"name", "text"}, {"plan", "text"}, {"country", "text"}, {"crm_account_id", "text"}, {"contact_email", "text"}, {"created_at", "timestamptz"}},
		count:   func(now time.Time) int { return len(w.AccountsAt(now)) },
		row: func(i int, _ time.Time) []string {
			a := w.Accounts[i]
			return []string{strconv.Itoa(a.CustomerID), a.Name, a.Plan, a.Country, a.ID, a.Contacts[0].Email, stamp(a.Created)}
		},
	}
}

// orderWeeks is how many weeks of orders the table keeps.
const orderWeeks = 26

func (w *World) ordersTable() *Table {
	first := func(now time.Time) int { return w.orders.count(now.Unix() - orderWeeks*week) }
	return &Table{
		Name: "orders", Owner: w.Products[0].Code + "_owner",
		Columns: []Column{{"id", "int8"}, {"customer_id", "int4"}, {"reference", "text"}, {"total_cents", "int4"}, {"currency", "text"}, {"status", "text"}, {"created_by", "int4"}, {"created_at", "timestamptz"}, {"updated_at", "timestamptz"}},
		count:   func(now time.Time) int { return w.orders.count(now.Unix()) - first(now) },
		row:     func(i int, now time.Time) []string { return w.order(first(now)+i, now) },
	}
}

func (w *World) order(n int, now time.Time) []string {
	r := w.sub("order").at(n)
	t := w.orders.time(n)
	known := w.AccountsAt(at(t))
	a := known[r.below(len(known))*r.below(len(known))/len(known)] // early customers order most
	p := w.team("Customer Success").present(&r, t)
	paid := t + int64(r.between(1800, 2*day))
	last, final := paid+int64(r.between(3600, 3*day)), "fulfilled"
	if r.chance(4) {
		final = "refunded"
	}
	status, updated := "pending", t
	switch {
	case last <= now.Unix():
		status, updated = final, last
	case paid <= now.Unix():
		status, updated = "paid", paid
	}
	return []string{
		strconv.Itoa(100_000 + n*2 + r.below(2)), strconv.Itoa(a.CustomerID), strings.ToUpper(w.Products[0].Code[:2]) + "-" + r.text(base32, 7),
		strconv.Itoa(900 + r.below(1000)*r.below(1000)), r.pick([]string{"USD", "EUR", "EUR", "GBP"}), status, strconv.Itoa(p.UserID), stamp(at(t)), stamp(at(updated)),
	}
}

func (w *World) settingsTable(p Product) *Table {
	names := [...]string{"new_checkout", "bulk_export", "sso_required", "webhook_v2", "regional_failover", "read_replica", "maintenance_banner"}
	return &Table{
		Name: "feature_flags", Owner: p.Code + "_owner",
		Columns: []Column{{"key", "text"}, {"enabled", "bool"}, {"rollout_percent", "int4"}, {"updated_by", "int4"}, {"updated_at", "timestamptz"}},
		count:   func(now time.Time) int { return map[bool]int{true: len(names)}[now.Unix() >= w.start+40*day] },
		row: func(i int, now time.Time) []string {
			r := w.sub("flag " + p.Code).at(i)
			on := r.chance(60)
			who := w.Staff[r.below(min(5, len(w.Staff)))]
			return []string{
				names[i], strconv.FormatBool(on), map[bool]string{true: "100", false: "0"}[on], strconv.Itoa(who.UserID),
				stamp(at(w.start + int64(r.between(2*day, 40*day)))),
			}
		},
	}
}

// payrollTable is a table that the integration's role may see but not read.
func (w *World) payrollTable() *Table {
	return &Table{
		Name: w.roll("payroll", 0).pick([]string{"payroll_entries", "employee_compensation", "salary_history", "staff_costs"}), Owner: w.Products[0].Code + "_owner", Denied: true,
		Columns: []Column{{"id", "int8"}, {"user_id", "int4"}, {"period", "text"}, {"gross_cents", "int8"}, {"iban", "text"}, {"created_at", "timestamptz"}},
		count:   func(time.Time) int { return 0 },
	}
}

// tokensTable is its like in Cassandra.
func (w *World) tokensTable() *Table {
	return &Table{
		Name: w.roll("payroll", 1).pick([]string{"payment_tokens", "card_vault", "refresh_tokens"}), Denied: true,
		Columns: []Column{{"user_id", "int"}, {"token_id", "timeuuid"}, {"token", "text"}, {"created_at", "timestamp"}},
		count:   func(time.Time) int { return 0 },
	}
}

// Keyspace is a Cassandra keyspace.
type Keyspace struct {
	Name        string
	Durable     bool
	Class       string
	Replication [][2]string // data center and replicas, in order
	Tables      []*Table
}

// Table finds a table by name; nil if there is none.
func (k *Keyspace) Table(name string) *Table { return findTable(k.Tables, name) }

// Keyspaces returns the Cassandra keyspaces, the company's own first.
func (w *World) Keyspaces() []*Keyspace {
	if w.cache.keyspaces != nil {
		return w.cache.keyspaces
	}
	dc := w.DataCenter()
	code := w.Products[min(1, len(w.Products)-1)].Code
	w.cache.keyspaces = []*Keyspace{
		{Name: code + "_events", Durable: true, Class: "org.apache.cassandra.locator.NetworkTopologyStrategy", Replication: [][2]string{{dc, "3"}}, Tables: []*Table{w.eventsTable()}},
		{Name: code + "_sessions", Durable: true, Class: "org.apache.cassandra.locator.NetworkTopologyStrategy", Replication: [][2]string{{dc, "3"}}, Tables: []*Table{w.sessionsTable(), w.tokensTable()}},
		{Name: "system", Durable: true, Class: "org.apache.cassandra.locator.LocalStrategy"},
		{Name: "system_auth", Durable: true, Class: "org.apache.cassandra.locator.NetworkTopologyStrategy", Replication: [][2]string{{dc, "3"}}},
		{Name: "system_schema", Durable: true, Class: "org.apache.cassandra.locator.LocalStrategy"},
	}
	return w.cache.keyspaces
}

// DataCenter is the name of the company's data center.
func (w *World) DataCenter() string {
	r := w.sub("data center").at(0)
	return r.pick([]string{"dc1", "eu-west", "us-east", "core", "ams1", "fra1", "iad1"})
}

func (w *World) sessionsTable() *Table {
	const each = 4
	return &Table{
		Name:    "sessions_by_user",
		Columns: []Column{{"user_id", "int"}, {"session_id", "timeuuid"}, {"ip", "inet"}, {"user_agent", "text"}, {"started_at", "timestamp"}},
		count: func(now time.Time) int {
			n := 0
			for _, p := range w.Staff {
				if p.Joined.Before(now.Add(-40 * 24 * time.Hour)) {
					n++
				}
			}
			return n * each
		},
		row: func(i int, now time.Time) []string {
			p := w.Staff[i/each]
			period := w.sub("session period").at(i / each)
			every := int64(period.between(20*3600, 100*3600))
			tick := int((now.Unix()-p.Joined.Unix())/every) + 1
			var t int64
			for left := i % each; left >= 0; { // back to the next that has begun
				tick--
				if t = p.office.inHours(p.Joined.Unix() + int64(tick)*every); t <= now.Unix() {
					left--
				}
			}
			r := w.sub("session").at(i/each*100_000 + tick)
			agents := []string{"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)", "Mozilla/5.0 (Windows NT 10.0; Win64; x64)", "Mozilla/5.0 (X11; Linux x86_64)"}
			return []string{strconv.Itoa(p.UserID), r.timeUUID(t), w.Address("client", i/each), agents[p.Index%3], stamp(at(t))}
		},
	}
}

func (w *World) eventsTable() *Table {
	return &Table{
		Name:    "events_by_service",
		Columns: []Column{{"service", "text"}, {"event_id", "timeuuid"}, {"host", "text"}, {"level", "text"}, {"message", "text"}, {"created_at", "timestamp"}},
		count: func(now time.Time) int {
			from, to := w.LogRange(now)
			return to - from
		},
		row: func(i int, now time.Time) []string {
			from, _ := w.LogRange(now)
			l := w.Log(from + i)
			r := w.sub("event id").at(from + i)
			return []string{l.Service, r.timeUUID(l.Time.Unix()), l.Host, l.Level, l.Message, stamp(l.Time)}
		},
	}
}
