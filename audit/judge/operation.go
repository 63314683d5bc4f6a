package judge

import (
	"fmt"
	"slices"
	"strings"

	"github.com/killdeer-mcp/killdeer/audit/evidence"
	"github.com/killdeer-mcp/killdeer/audit/judge/wording"
	"github.com/killdeer-mcp/killdeer/sdk"
)

// judgeOperation says what the audit itself could not do. None of it is a risk.
func (c *court) judgeOperation() {
	for _, p := range c.passes {
		c.tracing(p)
		if p.Name != evidence.InstallPass && p.Faketime == "" && p.Server == nil && len(p.Catalog) == 0 && len(p.Calls) == 0 {
			c.operational(p, "AUD-T02", "the server was not ready in pass "+p.Name, "init "+p.Name, append(slices.Clone(p.Faults), p.Exit)...)
		}
		if p.JunkLines > 0 {
			c.operational(p, "AUD-T03", "prints lines on standard output that are no messages", "stdout", p.Junk[:min(len(p.Junk), 3)]...)
		}
		switch {
		case p.MessagesDropped == 0:
		case p.Faketime != "": // what comes once a second came a thousand times
			c.ignored["messages of a fast clock"] += p.MessagesDropped
		default:
			c.operational(p, "AUD-T06", "messages of the server were too many or too large to keep", "messages", fmt.Sprintf("%d in pass %s", p.MessagesDropped, p.Name))
		}
		switch {
		case len(p.Missed) == 0:
		case p.Faketime != "":
			c.ignored["too much at a fast clock"]++
		default:
			c.operational(p, "AUD-T06", "not all that the server did was kept", "kept", p.Missed...)
		}
	}
	if c.reader.Unread > 0 {
		c.operational(nil, "AUD-T06", "texts of the server were too long to be read whole", "texts")
	}
	if n := c.work.Unread; n > 0 {
		c.operational(nil, "AUD-T06", "what the server sent and wrote unfolds into too much to be searched", "unfolded", fmt.Sprintf("%d texts were searched only as they are", n))
	}
	if n := c.ignored[tooMany]; n > 0 {
		c.operational(nil, "AUD-T06", "there were more findings than are listed", "findings", fmt.Sprintf("%d times the least grave was left out", n))
	}
	cov := c.coverage()
	started := len(c.audit.Target.Argv) > 0 // of what is only listed, or far away, no behaviour is expected
	switch {
	case started && !cov.Observed:
		c.operational(nil, "AUD-T05", "behaviour was not observed", "coverage")
	case cov.Calls > 0 && cov.CallsOK == 0:
		c.operational(nil, "AUD-T05", "no call succeeded", "coverage")
	case len(c.unlisted()) > 0:
		c.operational(nil, "AUD-T05", "not everything that it offers was listed", "coverage", c.unlisted()...)
	case started && cov.Calls == 0 && slices.ContainsFunc(c.passes, func(p *pass) bool { return len(p.Catalog) > 0 }):
		c.operational(nil, "AUD-T05", "there was nothing to call", "coverage")
	case started && (cov.ToolsCalled < cov.Tools || c.again()) && c.leftEarly():
		c.operational(nil, "AUD-T05", fmt.Sprintf("the exercise ended when %d of %d tools had been called", cov.ToolsCalled, cov.Tools), "coverage")
	case (started || cov.Calls > 0) && cov.Tools > 0 && (cov.ToolsOK == 0 || cov.Ratio < c.opts.MinCoverage):
		c.operational(nil, "AUD-T05", fmt.Sprintf("%d of %d tools succeeded", cov.ToolsOK, cov.Tools), "coverage")
	}
	for _, name := range cov.Never { // last: there may be more of them than are listed
		c.operational(nil, "AUD-T04", "the tool "+name+" never succeeded", name, c.lastError(name)...)
	}
}

// unlisted are the reasons why a list was never had whole.
func (c *court) unlisted() (why []string) {
	for _, p := range c.passes {
		for _, cat := range p.Catalog {
			if len(cat.Errors) == 0 {
				return nil
			}
			why = cat.Errors
		}
	}
	return why
}

// leftEarly reports whether every pass ended before the lists were made again: the
// server was gone, or silent for too long.
func (c *court) leftEarly() bool {
	return len(c.passes) > 0 && !slices.ContainsFunc(c.passes, func(p *pass) bool {
		return slices.ContainsFunc(p.Spans, func(s evidence.Span) bool { return s.Phase == evidence.Relist })
	})
}

// again reports whether the server was started more than once in the first pass.
func (c *court) again() bool {
	return len(c.passes) > 1 && c.passes[0].Name == c.passes[1].Name
}

// tracing reports a tracer that died or lost something: such a pass proves nothing
// by what it does not show.
func (c *court) tracing(p *pass) {
	if p.TracerDied != "" {
		c.operational(p, "AUD-T01", "the tracer died in pass "+p.Name, "", p.TracerDied)
		return
	}
	if p.Traced && p.Trace == nil {
		c.operational(p, "AUD-T01", "the tracer gave no account of pass "+p.Name, "")
		return
	}
	var lines []string
	if p.Trace != nil {
		for _, cause := range sortedKeys(p.Trace.Lost) {
			if n := p.Trace.Lost[cause]; n > 0 {
				lines = append(lines, fmt.Sprintf("%d lost: %s", n, cause))
			}
		}
		if !p.Trace.Complete && len(lines) == 0 && len(p.Survivors) == 0 {
			lines = append(lines, "the tracer did not see the end")
		}
	}
	if n := p.holes(); n > 0 {
		lines = append(lines, fmt.Sprintf("%d numbers are missing", n))
	}
	if len(lines) > 0 {
		c.operational(p, "AUD-T06", "observations were lost", "observations", lines...)
	}
}

// holes counts observations that are missing from their numbers, and told losses.
func (p *pass) holes() (n uint64) {
	seen := map[uint64]bool{}
	var top uint64
	for i := range p.Observations {
		o := &p.Observations[i]
		seen[o.Seq] = true
		top = max(top, o.Seq)
		if o.Kind == sdk.ObservedLoss {
			n += max(o.Lost, 1)
		}
	}
	if len(p.Observations) > 0 && top+1 > uint64(len(seen)) {
		n += top + 1 - uint64(len(seen))
	}
	return n
}

func (c *court) operational(p *pass, id, title, object string, lines ...string) {
	f := sdk.Finding{ID: id, Title: title, Object: object, Provenance: "audit"}
	if id == "AUD-T04" {
		f.Tool = object
	}
	for _, l := range lines {
		if l != "" && len(f.Evidence) < maxEvidence {
			f.Evidence = append(f.Evidence, wording.Visible(c.redact.text(l)))
		}
	}
	at := moment{}
	if p != nil {
		at.at = p.Clock.MonoNS
	}
	c.report(p, at, f)
}

func (c *court) lastError(tool string) []string {
	for _, p := range c.passes {
		for _, call := range p.Calls {
			if call != nil && call.Name == tool && call.Kind == "tool" && call.Outcome != "ok" {
				text := call.Error
				eachString(call.Result, func(s string) {
					if text == "" {
						text = s
					}
				})
				return []string{call.Outcome + ": " + cutTo(text, maxObject)}
			}
		}
	}
	return nil
}

// coverage counts what was looked at.
func (c *court) coverage() evidence.Coverage {
	v := evidence.Coverage{Passes: []string{}}
	sealed := c.audit.Machine.Sandbox != "" && c.audit.Machine.Sandbox != "none" // what left the box, and what is left in it, shows
	called, ok := map[string]bool{}, map[string]bool{}
	for _, p := range c.passes {
		if !slices.Contains(v.Passes, p.Name) { // a pass has several lives, or clients
			v.Passes = append(v.Passes, p.Name)
		}
		v.Observations += len(p.Observations)
		v.Lost += p.holes()
		if p.Trace != nil {
			for _, n := range p.Trace.Lost {
				v.Lost += n
			}
		}
		v.Observed = v.Observed || p.Traced && p.TracerDied == "" || sealed
		for _, call := range p.Calls {
			if call == nil {
				continue
			}
			v.Calls++
			if call.Outcome == "ok" {
				v.CallsOK++
			}
			if call.Kind == "tool" {
				called[call.Name] = true
				ok[call.Name] = ok[call.Name] || call.Outcome == "ok"
			}
		}
		for _, f := range p.Net {
			if f.Refused != "" {
				v.Refused = append(v.Refused, hostPort(c.shown(p, c.hostOfFlow(p, &f)), f.Port))
			}
		}
	}
	slices.Sort(v.Refused)
	v.Refused = slices.Compact(v.Refused)
	v.Tools, v.ToolsCalled = len(c.says.tools), len(called)
	for _, name := range sortedKeys(c.says.tools) {
		switch {
		case ok[name]:
			v.ToolsOK++
		case called[name]:
			v.Never = append(v.Never, name)
		}
	}
	v.Ratio = 1
	if v.Tools > 0 {
		v.Ratio = float64(v.ToolsOK) / float64(v.Tools)
	}
	return v
}

// toolRows sets what each tool declares against what it did.
func (c *court) toolRows(findings []sdk.Finding) []evidence.ToolRow {
	names := map[string]bool{}
	for name := range c.says.tools {
		names[name] = true
	}
	for name := range c.rows {
		names[name] = true
	}
	rows := []evidence.ToolRow{}
	for _, name := range sortedKeys(names) {
		r := evidence.ToolRow{Tool: name, Declared: c.declares(name)}
		for _, what := range sortedKeys(c.rows[name]) {
			r.Observed = append(r.Observed, c.redact.text(what))
		}
		for _, p := range c.passes {
			for _, call := range p.Calls {
				if call != nil && call.Name == name {
					r.Calls++
					if call.Outcome == "ok" {
						r.OK++
					}
				}
			}
		}
		for _, f := range findings {
			if f.Tool == name && !slices.Contains(r.Findings, f.ID) {
				r.Findings = append(r.Findings, f.ID)
			}
		}
		slices.Sort(r.Findings)
		rows = append(rows, r)
	}
	return rows
}

// declares lists a tool's claims in a few words each.
func (c *court) declares(name string) (all []string) {
	t := c.says.tools[name]
	if t == nil {
		return nil
	}
	for s := range t.scopes {
		all = append(all, string(s))
	}
	for s := range t.denies {
		all = append(all, "no "+string(s))
	}
	hint := func(b *bool, yes, no string) {
		switch {
		case b == nil:
		case *b:
			all = append(all, yes)
		case no != "":
			all = append(all, no)
		}
	}
	hint(t.Annotations.ReadOnly, "read-only", "")
	hint(t.Annotations.Destructive, "destructive", "not destructive")
	hint(t.Annotations.OpenWorld, "open world", "closed world")
	for _, h := range t.hosts {
		if strings.Contains(h, ".") {
			all = append(all, "host "+h)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}
