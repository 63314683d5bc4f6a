package clients

import (
	"encoding/json"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestClients(t *testing.T) {
	given := map[string]any{"a_lookup": map[string]any{"key": "given", "limit": 3}}
	for _, c := range All(t) {
		for _, mode := range c.Modes {
			t.Run(c.Name+"/"+mode, func(t *testing.T) {
				agents := new(agentLog)
				server := endpoints(t, agents)
				report, err := c.Run(t.Context(), server.URL+path(mode), mode, given)
				if err != nil {
					t.Fatal(err)
				}
				checkReport(t, report, c, mode, given)
				agents.check(t, c, mode)
			})
		}
	}
}

func path(mode string) string {
	if mode == ModeSSE {
		return "/sse"
	}
	return "/mcp"
}

func TestStdio(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	given := map[string]any{"a_lookup": map[string]any{"key": "given", "limit": 3}}
	for _, c := range All(t) {
		for _, mode := range c.StdioModes {
			t.Run(c.Name+"/"+mode, func(t *testing.T) {
				report, err := c.RunStdio(t.Context(), []string{self, serveStdio, "-c", "--stdio"}, mode, given)
				if err != nil {
					t.Fatal(err)
				}
				checkReport(t, report, c, mode, given)
			})
		}
	}
}

func TestOneCall(t *testing.T) {
	server := endpoints(t, new(agentLog))
	for _, c := range All(t) {
		if c.Reach != ReachOne {
			continue
		}
		for _, tool := range reference {
			t.Run(c.Name+"/"+tool, func(t *testing.T) {
				given := map[string]any{tool: sample[tool]}
				report, err := c.Run(t.Context(), server.URL+"/mcp", ModeLegacy, given)
				if err != nil {
					t.Fatal(err)
				}
				checkReport(t, report, c, ModeLegacy, given)
			})
		}
	}
}

func TestFallback(t *testing.T) {
	for _, c := range All(t) {
		if !slices.Contains(c.Modes, ModeAuto) {
			continue
		}
		t.Run(c.Name, func(t *testing.T) {
			server := endpoints(t, new(agentLog))
			auto, err := c.Run(t.Context(), server.URL+"/legacy", ModeAuto, nil)
			if err != nil {
				t.Fatal(err)
			}
			if auto.ProtocolVersion == VersionModern || len(auto.Tools) != 5 {
				t.Errorf("auto: version %q, tools %q, errors %q", auto.ProtocolVersion, auto.Tools, auto.Errors)
			}
			if !slices.Contains(c.Modes, ModeModern) {
				return
			}
			modern, err := c.Run(t.Context(), server.URL+"/legacy", ModeModern, nil)
			if err != nil {
				t.Fatal(err)
			}
			if len(modern.Tools) != 0 || len(modern.Errors) == 0 {
				t.Errorf("modern: tools %q, errors %q, want a refusal", modern.Tools, modern.Errors)
			}
		})
	}
}

func TestUnknownMode(t *testing.T) {
	for _, c := range All(t) {
		if _, err := c.Run(t.Context(), "http://127.0.0.1:1/", "telepathy", nil); err == nil {
			t.Errorf("%s accepted an unknown mode", c.Name)
		}
	}
}

func TestUnreachable(t *testing.T) {
	for _, c := range All(t) {
		t.Run(c.Name, func(t *testing.T) {
			report, err := c.Run(t.Context(), "http://127.0.0.1:1/mcp", c.Modes[0], nil)
			if err != nil {
				t.Fatal(err)
			}
			if len(report.Tools) != 0 || len(report.Errors) != 1 || !strings.HasPrefix(report.Errors[0], "session: ") {
				t.Errorf("tools %q, errors %q, want one of the session", report.Tools, report.Errors)
			}
		})
	}
}

// The reference server's tools, and arguments that each accepts.
var (
	reference = []string{"a_lookup", "b_media", "c_refuse", "d_strict", "e_broken"}
	sample    = map[string]any{
		"a_lookup": map[string]any{"key": "test", "limit": 1},
		"b_media":  map[string]any{},
		"c_refuse": map[string]any{},
		"d_strict": map[string]any{"id": "TEST-1", "kind": "x", "n": 5},
		"e_broken": map[string]any{},
	}
)

// checkReport holds a session with the reference server to what it must yield.
func checkReport(t *testing.T, got *Report, c Client, mode string, given map[string]any) {
	t.Helper()
	args := maps.Clone(sample)
	maps.Copy(args, given)
	called := called(c, given)
	broken := slices.Contains(called, "e_broken")
	errors := got.Errors
	got.Errors = nil
	if diff := cmp.Diff(normal(t, wantReport(c, mode, called, args)), normal(t, got)); diff != "" {
		t.Errorf("report (-want +got):\n%s", diff)
	}
	if !broken && len(errors) > 0 {
		t.Errorf("errors %q", errors)
	}
	if broken && (len(errors) != 1 || !strings.HasPrefix(errors[0], "call e_broken: ") || !strings.Contains(errors[0], errBroken.Message)) {
		t.Errorf("errors %q, want the one of e_broken", errors)
	}
}

// called are the tools that a client should call.
func called(c Client, given map[string]any) []string {
	switch c.Reach {
	case ReachAll:
		return reference
	case ReachOne:
		return slices.Sorted(maps.Keys(given))[:1]
	default:
		return nil
	}
}

func wantReport(c Client, mode string, called []string, args map[string]any) *Report {
	want := &Report{Client: c.Name, Mode: mode, Tools: reference}
	if c.Reach == ReachAll {
		want.ProtocolVersion = version(c, mode)
		want.ServerInfo = &ServerInfo{Name: "reference", Title: "Reference", Version: "3.2.1"}
	}
	switch {
	case c.Name == "py" && mode == ModeModern:
		want.ServerInfo = nil // pinned, this SDK asks nobody and takes no notice of later answers
	case c.Name == bridgeName:
		want.ProtocolVersion = "" // it is between the bridge and the server
	case c.Reach == ReachList:
		want.Tools = reference[:2] // one page
	}
	for _, call := range []Call{
		{Name: "a_lookup", Bytes: len("ключ ") + len(keyOf(args["a_lookup"])), ContentTypes: []string{"text"}},
		{Name: "b_media", Bytes: 3 + 8 + 5, ContentTypes: []string{"text", "image", "resource"}},
		{Name: "c_refuse", IsError: true, Bytes: 2, ContentTypes: []string{"text"}},
		{Name: "d_strict", Bytes: len(`{"id":"TEST-1","kind":"x","n":5}`), ContentTypes: []string{"text"}},
	} {
		if slices.Contains(called, call.Name) {
			call.Args = args[call.Name]
			want.Calls = append(want.Calls, call)
		}
	}
	return want
}

// version is what a client and a server that knows both eras agree upon.
func version(c Client, mode string) string {
	switch {
	case mode == ModeAuto, mode == ModeModern, mode == ModeSSE && c.Name == "mcp-go":
		return VersionModern
	default:
		return VersionLegacy
	}
}

func keyOf(lookup any) string {
	return lookup.(map[string]any)["key"].(string)
}

// normal makes numbers comparable, whatever Go type they have.
func normal(t *testing.T, report *Report) any {
	t.Helper()
	data, err := json.Marshal(report)
	if err != nil {
		t.Fatal(err)
	}
	var out any
	if err := json.Unmarshal(data, &out); err != nil {
		t.Fatal(err)
	}
	return out
}
