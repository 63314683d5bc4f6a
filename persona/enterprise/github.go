package enterprise

import (
	"strconv"

	"github.com/killdeer-mcp/killdeer/persona/enterprise/ql"
	"github.com/killdeer-mcp/killdeer/persona/world"
	"github.com/killdeer-mcp/killdeer/sdk/guest"
)

const (
	// maxReach is how many results of a search GitHub lets anybody see.
	maxReach   = 1000
	errReach   = refusal("Only the first 1000 search results are available")
	errNoQuery = refusal("Validation Failed: {\"resource\":\"Search\",\"field\":\"q\",\"code\":\"missing\"}")
)

// githubPage is the page that is asked for: where it starts and its size.
func githubPage(a args) (start, size int, err error) {
	if a.text("query") == "" {
		return 0, 0, errNoQuery
	}
	size = a.limit("per_page", 30, maxPerPage)
	start = (a.limit("page", 1, 1<<20) - 1) * size
	if start >= maxReach {
		return 0, 0, errReach
	}
	return start, size, nil
}

func githubRepositories(v *view, a args, w *guest.Writer) error {
	start, size, err := githubPage(a)
	if err != nil {
		return err
	}
	all, err := v.repositories(world.GitHub, a.text("query"))
	if err != nil {
		return err
	}
	w.Obj().Key("total_count").Int(int64(len(all))).Key("incomplete_results").Bool(false).Key("items").Arr()
	for _, r := range ql.Window(all, start, size) {
		w.Obj()
		writeRepo(w, v, r)
		w.End()
	}
	w.End().End()
	return nil
}

// writeRepo writes the members of a repository that GitHub and GitLab share here.
func writeRepo(w *guest.Writer, v *view, r found) {
	w.Key("id").Int(int64(r.ID))
	if r.SCM == world.GitHub {
		w.Key("node_id").Str(nodeID("R", r.ID))
	}
	w.Key("name").Str(r.Name).Key("full_name").Str(r.FullName()).Key("private").Bool(r.Private).Key("visibility").Str(visibility(r.Repo))
	w.Key("owner").Obj().Key("login").Str(r.Owner).Key("type").Str("Organization").End()
	w.Key("description").Str(r.Description).Key("html_url").Str(v.WebURL(r.Repo)).Key("clone_url").Str(v.CloneURL(r.Repo))
	w.Key("language").Str(r.Language).Key("topics").Arr()
	for _, t := range r.Topics {
		w.Str(t)
	}
	w.End().Key("default_branch").Str(r.Branch).Key("stargazers_count").Int(int64(r.Stars)).Key("size").Int(int64(r.SizeKB))
	stamp(w, "created_at", r.Created, githubTime)
	stamp(w, "updated_at", r.pushed, githubTime)
	stamp(w, "pushed_at", r.pushed, githubTime)
}

func githubCode(v *view, a args, w *guest.Writer) error {
	start, size, err := githubPage(a)
	if err != nil {
		return err
	}
	all, err := v.code(world.GitHub, a.text("query"), func(*world.Repo) bool { return true })
	if err != nil {
		return err
	}
	w.Obj().Key("total_count").Int(int64(len(all))).Key("incomplete_results").Bool(false).Key("items").Arr()
	for _, h := range ql.Window(all, start, size) {
		w.Obj().Key("name").Str(base(h.file.Path)).Key("path").Str(h.file.Path).Key("sha").Str(h.file.SHA)
		w.Key("html_url").Str(v.WebURL(h.repo) + "/blob/" + h.repo.Branch + "/" + h.file.Path)
		w.Key("repository").Obj().Key("id").Int(int64(h.repo.ID)).Key("full_name").Str(h.repo.FullName()).Key("private").Bool(h.repo.Private).End()
		w.Key("score").Float(1, 1).Key("text_matches").Arr()
		w.Obj().Key("property").Str("content").Key("fragment").Str(h.fragment())
		w.Key("matches").Arr().Obj().Key("text").Str(h.match()).End().End().End().End()
		w.End()
	}
	w.End().End()
	return nil
}

func base(path string) string {
	for i := len(path) - 1; i >= 0; i-- {
		if path[i] == '/' {
			return path[i+1:]
		}
	}
	return path
}

func githubCommits(v *view, a args, w *guest.Writer) error {
	r, err := v.repo(world.GitHub, a.text("owner"), a.text("repo"))
	if err != nil {
		return err
	}
	if b := a.text("branch"); b != "" && b != r.Branch {
		return errNotFound
	}
	list, last := v.commits(r, a.limit("per_page", 30, maxPerPage))
	w.Arr()
	for i, c := range list {
		w.Obj()
		writeCommit(w, v, c, next(list, i, last))
		w.Key("html_url").Str(v.WebURL(r) + "/commit/" + c.SHA).End()
	}
	w.End()
	return nil
}

// repo finds a repository that exists at now.
func (v *view) repo(host world.SCM, owner, name string) (*world.Repo, error) {
	if r := v.RepoBy(host, owner, name); r != nil && owner != "" && v.open(r) {
		return r, nil
	}
	return nil, errNotFound
}

func githubComments(v *view, a args, w *guest.Writer) error {
	r, err := v.repo(world.GitHub, a.text("owner"), a.text("repo"))
	if err != nil {
		return err
	}
	p := v.PullBy(r, a.offset("pull_number"), v.now)
	if p == nil {
		return errNotFound
	}
	w.Arr()
	for _, c := range v.Comments(p, v.now) {
		w.Obj().Key("id").Int(int64(c.ID)).Key("user").Obj().Key("login").Str(c.Author.GitHub).Key("type").Str("User").End()
		w.Key("body").Str(c.Body)
		stamp(w, "created_at", c.Created, githubTime)
		stamp(w, "updated_at", c.Created, githubTime)
		writePlace(w, c)
		w.Key("html_url").Str(v.WebURL(r) + "/pull/" + strconv.Itoa(p.Number) + "#discussion_r" + strconv.Itoa(c.ID)).End()
	}
	w.End()
	return nil
}

func writePlace(w *guest.Writer, c world.Comment) {
	if c.Line == 0 {
		w.Key("path").Null().Key("line").Null()
		return
	}
	w.Key("path").Str(c.Path).Key("line").Int(int64(c.Line))
}
