package enterprise

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/killdeer-mcp/killdeer/persona/enterprise/ql"
	"github.com/killdeer-mcp/killdeer/persona/world"
	"github.com/killdeer-mcp/killdeer/sdk/guest"
)

const (
	maxPerPage  = 100
	maxFragment = 400 // bytes of a code search excerpt
	errNotFound = refusal("Not Found")
	// What GitHub refuses to search, and cannot read.
	errNotSearchable = refusal("Validation Failed: The listed users and repositories cannot be searched either because the resources do not exist or you do not have permission to view them.")
	errSearchTime    = refusal("This search could not be completed in time. Use a more specific query.")
	errUnparsed      = refusal("ERROR_TYPE_QUERY_PARSING_FATAL unable to parse query!")
	maxCodeResult    = 100
)

// found is a repository that a search matched.
type found struct {
	*world.Repo
	pushed time.Time
}

// hostBox is what the searches of a code host understand.
type hostBox struct{ repos, code ql.Box }

var boxes = map[world.SCM]hostBox{
	world.GitHub: {
		ql.Box{Quals: " org user repo language topic in sort order archived fork stars forks size created pushed is license mirror good-first-issues followers topics ", Words: " and ", Not: "NOT"},
		ql.Box{Quals: " repo org user language path filename extension in size fork is symbol content sort order ", Words: " and ", Not: "NOT", Strict: true, Starts: true},
	},
	world.GitLab: {
		ql.Box{},
		ql.Box{Quals: " filename path extension blob ", Starts: true},
	},
	world.Bitbucket: {
		ql.Box{},
		ql.Box{Quals: " repo project path ext lang language ", Words: " and ", Not: "NOT", Strict: true, Starts: true},
	},
}

// repoFilter is what the qualifiers of a repository search ask for.
type repoFilter struct {
	*ql.Search
	fields string // of the text that is searched: name, description, topics
}

// repositories returns those of a code host that match: the best match first, or
// the most recently changed where no words were given.
func (v *view) repositories(host world.SCM, text string) ([]found, error) {
	box := boxes[host].repos
	f := repoFilter{Search: box.Parse(text), fields: " name description topics "}
	for _, q := range f.Quals {
		if q.Name == "in" {
			f.fields = " " + strings.ReplaceAll(strings.ToLower(q.Value), ",", " ") + " "
		}
	}
	rank := ql.Rank(f.Words, true)
	var all []found
	for _, r := range v.Repos {
		if r.SCM != host || !v.open(r) {
			continue
		}
		one := found{r, v.Pushed(r, v.now)}
		ok, err := f.takes(v, one)
		if err != nil {
			return nil, err
		}
		text := f.text(r)
		if ok && f.Free(text) && rank.Add(len(all), text) {
			all = append(all, one)
		}
	}
	if len(f.Words) == 0 {
		slices.SortStableFunc(all, func(a, b found) int { return cmp.Compare(b.pushed.Unix(), a.pushed.Unix()) })
		return all, nil
	}
	out := make([]found, 0, len(all))
	for _, i := range rank.Top(0, len(all)) {
		out = append(out, all[i])
	}
	return out, nil
}

// text is what is searched of a repository.
func (f *repoFilter) text(r *world.Repo) string {
	text := ""
	if strings.Contains(f.fields, " name ") {
		text = r.FullName()
	}
	if strings.Contains(f.fields, " description ") {
		text += " " + r.Description
	}
	if strings.Contains(f.fields, " topics ") {
		text += " " + strings.Join(r.Topics, " ")
	}
	return strings.ToLower(text)
}

// takes applies the qualifiers.
func (f *repoFilter) takes(v *view, r found) (bool, error) {
	for _, q := range f.Quals {
		ok, err := v.qualifies(q, r)
		if err != nil {
			return false, err
		}
		if ok == q.Not {
			return false, nil
		}
	}
	return true, nil
}

// qualifies tests one qualifier of a repository search.
func (v *view) qualifies(q ql.Qualifier, r found) (bool, error) {
	switch q.Name {
	case "org", "user":
		if !strings.EqualFold(q.Value, v.Org.Slug) && !q.Not {
			return false, errNotSearchable
		}
		return strings.EqualFold(q.Value, r.Owner), nil
	case "repo":
		if !v.named(r.SCM, q.Value) && !q.Not {
			return false, errNotSearchable
		}
		return strings.EqualFold(q.Value, r.FullName()), nil
	case "language":
		return strings.EqualFold(q.Value, r.Language), nil
	case "topic":
		return slices.ContainsFunc(r.Topics, func(t string) bool { return strings.EqualFold(t, q.Value) }), nil
	case "stars":
		fits, ok := ql.Size(q.Value, r.Stars)
		return fits && ok, nil
	case "forks", "followers", "good-first-issues":
		fits, ok := ql.Size(q.Value, 0)
		return fits && ok, nil
	case "topics":
		fits, ok := ql.Size(q.Value, len(r.Topics))
		return fits && ok, nil
	case "size":
		fits, ok := ql.Size(q.Value, r.SizeKB)
		return fits && ok, nil
	case "created":
		return dateFits(q.Value, r.Created), nil
	case "pushed":
		return dateFits(q.Value, r.pushed), nil
	case "archived", "mirror":
		return strings.EqualFold(q.Value, "false"), nil
	case "is":
		return strings.EqualFold(q.Value, visibility(r.Repo)), nil
	case "license":
		return false, nil
	}
	return true, nil // in, sort, order, fork
}

// dateFits compares a time with a date, >date, >=date, <date, <=date or from..to.
func dateFits(value string, have time.Time) bool {
	if from, to, ok := strings.Cut(value, ".."); ok {
		return (from == "*" || dateFits(">="+from, have)) && (to == "*" || dateFits("<="+to, have))
	}
	op := value[:len(value)-len(strings.TrimLeft(value, "<>="))]
	at, span, ok := ql.Date(value[len(op):])
	if !ok {
		return false
	}
	if op == "" {
		op = "="
	}
	r := ql.Range{From: at, To: at.Add(span)}
	return ql.Compares(op, r.Compare(have))
}

// hit is a file that a code search matched, and where.
type hit struct {
	repo *world.Repo
	file *world.File
	from int // of the first word's first match in the content, -1 when only the path matched
	to   int
}

// code searches the files of a code host, best match first. Only wants says which
// repositories. Nothing but qualifiers finds all that they let through, if one of
// them is about files.
func (v *view) code(host world.SCM, text string, wants func(*world.Repo) bool) ([]hit, error) {
	box := boxes[host].code
	s := box.Parse(text)
	if s.Error && host == world.GitHub {
		return nil, errUnparsed
	}
	if len(s.Words) == 0 && !slices.ContainsFunc(s.Quals, func(q ql.Qualifier) bool { return oneOfFiles[q.Name] }) {
		return nil, nil
	}
	rank := ql.Rank(s.Words, true)
	defer v.spent(&rank.Budget)
	var all []hit
	for _, r := range v.Repos {
		if r.SCM != host || !v.open(r) || !wants(r) {
			continue
		}
		ok, err := v.holds(s.Quals, r)
		if err != nil {
			return nil, err
		}
		if !ok {
			continue
		}
		files := v.Files(r)
		for i := range files {
			f := &files[i]
			if rank.Budget.Spend(s.Without.Cost(len(f.Content))) && fileQualifies(s.Quals, f) && s.Free(f.Text()) && rank.Add(len(all), searched(s.Quals, f)) {
				all = append(all, hit{r, f, -1, -1})
			}
		}
	}
	if rank.Budget.Gone() {
		return nil, errSearchTime
	}
	out := make([]hit, 0, len(all))
	for _, i := range rank.Top(0, len(all)) {
		out = append(out, locate(all[i], s.Words))
	}
	return out, nil
}

// oneOfFiles are the qualifiers that are about files.
var oneOfFiles = map[string]bool{"path": true, "filename": true, "extension": true, "ext": true}

// named reports whether there is a repository owner/name.
func (v *view) named(host world.SCM, fullName string) bool {
	return slices.ContainsFunc(v.Repos, func(r *world.Repo) bool {
		return r.SCM == host && strings.EqualFold(fullName, r.FullName()) && v.open(r)
	})
}

// holds applies the qualifiers that are about a file's repository.
func (v *view) holds(quals []ql.Qualifier, r *world.Repo) (bool, error) {
	for _, q := range quals {
		ok := !q.Not
		switch q.Name {
		case "repo":
			if r.SCM == world.GitHub && !q.Not && !v.named(r.SCM, q.Value) {
				return false, errNotSearchable
			}
			ok = strings.EqualFold(q.Value, r.FullName()) || r.SCM == world.Bitbucket && strings.EqualFold(q.Value, r.Name)
		case "org", "user":
			if !strings.EqualFold(q.Value, v.Org.Slug) && !q.Not {
				return false, errNotSearchable
			}
			ok = strings.EqualFold(q.Value, r.Owner)
		case "project":
			ok = strings.EqualFold(q.Value, r.Project.Key)
		case "language", "lang":
			ok = strings.EqualFold(q.Value, r.Language)
		case "is":
			ok = strings.EqualFold(q.Value, visibility(r))
		}
		if ok == q.Not {
			return false, nil
		}
	}
	return true, nil
}

func fileQualifies(quals []ql.Qualifier, f *world.File) bool {
	for _, q := range quals {
		path, value := strings.ToLower(f.Path), strings.ToLower(strings.Trim(q.Value, "/"))
		ok := !q.Not
		switch q.Name {
		case "path":
			ok = pathMatches(path, value)
		case "filename":
			ok = strings.Contains(base(path), value) || ql.Like(base(path), value, '*', '?', 0)
		case "extension", "ext":
			ok = strings.HasSuffix(path, "."+strings.TrimPrefix(value, "."))
		case "size":
			ok, _ = ql.Size(q.Value, len(f.Content))
		}
		if ok == q.Not {
			return false
		}
	}
	return true
}

func pathMatches(path, value string) bool {
	if strings.Contains(value, "*") {
		return ql.Like(path, value, '*', '?', 0) || ql.Like(path, "*"+value, '*', '?', 0)
	}
	return strings.Contains(path, value)
}

// searched is what a search looks at of a file: path and content, unless in: names
// one of them.
func searched(quals []ql.Qualifier, f *world.File) string {
	for _, q := range quals {
		if q.Name == "in" && q.Value == "file" {
			return f.Text()[len(f.Path):]
		}
		if q.Name == "in" && q.Value == "path" {
			return f.Text()[:len(f.Path)]
		}
	}
	return f.Text()
}

// locate finds the first word that occurs in the content.
func locate(h hit, terms ql.Terms) hit {
	body := h.file.Text()[len(h.file.Path)+1:]
	if len(body) != len(h.file.Content) {
		return h // lower-casing keeps offsets only in ASCII text
	}
	for i := range terms {
		if from, to := terms[i].Find(body, 0); from >= 0 {
			h.from, h.to = from, to
			return h
		}
	}
	return h
}

// lines returns the lines around the match and the number of the first.
func (h hit) lines() (int, []string) {
	at := max(h.from, 0)
	start := strings.LastIndexByte(h.file.Content[:at], '\n') + 1
	first := strings.Count(h.file.Content[:start], "\n") + 1
	rest := h.file.Content[start:]
	all := strings.SplitN(rest[:min(len(rest), maxFragment)], "\n", 4)
	return first, all[:min(len(all), 3)]
}

func (h hit) fragment() string {
	_, lines := h.lines()
	return strings.Join(lines, "\n")
}

// match is the text that matched as the file spells it.
func (h hit) match() string {
	if h.from < 0 {
		return h.file.Path
	}
	return h.file.Content[h.from:h.to]
}

func visibility(r *world.Repo) string {
	if r.Private {
		return "private"
	}
	return "public"
}

// nodeID is GitHub's global id: a kind and MessagePack of [0, id].
func nodeID(kind string, id int) string {
	const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_" // base64url
	message := (0x9200ce<<32 | uint64(uint32(id))) << 4                               // 56 bits to 60
	b := make([]byte, 10)
	for i := range b {
		b[i] = digits[message>>(54-6*i)&63]
	}
	return kind + "_" + string(b)
}

// commits returns up to n commits and the one before the last, nil for none.
func (v *view) commits(r *world.Repo, n int) ([]*world.Pull, *world.Pull) {
	list := v.Commits(r, n+1, v.now)
	if len(list) > n {
		return list[:n], list[n]
	}
	return list, nil
}

// writeCommit writes the members that a commit has on every host.
func writeCommit(w *guest.Writer, v *view, c, parent *world.Pull) {
	merged, _ := c.Merged(v.now)
	w.Key("sha").Str(c.SHA).Key("short_sha").Str(c.SHA[:8])
	w.Key("author").Obj().Key("name").Str(c.Author.Name).Key("email").Str(c.Author.Email)
	stamp(w, "date", c.Created, githubTime).End()
	w.Key("committer").Obj()
	if c.Repo.SCM == world.GitHub {
		w.Key("name").Str("GitHub").Key("email").Str("noreply@github.com")
	} else {
		w.Key("name").Str(c.Merger.Name).Key("email").Str(c.Merger.Email)
	}
	stamp(w, "date", merged, githubTime).End()
	w.Key("message").Str(c.Message()).Key("parents").Arr()
	if parent != nil {
		w.Obj().Key("sha").Str(parent.SHA).End()
	}
	w.End()
}

func next(list []*world.Pull, i int, last *world.Pull) *world.Pull {
	if i+1 < len(list) {
		return list[i+1]
	}
	return last
}
