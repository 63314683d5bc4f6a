package lock

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/killdeer-mcp/killdeer/audit/evidence"
)

// The kinds of [evidence.LockChange].
const (
	Added   = "added"
	Removed = "removed"
	Changed = "changed"
)

// Diff lists in what an audited server differs from its lock, sorted by path. What
// an upgrade changes without a change of content is no difference: version,
// package, integrity, and the server's own name for itself.
func Diff(locked, now *evidence.LockedServer) []evidence.LockChange {
	d := &differ{}
	d.text("argv", strings.Join(locked.Argv, " "), strings.Join(now.Argv, " "))
	d.hash("instructions", locked.Instructions, now.Instructions, locked.InstructionsText, now.InstructionsText)
	d.tools(locked.Tools, now.Tools)
	d.hashes("resources", locked.Resources, now.Resources)
	d.hashes("templates", locked.Templates, now.Templates)
	d.hashes("prompts", locked.Prompts, now.Prompts)
	d.behaviour("behaviour", locked.Behaviour, now.Behaviour)
	slices.SortStableFunc(d.changes, func(a, b evidence.LockChange) int {
		return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Change, b.Change), cmp.Compare(a.New, b.New), cmp.Compare(a.Old, b.Old))
	})
	return d.changes
}

type differ struct{ changes []evidence.LockChange }

func (d *differ) add(path, change, old, now string) {
	d.changes = append(d.changes, evidence.LockChange{Path: path, Change: change, Old: old, New: now})
}

func (d *differ) text(path, old, now string) {
	if old != now {
		d.add(path, kindOf(old, now), old, now)
	}
}

func kindOf(old, now string) string {
	switch {
	case old == "":
		return Added
	case now == "":
		return Removed
	}
	return Changed
}

// hash compares hashes and shows the texts, which may be cut.
func (d *differ) hash(path, old, now, oldText, nowText string) {
	if old == now {
		return
	}
	if oldText == nowText {
		oldText, nowText = old, now
	}
	d.add(path, kindOf(old, now), oldText, nowText)
}

func (d *differ) tools(old, now map[string]evidence.LockedTool) {
	for _, name := range both(old, now) {
		path := "tools." + name
		was, wasThere := old[name]
		is, isThere := now[name]
		switch {
		case !wasThere:
			d.add(path, Added, "", is.Description)
		case !isThere:
			d.add(path, Removed, was.Description, "")
		default:
			if was.SHA256 != is.SHA256 && was.Description == is.Description {
				d.add(path+".schema", Changed, was.SHA256, is.SHA256)
			} else {
				d.hash(path+".description", was.SHA256, is.SHA256, was.Description, is.Description)
			}
			d.list(path+".required", was.Required, is.Required)
			d.behaviour(path+".behaviour", was.Behaviour, is.Behaviour)
		}
	}
}

func (d *differ) hashes(path string, old, now map[string]string) {
	for _, name := range both(old, now) {
		d.text(path+"."+name, old[name], now[name])
	}
}

func (d *differ) behaviour(path string, old, now evidence.Behaviour) {
	d.list(path+".hosts", old.Hosts, now.Hosts)
	d.list(path+".reads", old.Reads, now.Reads)
	d.list(path+".writes", old.Writes, now.Writes)
	d.list(path+".execs", old.Execs, now.Execs)
	d.list(path+".env", old.Env, now.Env)
}

// list compares lists as sets.
func (d *differ) list(path string, old, now []string) {
	for _, entry := range now {
		if !slices.Contains(old, entry) {
			d.add(path, Added, "", entry)
		}
	}
	for _, entry := range old {
		if !slices.Contains(now, entry) {
			d.add(path, Removed, entry, "")
		}
	}
}

// both are the keys of two maps, sorted.
func both[V any](a, b map[string]V) []string {
	keys := slices.AppendSeq(slices.Collect(maps.Keys(a)), maps.Keys(b))
	slices.Sort(keys)
	return slices.Compact(keys)
}
