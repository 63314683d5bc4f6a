package enterprise

import (
	"strings"

	"github.com/killdeer-mcp/killdeer/persona/enterprise/ql"
	"github.com/killdeer-mcp/killdeer/persona/world"
	"github.com/killdeer-mcp/killdeer/sdk/guest"
)

const (
	errNoWorkspace = refusal("No workspace with this identifier, or you do not have access to it.")
	errNoSlug      = refusal("You may not have access to this repository or it no longer exists in this workspace.")
	errPagelen     = refusal("Invalid pagelen")
	errPage        = refusal("Invalid page")
	// artifactBuilds is for how many builds of a job artifacts are kept.
	artifactBuilds = 8
)

func (v *view) workspace(name string) error {
	if name != "" && !strings.EqualFold(name, v.Org.Slug) {
		return errNoWorkspace
	}
	return nil
}

// bitbucketPage is the page that is asked for. Bitbucket refuses pages of more than
// 100 and pages behind the last one.
func bitbucketPage(a args, total int) (start, size int, err error) {
	size, n := a.offsetOr("pagelen", maxPerPage), a.offsetOr("page", 1)
	if size < 1 || size > maxPerPage {
		return 0, 0, errPagelen
	}
	if start = (n - 1) * size; n < 1 || n > 1 && start >= total {
		return 0, 0, errPage
	}
	return start, size, nil
}

func bitbucketRepositories(v *view, a args, w *guest.Writer) error {
	if err := v.workspace(a.text("workspace")); err != nil {
		return err
	}
	all, err := v.repositories(world.Bitbucket, a.text("query"))
	if err != nil {
		return err
	}
	start, size, err := bitbucketPage(a, len(all))
	if err != nil {
		return err
	}
	w.Obj().Key("total_count").Int(int64(len(all))).Key("repositories").Arr()
	for _, r := range ql.Window(all, start, size) {
		web := v.WebURL(r.Repo)
		w.Obj().Key("id").Int(int64(r.ID)).Key("uuid").Str("{" + r.UUID + "}").Key("name").Str(r.Name).Key("full_name").Str(r.FullName())
		w.Key("description").Str(r.Description).Key("visibility").Str(visibility(r.Repo)).Key("is_private").Bool(r.Private)
		w.Key("stars").Int(int64(r.Stars)).Key("language").Str(strings.ToLower(r.Language)).Key("topics").Arr()
		for _, t := range r.Topics {
			w.Str(t)
		}
		w.End().Key("html_url").Str(web).Key("clone_url").Str(v.CloneURL(r.Repo)).Key("workspace").Str(r.Owner)
		w.Key("project").Obj().Key("key").Str(r.Project.Key).Key("name").Str(r.Project.Name).End()
		w.Key("mainbranch").Str(r.Branch)
		stamp(w, "created_on", r.Created, bitTime)
		stamp(w, "updated_on", r.pushed, bitTime)
		w.Key("links").Obj().Key("self").Obj().Key("href").Str("https://api.bitbucket.org/2.0/repositories/" + r.FullName()).End()
		w.Key("html").Obj().Key("href").Str(web).End().End().End()
	}
	w.End().End()
	return nil
}

// only narrows to one repository of the workspace when a slug is given.
func (v *view) only(slug string) (func(*world.Repo) bool, error) {
	if slug == "" {
		return func(*world.Repo) bool { return true }, nil
	}
	name := slug[strings.LastIndexByte(slug, '/')+1:]
	r := v.RepoBy(world.Bitbucket, "", name)
	if r == nil || !v.open(r) {
		return nil, errNoSlug
	}
	return func(other *world.Repo) bool { return r == other }, nil
}

func bitbucketCode(v *view, a args, w *guest.Writer) error {
	if err := v.workspace(a.text("workspace")); err != nil {
		return err
	}
	wants, err := v.only(a.text("repository"))
	if err != nil {
		return err
	}
	all, err := v.code(world.Bitbucket, a.text("query"), wants)
	if err != nil {
		return err
	}
	start, size, err := bitbucketPage(a, len(all))
	if err != nil {
		return err
	}
	w.Obj().Key("total_count").Int(int64(len(all))).Key("results").Arr()
	for _, h := range ql.Window(all, start, size) {
		href := "https://api.bitbucket.org/2.0/repositories/" + h.repo.FullName() + "/src/" + h.repo.Branch + "/" + h.file.Path
		w.Obj().Key("file").Obj().Key("path").Str(h.file.Path).Key("links").Obj().Key("self").Obj().Key("href").Str(href).End().End().End()
		w.Key("repository").Obj().Key("full_name").Str(h.repo.FullName()).End().Key("lines").Arr()
		first, lines := h.lines()
		for i, l := range lines {
			w.Obj().Key("line").Int(int64(first + i)).Key("content").Str(l).End()
		}
		w.End().End()
	}
	w.End().End()
	return nil
}

type artifact struct {
	name  string
	size  int
	build *world.Build
}

func bitbucketArtifacts(v *view, a args, w *guest.Writer) error {
	if err := v.workspace(a.text("workspace")); err != nil {
		return err
	}
	wants, err := v.only(a.text("repository"))
	if err != nil {
		return err
	}
	all := v.artifacts(strings.Fields(strings.ToLower(a.text("query"))), wants)
	start, size, err := bitbucketPage(a, len(all))
	if err != nil {
		return err
	}
	w.Obj().Key("total_count").Int(int64(len(all))).Key("artifacts").Arr()
	for _, f := range ql.Window(all, start, size) {
		w.Obj().Key("name").Str(f.name).Key("size_bytes").Int(int64(f.size))
		w.Key("pipeline").Obj().Key("build_number").Int(int64(f.build.Number)).Key("status").Str("SUCCESSFUL").End()
		stamp(w, "created_on", f.build.Started.Add(f.build.Duration), bitTime)
		w.Key("download_url").Str("https://api.bitbucket.org/2.0/repositories/" + f.build.Job.Repo.FullName() + "/downloads/" + f.name).End()
	}
	w.End().End()
	return nil
}

// artifacts are those whose names hold all parts.
func (v *view) artifacts(parts []string, wants func(*world.Repo) bool) []artifact {
	var out []artifact
	for _, j := range v.Jobs {
		if j.Deploy || j.Repo.SCM != world.Bitbucket || !v.open(j.Repo) || !wants(j.Repo) {
			continue
		}
		last := v.BuildCount(j, v.now)
		for n := last; n > max(0, last-artifactBuilds); n-- {
			b := v.Build(j, n, v.now)
			name := j.Repo.Name + "-" + b.Version + ".tar.gz"
			if b.Result(v.now) == "SUCCESS" && b.Commit != nil && holdsAll(name, parts) {
				out = append(out, artifact{name, j.Repo.SizeKB*700 + n*1013, b})
			}
		}
	}
	return out
}

func holdsAll(s string, parts []string) bool {
	for _, p := range parts {
		if !strings.Contains(s, p) {
			return false
		}
	}
	return true
}
