package enterprise_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/killdeer-mcp/killdeer/persona/enterprise"
	"github.com/killdeer-mcp/killdeer/persona/world"
	"github.com/killdeer-mcp/killdeer/sdk"
)

// Every service says in its own words that it is called too often, and for how
// long to wait where it has a word for that.
func TestRateLimitTexts(t *testing.T) {
	p, seen := enterprise.New(), map[string]bool{}
	for _, tool := range described(t).Tools {
		out := string(p.Call(&sdk.Call{Op: "call", Seed: 7, Now: dates[2], Tool: tool.Name, Args: sdk.RawJSON(`{}`), RetryAfter: 37}))
		service, _, _ := strings.Cut(tool.Name, "_")
		seen[out] = true
		if !strings.Contains(out, `"isError":true`) || strings.Contains(out, "@") {
			t.Errorf("%s: %s", tool.Name, out)
		}
		if limited := described(t).Upstreams[service].PerMinute > 0; limited && !strings.Contains(out, "37") {
			t.Errorf("%s does not say how long to wait: %s", tool.Name, out)
		}
	}
	if len(seen) < 11 {
		t.Errorf("only %d different texts", len(seen))
	}
}

// One call in two hundred is not answered in time, the same one each time within
// the minute, and not in the next; without friction none.
func TestTimeouts(t *testing.T) {
	p := enterprise.New()
	ask := func(i int, at time.Time, friction bool) string {
		return string(p.Call(&sdk.Call{Op: "call", Seed: 7, Now: at, Tool: "jira_get_issue", Args: sdk.RawJSON(fmt.Sprintf(`{"issue_key":"ZZ-%d"}`, i)), Friction: friction}))
	}
	failed := 0
	for i := range 4000 {
		out := ask(i, dates[2], true)
		if !strings.Contains(out, "504 Gateway Timeout") {
			continue
		}
		failed++
		var answer struct {
			Delay int `json:"delay_ms"`
		}
		if err := json.Unmarshal([]byte(out), &answer); err != nil || answer.Delay < 9000 || answer.Delay > 17_000 {
			t.Errorf("%s: %v", out, err)
		}
		if again := ask(i, dates[2], true); again != out {
			t.Errorf("the same call gave %s", again)
		}
		if failed < 20 && strings.Contains(ask(i, dates[2].Add(time.Minute), true), "504") {
			t.Error("it fails a minute later too")
		}
		if strings.Contains(ask(i, dates[2], false), "504") {
			t.Error("it fails without friction")
		}
	}
	if failed < 5 || failed > 45 { // 20 are expected
		t.Errorf("%d of 4000 calls failed", failed)
	}
}

// How the reason is asked for differs between deployments.
func TestReasonsVary(t *testing.T) {
	names, texts := map[string]bool{}, map[string]bool{}
	for seed := range uint64(100) {
		w := world.New(seed)
		name, _ := w.Fake("reason_name", 0)
		text, _ := w.Fake("reason_text", 0)
		names[name], texts[text] = true, true
		if name == "" || text == "" || giveaway.MatchString(name+" "+text) {
			t.Errorf("seed %d: %q, %q", seed, name, text)
		}
	}
	if len(names) < 8 || len(texts) < 6 {
		t.Errorf("%d names and %d texts for 100 deployments", len(names), len(texts))
	}
}
