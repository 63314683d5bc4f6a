package judge

import (
	"fmt"
	"slices"
	"strings"

	"github.com/killdeer-mcp/killdeer/audit/evidence"
	"github.com/killdeer-mcp/killdeer/sdk"
)

// event is something that nobody asked for, in a form that is the same in every
// pass.
type event struct {
	moment
	key   string
	blind bool // shows without a tracer
}

func (p *pass) add(m moment, key string, blind bool) {
	if len(p.events) < maxEvents {
		p.events = append(p.events, event{m, key, blind})
	}
}

const maxEvents = 100_000 // of one pass

// judgeTriggers compares passes, and the calls of one pass, and reports what only
// happens under some circumstances.
func (c *court) judgeTriggers() {
	for _, p := range c.passes {
		switch p.Name {
		case "E":
			c.extra(p, "AUD-E02", "only without a tracer", func(b *pass) bool { return b.Traced })
		case "C":
			c.extra(p, "AUD-E03", "only with a clock that runs ahead", func(b *pass) bool { return b.Name == "A" || b.Name == "B" })
		case "D":
			c.extra(p, "AUD-M05", "only for the client "+quote(p.Client), func(b *pass) bool { return b.Name == "A" || b.Name == "B" })
		}
		c.repeats(p)
	}
}

// extra reports what a pass shows and none of those that it is compared with.
func (c *court) extra(p *pass, id, when string, base func(*pass) bool) {
	known, compared := map[string]bool{}, false
	for _, b := range c.passes {
		if b != p && base(b) {
			compared = true
			for _, e := range b.events {
				known[e.key] = true
			}
		}
	}
	if !compared {
		return
	}
	for _, e := range p.events {
		if known[e.key] || id == "AUD-E02" && !e.blind {
			continue
		}
		c.report(p, e.moment, sdk.Finding{
			ID: id, Title: "does this " + when + ": " + e.key, Object: e.key, Confidence: sdk.FindingCorrelated,
			Evidence: []string{"seen in pass " + p.Name + " (" + p.Change + ") and in none of the others"},
		})
		if id == "AUD-E02" {
			for _, k := range c.watches() {
				c.found[k].Severity, c.found[k].Confidence = high, sdk.FindingCorrelated
			}
		}
	}
}

// repeats reports what a tool does in some calls and not in others.
func (c *court) repeats(p *pass) {
	first := map[string]event{} // by tool and key
	for _, e := range p.events {
		if e.call == nil || e.call.Kind != "tool" || !weighty(e.key) {
			continue
		}
		k := e.tool() + "\x00" + e.key
		if old, ok := first[k]; !ok || e.call.N < old.call.N {
			first[k] = e
		}
	}
	for _, k := range sortedKeys(first) {
		e := first[k]
		if !c.byCount(p, e) {
			c.byInput(p, e)
		}
	}
}

// weighty are acts whose trigger matters.
func weighty(key string) bool {
	return !strings.HasPrefix(key, "looks ") && !strings.HasPrefix(key, "enumerates") && !strings.HasPrefix(key, "executes")
}

// byCount reports an act that an earlier call with the same arguments lacked.
func (c *court) byCount(p *pass, e event) bool {
	if p.delayed(e) {
		return true // every call does it
	}
	for _, call := range p.Calls {
		if call == nil || call.N >= e.call.N || call.Name != e.call.Name || call.Kind != e.call.Kind || string(call.Args) != string(e.call.Args) || call.Outcome != "ok" {
			continue
		}
		calls := 0
		for _, x := range p.Calls {
			if x != nil && x.Name == e.call.Name && x.Kind == e.call.Kind && x.N <= e.call.N {
				calls++
			}
		}
		c.report(p, e.moment, sdk.Finding{
			ID: "AUD-E04", Title: fmt.Sprintf("does this first in call %d of the tool, with the arguments of an earlier call: %s", calls, e.key), Object: e.key,
			Confidence: sdk.FindingCorrelated, Evidence: []string{fmt.Sprintf("call %d had the same arguments and did not", call.N)},
		})
		return true
	}
	return false
}

// delayed reports whether every call of a tool brings an act about, only later than
// in the call itself: it shows about as often as the tool was called, and also when
// it was not.
func (p *pass) delayed(e event) bool {
	calls, outside := 0, false
	for _, k := range p.Calls {
		if k != nil && k.Name == e.call.Name && k.Kind == e.call.Kind {
			calls++
		}
	}
	seen := map[int]bool{} // calls, 0 for what is none
	for _, x := range p.events {
		if x.key == e.key {
			seen[x.number()] = true
			outside = outside || x.call == nil || x.call.Name != e.call.Name || x.late
		}
	}
	return outside && len(seen) >= calls-1
}

// byInput reports an act that goes with some arguments: every call that has them
// shows it, and several that succeeded without them do not.
func (c *court) byInput(p *pass, e event) {
	acts := map[int]bool{}
	for _, x := range p.events {
		if x.key == e.key && x.call != nil {
			acts[x.call.N] = true
		}
	}
	with, without := 0, 0
	for _, call := range p.Calls {
		if call == nil || call.Name != e.call.Name || call.Kind != "tool" || call.Outcome != "ok" || call.N < e.call.N {
			continue
		}
		switch {
		case acts[call.N]:
			with++
		case slices.ContainsFunc(p.Calls, func(x *evidence.Call) bool {
			return x != nil && acts[x.N] && x.Name == call.Name && string(x.Args) == string(call.Args)
		}):
			return // the arguments do not decide
		default:
			without++
		}
	}
	if with < 1 || without < 2 || with+without < 4 {
		return
	}
	c.report(p, e.moment, sdk.Finding{
		ID: "AUD-E05", Title: "does this with some arguments only: " + e.key, Object: e.key, Confidence: sdk.FindingInferred,
		Evidence: []string{fmt.Sprintf("%d calls that succeeded show it, %d do not", with, without)},
	})
}
