package meter

import "errors"

var (
	errOpcode    = errors.New("unknown instruction")
	errImmediate = errors.New("unsupported immediate")
)

// Instructions that metering looks at. Those behind a prefix byte have it in
// their upper half.
const (
	opUnreachable  = 0x00
	opBlock        = 0x02
	opLoop         = 0x03
	opIf           = 0x04
	opElse         = 0x05
	opEnd          = 0x0b
	opBr           = 0x0c
	opBrIf         = 0x0d
	opBrTable      = 0x0e
	opReturn       = 0x0f
	opCall         = 0x10
	opCallIndirect = 0x11
	opLocalGet     = 0x20
	opLocalSet     = 0x21
	opLocalTee     = 0x22
	opGlobalGet    = 0x23
	opGlobalSet    = 0x24
	opTableSet     = 0x26
	opI32Const     = 0x41
	opI32LtS       = 0x48
	opI32Sub       = 0x6b
	opI32ShrU      = 0x76
	opRefFunc      = 0xd2
	opMisc         = 0xfc // prefix: saturating conversions, bulk memory, tables
	opVector       = 0xfd // prefix: SIMD
	opMemoryInit   = 0xfc08
	opMemoryCopy   = 0xfc0a
	opMemoryFill   = 0xfc0b
	opDataDrop     = 0xfc09
	opTableInit    = 0xfc0c
	opElemDrop     = 0xfc0d
	opTableCopy    = 0xfc0e
	opTableGrow    = 0xfc0f
	opTableFill    = 0xfc11

	typeEmpty = 0x40 // of a block without parameters and results
)

// immediate says what follows an opcode.
type immediate byte

const (
	immUnknown immediate = iota // no such instruction
	immNone
	immBlock    // a block type
	immIndex    // a label, or an index
	immTwo      // two indices
	immLabels   // a vector of labels and one more
	immMemory   // alignment and offset
	immReserved // one zero byte
	immI32
	immI64
	immSelect // one value type
	immRef    // a reference type
	imm1      // as many bytes
	imm4
	imm8
	imm16
	immMemoryLane // alignment, offset and one byte
	immSegment    // an index and one zero byte
	immTwoZeros   // two zero bytes
)

// Prices are in units of about a third of a nanosecond, the time of a simple
// instruction, and on the side of what an instruction costs at its worst: a load
// may miss the caches.
const (
	priceLoad  = 4
	priceSlow  = 4   // a few machine instructions
	priceFloat = 8   // divisions and roots
	priceDiv   = 16  // integer divisions
	priceCall  = 40  // and all of a leaf: see leafCost
	priceRef   = 100 // leaves native code
	priceGrow  = 1000
	priceTable = 1 << 16 // up to maxTableElements entries
)

// operation is what one opcode means to metering.
type operation struct {
	imm   immediate
	price uint32
}

// operations describe a range of opcodes. Of two ranges the later one holds.
type operations struct {
	from, to byte
	operation
}

var (
	coreOperations   = expand(coreRanges)
	miscOperations   = expand(miscRanges)
	vectorOperations = expand(vectorRanges)
)

func expand(ranges []operations) *[256]operation {
	all := new([256]operation)
	for _, r := range ranges {
		for op := int(r.from); op <= int(r.to); op++ {
			all[op] = r.operation
		}
	}
	return all
}

var coreRanges = []operations{
	{0x00, 0x01, operation{immNone, 0}},   // unreachable, nop
	{0x02, 0x03, operation{immBlock, 0}},  // block, loop
	{0x04, 0x04, operation{immBlock, 1}},  // if
	{0x05, 0x05, operation{immNone, 1}},   // else
	{0x0b, 0x0b, operation{immNone, 0}},   // end
	{0x0c, 0x0d, operation{immIndex, 1}},  // br, br_if
	{0x0e, 0x0e, operation{immLabels, 4}}, // br_table
	{0x0f, 0x0f, operation{immNone, 1}},   // return
	{0x10, 0x10, operation{immIndex, priceCall}},
	{0x11, 0x11, operation{immTwo, priceCall}}, // call_indirect
	{0x1a, 0x1b, operation{immNone, 1}},        // drop, select
	{0x1c, 0x1c, operation{immSelect, 1}},
	{0x20, 0x24, operation{immIndex, 1}},         // locals, globals
	{0x25, 0x26, operation{immIndex, priceLoad}}, // table.get, table.set
	{0x28, 0x3e, operation{immMemory, priceLoad}},
	{0x3f, 0x3f, operation{immReserved, 1}}, // memory.size
	{0x40, 0x40, operation{immReserved, priceGrow}},
	{0x41, 0x41, operation{immI32, 1}},
	{0x42, 0x42, operation{immI64, 1}},
	{0x43, 0x43, operation{imm4, 1}},
	{0x44, 0x44, operation{imm8, 1}},
	{0x45, 0xc4, operation{immNone, 1}},          // numbers
	{0x6d, 0x70, operation{immNone, priceDiv}},   // i32
	{0x7f, 0x82, operation{immNone, priceDiv}},   // i64
	{0x8d, 0x91, operation{immNone, priceFloat}}, // f32: rounding, sqrt
	{0x92, 0x94, operation{immNone, priceSlow}},  // f32: add, sub, mul, of subnormal numbers
	{0x95, 0x97, operation{immNone, priceFloat}}, // f32: div, min, max
	{0x9b, 0x9f, operation{immNone, priceFloat}}, // f64
	{0xa0, 0xa2, operation{immNone, priceSlow}},
	{0xa3, 0xa5, operation{immNone, priceFloat}},
	{0xa8, 0xab, operation{immNone, priceSlow}}, // checked conversions
	{0xae, 0xb1, operation{immNone, priceSlow}},
	{0xd0, 0xd0, operation{immRef, 1}},
	{0xd1, 0xd1, operation{immNone, 1}},
	{0xd2, 0xd2, operation{immIndex, priceRef}},
}

var miscRanges = []operations{
	{0x00, 0x07, operation{immNone, priceSlow}},    // saturating conversions
	{0x08, 0x08, operation{immSegment, priceCall}}, // memory.init
	{0x09, 0x09, operation{immIndex, priceSlow}},   // data.drop
	{0x0a, 0x0a, operation{immTwoZeros, priceCall}},
	{0x0b, 0x0b, operation{immReserved, priceCall}},
	{0x0c, 0x0c, operation{immTwo, priceTable}},   // table.init
	{0x0d, 0x0d, operation{immIndex, priceSlow}},  // elem.drop
	{0x0e, 0x0e, operation{immTwo, priceTable}},   // table.copy
	{0x0f, 0x0f, operation{immIndex, priceTable}}, // table.grow
	{0x10, 0x10, operation{immIndex, 1}},          // table.size
	{0x11, 0x11, operation{immIndex, priceTable}}, // table.fill
}

// vectorRanges takes unassigned opcodes for such without an immediate: the
// compiler refuses them by itself.
var vectorRanges = []operations{
	{0x0e, 0xff, operation{immNone, priceFloat}},
	{0x00, 0x0b, operation{immMemory, priceLoad}},
	{0x0c, 0x0d, operation{imm16, priceSlow}}, // const, shuffle
	{0x15, 0x22, operation{imm1, priceSlow}},  // lanes
	{0x54, 0x5b, operation{immMemoryLane, priceLoad}},
	{0x5c, 0x5d, operation{immMemory, priceLoad}},
}

func operationOf(op uint16) operation {
	switch op >> 8 {
	case opMisc:
		return miscOperations[byte(op)]
	case opVector:
		return vectorOperations[byte(op)]
	}
	return coreOperations[byte(op)]
}

// opcode reads one, with its prefix. Only the shortest form of a number behind a
// prefix is read: the compiler takes the first byte of longer ones for the
// instruction and the rest for others.
func (r *reader) opcode() uint16 {
	op := r.byte()
	if op != opMisc && op != opVector {
		return uint16(op)
	}
	sub := r.byte()
	if sub >= 0x80 && (op == opMisc || r.byte() != 1) {
		r.fail(errOpcode)
	}
	return uint16(op)<<8 | uint16(sub)
}

// immediate passes over what follows an opcode. It returns the first index, the
// number of a 32-bit constant, or the number of labels.
func (r *reader) immediate(imm immediate) (arg uint32) {
	switch imm {
	case immNone:
	case immIndex:
		arg = r.u32()
	case immTwo, immMemory:
		arg = r.u32()
		r.u32()
	case immMemoryLane:
		arg = r.u32()
		r.u32()
		r.byte()
	case immBlock:
		r.blockType()
	case immLabels:
		n := r.count(maxLabels)
		for range n + 1 {
			r.u32()
		}
		arg = uint32(n)
	case immI32:
		v, ok := r.i32()
		if !ok {
			r.fail(errInteger)
		}
		arg = uint32(v)
	case immI64:
		r.skipSigned(10)
	default:
		return r.fixed(imm)
	}
	return arg
}

// fixed passes over immediates of a set form.
func (r *reader) fixed(imm immediate) (arg uint32) {
	switch imm {
	case imm1:
		r.take(1)
	case imm4:
		r.take(4)
	case imm8:
		r.take(8)
	case imm16:
		r.take(16)
	case immReserved:
		r.zeros(1)
	case immTwoZeros:
		r.zeros(2)
	case immSegment:
		arg = r.u32()
		r.zeros(1)
	case immSelect:
		if r.byte() != 1 {
			r.fail(errImmediate)
		}
		scanValueType(r)
	case immRef:
		if t := r.byte(); t != refFunc && t != refExtern {
			r.fail(errImmediate)
		}
	default:
		r.fail(errOpcode)
	}
	return arg
}

func (r *reader) zeros(n int) {
	for range n {
		if r.byte() != 0 {
			r.fail(errImmediate)
		}
	}
}

// blockType passes over one: nothing, one value type, or a type's index.
func (r *reader) blockType() {
	if len(r.b) > 0 && (r.b[0] == typeEmpty || valueTypes[r.b[0]] != "") {
		r.byte()
		return
	}
	if v, ok := r.i32(); !ok || v < 0 {
		r.fail(errImmediate)
	}
}
