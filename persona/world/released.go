package world

import (
	"strconv"
	"time"
)

// build talks about the last run of a job of the team's.
func (t *teller) build() {
	repo := t.w.repoAt(&t.r, t.c.team, t.first)
	for _, j := range t.w.Jobs {
		if n := t.w.builds.countOf(j.Index, t.first); j.Repo == repo && !j.Deploy && n > 0 && !repo.Restricted {
			b := t.w.run(j, n)
			name := j.Name + " #" + strconv.Itoa(n)
			switch b.Result(at(t.first)) {
			case "FAILURE":
				t.open(name + t.r.pick([]string{" is red, who merged last?", " failed, looking.", " broke. Flaky or real?"}))
			case "SUCCESS":
				t.open(name + t.r.pick([]string{" is green again.", " took " + strconv.Itoa(int(b.Duration/time.Minute)+1) + " minutes.", " is green, tagging " + b.Version + "."}))
			default:
				t.open("Waiting for " + name + ".")
			}
			t.maybe(40, nil, []string{"Rerun it.", "Thanks.", "Was me.", "ok", "The agent, again."})
			return
		}
	}
	t.smallTalk()
}

// deploy announces the last deployment that was started before.
func (t *teller) deploy() {
	w := t.w
	var b *Build
	for k, from := 0, t.r.below(len(w.Jobs)); k < len(w.Jobs) && (b == nil || t.first-b.Started.Unix() > 5*3600); k++ {
		j := w.Jobs[(from+k)%len(w.Jobs)]
		if n := w.builds.countOf(j.Index, t.first); j.Deploy && !j.Repo.Restricted && n > 0 {
			b = w.run(j, n)
		}
	}
	if b == nil {
		t.open("Nothing to deploy today.")
		return
	}
	j := b.Job
	state := map[string]string{"SUCCESS": " is out (", "FAILURE": " failed, rolling back (", "IN_PROGRESS": " is going out ("}[b.Result(at(t.first))]
	text := j.Repo.Name + " " + b.Version + state + j.Name + " #" + strconv.Itoa(b.Number) + ")"
	if head := w.merges(j.Repo, 1, b.Started.Unix()); len(head) > 0 {
		sha := w.dice.pull.at(head[0].n)
		text += ", head " + sha.hex(8)
	}
	t.say(j.Repo.Team.present(&t.r, t.first), t.first, text)
	if b.Failed && t.r.chance(70) {
		t.answer(nil, t.r.pick([]string{"Readiness probe?", "Rolled back, looking at the logs.", "Migration took too long, trying again.", "Support sees nothing, good."}))
	} else {
		t.maybe(15, nil, []string{":rocket:", "Looks calm.", "Error rate is flat.", "Thanks."})
	}
}
