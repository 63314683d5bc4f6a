package world

import (
	"strconv"
	"time"
)

// incidentTail is how long after its start people still write about an incident.
const incidentTail = 9 * day * time.Second

// incidentThread is what #incidents says about an incident: what is seen, who
// looks, what was done, and where it is written down.
func (w *World) incidentThread(i *Incident) []*Message {
	if i.thread == nil {
		t := &teller{w: w, r: w.sub("response").at(i.slot), c: w.ChannelBy("incidents"), first: i.Started.Unix(), who: i.Commander}
		t.respond(i)
		i.thread = t.msgs
	}
	return i.thread
}

func (t *teller) respond(i *Incident) {
	w, span := t.w, i.Resolved.Unix()-i.Started.Unix()
	part := func(percent int) int64 {
		return i.Started.Unix() + 60 + (span-120)*int64(percent)/100 + int64(t.r.below(50))
	}
	sev, name := strconv.Itoa(i.Severity), i.Service.Name
	lead := i.Commander
	t.say(lead, part(t.r.between(1, 4)), t.r.pick([]string{
		"Sev " + sev + ": " + name + " " + i.Symptom + ", first seen on " + i.Host + ". Looking into it.",
		name + " pages: " + i.Symptom + " on " + i.Host + ". Calling it severity " + sev + ", I have command.",
		"Opening severity " + sev + " for " + name + ", " + i.Symptom + ". Host is " + i.Host + ".",
	}))
	other := i.Service.Repo.Team.present(&t.r, i.Started.Unix())
	if b := w.deployBefore(i); b != nil && t.r.chance(60) {
		t.say(other, part(t.r.between(12, 25)), "Last deploy was "+b.Version+" ("+b.Job.Name+" #"+strconv.Itoa(b.Number)+", "+b.Started.Format("15:04")+" UTC), "+
			t.r.pick([]string{"does not look related.", "checking the diff.", "rolling back would be easy, but it was fine for hours.", "I doubt it."}))
	}
	if i.Severity < 3 || t.r.chance(50) {
		t.say(lead, part(t.r.between(35, 50)), t.r.pick([]string{
			"Error logs of the host say the same, see service:" + name + " level:ERROR.", "It is not the network, other hosts of " + name + " are fine.",
			"Customers on two clusters affected, support is informed.", "Runbook does not cover this, improvising.", "Restarted one instance, no change.",
		}))
	}
	t.say(other, part(t.r.between(55, 75)), t.r.pick([]string{"Found it: ", "Cause, most likely: ", "I think I have it: ", "Got it, "})+i.Cause+".")
	t.say(lead, part(100), t.r.pick([]string{"Over since " + i.Resolved.Format("15:04") + " UTC: ", "Resolved at " + i.Resolved.Format("15:04") + " UTC, ", "Green again, "})+"we "+i.Fix+".")
	if p := w.postMortemOf(i); p != nil {
		t.say(p.Author, p.Created.Unix()+int64(t.r.between(300, 2400)), t.r.pick([]string{"Post-mortem is written: ", "The write-up: ", "Please read and comment: "})+w.WikiBase()+p.PageURL())
	}
}

// deployBefore is the last deployment of the service before the incident.
func (w *World) deployBefore(i *Incident) *Build {
	for _, j := range w.Jobs {
		if n := w.builds.countOf(j.Index, i.Started.Unix()); j.Deploy && j.Repo == i.Service.Repo && n > 0 {
			return w.run(j, n)
		}
	}
	return nil
}
