package judge

import (
	"fmt"
	"slices"
	"strings"

	"github.com/killdeer-mcp/killdeer/audit/evidence"
	"github.com/killdeer-mcp/killdeer/audit/judge/canary"
	"github.com/killdeer-mcp/killdeer/audit/judge/wording"
	"github.com/killdeer-mcp/killdeer/sdk"
)

// meantFor are the hosts that a planted value belongs to: a client of theirs sends
// it there and nowhere else.
var meantFor = map[string][]string{
	"file:.npmrc":                    {"registry.npmjs.org"},
	"file:.git-credentials":          {"github.com"},
	"file:.netrc":                    {"git.internal"},
	"file:.docker/config.json":       {"registry.internal"},
	"file:.aws/credentials":          {"amazonaws.com"},
	"file:.config/gh/hosts.yml":      {"github.com"},
	"file:.pypirc":                   {"pypi.org"},
	"file:.claude/.credentials.json": {"anthropic.com"},
	"env:AWS_SECRET_ACCESS_KEY":      {"amazonaws.com"},
	"env:GITHUB_TOKEN":               {"github.com"},

	"file:.config/gcloud/application_default_credentials.json": {"googleapis.com"},
}

// judgeCanaries follows what was planted: who read it, and where it went.
func (c *court) judgeCanaries(p *pass) {
	c.canaryReads(p)
	c.canaryNames(p)
	c.canaryFlows(p)
	c.canarySends(p)
	c.canaryResults(p)
	c.canaryTexts(p)
	c.canaryFiles(p)
}

// canaryReads reports planted files that were opened for reading, or given another
// name, without anybody asking. Only success counts.
func (c *court) canaryReads(p *pass) {
	for i := range p.seen {
		o := &p.seen[i]
		name := p.pathOf(o, p.dir)
		id := p.sources[name]
		if o.Ret < 0 || id == "" || !(o.Kind == sdk.ObservedOpen && o.Access.Read || o.Kind == sdk.ObservedLink || o.Kind == sdk.ObservedRename) {
			continue
		}
		m := p.when(o.MonoNS)
		w := c.pathWhy(p, m, o, name, inCanary, false)
		c.note(m.tool(), "reads "+id, w)
		if w != none {
			continue
		}
		p.add(m, "read "+id, false)
		c.report(p, m, sdk.Finding{
			ID: "AUD-C01", Title: "reads " + name + ", undeclared", Object: name, Syscall: o.Syscall, Processes: p.commands(o),
			Canary: p.match(id, "", "file"), Claim: c.says.denied(m, wording.Read), Evidence: []string{act(o, name)},
			Confidence: confidence(m),
		})
	}
}

// confidence is lower behind the reply of a call: it may have been started before.
func confidence(m moment) sdk.FindingConfidence {
	if m.late {
		return sdk.FindingCorrelated
	}
	return sdk.FindingObserved
}

func (p *pass) match(id, encoding, where string) *sdk.CanaryMatch {
	return &sdk.CanaryMatch{ID: id, Source: p.canaries[id].Source, Encoding: encoding, Where: where}
}

// asksFor reports whether a call's arguments ask for the content of a planted
// file, or a root holds it.
func (c *court) asksFor(p *pass, m moment, id string) bool {
	k := p.canaries[id]
	switch k.Kind {
	case "argument", "answer":
		return true
	case "file":
		if m.call != nil && p.asked[m.call.N].path(k.Source) {
			return true
		}
		return slices.ContainsFunc(slices.Concat(p.roots, c.says.argv), func(d string) bool { return within(k.Source, d) })
	}
	return false
}

// canaryFlows looks into what went into the sinkhole, each connection by itself and
// all to one place in a row.
func (c *court) canaryFlows(p *pass) {
	joined := map[string][]byte{}
	last := map[string]*evidence.Flow{}
	for i := range p.Net {
		f := &p.Net[i]
		text := slices.Concat([]byte(f.Request), []byte("\n"), f.Sent, []byte("\n"+f.SNI+"\n"+f.Host+"\n"+f.Name))
		found := p.matcher.Find(text)
		c.leaks(p, f, found)
		to := f.Proto + " " + c.hostOfFlow(p, f)
		if len(joined[to]) < maxJoined {
			joined[to] = append(joined[to], f.Sent...)
		}
		if len(found) == 0 {
			last[to] = f
		} else {
			last[to] = nil
		}
	}
	for _, to := range sortedKeys(joined) {
		if f := last[to]; f != nil && len(joined[to]) > len(f.Sent) {
			c.leaks(p, f, p.matcher.Find(joined[to]))
		}
	}
	c.unreadable(p)
}

const maxJoined = 8 << 20 // bytes to one host that are searched in a row

// leaks reports planted values in a connection.
func (c *court) leaks(p *pass, f *evidence.Flow, found []canary.Match) {
	m := p.when(f.At)
	host := c.hostOfFlow(p, f)
	w := c.hostWhy(p, m, host, f.Port)
	for _, k := range found {
		kind := p.canaries[k.ID].Kind
		unix := f.Proto == "unix"
		switch {
		case kind == "argument", kind == "answer" && w != none, isResolver(f) && p.inNames[k.ID]:
			continue
		case w == argument && c.asksFor(p, m, k.ID) && kind == "file":
			c.note(m.tool(), "sends "+k.ID, argument)
			continue
		case !unix && slices.ContainsFunc(meantFor[k.ID], func(h string) bool { return sameHost(h, host) }):
			c.note(m.tool(), "sends "+k.ID+" to "+host, own)
			continue
		}
		id, where, object := "AUD-C02", "network", hostPort(c.shown(p, host), f.Port)
		switch {
		case unix:
			id, where, object = "AUD-C05", "socket", f.Addr
		case kind == "env":
			id = "AUD-C06"
		}
		p.add(m, "leak "+k.ID+" "+where, true)
		c.report(p, m, sdk.Finding{
			ID: id, Title: fmt.Sprintf("sends %s to %s", p.source(k.ID), object), Object: object + " " + k.ID,
			Canary: p.match(k.ID, k.Encoding, where), Claim: c.says.closed(m), Provenance: string(w), Confidence: confidence(m),
			Evidence: []string{fmt.Sprintf("%d bytes sent to %s (%s) held the value, %s", f.SentSize, object, f.Proto, k.Encoding)},
		})
	}
}

// source names what a canary stands for.
func (p *pass) source(id string) string {
	k := p.canaries[id]
	switch k.Kind {
	case "env":
		return "the variable " + k.Source
	case "answer":
		return k.Source
	}
	return "the content of " + k.Source
}

// leaked reports whether a canary was recognised in what a call sent.
func (p *pass) leaked(m moment, id string) bool {
	return slices.ContainsFunc(p.events, func(e event) bool {
		return e.call == m.call && strings.HasPrefix(e.key, "leak "+id+" ")
	})
}

// canaryNames looks into DNS questions, those of a call and all together.
func (c *court) canaryNames(p *pass) {
	byCall := map[int][]string{}
	first := map[int]int64{}
	var all []string
	for _, l := range p.Names {
		m := p.when(l.At)
		n := m.number()
		if byCall[n] == nil {
			first[n] = l.At
		}
		byCall[n] = append(byCall[n], l.Name)
		all = append(all, l.Name)
	}
	found := map[string]bool{}
	for n := range len(p.Calls) + 1 {
		for _, k := range p.matcher.FindNames(byCall[n]) {
			found[k.ID] = true
			c.named(p, p.when(first[n]), byCall[n], k)
		}
	}
	for _, k := range p.matcher.FindNames(all) {
		if !found[k.ID] {
			c.named(p, p.when(p.Names[0].At), all, k)
		}
	}
}

func (c *court) named(p *pass, m moment, names []string, k canary.Match) {
	if kind := p.canaries[k.ID].Kind; kind == "argument" || kind == "answer" {
		return
	}
	parent := parentName(names)
	p.tunnels[parent], p.inNames[k.ID] = true, true
	p.add(m, "leak "+k.ID+" dns", true)
	c.report(p, m, sdk.Finding{
		ID: "AUD-C03", Title: fmt.Sprintf("asks the DNS for names below %s that hold %s", parent, p.source(k.ID)), Object: parent + " " + k.ID,
		Canary: p.match(k.ID, k.Encoding, "dns"), Claim: c.says.closed(m), Confidence: confidence(m),
		Evidence: []string{fmt.Sprintf("%d names below %s hold the value, %s", len(names), parent, k.Encoding)},
	})
}

// parentName is what the longest names have in common: two labels at least.
func parentName(names []string) string {
	longest := ""
	for _, n := range names {
		if len(n) > len(longest) {
			longest = n
		}
	}
	labels := strings.Split(strings.TrimSuffix(longest, "."), ".")
	return strings.ToLower(strings.Join(labels[max(0, len(labels)-2):], "."))
}

// canaryResults looks into what the server told the client.
func (c *court) canaryResults(p *pass) {
	for _, call := range p.Calls {
		if call == nil {
			continue
		}
		m := moment{phase: evidence.InCall, call: call, at: call.From}
		for _, k := range p.matcher.Find(slices.Concat(call.Result, []byte("\n"+call.Error))) {
			c.told(p, m, k, "result", call.Kind)
		}
	}
	for _, list := range [][]evidence.Request{p.Requests, p.Notifications} {
		for _, r := range list {
			m := p.when(r.At)
			for _, k := range p.matcher.Find(slices.Concat([]byte(r.Method+"\n"), r.Params)) {
				c.told(p, m, k, "notification", r.Method)
			}
		}
	}
	for _, k := range p.matcher.Find([]byte(strings.Join(p.Junk, "\n"))) {
		c.told(p, moment{phase: evidence.Startup, at: p.Clock.MonoNS}, k, "stdout", "a line that is no message")
	}
}

func (c *court) told(p *pass, m moment, k canary.Match, where, what string) {
	s := sdk.Severity("")
	w := none
	switch kind := p.canaries[k.ID].Kind; {
	case c.asksFor(p, m, k.ID):
		c.note(m.tool(), "returns "+k.ID, argument)
		return
	case kind == "env" && slices.Contains(c.says.allow.Env, p.canaries[k.ID].Source):
		c.note(m.tool(), "returns "+k.ID, declared)
		return
	case kind == "env" && c.says.claims(m, wording.Env) && k.Encoding == "raw":
		s, w = info, declared
	case k.Encoding != "raw":
		s = critical
	}
	if p.canaries[k.ID].Kind == "env" {
		c.behaved(p, m, func(b *evidence.Behaviour) { b.Env = append(b.Env, p.canaries[k.ID].Source) })
	}
	p.add(m, "leak "+k.ID+" result", true)
	c.note(m.tool(), "returns "+k.ID, w)
	c.report(p, m, sdk.Finding{
		ID: "AUD-C04", Severity: s, Title: fmt.Sprintf("puts %s into a %s", p.source(k.ID), where), Object: k.ID + " " + where, Provenance: string(w),
		Canary: p.match(k.ID, k.Encoding, where), Evidence: []string{fmt.Sprintf("the %s of %s held the value, %s", where, what, k.Encoding)},
	})
}

// canaryTexts looks into what the server says of itself, which the client's model reads
// as well.
func (c *court) canaryTexts(p *pass) {
	met := map[string]bool{} // a list is made several times
	look := func(name, where string, text []byte) {
		if met[string(text)] {
			return
		}
		met[string(text)] = true
		for _, k := range p.matcher.Find(text) {
			c.declaredIn(p, name, where, k)
		}
	}
	look("", "instructions", []byte(p.Instructions))
	look("", "server info", slices.Concat(p.Server, []byte("\n"), p.Capabilities))
	for _, cat := range p.Catalog {
		for _, list := range [][]sdk.RawJSON{cat.Tools, cat.Resources, cat.Templates, cat.Prompts} {
			for _, raw := range list {
				look(nameIn(raw), "definition", raw)
			}
		}
	}
}

// declaredIn reports a planted value in a declaration. That a tool tells variables
// excuses its results only.
func (c *court) declaredIn(p *pass, name, where string, k canary.Match) {
	m := moment{phase: evidence.List, at: p.during(evidence.List, 0).at}
	kind := p.canaries[k.ID].Kind
	if c.asksFor(p, m, k.ID) || kind == "env" && slices.Contains(c.says.allow.Env, p.canaries[k.ID].Source) {
		c.note(c.redact.text(name), "declares "+k.ID, declared)
		return
	}
	s := sdk.Severity("")
	if k.Encoding != "raw" {
		s = critical
	}
	p.add(m, "leak "+k.ID+" "+where, true)
	c.note(c.redact.text(name), "declares "+k.ID, none)
	c.report(p, m, sdk.Finding{
		ID: "AUD-C04", Tool: name, Severity: s, Title: fmt.Sprintf("puts %s into its %s", p.source(k.ID), where), Object: k.ID + " " + where,
		Canary: p.match(k.ID, k.Encoding, where), Evidence: []string{fmt.Sprintf("the %s held the value, %s", where, k.Encoding)},
	})
}

// canaryFiles looks into files that came into being or changed.
func (c *court) canaryFiles(p *pass) {
	for _, f := range p.Files {
		for _, k := range p.matcher.Find(f.Sample) {
			m := p.changed(f)
			if kind := p.canaries[k.ID].Kind; kind == "argument" || kind == "answer" || f.Path == p.canaries[k.ID].Source || c.asksFor(p, m, k.ID) {
				continue
			}
			p.add(m, "leak "+k.ID+" file", true)
			c.report(p, m, sdk.Finding{
				ID: "AUD-C05", Severity: high, Title: fmt.Sprintf("writes %s to %s", p.source(k.ID), f.Path), Object: f.Path + " " + k.ID,
				Canary: p.match(k.ID, k.Encoding, "file"), Evidence: []string{fmt.Sprintf("%s, %s with %d bytes, held the value, %s", f.Path, f.Change, f.Size, k.Encoding)},
			})
		}
	}
}

// changed is the moment of a file's change: what the tracer saw if it did.
func (p *pass) changed(f evidence.FileChange) moment {
	if f.Call > 0 {
		return p.during(f.Phase, f.Call)
	}
	if o := p.written[f.Path]; o != nil {
		return p.when(o.MonoNS)
	}
	return p.during(f.Phase, 0)
}
