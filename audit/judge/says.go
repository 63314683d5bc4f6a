package judge

import (
	"encoding/json"
	"path"
	"slices"
	"strings"
	"unicode"

	"github.com/killdeer-mcp/killdeer/audit/evidence"
	"github.com/killdeer-mcp/killdeer/audit/judge/wording"
	"github.com/killdeer-mcp/killdeer/sdk"
)

// says is everything a server declares, from the least trusted to the most: texts,
// annotations, documents, command line, policy.
type says struct {
	tools  map[string]*tool
	server *tool // what holds for all: instructions
	names  []string
	argv   []string // paths
	hosts  []string // of documents and the command line
	paths  []string // of documents
	env    []string
	allow  evidence.Allow
	whole  string          // every text
	known  []string        // hosts in all texts
	words  map[string]bool // answers of mentions
}

// tool is what one tool says of itself.
type tool struct {
	Name        string          `json:"name"`
	Title       string          `json:"title"`
	Description string          `json:"description"`
	Input       json.RawMessage `json:"inputSchema"`
	Output      json.RawMessage `json:"outputSchema"`
	Annotations struct {
		Title       string `json:"title"`
		ReadOnly    *bool  `json:"readOnlyHint"`
		Destructive *bool  `json:"destructiveHint"`
		OpenWorld   *bool  `json:"openWorldHint"`
	} `json:"annotations"`

	raw      sdk.RawJSON
	text     string // all of it that speaks to a reader
	scopes   map[wording.Scope]wording.Claim
	denies   map[wording.Scope]wording.Claim
	hosts    []string
	defaults []string        // values that its schemas propose, sorted
	proposes map[string]bool // definitions that those are of
	source   string
}

func parseTool(raw sdk.RawJSON) *tool {
	t := &tool{raw: raw, source: "description"}
	if json.Unmarshal(raw, t) != nil {
		// A tool with an odd field still has a name and texts.
		var loose map[string]json.RawMessage
		_ = json.Unmarshal(raw, &loose)
		_ = json.Unmarshal(loose["name"], &t.Name)
		_ = json.Unmarshal(loose["description"], &t.Description)
		t.Input = loose["inputSchema"]
	}
	return t
}

// understand takes the claims of a tool's texts.
func (t *tool) understand() {
	words := strings.ReplaceAll(strings.ReplaceAll(t.Name, "_", " "), "-", " ")
	t.read(strings.Join([]string{words, t.Title, t.Annotations.Title, t.Description}, ". "))
}

// propose takes what a schema proposes. Every list may have another one.
func (t *tool) propose(raw sdk.RawJSON, schema []byte) {
	if t.proposes == nil {
		t.proposes = map[string]bool{}
	}
	if t.proposes[string(raw)] {
		return
	}
	t.proposes[string(raw)] = true
	t.defaults = append(t.defaults, proposed(schema)...)
	slices.Sort(t.defaults)
	t.defaults = slices.Compact(t.defaults)
}

// maxUnderstood bounds the texts of all tools whose claims are read. A tool behind
// that claims nothing.
const maxUnderstood = 1 << 20

// read takes a text's claims.
func (t *tool) read(text string) {
	t.text = text
	t.scopes, t.denies = map[wording.Scope]wording.Claim{}, map[wording.Scope]wording.Claim{}
	for _, c := range wording.Claims(text) {
		if c.Not {
			t.denies[c.Scope] = c
		} else {
			t.scopes[c.Scope] = c
		}
	}
	t.hosts = wording.Hosts(text)
}

// proposed are the values that a schema proposes itself.
func proposed(schema []byte) (all []string) {
	var v any
	if json.Unmarshal(schema, &v) != nil {
		return nil
	}
	var walk func(any, int)
	walk = func(v any, depth int) {
		switch v := v.(type) {
		case map[string]any:
			for k, e := range v {
				if k == "default" || k == "enum" || k == "const" || k == "examples" {
					walkStrings(e, func(s string) { all = append(all, s) })
				}
				walk(e, depth+1)
			}
		case []any:
			for _, e := range v {
				walk(e, depth+1)
			}
		}
	}
	walk(v, 0)
	return all
}

// listen gathers what the server says of itself in the first pass that lists.
func listen(a *evidence.Audit, o Options) *says {
	s := &says{tools: map[string]*tool{}, server: &tool{source: "instructions"}, allow: o.Policy.Allow, words: map[string]bool{}}
	var instructions, texts []string
	left := maxUnderstood
	for _, p := range a.Passes {
		if p == nil {
			continue
		}
		instructions = append(instructions, p.Instructions)
		for _, cat := range p.Catalog {
			for _, raw := range cat.Tools {
				t := parseTool(raw)
				if first := s.tools[t.Name]; first != nil {
					first.propose(raw, t.Input)
					continue
				}
				s.tools[t.Name] = t
				t.propose(raw, t.Input)
				if left -= len(t.Description); left >= 0 {
					t.understand()
					texts = append(texts, t.text)
				}
			}
			for _, list := range [][]sdk.RawJSON{cat.Resources, cat.Templates} {
				for _, raw := range list {
					eachString(raw, func(v string) { s.hosts = append(s.hosts, hostOf(v)) })
				}
			}
		}
		s.names = append(s.names, nameWords(serverName(p.Server))...)
	}
	slices.Sort(instructions)
	s.server.read(strings.Join(slices.Compact(instructions), "\n"))
	s.whole = strings.Join(append(texts, s.server.text), "\n")
	s.known = wording.Hosts(s.whole)
	s.names = append(s.names, nameWords(a.Target.Name)...)
	s.names = append(s.names, nameWords(a.Target.Package)...)
	s.readArgv(a)
	for _, d := range o.Documents {
		s.readDocument(d)
	}
	return s
}

func serverName(raw sdk.RawJSON) string {
	var info struct{ Name string }
	_ = json.Unmarshal(raw, &info) // an odd one has no name
	return info.Name
}

func (s *says) readArgv(a *evidence.Audit) {
	for _, arg := range a.Target.Argv {
		if _, value, ok := strings.Cut(arg, "="); ok {
			arg = value
		}
		s.hosts = append(s.hosts, hostOf(arg))
		s.hosts = append(s.hosts, wording.Hosts(arg)...)
		if path.IsAbs(arg) && path.Clean(arg) != "/" {
			s.argv = append(s.argv, path.Clean(arg))
		}
	}
	s.env = append(s.env, a.Target.Env...)
}

// readDocument takes the hosts, paths and variables of a published document, in
// whatever form it has: server.json, an MCPB manifest, a permission profile.
func (s *says) readDocument(raw sdk.RawJSON) {
	var v any
	if json.Unmarshal(raw, &v) != nil {
		return
	}
	var walk func(key string, v any)
	walk = func(key string, v any) {
		switch v := v.(type) {
		case map[string]any:
			for k, e := range v {
				walk(k, e)
			}
		case []any:
			for _, e := range v {
				walk(key, e)
			}
		case string:
			switch {
			case key == "url" || key == "allow_host" || key == "allowHost" || key == "host":
				s.hosts = append(s.hosts, hostOf(v), strings.ToLower(v))
			case (key == "read" || key == "write") && path.IsAbs(v):
				s.paths = append(s.paths, path.Clean(v))
			case key == "name":
				s.env = append(s.env, v)
			}
		}
	}
	walk("", v)
}

// generic words say nothing about whose host it is.
var generic = map[string]bool{
	"server": true, "servers": true, "tools": true, "tool": true, "http": true, "https": true, "fetch": true, "test": true, "data": true, "file": true, "files": true,
	"time": true, "memory": true, "agent": true, "client": true, "local": true, "notes": true, "note": true, "node": true, "python": true, "modelcontextprotocol": true,
	"context": true, "model": true, "protocol": true, "code": true, "search": true, "browser": true, "helper": true, "utils": true, "simple": true, "demo": true,
	"example": true, "main": true, "index": true, "cloud": true, "weather": true, "format": true, "stats": true, "docs": true,
}

func nameWords(name string) (words []string) {
	for _, w := range strings.FieldsFunc(strings.ToLower(name), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
		if len(w) >= 4 && !generic[w] {
			words = append(words, w)
		}
	}
	return words
}

// ownName reports whether a path below a home is named after the server: its own
// dot folder, or one in .config.
func (s *says) ownName(inside string) bool {
	first, rest, _ := strings.Cut(inside, "/")
	if first == ".config" || first == ".local" {
		first = rest
	}
	first, _, _ = strings.Cut(strings.ToLower(first), "/")
	return slices.ContainsFunc(s.names, func(w string) bool { return strings.Contains(first, w) })
}

// registered is the label of a host's name that somebody chose, "" if it has none.
func registered(host string) string {
	labels := strings.Split(host, ".")
	if len(labels) < 2 || isAddr(host) {
		return ""
	}
	at := len(labels) - 2
	if at > 0 && slices.Contains([]string{"co", "com", "org", "net", "ac", "gov"}, labels[at]) {
		at--
	}
	return labels[at]
}

// ownHost reports whether a host's registered name is the server's own: a word of
// its name, or one that begins with a long word of it.
func (s *says) ownHost(host string) bool {
	label := registered(host)
	return label != "" && slices.ContainsFunc(s.names, func(w string) bool {
		return slices.Contains(strings.Split(label, "-"), w) || len(w) >= longWord && strings.HasPrefix(label, w)
	})
}

// houses are registered names of services that are called otherwise.
var houses = map[string]string{"amazonaws": "AWS", "googleapis": "Google", "githubusercontent": "GitHub", "fbcdn": "Facebook", "windows": "Azure", "atlassian": "Jira"}

// brand reports whether a tool's text names the house that a host belongs to, as a
// proper name: "Lists Stripe invoices" is about api.stripe.com.
func (s *says) brand(m moment, host string) bool {
	label := registered(host)
	if label == "" || generic[label] {
		return false
	}
	name := houses[label]
	if name == "" {
		if len(label) < 4 {
			return false
		}
		name = strings.ToUpper(label[:1]) + label[1:]
	}
	text := s.of(m).text + "\n" + s.server.text
	at := strings.Index(text, name)
	if at < 0 {
		return false
	}
	// The first word of a sentence is always written so.
	before := strings.TrimRight(text[:at], " ")
	return wording.Word(text[at:], name) && before != "" && !strings.ContainsAny(before[len(before)-1:], ".:!?\n")
}

const longWord = 6 // letters: shorter ones begin many names

// of returns what a tool says, and the server for what is no tool.
func (s *says) of(m moment) *tool {
	if m.call != nil && m.call.Kind == "tool" && s.tools[m.call.Name] != nil {
		return s.tools[m.call.Name]
	}
	return s.server
}

// claims reports whether the tool, or the server for all of it, claims a scope.
func (s *says) claims(m moment, scope wording.Scope) bool {
	t := s.of(m)
	if _, ok := t.denies[scope]; ok {
		return false
	}
	_, own := t.scopes[scope]
	_, all := s.server.scopes[scope]
	return own || all
}

// denied returns the claim by which a tool says that it does not touch a scope.
func (s *says) denied(m moment, scope wording.Scope) *sdk.Claim {
	t := s.of(m)
	for _, at := range []*tool{t, s.server} {
		if c, ok := at.denies[scope]; ok {
			return &sdk.Claim{Source: at.source, Quote: c.Quote}
		}
	}
	return nil
}

// closed returns the claim that a tool does not reach out.
func (s *says) closed(m moment) *sdk.Claim {
	if t := s.of(m); t.Annotations.OpenWorld != nil && !*t.Annotations.OpenWorld {
		return &sdk.Claim{Source: "annotations", Quote: "openWorldHint: false"}
	}
	return s.denied(m, wording.Net)
}

// mentions reports whether a tool's text, or the server's, has a word.
func (s *says) mentions(m moment, word string) bool {
	text, k := s.whole, word
	if m.call != nil {
		text, k = s.of(m).text+"\n"+s.server.text, m.tool()+"\x00"+word
	}
	yes, known := s.words[k]
	if !known {
		yes = wording.Word(text, word) || slices.Contains(s.names, word)
		if len(s.words) < maxAnswers {
			s.words[k] = yes
		}
	}
	return yes
}

const maxAnswers = 1 << 16 // that are remembered
