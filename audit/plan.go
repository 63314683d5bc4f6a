package audit

import (
	"slices"
	"strings"
	"time"

	"github.com/killdeer-mcp/killdeer/audit/evidence"
	"github.com/killdeer-mcp/killdeer/audit/exercise"
)

// plan is one pass that is to be made.
type plan struct {
	name   string
	change string // in words
	home   string
	client string
	list   bool          // nothing is called
	clock  bool          // a later and faster one
	blind  bool          // without a tracer
	up     chan struct{} // closed when the server has answered; may be nil

	asked   []*evidence.Call // of earlier lives in the pass
	cases   []string         // of tools; nil: all, or those of quick
	orderly bool             // tools are called in the order in which things live
	patient bool             // calls may take as long as in the first pass
	untyped bool             // completions are asked for with nothing typed
	era     exercise.Era
	answers exercise.Answers
	quick   bool
}

const (
	usualHome = "/home/audit"
	otherHome = "/home/morgan"
)

// usual is the pass that all others are compared with.
var usual = plan{name: "A", change: "neutral arguments", home: usualHome}

// others are the passes that follow, side by side. They make fewer calls than the
// first: what is new in them is what counts.
var others = []plan{
	{name: "B", change: "other secrets, another home, requests declined, the newer protocol first", home: otherHome, era: exercise.Modern, answers: exercise.AnswerDecline, quick: true},
	{name: "C", change: "a later and faster clock", home: usualHome, clock: true, quick: true},
	{name: "E", change: "no tracer", home: usualHome, blind: true, quick: true},
}

// clients are names by which servers know their clients.
var clients = []plan{
	{client: "claude-code"},
	{client: "cursor-vscode", list: true},
	{client: "Visual Studio Code", list: true},
}

// plans are the passes of a depth: the first, and those that follow it.
func plans(d Depth) (first plan, rest []plan) {
	first = usual
	switch d {
	case Quick:
		first.quick = true
	case Thorough:
		rest = slices.Clone(others)
		for _, c := range clients {
			rest = append(rest, plan{name: "D", change: "the client says that it is " + c.client, home: usualHome, client: c.client, list: c.list, quick: true})
		}
	default:
		rest = slices.Clone(others)
	}
	return first, rest
}

// How the time of an audit is divided.
const (
	sideBySide  = 3                // passes beside the first
	keptBack    = 10 * time.Second // of the budget, to end and judge; a quarter at most
	quickCall   = 4 * time.Second  // most that a quick pass waits for a call
	quickInit   = 20 * time.Second // that a quick pass waits for the first reply
	boxOverhead = 20 * time.Second // of a box, beyond the pass in it
)

// A server that ends too early is started again for what it was not asked for yet, so
// that a fault in one tool hides nothing of the others.
const (
	maxLives = 5               // of a server in one pass
	minLife  = 5 * time.Second // of the budget, for another one
)

// available is how long passes may take from now on.
func available(budget time.Duration, started time.Time) time.Duration {
	if budget <= 0 {
		budget = 5 * time.Minute
	}
	return max(time.Second, budget-min(keptBack, budget/4)-time.Since(started))
}

func sortPasses(all []*evidence.Pass) {
	slices.SortStableFunc(all, func(a, b *evidence.Pass) int {
		if c := strings.Compare(a.Name, b.Name); c != 0 {
			return c
		}
		return strings.Compare(a.Client, b.Client)
	})
}
