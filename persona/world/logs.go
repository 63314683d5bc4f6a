package world

import (
	"strconv"
	"strings"
	"time"
)

// LogRetention is how long log lines are kept.
const LogRetention = 7 * day * time.Second

// LogLine is one line that a service wrote.
type LogLine struct {
	Time    time.Time
	Service string
	Host    string
	Level   string
	Message string
	lower   string
	id      roll
}

// Text is what a search looks at, lower case.
func (l *LogLine) Text() string {
	if l.lower == "" {
		l.lower = lower(l.Message, l.Service, l.Host, l.Level)
	}
	return l.lower
}

// ID is the line's document id.
func (l *LogLine) ID() string {
	r := l.id
	return r.text(base64url, 20)
}

// LogRange returns the ordinals [from, to) of the lines that are kept at now.
func (w *World) LogRange(now time.Time) (from, to int) {
	return w.logs.count(now.Add(-LogRetention).Unix()), w.logs.count(now.Unix())
}

// LogsBy is the ordinal that the first line after t has.
func (w *World) LogsBy(t time.Time) int { return w.logs.count(t.Unix()) }

// Log returns line n.
func (w *World) Log(n int) *LogLine {
	return w.cache.logs.get(n, maxLogs, func() *LogLine { return w.makeLog(n) })
}

var troubles = []string{
	"connection pool exhausted after 5000ms", "upstream returned 503", "context deadline exceeded", "could not acquire lock", "broken pipe",
	"too many open files", "retry budget spent", "read: connection reset by peer",
}

func (w *World) makeLog(n int) *LogLine {
	r := w.dice.log.at(n)
	t := w.logs.time(n)
	s := w.serviceAt(&r, t)
	l := &LogLine{id: w.dice.logID.at(n), Time: at(t).Add(time.Duration(r.below(1000)) * time.Millisecond), Service: s.Name, Host: r.pick(s.Hosts), Level: "INFO"}
	if i := w.incidentAt(t); i != nil && r.chance(60) {
		l.Service, l.Host, l.Level = i.Service.Name, i.Host, "ERROR"
		l.Message = i.Symptom + ": " + r.pick(troubles)
	} else {
		w.quietLog(&r, l, t)
	}
	w.leakIntoLog(l, n)
	return l
}

func (w *World) incidentAt(t int64) *Incident {
	all := w.incidentsBy(t)
	if n := len(all); n > 0 && all[n-1].Open(at(t)) {
		return all[n-1]
	}
	return nil
}

// served is a request and its status.
func served(r *roll) string {
	route := r.pick(routes)
	switch k := r.below(10); {
	case route == "/healthz":
		return "GET /healthz 200"
	case k < 6:
		return "GET " + route + " " + r.pick([]string{"200", "200", "200", "200", "304", "404", "401", "200"})
	case k < 9:
		return "POST " + route + " " + r.pick([]string{"201", "200", "201", "422", "401"})
	}
	return "PUT " + route + "/" + strconv.Itoa(100_000+r.below(90_000)) + " " + r.pick([]string{"200", "204", "409"})
}

var routes = []string{"/v2/orders", "/v2/orders/search", "/v2/customers", "/v2/invoices", "/healthz", "/v1/webhooks", "/v2/sessions", "/v2/documents", "/v2/quotes"}

func (w *World) quietLog(r *roll, l *LogLine, t int64) {
	request := r.hex(16)
	p := w.busy[r.below(len(w.busy))]
	if p.Joined.Unix() > t {
		p = w.Staff[0]
	}
	switch k := r.below(100); {
	case k < 62:
		l.Message = served(r) + " " + strconv.Itoa(3+r.below(40)*r.between(1, 4)*r.between(1, 4)) + "ms request_id=" + request
	case k < 72:
		l.Level, l.Message = "WARN", "slow query "+strconv.Itoa(900+r.below(300)*r.between(1, 9))+"ms table="+r.pick([]string{"orders", "orders", "customers", "users", "orders"})+" request_id="+request
	case k < 80:
		l.Message = "login ok user=" + p.Login + " ip=" + w.Address("client", p.Index) + " method=sso request_id=" + request
	case k < 84:
		l.Level, l.Message = "WARN", "token expired user="+p.Login+" request_id="+request
	case k < 89:
		l.Message = "job finished name=" + r.pick([]string{"reconcile", "digest", "export", "cleanup", "reindex"}) + " took=" + strconv.Itoa(r.between(2, 190)) + "s"
	case k < 92:
		l.Level, l.Message = "ERROR", r.pick(troubles)+" request_id="+request
	case k < 96:
		l.Level, l.Message = "DEBUG", "cache miss key="+strings.ToLower(r.pick(routes)[1:])+" ttl="+strconv.Itoa(r.between(30, 900))
	case k < 98:
		l.Message = w.upstream(r)
	default:
		l.Message = "configuration reloaded from /etc/" + l.Service + "/app.yaml"
	}
}

// upstream is a line about a connection to a data store.
func (w *World) upstream(r *roll) string {
	all := w.Nodes("")
	n := all[r.below(len(all))]
	switch n.Role {
	case "cassandra":
		return "cassandra: control connection moved to " + n.Address + ":9042"
	case "elasticsearch":
		return "bulk indexed " + strconv.Itoa(r.between(40, 900)) + " documents on " + n.Host + " took=" + strconv.Itoa(r.between(9, 240)) + "ms"
	case "postgres":
		return "pool: new connection to " + n.Host + ":5432 (" + n.Address + ")"
	}
	return "image pulled by " + n.Host + " digest=sha256:" + r.hex(12)
}
