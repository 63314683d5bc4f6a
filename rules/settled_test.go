package rules

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/killdeer-mcp/killdeer/sdk"
	"github.com/killdeer-mcp/killdeer/sdk/guest"
)

// settling hits on every call, and its gate may say of what subject.
type settling struct{ subject string }

func (r settling) Info() sdk.RuleInfo {
	return sdk.RuleInfo{
		ID: "CALLS", Title: "t", Severity: sdk.SeverityLow, Dedup: &sdk.Dedup{By: "ip", Over: "10s"},
		Fields: []string{"tool", "time"}, Gate: sdk.Gate{Subject: r.subject},
	}
}

func (r settling) Evaluate(*sdk.Evaluation) []sdk.Hit {
	h := sdk.Hit{Reason: "called"}
	if r.subject != sdk.SubjectTool {
		h.Subject = r.subject
	}
	return []sdk.Hit{h}
}

// A rule that says what its hits are of is not asked while a detection of that is
// remembered, and finds what it would find if it were.
func TestSettledGates(t *testing.T) {
	for _, tt := range []struct {
		subject string
		asked   []int // events that the rule is asked about
	}{
		{"", []int{0, 1, 2, 3, 4, 5, 6, 7}},
		{"calls", []int{0, 3, 4, 7}},
		{sdk.SubjectTool, []int{0, 2, 3, 4, 6, 7}},
	} {
		t.Run(tt.subject, func(t *testing.T) {
			g := &countingGuest{handle: guest.RulesHandler("p", "1", settling{tt.subject})}
			asking, always := New(slog.New(slog.DiscardHandler)), New(slog.New(slog.DiscardHandler))
			free := guest.RulesHandler("p", "1", settlingAlways{settling{tt.subject}})
			for e, g := range map[*Engine]Guest{asking: g, always: &countingGuest{handle: free}} {
				if err := e.Add(t.Context(), "p", g); err != nil {
					t.Fatal(err)
				}
			}
			var asked []int
			for i, c := range []struct{ at, ip, tool string }{
				{"0s", "a", "x"},
				{"1s", "a", "x"},
				{"2s", "a", "y"},
				{"3s", "b", "x"},
				{"10s", "a", "x"},
				{"11s", "a", "x"},
				{"12s", "a", "y"},
				{"13s", "b", "x"},
			} {
				after, err := time.ParseDuration(c.at)
				if err != nil {
					t.Fatal(err)
				}
				ev := &sdk.Event{V: 1, ID: fmt.Sprint(i), Kind: sdk.KindAccess, Time: time.Unix(1000, 0).Add(after), IP: c.ip, Tool: c.tool}
				before := len(g.inputs)
				if diff := cmp.Diff(found(t, always, ev), found(t, asking, ev)); diff != "" {
					t.Errorf("event %d: %s", i, diff)
				}
				if len(g.inputs) > before {
					asked = append(asked, i)
				}
			}
			if !slices.Equal(asked, tt.asked) {
				t.Errorf("asked about %v, want %v", asked, tt.asked)
			}
		})
	}
}

// settlingAlways is the same rule without the promise.
type settlingAlways struct{ settling }

func (r settlingAlways) Info() sdk.RuleInfo {
	i := r.settling.Info()
	i.Gate = sdk.Gate{}
	return i
}

func found(t *testing.T, e *Engine, ev *sdk.Event) []*sdk.Event {
	t.Helper()
	out, err := e.Judge(t.Context(), ev)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestGateSubjectIsChecked(t *testing.T) {
	g := &countingGuest{handle: guest.RulesHandler("p", "1", settling{strings.Repeat("x", maxSubject+1)})}
	err := New(slog.New(slog.DiscardHandler)).Add(t.Context(), "p", g)
	if err == nil || !strings.Contains(err.Error(), "rule CALLS: subject") {
		t.Error(err)
	}
}
