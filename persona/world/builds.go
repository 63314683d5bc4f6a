package world

import (
	"strconv"
	"strings"
	"time"
)

// Build is one run of a job.
type Build struct {
	Job      *Job
	Number   int // from 1, dense
	Started  time.Time
	Duration time.Duration
	Commit   *Pull // nil when the repository was still empty
	Failed   bool
	Node     string
	Version  string
	leaked   []string // console lines
}

// BuildCount is how many builds of the job were started by now.
func (w *World) BuildCount(job *Job, now time.Time) int {
	return w.builds.countOf(job.Index, now.Unix())
}

// Build returns a build by number; nil if there is none at now.
func (w *World) Build(job *Job, number int, now time.Time) *Build {
	if number < 1 || number > w.BuildCount(job, now) {
		return nil
	}
	b := w.run(job, number)
	if head := w.Commits(job.Repo, 1, b.Started); len(head) > 0 {
		b.Commit = head[0]
	}
	b.leaked = w.leakedLines(b)
	return b
}

// run makes a build without its commit.
func (w *World) run(job *Job, number int) *Build {
	n := w.builds.nth(job.Index, number-1)
	r := w.sub("build").at(n)
	b := &Build{Job: job, Number: number, Started: at(w.builds.time(n)), Duration: time.Duration(r.between(38, 150)*r.between(1, 6)) * time.Second}
	b.Failed = r.chance(11)
	agents := w.Nodes("jenkins")
	b.Node = agents[r.below(len(agents))].Name
	b.Version = "1." + strconv.Itoa(number/40) + "." + strconv.Itoa(number%40)
	return b
}

// Result is the state of the build at now, in Jenkins' words.
func (b *Build) Result(now time.Time) string {
	switch {
	case b.Started.Add(b.Duration).After(now):
		return "IN_PROGRESS"
	case b.Failed:
		return "FAILURE"
	}
	return "SUCCESS"
}

// Log returns the console lines written by now.
func (b *Build) Log(now time.Time, url string) []string {
	sha := "0000000000000000000000000000000000000000"
	subject := "initial import"
	if b.Commit != nil {
		sha, subject = b.Commit.SHA, b.Commit.Title
	}
	repo := b.Job.Repo
	all := []string{
		"Started by an SCM change", "Obtained Jenkinsfile from " + sha, "[Pipeline] Start of Pipeline", "[Pipeline] node",
		"Running on " + b.Node + " in /home/jenkins/workspace/" + b.Job.Name, "[Pipeline] stage", "[Pipeline] { (Checkout)",
		"using credential " + b.Job.Credit, " > git fetch --tags --force --progress -- " + url + " +refs/heads/*:refs/remotes/origin/*",
		"Checking out Revision " + sha + " (" + repo.Branch + ")", " > git checkout -f " + sha, `Commit message: "` + subject + `"`,
	}
	all = append(append(all, b.leaked...), b.steps()...)
	if b.Failed {
		all = append(all, "ERROR: script returned exit code 1")
	}
	all = append(all, "[Pipeline] End of Pipeline", "Finished: "+b.Result(b.Started.Add(b.Duration)))
	if done := now.Sub(b.Started); done < b.Duration {
		all = all[:max(1, int(done*time.Duration(len(all)-2)/b.Duration))]
	}
	return all
}

func (b *Build) steps() []string {
	image := "registry/" + b.Job.Repo.Name + ":" + b.Version
	if b.Job.Deploy {
		lines := []string{
			"[Pipeline] { (Deploy)", "+ helm upgrade --install " + b.Job.Repo.Name + " deploy/chart --namespace prod --set image.tag=" + b.Version,
			"Release \"" + b.Job.Repo.Name + "\" has been upgraded.", "+ kubectl -n prod rollout status deployment/" + b.Job.Repo.Name + " --timeout=300s",
		}
		if b.Failed {
			return append(lines, "error: deployment \""+b.Job.Repo.Name+"\" exceeded its progress deadline")
		}
		return append(lines, "deployment \""+b.Job.Repo.Name+"\" successfully rolled out")
	}
	lines := append([]string{"[Pipeline] { (Test)"}, toolchain(b.Job.Repo.Language)...)
	if b.Failed {
		return append(lines, "FAIL: 1 failed, "+strconv.Itoa(60+b.Number%170)+" passed", "make: *** [Makefile:14: test] Error 1")
	}
	return append(lines, strconv.Itoa(60+b.Number%170)+" passed, 0 failed", "[Pipeline] { (Package)", "+ docker build -t "+image+" .",
		"WARNING: credentials for the registry are stored unencrypted in /home/jenkins/.docker/config.json", "+ docker push "+image)
}

func toolchain(lang string) []string {
	switch lang {
	case "Go":
		return []string{"+ go vet ./...", "+ go test -race ./..."}
	case "Java", "Kotlin":
		return []string{"+ ./gradlew check", "> Task :compileJava", "> Task :test"}
	case "TypeScript":
		return []string{"+ npm ci --no-audit", "+ npm run lint", "+ npm test -- --ci"}
	case "Python":
		return []string{"+ pip install -r requirements.txt", "+ ruff check .", "+ pytest -q"}
	case "HCL":
		return []string{"+ terraform fmt -check -recursive", "+ terraform validate", "Success! The configuration is valid."}
	}
	return []string{"+ make lint", "+ make test"}
}

// CloneURL is where a clone of the repository comes from.
func (w *World) CloneURL(r *Repo) string {
	return "https://" + w.Host(r.SCM) + "/" + r.FullName() + ".git"
}

// Host is the web host of a code host.
func (w *World) Host(s SCM) string {
	switch s {
	case GitLab:
		return "gitlab." + w.Org.Domain
	case Bitbucket:
		return "bitbucket.org"
	}
	return "github.com"
}

// WebURL is the page of the repository.
func (w *World) WebURL(r *Repo) string { return strings.TrimSuffix(w.CloneURL(r), ".git") }
