package enterprise_test

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/killdeer-mcp/killdeer/persona/enterprise"
	"github.com/killdeer-mcp/killdeer/persona/world"
)

// soqlRecords returns the records of a query, all batches of it.
func soqlRecords(t *testing.T, p *enterprise.Persona, now time.Time, text string) []map[string]any {
	t.Helper()
	var out []map[string]any
	next := ""
	for {
		args, _ := json.Marshal(map[string]string{"query": text, "next_records_url": next})
		a := call(t, p, 7, now, "salesforce_query_soql", string(args))
		if a.fail {
			t.Fatalf("%s: %s", text, a.text)
		}
		for _, r := range list(t, a.doc, "records") {
			out = append(out, r.(map[string]any))
		}
		if a.str(t, "done") == "true" {
			if total, _ := strconv.Atoi(a.str(t, "totalSize")); total != len(out) && !strings.Contains(text, "COUNT()") {
				t.Errorf("%s: %d in all, %d in the batches", text, total, len(out))
			}
			return out
		}
		next = a.str(t, "nextRecordsUrl")
	}
}

func TestSOQLOracle(t *testing.T) {
	p, w, now := enterprise.New(), world.New(7), dates[2]
	accounts, cases := w.AccountsAt(now), w.Cases(now)
	acc, day := accounts[3], now.Truncate(24*time.Hour)
	ids := func(keep func(c *world.Case) bool) (out []string) {
		for _, c := range cases {
			if keep(c) {
				out = append(out, c.ID)
			}
		}
		return out
	}
	closed := func(c *world.Case) bool { return c.Status(now) == "Closed" }
	for text, want := range map[string][]string{
		"SELECT Id FROM Case": ids(func(*world.Case) bool { return true }),
		"SELECT Id FROM Case WHERE IsClosed = false AND Priority IN ('High','Low')": ids(func(c *world.Case) bool { return !closed(c) && c.Priority != "Medium" }),
		"SELECT Id FROM Case WHERE CreatedDate = LAST_N_DAYS:30":                    ids(func(c *world.Case) bool { return !c.Created.Before(day.AddDate(0, 0, -30)) }),
		"SELECT Id FROM Case WHERE CreatedDate < THIS_YEAR AND Subject LIKE '%invoice%'": ids(func(c *world.Case) bool {
			return c.Created.Year() < now.Year() && strings.Contains(strings.ToLower(c.Subject), "invoice")
		}),
		"SELECT Id FROM Case WHERE CreatedDate >= 2026-10-01T00:00:00Z":                                  ids(func(c *world.Case) bool { return !c.Created.Before(time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC)) }),
		"SELECT Id FROM Case WHERE Account.Owner.Name = '" + acc.Owner.Name + "'":                        ids(func(c *world.Case) bool { return c.Account.Owner == acc.Owner }),
		"SELECT Id FROM Case WHERE ClosedDate = null":                                                    ids(func(c *world.Case) bool { return !closed(c) }),
		"SELECT Id FROM Case WHERE NOT (Origin = 'Email' OR AccountId = '" + acc.ID[:15] + "')":          ids(func(c *world.Case) bool { return c.Origin != "Email" && c.Account != acc }),
		"SELECT Id FROM Case WHERE AccountId IN (SELECT Id FROM Account WHERE AnnualRevenue > 50000000)": ids(func(c *world.Case) bool { return c.Account.Revenue > 50_000_000 }),
		"SELECT Id FROM Case WHERE CALENDAR_YEAR(CreatedDate) = 2025 AND Contact.Email != null":          ids(func(c *world.Case) bool { return c.Created.Year() == 2025 }),
	} {
		var got []string
		for _, r := range soqlRecords(t, p, now, text) {
			got = append(got, r["Id"].(string))
		}
		same(t, text, got, want)
	}
}

func TestSOQLGroups(t *testing.T) {
	p, w, now := enterprise.New(), world.New(7), dates[2]
	count, last := map[string]int{}, map[string]string{}
	for _, c := range w.Cases(now) {
		count[c.Priority]++
		last[c.Priority] = max(last[c.Priority], c.Created.Format("2006-01-02T15:04:05.000+0000"))
	}
	rows := soqlRecords(t, p, now, "SELECT Priority, COUNT(Id) n, MAX(CreatedDate) FROM Case GROUP BY Priority ORDER BY COUNT(Id) DESC")
	if len(rows) != len(count) {
		t.Fatalf("%d groups, want %d", len(rows), len(count))
	}
	before := 1 << 30
	for _, r := range rows {
		name, n := r["Priority"].(string), int(r["n"].(float64))
		if n != count[name] || r["expr0"] != last[name] || n > before {
			t.Errorf("%v: want %d and %s", r, count[name], last[name])
		}
		before = n
	}
	sum := 0
	for _, a := range w.AccountsAt(now) {
		for _, o := range w.Opportunities(a, now) {
			if stage, _ := o.Stage(now); stage == "Closed Won" {
				sum += o.Amount
			}
		}
	}
	if r := soqlRecords(t, p, now, "SELECT SUM(Amount) total, COUNT_DISTINCT(AccountId) FROM Opportunity WHERE IsWon = true")[0]; int(r["total"].(float64)) != sum {
		t.Errorf("sum %v, want %d", r, sum)
	}
	many := 0
	for _, a := range w.AccountsAt(now) {
		if len(w.Opportunities(a, now)) > 3 {
			many++
		}
	}
	if got := soqlRecords(t, p, now, "SELECT Account.Name, COUNT(Id) FROM Opportunity GROUP BY Account.Name HAVING COUNT(Id) > 3"); len(got) != many {
		t.Errorf("%d accounts with more than 3 deals, want %d", len(got), many)
	}
}

func TestSOQLShape(t *testing.T) {
	p, w, now := enterprise.New(), world.New(7), dates[2]
	rows := soqlRecords(t, p, now, "SELECT Name, Owner.Name, Owner.Email, (SELECT LastName, Title FROM Contacts ORDER BY LastName), (SELECT Id FROM Cases LIMIT 2) FROM Account a ORDER BY a.Name LIMIT 5 OFFSET 1")
	sorted := slices.Clone(w.AccountsAt(now))
	slices.SortFunc(sorted, func(a, b *world.Account) int {
		return strings.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name))
	})
	for i, r := range rows {
		a := sorted[i+1]
		owner := r["Owner"].(map[string]any)
		if r["Name"] != a.Name || owner["Name"] != a.Owner.Name || owner["Email"] != a.Owner.Email {
			t.Errorf("record %d is %v, want %s of %s", i, r["Name"], a.Name, a.Owner.Name)
		}
		contacts := r["Contacts"].(map[string]any)["records"].([]any)
		for k, c := range contacts {
			if k > 0 && contacts[k-1].(map[string]any)["LastName"].(string) > c.(map[string]any)["LastName"].(string) {
				t.Errorf("contacts of %s are not in order", a.Name)
			}
		}
		if cases, ok := r["Cases"].(map[string]any); ok && len(cases["records"].([]any)) > 2 {
			t.Errorf("%s has more than two cases", a.Name)
		}
	}
	if len(rows) != 5 {
		t.Errorf("%d records, want 5", len(rows))
	}
	if all := soqlRecords(t, p, now, "SELECT FIELDS(ALL) FROM User LIMIT 3"); len(all) != 3 || all[0]["Department"] == nil || all[0]["IsActive"] != true {
		t.Errorf("all fields: %v", all)
	}
}

// cqlRows returns the rows of a query, all pages of it.
func cqlRows(t *testing.T, p *enterprise.Persona, now time.Time, text string) []map[string]any {
	t.Helper()
	var out []map[string]any
	for state := ""; ; {
		args, _ := json.Marshal(map[string]string{"query": text, "paging_state": state})
		a := call(t, p, 7, now, "cassandra_execute_select_query", string(args))
		if a.fail {
			t.Fatalf("%s: %s", text, a.text)
		}
		for _, r := range list(t, a.doc, "rows") {
			out = append(out, r.(map[string]any))
		}
		next, _ := find(a.doc, "paging_state")
		if next == nil {
			return out
		}
		state = next.(string)
	}
}

func TestCassandraOracle(t *testing.T) {
	p, w, now := enterprise.New(), world.New(7), dates[2]
	ks := w.Keyspaces()
	events, sessions := ks[0].Tables[0], ks[1].Tables[0]
	e, s := ks[0].Name+"."+events.Name, ks[1].Name+"."+sessions.Name
	rows := func(t *world.Table, keep func(row []string) bool) (out []string) {
		for i := range t.Len(now) {
			if row := t.Row(i, now); keep(row) {
				out = append(out, row[1])
			}
		}
		return out
	}
	one := events.Row(500, now)
	user := sessions.Row(9, now)[0]
	for text, want := range map[string][]string{
		"SELECT * FROM " + e: rows(events, func([]string) bool { return true }),
		"SELECT event_id FROM " + e + " WHERE service = '" + one[0] + "'":                                                 rows(events, func(r []string) bool { return r[0] == one[0] }),
		"SELECT event_id FROM " + e + " WHERE service = '" + one[0] + "' AND event_id >= minTimeuuid('2026-11-19')":       rows(events, func(r []string) bool { return r[0] == one[0] && r[5] >= "2026-11-19" }),
		"SELECT event_id FROM " + e + " WHERE level = 'ERROR' ALLOW FILTERING":                                            rows(events, func(r []string) bool { return r[3] == "ERROR" }),
		"SELECT event_id FROM " + e + " WHERE created_at > '2026-11-19 12:00:00+0000' AND level = 'WARN' ALLOW FILTERING": rows(events, func(r []string) bool { return r[5] > "2026-11-19T12:00:00.000Z" && r[3] == "WARN" }),
		"SELECT session_id FROM " + s + " WHERE user_id IN (" + user + ", 999999)":                                        rows(sessions, func(r []string) bool { return r[0] == user }),
		"SELECT session_id FROM " + s + " WHERE user_id = " + user + " AND session_id = " + sessions.Row(9, now)[1]:       rows(sessions, func(r []string) bool { return r[1] == sessions.Row(9, now)[1] }),
	} {
		var got []string
		for _, r := range cqlRows(t, p, now, text) {
			id, ok := r["event_id"].(string)
			if !ok {
				id = r["session_id"].(string)
			}
			got = append(got, id)
		}
		same(t, text, got, want)
	}
	all := rows(events, func([]string) bool { return true })
	if got := cqlRows(t, p, now, "SELECT count(*) FROM "+e)[0]["count"]; got != strconv.Itoa(len(all)) {
		t.Errorf("count %v, want %d", got, len(all))
	}
}

// TestCassandraOrder: partitions come in the order of their tokens, rows of a
// partition in the order of their times.
func TestCassandraOrder(t *testing.T) {
	p, w, now := enterprise.New(), world.New(7), dates[2]
	k := w.Keyspaces()[0]
	from := " FROM " + k.Name + "." + k.Tables[0].Name
	last, services := int64(-1<<63), map[string]bool{}
	at, service := "", ""
	for _, r := range cqlRows(t, p, now, "SELECT token(service) AS t, service, created_at"+from) {
		token, _ := strconv.ParseInt(r["t"].(string), 10, 64)
		if token < last || r["service"] == service && r["created_at"].(string) < at {
			t.Fatalf("%v comes after %d, %s", r, last, at)
		}
		last, at, service = token, r["created_at"].(string), r["service"].(string)
		services[service] = true
	}
	if got := cqlRows(t, p, now, "SELECT DISTINCT service"+from); len(got) != len(services) {
		t.Errorf("%d services, want %d", len(got), len(services))
	}
	if got := cqlRows(t, p, now, "SELECT service"+from+" PER PARTITION LIMIT 2"); len(got) != 2*len(services) {
		t.Errorf("%d rows, want two of each of %d services", len(got), len(services))
	}
	half := len(cqlRows(t, p, now, "SELECT service"+from+" WHERE token(service) > 0")) + len(cqlRows(t, p, now, "SELECT service"+from+" WHERE token(service) <= 0"))
	if all := k.Tables[0].Len(now); half != all {
		t.Errorf("%d rows on both halves of the ring, want %d", half, all)
	}
	newest := cqlRows(t, p, now, "SELECT created_at"+from+" WHERE service = '"+service+"' ORDER BY event_id DESC LIMIT 2")
	if newest[0]["created_at"] != at || newest[1]["created_at"].(string) > at {
		t.Errorf("the newest rows are %v, want %s first", newest, at)
	}
}

func TestCassandraSchema(t *testing.T) {
	p, w, now := enterprise.New(), world.New(7), dates[2]
	for _, k := range w.Keyspaces()[:2] {
		table := k.Tables[0]
		var got, want []string
		for _, r := range cqlRows(t, p, now, "SELECT column_name, type, kind FROM system_schema.columns WHERE keyspace_name = '"+k.Name+"' AND table_name = '"+table.Name+"'") {
			got = append(got, r["column_name"].(string)+" "+r["type"].(string))
		}
		for _, c := range table.Columns {
			want = append(want, c.Name+" "+c.Type)
		}
		same(t, k.Name, got, want)
	}
	if rows := cqlRows(t, p, now, "SELECT keyspace_name FROM system_schema.keyspaces"); len(rows) != len(w.Keyspaces()) {
		t.Errorf("%d keyspaces, want %d", len(rows), len(w.Keyspaces()))
	}
	if rows := cqlRows(t, p, now, "SELECT peer, rack FROM system.peers"); len(rows) != 2 {
		t.Errorf("%d peers, want 2", len(rows))
	}
}
