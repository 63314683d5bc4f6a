package report

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/netip"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/killdeer-mcp/killdeer/audit/evidence"
	"github.com/killdeer-mcp/killdeer/sdk"
)

// How much of a server's doings a report keeps.
const (
	maxDescription = 4096 // bytes of a text of the server's
	maxKept        = 10_000
	maxSeen        = 500 // entries of each list of what a policy would allow
)

// Build makes a report out of what was gathered and what was judged. The exit code,
// the lock and the times are the caller's to add: see [Decide].
func Build(a *evidence.Audit, v evidence.Verdict) *evidence.Report {
	r := &evidence.Report{
		Version: evidence.ReportVersion, Seed: a.Seed, Target: a.Target, Machine: a.Machine,
		Outcome: v.Outcome, Reasons: v.Reasons, Coverage: v.Coverage,
		Tools: v.Tools, Findings: v.Findings, Faults: v.Operational, Set: v.Suppressed, Ignored: v.Ignored,
		Locked: v.Locked, Lock: evidence.LockStatus{State: "none"},
		Server: identity(a),
	}
	r.Target.Argv = hideSecrets(r.Target.Argv)
	for _, p := range a.Passes {
		r.Passes = append(r.Passes, summary(p))
		r.Calls = append(r.Calls, calls(p, v.Findings)...)
		r.Processes = append(r.Processes, processes(p)...)
	}
	r.Calls, r.Processes = r.Calls[:min(len(r.Calls), maxKept)], r.Processes[:min(len(r.Processes), maxKept)]
	r.Network = network(a.Passes)
	r.Seen = seen(a.Passes, r.Network)
	r.Not = notExercised(a, v)
	Sort(r)
	return r
}

// identity is what the server said of itself in the first pass that it answered in.
func identity(a *evidence.Audit) evidence.Identity {
	id := evidence.Identity{Name: a.Target.Name}
	for _, p := range a.Passes {
		if len(p.Server) == 0 && len(p.Catalog) == 0 {
			continue
		}
		var info struct{ Name, Version string }
		if json.Unmarshal(p.Server, &info) == nil && info.Name != "" {
			id.Name, id.Version = clip(info.Name, 200), clip(info.Version, 200)
		}
		id.Protocol, id.Instructions = p.Protocol, clip(p.Instructions, maxDescription)
		if len(p.Catalog) > 0 {
			c := p.Catalog[0]
			id.Counts = evidence.DeclaredSurface{Tools: len(c.Tools), Resources: len(c.Resources), Templates: len(c.Templates), Prompts: len(c.Prompts)}
			id.Tools, id.SurfaceHash = declared(c.Tools), surfaceHash(c)
		}
		break
	}
	return id
}

func clip(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	return strings.ToValidUTF8(s[:limit], "") + "…"
}

func declared(tools []sdk.RawJSON) []evidence.DeclaredTool {
	var list []evidence.DeclaredTool
	for _, raw := range tools[:min(len(tools), maxKept)] {
		var t struct{ Name, Title, Description string }
		if json.Unmarshal(raw, &t) == nil {
			list = append(list, evidence.DeclaredTool{Name: clip(t.Name, 200), Title: clip(t.Title, 200), Description: clip(t.Description, maxDescription)})
		}
	}
	slices.SortStableFunc(list, func(a, b evidence.DeclaredTool) int { return cmp.Compare(a.Name, b.Name) })
	return list
}

// surfaceHash is over the sorted raw entries of all lists: their order is nothing.
func surfaceHash(c evidence.Catalog) string {
	h := sha256.New()
	for _, l := range [][]sdk.RawJSON{c.Tools, c.Resources, c.Templates, c.Prompts} {
		texts := make([]string, len(l))
		for i, raw := range l {
			texts[i] = string(raw)
		}
		slices.Sort(texts)
		fmt.Fprintf(h, "%d\n%s\n", len(texts), strings.Join(texts, "\n"))
	}
	return hex.EncodeToString(h.Sum(nil))
}

// secretWords mark an option whose value is not repeated.
var secretWords = []string{"token", "secret", "password", "passwd", "api-key", "apikey", "api_key", "credential", "authorization"}

// hideSecrets leaves out values of arguments that look like secrets.
func hideSecrets(argv []string) []string {
	out := slices.Clone(argv)
	for i, arg := range out {
		option, _, value := strings.Cut(arg, "=")
		low := strings.ToLower(option)
		if !slices.ContainsFunc(secretWords, func(w string) bool { return strings.Contains(low, w) }) {
			continue
		}
		if value {
			out[i] = option + "=***"
		} else if strings.HasPrefix(arg, "-") && i+1 < len(out) && !strings.HasPrefix(out[i+1], "-") {
			out[i+1] = "***"
		}
	}
	return out
}

func summary(p *evidence.Pass) evidence.PassSummary {
	s := evidence.PassSummary{Name: p.Name, Change: p.Change, Clock: p.Faketime, Traced: p.Traced, Calls: len(p.Calls), Observations: len(p.Observations), Ended: p.Exit}
	for _, c := range p.Calls {
		if c.Outcome == "ok" {
			s.CallsOK++
		}
	}
	if p.Trace != nil {
		for _, n := range p.Trace.Lost {
			s.Lost += n
		}
	}
	if n := len(p.Spans); n > 0 {
		s.TookMS = ms(p.Spans[n-1].To - p.Spans[0].From)
	}
	return s
}

func ms(ns int64) int64 { return max(0, ns) / int64(time.Millisecond) }

func calls(p *evidence.Pass, findings []sdk.Finding) []evidence.CallSummary {
	ids := map[int][]string{}
	for _, f := range findings {
		if f.Pass == p.Name && f.Call > 0 && !slices.Contains(ids[f.Call], f.ID) {
			ids[f.Call] = append(ids[f.Call], f.ID)
		}
	}
	list := make([]evidence.CallSummary, 0, len(p.Calls))
	for _, c := range p.Calls {
		slices.Sort(ids[c.N])
		list = append(list, evidence.CallSummary{
			Pass: p.Name, N: c.N, Kind: c.Kind, Name: clip(c.Name, 300), Case: c.Case, Outcome: c.Outcome, Findings: ids[c.N],
			AtMS: ms(c.From - p.Clock.MonoNS), TookMS: ms(c.To - c.From),
		})
	}
	return list
}

// callAt is the number of the call that a moment belongs to, or 0.
func callAt(p *evidence.Pass, at int64) int {
	for _, s := range p.Spans {
		if s.Call > 0 && at >= s.From && at < s.To {
			return s.Call
		}
	}
	return 0
}

// processes numbers the processes of a pass by the order of their first exec.
func processes(p *evidence.Pass) []evidence.Process {
	var list []evidence.Process
	byPID := map[int]int{} // index in list, plus 1
	parents := map[int]int{}
	for _, o := range p.Observations {
		switch {
		case o.PreExec:
		case o.Kind == sdk.ObservedFork && o.Ret > 0:
			parents[int(o.Ret)] = o.PID
		case o.Kind == sdk.ObservedExec && o.Errno == "" && len(list) < maxKept:
			list = append(list, evidence.Process{
				Pass: p.Name, N: len(list) + 1, Parent: nearest(byPID, parents, o), Command: command(o), Call: callAt(p, o.MonoNS), PID: o.PID,
			})
			byPID[o.PID] = len(list)
		case o.Kind == sdk.ObservedExit && byPID[o.PID] > 0:
			list[byPID[o.PID]-1].Status = o.Status
		}
	}
	return list
}

// nearest is the number of the process that another one came of.
func nearest(byPID, parents map[int]int, o sdk.Observation) int {
	if n := byPID[o.PID]; n > 0 {
		return n // it executes another program itself
	}
	pid := cmp.Or(o.PPID, parents[o.PID])
	for range 64 { // forks that executed nothing stand between
		if n := byPID[pid]; n > 0 || pid == 0 {
			return n
		}
		pid = parents[pid]
	}
	return 0
}

func command(o sdk.Observation) []string {
	if len(o.Argv) == 0 {
		return []string{clip(cmp.Or(o.PathReal, o.Path), 1000)}
	}
	words := hideSecrets(o.Argv[:min(len(o.Argv), 64)])
	for i := range words {
		words[i] = clip(words[i], 300)
	}
	return words
}

func network(passes []*evidence.Pass) []evidence.Endpoint {
	type key struct {
		name  string
		port  int
		proto string
	}
	found := map[key]*evidence.Endpoint{}
	add := func(p *evidence.Pass, k key, at int64, bytes int) *evidence.Endpoint {
		e := found[k]
		if e == nil {
			e = &evidence.Endpoint{Name: k.name, Port: k.port, Proto: k.proto}
			found[k] = e
		}
		e.Count++
		e.Bytes += bytes
		if tool := toolAt(p, at); !slices.Contains(e.Tools, tool) {
			e.Tools = append(e.Tools, tool)
		}
		return e
	}
	for _, p := range passes {
		for _, f := range p.Net {
			e := add(p, key{clip(cmp.Or(f.SNI, f.Name, f.Addr), 300), f.Port, f.Proto}, f.At, f.SentSize)
			e.TLS, e.Error = e.TLS || f.TLS, cmp.Or(e.Error, clip(f.Refused, 300))
		}
		for _, l := range p.Names {
			add(p, key{clip(l.Name, 300), 53, "dns"}, l.At, 0)
		}
	}
	list := make([]evidence.Endpoint, 0, len(found))
	for _, e := range found {
		slices.Sort(e.Tools)
		list = append(list, *e)
	}
	slices.SortFunc(list, func(a, b evidence.Endpoint) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Port, b.Port), cmp.Compare(a.Proto, b.Proto))
	})
	return list[:min(len(list), maxKept)]
}

func toolAt(p *evidence.Pass, at int64) string {
	if n := callAt(p, at); n > 0 {
		for _, c := range p.Calls {
			if c.N == n {
				return clip(c.Name, 300)
			}
		}
	}
	return ""
}

// systemDirs hold what every program reads; a policy does not name them.
var systemDirs = []string{"/usr", "/lib", "/lib64", "/bin", "/sbin", "/proc", "/sys", "/dev", "/etc", "/tmp"}

// seen is what a policy would have to allow for all that was observed.
func seen(passes []*evidence.Pass, net []evidence.Endpoint) evidence.Allow {
	var a evidence.Allow
	for _, e := range net {
		if e.Proto != "dns" {
			a.Net = append(a.Net, hostPort(e))
		}
	}
	for _, p := range passes {
		for _, o := range p.Observations {
			switch {
			case o.PreExec || o.Errno != "" || o.Ret < 0:
			case o.Kind == sdk.ObservedExec:
				a.Exec = append(a.Exec, path.Base(cmp.Or(o.PathReal, o.Path)))
			case o.Kind == sdk.ObservedOpen && o.Access.Read && !o.Access.Write:
				a.Read = append(a.Read, place(p, o.PathReal)...)
			case o.Kind == sdk.ObservedOpen || o.Kind == sdk.ObservedCreate:
				a.Write = append(a.Write, place(p, cmp.Or(o.PathReal, o.Path))...)
			}
		}
		for _, f := range p.Files {
			a.Write = append(a.Write, place(p, f.Path)...)
		}
	}
	for _, l := range []*[]string{&a.Net, &a.Read, &a.Write, &a.Exec} {
		slices.Sort(*l)
		*l = slices.Compact(*l)
		*l = (*l)[:min(len(*l), maxSeen)]
	}
	return a
}

func hostPort(e evidence.Endpoint) string {
	if addr, err := netip.ParseAddr(e.Name); err == nil {
		return netip.AddrPortFrom(addr, uint16(e.Port)).String()
	}
	return fmt.Sprintf("%s:%d", e.Name, e.Port)
}

// drawn is what a program draws for the name of a file, such as a temporary one.
var drawn = regexp.MustCompile(`[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F-]{22,}|\b[0-9a-f]{12,}\b`)

// place is a path as a policy names it: below "~" in the server's home, nothing of
// the system, and with no pattern in it but for what was drawn by lot.
func place(p *evidence.Pass, file string) []string {
	file = path.Clean(file)
	if !path.IsAbs(file) || slices.ContainsFunc(systemDirs, func(d string) bool { return below(file, d) }) {
		return nil
	}
	if p.Home != "" && below(file, p.Home) {
		file = "~" + strings.TrimPrefix(file, p.Home)
	}
	file = strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(file)
	return []string{path.Join(path.Dir(file), drawn.ReplaceAllString(path.Base(file), "*"))}
}

func below(file, dir string) bool { return file == dir || strings.HasPrefix(file, dir+"/") }

// notExercised says what the audit did not look at.
func notExercised(a *evidence.Audit, v evidence.Verdict) []string {
	var list []string
	add := func(format string, args ...any) { list = append(list, fmt.Sprintf(format, args...)) }
	c := v.Coverage
	if !c.Observed {
		add("behaviour: nothing looked on, only the texts were judged")
	}
	if len(a.Passes) > 0 && c.Observed && !slices.ContainsFunc(a.Passes, func(p *evidence.Pass) bool { return p.Traced }) {
		add("what the server reads and executes: there was no tracer")
	}
	if never := c.Tools - c.ToolsCalled; never > 0 {
		add("%s never called", plural(never, "tool"))
	}
	if len(c.Never) > 0 {
		add("succeeded never: %s", strings.Join(c.Never, ", "))
	}
	var missing []string
	for _, pass := range []struct{ name, what string }{
		{"B", "other secrets and another home"}, {"C", "a later and faster clock"}, {"D", "other client names"}, {"E", "no tracer"},
	} {
		if !slices.Contains(c.Passes, pass.name) {
			missing = append(missing, pass.name+" ("+pass.what+")")
		}
	}
	if len(missing) > 0 && len(a.Passes) > 0 {
		add("passes left out: %s", strings.Join(missing, ", "))
	}
	if len(c.Refused) > 0 {
		add("payloads that could not be read, the server did not take the certificate: %s", strings.Join(c.Refused, ", "))
	}
	if c.Lost > 0 {
		add("%d observations were lost", c.Lost)
	}
	for _, p := range a.Passes {
		for _, f := range p.Faults {
			add("pass %s: %s", p.Name, f)
		}
	}
	return list
}
