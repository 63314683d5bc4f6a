package rules_test

import (
	"bytes"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/killdeer-mcp/killdeer/internal/wasm"
	"github.com/killdeer-mcp/killdeer/rules"
	"github.com/killdeer-mcp/killdeer/sdk"
	"github.com/killdeer-mcp/killdeer/sdk/guest"
)

const guestPackage = "github.com/killdeer-mcp/killdeer/rules/core/wasm"

// buildOnce keeps the module's bytes for all tests and benchmarks of one run.
var buildOnce = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "killdeer-rules-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	out := filepath.Join(dir, "core.wasm")
	if _, err := goTool("build", "-trimpath", "-buildmode=c-shared", "-ldflags=-s -w -buildid=", "-o", out, guestPackage); err != nil {
		return nil, err
	}
	return os.ReadFile(out)
})

func goTool(args ...string) ([]byte, error) {
	cmd := exec.Command("go", args...)
	cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm")
	cmd.Stderr = os.Stderr
	return cmd.Output()
}

// coreModule builds the core pack and loads it. The sources are read with stat
// from here, because go test's cache does not see what the go tool reads.
func coreModule(t testing.TB) rules.Guest {
	t.Helper()
	list, err := goTool("list", "-deps", "-f", `{{if not .Standard}}{{$d := .Dir}}{{range .GoFiles}}{{$d}}/{{.}}{{"\n"}}{{end}}{{end}}`, guestPackage)
	if err != nil {
		t.Fatalf("list the sources of the guest: %v", err)
	}
	for f := range strings.Lines(string(list)) {
		if _, err := os.Stat(strings.TrimSpace(f)); err != nil {
			t.Fatal(err)
		}
	}
	code, err := buildOnce()
	if err != nil {
		t.Fatalf("build the guest: %v", err)
	}
	rt, err := wasm.New(t.Context(), wasm.Options{Limits: wasm.DefaultLimits(), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { rt.Close(t.Context()) })
	m, err := rt.Load(t.Context(), "core", code)
	if err != nil {
		t.Fatal(err)
	}
	return rules.FromModule(m)
}

// The module gives the verdicts that the same rules give as ordinary Go, byte
// for byte.
func TestModuleAgreesWithNative(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a guest")
	}
	module := coreModule(t)
	e, n := engine(t, module), engine(t, coreGuest())
	for i, ev := range vectors() {
		got := judge(t, e, ev)
		if diff := cmp.Diff(judge(t, n, ev), got); diff != "" {
			t.Errorf("event %s (-native +module):\n%s", ev.ID, diff)
		}
		if diff := cmp.Diff(wantVectors[i], ids(got)); diff != "" {
			t.Errorf("event %s (-want +module):\n%s", ev.ID, diff)
		}
	}
	for _, in := range []string{
		`{"abi":1,"op":"describe"}`, `{}`, `[`, `{"op":"evaluate","event":{"kind":"access"},"windows":{"tools_5m":1}}`,
		`{"op":"evaluate","event":{"kind":"access","mcp_method":"tools/call","outcome":"result","tool":"t","args":"api key"}}`,
	} {
		got, err := module.Call(t.Context(), []byte(in), time.Time{})
		if err != nil {
			t.Errorf("Call(%s): %v", in, err)
		}
		if want, _ := coreGuest().Call(t.Context(), []byte(in), time.Time{}); !bytes.Equal(got, want) {
			t.Errorf("Call(%s) = %s, native %s", in, got, want)
		}
	}
}

func benchmarkEvents() map[string]*sdk.Event {
	args := `{"query":"select id, name, email from customers where region = 'emea' order by created_at desc limit 50","database":"crm"}`
	return map[string]*sdk.Event{
		"ping":   access(1, 0, "192.0.2.1", "ping", "", "", "result", ""),
		"list":   access(1, 0, "192.0.2.1", "tools/list", "", "", "result", "{}"),
		"call":   access(1, 0, "192.0.2.1", "tools/call", "postgresql_execute_select_query", "datastore", "result", args),
		"secret": access(1, 0, "192.0.2.1", "tools/call", "github_search_code", "source", "result", `{"query":"filename:.env DB_PASSWORD"}`),
		"64KiB":  access(1, 0, "192.0.2.1", "tools/call", "t", "docs", "result", `{"query":"`+strings.Repeat("lorem ipsum ", 5461)+`"}`),
		// The dearest there is: what has to be looked at closely, and what cannot be skimmed.
		"48KiB-close":  access(1, 0, "192.0.2.1", "tools/call", "t", "docs", "result", `{"query":"`+strings.Repeat("tokenizer ", 4900)+`"}`),
		"1MiB-escapes": access(1, 0, "192.0.2.1", "tools/call", "t", "docs", "result", `{"query":"`+strings.Repeat(`\u00e9`, 170_000)+`"}`),
		"1MiB-nested":  access(1, 0, "192.0.2.1", "tools/call", "t", "docs", "result", `[`+strings.Repeat(`[],`, 349_000)+`1]`),
		"1MiB":         access(1, 0, "192.0.2.1", "tools/call", "t", "docs", "result", `{"query":"`+strings.Repeat("tokenizer ", 104_000)+`"}`),
	}
}

func benchmarkJudge(b *testing.B, g rules.Guest) {
	e := engine(b, g)
	for _, name := range []string{"ping", "list", "call", "secret", "64KiB", "1MiB", "48KiB-close", "1MiB-escapes", "1MiB-nested"} {
		b.Run(name, func(b *testing.B) {
			ev := benchmarkEvents()[name]
			b.ReportAllocs()
			for b.Loop() {
				ev.Time = ev.Time.Add(time.Millisecond)
				if _, err := e.Judge(b.Context(), ev); err != nil {
					b.Fatal(err)
				}
			}
			if f := e.Stats().Failures; f != 0 {
				b.Fatalf("%d guest failures", f)
			}
		})
	}
}

func BenchmarkJudgeNative(b *testing.B) { benchmarkJudge(b, coreGuest()) }

func BenchmarkJudgeModule(b *testing.B) { benchmarkJudge(b, coreModule(b)) }

// BenchmarkWholeEvent is what a call costs a pack that names no fields.
func BenchmarkWholeEvent(b *testing.B) {
	m := coreModule(b)
	var w guest.Writer
	ev := benchmarkEvents()["call"]
	ev.UA = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"
	w.Obj().Key("abi").Int(1).Key("op").Str("evaluate").Key("now").Str("2026-03-01T12:00:00.123456789Z").Key("event")
	w.Obj().Key("v").Int(1).Key("id").Str(ev.ID).Key("kind").Str("access").Key("time").Str("2026-03-01T12:00:00.123456789Z")
	for _, kv := range [][2]string{
		{"sensor", "dmz-1"},
		{"ip", ev.IP},
		{"peer", "192.0.2.1:51515"},
		{"actor", "0123456789abcdef"},
		{"session_id", "01900000-0000-7000-8000-000000000000"},
		{"transport", "http"},
		{"method", "POST"},
		{"path", "/mcp"},
		{"ua", ev.UA},
		{"era", "legacy"},
		{"protocol", "2025-11-25"},
		{"mcp_method", ev.MCPMethod},
		{"tool", ev.Tool},
		{"service", "postgresql"},
		{"class", "read"},
		{"category", ev.Category},
		{"persona", "enterprise"},
		{"profile", "strict"},
		{"outcome", "result"},
	} {
		w.Key(kv[0]).Str(kv[1])
	}
	w.Key("args").Raw(ev.Args).Key("client").Raw([]byte(`{"name":"probe","version":"1"}`)).Key("status").Int(200).Key("latency_ms").Float(12.5, -1).End()
	w.Key("windows").Raw([]byte(`{"tools_5m":{"n":2,"values":["a","b"]}}`)).End()
	b.ReportMetric(float64(w.Len()), "bytes")
	for b.Loop() {
		if _, err := m.Call(b.Context(), w.Bytes(), time.Time{}); err != nil {
			b.Fatal(err)
		}
	}
}
