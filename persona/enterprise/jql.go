package enterprise

import (
	"slices"
	"strings"
	"time"

	"github.com/killdeer-mcp/killdeer/persona/enterprise/ql"
	"github.com/killdeer-mcp/killdeer/persona/world"
)

// set returns the issues within a set that meet a condition.
func (f issueFinder) set(e *ql.Expr, within world.Set) world.Set {
	if e == nil {
		return within
	}
	switch e.Op {
	case ql.And:
		for step := range 3 {
			for _, k := range e.Kids {
				if effort(k) == step {
					within = f.set(k, within)
				}
			}
		}
		return within
	case ql.Or:
		var out world.Set
		for _, k := range e.Kids {
			out.Join(f.set(k, within.Without(out)), within)
		}
		return out
	case ql.Not:
		return within.Without(f.set(e.Kids[0], within))
	}
	return f.with(e.Clause, within)
}

// effort orders conditions by what they cost: what is looked up narrows down what
// has to be compared, one issue after the other.
func effort(e *ql.Expr) int {
	if e == nil || e.Op != ql.Leaf {
		return 1
	}
	switch jqlKind(e.Clause.Field) {
	case 'C':
		return 1
	case 's', 'c', 'R', 'S', 'U', 'D':
		return 2
	}
	return 0
}

// with returns the issues within a set that meet a clause. What has no value meets
// no clause but IS EMPTY: all fields that are looked up here have one, except for
// resolution and sprint.
func (f issueFinder) with(c *ql.Clause, within world.Set) world.Set {
	kind := jqlKind(c.Field)
	if len(c.Args) > 0 && isEmpty(c.Args[0]) && !c.List {
		return f.empty(kind, c.Negated(), within)
	}
	switch kind {
	case 's', 'c', 'R', 'S', 'C', 'U', 'D':
		return f.oneByOne(c, kind, within)
	case 'k':
		return f.byKey(c, within)
	case 'x', 'y', 'd':
		return f.byText(c, kind, within)
	case 'e':
		return nil
	}
	if c.Cmp == "changed" {
		return nil // only the status does
	}
	found := f.facet(c, kind, within)
	if c.Negated() {
		return within.Without(found)
	}
	var out world.Set
	out.Join(found, within)
	return out
}

// empty returns the issues that have no value, or that have one.
func (f issueFinder) empty(kind byte, negated bool, within world.Set) world.Set {
	var none world.Set
	switch kind {
	case 'e':
		none = within
	case 'R', 'D', 'S':
		none = f.filter(within, func(n int) bool {
			i := f.times(n)
			if kind == 'S' {
				return i.Status(f.v.now) == "Backlog"
			}
			name, _ := i.Resolution(f.v.now)
			return name == ""
		})
	}
	if negated {
		return within.Without(none)
	}
	return none
}

func (f issueFinder) filter(within world.Set, keep func(n int) bool) (out world.Set) {
	within.Each(false, func(n int) bool {
		if keep(n) {
			out.Add(n)
		}
		return f.budget.Spend(32)
	})
	return out
}

// facet looks up fields with few values.
func (f issueFinder) facet(c *ql.Clause, kind byte, within world.Set) world.Set {
	who := func(p *world.Person) bool { return f.names(c, p) }
	switch kind {
	case 'p':
		return f.Projects(within, func(p *world.Project) bool { return c.Among(p.Key, p.Name) })
	case 'r':
		return f.Priorities(within, func(p string) bool { return ranked(c, p) })
	case 't':
		return f.Types(within, func(t string) bool { return c.Among(t) || calls(c, "standardissuetypes") })
	case 'a':
		return f.Assignees(within, who)
	case 'o':
		return f.Reporters(within, who)
	case 'l':
		return f.Labels(within, func(l string) bool { return c.Among(l) })
	case 'm':
		return f.Components(within, func(r *world.Repo) bool { return c.Among(r.Name) })
	}
	return nil
}

// ranked compares priorities: in the order they have, or by name.
func ranked(c *ql.Clause, priority string) bool {
	if strings.IndexByte("<>", c.Cmp[0]) < 0 {
		return c.Among(priority)
	}
	rank := func(name string) int {
		return slices.IndexFunc(priorityNames[:], func(p string) bool { return strings.EqualFold(p, name) })
	}
	return ql.Compares(c.Cmp, rank(priority)-rank(c.Value()))
}

func calls(c *ql.Clause, name string) bool {
	return slices.ContainsFunc(c.Args, func(a ql.Arg) bool { return a.Call && strings.EqualFold(a.Text, name) })
}

// names reports whether a clause names a person, as one or as a member of a group.
// currentUser() is the integration's own account, which has no issues.
func (f issueFinder) names(c *ql.Clause, p *world.Person) bool {
	if c.Among(names(p)...) {
		return true
	}
	for _, a := range c.Args {
		if a.Call && strings.EqualFold(a.Text, "membersof") && len(a.Args) == 1 && slices.Contains(f.group(a.Args[0]), p) {
			return true
		}
	}
	return false
}

// byKey compares keys: = and IN any, the others within the project of the key.
func (f issueFinder) byKey(c *ql.Clause, within world.Set) (out world.Set) {
	var found world.Set
	for _, a := range c.Args {
		n, ok := f.Key(a.Text)
		if !ok {
			continue
		}
		found.Add(n)
		if strings.IndexByte("<>", c.Cmp[0]) >= 0 {
			same := f.Projects(within, func(p *world.Project) bool { return p == f.issue(n).Project })
			return f.filter(same, func(k int) bool { return ql.Compares(c.Cmp, k-n) })
		}
	}
	if c.Negated() {
		return within.Without(found)
	}
	out.Join(found, within)
	return out
}

// byText finds candidates by the index and looks at their texts.
func (f issueFinder) byText(c *ql.Clause, kind byte, within world.Set) world.Set {
	found := within
	for i := range c.Terms {
		t := &c.Terms[i]
		for _, piece := range ql.Split(t.String()) {
			found = f.Text(found, piece)
		}
		found = f.filter(found, func(n int) bool {
			text := f.text(n, kind)
			at, _ := t.Find(text, 0)
			return f.budget.Spend(c.Terms[i:i+1].Cost(len(text))) && at >= 0
		})
	}
	if strings.HasPrefix(c.Cmp, "!") {
		return within.Without(found)
	}
	return found
}

// text is a field in lower case. Both together are what Jira calls the text.
func (f issueFinder) text(n int, kind byte) string {
	i := f.issue(n)
	text := i.Text()[len(i.Key):]
	switch kind {
	case 'y':
		return text[:min(len(text), 1+len(i.Summary))]
	case 'd':
		return text[min(len(text), 2+len(i.Summary)):]
	}
	return text
}

// oneByOne tests what depends on an issue's times.
func (f issueFinder) oneByOne(c *ql.Clause, kind byte, within world.Set) world.Set {
	at := make([]time.Time, len(c.Args))
	for k, a := range c.Args {
		at[k], _ = f.v.jqlTime(a)
	}
	return f.filter(within, func(n int) bool {
		i := f.times(n)
		switch kind {
		case 's':
			return f.status(i, c)
		case 'c':
			status := category(i.Status(f.v.now))
			return (c.Among(status) || status == "To Do" && c.Among("new") || status == "In Progress" && c.Among("indeterminate")) != c.Negated()
		case 'R':
			name, _ := i.Resolution(f.v.now)
			if name == "" {
				return c.Among("Unresolved") != c.Negated() && (!c.Negated() || c.Among("Unresolved"))
			}
			return c.Among(name) != c.Negated()
		case 'S':
			return f.sprint(i, c)
		case 'C':
			return timed(c, i.Created, at)
		case 'U':
			return timed(c, i.Updated(f.v.now), at)
		}
		_, when := i.Resolution(f.v.now)
		return !when.IsZero() && timed(c, when, at)
	})
}

func timed(c *ql.Clause, have time.Time, at []time.Time) bool {
	if strings.HasSuffix(c.Cmp, "in") {
		return slices.ContainsFunc(at, have.Equal) != c.Negated()
	}
	return len(at) > 0 && ql.Compares(c.Cmp, have.Compare(at[0]))
}

// sprint: what is being worked on is in an open sprint, what is done in a closed
// one, and the backlog in none.
func (f issueFinder) sprint(i *world.Issue, c *ql.Clause) bool {
	name := "opensprints"
	switch i.Status(f.v.now) {
	case "Backlog":
		return false
	case "Done":
		name = "closedsprints"
	}
	return calls(c, name) != c.Negated()
}

// status compares the status now, or the statuses there were.
func (f issueFinder) status(i *world.Issue, c *ql.Clause) bool {
	switch {
	case c.Cmp == "changed":
		return f.changed(i, c)
	case !strings.HasPrefix(c.Cmp, "was"):
		return c.Among(i.Status(f.v.now)) != c.Negated()
	}
	was := false
	var room moveRoom
	moves := f.moves(i, &room)
	for k, m := range moves {
		until := f.v.now
		if k > 0 {
			until = moves[k-1]
		}
		was = was || c.Among(i.Status(m)) && f.during(c, m, until)
	}
	return was != c.Negated()
}

// moveRoom has room for the moves of an issue, of which there are at most four.
type moveRoom [8]time.Time

// moves are the times at which an issue came into a status, latest first.
func (f issueFinder) moves(i *world.Issue, room *moveRoom) []time.Time {
	n := 0
	for t := i.Updated(f.v.now); n < len(room); t = i.Updated(t.Add(-time.Second)) {
		room[n] = t
		if n++; !t.After(i.Created) {
			break
		}
	}
	return room[:n]
}

// changed tests the moves from one status to the next.
func (f issueFinder) changed(i *world.Issue, c *ql.Clause) bool {
	var room moveRoom
	moves := f.moves(i, &room)
	for k := range len(moves) - 1 {
		before, after := i.Status(moves[k+1]), i.Status(moves[k])
		if before != after && f.during(c, moves[k], moves[k]) && side(c, "from", before) && side(c, "to", after) {
			return true
		}
	}
	return false
}

func side(c *ql.Clause, name, status string) bool {
	for _, p := range c.With {
		if p.Name == name && !(&ql.Clause{Args: p.Args}).Among(status) {
			return false
		}
	}
	return true
}

// during reports whether a stretch of history meets the times that a clause asks
// for.
func (f issueFinder) during(c *ql.Clause, from, to time.Time) bool {
	for _, p := range c.With {
		if len(p.Args) == 0 {
			continue
		}
		at, _ := f.v.jqlTime(p.Args[0])
		switch p.Name {
		case "after":
			if !to.After(at) {
				return false
			}
		case "before":
			if !from.Before(at) {
				return false
			}
		case "on", "during":
			until := at.Add(oneDay)
			if len(p.Args) > 1 {
				until, _ = f.v.jqlTime(p.Args[1])
			}
			if to.Before(at) || !from.Before(until) {
				return false
			}
		case "by":
			return false // the history does not say who
		}
	}
	return true
}
