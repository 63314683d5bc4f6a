package judge

import (
	"fmt"
	"path"
	"regexp"
	"slices"

	"github.com/killdeer-mcp/killdeer/audit/judge/wording"
	"github.com/killdeer-mcp/killdeer/sdk"
)

const (
	manyForks     = 500
	manyRefused   = 10 // starts of processes
	manyFlows     = 2000
	manyBytes     = 512 << 20
	manyLines     = 500 // that are no messages,
	manyLinesCall = 20  // and in addition for each call: some log all that they do
	bigOutcome    = "too_large"
)

var (
	ofTracer  = regexp.MustCompile(`^/proc/(?:self|thread-self|\d+)(?:/task/\d+)?/(?:status|wchan|syscall)$|^/proc/sys/kernel/yama/`)
	ofSandbox = regexp.MustCompile(`^/\.dockerenv$|^/run/\.containerenv$|^/proc/1/(?:cgroup|sched|environ|cmdline|comm|status)$|^/sys/class/dmi/id/|^/proc/(?:self|1)/(?:uid_map|gid_map|setgroups)$|^/proc/vz$|^/dev/(?:vboxguest|vmci)$`)
)

// judgeEvasion judges looks for an observer, ways around him, and abuse of
// resources.
func (c *court) judgeEvasion(p *pass) {
	forks, refused := map[string]int{}, map[string]int{}
	moments := map[string]moment{}
	began := p.beginnings()
	for i := range p.seen {
		o := &p.seen[i]
		m := p.when(o.MonoNS)
		switch o.Kind {
		case sdk.ObservedIoUring:
			c.report(p, m, sdk.Finding{
				ID: "AUD-E06", Title: "tries to use io_uring, which hides what it does", Object: "io_uring", Syscall: o.Syscall,
				Processes: p.commands(o), Evidence: []string{act(o, "")},
			})
		case sdk.ObservedPtrace:
			if traceMe(o) {
				c.looks(p, m, o, "PTRACE_TRACEME")
			}
		case sdk.ObservedOpen:
			if name := cmpOr(o.Path, o.PathReal); o.Ret >= 0 && (ofTracer.MatchString(name) || ofSandbox.MatchString(name)) {
				c.looks(p, m, o, name)
			}
		case sdk.ObservedStat:
			if o.Ret >= 0 && ofSandbox.MatchString(o.Path) {
				c.looks(p, m, o, o.Path)
			}
		case sdk.ObservedFork:
			m := p.when(began.of(o.PID, o.MonoNS))
			if o.Errno == "EAGAIN" {
				refused[m.tool()]++
			}
			forks[m.tool()]++
			moments[m.tool()] = m
		}
	}
	for _, t := range sortedKeys(forks) {
		switch {
		case forks[t] > manyForks:
			c.abuse(p, moments[t], "processes", fmt.Sprintf("more than %d processes were started", manyForks))
		case refused[t] > manyRefused:
			c.abuse(p, moments[t], "processes", "it went on starting processes when there could be no more")
		}
	}
	c.output(p)
}

// beginnings are when processes were first seen, by number, and who started them.
type beginnings struct {
	first map[int]int64
	procs procs
	root  int // the server itself
}

func (p *pass) beginnings() beginnings {
	b := beginnings{map[int]int64{}, p.procs, 0}
	for i := range p.seen {
		o := &p.seen[i]
		if b.root == 0 {
			b.root = o.PID
		}
		if b.first[o.PID] == 0 {
			b.first[o.PID] = o.MonoNS
		}
	}
	return b
}

// of is when that began which an act of a process belongs to: when the server
// started its ancestor, however long ago, or else the time of the act.
func (b beginnings) of(pid int, at int64) int64 {
	for range maxChain {
		if pid == b.root {
			return at
		}
		if first := b.first[pid]; first > 0 {
			at = min(at, first)
		}
		parent := b.procs.parent[pid]
		if parent == 0 || parent == pid {
			return at
		}
		pid = parent
	}
	return at
}

var pidPath = regexp.MustCompile(`^/proc/\d+`)

// looks reports a look at who watches. A monitor looks at processes because it is
// asked to, and a program that starts looks where it is.
func (c *court) looks(p *pass, m moment, o *sdk.Observation, at string) {
	w := none
	program := ""
	if runs := p.chainOf(o); len(runs) > 0 {
		program = path.Base(runs[0].path)
	}
	switch {
	case c.says.claims(m, wording.Watch), m.call == nil && anyClaims(c.says, wording.Watch):
		w = declared
	case slices.Contains([]string{"ps", "top", "free", "uptime", "pgrep", "java", "lscpu", "systemd-detect-virt"}, program) || regexpBrowser.MatchString(program):
		w = child
	case m.call != nil && p.asked[m.call.N].path(at):
		w = argument
	}
	c.note(m.tool(), "looks at "+at, w)
	if w != none {
		return
	}
	s := low
	if m.call == nil && at != "PTRACE_TRACEME" {
		s = info
	}
	if at == "PTRACE_TRACEME" {
		s = medium
	}
	c.report(p, m, sdk.Finding{
		ID: "AUD-E01", Severity: s, Title: "looks for an observer at " + pidPath.ReplaceAllString(at, "/proc/self"), Object: pidPath.ReplaceAllString(at, "/proc/self"),
		Syscall: o.Syscall, Processes: p.commands(o), Evidence: []string{act(o, at)},
	})
}

// output reports a flood of connections, bytes on disk or text.
func (c *court) output(p *pass) {
	if len(p.Net) > manyFlows {
		c.abuse(p, p.when(p.Net[manyFlows].At), "connections", fmt.Sprintf("%d connections were made", len(p.Net)))
	}
	var bytes int64
	for _, f := range p.Files {
		if bytes += f.Size; bytes > manyBytes {
			c.abuse(p, p.changed(f), "disk", fmt.Sprintf("more than %d MiB were written", manyBytes>>20))
			break
		}
	}
	if p.JunkLines > manyLines+manyLinesCall*len(p.Calls) {
		c.abuse(p, moment{at: p.Clock.MonoNS}, "standard output", fmt.Sprintf("%d lines were no messages", p.JunkLines))
	}
	for _, call := range p.Calls {
		if call != nil && call.Outcome == bigOutcome {
			c.abuse(p, moment{phase: "call", call: call, at: call.From}, "result", "a result was larger than any client takes")
		}
	}
}

func (c *court) abuse(p *pass, m moment, what, how string) {
	c.report(p, m, sdk.Finding{ID: "AUD-R01", Title: "uses more than its share: " + how, Object: what, Evidence: []string{how}})
}

// watches reports whether a look for an observer was found.
func (c *court) watches() (keys []string) {
	for _, k := range sortedKeys(c.found) {
		if c.found[k].ID == "AUD-E01" {
			keys = append(keys, k)
		}
	}
	return keys
}
