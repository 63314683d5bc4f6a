package enterprise

import (
	"slices"
	"strings"
	"time"

	"github.com/killdeer-mcp/killdeer/persona/enterprise/ql"
	"github.com/killdeer-mcp/killdeer/persona/world"
)

// each calls do with the issues of a page, in an order. Without one the latest
// come first. Ordinals rise with creation.
func (f issueFinder) each(found world.Set, order []ql.Order, start, limit int, do func(n int)) {
	if len(order) == 0 || len(order) == 1 && jqlKind(order[0].Field) == 'C' {
		k := 0
		found.Each(len(order) == 0 || order[0].Desc, func(n int) bool {
			if k >= start {
				do(n)
			}
			k++
			return k < start+limit
		})
		return
	}
	list := make([]int, 0, found.Len())
	found.Each(false, func(n int) bool {
		list = append(list, n)
		return true
	})
	f.v.waste += 8 * len(list) * (1 + len(order))
	var keys [][]int64
	order = distinctKinds(order)
	for _, o := range order {
		keys = append(keys, f.ranks(jqlKind(o.Field), found))
	}
	best := ql.Best(len(list), start+limit, func(a, b int) int {
		for k, o := range order {
			if sign := compareInts(keys[k][list[a]], keys[k][list[b]]); sign != 0 {
				if o.Desc {
					return -sign
				}
				return sign
			}
		}
		return b - a
	})
	for _, i := range ql.Window(best, start, limit) {
		do(list[i])
	}
}

// distinctKinds leaves out fields that come again.
func distinctKinds(order []ql.Order) (out []ql.Order) {
	seen := ""
	for _, o := range order {
		if kind := string(jqlKind(o.Field)); !strings.Contains(seen, kind) {
			seen += kind
			out = append(out, o)
		}
	}
	return out
}

// ranks gives each issue a number that sorts as the field does.
func (f issueFinder) ranks(kind byte, found world.Set) []int64 {
	out := make([]int64, 64*len(found))
	now := f.v.now
	switch kind {
	case 's', 'c', 'R', 'U', 'D', 'C', 'S':
		found.Each(false, func(n int) bool {
			out[n] = timeRank(kind, f.times(n), now)
			return true
		})
	case 'y', 'd':
		f.byString(out, found, func(n int) string { return f.text(n, kind) })
	default:
		f.rankFacet(kind, found, out)
	}
	return out
}

// statusOrder is how Jira's workflow orders the statuses.
var statusOrder = [...]string{"Backlog", "To Do", "In Progress", "In Review", "Done"}

func timeRank(kind byte, i *world.Issue, now time.Time) int64 {
	switch kind {
	case 'C':
		return i.Created.Unix()
	case 'U':
		return i.Updated(now).Unix()
	case 'R', 'D':
		name, when := i.Resolution(now)
		if name == "" {
			return -1
		}
		if kind == 'R' {
			return int64(len(name))
		}
		return when.Unix()
	case 'c':
		return int64(strings.Index("To Do In Progress Done", category(i.Status(now))))
	}
	return int64(slices.Index(statusOrder[:], i.Status(now)))
}

func (f issueFinder) byString(out []int64, found world.Set, text func(n int) string) {
	var list []int
	found.Each(false, func(n int) bool {
		list = append(list, n)
		return true
	})
	ql.Sort(list, func(a, b int) int { return strings.Compare(text(a), text(b)) })
	for i, n := range list {
		out[n] = int64(i)
	}
}

// rankFacet numbers the values of a field in the order of their names, and the
// issues by their values.
func (f issueFinder) rankFacet(kind byte, found world.Set, out []int64) {
	rank := int64(0)
	mark := func(set world.Set) {
		rank++
		set.Each(false, func(n int) bool {
			out[n] = rank
			return true
		})
	}
	switch kind {
	case 'p', 'k':
		for _, i := range sortedBy(len(f.v.Projects), func(i int) string { return f.v.Projects[i].Key }) {
			rank += 1 << 32
			f.Projects(found, func(have *world.Project) bool { return have == f.v.Projects[i] }).Each(false, func(n int) bool {
				if out[n] = rank; kind == 'k' {
					out[n] += int64(n)
				}
				return true
			})
		}
	case 'r':
		for _, name := range priorityNames {
			mark(f.Priorities(found, func(have string) bool { return have == name }))
		}
	case 't':
		var all []string
		f.Types(found, func(t string) bool { all = append(all, t); return false })
		for _, i := range sortedBy(len(all), func(i int) string { return all[i] }) {
			mark(f.Types(found, func(have string) bool { return have == all[i] }))
		}
	case 'a', 'o':
		for _, i := range sortedBy(len(f.v.Staff), func(i int) string { return f.v.Staff[i].Name }) {
			same := func(have *world.Person) bool { return have == f.v.Staff[i] }
			if kind == 'a' {
				mark(f.Assignees(found, same))
			} else {
				mark(f.Reporters(found, same))
			}
		}
	case 'm':
		for _, i := range sortedBy(len(f.v.Repos), func(i int) string { return f.v.Repos[i].Name }) {
			mark(f.Components(found, func(have *world.Repo) bool { return have == f.v.Repos[i] }))
		}
	}
}

// sortedBy are the numbers up to n, in the order of their texts.
func sortedBy(n int, text func(i int) string) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	ql.Sort(out, func(a, b int) int { return strings.Compare(text(a), text(b)) })
	return out
}
