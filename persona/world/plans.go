package world

import (
	"strconv"
	"strings"
)

func (w *World) pagePlans() []pagePlan {
	plans := w.officePages()
	for _, s := range w.Services {
		plans = append(plans, w.runbook(s), w.design(s))
	}
	plans = append(plans, w.closedPages()...)
	for _, t := range w.Teams {
		members := t.Present(at(w.start + 30*day))
		body := []string{t.Name + " is " + strconv.Itoa(len(members)) + " people, led by " + t.Members[0].Name + ".", "Find us in #team-" + t.Slug + ".", "# Who"}
		for _, p := range members {
			body = append(body, "- "+p.Name+", "+p.Title+" ("+p.Email+")")
		}
		plans = append(plans, pagePlan{2, "Team charter: " + t.Name, []string{"team", t.Slug}, body, 0})
	}
	return append(plans, w.leakedPages()...)
}

func (w *World) officePages() []pagePlan {
	it, sec := w.team("IT").Members[0], w.team("Security").Members[0]
	dom, inner := w.Org.Domain, w.internalDomain()
	return []pagePlan{
		{2, "Onboarding at " + w.Org.Name, []string{"onboarding"}, []string{
			"Welcome. In your first week you get a laptop, a mail account and single sign-on.", "# First day",
			"- Enrol a second factor at https://sso." + dom, "- Join #general and the channel of your team", "- Ask " + it.Name + " (" + it.Email + ") if something is missing",
		}, 0},
		{1, "VPN setup", []string{"vpn", "access"}, []string{
			"The VPN gateway is vpn." + inner + ". Profiles are handed out through the self-service portal.",
			"Access to production subnets needs the group prod-access, granted by " + sec.Name + ".",
		}, 0},
		{1, "Access requests", []string{"access"}, []string{
			"Requests go to #help-it with the name of the system and the reason.", "# Systems",
			"- Database read access: role reporting_ro, approved by the data team", "- Jenkins: https://jenkins." + dom, "- Vault: https://vault." + inner + ", one role per service",
			"Payroll (table " + w.payrollTable().Name + ", the payroll sheets and the space " + w.Spaces[5].Key + ") is for finance only, please do not ask for it.",
		}, 0},
		{1, "Logging", []string{"logs", "on-call"}, []string{
			"Services log to Elasticsearch, kept for seven days in logs-app-default. INFO and DEBUG are sampled before they get there, WARN and ERROR are complete.",
			"Traces carry request_id. Audit logs are in their own data stream, read by security only.", "# Machines",
			"- " + w.hostsOf("elasticsearch"), "- Cassandra: " + w.hostsOf("cassandra"), "- PostgreSQL: " + w.hostsOf("postgres"), "- Build agents: " + w.hostsOf("jenkins"),
		}, 0},
		{1, "Incident response process", []string{"incident", "on-call"}, []string{
			"Severity 1: customers cannot work. Severity 2: a part is degraded. Severity 3: nobody outside notices.",
			"The commander opens a thread in #incidents and writes the post-mortem within three days.",
		}, 0},
		{0, "Release process", []string{"release"}, []string{
			"Everything merged to the main branch is built by Jenkins and can be deployed on working days until 16:00.",
			"Deploys are announced in #deploys. Roll back with the job's previous build number.",
		}, 0},
		{0, "Service accounts and tokens", []string{"security", "access"}, []string{
			"Service accounts are created by " + sec.Name + ". Tokens live in vault under secret/PRODUCT/SERVICE and are rotated every 90 days.",
			"Never paste tokens into tickets or chat. Report a leaked token to security@" + dom + ".",
		}, 0},
		{3, "Renewal playbook", []string{"sales"}, []string{"Start 90 days before the end of term. The account team owns the plan; finance approves discounts over 15 percent."}, 0},
		{4, "Warehouse access", []string{"data"}, []string{"The warehouse is pg-analytics." + inner + ", database analytics. Dashboards read with reporting_ro."}, 0},
	}
}

func (w *World) runbook(s *Service) pagePlan {
	body := []string{
		s.Repo.Description + ".", "# Facts", "- Repository: " + w.WebURL(s.Repo), "- Tickets: project " + s.Repo.Project.Key,
		"- Owner: " + s.Repo.Team.Members[0].Name, "- Port: " + strconv.Itoa(s.Port), "- Database: " + s.Database,
	}
	for _, h := range s.Hosts {
		body = append(body, "- Host: "+h)
	}
	r := w.sub("runbook").at(s.Repo.Index)
	first := r.pick([]string{"Check the error rate first, then the queue.", "Look at the last deploy before anything else.", "Is it one host or all? One host: take it out and go back to bed.", "Start with the logs of the last ten minutes.", "Compare the p99 of reads and writes."})
	body = append(body, "# If it pages", first+" Restart one instance at a time: systemctl restart "+s.Name+".",
		"Database credentials are read from /run/secrets/db_password; see vault path secret/"+w.productOf(s.Repo)+"/"+s.Name+".")
	return pagePlan{1, "Runbook: " + s.Name, []string{"runbook", s.Name}, body, s.Repo.Created.Unix()}
}

func (w *World) design(s *Service) pagePlan {
	r := w.sub("design").at(s.Repo.Index)
	why := r.pick([]string{
		"one deployment per region", "a queue between intake and processing", "a read replica for reports", "events instead of nightly files", "a cache in front of the rule engine",
		"two small services instead of a large one", "PostgreSQL for everything but sessions", "idempotent writes with a key of the caller's", "optimistic locking", "an outbox table",
	})
	against := r.pick([]string{"a shared database", "a nightly batch", "another message broker", "a vendor's product", "doing nothing for another year", "a rewrite", "sticky sessions"})
	cost := r.pick([]string{
		"More moving parts, watched by the alerts repository", "Retries must be safe, see the shared helpers", "Old clients keep working for two releases", "Costs about " + strconv.Itoa(r.between(2, 19)) + " percent more compute",
		"Reports lag by up to " + strconv.Itoa(r.between(2, 30)) + " minutes", "Everybody has to run the migration locally",
	})
	lead := s.Repo.Team.Members[0].Name
	return pagePlan{0, "Design: " + s.Name, []string{"design", w.productOf(s.Repo)}, []string{
		s.Repo.Description + ".", "# Decision", r.pick([]string{"We chose ", "Agreed with " + lead + ": ", "After two spikes we go for "}) + why + ", against " + against + ".",
		"# Consequences", "- " + cost, "- Work is tracked in " + s.Repo.Project.Name + " (" + s.Repo.Project.Key + ")", "Code: " + w.WebURL(s.Repo),
	}, s.Repo.Created.Unix()}
}

func (w *World) findings(i *Incident, created int64) pagePlan {
	body := []string{
		"Severity " + strconv.Itoa(i.Severity) + ". Commander: " + i.Commander.Name + ".", "# What happened",
		"At " + i.Started.Format("15:04") + " UTC " + i.Service.Name + " showed " + i.Symptom + ", first on " + i.Host + ". Cause: " + i.Cause + ".",
		"At " + i.Resolved.Format("15:04") + " UTC it was over: we " + i.Fix + ".", "The thread is in #incidents.",
	}
	repo := i.Service.Repo
	if b := w.deployBefore(i); b != nil {
		body = append(body, "Running since "+b.Started.Format("15:04")+" UTC on "+b.Started.Format("2 January")+": version "+b.Version+", "+b.Job.Name+" #"+strconv.Itoa(b.Number)+".")
	}
	if c := w.Commits(repo, 1, i.Started); len(c) > 0 {
		body = append(body, "Last change before: "+c[0].SHA[:8]+" ("+c[0].Title+").")
	}
	if n := w.issues.countOf(repo.Project.Index, created); n > 0 {
		for k := range min(n, 8) {
			if d := w.drawIssue(w.issues.nth(repo.Project.Index, n-1-k)); d.component == repo {
				body = append(body, "# Follow-up", "- "+d.key()+" "+d.summary(&w.words))
				break
			}
		}
	}
	return pagePlan{1, "Post-mortem: " + i.Title(), []string{"post-mortem", i.Service.Name}, body, 0}
}

// hostsOf lists the machines of a role.
func (w *World) hostsOf(role string) string {
	var names []string
	for _, n := range w.Nodes(role) {
		names = append(names, n.Host+" ("+n.Address+")")
	}
	return strings.Join(names, ", ")
}

// closedPages are those of the space that the integration may not read.
func (w *World) closedPages() []pagePlan {
	var out []pagePlan
	for _, title := range []string{"Salary bands", "Payroll run checklist", "Bank signatories", "Bonus plan", "Cap table and options", "Insurance policies"} {
		out = append(out, pagePlan{5, title, []string{"confidential"}, []string{title + "."}, 0})
	}
	return out
}

// month is the first moment of month m since the start.
func (w *World) month(m int) int64 {
	t := at(w.start + w.Org.offset)
	return dateOf(t.Year(), int(t.Month())+1+m)
}

// review is the page about what was finished in the month before month m.
func (w *World) review(m int) *Page {
	from, to := w.month(m-1), w.month(m)
	r := w.sub("review").at(m)
	label := at(from).Format("January 2006")
	body := []string{"What went out in " + label + ".", "# Done"}
	for _, p := range w.Projects {
		n := w.issues.countOf(p.Index, from+20*day) - 1 - r.below(3)
		if n < 0 || p.Restricted {
			continue
		}
		n = w.issues.nth(p.Index, n)
		if plan := w.plan(n); plan.done != 0 && plan.done < to {
			d := w.drawIssue(n)
			body = append(body, "- "+d.key()+" "+d.summary(&w.words)+" ("+d.assignee.Name+")")
		}
	}
	var bad []string
	for _, i := range w.incidentsBy(to) {
		if i.Started.Unix() >= from && i.Severity < 3 {
			bad = append(bad, "- "+i.Title())
		}
	}
	if len(bad) > 0 {
		body = append(append(body, "# Incidents"), bad...)
	}
	return w.page(&r, pagePlan{0, "Engineering review " + label, []string{"review"}, body, 0}, 200+m%40, to+int64(r.between(1, 6))*day)
}
