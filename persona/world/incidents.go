package world

import (
	"time"
)

// Incident is a disturbance of a service. Its alerts, chat, log lines and
// post-mortem follow from it.
type Incident struct {
	Number    int
	Service   *Service
	Host      string
	Severity  int // 1 is worst
	Symptom   string
	Cause     string
	Fix       string
	Commander *Person
	Started   time.Time
	Resolved  time.Time // may lie after now while the incident goes on
}

var incidentKinds = [...][3]string{
	{"elevated 5xx rate", "the connection pool ran dry after a slow query", "raised the pool and added an index"},
	{"high latency", "a cache node restarted and came back cold", "warmed the cache and lowered the eviction rate"},
	{"queue backlog", "one consumer stalled on a malformed message", "moved the message to the dead letter queue"},
	{"failed logins", "the signing key was rotated before all instances had read it", "rolled the instances one by one"},
	{"disk almost full", "debug logs had been left on", "turned debug logs off and rotated"},
	{"replication lag", "a bulk update ran in one transaction", "split the update into batches"},
	{"expired certificate", "renewal had failed silently", "renewed by hand and added an alert"},
	{"missing webhooks", "an egress rule was dropped in a network change", "restored the rule"},
}

// incident returns incident n whether it has begun or not.
func (w *World) incident(n int) *Incident {
	for i := len(w.cache.incidents); i <= n; i++ {
		w.cache.incidents = append(w.cache.incidents, w.makeIncident(i))
	}
	return w.cache.incidents[n]
}

func (w *World) makeIncident(n int) *Incident {
	r := w.sub("incident").at(n)
	kind := incidentKinds[r.below(len(incidentKinds))]
	s := w.Services[r.below(len(w.Services))]
	started := w.incidents.time(n)
	if s.Repo.Created.Unix() > started {
		s = w.Services[0]
	}
	i := &Incident{Number: n + 1, Service: s, Host: r.pick(s.Hosts), Severity: r.between(1, 3), Symptom: kind[0], Cause: kind[1], Fix: kind[2], Started: at(started)}
	i.Resolved = i.Started.Add(time.Duration(r.between(14, 190)) * time.Minute)
	i.Commander = w.team("Site Reliability").present(&r, started)
	return i
}

// Incidents returns the newest n incidents that have begun by now, newest first.
func (w *World) Incidents(n int, now time.Time) []*Incident {
	total := w.incidents.count(now.Unix())
	out := make([]*Incident, 0, min(n, total))
	for i := total - 1; i >= 0 && len(out) < n; i-- {
		out = append(out, w.incident(i))
	}
	return out
}

// Title is how people refer to the incident.
func (i *Incident) Title() string {
	return i.Started.Format("2006-01-02") + " " + i.Service.Name + " " + i.Symptom
}

// Open reports whether it goes on at t.
func (i *Incident) Open(t time.Time) bool { return !t.Before(i.Started) && t.Before(i.Resolved) }
