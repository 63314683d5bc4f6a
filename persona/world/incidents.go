package world

import (
	"slices"
	"sort"
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
	slot      int
	thread    []*Message
	page      *Page
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

// incidentSlots is how many disturbances a week might become an incident.
const incidentSlots = 4

// incidentsBy returns the incidents that have begun by t, oldest first. A slot of
// the stream becomes one by chance, so that some weeks have none and some three.
func (w *World) incidentsBy(t int64) []*Incident {
	for n := w.incidents.count(t); w.cache.slots < n; w.cache.slots++ {
		if r := w.sub("trouble").at(w.cache.slots); r.chance(22) {
			w.cache.incidents = append(w.cache.incidents, w.makeIncident(w.cache.slots))
		}
	}
	all := w.cache.incidents
	return all[:sort.Search(len(all), func(i int) bool { return all[i].Started.Unix() > t })]
}

func (w *World) makeIncident(n int) *Incident {
	r := w.sub("incident").at(n)
	kind := incidentKinds[r.below(len(incidentKinds))]
	s := w.Services[r.below(len(w.Services))]
	started := w.incidents.time(n)
	if s.Repo.Created.Unix() > started {
		s = w.Services[0]
	}
	i := &Incident{Number: len(w.cache.incidents) + 1, slot: n, Service: s, Host: r.pick(s.Hosts), Severity: [...]int{1, 2, 2, 3, 3, 3, 3}[r.below(7)], Symptom: kind[0], Cause: kind[1], Fix: kind[2], Started: at(started)}
	i.Resolved = i.Started.Add(time.Duration(r.between(9, 64)*r.between(1, 4)) * time.Minute)
	onCall := w.onCall()
	i.Commander = onCall[int((started-w.start)/week)%len(onCall)]
	return i
}

// onCall are those who take turns by the week, as the rota has it.
func (w *World) onCall() []*Person { return joined(w.team("Site Reliability").Members, at(w.start)) }

// Incidents returns the newest n incidents that have begun by now, newest first.
func (w *World) Incidents(n int, now time.Time) []*Incident {
	all := w.incidentsBy(now.Unix())
	out := slices.Clone(all[max(0, len(all)-n):])
	slices.Reverse(out)
	return out
}

// Title is how people refer to the incident.
func (i *Incident) Title() string {
	return i.Started.Format("2006-01-02") + " " + i.Service.Name + " " + i.Symptom
}

// Open reports whether it goes on at t.
func (i *Incident) Open(t time.Time) bool { return !t.Before(i.Started) && t.Before(i.Resolved) }
