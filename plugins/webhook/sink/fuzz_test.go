package sink

import (
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/killdeer-mcp/killdeer/plugins/encode/encodetest"
	"github.com/killdeer-mcp/killdeer/sdk"
)

// FuzzChat: any text makes a message that the chat takes, with nothing live in it.
func FuzzChat(f *testing.F) {
	for _, text := range encodetest.Hostile() {
		f.Add(text[:min(len(text), 500)], "10.0.0.1", true)
	}
	f.Fuzz(func(t *testing.T, text, ip string, detection bool) {
		e := encodetest.Filled(detection, text)
		e.IP, e.Args, e.RPCID = ip, nil, nil
		if detection {
			e.Detection.SourceIP, e.Detection.RuleID, e.Detection.Title = ip, text, text
		}
		n := noteOf([]sdk.Event{e, e}, 2, 1)
		for _, c := range n.cards {
			for _, cell := range c.cells {
				if strings.Contains(cell.value, "://") || strings.ContainsFunc(cell.value, unicode.IsControl) {
					t.Errorf("%s: %q", cell.name, cell.value)
				}
			}
		}
		for name, limit := range map[string]int{"slack": defaultBytes, "teams": teamsBytes, "discord": defaultBytes} {
			form, err := newForm(&Config{Form: name, MaxBytes: limit}, newPace(0, 0))
			if err != nil {
				t.Fatal(err)
			}
			made, err := form.messages([]sdk.Event{e, e, e})
			if err != nil || len(made) != 1 || len(made[0].body) > limit {
				t.Errorf("%s: %d messages, %v", name, len(made), err)
			}
		}
	})
}

// FuzzStandard: any event makes one message within the limit, with the same id
// each time.
func FuzzStandard(f *testing.F) {
	for _, text := range encodetest.Hostile() {
		f.Add(text[:min(len(text), 500)], "0196c0de-0000-7000-8000-000000000001", true)
	}
	f.Fuzz(func(t *testing.T, text, id string, detection bool) {
		e := encodetest.Filled(detection, text)
		e.ID, e.Args, e.RPCID = id[:min(len(id), 100)], nil, nil
		s := &standard{batch: 1, limit: leastBytes}
		first, err := s.messages([]sdk.Event{e})
		if err != nil || len(first) != 1 || len(first[0].body) > leastBytes {
			t.Fatalf("%d messages, %v", len(first), err)
		}
		again, _ := s.messages([]sdk.Event{e})
		if first[0].id != again[0].id || strings.Contains(first[0].id, ".") {
			t.Errorf("ids %q and %q", first[0].id, again[0].id)
		}
	})
}

func FuzzRetryAfter(f *testing.F) {
	for _, text := range []string{"", "7", "-1", "99999999999999999999", "Wed, 21 Oct 2015 07:28:00 GMT", "Fri, 31 Dec 9999 23:59:59 GMT", "1e9"} {
		f.Add(text)
	}
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, text string) {
		if after := retryAfter(text, now); after < 0 || after > maxAfter {
			t.Errorf("retryAfter(%q) = %s", text, after)
		}
	})
}
