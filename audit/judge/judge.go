// Package judge turns what an audit gathered into findings: it asks of every
// observation which sort of object it touched, who asked for that, and what the
// server says of itself, and reports only what nobody asked for. It compares the
// passes of an audit, reads the server's texts, follows planted values, and
// compares a server with its lock.
//
// It is a pure function: it starts, reads and writes nothing, and the same
// evidence gives the same verdict. It knows no intent: a finding says what was
// seen.
package judge

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/killdeer-mcp/killdeer/audit/evidence"
	"github.com/killdeer-mcp/killdeer/audit/judge/canary"
	"github.com/killdeer-mcp/killdeer/audit/judge/wording"
	"github.com/killdeer-mcp/killdeer/sdk"
)

// Options are what a judge knows beside the evidence. The zero value will do.
type Options struct {
	Policy evidence.Policy
	Now    time.Time // suppressions that have expired by then do not count
	// Lock is what the audited server was locked at, nil for none.
	Lock *evidence.LockedServer
	// Others are the tools of other servers that the same client has, by server.
	Others map[string][]string
	// Documents are what is published about the server: server.json, an MCPB
	// manifest. Their hosts, paths and variables count as declared.
	Documents []sdk.RawJSON
	// MinCoverage is the part of tools that must have succeeded once, 0 to 1, for
	// a verdict to be clean. With 0, one tool suffices.
	MinCoverage float64
}

// Judge returns the verdict on an audit.
func Judge(a *evidence.Audit, o Options) evidence.Verdict {
	c := newCourt(a, o)
	for _, p := range c.passes {
		c.judgeCanaries(p)
		c.judgeNet(p)
		c.judgeFiles(p)
		c.judgeExec(p)
		c.judgeEvasion(p)
		c.judgeMessages(p)
		c.judgeInstall(p)
	}
	c.judgeTexts()
	c.judgeSessions()
	c.judgeTriggers()
	c.judgeLock()
	c.judgePinned()
	c.judgeOperation()
	return c.verdict()
}

const (
	maxRead   = 2 << 20   // bytes of all texts that patterns are matched against
	maxSought = 512 << 20 // bytes of all that planted values are sought in, unwrapped
)

// court is one judgement under way.
type court struct {
	audit   *evidence.Audit
	opts    Options
	says    *says
	redact  *redactor
	reader  *wording.Reader
	work    *canary.Work
	passes  []*pass
	found   map[string]*sdk.Finding // by fingerprint
	ops     map[string]*sdk.Finding
	ignored map[string]int
	known   map[string]*sdk.Finding    // what was reported, before it was redacted
	rows    map[string]map[string]bool // what was observed of each tool

	least int // rank of the least grave finding that is listed, or of one behind it

	behaviour map[string]evidence.Behaviour // by tool, "" outside of calls
}

func newCourt(a *evidence.Audit, o Options) *court {
	c := &court{
		audit: a, opts: o, found: map[string]*sdk.Finding{}, ops: map[string]*sdk.Finding{}, known: map[string]*sdk.Finding{},
		ignored: map[string]int{}, rows: map[string]map[string]bool{}, least: len(rank), behaviour: map[string]evidence.Behaviour{},
	}
	c.redact = newRedactor(a.Canaries)
	c.reader, c.work = wording.NewReader(maxRead), canary.NewWork(maxSought)
	c.says = listen(a, o)
	for _, p := range a.Passes {
		if p != nil {
			c.passes = append(c.passes, c.newPass(p))
		}
	}
	slices.SortStableFunc(c.passes, func(x, y *pass) int { return strings.Compare(x.Name, y.Name) })
	return c
}

// note adds something observed to a tool's row, and to what was ignored if no
// finding comes of it.
func (c *court) note(tool, what string, w why) {
	if c.rows[tool] == nil {
		c.rows[tool] = map[string]bool{}
	}
	if len(c.rows[tool]) < maxRows {
		c.rows[tool][what+" ("+string(w)+")"] = true
	}
	if w != none {
		c.ignored[string(w)]++
	}
}

const maxRows = 200 // different things that are listed of one tool

// verdict sorts and sums up.
func (c *court) verdict() evidence.Verdict {
	v := evidence.Verdict{
		Findings: []sdk.Finding{}, Suppressed: []sdk.Finding{}, Operational: sorted(c.ops),
		Coverage: c.coverage(), Ignored: c.ignored, Locked: c.lock(),
	}
	for _, f := range sorted(c.found) {
		if f.Suppressed = c.suppression(f); f.Suppressed != "" {
			v.Suppressed = append(v.Suppressed, f)
		} else {
			v.Findings = append(v.Findings, f)
		}
	}
	v.Tools = c.toolRows(v.Findings)
	v.Outcome, v.Reasons = c.outcome(v)
	return v
}

// outcome is findings if there are any, and clean only if enough was looked at.
func (c *court) outcome(v evidence.Verdict) (string, []string) {
	var reasons []string
	for _, f := range v.Operational {
		switch f.ID {
		case "AUD-T01", "AUD-T02", "AUD-T05", "AUD-T06":
			reasons = append(reasons, f.Title)
		}
	}
	if _, died := c.ops[key("AUD-T01", "", "")]; died {
		return "failed", reasons
	}
	if slices.ContainsFunc(v.Findings, func(f sdk.Finding) bool { return f.Severity != sdk.SeverityInfo }) {
		return "findings", reasons
	}
	if len(reasons) > 0 {
		return "inconclusive", reasons
	}
	return "clean", nil
}

func (c *court) suppression(f sdk.Finding) string {
	for _, s := range c.opts.Policy.Suppress {
		expired := !s.Expires.IsZero() && c.opts.Now.After(s.Expires)
		if s.Reason != "" && !expired && s.ID == f.ID && (s.Tool == "" || s.Tool == f.Tool) && (s.Object == "" || matches(s.Object, f.Object, "")) {
			return s.Reason
		}
	}
	return ""
}

// rank orders severities, the gravest first.
var rank = map[sdk.Severity]int{sdk.SeverityCritical: 0, sdk.SeverityHigh: 1, sdk.SeverityMedium: 2, sdk.SeverityLow: 3, sdk.SeverityInfo: 4}

func sorted(m map[string]*sdk.Finding) []sdk.Finding {
	all := make([]sdk.Finding, 0, len(m))
	for _, f := range m {
		all = append(all, *f)
	}
	slices.SortFunc(all, func(x, y sdk.Finding) int {
		return cmp.Or(
			cmp.Compare(rank[x.Severity], rank[y.Severity]), strings.Compare(x.ID, y.ID),
			strings.Compare(x.Tool, y.Tool), strings.Compare(x.Object, y.Object), strings.Compare(x.Fingerprint, y.Fingerprint),
		)
	})
	return all
}
