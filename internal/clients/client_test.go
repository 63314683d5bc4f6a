package clients

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestClients(t *testing.T) {
	for _, c := range All(t) {
		for _, mode := range c.Modes {
			t.Run(c.Name+"/"+mode, func(t *testing.T) {
				agents := new(agentLog)
				server := endpoints(t, agents)
				path := "/mcp"
				if mode == ModeSSE {
					path = "/sse"
				}
				given := map[string]any{"a_lookup": map[string]any{"key": "given", "limit": 3}}
				report, err := c.Run(t.Context(), server.URL+path, mode, given)
				if err != nil {
					t.Fatal(err)
				}
				checkReport(t, report, c.Name, mode, given["a_lookup"])
				if want := []string{"kd-" + c.Name}; !slices.Equal(agents.seen, want) {
					t.Errorf("User-Agents %q, want %q", agents.seen, want)
				}
			})
		}
	}
}

func TestGoStdio(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv(serveStdio, "1")
	for mode, legacy := range map[string]bool{ModeLegacy: true, ModeAuto: false} {
		t.Run(mode, func(t *testing.T) {
			report, err := GoStdio(t.Context(), []string{self}, legacy)
			if err != nil {
				t.Fatal(err)
			}
			checkReport(t, report, "go", mode, map[string]any{"key": "test", "limit": 1.0})
		})
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
			if auto.ProtocolVersion != VersionLegacy || len(auto.Tools) != 5 {
				t.Errorf("auto: version %q, tools %q, errors %q", auto.ProtocolVersion, auto.Tools, auto.Errors)
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

// checkReport holds a session with the reference server to what it must yield.
func checkReport(t *testing.T, got *Report, client, mode string, lookup any) {
	t.Helper()
	version := VersionModern
	if slices.Contains([]string{ModeHTTP, ModeSSE, ModeLegacy}, mode) {
		version = VersionLegacy
	}
	want := &Report{
		Client: client, Mode: mode, ProtocolVersion: version,
		ServerInfo: &ServerInfo{Name: "reference", Title: "Reference", Version: "3.2.1"},
		Tools:      []string{"a_lookup", "b_media", "c_refuse", "d_strict", "e_broken"},
		Calls: []Call{
			{Name: "a_lookup", Args: lookup, Bytes: len("ключ ") + len(keyOf(lookup)), ContentTypes: []string{"text"}},
			{Name: "b_media", Args: map[string]any{}, Bytes: 3 + 8 + 5, ContentTypes: []string{"text", "image", "resource"}},
			{Name: "c_refuse", Args: map[string]any{}, IsError: true, Bytes: 2, ContentTypes: []string{"text"}},
			{
				Name: "d_strict", Args: map[string]any{"id": "TEST-1", "kind": "x", "n": 5.0},
				Bytes: len(`{"id":"TEST-1","kind":"x","n":5}`), ContentTypes: []string{"text"},
			},
		},
	}
	if client == "py" && mode == ModeModern {
		want.ServerInfo = nil // pinned, this SDK asks nobody and takes no notice of later answers
	}
	errors := got.Errors
	got.Errors = nil
	if diff := cmp.Diff(normal(t, want), normal(t, got)); diff != "" {
		t.Errorf("report (-want +got):\n%s", diff)
	}
	if len(errors) != 1 || !strings.HasPrefix(errors[0], "call e_broken: ") || !strings.Contains(errors[0], errBroken.Message) {
		t.Errorf("errors %q, want the one of e_broken", errors)
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
