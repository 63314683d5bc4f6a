package judge

import (
	"regexp"
	"slices"
	"strings"

	"github.com/killdeer-mcp/killdeer/audit/evidence"
	"github.com/killdeer-mcp/killdeer/sdk"
)

// schedules are ways to ask the system to run something later.
var schedules = []struct {
	program string
	re      *regexp.Regexp
}{
	{"crontab", regexp.MustCompile(`(?:^|[\s;|&(/])crontab(?:\s+-u\s+\S+)?\s+(?:-(?:\s|$)|[^\s\-;|&>])`)},
	{"systemctl", regexp.MustCompile(`(?:^|[\s;|&(/])systemctl\s+(?:-\S+\s+)*(?:enable|link|set-property)\b`)},
	{"systemd-run", regexp.MustCompile(`(?:^|[\s;|&(/])systemd-run\s+\S`)},
	{"loginctl", regexp.MustCompile(`(?:^|[\s;|&(/])loginctl\s+enable-linger\b`)},
	{"at", regexp.MustCompile(`(?:^|[;|&(/]\s*)at\s+(?:-f\s|now\b|midnight\b|noon\b|tomorrow\b|\d)`)},
}

// scheduled reports a command line that has something run later.
func (c *court) scheduled(p *pass, m moment, o *sdk.Observation, line string) {
	for _, s := range schedules {
		if !s.re.MatchString(line) {
			continue
		}
		asked := m.call != nil && strings.Contains(p.asked[m.call.N].text, s.program)
		if asked || c.says.mentions(m, s.program) {
			c.note(m.tool(), "schedules by "+s.program, declared)
			return
		}
		c.execFinding(p, m, o, "AUD-F02", "", "has something run later by "+s.program, s.program)
		return
	}
}

// survivors reports what lived on after the shutdown, at the call that made it.
func (c *court) survivors(p *pass) {
	lines := slices.Clone(p.Survivors)
	if len(lines) == 0 && p.Trace != nil {
		for range p.Trace.Survivors {
			lines = append(lines, "a process")
		}
	}
	if len(lines) == 0 {
		return
	}
	m, o := c.origin(p, lines)
	f := sdk.Finding{ID: "AUD-X03", Title: "leaves processes behind after its shutdown", Object: "processes", Processes: p.commands(o)}
	for _, l := range lines[:min(len(lines), maxEvidence)] {
		f.Evidence = append(f.Evidence, "still alive: "+cutTo(c.plain(p, l), maxObject))
	}
	if o != nil {
		f.Syscall, f.Confidence = o.Syscall, sdk.FindingCorrelated
	}
	if m.call != nil && m.call.To == 0 && !p.leaves(m) {
		// It was ended in the middle of a call, whose children had not been told.
		f.Severity, f.Title = info, "was ended while processes were at work for a call"
		c.report(p, m, f)
		return
	}
	p.add(m, "survives", true)
	c.report(p, m, f)
}

// leaves reports whether a process left its session in a call.
func (p *pass) leaves(m moment) bool {
	return slices.ContainsFunc(p.seen, func(o sdk.Observation) bool {
		return o.Kind == sdk.ObservedSetsid && o.Ret >= 0 && p.when(o.MonoNS).call == m.call
	})
}

// origin finds the moment at which something began that lives on: it was started,
// or it left its parent's session, or else a process was made that nothing more was
// heard of.
func (c *court) origin(p *pass, lines []string) (moment, *sdk.Observation) {
	best, score := -1, 0
	for i := range p.seen {
		o := &p.seen[i]
		if o.Ret < 0 || o.Errno != "" || p.when(o.MonoNS).phase == evidence.Startup {
			continue
		}
		n := 0
		switch {
		case o.Kind == sdk.ObservedExec && slices.Contains(lines, strings.Join(o.Argv, " ")):
			n = 3
		case o.Kind == sdk.ObservedSetsid:
			n = 2
		case o.Kind == sdk.ObservedFork && o.Ret > 0 && p.silent(i):
			n = 1
		}
		if n > score {
			best, score = i, n
		}
	}
	if best < 0 {
		return p.during(evidence.AfterExit, 0), nil
	}
	return p.beginning(best), &p.seen[best]
}

// beginning is the moment of seen[i], or where that is between calls, the call in which
// its process was first seen: what a call starts may come to its last program after it.
func (p *pass) beginning(i int) moment {
	at := p.when(p.seen[i].MonoNS)
	if at.call != nil {
		return at
	}
	first := slices.IndexFunc(p.seen, func(o sdk.Observation) bool { return o.PID == p.seen[i].PID })
	if m := p.when(p.seen[first].MonoNS); m.call != nil {
		return m
	}
	return at
}

// silent reports whether nothing was heard of the process that was made at seen[i]:
// no child of the same parent shows before that makes another. A number would tell
// it, but is another one inside the sandbox.
func (p *pass) silent(i int) bool {
	parent := p.seen[i].PID
	for j := i + 1; j < len(p.seen); j++ {
		switch o := &p.seen[j]; {
		case o.PPID == parent:
			return false
		case o.PID == parent && o.Kind == sdk.ObservedFork:
			return true
		}
	}
	return true
}
