// Package imitate writes a persona file that answers as a server did while it was
// exercised: the server's own words for what it offers, and templates made of
// samples of its answers.
//
// What a server computes cannot be imitated, and is listed. Values that look like
// credentials become honeytokens. The package starts and calls nothing, and what it
// writes is checked by whoever loads it.
package imitate

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/killdeer-mcp/killdeer/audit/evidence"
	"github.com/killdeer-mcp/killdeer/sdk"
	"github.com/killdeer-mcp/killdeer/sdk/guest"
)

// What is kept of a server.
const (
	maxSamples = 8        // of one tool, prompt or resource
	maxSample  = 48 << 10 // bytes of one
	maxFile    = 1 << 20  // bytes of the persona file
)

// Options say what to write.
type Options struct {
	ID      string            // of the persona; empty: made of the server's name
	From    string            // where it was found, behind its name in the first line of the file
	Planted []evidence.Canary // values that are no secrets of the server's, and must not go into the file
}

// Result is a persona file, and what it lacks.
type Result struct {
	File    []byte
	Missing []string // in the order of the server's lists
}

// imitation is one server on its way into a file.
type imitation struct {
	Options
	pass    *evidence.Pass
	out     bytes.Buffer
	secrets *secrets
	id      string
	delay   string // of the tool that is being written
	missing []string
}

// Write makes a persona file of a pass. More are passes in which the client was able
// to do more: what only they list is told, and left out.
func Write(p *evidence.Pass, more []*evidence.Pass, o Options) (*Result, error) {
	if len(p.Catalog) == 0 || p.Server == nil {
		return nil, fmt.Errorf("the server offered nothing that could be imitated: %s", strings.Join(p.Faults, "; "))
	}
	im := &imitation{Options: o, pass: p, secrets: newSecrets(o.Planted)}
	lists := p.Catalog[0]
	im.identity()
	im.capabilities()
	for _, t := range lists.Tools {
		im.tool(t)
	}
	for _, r := range lists.Resources {
		im.resource(r)
	}
	for _, t := range lists.Templates {
		im.template(t)
	}
	for _, pr := range lists.Prompts {
		im.prompt(pr)
	}
	for _, other := range more {
		im.onlyWith(lists, other)
	}
	im.conduct()
	if im.out.Len() > maxFile {
		return nil, fmt.Errorf("the server offers too much: the persona file would be %d bytes, at most %d", im.out.Len(), maxFile)
	}
	return &Result{im.out.Bytes(), im.missing}, nil
}

// lacks notes what cannot be imitated.
func (im *imitation) lacks(format string, args ...any) {
	if text := fmt.Sprintf(format, args...); !slices.Contains(im.missing, text) {
		im.missing = append(im.missing, text)
	}
}

var notInID = regexp.MustCompile(`[^a-z0-9]+`)

// identity writes the head of the file.
func (im *imitation) identity() {
	server, _ := guest.ParseObject(im.pass.Server)
	id := cmp.Or(im.ID, notInID.ReplaceAllString(strings.ToLower(server.Str("name")), "-"))
	id = strings.Trim(id[:min(len(id), 32)], "-")
	for line := range strings.SplitSeq("An imitation of "+server.Str("name")+" "+server.Str("version")+cmp.Or(im.From, ".")+"\nWritten by \"killdeer persona clone\": look through it before it is shown to anybody.", "\n") {
		fmt.Fprintf(&im.out, "# %s\n", printable(line))
	}
	im.id = cmp.Or(id, "clone")
	im.set("id", im.id)
	im.set("version", "1.0.0")
	if im.pass.Instructions != "" {
		im.set("instructions", im.secrets.described(im.pass.Instructions))
	}
	for _, name := range server.Keys() {
		switch name {
		case "name", "version", "title":
		default:
			im.lacks("serverInfo.%s: a sensor shows name, title and version", name)
		}
	}
	im.server(server)
}

// server is kept for after the capabilities: a table ends the keys before it.
func (im *imitation) server(server guest.Object) {
	im.flags()
	fmt.Fprintf(&im.out, "\n[server]\n")
	im.set("name", server.Str("name"))
	if title := server.Str("title"); title != "" {
		im.set("title", title)
	}
	im.set("version", cmp.Or(server.Str("version"), "1.0.0"))
}

// flags writes the capabilities that are keys of the file.
func (im *imitation) flags() {
	c, _ := guest.ParseObject(im.pass.Capabilities)
	if c.Has("completions") {
		im.line("completions", "true")
	}
	if c.Has("logging") {
		im.line("logging", "true")
	}
	if c.Object("resources").Bool("subscribe") {
		im.line("subscribe", "true")
	}
	var changes []string
	for _, list := range []string{"tools", "resources", "prompts"} {
		if c.Object(list).Bool("listChanged") {
			changes = append(changes, quoted(list))
		}
	}
	if changes != nil {
		im.line("list_changed", "["+strings.Join(changes, ", ")+"]")
	}
}

// capabilities tells those that a sensor does not have.
func (im *imitation) capabilities() {
	c, _ := guest.ParseObject(im.pass.Capabilities)
	for _, name := range c.Keys() {
		if !slices.Contains([]string{"tools", "resources", "prompts", "completions", "logging"}, name) {
			im.lacks("capability %q", name)
		}
	}
}

// onlyWith tells what a server offers to clients that can do more.
func (im *imitation) onlyWith(lists evidence.Catalog, other *evidence.Pass) {
	if len(other.Catalog) == 0 {
		return
	}
	has := map[string]bool{}
	for _, t := range lists.Tools {
		has[nameOf(t, "name")] = true
	}
	for _, t := range other.Catalog[0].Tools {
		if name := nameOf(t, "name"); !has[name] {
			im.lacks("tool %s: shown only to clients that have roots, sampling or elicitation", name)
		}
	}
}

// conduct tells what the server did beside answering.
func (im *imitation) conduct() {
	for _, n := range im.pass.Notifications {
		if n.Method == "notifications/message" || n.Method == "notifications/progress" || strings.HasSuffix(n.Method, "/updated") {
			im.lacks("%s: what is sent beside answers", n.Method)
		}
	}
	for _, r := range im.pass.Requests {
		im.lacks("%s: what the server asks of its client", r.Method)
	}
	for _, s := range im.pass.Skipped {
		im.lacks("%s %s: not all of it was tried: %s", s.Kind, s.Name, s.Reason)
	}
	for _, f := range im.pass.Faults {
		im.lacks("%s", f)
	}
}

func nameOf(raw []byte, key string) string {
	o, _ := guest.ParseObject(raw)
	return o.Str(key)
}

// definition writes an MCP object as the server gave it, but for secrets.
func (im *imitation) definition(raw []byte) {
	described := rewrite(raw, im.secrets.described)
	var b bytes.Buffer
	if json.Indent(&b, described, "", "  ") != nil {
		b.Reset()
		b.Write(described)
	}
	im.set("definition", b.String())
}

func (im *imitation) tool(raw []byte) {
	o, err := guest.ParseObject(raw)
	name := o.Str("name")
	if err != nil || name == "" {
		im.lacks("a tool without a name")
		return
	}
	fmt.Fprintf(&im.out, "\n[[tool]]\n")
	im.definition(raw)
	im.set("service", im.id)
	class := "write"
	if o.Object("annotations").Bool("readOnlyHint") {
		class = "read"
	}
	im.set("class", class)
	all := im.samples("tool", name)
	im.pace(all)
	im.answers("tool", "tool "+name, o.Object("inputSchema").Object("properties"), all, func(s *sample) error { return s.tool(im) })
}

func (im *imitation) resource(raw []byte) {
	uri := nameOf(raw, "uri")
	if uri == "" {
		im.lacks("a resource without a URI")
		return
	}
	fmt.Fprintf(&im.out, "\n[[resource]]\n")
	im.definition(raw)
	im.answers("resource", "resource "+uri, guest.Object{}, im.samples("resource", uri), func(s *sample) error { return s.resource(im) })
}

func (im *imitation) template(raw []byte) {
	uri := nameOf(raw, "uriTemplate")
	if uri == "" {
		im.lacks("a resource template without a URI template")
		return
	}
	fmt.Fprintf(&im.out, "\n[[resource_template]]\n")
	im.definition(raw)
	im.completions(uri)
	all := im.samples("template", uri)
	for _, s := range all {
		s.spelled = variables(uri, s.args.Str("uri"))
	}
	im.answers("resource_template", "resource template "+uri, guest.Object{}, all, func(s *sample) error { return s.resource(im) })
}

func (im *imitation) prompt(raw []byte) {
	o, _ := guest.ParseObject(raw)
	name := o.Str("name")
	if name == "" {
		im.lacks("a prompt without a name")
		return
	}
	fmt.Fprintf(&im.out, "\n[[prompt]]\n")
	im.definition(raw)
	im.completions(name)
	var args guest.Writer
	args.Obj()
	_ = guest.Elements(o.Raw("arguments"), func(v []byte) { args.Key(nameOf(v, "name")).Obj().End() })
	properties, _ := guest.ParseObject(args.End().Bytes())
	im.answers("prompt", "prompt "+name, properties, im.samples("prompt", name), func(s *sample) error { return s.prompt(im) })
}

// completions writes the values that the server offered for arguments.
func (im *imitation) completions(name string) {
	values := map[string][]string{}
	var names []string
	for _, c := range im.pass.Calls {
		if c.Kind != "completion" || c.Name != name || c.Outcome != "ok" {
			continue
		}
		args, _ := guest.ParseObject(c.Args)
		argument := args.Object("argument").Str("name")
		result, _ := guest.ParseObject(c.Result)
		found := guest.Strings(result.Object("completion").Raw("values"))
		if len(found) == 0 {
			continue
		}
		if values[argument] == nil {
			names = append(names, argument)
		}
		for _, v := range found {
			if !slices.Contains(values[argument], v) {
				values[argument] = append(values[argument], v)
			}
		}
	}
	if names == nil {
		return
	}
	var pairs []string
	for _, n := range names {
		list := make([]string, len(values[n]))
		for i, v := range values[n] {
			list[i] = quoted(v)
		}
		pairs = append(pairs, quoted(n)+" = ["+strings.Join(list, ", ")+"]")
	}
	im.line("complete", "{ "+strings.Join(pairs, ", ")+" }")
	im.lacks("completions of %s: those that were offered for an empty value", name)
}

// samples are the calls of one thing that came to something, those that succeeded
// first.
func (im *imitation) samples(kind, name string) []*sample {
	var all []*sample
	for _, c := range im.pass.Calls {
		if c.Kind != kind || c.Name != name || c.Outcome == "timeout" || c.Outcome == "closed" || c.Outcome == "too_large" {
			continue
		}
		if len(c.Result) > maxSample {
			im.lacks("%s %s: an answer of %d bytes", kind, name, len(c.Result))
			continue
		}
		args, err := guest.ParseObject(c.Args)
		if err != nil && len(c.Args) > 0 {
			continue
		}
		all = append(all, &sample{call: c, args: args})
	}
	slices.SortStableFunc(all, func(a, b *sample) int { return cmp.Compare(rank(a.call), rank(b.call)) })
	return all
}

// rank puts the best samples first: those that succeeded with all arguments.
func rank(c *evidence.Call) int {
	switch {
	case c.Outcome == "ok" && c.Case == "full":
		return 0
	case c.Outcome == "ok":
		return 1
	case c.Outcome == "tool_error":
		return 2
	}
	return 3
}

// pace writes how long the server took.
func (im *imitation) pace(all []*sample) {
	low, high := int64(0), int64(0)
	for _, s := range all {
		if took := (s.call.To - s.call.From) / 1e6; s.call.To > 0 && s.call.Outcome == "ok" {
			if low == 0 || took < low {
				low = took
			}
			high = max(high, took)
		}
	}
	im.delay = ""
	if high > 0 {
		im.delay = fmt.Sprintf("[%d, %d]", min(low, 20_000), min(high, 20_000))
	}
}

// errUnusable is of samples that no answer can be made of.
var errUnusable = errors.New("its answer is none that MCP has")

// rawOf is a member of a result as it stands, nil when it is absent or null.
func rawOf(o guest.Object, key string) sdk.RawJSON {
	if !o.Has(key) {
		return nil
	}
	return o.Raw(key)
}
