package rules

import (
	"bytes"
	"strings"

	"github.com/google/uuid"

	"github.com/killdeer-mcp/killdeer/sdk"
	"github.com/killdeer-mcp/killdeer/sdk/guest"
)

// maxFields is how many fields and facts there may be, see [view].
const maxFields = 128

// view is an event as windows and rules see it. What costs something to work out
// is worked out once, and only if somebody asks. One view serves event after
// event.
type view struct {
	ev    *sdk.Event
	have  [maxFields / 64]uint64
	value [maxFields]string

	id       uuid.UUID
	idRead   bool
	head     headFacts
	headRead bool
	heads    map[string]headFacts // of events before: most clients' heads recur

	// What follows from the request and its outcome alone serves for the next event too
	// if they are the same: in a flood most are.
	asked  asked
	again  bool // this event asks what the one before did, with the same outcome
	text   textFacts
	textBy *terms // who read it, nil when nobody has
	prose  verdict
}

// asked is what a client asks for, and what comes of it.
type asked struct {
	texts [10]string
	args  sdk.RawJSON
}

func askedIn(ev *sdk.Event) asked {
	return asked{[...]string{
		ev.Method, ev.MCPMethod, ev.Tool, ev.URI, ev.Prompt, ev.Service, ev.Class, ev.Category, ev.Event, ev.Outcome,
	}, ev.Args}
}

func (a *asked) equal(b *asked) bool { return a.texts == b.texts && bytes.Equal(a.args, b.args) }

// reset makes ev the event that is seen.
func (v *view) reset(ev *sdk.Event) {
	var have [maxFields / 64]uint64
	now := askedIn(ev)
	if v.again = v.ev != nil && v.asked.equal(&now); v.again {
		for w := range have {
			have[w] = v.have[w] & ofAsked[w]
		}
	} else {
		v.textBy, v.prose = nil, undecided
	}
	v.ev, v.have, v.asked, v.idRead, v.headRead = ev, have, now, false, false
}

// ofAsked are the fields that [asked] has, and the facts that follow from them.
var ofAsked = func() (set [maxFields / 64]uint64) {
	for _, name := range []string{
		"method", "mcp_method", "tool", "uri", "prompt", "service", "class", "category", "event", "outcome", "args",
		"fault", "call", "key", "page", "odd_chars", "longest_run",
	} {
		c, _ := sendableColumn(name)
		set[c.at/64] |= 1 << (c.at % 64)
	}
	return set
}()

const uuidText = 36 // bytes of a UUID as the journal spells it

// uuid is the event's id in the form that windows keep, zero when it is not spelled
// as the journal spells one.
func (v *view) uuid() uuid.UUID {
	if !v.idRead {
		id, err := uuid.Parse(v.ev.ID)
		if err != nil || len(v.ev.ID) != uuidText || strings.ToLower(v.ev.ID) != v.ev.ID {
			id = uuid.Nil
		}
		v.id, v.idRead = id, true
	}
	return v.id
}

// column is a field of an event, a fact, or a path into the arguments.
type column struct {
	name  string
	shape shape
	at    int    // number of the field or fact, -1 for a path
	path  string // below args
}

// lookup returns the column of a name. Paths have the form args.NAME or deeper.
func lookup(name string) (column, bool) {
	if path, ok := strings.CutPrefix(name, "args."); ok && path != "" && len(name) <= maxTitle {
		return column{name: name, shape: shapeText, at: -1, path: path}, true
	}
	return sendableColumn(name)
}

// sendableColumn returns the column of a name that a guest can be sent.
func sendableColumn(name string) (column, bool) {
	if i := fieldNamed(name); i >= 0 {
		return column{name: name, shape: fields[i].shape, at: i}, true
	}
	if i := factNamed(name); i >= 0 {
		return column{name: name, shape: facts[i].shape, at: len(fields) + i}, true
	}
	return column{}, false
}

// asked reports whether the column follows from [asked].
func (c column) asked() bool {
	return c.at < 0 || ofAsked[c.at/64]&(1<<(c.at%64)) != 0
}

// columns returns all that a guest can be sent, in the order in which it is.
func columns() []column {
	var out []column
	for i, f := range fields {
		out = append(out, column{name: f.name, shape: f.shape, at: i})
	}
	for i, f := range facts {
		out = append(out, column{name: f.name, shape: f.shape, at: len(fields) + i})
	}
	return out
}

// get returns a column's value as text, "" when it is absent.
func (v *view) get(c column) string {
	if c.at < 0 {
		return guest.Lookup(v.ev.Args, c.path)
	}
	word, bit := c.at/64, uint64(1)<<(c.at%64)
	if v.have[word]&bit == 0 {
		v.have[word] |= bit
		if c.at < len(fields) {
			v.value[c.at] = fields[c.at].value(v.ev)
		} else {
			v.value[c.at] = facts[c.at-len(fields)].value(v)
		}
	}
	return v.value[c.at]
}
