package squeeze

// write puts the module together again: the packed image lies at the end of the
// memory that the module starts with, a start function unpacks it to where it
// belongs and clears its place.
func (m *module) write() []byte {
	packed := pack(m.image)
	size := uint64(len(packed)) + slack
	end := uint64(m.base) + uint64(len(m.image)) + slack
	pages := max(uint64(m.pages), (end+size+pageSize-1)/pageSize)
	at := uint32(pages*pageSize - size)

	out := append([]byte(nil), header...)
	emit := func(id byte, body []byte) {
		out = append(out, id)
		out = append(appendU32(out, uint32(len(body))), body...)
	}
	started := false
	for _, s := range m.sections {
		if s.id >= secElement && s.id != secDataCount && !started {
			emit(secStart, appendU32(nil, m.imports+m.funcs))
			started = true
		}
		switch s.id {
		case secType:
			emit(s.id, m.addType(s.body))
		case secFunction:
			emit(s.id, appendU32(counted(s.body), m.plain))
		case secMemory:
			emit(s.id, memory(s.body, uint32(pages)))
		case secCode:
			body := unpacker(at, uint32(len(packed)), m.base)
			emit(s.id, append(appendU32(counted(s.body), uint32(len(body))), body...))
		case secDataCount:
			emit(s.id, []byte{1})
		case secData:
			emit(s.id, data(at, packed))
		default:
			emit(s.id, s.body)
		}
	}
	return out
}

// counted returns a vector with its count raised by one, for an entry to follow.
func counted(body []byte) []byte {
	r := &reader{b: body}
	n := r.u32()
	return append(appendU32(make([]byte, 0, len(body)+256), n+1), r.b...)
}

func (m *module) addType(body []byte) []byte {
	if m.plain < m.types {
		return body
	}
	return append(counted(body), 0x60, 0, 0)
}

func memory(body []byte, pages uint32) []byte {
	r := &reader{b: body}
	r.u32()
	flags := r.byte()
	low := r.u32()
	if flags == 0 || low == pages {
		return append(appendU32([]byte{1, flags}, pages), r.b...)
	}
	return append(appendU32([]byte{1, flags}, pages), appendU32(nil, max(r.u32(), pages))...)
}

func data(at uint32, packed []byte) []byte {
	out := appendI32([]byte{1, 0, opI32Const}, int32(at))
	out = append(out, opEnd)
	return append(appendU32(out, uint32(len(packed))), packed...)
}

// The instructions that the unpacker is made of.
const (
	opLoop, opBlock, opIf = 0x03, 0x02, 0x04
	opEnd, opBr, opBrIf   = 0x0b, 0x0c, 0x0d
	opReturn              = 0x0f
	opGet, opSet, opTee   = 0x20, 0x21, 0x22
	opI64Load             = 0x29
	opI32Load8, opLoad16  = 0x2d, 0x2f
	opI64Store            = 0x37
	opI32Const            = 0x41
	opEq, opLtU, opGeU    = 0x46, 0x49, 0x4f
	opAdd, opSub, opAnd   = 0x6a, 0x6b, 0x71
	opShrU                = 0x76
	opBulk, opFill        = 0xfc, 0x0b
	noResult, typeI32     = 0x40, 0x7f
)

// Locals of the unpacker.
const (
	lSrc = iota
	lDst
	lToken
	lN
	lFrom
	lNext
	lByte
	locals
)

// unpacker is the body of the start function; see pack for the format.
func unpacker(at, size, base uint32) []byte {
	b := []byte{1, locals, typeI32}
	b = append(appendI32(append(b, opI32Const), int32(at)), opSet, lSrc)
	b = append(appendI32(append(b, opI32Const), int32(base)), opSet, lDst)
	b = append(b, opLoop, noResult)
	b = append(b, opGet, lSrc, opI32Load8, 0, 0, opSet, lToken)
	b = append(b, opGet, lSrc, opI32Const, 1, opAdd, opSet, lSrc)

	// Literals: as many as the high half of the token says.
	b = append(b, opGet, lToken, opI32Const, 4, opShrU, opSet, lN)
	b = longCount(b)
	b = append(b, opGet, lSrc, opSet, lFrom)
	b = append(b, opGet, lSrc, opGet, lN, opAdd, opSet, lSrc)
	b = copyLoop(b)

	// Nothing left: clear the place of the packed image.
	b = append(appendI32(append(b, opGet, lSrc, opI32Const), int32(at+size)), opGeU, opIf, noResult)
	b = append(appendI32(append(b, opI32Const), int32(at)), opI32Const, 0)
	b = append(appendI32(append(b, opI32Const), int32(size)), opBulk, opFill, 0)
	b = append(b, opReturn, opEnd)

	// A match: bytes that were written before, from a distance.
	b = append(b, opGet, lDst, opGet, lSrc, opLoad16, 0, 0, opSub, opSet, lFrom)
	b = append(b, opGet, lSrc, opI32Const, 2, opAdd, opSet, lSrc)
	b = append(b, opGet, lToken, opI32Const, 15, opAnd, opSet, lN)
	b = longCount(b)
	b = append(b, opGet, lN, opI32Const, minMatch, opAdd, opSet, lN)
	b = copyLoop(b)
	return append(b, opBr, 0, opEnd, opEnd)
}

// longCount adds bytes to a count of 15, until one is not 255.
func longCount(b []byte) []byte {
	b = append(b, opGet, lN, opI32Const, 15, opEq, opIf, noResult, opLoop, noResult)
	b = append(b, opGet, lN, opGet, lSrc, opI32Load8, 0, 0, opTee, lByte, opAdd, opSet, lN)
	b = append(b, opGet, lSrc, opI32Const, 1, opAdd, opSet, lSrc)
	b = appendI32(append(b, opGet, lByte, opI32Const), 255)
	return append(b, opEq, opBrIf, 0, opEnd, opEnd)
}

// copyLoop copies lN bytes, eight at a time: up to seven too many, which the next
// copy overwrites. The last one copies what stands behind the packed image, zeros,
// to what stands behind the image, zeros.
func copyLoop(b []byte) []byte {
	b = append(b, opGet, lDst, opGet, lN, opAdd, opSet, lNext, opBlock, noResult)
	b = append(b, opGet, lDst, opGet, lNext, opGeU, opBrIf, 0, opLoop, noResult)
	b = append(b, opGet, lDst, opGet, lFrom, opI64Load, 0, 0, opI64Store, 0, 0)
	b = append(b, opGet, lFrom, opI32Const, 8, opAdd, opSet, lFrom)
	b = append(b, opGet, lDst, opI32Const, 8, opAdd, opTee, lDst, opGet, lNext, opLtU, opBrIf, 0, opEnd, opEnd)
	return append(b, opGet, lNext, opSet, lDst)
}
