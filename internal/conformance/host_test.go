package conformance_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"testing"
	"time"

	"github.com/killdeer-mcp/killdeer/internal/conformance"
	"github.com/killdeer-mcp/killdeer/internal/wasm"
	"github.com/killdeer-mcp/killdeer/persona"
	"github.com/killdeer-mcp/killdeer/sdk"
	"github.com/killdeer-mcp/killdeer/sdk/guest"
)

// native is the persona's guest without WebAssembly.
type native func(in []byte) []byte

var _ persona.Guest = native(nil)

func (n native) Call(_ context.Context, r wasm.Request) (wasm.Reply, error) {
	return wasm.Reply{Output: n(r.Input)}, nil
}

func (n native) Digest() [32]byte { return [32]byte{1} }

func (n native) Release(string) {}

func (n native) Prepare(context.Context, ...wasm.Request) error { return nil }

// The host takes the persona as it describes itself, and everything it answers.
func TestHost(t *testing.T) {
	h := persona.NewHost(persona.Options{WorldSeed: []byte("seed"), Log: slog.New(slog.DiscardHandler)})
	handler := native(guest.PersonaHandler("conformance", "1.0.0", conformance.New()))
	if err := h.Open(t.Context(), []persona.Module{{Name: "conformance", Guest: handler}}, nil); err != nil {
		t.Fatal(err)
	}
	catalog, err := h.Catalog(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(catalog.Tools) != 28 || len(catalog.Resources) != 3 || len(catalog.Templates) != 1 || len(catalog.Prompts) != 5 {
		t.Errorf("the catalog has %d tools, %d resources, %d templates, %d prompts",
			len(catalog.Tools), len(catalog.Resources), len(catalog.Templates), len(catalog.Prompts))
	}
	if watched := catalog.Resources[2]; watched.Every != 3*time.Second || watched.Grain > watched.Every {
		t.Errorf("the watched resource is announced every %v, at a grain of %v", watched.Every, watched.Grain)
	}
	for _, c := range calls {
		answer, err := h.Call(t.Context(), "source", decode(t, c.envelope))
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
		} else if answer.Guest != nil {
			t.Errorf("%s: %+v", c.name, *answer.Guest)
		}
	}
}

// decode is the call that a host makes the members of an envelope of.
func decode(t *testing.T, members string) *sdk.Call {
	t.Helper()
	var c sdk.Call // its fields have the names of the members, but for their case
	if err := json.Unmarshal([]byte("{"+members+"}"), &c); err != nil {
		t.Fatal(err)
	}
	c.Persona, c.Now = "conformance", time.Date(2026, 8, 1, 10, 0, 0, 0, time.UTC)
	return &c
}
