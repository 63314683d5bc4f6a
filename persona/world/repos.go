package world

import (
	"strings"
	"time"
)

// Project is a Jira project.
type Project struct {
	Index int
	Key   string
	Name  string
	Team  *Team
	Lead  *Person
	// Restricted projects are closed to the integration.
	Restricted bool
	repos      []*Repo
}

// SCM says where a repository lives.
type SCM string

// The code hosts the company uses.
const (
	GitHub    SCM = "github"
	GitLab    SCM = "gitlab"
	Bitbucket SCM = "bitbucket"
)

// Repo is one repository.
type Repo struct {
	Index       int
	ID          int
	UUID        string
	SCM         SCM
	Owner       string // organisation, group or workspace
	Name        string
	Language    string
	Kind        string // service, web, library, infra, data, tool
	Description string
	Topics      []string
	Branch      string
	Private     bool
	Stars       int
	SizeKB      int
	Team        *Team
	Project     *Project
	Created     time.Time
	// Restricted repositories and their jobs are closed to the integration.
	Restricted bool
	files      []File
	from       int
}

// FullName is owner/name.
func (r *Repo) FullName() string { return r.Owner + "/" + r.Name }

// Service is something that runs, built from a repository.
type Service struct {
	Name     string
	Repo     *Repo
	Hosts    []string
	Port     int
	Database string
}

// Job is a Jenkins job.
type Job struct {
	Index  int
	Name   string // folder/name
	Repo   *Repo
	Credit string // credentialsId
	Deploy bool
}

type repoPlan struct {
	suffix, kind, lang, what string
}

var productRepos = []repoPlan{
	{"api", "service", "Go", "Public HTTP API for"},
	{"gateway", "service", "Go", "Edge gateway and request signing for"},
	{"worker", "service", "Python", "Background jobs for"},
	{"core", "service", "Java", "Domain service behind"},
	{"web", "web", "TypeScript", "Browser client for"},
	{"admin", "web", "TypeScript", "Back-office screens for"},
	{"sync", "service", "Go", "Partner synchronisation for"},
	{"events", "service", "Kotlin", "Event consumers for"},
	{"schema", "library", "SQL", "Database migrations of"},
	{"client-ts", "library", "TypeScript", "Typed client of"},
	{"e2e", "tool", "TypeScript", "End-to-end tests of"},
	{"notifier", "service", "Python", "Mail and push delivery for"},
}

var sharedRepos = []repoPlan{
	{"infra", "infra", "HCL", "Terraform for all environments"},
	{"charts", "infra", "YAML", "Helm charts of every service"},
	{"data-pipelines", "data", "Python", "Scheduled loads into the warehouse"},
	{"dbt", "data", "SQL", "Warehouse models"},
	{"ui-kit", "library", "TypeScript", "Shared interface components"},
	{"go-kit", "library", "Go", "Shared Go packages: auth, tracing, config"},
	{"handbook", "tool", "Markdown", "Engineering handbook"},
	{"runner-images", "infra", "Dockerfile", "Base images for builds"},
	{"cli", "tool", "Go", "Command line for internal operations"},
	{"alerts", "infra", "YAML", "Alert rules and dashboards"},
	{"auth", "service", "Go", "Single sign-on and service tokens"},
	{"ingest", "service", "Java", "Event intake in front of the queue"},
}

func (w *World) makeProjects() {
	seen := map[string]bool{}
	add := func(key, name string, team *Team) {
		for i := 2; seen[key]; i++ {
			key = key[:2] + string(rune('A'+i))
		}
		seen[key] = true
		w.Projects = append(w.Projects, &Project{Index: len(w.Projects), Key: key, Name: name, Team: team, Lead: team.Members[0]})
	}
	r := w.sub("projects").at(0)
	for i, p := range w.Products {
		add(strings.ToUpper(p.Code[:r.between(3, min(5, len(p.Code)))]), p.Name, w.Teams[i])
	}
	initial := strings.ToUpper(w.Org.Slug[:2])
	add(initial+r.pick([]string{"P", "PL", "PF"}), "Platform", w.team("Platform"))
	add(initial+r.pick([]string{"OPS", "SRE", "INF"}), "Operations", w.team("Site Reliability"))
	add(initial+r.pick([]string{"D", "DATA", "DW"}), "Data", w.team("Data"))
	add(r.pick([]string{"PPL", "HRX", "PEO", "HROPS", "STAFF"}), "People Operations", w.team("People"))
	w.Projects[len(w.Projects)-1].Restricted = true
}

func (w *World) makeRepos() {
	r := w.sub("repos").at(0)
	hosts := [...]SCM{GitHub, GitLab, Bitbucket, GitHub, GitHub, GitLab, GitHub}
	short, _, _ := strings.Cut(w.Org.Slug, "-")
	for i, p := range w.Products {
		plans := append([]repoPlan(nil), productRepos[1:]...)
		r.shuffle(len(plans), func(a, b int) { plans[a], plans[b] = plans[b], plans[a] })
		plans = append([]repoPlan{productRepos[0]}, plans[:r.between(3, 6)]...)
		for _, plan := range plans {
			what := plan.what + " " + p.Name + ", " + p.What
			w.addRepo(p.Code+"-"+plan.suffix, what, plan, hosts[i], w.Projects[i], p.Code)
		}
	}
	extra := len(w.Products)
	for _, plan := range sharedRepos {
		if !r.chance(75) && plan.suffix != "infra" && plan.suffix != "auth" && plan.suffix != "data-pipelines" {
			continue
		}
		project := w.Projects[extra]
		switch plan.kind {
		case "infra":
			project = w.Projects[extra+1]
		case "data":
			project = w.Projects[extra+2]
		}
		host := GitHub
		if plan.kind == "infra" {
			host = GitLab
		}
		w.addRepo(short+"-"+plan.suffix, plan.what, plan, host, project, short)
	}
	for i, plan := range closedRepos {
		project := w.Projects[len(w.Projects)-1-2*(i%2)] // People Operations, Operations
		w.addRepo(short+"-"+r.pick(strings.Fields(plan.suffix)), plan.what, plan, [...]SCM{GitHub, GitLab, Bitbucket}[i], project, short)
		last := w.Repos[len(w.Repos)-1]
		last.Private, last.Restricted, last.Stars = true, true, 0
	}
}

// closedRepos are those that the integration may not read; of a suffix, a world
// takes one word.
var closedRepos = []repoPlan{
	{"payroll salaries hr-sync compensation", "library", "Python", "Exports for the payroll provider"},
	{"keys vault-policies break-glass pki", "infra", "HCL", "Key material, policies and rotation scripts"},
	{"hr-portal people-records leavers", "library", "TypeScript", "Records of staff, joiners and leavers"},
}

func (w *World) addRepo(name, what string, plan repoPlan, host SCM, project *Project, topic string) {
	i := len(w.Repos)
	r := w.sub("repo").at(i)
	repo := &Repo{
		Index: i, SCM: host, Owner: w.Org.Slug, Name: name, Language: plan.lang, Kind: plan.kind, Description: what, Team: project.Team,
		Project: project, Private: !r.chance(12), Branch: "main", UUID: r.uuid(), SizeKB: r.between(180, 48000),
	}
	if r.chance(25) {
		repo.Branch = "master"
	}
	if !repo.Private {
		repo.Stars = r.below(40)
	}
	if first := len(project.repos) == 0; !first && r.chance(45) {
		repo.from = blockWeeks * r.between(1, 8)
	}
	age := int64(r.between(9*day, 16*day))
	if repo.from == 0 {
		age += int64(r.between(0, 20*day)) * int64(r.between(0, 20))
	}
	repo.Created = at(w.cal.inHours(w.start + int64(repo.from)*week - age))
	repo.ID = hostID(host, repo.Created.Unix(), i)
	repo.Topics = []string{topic, strings.ToLower(plan.lang), plan.kind}
	w.Repos, project.repos = append(w.Repos, repo), append(project.repos, repo)
}

// hostID is a repository id as the host hands them out: it rises with time.
func hostID(host SCM, created int64, i int) int {
	switch host {
	case GitHub: // about 480 million in early 2022, 40 million more each year
		return 480_000_000 + int(created-1_640_995_200)/60*76 + i
	case GitLab:
		return 100 + int(created-1_483_228_800)/400_000*64 + i
	}
	return 20_000_000 + int(created-1_577_836_800)/60 + i
}

func (w *World) makeServices() {
	r := w.sub("services").at(0)
	region := r.pick([]string{"use1", "usw2", "euw1", "euc1", "eun1"})
	style := r.below(3)
	for _, repo := range w.Repos {
		if repo.Kind == "service" || repo.Kind == "web" {
			s := &Service{Name: repo.Name, Repo: repo, Port: 8000 + r.below(90)*10, Database: strings.ReplaceAll(w.productOf(repo), "-", "_") + "_prod"}
			for n := range r.between(2, 4) {
				host := [...]string{repo.Name + "-" + pad(n+1, 2) + "." + region, "prod-" + repo.Name + pad(n+1, 2), repo.Name + "-" + r.text("bcdfghjklmnpqrstvwxz2456789", 5) + "." + region}[style]
				s.Hosts = append(s.Hosts, host+"."+w.internalDomain())
			}
			w.Services = append(w.Services, s)
		}
		w.addJobs(&r, repo)
	}
}

func (w *World) serviceOf(repo *Repo) *Service {
	for _, s := range w.Services {
		if s.Repo == repo {
			return s
		}
	}
	return nil
}

func (w *World) addJobs(r *roll, repo *Repo) {
	if repo.Kind == "tool" && !r.chance(40) {
		return
	}
	folder := repo.Team.Slug
	credit := string(repo.SCM) + "-" + r.pick([]string{"ci", "readonly", "deploy-key", "jenkins", "bot"})
	w.Jobs = append(w.Jobs, &Job{Index: len(w.Jobs), Name: folder + "/" + repo.Name, Repo: repo, Credit: credit})
	if repo.Kind == "service" || repo.Kind == "web" {
		w.Jobs = append(w.Jobs, &Job{Index: len(w.Jobs), Name: folder + "/" + repo.Name + "-deploy", Repo: repo, Credit: credit, Deploy: true})
	}
}

func (w *World) productOf(repo *Repo) string { return repo.Topics[0] }

// internalDomain is where hosts live.
func (w *World) internalDomain() string {
	if w.cache.internal == "" {
		r := w.sub("internal").at(0)
		w.cache.internal = r.pick([]string{"int.", "prod.", "corp.", "svc.", "core."}) + w.Org.Domain
	}
	return w.cache.internal
}

// RepoBy finds a repository on a host by name or owner/name; nil if there is none.
func (w *World) RepoBy(host SCM, owner, name string) *Repo {
	for _, r := range w.Repos {
		if r.SCM == host && strings.EqualFold(r.Name, name) && (owner == "" || strings.EqualFold(r.Owner, owner)) {
			return r
		}
	}
	return nil
}

// JobBy finds a Jenkins job by its name, with or without folder; nil if there is none.
func (w *World) JobBy(name string) *Job {
	name = strings.Trim(strings.ReplaceAll(name, "/job/", "/"), "/")
	for _, j := range w.Jobs {
		if strings.EqualFold(j.Name, name) || strings.EqualFold(j.Name[strings.IndexByte(j.Name, '/')+1:], name) {
			return j
		}
	}
	return nil
}

// ProjectBy finds a project by key or name; nil if there is none.
func (w *World) ProjectBy(key string) *Project {
	for _, p := range w.Projects {
		if strings.EqualFold(p.Key, key) || strings.EqualFold(p.Name, key) {
			return p
		}
	}
	return nil
}
