package toml

import (
	"errors"
	"fmt"
	"strings"
	"text/template"
	"time"

	"github.com/killdeer-mcp/killdeer/persona/world"
)

// worlds keeps the world of the last seed: a deployment has one.
type worlds struct {
	seed uint64
	last *world.World
}

func (w *worlds) of(seed uint64) *world.World {
	if w.last == nil || w.seed != seed {
		w.seed, w.last = seed, world.New(seed)
	}
	return w.last
}

func (r *request) world() *world.World { return r.persona.worlds.of(r.call.Company) }

// worldFunctions show the deployment's company: tables with lower-case names, so
// that the names hold when the world's own do not. Texts in which the world hides
// credentials are not among them: those are honeytokens of the persona that shows
// them.
func (r *request) worldFunctions() template.FuncMap {
	return template.FuncMap{
		"org":       r.org,
		"people":    r.people,
		"person":    r.person,
		"teams":     r.teams,
		"repos":     r.repos,
		"repo":      r.repo,
		"tickets":   r.tickets,
		"ticket":    r.ticket,
		"services":  r.services,
		"incidents": r.incidents,
		"address":   func(name string) string { return r.world().Address(name, 0) },
	}
}

func (r *request) org() map[string]any {
	o := r.world().Org
	return map[string]any{
		"name": o.Name, "legal": o.Legal, "slug": o.Slug, "domain": o.Domain, "industry": o.Industry,
		"city": o.City, "country": o.Country, "zone": o.Zone, "phone": o.Phone,
	}
}

// count refuses numbers that no answer has a use for.
func count(what string, n int) error {
	if n < 0 || n > maxCount {
		return fmt.Errorf("%s: want 0 to %d, got %d", what, maxCount, n)
	}
	return nil
}

// people are the first n members of staff who have joined by now, in that order.
func (r *request) people(n int) ([]any, error) {
	if err := count("people", n); err != nil {
		return nil, err
	}
	var out []any
	for _, p := range r.world().Staff {
		if len(out) < n && !p.Joined.After(r.call.Now) {
			out = append(out, personTable(p))
		}
	}
	return out, nil
}

// person is one by number, which may be any, or by login, e-mail address or name;
// an empty table if there is none.
func (r *request) person(which any) (map[string]any, error) {
	w := r.world()
	switch which := which.(type) {
	case string:
		p := w.PersonBy(which)
		for _, s := range w.Staff {
			if p == nil && (s.Login == which || s.Email == which || s.Name == which) {
				p = s
			}
		}
		return personTable(p), nil
	case int:
		return personTable(w.Staff[max(which, 0)%len(w.Staff)]), nil
	case int64:
		return personTable(w.Staff[int(max(which, 0)%int64(len(w.Staff)))]), nil
	}
	return nil, errors.New("person: want a number or a login")
}

func personTable(p *world.Person) map[string]any {
	if p == nil {
		return map[string]any{}
	}
	return map[string]any{
		"name": p.Name, "first": p.First, "last": p.Last, "login": p.Login, "email": p.Email, "title": p.Title,
		"team": p.Team.Name, "phone": p.Phone, "zone": p.Zone, "joined": p.Joined, "admin": p.Admin,
	}
}

func (r *request) teams() []any {
	var out []any
	for _, t := range r.world().Teams {
		out = append(out, map[string]any{"name": t.Name, "slug": t.Slug, "size": len(t.Present(r.call.Now))})
	}
	return out
}

// repos are the first n repositories that integrations may see.
func (r *request) repos(n int) ([]any, error) {
	if err := count("repos", n); err != nil {
		return nil, err
	}
	var out []any
	for _, p := range r.world().Repos {
		if len(out) < n && !p.Restricted && !p.Created.After(r.call.Now) {
			out = append(out, r.repoTable(p))
		}
	}
	return out, nil
}

// repo is one by its name or owner/name; an empty table if there is none.
func (r *request) repo(name string) map[string]any {
	for _, p := range r.world().Repos {
		if (strings.EqualFold(p.Name, name) || strings.EqualFold(p.FullName(), name)) && !p.Restricted && !p.Created.After(r.call.Now) {
			return r.repoTable(p)
		}
	}
	return map[string]any{}
}

func (r *request) repoTable(p *world.Repo) map[string]any {
	return map[string]any{
		"name": p.Name, "owner": p.Owner, "full_name": p.FullName(), "description": p.Description, "language": p.Language,
		"branch": p.Branch, "topics": p.Topics, "team": p.Team.Name, "private": p.Private, "created": p.Created,
		"url": r.world().WebURL(p), "clone_url": r.world().CloneURL(p), "host": r.world().Host(p.SCM),
	}
}

// tickets are the newest n that integrations may see.
func (r *request) tickets(n int) ([]any, error) {
	if err := count("tickets", n); err != nil {
		return nil, err
	}
	all := r.world().Issues(r.call.Now)
	newestLast := len(all) < 2 || all[0].Created.Before(all[len(all)-1].Created)
	var out []any
	for i := range all {
		issue := all[i]
		if newestLast {
			issue = all[len(all)-1-i]
		}
		if len(out) < n && !issue.Restricted() {
			out = append(out, r.ticketTable(issue))
		}
	}
	return out, nil
}

// ticket is one by its key; an empty table if there is none.
func (r *request) ticket(key string) map[string]any {
	issue := r.world().IssueBy(strings.ToUpper(key), r.call.Now)
	if issue == nil || issue.Restricted() {
		return map[string]any{}
	}
	return r.ticketTable(issue)
}

func (r *request) ticketTable(i *world.Issue) map[string]any {
	assignee := ""
	if i.Assignee != nil {
		assignee = i.Assignee.Name
	}
	return map[string]any{
		"key": i.Key, "type": i.Type, "summary": i.Summary, "status": i.Status(r.call.Now), "priority": i.Priority,
		"project": i.Project.Key, "project_name": i.Project.Name, "labels": i.Labels, "reporter": i.Reporter.Name,
		"assignee": assignee, "created": i.Created, "updated": i.Updated(r.call.Now),
	}
}

func (r *request) services() []any {
	var out []any
	for _, s := range r.world().Services {
		hosts := make([]any, len(s.Hosts))
		for i, h := range s.Hosts {
			hosts[i] = h
		}
		out = append(out, map[string]any{"name": s.Name, "hosts": hosts, "port": s.Port, "database": s.Database, "repo": s.Repo.Name})
	}
	return out
}

// incidents are the newest n.
func (r *request) incidents(n int) ([]any, error) {
	if err := count("incidents", n); err != nil {
		return nil, err
	}
	var out []any
	for _, i := range r.world().Incidents(n, r.call.Now) {
		resolved := time.Time{}
		if !i.Open(r.call.Now) {
			resolved = i.Resolved
		}
		out = append(out, map[string]any{
			"number": i.Number, "title": i.Title(), "service": i.Service.Name, "severity": i.Severity, "host": i.Host,
			"commander": i.Commander.Name, "started": i.Started, "open": i.Open(r.call.Now), "resolved": resolved,
		})
	}
	return out, nil
}
