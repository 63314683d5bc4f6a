package judge

import (
	"cmp"
	"encoding/json"
	"path"
	"slices"
	"sort"
	"strings"

	"github.com/killdeer-mcp/killdeer/audit/evidence"
	"github.com/killdeer-mcp/killdeer/audit/judge/canary"
	"github.com/killdeer-mcp/killdeer/sdk"
)

// pass is one life of the server, indexed.
type pass struct {
	*evidence.Pass
	dir      string            // that the server started in
	roots    []string          // that it may use
	seen     []sdk.Observation // acts, in their order of time
	procs    procs
	canaries map[string]evidence.Canary // by id
	sources  map[string]string          // id of the canary in a file, by path
	matcher  *canary.Matcher
	made     map[string]bool   // files that the server made itself
	names    map[string]string // name by address, from look-ups
	asked    map[int]*asked    // what a call asked for
	events   []event           // what happened to tools, for comparing passes
	probes   []string          // payloads, as paths: a server that takes one for a path keeps to it in later calls

	calls     map[int]*evidence.Call
	inNames   map[string]bool             // canaries that the DNS was asked for
	tunnels   map[string]bool             // names below which planted values were asked for
	differing map[string]bool             // files whose content changed
	written   map[string]*sdk.Observation // first change of a path that the tracer saw
	writers   map[string][]int            // calls in which a file was opened for writing, 0 outside of them, by path
}

// moment is when and in which call something happened.
type moment struct {
	phase evidence.Phase
	call  *evidence.Call // nil outside of calls
	late  bool           // behind the reply
	at    int64
}

// tool is whom to blame.
func (m moment) tool() string {
	if m.call == nil {
		return ""
	}
	return m.call.Name
}

// number is the call's, 0 outside of calls.
func (m moment) number() int {
	if m.call == nil {
		return 0
	}
	return m.call.N
}

func (c *court) newPass(p *evidence.Pass) *pass {
	n := &pass{
		Pass: p, dir: cmp.Or(p.Dir, c.audit.Target.Dir), roots: p.Roots, canaries: map[string]evidence.Canary{}, sources: map[string]string{},
		made: map[string]bool{}, names: map[string]string{}, asked: map[int]*asked{},
		calls: map[int]*evidence.Call{}, inNames: map[string]bool{}, tunnels: map[string]bool{}, differing: map[string]bool{}, written: map[string]*sdk.Observation{}, writers: map[string][]int{},
	}
	if n.roots == nil {
		n.roots = c.audit.Target.Roots
	}
	var planted []evidence.Canary
	for _, k := range c.audit.Canaries {
		if k.Pass != p.Name && k.Pass != "" {
			continue
		}
		planted = append(planted, k)
		n.canaries[k.ID] = k
		if k.Kind == "file" {
			n.sources[k.Source] = k.ID
		}
	}
	n.matcher = canary.New(planted).Within(c.work)
	for _, o := range p.Observations {
		if !o.PreExec && o.Kind != sdk.ObservedLoss && o.Kind != sdk.ObservedEnd && !(p.Faketime != "" && ofClock(&o)) {
			n.seen = append(n.seen, o)
		}
	}
	slices.SortStableFunc(n.seen, func(x, y sdk.Observation) int {
		return cmp.Or(cmp.Compare(x.MonoNS, y.MonoNS), cmp.Compare(x.Seq, y.Seq))
	})
	n.procs = readProcs(n.seen)
	for _, l := range p.Names {
		if l.Answer != "" && n.names[l.Answer] == "" {
			n.names[l.Answer] = strings.ToLower(strings.TrimSuffix(l.Name, "."))
		}
	}
	for _, call := range p.Calls {
		if call != nil {
			n.calls[call.N] = call
			n.takeProbes(call)
			n.asked[call.N] = c.asks(n, call)
		}
	}
	n.collectMade()
	return n
}

// takeProbes notes what the payloads of a call are as paths.
func (p *pass) takeProbes(call *evidence.Call) {
	if call.Marker == "" {
		return
	}
	eachString(call.Args, func(s string) {
		if !strings.Contains(s, call.Marker) || len(p.probes) >= maxProbes {
			return
		}
		if path.IsAbs(s) {
			p.probes = append(p.probes, path.Clean(s))
			return
		}
		for _, base := range slices.Concat([]string{p.dir, p.Home}, p.roots) {
			p.probes = append(p.probes, path.Join(base, s))
		}
	})
}

const maxProbes = 4000 // paths of one pass

// ofProbe reports whether a path is one of the payloads, lies below it, or is a
// folder that only its spelling makes.
func (p *pass) ofProbe(name string) bool {
	return slices.ContainsFunc(p.probes, func(probe string) bool {
		return within(name, probe) || within(probe, name) && strings.ContainsAny(name, "$'(")
	})
}

// ofClock reports whether an act is that of the library which makes time run ahead.
func ofClock(o *sdk.Observation) bool {
	return strings.Contains(path.Base(o.Path), "faketime") || strings.Contains(path.Base(o.PathReal), "faketime") || strings.Contains(o.Path2, "faketime")
}

// collectMade notes the files that the server made, whenever it did.
func (p *pass) collectMade() {
	for i := range p.seen {
		o := &p.seen[i]
		if o.Ret < 0 {
			continue
		}
		p.noteWrite(o, p.dir)
		switch o.Kind {
		case sdk.ObservedOpen, sdk.ObservedCreate:
			p.noteWriter(o)
			if o.Access.Create || o.Kind == sdk.ObservedCreate {
				p.made[p.pathOf(o, p.dir)] = true
			}
		case sdk.ObservedMkdir:
			p.made[p.pathOf(o, p.dir)] = true
		case sdk.ObservedRename, sdk.ObservedLink:
			p.made[p.resolve(o.Path2, o.DirPath, p.dir)] = true
		}
	}
	for _, f := range p.Files {
		if f.Change == "created" {
			p.made[f.Path] = true
		}
		if f.Change != "mode" {
			p.differing[f.Path] = true
		}
	}
	// What existed before was opened, not made.
	for _, f := range p.Files {
		if f.Phase == evidence.InCall && (f.Change == "removed" || f.Change == "modified") {
			delete(p.made, f.Path)
		}
	}
	for source := range p.sources {
		delete(p.made, source)
	}
}

// noteWriter keeps who opened a file for writing.
func (p *pass) noteWriter(o *sdk.Observation) {
	name := p.pathOf(o, p.dir)
	if n := p.when(o.MonoNS).number(); o.Access.Write && !slices.Contains(p.writers[name], n) {
		p.writers[name] = append(p.writers[name], n)
	}
}

// noteWrite keeps the first change of each path.
func (p *pass) noteWrite(o *sdk.Observation, dir string) {
	if !o.Access.Write && o.Kind != sdk.ObservedCreate && o.Kind != sdk.ObservedUnlink && o.Kind != sdk.ObservedRename {
		return
	}
	for _, name := range []string{p.pathOf(o, dir), p.resolve(o.Path2, o.DirPath, dir)} {
		if name != "" && p.written[name] == nil {
			p.written[name] = o
		}
	}
}

// pathOf is the path that an observation is about: the resolved one if known.
func (p *pass) pathOf(o *sdk.Observation, dir string) string {
	if o.PathReal != "" {
		return path.Clean(strings.TrimSuffix(o.PathReal, " (deleted)"))
	}
	return p.resolve(o.Path, o.DirPath, dir)
}

func (p *pass) resolve(name, base, dir string) string {
	if name == "" {
		return ""
	}
	if !path.IsAbs(name) {
		if base == "" {
			base = cmp.Or(dir, p.Home)
		}
		name = path.Join(base, name)
	}
	return path.Clean(name)
}

// when finds the phase and the call of a time.
func (p *pass) when(at int64) moment {
	m := moment{phase: evidence.Startup, at: at}
	i := sort.Search(len(p.Spans), func(i int) bool { return p.Spans[i].From > at })
	if i == 0 {
		return m
	}
	s := p.Spans[i-1]
	m.phase = s.Phase
	if n := s.Call; n > 0 && (s.Phase == evidence.InCall || s.Phase == evidence.Drain) {
		m.call = p.numbered(n)
		m.late = s.Phase == evidence.Drain || s.To > 0 && at > s.To
	}
	if at > s.To && s.To > 0 && i == len(p.Spans) {
		m.phase, m.call = evidence.AfterExit, nil
	}
	return m
}

// during is the moment of a call that is known by its number.
func (p *pass) during(phase evidence.Phase, n int) moment {
	m := moment{phase: phase, call: p.numbered(n)}
	if m.call != nil {
		m.at = m.call.From
		return m
	}
	for _, s := range p.Spans {
		if s.Phase == phase {
			m.at = s.From
		}
	}
	return m
}

func (p *pass) numbered(n int) *evidence.Call { return p.calls[n] }

// offset is a time in milliseconds since the pass began.
func (p *pass) offset(at int64) int64 {
	return max(0, (at-p.Clock.MonoNS)/1e6)
}

// procs knows who started whom.
type procs struct {
	parent map[int]int
	argv   map[int][]execution
}

type execution struct {
	at   int64
	argv []string
	path string
}

func readProcs(seen []sdk.Observation) procs {
	t := procs{map[int]int{}, map[int][]execution{}}
	for i := range seen {
		o := &seen[i]
		if o.PPID > 0 && t.parent[o.PID] == 0 {
			t.parent[o.PID] = o.PPID
		}
		switch {
		case o.Kind == sdk.ObservedFork && o.Ret > 0 && t.parent[int(o.Ret)] == 0:
			t.parent[int(o.Ret)] = o.PID
		case o.Kind == sdk.ObservedExec && o.Ret == 0 && o.Errno == "":
			t.argv[o.PID] = append(t.argv[o.PID], execution{o.MonoNS, o.Argv, cmp.Or(o.PathReal, o.Path)})
		}
	}
	return t
}

const maxChain = 32 // processes above each other

// chain returns the executions of a process and those above it, its own first.
func (t procs) chain(pid int, at int64) (all []execution) {
	for range maxChain {
		runs := t.argv[pid]
		for _, run := range slices.Backward(runs) {
			if run.at <= at {
				all = append(all, run)
				break
			}
		}
		parent := t.parent[pid]
		if parent == 0 || parent == pid {
			break
		}
		pid = parent
	}
	return all
}

// program is the name of the program that a process runs: a script's for an
// interpreter of npm's kind.
func (x execution) program() string {
	if len(x.argv) == 0 {
		return path.Base(x.path)
	}
	name := path.Base(x.argv[0])
	if len(x.argv) > 1 && (name == "node" || strings.HasPrefix(name, "python")) {
		switch script := path.Base(x.argv[1]); script {
		case "npm-cli.js", "npx-cli.js", "npm", "npx", "yarn.js", "pnpm.cjs", "pip", "uvx":
			return script
		}
	}
	return name
}

// text is a JSON value's strings, keys left out, each handed to f.
func eachString(raw []byte, f func(string)) {
	if len(raw) == 0 {
		return
	}
	var v any
	if json.Unmarshal(raw, &v) != nil {
		f(string(raw))
		return
	}
	walkStrings(v, f)
}

func walkStrings(v any, f func(string)) {
	switch v := v.(type) {
	case string:
		f(v)
	case []any:
		for _, e := range v {
			walkStrings(e, f)
		}
	case map[string]any:
		for _, k := range slices.Sorted(mapKeys(v)) {
			walkStrings(v[k], f)
		}
	}
}
