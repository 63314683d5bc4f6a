package wasm

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tetratelabs/wazero"

	"github.com/killdeer-mcp/killdeer/internal/wasm/meter"
)

// How a test or benchmark runs a guest.
const (
	modePlain   = "plain"   // as the scanner leaves it
	modeCOD     = "cod"     // interrupted by wazero's own checks
	modeMetered = "metered" // as Load does
)

// runner runs one guest in one mode, on one instance.
type runner struct {
	inst  *instance
	style style
}

// newRunner returns nil for a guest that cannot be loaded.
func newRunner(tb testing.TB, engine, mode string, code []byte) *runner {
	tb.Helper()
	config, err := engineConfig(engine)
	if err != nil {
		tb.Fatal(err)
	}
	config = config.WithMemoryLimitPages(512).WithCloseOnContextDone(mode == modeCOD)
	rt := wazero.NewRuntimeWithConfig(tb.Context(), config)
	tb.Cleanup(func() { _ = rt.Close(context.Background()) })
	host, err := installHost(tb.Context(), rt, fuelSlice(engine))
	if err != nil {
		tb.Fatal(err)
	}
	s, err := meter.Scan(code)
	if err != nil {
		return nil
	}
	style, err := check(s, host)
	if err != nil {
		return nil
	}
	out := s.Code
	if mode == modeMetered {
		if out, err = s.Metered(); err != nil {
			tb.Fatal(err)
		}
	}
	compiled, err := rt.CompileModule(tb.Context(), out)
	if err != nil {
		return nil
	}
	b := &build{wz: rt, compiled: compiled, style: style, limits: DefaultLimits()}
	inst, err := b.instantiate(tb.Context())
	if err != nil {
		return nil
	}
	tb.Cleanup(inst.close)
	return &runner{inst, style}
}

// call returns the output, or what the call ended with.
func (r *runner) call(ctx context.Context, input []byte, deadline time.Duration) string {
	f := newFrame(input, time.Time{}, 1<<20, 1<<10)
	if _, err := r.inst.call(ctx, r.style, f, deadline); err != nil {
		return err.Error()
	}
	return string(f.output)
}

// Metering must not change what a guest answers, nor what it fails with. Guests
// that have no end are left to other tests.
func TestMeteringChangesNoAnswer(t *testing.T) {
	endless := map[string]bool{"hidden_export": true, "spin": true, "start_spin": true, "exponential": true, "burn": true, "recurse": true, "compile_bomb": true}
	inputs := []string{"", "\x00", "\x01", "\x05", "\x2a", "t", "w", "x", "hello", "\xff"}
	for _, engine := range []string{EngineCompiler, EngineInterpreter} {
		for file, code := range fixtures(t) {
			name := strings.TrimSuffix(filepath.Base(file), ".wasm")
			if endless[name] {
				continue
			}
			for _, input := range inputs {
				plain, metered := newRunner(t, engine, modePlain, code), newRunner(t, engine, modeMetered, code)
				if (plain == nil) != (metered == nil) {
					t.Fatalf("%s: loads in one form only", name)
				}
				if plain == nil {
					break
				}
				want := plain.call(t.Context(), []byte(input), time.Minute)
				if got := metered.call(t.Context(), []byte(input), time.Minute); got != want {
					t.Errorf("%s, %s(%q) = %.80q, want %.80q", engine, name, input, got, want)
				}
			}
		}
	}
}

func TestMeteringFixtureRuns(t *testing.T) {
	r := newRunner(t, EngineCompiler, modeMetered, fixtures(t)["testdata/ops.wasm"])
	if got := r.call(t.Context(), []byte("\x05"), time.Minute); len(got) != 172 {
		t.Errorf("ops answers %q", got)
	}
}

// builtInGuest returns one of the guests that make builds.
func builtInGuest(tb testing.TB, name string) []byte {
	tb.Helper()
	code, err := os.ReadFile(filepath.Join("..", "guests", "bin", name+".wasm"))
	if errors.Is(err, os.ErrNotExist) {
		tb.Skip("the built-in guests are not built: make guests")
	}
	if err != nil {
		tb.Fatal(err)
	}
	return code
}

const toolCall = `{"abi":1,"op":"call","persona":"enterprise","seed":"7","now":"2026-07-01T12:00:00Z","state":null,"can":[],"tool":%q,"args":%s}`

var builtInCalls = map[string]map[string]string{
	"enterprise": {
		"describe": `{"abi":1,"op":"describe"}`,
		"trivial":  fmt.Sprintf(toolCall, "jira_get_issue", `{"issue_key":"NOPE-1"}`),
		"search":   fmt.Sprintf(toolCall, "jira_search_issues", `{"jql":"text ~ deploy"}`),
		"logs":     fmt.Sprintf(toolCall, "elasticsearch_search_logs", `{"query":"timeout"}`),
	},
	"core": {"describe": `{"abi":1,"op":"describe"}`, "nonsense": `{"abi":1,"op":"evaluate"}`},
}

func TestMeteringChangesNoAnswerOfBuiltInGuests(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles guests of several megabytes")
	}
	for guest, calls := range builtInCalls {
		t.Run(guest, func(t *testing.T) {
			code := builtInGuest(t, guest)
			plain, metered := newRunner(t, EngineCompiler, modePlain, code), newRunner(t, EngineCompiler, modeMetered, code)
			for name, input := range calls {
				want := plain.call(t.Context(), []byte(input), time.Minute)
				if got := metered.call(t.Context(), []byte(input), time.Minute); got != want || len(got) < 10 {
					t.Errorf("%s = %.200q, want %.200q", name, got, want)
				}
			}
		})
	}
}

// A guest cannot import what metering adds, and is not mistaken for metered.
func TestMeterIsNotOffered(t *testing.T) {
	rt := wazero.NewRuntimeWithConfig(t.Context(), wazero.NewRuntimeConfigInterpreter())
	defer rt.Close(t.Context())
	host, err := installHost(t.Context(), rt, 1)
	if err != nil {
		t.Fatal(err)
	}
	s, err := meter.Scan(fixtures(t)["testdata/echo.wasm"])
	if err != nil {
		t.Fatal(err)
	}
	out, err := s.Metered()
	if err != nil {
		t.Fatal(err)
	}
	again, err := meter.Scan(out)
	if err != nil {
		t.Fatal(err)
	}
	_, err = check(again, host)
	if refused, ok := errors.AsType[*LoadError](err); !ok || refused.Code != CodeImport {
		t.Errorf("check of a metered guest = %v, want code %s", err, CodeImport)
	}
}

func fixtures(tb testing.TB) map[string][]byte {
	tb.Helper()
	files, err := filepath.Glob("testdata/*.wasm")
	if err != nil || len(files) == 0 {
		tb.Fatalf("no fixtures: %v", err)
	}
	all := map[string][]byte{}
	for _, file := range files {
		if all[file], err = os.ReadFile(file); err != nil {
			tb.Fatal(err)
		}
	}
	return all
}

// FuzzMeter: whatever the scanner lets through is metered or refused cleanly;
// what compiles without metering compiles with it, and answers the same.
func FuzzMeter(f *testing.F) {
	for name, code := range fixtures(f) {
		if len(code) < 4<<10 {
			f.Add(code, []byte("\x05"))
		} else {
			f.Logf("%s is too large for a seed", name)
		}
	}
	newRuntime := func(cod bool) (wazero.Runtime, offered) {
		config := wazero.NewRuntimeConfigInterpreter().WithMemoryLimitPages(16).WithCloseOnContextDone(cod)
		rt := wazero.NewRuntimeWithConfig(f.Context(), config)
		f.Cleanup(func() { rt.Close(context.Background()) })
		host, err := installHost(f.Context(), rt, 1<<8)
		if err != nil {
			f.Fatal(err)
		}
		return rt, host
	}
	metered, host := newRuntime(false)
	plain, _ := newRuntime(true)
	f.Fuzz(func(t *testing.T, code, input []byte) {
		s, err := meter.Scan(code)
		if err != nil {
			return
		}
		out, err := s.Metered()
		if err != nil {
			if len(refusal(err).Detail) > maxDetail {
				t.Fatalf("metered = %v", err)
			}
			return
		}
		before, err := compileRecovered(t.Context(), plain, s.Code)
		if err != nil {
			return
		}
		defer before.Close(t.Context())
		after, err := compileRecovered(t.Context(), metered, out)
		if err != nil {
			t.Fatalf("compiles without metering only: %v", err)
		}
		defer after.Close(t.Context())
		style, err := check(s, host)
		if err != nil {
			return
		}
		got, ended := fuzzCall(t, metered, after, style, input)
		if !ended {
			return // without metering it might never end
		}
		if want, ended := fuzzCall(t, plain, before, style, input); ended && got != want {
			t.Fatalf("answers %.200q, and %.200q without metering", got, want)
		}
	})
}

// fuzzCall instantiates and calls. It reports whether that ended by itself, at a
// depth that both forms reach.
func fuzzCall(t *testing.T, rt wazero.Runtime, code wazero.CompiledModule, s style, input []byte) (string, bool) {
	limits := DefaultLimits()
	limits.Instantiate, limits.Output = 20*time.Millisecond, 1<<16
	b := &build{wz: rt, compiled: code, style: s, limits: limits, plain: true}
	inst, err := b.instantiate(t.Context())
	if err != nil {
		return "", false
	}
	defer inst.close()
	r := &runner{inst, s}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	got := r.call(ctx, input, time.Second)
	return got, ctx.Err() == nil && !strings.Contains(got, ErrTimeout.Error()) && !strings.Contains(got, "stack overflow")
}
