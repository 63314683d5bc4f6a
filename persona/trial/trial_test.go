package trial_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/killdeer-mcp/killdeer/internal/wasm"
	"github.com/killdeer-mcp/killdeer/persona"
	"github.com/killdeer-mcp/killdeer/persona/trial"
	"github.com/killdeer-mcp/killdeer/sdk/guest"
)

// fake is a guest of one tool, which answers as a test wants.
type fake struct {
	describe string
	answer   func(in guest.Object, calls int) (string, error)
	calls    map[string]int // by source: an instance of its own each
	failed   int
}

func (*fake) Digest() [32]byte        { return [32]byte{1} }
func (f *fake) Release(source string) { delete(f.calls, source) }

func (*fake) Prepare(context.Context, ...wasm.Request) error { return nil }

func (f *fake) Call(_ context.Context, r wasm.Request) (wasm.Reply, error) {
	in, err := guest.ParseObject(r.Input)
	if err != nil {
		return wasm.Reply{}, err
	}
	if in.Str("op") == "describe" {
		return wasm.Reply{Output: []byte(f.describe)}, nil
	}
	f.calls[r.Source]++
	calls := f.calls[r.Source]
	if r.Source == "" {
		calls = 1
	}
	out, err := f.answer(in, calls)
	if err != nil {
		f.failed++
	}
	return wasm.Reply{Output: []byte(out), Log: []wasm.LogLine{{Text: "a line of the guest"}}, Memory: int64(calls) << 10}, err
}

const describe = `{"abi":1,"kind":"persona","id":"p","version":"1","personas":[{"id":"p","server":{"name":"p","version":"1"},"tools":[
{"name":"t","description":"does it","inputSchema":{"type":"object","properties":{"a":{"type":"string","description":"what"},"n":{"type":"integer","description":"how many"}},"required":["a"]}}],"tool_info":{"t":{"service":"s"}}}]}`

func say(text string) string {
	return string(guest.Text(text))
}

func TestFindings(t *testing.T) {
	trap := func() (string, error) { return "", &wasm.CallError{Code: "trap", Err: wasm.ErrTrap} }
	tests := []struct {
		name     string
		describe string
		answer   func(in guest.Object, calls int) (string, error)
		want     []string // "level: subject: part of the problem"
	}{
		{"fine", describe, func(in guest.Object, _ int) (string, error) { return say("got " + in.Object("args").Str("a")), nil }, nil},
		{
			"remembers", describe, func(_ guest.Object, calls int) (string, error) { return say(fmt.Sprint("call ", calls)), nil },
			[]string{"error: tool t: two calls with equal input gave different answers"},
		},
		{"traps at hostile text", describe, func(in guest.Object, _ int) (string, error) {
			if strings.Contains(in.Object("args").Str("a"), "jndi") {
				return trap()
			}
			return say("x"), nil
		}, []string{"error: tool t: called with {\"a\":\"{{.}}"}},
		{"traps always", describe, func(guest.Object, int) (string, error) { return trap() }, []string{"error: tool t: called with"}},
		{"no JSON", describe, func(guest.Object, int) (string, error) { return "hello", nil }, []string{"error: tool t: called with"}},
		{"unknown", describe, func(guest.Object, int) (string, error) { return string(guest.Error("unknown_tool", "?")), nil }, []string{`error: tool t: called with`}},
		{"refuses", describe, func(guest.Object, int) (string, error) { return string(guest.Error("bad_args", "?")), nil }, []string{`warning: tool t: it refuses arguments that fit its schema`}},
		{"says nothing", describe, func(guest.Object, int) (string, error) { return `{"result":{"content":[]}}`, nil }, []string{`warning: tool t: it answers`}},
		{"placeholder without mark", describe, func(guest.Object, int) (string, error) { return say("{{canary:aws_key:x}}"), nil }, []string{`warning: tool t: the answer shows a placeholder`}},
		{"order of keys", describe, func(in guest.Object, _ int) (string, error) { return say(in.Keys()[0]), nil }, []string{`error: tool t: the same envelope with its members in another order`}},
		{"not described", `{"abi":2}`, nil, []string{`error: describe: persona "p": describe: abi is 2`}},
		{"describes nothing", strings.Replace(describe, `"kind":"persona"`, `"kind":"rules"`, 1), nil, []string{`error: describe: persona "p": describe: kind is "rules"`}},
		{
			"poor description", strings.NewReplacer(`"description":"does it",`, "", `,"tool_info":{"t":{"service":"s"}}`, "", `,"description":"what"`, "").Replace(describe),
			func(guest.Object, int) (string, error) { return say("x"), nil },
			[]string{"warning: describe: tools without a service: t", "warning: tool t: it has no description", `warning: tool t: its argument "a" has no description`},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := &fake{describe: tt.describe, answer: tt.answer, calls: map[string]int{}}
			r, err := trial.Run(t.Context(), persona.Module{Name: "p", Guest: f}, trial.Options{Seed: []byte("seed")})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, found := range r.Findings {
				got = append(got, found.Level+": "+found.Subject+": "+found.Problem)
			}
			for _, want := range tt.want {
				if !slices.ContainsFunc(got, func(g string) bool { return strings.HasPrefix(g, want) }) {
					t.Errorf("findings %q, want %q", got, want)
				}
			}
			if len(tt.want) == 0 && len(got) > 0 {
				t.Errorf("findings %q, want none", got)
			}
			if wantFailed := len(tt.want) > 0 && strings.HasPrefix(tt.want[0], "error"); r.Failed() != wantFailed {
				t.Errorf("failed %v, want %v: %q", r.Failed(), wantFailed, got)
			}
			if f.failed > 5 {
				t.Errorf("a broken guest was called %d times: a sensor's would be rested", f.failed)
			}
		})
	}
}

// The report of a good persona has what its author wants to know, and survives JSON.
func TestReport(t *testing.T) {
	f := &fake{describe: describe, calls: map[string]int{}, answer: func(in guest.Object, _ int) (string, error) {
		return say("{{" + in.Str("mark") + ":canary:npm_token:deploy}}"), nil
	}}
	r, err := trial.Run(t.Context(), persona.Module{Name: "p", Guest: f}, trial.Options{Seed: []byte("seed")})
	if err != nil {
		t.Fatal(err)
	}
	if r.Failed() || r.Tools != 1 || r.Hostile < 15 || r.Calls <= r.Hostile || len(r.Speed) != 1 || r.Memory == 0 || !slices.Equal(r.Canaries, []string{"npm_token:deploy"}) {
		t.Errorf("report %+v", r)
	}
	if _, err := json.Marshal(r); err != nil {
		t.Error(err)
	}
}

func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	f := &fake{describe: describe, calls: map[string]int{}, answer: func(guest.Object, int) (string, error) { cancel(); return say("x"), nil }}
	if _, err := trial.Run(ctx, persona.Module{Name: "p", Guest: f}, trial.Options{Seed: []byte("seed")}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}
