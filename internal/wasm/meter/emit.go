package meter

import "errors"

var errTypeIndex = errors.New("unknown type of a function")

// body rewrites one function.
func (m *meter) body(r *reader, number int, out []byte) ([]byte, error) {
	declared := r.b
	locals := m.locals(r)
	declared = declared[:len(declared)-len(r.b)]
	if err := m.flow.read(r); err != nil {
		return nil, err
	}
	m.flow.assign()
	typ := m.functions[number]
	if uint64(typ) >= uint64(len(m.params)) {
		return nil, errTypeIndex
	}
	if m.flow.bulk {
		d := &reader{b: declared}
		out = appendU32(out, d.u32()+1)
		out = append(append(out, d.b...), 1, typeI32)
	} else {
		out = append(out, declared...)
	}
	return m.instructions(out, uint32(m.params[typ]+locals)), nil
}

// locals counts a function's own locals. The scanner has checked them.
func (m *meter) locals(r *reader) int {
	total := 0
	for range r.u32() {
		total += int(r.u32())
		r.byte()
	}
	return total
}

// instructions writes a function's instructions with the charges between them.
// length is a local to keep a length in.
func (m *meter) instructions(out []byte, length uint32) []byte {
	f := &m.flow
	for i, in := range f.list {
		here := uint32(i)
		if c := f.charges[i]; c > 0 {
			out = m.charge(out, c)
		}
		switch in.op {
		case opBr:
			out = appendU32(append(out, opBr), in.arg)
		case opCall, opRefFunc:
			out = appendU32(append(out, byte(in.op)), m.moved(in.arg))
		case opMemoryInit, opMemoryCopy, opMemoryFill:
			if _, known := f.length(here); !known {
				out = m.chargeLength(out, length)
			}
			out = append(out, f.code[in.at:f.end(i)]...)
		case opTableSet, opTableInit, opTableCopy, opTableGrow, opTableFill, opDataDrop, opElemDrop:
			m.unfixed = true
			fallthrough
		default:
			out = append(out, f.code[in.at:f.end(i)]...)
		}
	}
	return out
}

// end is where an instruction's bytes end.
func (f *flow) end(i int) uint32 {
	if i+1 < len(f.list) {
		return f.list[i+1].at
	}
	return uint32(len(f.code))
}

// charge takes a price off the fuel and calls for more when there is none left.
// Fuel is zero or more before each charge, so that it cannot wrap: the greatest
// price is that of 4 GiB, a quarter of the numbers below zero.
func (m *meter) charge(out []byte, price uint32) []byte {
	out = appendU32(append(out, opGlobalGet), m.fuel)
	out = appendI32(append(out, opI32Const), int32(price))
	return m.settle(out)
}

// chargeLength takes a price off that grows with the number on the stack.
func (m *meter) chargeLength(out []byte, length uint32) []byte {
	out = appendU32(append(out, opLocalTee), length)
	out = appendU32(append(out, opGlobalGet), m.fuel)
	out = appendU32(append(out, opLocalGet), length)
	out = append(out, opI32Const, bulkShift, opI32ShrU)
	return m.settle(out)
}

func (m *meter) settle(out []byte) []byte {
	out = appendU32(append(out, opI32Sub, opGlobalSet), m.fuel)
	out = appendU32(append(out, opGlobalGet), m.fuel)
	out = append(out, opI32Const, 0, opI32LtS, opIf, typeEmpty)
	out = appendU32(append(out, opCall), m.refill)
	out = appendU32(append(out, opGlobalSet), m.fuel)
	return append(out, opEnd)
}
