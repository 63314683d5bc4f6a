package judge

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/killdeer-mcp/killdeer/audit/evidence"
	"github.com/killdeer-mcp/killdeer/audit/judge/wording"
	"github.com/killdeer-mcp/killdeer/sdk"
)

const maxLockedText = 8 << 10 // bytes of a description that are kept for a diff

// behaved notes what a tool did, for its lock. Only passes in which a tracer looked
// on, with nothing else changed, count.
func (c *court) behaved(p *pass, m moment, set func(*evidence.Behaviour)) {
	if p.Name != "A" && p.Name != "B" || m.phase == evidence.Startup && m.call == nil {
		return
	}
	b := c.behaviour[m.tool()]
	set(&b)
	if len(b.Hosts)+len(b.Reads)+len(b.Writes)+len(b.Execs) > maxBehaviour {
		b = tidy(b)
	}
	c.behaviour[m.tool()] = b
}

const maxBehaviour = 4096 // things that one tool does, before equal ones are taken out

func tidy(b evidence.Behaviour) evidence.Behaviour {
	for _, list := range []*[]string{&b.Hosts, &b.Reads, &b.Writes, &b.Execs, &b.Env} {
		slices.Sort(*list)
		*list = slices.Compact(*list)
	}
	return b
}

// lock is what a lock of this audit says.
func (c *court) lock() *evidence.LockedServer {
	t := c.audit.Target
	l := &evidence.LockedServer{Argv: t.Argv, Package: t.Package, Integrity: t.Integrity, Tools: map[string]evidence.LockedTool{}}
	if len(c.passes) == 0 {
		return l
	}
	p := c.passes[0]
	l.Protocol = p.Protocol
	if len(p.Server) > 0 {
		l.Server = canonical(p.Server)
	}
	if p.Instructions != "" {
		l.Instructions, l.InstructionsText = hash([]byte(p.Instructions)), cutTo(c.redact.text(p.Instructions), maxLockedText)
	}
	l.Behaviour = tidy(c.behaviour[""])
	if len(p.Catalog) == 0 {
		return l
	}
	cat := p.Catalog[0]
	for _, raw := range cat.Tools {
		t := parseTool(raw)
		l.Tools[t.Name] = evidence.LockedTool{SHA256: toolHash(raw), Description: cutTo(c.redact.text(t.Description), maxLockedText), Required: required(t), Behaviour: tidy(c.behaviour[t.Name])}
	}
	l.Resources, l.Templates, l.Prompts = c.hashes(cat.Resources), c.hashes(cat.Templates), c.hashes(cat.Prompts)
	return l
}

func required(t *tool) []string {
	var s struct{ Required []string }
	_ = json.Unmarshal(t.Input, &s) // an odd schema requires nothing
	slices.Sort(s.Required)
	return s.Required
}

// toolHash is of what a client shows or obeys; extensions in _meta are left out.
func toolHash(raw sdk.RawJSON) string {
	var all map[string]json.RawMessage
	if json.Unmarshal(raw, &all) != nil {
		return hash(raw)
	}
	kept := map[string]json.RawMessage{}
	for _, k := range []string{"title", "description", "inputSchema", "outputSchema", "annotations"} {
		if v, ok := all[k]; ok {
			kept[k] = canonical(v)
		}
	}
	b, err := json.Marshal(kept)
	if err != nil {
		return hash(raw)
	}
	return hash(b)
}

func (c *court) hashes(list []sdk.RawJSON) map[string]string {
	if len(list) == 0 {
		return nil
	}
	m := map[string]string{}
	for _, raw := range list {
		m[c.redact.text(nameIn(raw))] = hash(canonical(raw))
	}
	return m
}

// judgeLock compares the server with its lock. A change of version, order or
// anything that is not shown to a client is none.
func (c *court) judgeLock() {
	old := c.opts.Lock
	if old == nil || len(c.passes) == 0 {
		return
	}
	now := c.lock()
	if old.Instructions != now.Instructions {
		c.drift("", "instructions", medium, "has other instructions than its lock", diff(old.InstructionsText, now.InstructionsText)...)
	}
	for _, name := range sortedKeys(now.Tools) {
		was, known := old.Tools[name]
		if !known {
			c.drift(name, "new tool", low, "is not in the lock")
			c.wider(name, evidence.Behaviour{}, now.Tools[name].Behaviour)
			continue
		}
		c.driftTool(name, was, now.Tools[name])
	}
	for _, name := range sortedKeys(old.Tools) {
		if _, ok := now.Tools[name]; !ok {
			c.drift(name, "gone", low, "is in the lock, but not there")
		}
	}
	c.wider("", old.Behaviour, now.Behaviour)
	for what, pair := range map[string][2]map[string]string{
		"resource": {old.Resources, now.Resources}, "template": {old.Templates, now.Templates}, "prompt": {old.Prompts, now.Prompts},
	} {
		for _, name := range changed(pair[0], pair[1]) {
			c.drift(name, what, low, "is another "+what+" than in the lock")
		}
	}
}

func (c *court) driftTool(name string, was, now evidence.LockedTool) {
	if was.SHA256 != now.SHA256 {
		s, title := medium, "is defined otherwise than in its lock"
		for _, r := range now.Required {
			if slices.Contains(was.Required, r) {
				continue
			}
			title = "requires the argument " + wording.Visible(r) + ", which its lock does not have"
			if wording.Greedy(r, "") != "" || wording.AsksSecret(r) != "" || wideName(r) {
				s = high
			}
		}
		c.drift(name, "definition", s, title, diff(was.Description, now.Description)...)
	}
	c.wider(name, was.Behaviour, now.Behaviour)
}

// wideName reports whether a new required argument has a name that invites to put
// anything in.
func wideName(name string) bool {
	name = strings.ToLower(name)
	return name == "context" || name == "notes" || name == "history" || name == "metadata" || name == "conversation"
}

// wider reports what a tool does and did not do when it was locked.
func (c *court) wider(name string, was, now evidence.Behaviour) {
	for _, k := range []struct {
		what     string
		old, new []string
	}{{"talks to", was.Hosts, now.Hosts}, {"reads", was.Reads, now.Reads}, {"writes", was.Writes, now.Writes}, {"runs", was.Execs, now.Execs}, {"hands out", was.Env, now.Env}} {
		for _, v := range k.new {
			if !slices.Contains(k.old, v) {
				c.drift(name, k.what+" "+v, high, k.what+" "+v+", which its lock does not have")
			}
		}
	}
}

func (c *court) drift(tool, object string, s sdk.Severity, title string, lines ...string) {
	c.text(c.passes[0], tool, sdk.Finding{ID: "AUD-M06", Severity: s, Title: title, Object: object, Evidence: lines, Claim: &sdk.Claim{Source: "mcp.lock", Quote: object}})
}

const maxDiff = 400 // lines of a text that are compared

// diff shows the lines that were taken out of a text, and those that came in.
func diff(was, is string) []string {
	if was == is {
		return nil
	}
	old, now := strings.Split(was, "\n"), strings.Split(is, "\n")
	old, now = old[:min(len(old), maxDiff)], now[:min(len(now), maxDiff)]
	var all []string
	add := func(sign string, lines, other []string) {
		for _, l := range lines {
			if !slices.Contains(other, l) && len(all) < maxEvidence {
				all = append(all, fmt.Sprintf("%s %s", sign, wording.Visible(l)))
			}
		}
	}
	add("-", old, now)
	add("+", now, old)
	return all
}
