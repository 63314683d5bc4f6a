package enterprise

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/killdeer-mcp/killdeer/persona/world"
	"github.com/killdeer-mcp/killdeer/sdk/guest"
)

const (
	maxPerPage    = 100
	maxFragment   = 400 // bytes of a code search excerpt
	errNotFound   = refusal("Not Found")
	maxCodeResult = 100
)

// found is a repository that a search matched.
type found struct {
	*world.Repo
	pushed time.Time
}

// repositories returns those of a code host that match, most recently changed first.
func (v *view) repositories(host world.SCM, query string) []found {
	owner, lang, topic := "", "", ""
	ws := parseWords(query, func(name, value string) bool {
		switch name {
		case "org", "user":
			owner = value
		case "language":
			lang = value
		case "topic":
			topic = value
		case "in", "sort", "archived", "fork":
		default:
			return false
		}
		return true
	})
	var out []found
	for _, r := range v.Repos {
		if r.SCM != host || !v.open(r) || owner != "" && !strings.EqualFold(owner, r.Owner) || lang != "" && !strings.EqualFold(lang, r.Language) {
			continue
		}
		text := strings.ToLower(r.FullName() + " " + r.Description + " " + strings.Join(r.Topics, " "))
		if ws.in(text) && (topic == "" || slices.Contains(r.Topics, topic)) {
			out = append(out, found{r, v.Pushed(r, v.now)})
		}
	}
	slices.SortStableFunc(out, func(a, b found) int { return cmp.Compare(b.pushed.Unix(), a.pushed.Unix()) })
	return out
}

// hit is a file that a code search matched, and where.
type hit struct {
	repo *world.Repo
	file *world.File
	from int // of the first word's first match in the content, -1 when only the path matched
	to   int
}

// code searches the files of a code host. Only wants says which repositories.
func (v *view) code(host world.SCM, query string, wants func(*world.Repo) bool) []hit {
	repo, path, ext := "", "", ""
	ws := parseWords(query, func(name, value string) bool {
		switch name {
		case "repo":
			repo = value
		case "path", "filename", "file":
			path = value
		case "extension", "ext":
			ext = "." + value
		case "org", "user", "in", "language":
		default:
			return false
		}
		return true
	})
	if len(ws) == 0 && path == "" && ext == "" {
		return nil
	}
	var out []hit
	for _, r := range v.Repos {
		if r.SCM != host || !v.open(r) || !wants(r) || repo != "" && repo != strings.ToLower(r.FullName()) && repo != r.Name {
			continue
		}
		files := v.Files(r)
		for i := range files {
			f := &files[i]
			if ws.in(f.Text()) && strings.Contains(strings.ToLower(f.Path), path) && strings.HasSuffix(strings.ToLower(f.Path), ext) {
				out = append(out, locate(r, f, ws))
			}
		}
	}
	return out
}

func locate(r *world.Repo, f *world.File, ws words) hit {
	body := f.Text()[len(f.Path)+1:]
	for _, word := range ws {
		// Lower-casing keeps offsets only in ASCII text.
		if i := strings.Index(body, word); i >= 0 && len(body) == len(f.Content) {
			return hit{r, f, i, i + len(word)}
		}
	}
	return hit{r, f, -1, -1}
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
