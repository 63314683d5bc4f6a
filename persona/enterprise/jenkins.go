package enterprise

import (
	"strconv"
	"strings"

	"github.com/killdeer-mcp/killdeer/persona/world"
	"github.com/killdeer-mcp/killdeer/sdk/guest"
)

const (
	errNoJob   = refusal("Not Found: no such job, or no permission to read it")
	errNoBuild = refusal("Not Found: no such build")
)

func (v *view) job(name string) (*world.Job, error) {
	j := v.JobBy(name)
	switch {
	case j == nil || j.Repo.Created.After(v.now):
		return nil, errNoJob
	case j.Repo.Restricted:
		return nil, errJobClosed
	}
	return j, nil
}

func (v *view) jobURL(j *world.Job) string {
	return "https://jenkins." + v.Org.Domain + "/job/" + strings.ReplaceAll(j.Name, "/", "/job/") + "/"
}

func jenkinsLog(v *view, a args, w *guest.Writer) error {
	j, err := v.job(a.text("job_name"))
	if err != nil {
		return err
	}
	number := v.BuildCount(j, v.now)
	if a.o.Has("build_number") {
		number = a.offset("build_number")
	}
	b := v.Build(j, number, v.now)
	if b == nil {
		return errNoBuild
	}
	match := pattern(a.text("pattern"))
	w.Obj().Key("job").Str(j.Name).Key("build_number").Int(int64(number)).Key("build_status").Str(b.Result(v.now))
	w.Key("timestamp").Int(b.Started.UnixMilli()).Key("matches").Arr()
	for i, line := range b.Log(v.now, v.CloneURL(j.Repo)) {
		if match(strings.ToLower(line)) {
			w.Obj().Key("line_number").Int(int64(i + 1)).Key("content").Str(line).End()
		}
	}
	w.End().Key("build_url").Str(v.jobURL(j) + strconv.Itoa(number) + "/").End()
	return nil
}

// pattern understands alternatives and gaps: the part of regular expressions
// that people type into a log search.
func pattern(s string) func(lower string) bool {
	alternatives := strings.Split(strings.ToLower(s), "|")
	return func(lower string) bool {
		for _, alt := range alternatives {
			if inOrder(lower, strings.Split(strings.Trim(alt, "^$()"), ".*")) {
				return true
			}
		}
		return false
	}
}

func inOrder(s string, parts []string) bool {
	for _, p := range parts {
		i := strings.Index(s, p)
		if i < 0 {
			return false
		}
		s = s[i+len(p):]
	}
	return true
}

func jenkinsSCM(v *view, a args, w *guest.Writer) error {
	j, err := v.job(a.text("job_name"))
	if err != nil {
		return err
	}
	w.Obj().Key("job").Str(j.Name).Key("url").Str(v.jobURL(j)).Key("scm").Obj().Key("type").Str("git").Key("repositories").Arr()
	w.Obj().Key("url").Str(v.CloneURL(j.Repo)).Key("credentialsId").Str(j.Credit).End().End()
	w.Key("branches").Arr().Obj().Key("name").Str("*/" + j.Repo.Branch).End().End()
	w.Key("polling").Obj().Key("spec").Str("H/" + strconv.Itoa(5+5*(j.Index%3)) + " * * * *").End()
	w.Key("extensions").Arr()
	for _, e := range []string{"CleanBeforeCheckout", "CloneOption"}[:1+j.Index%2] {
		w.Obj().Key("type").Str(e).End()
	}
	w.End().End()
	if n := v.BuildCount(j, v.now); n > 0 {
		w.Key("lastBuild").Obj().Key("number").Int(int64(n)).Key("url").Str(v.jobURL(j) + strconv.Itoa(n) + "/").End()
	}
	w.End()
	return nil
}
