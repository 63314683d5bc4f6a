package persona

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"

	"github.com/killdeer-mcp/killdeer/internal/tomltext"
	"github.com/killdeer-mcp/killdeer/persona/toml"
	"github.com/killdeer-mcp/killdeer/sdk"
	"github.com/killdeer-mcp/killdeer/sdk/guest"
)

// MaxTOML is the largest persona file, in bytes.
const MaxTOML = 1 << 20

// ParseTOML reads a persona file, see docs/personas-toml.md, and returns it as the
// configuration of the guest that answers by such files, see [Configured]. The error
// names file and line of all that is wrong with it.
func ParseTOML(file string, text []byte) (config []byte, err error) {
	if len(text) > MaxTOML {
		return nil, fmt.Errorf("%s: %d bytes, at most %d", file, len(text), MaxTOML)
	}
	tree, lines, err := tomltext.Parse(string(text))
	if se, ok := errors.AsType[*tomltext.SyntaxError](err); ok {
		return nil, fmt.Errorf("%s:%d: %s", file, se.Line, se.Msg)
	} else if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	r := &tomlReader{file: file, lines: lines}
	f := r.persona(&tomlTable{r: r, in: tree})
	if err := r.err(); err != nil {
		return nil, err
	}
	if r.describable(f); len(r.faults) > 0 {
		return nil, r.err()
	}
	return json.Marshal(f)
}

// describable looks at what the file makes the guest describe as a host does.
func (r *tomlReader) describable(f *toml.File) {
	if err := checkPlaceholders(f.Describe, ""); err != nil {
		r.add("", "%v", err)
		return
	}
	var p wirePersona
	if err := json.Unmarshal(f.Describe, &p); err != nil {
		r.add("", "%v", err)
		return
	}
	l := &loaded{company: 1, mint: newMint(nil, p.ID, 1)}
	if _, err := p.description(l.expander("", "")); err != nil {
		r.add(entryOf(err.Error()), "%v", err)
	}
}

var describedEntry = regexp.MustCompile(`^(tool|resource|resource_template|prompt)s\[(\d+)\]`)

// entryOf is the path in the file of what a describe error is about.
func entryOf(fault string) string {
	m := describedEntry.FindStringSubmatch(fault)
	if m == nil {
		return ""
	}
	n, err := strconv.Atoi(m[2])
	if err != nil {
		return ""
	}
	return tomltext.EntryPath(m[1], n)
}

// persona reads the whole file. The describe document is written on the way, in the
// order in which servers write theirs.
func (r *tomlReader) persona(t *tomlTable) *toml.File {
	f := &toml.File{
		ID: t.required("id"), Version: t.required("version"), Tools: map[string]*toml.Offer{}, Resources: map[string]*toml.Offer{},
		Templates: map[string]*toml.Offer{}, Prompts: map[string]*toml.Offer{}, Services: map[string]*toml.Service{},
	}
	if f.ID != "" && !personaID.MatchString(f.ID) {
		t.fault("id", "want 1 to 32 of a-z, 0-9 and '-'")
	}
	var w guest.Writer
	w.Obj().Key("id").Str(f.ID).Key("prepare").Bool(true)
	r.identity(t, &w)
	info := guest.Writer{}
	info.Obj()
	w.Key("tools").Arr()
	for _, tool := range t.list("tool") {
		r.tool(tool, f, &w, &info)
	}
	w.End().Key("tool_info").Raw(info.End().Bytes())
	w.Key("resources").Arr()
	updates := guest.Writer{}
	updates.Obj()
	for _, resource := range t.list("resource") {
		r.resource(resource, f, &w, &updates)
	}
	w.End().Key("updates").Raw(updates.End().Bytes())
	w.Key("resource_templates").Arr()
	for _, template := range t.list("resource_template") {
		r.template(template, f, &w)
	}
	w.End().Key("prompts").Arr()
	for _, prompt := range t.list("prompt") {
		r.prompt(prompt, f, &w)
	}
	w.End()
	r.services(t, f, &w)
	r.routes(t, &w)
	t.done()
	f.Describe = w.End().Bytes()
	return f
}

// identity reads what is said of the server as a whole.
func (r *tomlReader) identity(t *tomlTable, w *guest.Writer) {
	w.Key("server").Obj()
	if s := t.table("server"); s != nil {
		w.Key("name").Str(s.required("name")).Key("version").Str(s.required("version"))
		if title := s.text("title"); title != "" {
			w.Key("title").Str(title)
		}
		s.done()
	} else {
		r.add("", `[server] with name and version is missing: what clients see`)
	}
	w.End()
	for _, key := range []string{"instructions", "grain"} {
		if v := t.text(key); v != "" {
			w.Key(key).Str(v)
		}
	}
	for _, key := range []string{"completions", "logging", "subscribe"} {
		if t.boolean(key) {
			w.Key(key).Bool(true)
		}
	}
	if list := t.texts("list_changed"); list != nil {
		w.Key("list_changed").Arr()
		for _, l := range list {
			w.Str(l)
		}
		w.End()
	}
	s := t.table("fallback")
	if s == nil {
		return
	}
	w.Key("fallback").Obj().Key("text").Str(s.required("text"))
	if span := s.milliseconds("delay_ms"); span != nil {
		w.Key("delay_ms").Arr().Int(span[0]).Int(span[1]).End()
	}
	w.End()
	s.done()
}

// services reads how what is behind the tools behaves.
func (r *tomlReader) services(t *tomlTable, f *toml.File, w *guest.Writer) {
	names, tables := t.named("service")
	w.Key("upstreams").Obj()
	for _, name := range names {
		s := tables[name]
		made := &toml.Service{Limited: s.template("limited", nil)}
		w.Key(name).Obj().Key("latency_ms").Int(s.integer("latency_ms")).Key("per_minute").Int(s.integer("per_minute")).End()
		if s.has("per_minute") && made.Limited == "" {
			s.fault("per_minute", `needs "limited", the text with which the service refuses; {{.retry_after}} is in seconds`)
		}
		if fails := s.table("fails"); fails != nil {
			made.OneIn, made.Text = fails.integer("one_in"), fails.template("text", nil)
			if span := fails.milliseconds("delay_ms"); span != nil {
				made.DelayMS = span[1]
			}
			if made.OneIn < 1 || made.Text == "" {
				r.add(fails.at, "want one_in, of how many calls one fails, and its text")
			}
			fails.done()
		}
		f.Services[name] = made
		s.done()
	}
	w.End()
}

// routes reads pages beside MCP.
func (r *tomlReader) routes(t *tomlTable, w *guest.Writer) {
	of := t.table("routes")
	if of == nil {
		return
	}
	w.Key("routes").Obj()
	for path := range of.in {
		if body := of.json(path, '{'); body != nil {
			w.Key(path).Raw(body)
		}
	}
	w.End()
}

// template is a text that is one: it is looked at with the arguments that it may use.
func (t *tomlTable) template(key string, args []string) string {
	text := t.text(key)
	t.checkTemplate(key, text, args)
	return text
}

func (t *tomlTable) checkTemplate(key, text string, args []string) {
	if err := toml.Check(text, args); err != nil {
		t.fault(key, "%v", err)
	}
}

// definition is an MCP object: given whole, as JSON text, or by keys. Names are the
// object's members in their order; a key of the file may be spelled otherwise.
func (t *tomlTable) definition(members ...definedMember) sdk.RawJSON {
	if t.has("definition") {
		for _, m := range members {
			if t.has(m.key) {
				t.fault(m.key, "stands in the definition already: want one of them")
			}
			t.known = append(t.known, m.key)
		}
		return t.json("definition", '{')
	}
	t.known = append(t.known, "definition")
	return t.members(members...)
}

// members writes an MCP object by its keys.
func (t *tomlTable) members(members ...definedMember) sdk.RawJSON {
	var w guest.Writer
	w.Obj()
	for _, m := range members {
		switch m.opening {
		case 0:
			if text := t.text(m.key); t.has(m.key) {
				w.Key(m.name).Str(text)
			}
		case 't':
			if is := t.boolean(m.key); t.has(m.key) {
				w.Key(m.name).Bool(is)
			}
		default:
			if raw := t.json(m.key, m.opening); raw != nil {
				w.Key(m.name).Raw(raw)
			}
		}
	}
	return w.End().Bytes()
}

// definedMember is a member of an MCP object; opening is 0 for a text, 't' for a
// boolean, else how its JSON begins.
type definedMember struct {
	key, name string
	opening   byte
}
