package squeeze_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/tetratelabs/wazero"

	"github.com/killdeer-mcp/killdeer/internal/guests/squeeze"
)

// module is a module of one function, one memory and some data.
func module(segments map[uint32][]byte, order []uint32, pages byte) []byte {
	out := []byte{0, 'a', 's', 'm', 1, 0, 0, 0}
	add := func(id byte, body []byte) {
		out = append(binary.AppendUvarint(append(out, id), uint64(len(body))), body...)
	}
	add(1, []byte{1, 0x60, 0, 1, 0x7f})           // one type: () -> i32
	add(3, []byte{1, 0})                          // one function of it
	add(5, []byte{1, 0, pages})                   // one memory
	add(7, []byte{2, 1, 'm', 2, 0, 1, 'f', 0, 0}) // export both
	add(10, []byte{1, 4, 0, 0x41, 42, 0x0b})      // i32.const 42
	data := binary.AppendUvarint(nil, uint64(len(order)))
	for _, at := range order {
		data = append(data, 0, 0x41)
		data = append(appendS(data, int64(at)), 0x0b)
		data = append(binary.AppendUvarint(data, uint64(len(segments[at]))), segments[at]...)
	}
	add(11, data)
	return out
}

func appendS(b []byte, v int64) []byte {
	for {
		c := byte(v & 0x7f)
		v >>= 7
		if v == 0 && c&0x40 == 0 {
			return append(b, c)
		}
		b = append(b, c|0x80)
	}
}

// memoryOf instantiates a module, runs its start function and nothing else, and
// returns the memory.
func memoryOf(t *testing.T, code []byte) []byte {
	t.Helper()
	rt := wazero.NewRuntimeWithConfig(context.Background(), wazero.NewRuntimeConfigInterpreter())
	defer rt.Close(context.Background())
	m, err := rt.InstantiateWithConfig(context.Background(), code, wazero.NewModuleConfig().WithStartFunctions())
	if err != nil {
		t.Fatal(err)
	}
	out, err := m.ExportedFunction("f").Call(context.Background())
	if err != nil || out[0] != 42 {
		t.Errorf("f() = %v, %v, want 42", out, err)
	}
	all, _ := m.Memory().Read(0, m.Memory().Size())
	return bytes.Clone(all)
}

func check(t *testing.T, code []byte) []byte {
	t.Helper()
	small, err := squeeze.Module(code)
	if err != nil {
		t.Fatal(err)
	}
	want, got := memoryOf(t, code), memoryOf(t, small)
	if len(got) < len(want) {
		t.Fatalf("memory has %d bytes, want at least %d", len(got), len(want))
	}
	for i := range got {
		w := byte(0)
		if i < len(want) {
			w = want[i]
		}
		if got[i] != w {
			t.Fatalf("byte %d of the memory is %d, want %d", i, got[i], w)
		}
	}
	return small
}

func TestModule(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	noise := make([]byte, 70_000)
	for i := range noise {
		noise[i] = byte(r.Uint32())
	}
	words := bytes.Repeat([]byte("a table of the linker\x00\x00\x00\x00\x00\x00\x00\x00\x07"), 4000)
	counting := make([]byte, 100_000)
	for i := 0; i+4 <= len(counting); i += 20 {
		binary.LittleEndian.PutUint32(counting[i:], uint32(i/320))
	}
	for name, segments := range map[string]map[uint32][]byte{
		"one byte":       {0: {1}},
		"a few":          {1000: []byte("hello"), 5: []byte("x"), 60_000: []byte("world")},
		"near":           {8: bytes.Repeat([]byte{1, 2, 3}, 500)},
		"one value":      {3: bytes.Repeat([]byte{9}, 60_000)},
		"noise":          {65_536: noise},
		"words":          {77: words},
		"counting":       {16: counting},
		"up to the end":  {131_072 - 70_000: noise},
		"everything":     {0: words, 200_000: noise, 400_000: counting},
		"long literals":  {0: noise[:15], 100: noise[:270], 1000: noise[:15+255], 5000: noise[:16+255]},
		"zeros are data": {10: make([]byte, 5000)},
	} {
		t.Run(name, func(t *testing.T) {
			var order []uint32
			for at := range segments {
				order = append(order, at)
			}
			check(t, module(segments, order, 8))
		})
	}
}

// TestModuleGrowsMemory has no room for the packed image but in more memory.
func TestModuleGrowsMemory(t *testing.T) {
	noise := make([]byte, 65_536)
	for i := range noise {
		noise[i] = byte(i * i >> 3)
	}
	check(t, module(map[uint32][]byte{0: noise}, []uint32{0}, 1))
}

func TestModuleIsDeterministic(t *testing.T) {
	code := module(map[uint32][]byte{0: bytes.Repeat([]byte("abcdefghij"), 999)}, []uint32{0}, 4)
	if a, b := check(t, code), check(t, code); !bytes.Equal(a, b) {
		t.Error("two runs differ")
	}
}

func TestModuleRefuses(t *testing.T) {
	good := module(map[uint32][]byte{0: []byte("data")}, []uint32{0}, 1)
	twice, err := squeeze.Module(good)
	if err != nil {
		t.Fatal(err)
	}
	for name, code := range map[string][]byte{
		"empty": nil, "text": []byte("hello, world"), "cut off": good[:len(good)-3], "squeezed already": twice, "no data": good[:8],
	} {
		if _, err := squeeze.Module(code); !errors.Is(err, squeeze.ErrFormat) {
			t.Errorf("%s: %v, want ErrFormat", name, err)
		}
	}
}

func FuzzModule(f *testing.F) {
	f.Add(module(map[uint32][]byte{0: []byte("data"), 90: []byte("more data")}, []uint32{0, 90}, 1))
	f.Add([]byte("\x00asm\x01\x00\x00\x00"))
	f.Fuzz(func(_ *testing.T, code []byte) { _, _ = squeeze.Module(code) })
}
