// Package journal is the sensor's durable event log. An event whose [Journal.Append]
// returned is on disk, has a sequence number, and is found again by number, by
// id, by time and by what it says. Consumers read it in order and keep their
// place in it as a [Mark], stored in the same commit as the events. [Writer] is
// the door for those who may not wait: it gathers events, commits them in
// groups, and turns every event it had to refuse into a gap event.
//
// It does not judge, filter or deliver events, and it knows no sink. It never
// rewrites a record and never deletes one. It holds no secrets back: what was
// recorded is readable by whoever may read the state directory.
package journal
