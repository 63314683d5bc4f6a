package agent

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/killdeer-mcp/killdeer/agent/honeytoken"
	"github.com/killdeer-mcp/killdeer/agent/journal"
	"github.com/killdeer-mcp/killdeer/sdk"
)

// told is the event of a honeytoken that a session was given.
func told(id, session, value string) *sdk.Event {
	return &sdk.Event{
		V: 1, ID: id, Kind: sdk.KindCanary, Time: time.Now().UTC(), Session: session, Actor: "actor of " + session, IP: "192.0.2.1",
		Canary: &sdk.Canary{ID: "canary of " + id, Value: value, Kind: "password", Scope: "deployment"},
	}
}

// tabulated waits until the tables hold all that was recorded.
func tabulated(t *testing.T, j *journal.Journal) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		place, err := j.Tables().Place()
		if err != nil || time.Now().After(deadline) {
			t.Fatalf("the tables hold events up to %d of %d, %v", place, j.Last(), err)
		}
		if place >= j.Last() {
			return
		}
	}
}

// A damaged row of the table of honeytokens, all of which the events hold, keeps
// no sensor from starting and none of them from being known.
func TestDamagedTokensAreLearned(t *testing.T) {
	dir := t.TempDir()
	j := openJournal(t, dir)
	for i := range 3 {
		if err := j.Append(t.Context(), []*sdk.Event{told(fmt.Sprint("c", i), "s", fmt.Sprint("hunter2-Xk81mQz", i))}); err != nil {
			t.Fatal(err)
		}
	}
	tabulated(t, j)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "state.db")
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	damaged := bytes.ReplaceAll(b, []byte(`"event_id":"c1"`), []byte(`"event_id";"c1"`))
	if bytes.Equal(b, damaged) {
		t.Fatal("the row is not in the file")
	}
	if err := os.WriteFile(file, damaged, 0o600); err != nil {
		t.Fatal(err)
	}
	j = openJournal(t, dir)
	defer j.Close()
	g := &judge{tokens: honeytoken.New(), journal: j, log: slog.New(slog.DiscardHandler)}
	if err := g.learn(t.Context()); err != nil || g.tokens.Len() != 3 {
		t.Errorf("%d honeytokens are known, want 3; %v", g.tokens.Len(), err)
	}
}

// Whoever was given a value that others had before quotes it as its own, whether
// the judge learned that from the events or from the table.
func TestLaterHoldersAreLearned(t *testing.T) {
	const value = "hunter2-Xk81mQz0"
	j := openJournal(t, t.TempDir())
	defer j.Close()
	minted := []*sdk.Event{told("a", "A", value), told("b", "B", value)}
	for i := range tokenPage { // so that the events behind the table do not say it again
		minted = append(minted, told(fmt.Sprint("c", i), "C", fmt.Sprintf("hunter3-%08d", i)))
	}
	for _, batch := range [][]*sdk.Event{minted[:1], minted[1:2], minted[2:]} {
		if err := j.Append(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
	}
	tabulated(t, j)
	g := &judge{tokens: honeytoken.New(), journal: j, log: slog.New(slog.DiscardHandler)}
	if err := g.learn(t.Context()); err != nil {
		t.Fatal(err)
	}
	for session, own := range map[string]bool{"A": true, "B": true, "D": false} {
		seen := g.tokens.Seen(&sdk.Event{Session: session, Actor: "actor of " + session, Args: sdk.RawJSON(`{"q":"` + value + `"}`)})
		if len(seen) != 1 || seen[0].SameSession != own || seen[0].OriginSession != "A" {
			t.Errorf("in session %s: %+v", session, seen)
		}
	}
}
