package enterprise

import (
	"strconv"

	"github.com/killdeer-mcp/killdeer/persona/enterprise/ql"
	"github.com/killdeer-mcp/killdeer/persona/world"
	"github.com/killdeer-mcp/killdeer/sdk/guest"
)

const errNoProject = refusal("404 Project Not Found")

func pages(total, size int) int64 { return int64((total + size - 1) / size) }

func gitlabProjects(v *view, a args, w *guest.Writer) error {
	all, err := v.repositories(world.GitLab, a.text("query"))
	if err != nil {
		return err
	}
	size := a.limit("per_page", 20, maxPerPage)
	w.Obj().Key("total_pages").Int(pages(len(all), size)).Key("total_items").Int(int64(len(all))).Key("items").Arr()
	for _, r := range ql.Window(all, (a.limit("page", 1, 1<<20)-1)*size, size) {
		w.Obj()
		writeRepo(w, v, r)
		w.Key("path").Str(r.Name).Key("path_with_namespace").Str(r.FullName()).Key("web_url").Str(v.WebURL(r.Repo)).End()
	}
	w.End().End()
	return nil
}

// project finds a GitLab project by numeric id or path.
func (v *view) project(id string) (*world.Repo, error) {
	for _, r := range v.Repos {
		if r.SCM == world.GitLab && v.open(r) && (strconv.Itoa(r.ID) == id || r.FullName() == id) {
			return r, nil
		}
	}
	return nil, errNoProject
}

func gitlabCommits(v *view, a args, w *guest.Writer) error {
	r, err := v.project(a.text("project_id"))
	if err != nil {
		return err
	}
	if ref := a.text("ref_name"); ref != "" && ref != r.Branch {
		return refusal("404 Tree Not Found")
	}
	list, last := v.commits(r, a.limit("per_page", 20, maxPerPage))
	w.Arr()
	for i, c := range list {
		merged, _ := c.Merged(v.now)
		w.Obj().Key("id").Str(c.SHA).Key("short_id").Str(c.SHA[:8]).Key("title").Str(c.Title)
		writeCommit(w, v, c, next(list, i, last))
		stamp(w, "authored_date", c.Created, gitlabTime)
		stamp(w, "committed_date", merged, gitlabTime)
		w.Key("web_url").Str(v.WebURL(r) + "/-/commit/" + c.SHA).End()
	}
	w.End()
	return nil
}

func gitlabCode(v *view, a args, w *guest.Writer) error {
	wants := func(*world.Repo) bool { return true }
	if id := a.text("project_id"); id != "" {
		only, err := v.project(id)
		if err != nil {
			return err
		}
		wants = func(r *world.Repo) bool { return r == only }
	}
	all, err := v.code(world.GitLab, a.text("query"), wants)
	if err != nil {
		return err
	}
	size := a.limit("per_page", 20, maxPerPage)
	w.Obj().Key("total_pages").Int(pages(len(all), size)).Key("total_items").Int(int64(len(all))).Key("items").Arr()
	for _, h := range ql.Window(all, (a.limit("page", 1, 1<<20)-1)*size, size) {
		first, _ := h.lines()
		w.Obj().Key("project_id").Int(int64(h.repo.ID)).Key("project").Obj().Key("path_with_namespace").Str(h.repo.FullName()).End()
		w.Key("basename").Str(base(h.file.Path)).Key("path").Str(h.file.Path).Key("ref").Str(h.repo.Branch)
		w.Key("startline").Int(int64(first)).Key("data").Str(h.fragment()).End()
	}
	w.End().End()
	return nil
}

func gitlabNotes(v *view, a args, w *guest.Writer) error {
	r, err := v.project(a.text("project_id"))
	if err != nil {
		return err
	}
	p := v.PullBy(r, a.offset("merge_request_iid"), v.now)
	if p == nil {
		return refusal("404 Not found")
	}
	w.Arr()
	for _, c := range v.Comments(p, v.now) {
		w.Obj().Key("id").Int(int64(c.ID)).Key("author").Obj().Key("name").Str(c.Author.Name).Key("username").Str(c.Author.GitHub).End()
		w.Key("body").Str(c.Body)
		stamp(w, "created_at", c.Created, gitlabTime)
		stamp(w, "updated_at", c.Created, gitlabTime)
		w.Key("system").Bool(false).Key("noteable_iid").Int(int64(p.Number)).Key("type")
		if c.Line == 0 {
			w.Null().End()
			continue
		}
		w.Str("DiffNote").Key("position").Obj().Key("new_path").Str(c.Path).Key("new_line").Int(int64(c.Line)).End().End()
	}
	w.End()
	return nil
}
