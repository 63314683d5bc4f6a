package judge

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/killdeer-mcp/killdeer/audit/evidence"
	"github.com/killdeer-mcp/killdeer/audit/judge/wording"
	"github.com/killdeer-mcp/killdeer/sdk"
)

// surface is what a server offers, by kind and name: "tool add", "prompt greet",
// "instructions".
type surface map[string]string

// surfaceOf writes a catalog so that two equal ones are equal: no order of lists
// or keys, and only what a client is shown.
func surfaceOf(cat evidence.Catalog, plain func(string) string) surface {
	s := surface{}
	for kind, list := range map[string][]sdk.RawJSON{"tool": cat.Tools, "resource": cat.Resources, "template": cat.Templates, "prompt": cat.Prompts} {
		for _, raw := range list {
			s[kind+" "+nameIn(raw)] += plain(string(canonical(raw))) + "\n"
		}
	}
	return s
}

// canonical is a JSON value with sorted keys and without blanks.
func canonical(raw []byte) []byte {
	var v any
	if json.Unmarshal(raw, &v) != nil {
		return raw
	}
	b, err := json.Marshal(v)
	if err != nil {
		return raw
	}
	return b
}

func hash(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

var clockText = regexp.MustCompile(`\b\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2})?(?:\.\d+)?(?:Z|[+-]\d{2}:?\d{2})?)?|\b\d{1,2}:\d{2}(?::\d{2})?\b|\b(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day\b|\b(?:January|February|March|April|May|June|July|August|September|October|November|December) \d{1,2}(?:, \d{4})?|\b\d{10,13}\b`)

// timeless takes the clock out of a text.
func timeless(s string) string { return clockText.ReplaceAllString(s, "(time)") }

// judgeSessions compares the lists of one session, and those of the passes.
func (c *court) judgeSessions() {
	for _, p := range c.passes {
		for i := 1; i < len(p.Catalog); i++ {
			c.inSession(p, p.Catalog[i-1], p.Catalog[i])
		}
	}
	if len(c.passes) == 0 {
		return
	}
	base := c.passes[0]
	for _, p := range c.passes[1:] {
		switch p.Name {
		case "D":
			c.between(base, p, "AUD-M05", "for the client "+quote(p.Client))
		case "E":
			c.between(base, p, "AUD-E02", "without a tracer")
		case "C":
			c.between(base, p, "AUD-E03", "with a clock that runs ahead")
		default:
			c.between(base, p, "AUD-M04", "after a restart")
		}
	}
}

// inSession reports what changed from one list to the next. Something new or gone
// is no drift if the server announced it, and a call that says so brought it about.
func (c *court) inSession(p *pass, before, after evidence.Catalog) {
	if len(after.Errors) > 0 || len(before.Errors) > 0 {
		return // a list that failed is no empty one
	}
	old, now := surfaceOf(before, timeless), surfaceOf(after, timeless)
	toggled := c.toggled(p, before.After, after.After)
	for _, k := range changed(old, now) {
		was, is := old[k], now[k]
		if kind, _, _ := strings.Cut(k, " "); kind == "resource" && (was == "" || is == "") {
			continue // resources come and go with what they are made of
		}
		f := sdk.Finding{ID: "AUD-M04", Object: k}
		switch {
		case was != "" && is != "":
			f.Title = "changes its definition within a session"
			f.Evidence = difference(was, is)
		case toggled:
			c.ignored["announced change"]++
			continue
		case was == "":
			f.Title, f.Evidence = "appears within a session, unannounced by what was called", []string{"after " + fmt.Sprint(after.After) + " calls"}
		default:
			f.Title, f.Evidence = "disappears within a session", []string{"after " + fmt.Sprint(after.After) + " calls"}
		}
		_, f.Tool, _ = strings.Cut(k, " ")
		c.report(p, moment{phase: after.Phase, at: p.during(after.Phase, 0).at}, f)
	}
}

// toggled reports whether the server announced another list, and a tool that says
// that it changes the list was called, between two lists.
func (c *court) toggled(p *pass, from, to int) bool {
	announced := slices.ContainsFunc(p.Notifications, func(r evidence.Request) bool { return strings.HasSuffix(r.Method, "/list_changed") })
	if !announced {
		return false
	}
	if _, all := c.says.server.scopes[wording.Switch]; all {
		return true
	}
	for i, call := range p.Calls {
		if call == nil || i < from || i >= max(to, from+1) || call.Kind != "tool" {
			continue
		}
		if t := c.says.tools[call.Name]; t != nil {
			if _, ok := t.scopes[wording.Switch]; ok {
				return true
			}
		}
	}
	return false
}

// between compares the first lists of two passes. Homes, planted values and the
// clock differ between them.
func (c *court) between(base, p *pass, id, when string) {
	if len(base.Catalog) == 0 || len(p.Catalog) == 0 || len(base.Catalog[0].Errors)+len(p.Catalog[0].Errors) > 0 {
		return
	}
	plain := func(of *pass) func(string) string {
		return func(s string) string {
			s = timeless(c.redact.plain.Replace(s))
			if of.Home != "" && of.Home != "/" {
				s = strings.ReplaceAll(s, of.Home, "~")
			}
			return digits.ReplaceAllString(s, "#")
		}
	}
	old, now := surfaceOf(base.Catalog[0], plain(base)), surfaceOf(p.Catalog[0], plain(p))
	old["instructions"], now["instructions"] = plain(base)(base.Instructions), plain(p)(p.Instructions)
	for _, k := range changed(old, now) {
		kind, name, _ := strings.Cut(k, " ")
		if kind == "resource" && (old[k] == "" || now[k] == "") && id != "AUD-M05" {
			continue
		}
		f := sdk.Finding{ID: id, Tool: name, Object: k, Title: "is defined otherwise " + when, Evidence: difference(old[k], now[k])}
		switch {
		case old[k] == "":
			f.Title = "is only there " + when
		case now[k] == "":
			f.Title = "is not there " + when
		}
		c.report(p, p.during(evidence.List, 0), f)
	}
}

var digits = regexp.MustCompile(`\d+`)

// changed are the names under which two surfaces differ, sorted.
func changed(a, b surface) (all []string) {
	for _, k := range sortedKeys(a) {
		if a[k] != b[k] {
			all = append(all, k)
		}
	}
	for _, k := range sortedKeys(b) {
		if _, ok := a[k]; !ok && b[k] != "" {
			all = append(all, k)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// difference shows the first place where two texts differ.
func difference(was, is string) []string {
	i := 0
	for i < len(was) && i < len(is) && was[i] == is[i] {
		i++
	}
	from := max(0, i-30)
	part := func(s string) string {
		return "“" + wording.Visible(strings.ToValidUTF8(s[min(from, len(s)):min(len(s), i+90)], "")) + "”"
	}
	return []string{"was " + part(was), "is " + part(is)}
}
