package meter

import (
	"math/rand/v2"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
)

// Locals of a generated function.
const (
	genPC = iota
	genTrace
	genSteps
	genOther
)

// generator writes a function in the form that Go's compiler gives to jumps, with
// random jumps, conditional or not, to places ahead, behind and beyond the table.
type generator struct {
	lot    *rand.Rand
	blocks int
	out    []byte
}

func (g *generator) emit(code ...byte) { g.out = append(g.out, code...) }

func (g *generator) constant(v int32) { g.out = appendI32(append(g.out, opI32Const), v) }

func (g *generator) function() []byte {
	g.emit(1, 3, typeI32, opBlock, typeEmpty, opLoop, typeEmpty)
	for range g.blocks {
		g.emit(opBlock, typeEmpty)
	}
	g.emit(opLocalGet, genPC, opBrTable, byte(g.blocks+1))
	for range g.blocks + 2 {
		label := g.lot.IntN(g.blocks + 1)
		if label == g.blocks {
			label++ // out: straight back to the loop would never end
		}
		g.emit(byte(label))
	}
	for i := range g.blocks {
		g.emit(opEnd)
		g.segment(i)
	}
	g.emit(opEnd, opEnd, opLocalGet, genTrace, opLocalGet, genPC, 0x6a, opEnd)
	return g.out
}

// segment notes that it was reached, ends the function after so many steps, and jumps.
func (g *generator) segment(i int) {
	loop := byte(g.blocks - 1 - i)
	g.emit(opLocalGet, genTrace, opI32Const, 31, 0x6c)
	g.constant(int32(i + 1))
	g.emit(0x6a, opLocalSet, genTrace)
	g.emit(opLocalGet, genSteps, opI32Const, 1, 0x6a, opLocalTee, genSteps)
	g.emit(opI32Const, 50, 0x4a, opBrIf, loop+1)
	for range g.lot.IntN(4) {
		g.emit(opLocalGet, genTrace)
		g.constant(int32(g.lot.IntN(32)))
		g.emit(opI32ShrU, opI32Const, 1, 0x71, opIf, typeEmpty)
		g.jump(loop + 1)
		if g.lot.IntN(2) == 0 {
			g.emit(opElse, opBlock, typeEmpty)
			g.jump(loop + 2)
			g.emit(opEnd)
		}
		g.emit(opEnd)
	}
	if g.lot.IntN(3) == 0 {
		g.jump(loop)
	}
}

func (g *generator) jump(label byte) {
	switch g.lot.IntN(8) {
	case 0: // to where the trace says
		g.emit(opLocalGet, genTrace, opI32Const, 7, 0x71, opLocalSet, genPC)
	case 1: // the constant is not for the dispatch
		g.constant(int32(g.lot.IntN(g.blocks + 1)))
		g.emit(opLocalSet, genOther)
	case 2: // as the last, but another jump
		g.constant(int32(g.lot.IntN(g.blocks + 1)))
		g.emit(opLocalSet, genPC, opI32Const, 1, opBrIf, label)
	default:
		g.constant(int32(g.lot.IntN(g.blocks+4)) - 1)
		g.emit(opLocalSet, genPC)
	}
	g.emit(opBr, label)
}

// Jumps that metering shortens lead where they led before.
func TestMeteringKeepsDispatches(t *testing.T) {
	rt := wazero.NewRuntimeWithConfig(t.Context(), wazero.NewRuntimeConfigInterpreter())
	defer rt.Close(t.Context())
	refill := func() uint32 { return 1 << 8 }
	_, err := rt.NewHostModuleBuilder(HostModule).NewFunctionBuilder().WithFunc(refill).Export(HostRefill).Instantiate(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	instantiate := func(code []byte) api.Function {
		m, err := rt.InstantiateWithConfig(t.Context(), code, wazero.NewModuleConfig().WithName(""))
		if err != nil {
			t.Fatal(err)
		}
		return m.ExportedFunction("f")
	}
	shortened := 0
	for seed := range uint64(500) {
		lot := rand.New(rand.NewPCG(seed, 0))
		body := (&generator{lot: lot, blocks: 1 + lot.IntN(8)}).function()
		code := module(
			section(sectionType, 1, 0x60, 1, typeI32, 1, typeI32),
			section(sectionFunction, 1, 0),
			section(sectionExport, 1, 1, 'f', KindFunc, 0),
			section(sectionCode, append(appendU32([]byte{1}, uint32(len(body))), body...)...),
		)
		s, err := Scan(code)
		if err != nil {
			t.Fatal(err)
		}
		out, err := s.Metered()
		if err != nil {
			t.Fatal(err)
		}
		walkAll(t, "generated", code, 20)
		flowsOf(t, code, func(_ int, f *flow) { shortened += countShortened(f) })
		plain, metered := instantiate(s.Code), instantiate(out)
		for pc := range uint64(10) {
			want, err := plain.Call(t.Context(), pc)
			if err != nil {
				t.Fatal(err)
			}
			got, err := metered.Call(t.Context(), pc)
			if err != nil || got[0] != want[0] {
				t.Fatalf("seed %d: f(%d) = %v, %v, want %v", seed, pc, got, err, want)
			}
		}
	}
	if shortened < 500 {
		t.Errorf("%d jumps were shortened: the test tests little", shortened)
	}
}

// countShortened counts the jumps whose label is not the one in the code.
func countShortened(f *flow) (n int) {
	for _, in := range f.list {
		if in.op == opBr {
			r := &reader{b: f.code[in.at+1:]}
			if r.u32() != in.arg {
				n++
			}
		}
	}
	return n
}
