package plugins

import (
	"encoding/json"
	"net/netip"
	"strings"
	"testing"

	"github.com/killdeer-mcp/killdeer/sdk"
)

const (
	call    = `{"v":1,"seq":1,"id":"a","kind":"access","time":"2026-11-20T10:00:00Z","sensor":"s","ip":"10.1.2.3","persona":"enterprise","tool":"t"}`
	strange = `{"v":1,"seq":2,"id":"b","kind":"access","time":"2026-11-20T10:00:00Z","ip":"::ffff:192.0.2.1"}`
	verdict = `{"v":1,"seq":3,"id":"c","kind":"detection","time":"2026-11-20T10:00:00Z","ip":"10.1.2.3","persona":"enterprise","detection":{"rule_id":"core.secrets","severity":"medium"}}`
	pulse   = `{"v":1,"seq":4,"id":"d","kind":"heartbeat","time":"2026-11-20T10:00:00Z","heartbeat":{"every_s":60}}`
)

func TestPass(t *testing.T) {
	all := []string{call, strange, verdict, pulse}
	prefix := netip.MustParsePrefix
	for _, tt := range []struct {
		name  string
		route Route
		want  string // of each event, in order: y or n
	}{
		{"everything", Route{}, "yyyy"},
		{"kinds", Route{Only: []sdk.Kind{sdk.KindDetection, sdk.KindHeartbeat}}, "nnyy"},
		{"severity", Route{MinSeverity: sdk.SeverityMedium}, "yyyy"},
		{"higher severity", Route{MinSeverity: sdk.SeverityHigh}, "yyny"},
		{"rule", Route{Rules: []string{"core.secrets"}}, "yyyy"},
		{"rules", Route{Rules: []string{"x", "core.*"}}, "yyyy"},
		{"other rule", Route{Rules: []string{"core"}}, "yyny"},
		{"persona", Route{Personas: []string{"enterprise"}}, "ynyy"},
		{"other persona", Route{Personas: []string{"x"}}, "nnny"},
		{"source", Route{Sources: []Source{{Prefix: prefix("10.0.0.0/8")}}}, "ynyy"},
		{"mapped source", Route{Sources: []Source{{Prefix: prefix("192.0.2.0/24")}}}, "nyny"},
		{"not a source", Route{Sources: []Source{{Prefix: prefix("10.0.0.0/8"), Not: true}}}, "nyny"},
		{"a source inside another", Route{Sources: []Source{{Prefix: prefix("10.1.0.0/16"), Not: true}, {Prefix: prefix("10.0.0.0/8")}}}, "nnny"},
		{"together", Route{Only: []sdk.Kind{sdk.KindDetection}, MinSeverity: sdk.SeverityLow, Personas: []string{"enterprise"}}, "nnyn"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, err := compileRoute(tt.route)
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			for _, ev := range all {
				got += choose(r.pass([]byte(ev)), "y", "n")
			}
			if got != tt.want {
				t.Errorf("pass = %s, want %s", got, tt.want)
			}
			if !r.pass([]byte("no event")) {
				t.Error("what cannot be read is lost silently")
			}
		})
	}
}

const whole = `{"v":1,"seq":9,"id":"e","kind":"access","time":"2026-11-20T10:00:00Z","sensor":"s","ip":"10.1.2.3",` +
	`"head":"GET /","body":{"size":3,"sha256":"ab","text":"p=hunter2"},"args":{"user":"u","Password":"hunter2","password":"hunter2",` +
	`"deep":[{"key":"hunter2","n":7},true,null]},"detection":{"rule_id":"r","severity":"low","confidence":"low","summary":"s","evidence_count":1,` +
	`"evidence":{"path":"args","snippet":"hunter2"}},"justification":"with hunter2"}`

func TestShape(t *testing.T) {
	for _, tt := range []struct {
		name                 string
		fields, drop, redact []string
		want                 string
	}{
		{
			"fields",
			[]string{"ip", "args.user"},
			nil, nil,
			`{"v":1,"seq":9,"id":"e","kind":"access","time":"2026-11-20T10:00:00Z","sensor":"s","ip":"10.1.2.3","args":{"user":"u"}}`,
		},
		{
			"fields of any key",
			[]string{"args.*.key", "args.deep.*.n"},
			nil, nil,
			`{"v":1,"seq":9,"id":"e","kind":"access","time":"2026-11-20T10:00:00Z","sensor":"s","args":{"deep":[{"n":7}]}}`,
		},
		{
			"drop", nil,
			[]string{"args", "body.text", "head", "detection", "justification", "ip.x"},
			nil,
			`{"v":1,"seq":9,"id":"e","kind":"access","time":"2026-11-20T10:00:00Z","sensor":"s","ip":"10.1.2.3","body":{"size":3,"sha256":"ab"}}`,
		},
		{
			"redact keys whatever their case, and the text they stand in",
			[]string{"args", "body", "detection.evidence", "justification"},
			nil,
			[]string{"args.password"},
			`{"v":1,"seq":9,"id":"e","kind":"access","time":"2026-11-20T10:00:00Z","sensor":"s","body":{"size":3,"sha256":"ab","text":"[redacted]"},` +
				`"args":{"user":"u","Password":"[redacted]","password":"[redacted]","deep":[{"key":"hunter2","n":7},true,null]},` +
				`"detection":{"evidence":{"path":"args","snippet":"[redacted]"}},"justification":"[redacted]"}`,
		},
		{
			"redact as a whole",
			[]string{"args"},
			[]string{"args.user"},
			[]string{"args"},
			`{"v":1,"seq":9,"id":"e","kind":"access","time":"2026-11-20T10:00:00Z","sensor":"s",` +
				`"args":{"Password":"[redacted]","password":"[redacted]","deep":[{"key":"[redacted]","n":0},false,null]}}`,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, err := newShape(tt.fields, tt.drop, tt.redact)
			if err != nil {
				t.Fatal(err)
			}
			got, err := s.apply([]byte(whole))
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != tt.want {
				t.Errorf("apply:\n got %s\nwant %s", got, tt.want)
			}
		})
	}
	for _, bad := range [][]string{{"id"}, {"seq.x"}, {"time"}} {
		if _, err := newShape(nil, bad, nil); err == nil {
			t.Errorf("dropping %q is allowed", bad)
		}
	}
	for _, bad := range [][]string{{"kind"}, {"gap.from"}, {"head_base64"}, {"nothing"}, {"args."}} {
		if _, err := newShape(nil, nil, bad); err == nil {
			t.Errorf("redacting %q is allowed", bad)
		}
	}
}

// Whatever is redacted, what is left is an event, and the secret is not in it.
func FuzzShape(f *testing.F) {
	f.Add(whole, "args.password")
	f.Add(call, "tool")
	f.Add(verdict, "detection")
	f.Add(`{"args":[[[{"a":"hunter2"}]]]}`, "args.*.*.*.a")
	f.Add(`{"args":{"\ud800":"hunter2","a":1e999}}`, "args")
	f.Fuzz(func(t *testing.T, event, path string) {
		s, err := newShape(nil, nil, []string{path})
		if err != nil {
			return
		}
		var before, after sdk.Event
		if json.Unmarshal([]byte(event), &before) != nil {
			return
		}
		got, err := s.apply([]byte(event))
		if err != nil {
			if event[0] == '{' {
				t.Fatalf("apply: %v", err)
			}
			return
		}
		if err := json.Unmarshal(got, &after); err != nil {
			t.Fatalf("what is left is no event: %v\n%s", err, got)
		}
		if path == "args" && strings.Contains(string(after.Args), "hunter2") && !strings.Contains(event, `hunter2":`) {
			t.Errorf("the secret is still in %s", after.Args)
		}
	})
}
