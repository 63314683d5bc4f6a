package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/killdeer-mcp/killdeer/internal/printable"
	"github.com/killdeer-mcp/killdeer/sdk"
)

func TestVisible(t *testing.T) {
	for _, tt := range []struct {
		name, in string
		limit    int
		want     string
	}{
		{"plain", "Łódź → 東京", 0, "Łódź → 東京"},
		{"terminal", "\x1b[31mred\x07", 0, `\u{1b}[31mred\u{7}`},
		{"lines", "a\nb\r\tc", 0, `a\u{a}b\u{d}\u{9}c`},
		{"second half of Latin-1", "\u009b31m", 0, `\u{9b}31m`},
		{"direction", "a\u202eb\u2066c", 0, `a\u{202e}b\u{2066}c`},
		{"joined", "a\u200bb", 0, `a\u{200b}b`},
		{"cut", "abcdef", 3, "abc…"},
		{"fits", "abc", 3, "abc"},
		{"invalid", "a\xffb", 0, "a\ufffdb"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := visible(tt.in, tt.limit); got != tt.want {
				t.Errorf("visible(%q, %d) = %q, want %q", tt.in, tt.limit, got, tt.want)
			}
		})
	}
}

// FuzzWriteJSON holds that JSON shows nothing but what prints, and means what it
// meant.
func FuzzWriteJSON(f *testing.F) {
	for _, seed := range []string{"plain", "\x1b[31m\x7f\u009b", "\u202e", "\U000e0001tag", "<&>", "a\xff", "\u2028"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, indent := range []string{"", "  "} {
			var b strings.Builder
			if err := writeJSON(&b, map[string]string{"s": s}, indent); err != nil {
				t.Fatal(err)
			}
			for _, r := range b.String() {
				if r != '\n' && !printable.Rune(r) {
					t.Errorf("%q has %U", b.String(), r)
				}
			}
			var back map[string]string
			if err := json.Unmarshal([]byte(b.String()), &back); err != nil {
				t.Fatal(err)
			}
			if want := strings.ToValidUTF8(s, ""); utf8.ValidString(s) && back["s"] != want {
				t.Errorf("%q came back as %q", s, back["s"])
			}
		}
	})
}

// A tail prints row by row and is a table all the same.
func TestTableGrows(t *testing.T) {
	var b strings.Builder
	p := newTable(&b, eventRow, "SEQ", "TIME", "IP", "CLIENT", "REQUEST", "OUTCOME", "STATUS")
	if err := p.flush(); err != nil || b.Len() > 0 {
		t.Fatalf("a table without rows prints %q, %v", b.String(), err)
	}
	at := time.Date(2026, 11, 20, 14, 0, 0, 0, time.UTC)
	for _, ev := range []*sdk.Event{
		{Seq: 9, Time: at, IP: "10.0.0.1", UA: "curl/8", Method: "GET", Path: "/", Outcome: "route_not_found", Status: 404},
		{Seq: 10, Time: at, IP: "10.0.0.1", Client: &sdk.ClientInfo{Name: "a long name", Version: "1"}, MCPMethod: "tools/call", Tool: "t\n", Outcome: "result", Status: 200},
		{Seq: 11, Time: at, Kind: sdk.KindGap, Gap: &sdk.Gap{Lost: 3, Reason: "queue_full"}},
	} {
		if err := p.print(ev); err != nil {
			t.Fatal(err)
		}
		if err := p.flush(); err != nil {
			t.Fatal(err)
		}
	}
	want := `SEQ  TIME                      IP        CLIENT  REQUEST  OUTCOME          STATUS
9    2026-11-20T14:00:00.000Z  10.0.0.1  curl/8  GET /    route_not_found  404
10   2026-11-20T14:00:00.000Z  10.0.0.1  a long name 1  tools/call t\u{a}  result           200
11   2026-11-20T14:00:00.000Z  -         -              3 events lost      queue_full       -
`
	if got := b.String(); got != want {
		t.Errorf("printed\n%s\nwant\n%s", got, want)
	}
}

func TestParseTime(t *testing.T) {
	now := time.Date(2026, 11, 20, 14, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		in   string
		want time.Time
		ok   bool
	}{
		{"", time.Time{}, true},
		{"90m", now.Add(-90 * time.Minute), true},
		{"0s", now, true},
		{"2026-11-19T12:00:00Z", time.Date(2026, 11, 19, 12, 0, 0, 0, time.UTC), true},
		{"-90m", time.Time{}, false},
		{"yesterday", time.Time{}, false},
		{"2026-11-19", time.Time{}, false},
	} {
		got, err := parseTime("--from", tt.in, now)
		if (err == nil) != tt.ok || !got.Equal(tt.want) {
			t.Errorf("parseTime(%q) = %v, %v, want %v", tt.in, got, err, tt.want)
		}
	}
}
