package journal_test

import (
	"fmt"
	"testing"

	"github.com/killdeer-mcp/killdeer/agent/journal"
	"github.com/killdeer-mcp/killdeer/sdk"
)

// A canary's row keeps its first holder and fifteen more, each once, and grows from
// one that has the first only, as all rows were once.
func TestHolders(t *testing.T) {
	j := openWith(t, t.TempDir(), journal.Options{})
	holders := func() (first string, later []journal.Holder) {
		t.Helper()
		rows, err := j.Tables().HeldCanaries(0, 10)
		if err != nil || len(rows) > 1 {
			t.Fatalf("%d rows, %v", len(rows), err)
		}
		if len(rows) == 0 {
			return "", nil
		}
		return rows[0].Session, rows[0].Later
	}
	told := func(i int) *sdk.Event {
		ev := sample(i)
		ev.ID, ev.Session, ev.Actor = fmt.Sprint("told-", i), fmt.Sprint("s-", i), "a"
		ev.Kind, ev.Canary = sdk.KindCanary, &sdk.Canary{Value: "hunter2", Kind: "password"}
		return ev
	}
	appendAll(t, j, told(0))
	until(t, j, "the first holder is not there", func() bool { first, _ := holders(); return first == "s-0" })
	for i := range 20 {
		appendAll(t, j, told(i), told(i))
	}
	until(t, j, "later holders are not there", func() bool { _, later := holders(); return len(later) >= 15 })
	until(t, j, "the tables are behind", func() bool { place, err := j.Tables().Place(); return err == nil && place >= j.Last() })
	first, later := holders()
	if first != "s-0" || len(later) != 15 || later[0].Session != "s-1" || later[0].EventID != "told-1" || later[14].Session != "s-15" {
		t.Errorf("first %q, then %+v", first, later)
	}
}
