package judge

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/killdeer-mcp/killdeer/audit/evidence"
	"github.com/killdeer-mcp/killdeer/audit/judge/wording"
	"github.com/killdeer-mcp/killdeer/sdk"
)

// change is one file that was written or went away.
type change struct {
	m     moment
	name  string
	gone  bool
	class class
	obs   *sdk.Observation // nil: seen by comparing, without a tracer
	how   string
}

// judgeFiles judges what was written, deleted, and searched for secrets.
func (c *court) judgeFiles(p *pass) {
	c.attempts(p)
	all := c.changes(p)
	for _, k := range all {
		if !wayTo(k, all) && !p.passed(k, all) {
			c.judgeChange(p, k)
		}
	}
	c.enumeration(p)
}

// passed reports whether a file was made and put away, or in another's place, in one
// call: how programs write files. What it became speaks for itself.
func (p *pass) passed(k change, all []change) bool {
	if !p.made[k.name] || k.obs == nil || p.written[k.name] == nil {
		return false
	}
	n := p.when(p.written[k.name].MonoNS).number()
	return k.m.number() == n && slices.ContainsFunc(all, func(x change) bool { return x.gone && x.name == k.name && x.m.number() == n })
}

// attempts reports files of the system that the server tried to change, where they
// make something run later. That it may not is the sandbox's doing.
func (c *court) attempts(p *pass) {
	for i := range p.seen {
		o := &p.seen[i]
		name := p.pathOf(o, p.dir)
		if o.Ret >= 0 || !o.Access.Write || !listed(startRoots, name) || !slices.Contains([]string{"EACCES", "EPERM", "EROFS", "ENOENT"}, o.Errno) || p.ofProbe(name) {
			continue
		}
		m := p.when(o.MonoNS)
		if w := c.pathWhy(p, m, o, name, c.classOf(p, name), true); w != none && w != runtime {
			c.note(m.tool(), "tries to write "+name, w)
			continue
		}
		p.add(m, "persist "+path.Base(name), false)
		c.report(p, m, sdk.Finding{
			ID: "AUD-F02", Title: "tries to write " + name + ", which makes programs run or act later", Object: name, Syscall: o.Syscall,
			Processes: p.commands(o), Evidence: []string{act(o, name)}, Confidence: confidence(m), Provenance: string(none),
		})
	}
}

// wayTo reports whether a folder was only made for what was then put into it,
// which speaks for itself.
func wayTo(k change, all []change) bool {
	if k.obs == nil || k.obs.Kind != sdk.ObservedMkdir {
		return false
	}
	return slices.ContainsFunc(all, func(x change) bool { return x.name != k.name && within(x.name, k.name) })
}

// changes merges what the tracer saw with what had changed afterwards.
func (c *court) changes(p *pass) []change {
	var all []change
	met := map[string]bool{}
	dir := p.dir
	add := func(o *sdk.Observation, name string, gone bool) {
		if name == "" || strings.HasPrefix(name, "/memfd:") || strings.HasPrefix(name, "pipe:") || strings.HasPrefix(name, "socket:") {
			return
		}
		met[name] = true
		all = append(all, change{p.when(o.MonoNS), name, gone, c.classOf(p, name), o, act(o, name)})
	}
	for i := range p.seen {
		o := &p.seen[i]
		if o.Ret < 0 || o.Injected {
			continue
		}
		switch o.Kind {
		case sdk.ObservedOpen, sdk.ObservedCreate:
			// Who opens for both may only look: that counts if the file changed.
			if o.Access.Trunc || o.Access.Write && !o.Access.Read || o.Kind == sdk.ObservedCreate || o.Access.Create && p.isNew(p.pathOf(o, dir)) || o.Access.Write && p.differs(p.pathOf(o, dir)) {
				add(o, p.pathOf(o, dir), false)
			}
		case sdk.ObservedTruncate, sdk.ObservedMkdir, sdk.ObservedChmod:
			add(o, p.pathOf(o, dir), false)
		case sdk.ObservedUnlink:
			add(o, p.pathOf(o, dir), true)
		case sdk.ObservedRename:
			add(o, p.pathOf(o, dir), true)
			add(o, p.resolve(o.Path2, o.DirPath, dir), false)
		case sdk.ObservedLink:
			add(o, p.resolve(o.Path2, o.DirPath, dir), false)
		}
	}
	for _, f := range p.Files {
		if !met[f.Path] {
			all = append(all, change{p.changed(f), f.Path, f.Change == "removed", c.classOf(p, f.Path), nil, f.Path + " was " + f.Change})
		}
	}
	return all
}

func (p *pass) isNew(name string) bool { return p.made[name] }

func (p *pass) differs(name string) bool { return p.differing[name] }

func (c *court) judgeChange(p *pass, k change) {
	verb := "writes "
	if k.gone {
		verb = "deletes "
	}
	if p.ofProbe(k.name) {
		c.note(k.m.tool(), verb+string(k.class), argument)
		return
	}
	w := c.pathWhy(p, k.m, k.obs, k.name, k.class, true)
	c.note(k.m.tool(), verb+string(k.class), w)
	c.behaved(p, k.m, func(b *evidence.Behaviour) { b.Writes = append(b.Writes, string(k.class)) })
	if w != none && k.m.call == nil && !c.starts(p, k.name) && !within(k.name, "/var/log") {
		return
	}
	f := sdk.Finding{Object: k.name, Evidence: []string{k.how}, Processes: p.commands(k.obs), Confidence: confidence(k.m), Provenance: string(w)}
	if k.obs != nil {
		f.Syscall = k.obs.Syscall
	}
	if c.tampers(p, k, w, f) || c.persists(p, k, w, f) {
		return
	}
	if c.contradicts(p, k, w, f) || w != none {
		return
	}
	f.ID, f.Title, f.Claim = "AUD-F01", verb+k.name+", outside of its own folders, undeclared", c.says.denied(k.m, wording.Write)
	if k.gone || k.class == inCanary || k.class == inSecrets {
		f.Severity = high
	}
	p.add(k.m, verb+string(k.class), k.obs == nil)
	c.report(p, k.m, f)
}

var logs = []string{".bash_history", ".zsh_history", ".python_history", ".mysql_history", ".psql_history", ".lesshst"}

// tampers reports whether a change is one to a record of what was done.
func (c *court) tampers(p *pass, k change, w why, f sdk.Finding) bool {
	inside, home := strings.CutPrefix(k.name, p.Home+"/")
	if !(home && slices.Contains(logs, inside) || within(k.name, "/var/log") || k.name == "/var/run/utmp") || w == argument || w == declared {
		return false
	}
	f.ID, f.Title, f.Provenance = "AUD-E07", "changes the record "+k.name, string(none)
	p.add(k.m, "tamper "+inside, k.obs == nil)
	c.report(p, k.m, f)
	return true
}

// persists reports whether a change makes something run later.
func (c *court) persists(p *pass, k change, w why, f sdk.Finding) bool {
	if strings.HasSuffix(k.name, ".sample") && strings.Contains(k.name, "/hooks/") { // nothing runs it under that name
		c.note(k.m.tool(), "fills "+string(k.class), runtime)
		return true
	}
	if k.gone || !c.starts(p, k.name) || w == argument || w == declared || k.obs != nil && k.obs.Kind == sdk.ObservedMkdir && !strings.Contains(k.name, "/hooks") && !within(k.name, "/etc") {
		return false
	}
	inside := within(k.name, p.Home) && !strings.Contains(k.name, "/.git/") // git's own templates are hooks, too
	if runs := p.chainOf(k.obs); len(runs) > 0 && runs[0].program() == "git" && within(runs[0].path, "/usr") && (!inside || c.says.mentions(k.m, "git")) {
		c.note(k.m.tool(), "fills "+string(k.class), child)
		return true
	}
	if w != none && w != root && w != own && w != runtime {
		return false
	}
	f.ID, f.Title, f.Provenance = "AUD-F02", "writes "+k.name+", which makes programs run or act later", string(none)
	if strings.HasSuffix(k.name, "authorized_keys") || strings.HasSuffix(k.name, "ld.so.preload") {
		f.Severity = critical
	}
	p.add(k.m, "persist "+path.Base(k.name), k.obs == nil)
	c.report(p, k.m, f)
	return true
}

// contradicts reports changes that a tool's annotations rule out. Its own state,
// caches and temporary files are none of those.
func (c *court) contradicts(p *pass, k change, w why, f sdk.Finding) bool {
	if k.m.call == nil || k.m.call.Kind != "tool" || w == own || w == declared || k.class == inProc || k.obs != nil && k.obs.Kind == sdk.ObservedMkdir || w != argument && k.class == inRoot && k.gone && p.passing(k) {
		return false
	}
	if db := p.database(k.name); db != "" {
		if k.gone || !strings.HasSuffix(k.name, "-journal") {
			return false
		}
		k.name, f.Object = db, db // a journal is made for a change
	} else if c.unproved(p, k) {
		return false
	}
	t := c.says.of(k.m)
	verb := "writes "
	if k.gone {
		verb = "deletes "
	}
	switch {
	case t.Annotations.ReadOnly != nil && *t.Annotations.ReadOnly:
		f.ID, f.Claim = "AUD-F03", &sdk.Claim{Source: "annotations", Quote: "readOnlyHint: true"}
		f.Title = verb + k.name + " although it says that it only reads"
		if !k.gone {
			f.Severity = medium
		}
	case k.gone && t.Annotations.Destructive != nil && !*t.Annotations.Destructive && !p.replaced(k):
		f.ID, f.Claim = "AUD-F04", &sdk.Claim{Source: "annotations", Quote: "destructiveHint: false"}
		f.Title = verb + k.name + " although it says that it destroys nothing"
	default:
		return false
	}
	p.add(k.m, "contradicts "+verb+string(k.class), k.obs == nil)
	c.report(p, k.m, f)
	return true
}

// database is the file that a journal of SQLite belongs to, "" for what is none. Who
// only reads makes some of them, too.
func (p *pass) database(name string) string {
	for _, end := range []string{"-wal", "-shm", "-journal"} {
		if db, ok := strings.CutSuffix(name, end); ok && len(p.writers[db]) > 0 {
			return db
		}
	}
	return ""
}

// unproved reports whether a file was only opened for reading and writing, and may have
// been changed by somebody else who does not say that he only reads.
func (c *court) unproved(p *pass, k change) bool {
	o := k.obs
	if o == nil || o.Kind != sdk.ObservedOpen || !o.Access.Read || o.Access.Trunc || o.Access.Create && p.made[k.name] && p.written[k.name] == o {
		return false
	}
	return slices.ContainsFunc(p.writers[k.name], func(n int) bool {
		t := c.says.of(moment{call: p.numbered(n)})
		return n != k.m.number() && (t.Annotations.ReadOnly == nil || !*t.Annotations.ReadOnly)
	})
}

// passing reports whether what went away was made in the same call.
func (p *pass) passing(k change) bool {
	first := p.written[k.name]
	return p.made[k.name] && (first == nil || p.when(first.MonoNS).number() == k.m.number())
}

// replaced reports whether what went away was put back, or was the server's own.
func (p *pass) replaced(k change) bool {
	return p.made[k.name] || k.obs != nil && k.obs.Kind == sdk.ObservedRename
}

const fewSecrets = 3 // places of secrets that make an enumeration

// enumeration reports a search through places where secrets are kept: several of
// them, or the list of one. What was not there counts only where nobody looks by
// accident.
func (c *court) enumeration(p *pass) {
	type search struct {
		m      moment
		places map[string]bool
		listed string
		obs    *sdk.Observation
	}
	found := map[int]*search{}
	for i := range p.seen {
		o := &p.seen[i]
		if o.Kind != sdk.ObservedOpen || !o.Access.Read && o.Access.Write {
			continue
		}
		name := p.pathOf(o, p.dir)
		if o.Ret < 0 {
			c.tries(p, o, name)
			continue
		}
		k := c.classOf(p, name)
		if k != inCanary && k != inSecrets {
			continue
		}
		m := p.when(o.MonoNS)
		if w := c.pathWhy(p, m, o, name, k, false); w != none {
			if k == inSecrets {
				c.note(m.tool(), "reads "+string(k), w)
			}
			continue
		}
		c.behaved(p, m, func(b *evidence.Behaviour) { b.Reads = append(b.Reads, string(k)) })
		n := m.number()
		if found[n] == nil {
			found[n] = &search{m: m, places: map[string]bool{}, obs: o}
		}
		found[n].places[name] = true
		if p.isFolder(name) {
			found[n].listed = name
		}
	}
	for n := range len(p.Calls) + 1 {
		s := found[n]
		if s == nil || len(s.places) < fewSecrets && s.listed == "" {
			continue
		}
		f := sdk.Finding{
			ID: "AUD-F05", Title: fmt.Sprintf("opens %d places where secrets are kept", len(s.places)), Object: "secret stores",
			Syscall: s.obs.Syscall, Processes: p.commands(s.obs), Confidence: confidence(s.m),
		}
		if len(s.places) < fewSecrets {
			f.Severity, f.Title = medium, "lists "+s.listed+", where secrets are kept"
		}
		for _, name := range sortedKeys(s.places) {
			if len(f.Evidence) < maxEvidence {
				f.Evidence = append(f.Evidence, "opened "+name)
			}
		}
		p.add(s.m, "enumerates", false)
		c.report(p, s.m, f)
	}
}

// tries reports a secret that the server asked the system for in vain.
func (c *court) tries(p *pass, o *sdk.Observation, name string) {
	if !p.unmistakable(name) || p.ofProbe(name) {
		return
	}
	m := p.when(o.MonoNS)
	if w := c.pathWhy(p, m, o, name, inSecrets, false); w != none {
		c.note(m.tool(), "tries to read "+name, w)
		return
	}
	p.add(m, "tries to read "+path.Base(name), false)
	c.report(p, m, sdk.Finding{
		ID: "AUD-F05", Title: "tries to read " + name, Object: name, Syscall: o.Syscall, Processes: p.commands(o),
		Evidence: []string{act(o, name)}, Confidence: confidence(m),
	})
}

// unmistakable reports whether a path is of a secret that no runtime looks for by
// habit, as it does for files of settings: passwords of the machine, and keys of ssh.
func (p *pass) unmistakable(name string) bool {
	for _, home := range []string{p.Home, "/root"} {
		if key, ok := strings.CutPrefix(name, home+"/.ssh/id_"); ok {
			return !strings.HasSuffix(key, ".pub")
		}
	}
	return name == "/etc/shadow" || name == "/etc/gshadow"
}

// isFolder reports whether a path is a folder that secrets are kept in.
func (p *pass) isFolder(name string) bool {
	inside, home := strings.CutPrefix(name, p.Home+"/")
	return home && slices.Contains(secretPaths, inside+"/")
}
