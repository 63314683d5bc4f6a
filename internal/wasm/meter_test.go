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
	s, err := scan(code)
	if err != nil {
		return nil
	}
	style, err := s.check(host)
	if err != nil {
		return nil
	}
	out := s.out
	if mode == modeMetered {
		if out, err = s.metered(); err != nil {
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
	s, err := scan(fixtures(t)["testdata/echo.wasm"])
	if err != nil {
		t.Fatal(err)
	}
	out, err := s.metered()
	if err != nil {
		t.Fatal(err)
	}
	again, err := scan(out)
	if err != nil {
		t.Fatal(err)
	}
	_, err = again.check(host)
	if refused, ok := errors.AsType[*LoadError](err); !ok || refused.Code != CodeImport {
		t.Errorf("check of a metered guest = %v, want code %s", err, CodeImport)
	}
}

// Sections that a module lacks are made, each in its place.
func TestMeteringAddsSections(t *testing.T) {
	code := module(
		section(sectionType, 1, 0x60, 0, 0),
		section(sectionFunction, 1, 0),
		section(sectionMemory, 1, 0, 1),
		section(sectionExport, 1, 1, 'f', 0, 0),
		section(sectionCode, 1, 7, 0, opLoop, typeEmpty, opBr, 0, opEnd, opEnd),
	)
	s, err := scan(code)
	if err != nil {
		t.Fatal(err)
	}
	out, err := s.metered()
	if err != nil {
		t.Fatal(err)
	}
	rt := wazero.NewRuntimeWithConfig(t.Context(), wazero.NewRuntimeConfigInterpreter())
	defer rt.Close(t.Context())
	compiled, err := rt.CompileModule(t.Context(), out)
	if err != nil {
		t.Fatalf("compile % x: %v", out, err)
	}
	for _, def := range compiled.ExportedFunctions() {
		if def.Index() != 1 {
			t.Errorf("f has index %d, want 1", def.Index())
		}
	}
}

func TestMeteringRefuses(t *testing.T) {
	tests := []struct {
		name string
		body []byte // instructions
		want string
	}{
		{"unknown instruction", []byte{0x06, 0x0b}, "unknown instruction"},
		{"tail call", []byte{0x12, 0, 0x0b}, "unknown instruction"},
		{"atomic", []byte{0xfe, 0, 0, 0x0b}, "unknown instruction"},
		{"relaxed vector", []byte{0xfd, 0x80, 0x02, 0x0b}, "unknown instruction"},
		{"long prefix", []byte{0xfc, 0x80, 0x00, 0x0b}, "unknown instruction"},
		{"long vector prefix", []byte{0xfd, 0x8c, 0x00, 0x0b}, "unknown instruction"},
		{"unknown table instruction", []byte{0xfc, 0x12, 0, 0x0b}, "unknown instruction"},
		{"no end", []byte{0x02, 0x40, 0x0b}, "unexpected end"},
		{"too many ends", []byte{0x0b, 0x0b}, "longer"},
		{"else without if", []byte{0x05, 0x0b}, "nested"},
		{"label", []byte{0x0c, 1, 0x0b}, "label"},
		{"label of a table", []byte{0x0e, 1, 0, 7, 0x0b}, "label"},
		{"many labels", []byte{0x0e, 0xff, 0xff, 0xff, 0xff, 0x0f, 0x0b}, "count"},
		{"block type", []byte{0x02, 0x7a, 0x0b, 0x0b}, "immediate"},
		{"select of two", []byte{0x1c, 2, 0x7f, 0x7f, 0x0b}, "immediate"},
		{"reference", []byte{0xd0, 0x6e, 0x0b}, "immediate"},
		{"memory index", []byte{0x3f, 1, 0x0b}, "immediate"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			body := append([]byte{0}, tt.body...)
			code := append(appendU32([]byte{1}, uint32(len(body))), body...)
			s, err := scan(module(
				section(sectionType, 1, 0x60, 0, 0), section(sectionFunction, 1, 0), section(sectionCode, code...)))
			if err != nil {
				t.Fatal(err)
			}
			_, err = s.metered()
			refused, ok := errors.AsType[*LoadError](err)
			if !ok || refused.Code != CodeCompile || !strings.Contains(refused.Detail, tt.want) {
				t.Errorf("metered = %v, want code %s and %q", err, CodeCompile, tt.want)
			}
		})
	}
}

// FuzzMeter: whatever the scanner lets through is metered or refused cleanly;
// what compiles without metering compiles with it, pays its way, and answers the
// same.
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
		s, err := scan(code)
		if err != nil {
			return
		}
		out, err := s.metered()
		if err != nil {
			if refused, ok := errors.AsType[*LoadError](err); !ok || len(refused.Detail) > maxDetail {
				t.Fatalf("metered = %v", err)
			}
			return
		}
		before, err := compileRecovered(t.Context(), plain, s.out)
		if err != nil {
			return
		}
		defer before.Close(t.Context())
		after, err := compileRecovered(t.Context(), metered, out)
		if err != nil {
			t.Fatalf("compiles without metering only: %v", err)
		}
		defer after.Close(t.Context())
		walkAll(t, "fuzzed", s.out, 2)
		style, err := s.check(host)
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
