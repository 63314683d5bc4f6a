package meter

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"

	"github.com/tetratelabs/wazero"
)

func section(id byte, body ...byte) []byte {
	return append(appendU32([]byte{id}, uint32(len(body))), body...)
}

func module(sections ...[]byte) []byte {
	return append(slices.Clone(coreV1), slices.Concat(sections...)...)
}

// These announce far more than they hold. The compiler's decoder would allocate
// gigabytes for them, which Go cannot recover from.
func TestScanRefusesBombs(t *testing.T) {
	huge := []byte{0xff, 0xff, 0xff, 0xff, 0x0f}
	vector := func(id byte) []byte { return module(section(id, huge...)) }
	tests := []struct {
		name string
		code []byte
	}{
		{"types", vector(sectionType)},
		{"imports", vector(sectionImport)},
		{"functions", vector(sectionFunction)},
		{"globals", vector(sectionGlobal)},
		{"exports", vector(sectionExport)},
		{"elements", vector(sectionElement)},
		{"code", vector(sectionCode)},
		{"data", vector(sectionData)},
		{"tables", vector(sectionTable)},
		{"memories", module(section(sectionMemory, 2, 0, 1, 0, 1))},
		{"parameters", module(section(sectionType, append([]byte{1, 0x60}, huge...)...))},
		{"locals", module(section(sectionCode, append(append([]byte{1, 8, 1}, huge...), 0x7f, 0x0b)...))},
		{"data bytes", module(section(sectionData, append([]byte{1, 1}, huge...)...))},
		{"element entries", module(section(sectionElement, append([]byte{1, 1, 0}, huge...)...))},
		{"import name", module(section(sectionImport, append([]byte{1}, huge...)...))},
		{"section", append(module(), append([]byte{1}, huge...)...)},
		{"tag section", module(section(13, 0))},
		{"unknown section", module(section(99, 0))},
		{"doubled section", module(section(sectionType, 0), section(sectionType, 0))},
		{"order", module(section(sectionFunction, 0), section(sectionType, 0))},
		{"long integer", module([]byte{1, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00})},
		{"large integer", module([]byte{1, 0x80, 0x80, 0x80, 0x80, 0x10})},
		{"trailing bytes", module(section(sectionType, 0, 0))},
		{"shared memory", module(section(sectionMemory, 1, 3, 1, 1))},
		{"double export", module(section(sectionExport, 2, 1, 'a', 0, 0, 1, 'a', 0, 0))},
		{"bad name", module(section(sectionExport, 1, 1, 0xff, 0, 0))},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := Scan(tt.code)
			runtime.ReadMemStats(&after)
			if _, ok := errors.AsType[*Error](err); !ok {
				t.Errorf("scan = %v, want an Error", err)
			}
			if took := after.TotalAlloc - before.TotalAlloc; took > 8<<20 {
				t.Errorf("scan of %d bytes allocated %d", len(tt.code), took)
			}
		})
	}
}

func TestScanRewritesTables(t *testing.T) {
	tests := []struct {
		name     string
		in, want []byte
	}{
		{"no maximum", []byte{1, 0x70, 0, 3}, []byte{1, 0x70, 1, 3, 0x80, 0x80, 4}},
		{"small maximum", []byte{1, 0x6f, 1, 3, 9}, []byte{1, 0x6f, 1, 3, 9}},
		{"large maximum", []byte{1, 0x70, 1, 3, 0x81, 0x80, 4}, []byte{1, 0x70, 1, 3, 0x80, 0x80, 4}},
		{"two", []byte{2, 0x70, 0, 1, 0x6f, 1, 2, 2}, []byte{2, 0x70, 1, 1, 0x80, 0x80, 4, 0x6f, 1, 2, 2}},
		{"none", []byte{0}, []byte{0}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			custom := section(sectionCustom, 1, 'x', 0xde, 0xad)
			s, err := Scan(module(custom, section(sectionTable, tt.in...), custom))
			if err != nil {
				t.Fatal(err)
			}
			if want := module(section(sectionTable, tt.want...)); !bytes.Equal(s.Code, want) {
				t.Errorf("rewritten to % x, want % x", s.Code, want)
			}
		})
	}
}

// A guest must not be changed otherwise, and what was rewritten stays as it is.
func TestScanKeepsFixtures(t *testing.T) {
	for name, code := range fixtures(t) {
		s, err := Scan(code)
		if err != nil {
			continue
		}
		again, err := Scan(s.Code)
		if err != nil || !bytes.Equal(again.Code, s.Code) {
			t.Errorf("%s: a second rewriting changes it again: %v", name, err)
		}
		if !bytes.Contains(code, []byte{0x70, 0}) && !bytes.Contains(code, []byte{0x6f, 1}) && !bytes.Equal(code, s.Code) {
			t.Errorf("%s was changed", name)
		}
	}
}

func fixtures(tb testing.TB) map[string][]byte {
	tb.Helper()
	files, err := filepath.Glob("../testdata/*.wasm")
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

// FuzzScan: whatever the scanner lets through, the compiler accepts or refuses
// cleanly, its tables are bounded, rewriting it again changes nothing, and what
// compiles pays its way.
func FuzzScan(f *testing.F) {
	for name, code := range fixtures(f) {
		if len(code) < 1<<10 {
			f.Add(code)
		} else {
			f.Logf("%s is too large for a seed", name)
		}
	}
	f.Add(module(section(sectionTable, 2, 0x70, 0, 1, 0x6f, 1, 2, 2), section(sectionElement, 1, 0, 0x41, 0, 0x0b, 0)))
	f.Add(module(section(sectionGlobal, 1, 0x7b, 0, 0xfd, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x0b)))
	config := wazero.NewRuntimeConfigInterpreter().WithMemoryLimitPages(16)
	rt := wazero.NewRuntimeWithConfig(f.Context(), config)
	f.Cleanup(func() { rt.Close(f.Context()) })
	f.Fuzz(func(t *testing.T, code []byte) {
		s, err := Scan(code)
		if err != nil {
			if _, ok := errors.AsType[*Error](err); !ok {
				t.Fatalf("scan = %v", err)
			}
			return
		}
		again, err := Scan(s.Code)
		if err != nil || !bytes.Equal(again.Code, s.Code) {
			t.Fatalf("rewriting % x again: %v", s.Code, err)
		}
		if compiles(t, rt, s.Code) {
			walkAll(t, "fuzzed", s.Code, 2)
		}
	})
}

// compiles reports whether a compiler takes a module that is metered without a fault.
func compiles(t *testing.T, rt wazero.Runtime, code []byte) (ok bool) {
	s, err := Scan(code)
	if err != nil {
		return false
	}
	if _, err := s.Metered(); err != nil {
		return false
	}
	defer func() {
		if recover() != nil { // wazero's words for a fault that it did not foresee
			ok = false
		}
	}()
	compiled, err := rt.CompileModule(t.Context(), code)
	if err != nil {
		return false
	}
	return compiled.Close(t.Context()) == nil
}
