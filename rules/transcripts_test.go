package rules_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/killdeer-mcp/killdeer/rules"
	"github.com/killdeer-mcp/killdeer/rules/core"
	"github.com/killdeer-mcp/killdeer/sdk"
)

// transcript is one line of a file in testdata/core: what somebody did, and
// whether the rule that the file is named after fires. Its name begins with hit,
// miss or evasion; a hit and an evasion fire.
type transcript struct {
	Name     string            `json:"name"`
	Severity sdk.Severity      `json:"severity"` // of the hit, the rule's own when empty
	Path     string            `json:"path"`     // of its evidence, if it matters
	Events   []json.RawMessage `json:"events"`
}

// step is an event with what a transcript may say shorter.
type step struct {
	sdk.Event
	After  string `json:"after"`  // since the event before, 1s when empty
	Repeat int    `json:"repeat"` // times; # then stands for the number
}

func (tr *transcript) fires() bool { return !strings.HasPrefix(tr.Name, "miss") }

// events expands a transcript. Without other words an event is a call that got a
// result, over HTTP, from one client.
func (tr *transcript) events(t *testing.T) (out []*sdk.Event) {
	t.Helper()
	at := epoch
	for _, raw := range tr.Events {
		repeat := repeats(t, raw)
		for n := range max(1, repeat) {
			s, text := step{}, raw
			if repeat > 1 {
				text = bytes.ReplaceAll(raw, []byte("#"), fmt.Append(nil, n+1))
			}
			if err := json.Unmarshal(text, &s); err != nil {
				t.Fatalf("%s: %v in %s", tr.Name, err, raw)
			}
			pause := time.Second
			if s.After != "" {
				var err error
				if pause, err = time.ParseDuration(s.After); err != nil {
					t.Fatal(err)
				}
			}
			at = at.Add(pause)
			out = append(out, complete(&s.Event, at, len(out)))
		}
	}
	return out
}

func repeats(t *testing.T, raw []byte) int {
	t.Helper()
	var r struct{ Repeat int }
	if err := json.Unmarshal(raw, &r); err != nil {
		t.Fatalf("%v in %s", err, raw)
	}
	return r.Repeat
}

func complete(ev *sdk.Event, at time.Time, n int) *sdk.Event {
	set := func(field *string, value string) {
		switch *field {
		case "":
			*field = value
		case "-":
			*field = ""
		}
	}
	ev.V, ev.ID, ev.Kind, ev.Time = 1, fmt.Sprintf("01900000-0000-7000-8000-%012d", n), sdk.KindAccess, at
	set(&ev.Method, "POST")
	set(&ev.Path, "/mcp")
	set(&ev.IP, "192.0.2.7")
	set(&ev.MCPMethod, "tools/call")
	set(&ev.Outcome, "result")
	set(&ev.UA, "node")
	set(&ev.Session, "s1")
	if ev.Client == nil {
		ev.Client = &sdk.ClientInfo{Name: "probe", Version: "1.0"}
	}
	set(&ev.Actor, ev.IP+" "+ev.Client.Name)
	if ev.MCPMethod == "tools/call" {
		set(&ev.Tool, "confluence_search")
	}
	return ev
}

func readTranscripts(t *testing.T, file string) (list []transcript) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for n := 1; lines.Scan(); n++ {
		var tr transcript
		d := json.NewDecoder(bytes.NewReader(lines.Bytes()))
		d.DisallowUnknownFields()
		if err := d.Decode(&tr); err != nil {
			t.Fatalf("%s:%d: %v", file, n, err)
		}
		list = append(list, tr)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return list
}

// Every rule of the core pack fires where it should and only there, as the module
// that ships: three hits, three near misses and an evasion of each at least.
func TestTranscripts(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a guest")
	}
	module := coreModule(t)
	for _, r := range core.All() {
		info := r.Info()
		t.Run(info.ID, func(t *testing.T) {
			count := map[string]int{}
			for _, tr := range readTranscripts(t, filepath.Join("testdata", "core", info.ID+".ndjson")) {
				kind, _, _ := strings.Cut(tr.Name, " ")
				count[kind]++
				t.Run(tr.Name, func(t *testing.T) { runTranscript(t, module, info, &tr) })
			}
			if count["hit"] < 3 || count["miss"] < 3 || count["evasion"] < 1 || len(count) != 3 {
				t.Errorf("transcripts %v, want 3 hits, 3 misses and an evasion", count)
			}
		})
	}
}

func runTranscript(t *testing.T, module rules.Guest, info sdk.RuleInfo, tr *transcript) {
	t.Helper()
	var fired []*sdk.Event
	e, plain := engine(t, module), engine(t, coreGuest())
	for _, ev := range tr.events(t) {
		found := judge(t, e, ev)
		if diff := cmp.Diff(judge(t, plain, ev), found); diff != "" {
			t.Errorf("native and module differ (-native +module):\n%s", diff)
		}
		for _, d := range found {
			if d.Kind == sdk.KindGuest {
				t.Fatalf("guest failed: %+v", d.Guest)
			}
			if d.Detection.RuleID == info.ID {
				fired = append(fired, d)
			}
		}
	}
	if tr.fires() != (len(fired) > 0) {
		t.Fatalf("fired %d times", len(fired))
	}
	for _, d := range fired {
		checkFired(t, info, tr, d.Detection)
	}
}

func checkFired(t *testing.T, info sdk.RuleInfo, tr *transcript, d *sdk.Detection) {
	t.Helper()
	want := tr.Severity
	if want == "" {
		want = info.Severity
	}
	if d.Severity != want && len(tr.Events) == 1 {
		t.Errorf("severity %s, want %s", d.Severity, want)
	}
	if len(d.Events) == 0 || d.Summary == "" || d.Subject == "" {
		t.Errorf("detection lacks facts: %+v", d)
	}
	if tr.Path != "" && (d.Evidence == nil || d.Evidence.Path != tr.Path) {
		t.Errorf("evidence %+v, want path %s", d.Evidence, tr.Path)
	}
}

// No transcript of the core pack stands for a rule that is not there.
func TestTranscriptsHaveRules(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("testdata", "core", "*.ndjson"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		id := strings.TrimSuffix(filepath.Base(f), ".ndjson")
		if !slices.ContainsFunc(core.All(), func(r sdk.Rule) bool { return r.Info().ID == id }) {
			t.Errorf("%s: there is no such rule", f)
		}
	}
}
