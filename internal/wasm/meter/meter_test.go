package meter

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"
)

// Sections that a module lacks are made, each in its place.
func TestMeteringAddsSections(t *testing.T) {
	code := module(
		section(sectionType, 1, 0x60, 0, 0),
		section(sectionFunction, 1, 0),
		section(sectionMemory, 1, 0, 1),
		section(sectionExport, 1, 1, 'f', 0, 0),
		section(sectionCode, 1, 7, 0, opLoop, typeEmpty, opBr, 0, opEnd, opEnd),
	)
	s, err := Scan(code)
	if err != nil {
		t.Fatal(err)
	}
	out, err := s.Metered()
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
			s, err := Scan(module(
				section(sectionType, 1, 0x60, 0, 0), section(sectionFunction, 1, 0), section(sectionCode, code...)))
			if err != nil {
				t.Fatal(err)
			}
			_, err = s.Metered()
			refused, ok := errors.AsType[*Error](err)
			if !ok || refused.Fault != Malformed || !strings.Contains(refused.Detail, tt.want) {
				t.Errorf("metered = %v, want a malformed module and %q", err, tt.want)
			}
		})
	}
}

// BenchmarkMeter rewrites the larger of the built-in guests.
func BenchmarkMeter(b *testing.B) {
	code, err := os.ReadFile("../../guests/bin/enterprise.wasm")
	if err != nil {
		b.Skip("the built-in guests are not built: make guests")
	}
	for b.Loop() {
		s, err := Scan(code)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := s.Metered(); err != nil {
			b.Fatal(err)
		}
	}
}
