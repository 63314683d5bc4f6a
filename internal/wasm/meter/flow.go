package meter

import "errors"

// Limits on one function. They bound what metering holds in memory.
const (
	maxInstructions = 1 << 20
	maxLabels       = 1 << 16 // of one br_table
	maxNesting      = 1 << 16
)

const (
	// splitCost is the most that one charge pays for, a single instruction apart.
	splitCost = 1 << 15
	// tailCost is how much may run after a call that returns without another
	// charge. It must be small: recursion can leave a million such ends behind.
	tailCost = 8
	// leafCost is the most that a function without calls and loops may cost to
	// be covered by priceCall.
	leafCost = 32
	// staticBulk is the greatest constant length whose price is known
	// beforehand.
	staticBulk = 1 << 15
	// bulkShift makes a price of a length in bytes.
	bulkShift = 3
)

var (
	errLong    = errors.New("function is too long")
	errNesting = errors.New("blocks are nested wrongly or too deep")
	errLabel   = errors.New("unknown label")
)

// instruction is one of a function's instructions. arg is a label, or an index;
// at an end, the instruction that opened the block; at a loop, one more than the
// number of its dispatch.
type instruction struct {
	at  uint32
	arg uint32
	op  uint16
}

// noOpener stands for the function itself, where an end's opener is asked for.
const noOpener = ^uint32(0)

// flow is what metering knows of one function: its instructions and the price to
// be charged before each. Its slices are used again for the next function.
type flow struct {
	code       []byte // the instructions
	list       []instruction
	charges    []uint32 // by instruction
	dispatches []dispatch
	open       []uint32 // openers of the blocks around, outermost first
	calls      bool
	bulk       bool // there is an instruction that is charged by length
}

// dispatch is a loop that begins by jumping on the value of a local, the form in
// which Go's compiler writes jumps within a function: a constant into the local,
// and back to the loop.
type dispatch struct {
	loop   uint32 // instruction
	depth  int    // blocks around the loop
	blocks int    // between the loop and the jump
	local  uint32
	labels []uint32
	header bool // some jump to the loop is of another form: charge at its header
}

// read decodes the instructions of a function, up to the end of r.
func (f *flow) read(r *reader) error {
	f.code = r.b
	f.list, f.dispatches = f.list[:0], f.dispatches[:0]
	f.open = append(f.open[:0], noOpener)
	f.calls, f.bulk = false, false
	for r.err == nil && len(f.open) > 0 {
		in := instruction{at: uint32(len(f.code) - len(r.b)), op: r.opcode()}
		in.arg = r.immediate(operationOf(in.op).imm)
		if r.err == nil {
			f.add(r, in)
		}
	}
	return r.end()
}

func (f *flow) add(r *reader, in instruction) {
	here := uint32(len(f.list))
	f.list = append(f.list, in)
	if here == maxInstructions {
		r.fail(errLong)
	}
	switch in.op {
	case opBlock, opLoop, opIf:
		f.list[here].arg = 0
		f.open = append(f.open, here)
		if len(f.open) > maxNesting {
			r.fail(errNesting)
		}
	case opElse:
		if top := f.open[len(f.open)-1]; top == noOpener || f.list[top].op != opIf {
			r.fail(errNesting)
		}
	case opEnd:
		last := len(f.open) - 1
		f.list[here].arg = f.open[last]
		f.open = f.open[:last]
	case opBr:
		f.jump(r, here)
	case opBrIf:
		f.touch(r, in.arg)
	case opBrTable:
		f.table(r, here)
	case opCall, opCallIndirect:
		f.calls = true
	case opMemoryInit, opMemoryCopy, opMemoryFill:
		_, known := f.length(here)
		f.bulk = f.bulk || !known
	}
}

// opener returns what a label refers to.
func (f *flow) opener(r *reader, label uint32) uint32 {
	if uint64(label) >= uint64(len(f.open)) {
		r.fail(errLabel)
		return noOpener
	}
	return f.open[len(f.open)-1-int(label)]
}

func (f *flow) dispatchOf(opener uint32) *dispatch {
	if opener == noOpener || f.list[opener].op != opLoop || f.list[opener].arg == 0 {
		return nil
	}
	return &f.dispatches[f.list[opener].arg-1]
}

// touch notes a jump that may lead to a dispatch in any state.
func (f *flow) touch(r *reader, label uint32) {
	if d := f.dispatchOf(f.opener(r, label)); d != nil {
		d.header = true
	}
}

// jump reads a br. One to a dispatch with a constant leads to a known block: if
// that is still open, then it is jumped out of at once.
func (f *flow) jump(r *reader, here uint32) {
	d := f.dispatchOf(f.opener(r, f.list[here].arg))
	if d == nil || here < 2 {
		return
	}
	number, set := f.list[here-2], f.list[here-1]
	if number.op != opI32Const || set.op != opLocalSet || set.arg != d.local {
		return
	}
	label := d.labels[min(uint64(number.arg), uint64(len(d.labels)-1))]
	if uint64(label) >= uint64(d.blocks) {
		return
	}
	depth := d.depth + d.blocks - int(label)
	target := d.loop + uint32(d.blocks) - label
	if depth < len(f.open) && f.open[depth] == target {
		f.list[here].arg = uint32(len(f.open) - 1 - depth)
	}
}

// table reads a br_table, and finds out whether it makes a loop a dispatch.
func (f *flow) table(r *reader, here uint32) {
	labels := f.labels(here)
	for _, label := range labels {
		f.touch(r, label)
	}
	if here < 2 || f.list[here-1].op != opLocalGet {
		return
	}
	first := here - 2
	for first > 0 && f.list[first].op == opBlock && f.plain(first) {
		first--
	}
	if f.list[first].op != opLoop || !f.plain(first) {
		return
	}
	blocks := int(here - 2 - first)
	d := dispatch{
		loop: first, depth: len(f.open) - 1 - blocks, blocks: blocks,
		local: f.list[here-1].arg, labels: labels,
	}
	for _, label := range labels {
		d.header = d.header || uint64(label) == uint64(blocks)
	}
	f.dispatches = append(f.dispatches, d)
	f.list[first].arg = uint32(len(f.dispatches))
}

func (f *flow) labels(here uint32) []uint32 {
	r := &reader{b: f.code[f.list[here].at+1:]}
	labels := make([]uint32, r.u32()+1)
	for i := range labels {
		labels[i] = r.u32()
	}
	return labels
}

// plain reports whether a block has neither parameters nor results.
func (f *flow) plain(here uint32) bool { return f.code[f.list[here].at+1] == typeEmpty }

// length returns the operand of a bulk memory instruction, where it is a small
// constant.
func (f *flow) length(here uint32) (uint32, bool) {
	if here == 0 || f.list[here-1].op != opI32Const || f.list[here-1].arg > staticBulk {
		return 0, false
	}
	return f.list[here-1].arg, true
}

// price is the cost of one instruction as far as it is known beforehand.
func (f *flow) price(here uint32) uint32 {
	price := operationOf(f.list[here].op).price
	switch f.list[here].op {
	case opMemoryInit, opMemoryCopy, opMemoryFill:
		length, _ := f.length(here)
		price += length >> bulkShift
	}
	return price
}
