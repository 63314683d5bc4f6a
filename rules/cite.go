package rules

import (
	"slices"

	"github.com/google/uuid"
)

// maxCited is how many events a detection names.
const maxCited = 20

// cite returns the ids of the events that a rule's verdict rests on: the one at
// hand, then the newest that the windows hold which the rule says it reads.
func (p *pack) cite(r *rule, v *view) []string {
	var held []entry
	for _, i := range r.cites {
		held = append(held, p.windows[i].look(v)...)
	}
	slices.SortStableFunc(held, func(a, b entry) int { return int(max(-1, min(1, b.at-a.at))) })
	ids := []string{v.ev.ID}
	seen := map[uuid.UUID]bool{uuid.Nil: true, v.uuid(): true}
	for _, e := range held {
		if len(ids) == maxCited {
			break
		}
		if !seen[e.id] {
			seen[e.id] = true
			ids = append(ids, e.id.String())
		}
	}
	return ids
}
