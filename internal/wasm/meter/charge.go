package meter

import "slices"

// region is a block whose end the backward walk has passed.
type region struct {
	opener   uint32
	after    uint32 // cost ahead of the end
	label    uint32 // cost ahead of a jump to the block's label
	otherway uint32 // cost ahead of an if whose condition is false
	back     bool   // something jumps back to the loop
}

// backJump is a jump to a dispatch, which pays for its way before it is taken.
type backJump struct{ at, loop uint32 }

// pricing walks a function backwards. ahead is the cost of the most expensive
// way from here to the next charge, or out of the function.
type pricing struct {
	*flow
	ahead   uint32
	regions []region
	backs   []backJump
	loops   map[uint32]uint32 // cost ahead of a dispatch
}

// assign decides where to charge, so that every way through the function is paid for
// before it is taken:
//
//   - at the function's entry, unless it is a leaf that its callers pay for;
//   - at the header of a loop, or at the jumps back to it, if it is a dispatch;
//   - after a call with more than tailCost ahead: recursion would otherwise pay
//     for millions of these on its way down, and run them on its way up;
//   - anywhere else with more than splitCost ahead.
func (f *flow) assign() {
	f.charges = append(f.charges[:0], make([]uint32, len(f.list)+1)...)
	p := &pricing{flow: f, loops: map[uint32]uint32{}}
	for i := range slices.Backward(f.list) {
		here := uint32(i)
		p.step(here)
		p.ahead += f.price(here)
		if p.ahead > splitCost {
			p.charge(here)
		}
	}
	for _, b := range p.backs {
		f.charges[b.at] += p.loops[b.loop] + f.price(b.at)
	}
	charged := slices.ContainsFunc(f.charges, func(price uint32) bool { return price > 0 })
	if charged || f.calls || f.bulk || p.ahead > leafCost {
		f.charges[0] += p.ahead
	}
}

// charge pays for all that is ahead before an instruction.
func (p *pricing) charge(here uint32) {
	p.charges[here] += p.ahead
	p.ahead = 0
}

func (p *pricing) step(here uint32) {
	in := p.list[here]
	switch in.op {
	case opEnd:
		p.enter(in.arg)
	case opElse:
		top := &p.regions[len(p.regions)-1]
		top.otherway, p.ahead = p.ahead, top.after
	case opBlock, opLoop, opIf:
		p.leave(here)
	case opBr:
		p.ahead = p.jump(here, in.arg)
	case opBrIf:
		p.ahead = max(p.ahead, p.jump(here, in.arg))
	case opBrTable:
		p.ahead = 0
		for _, label := range p.labels(here) {
			p.ahead = max(p.ahead, p.jump(here, label))
		}
	case opReturn, opUnreachable:
		p.ahead = 0
	case opCall, opCallIndirect:
		if p.ahead > tailCost {
			p.charge(here + 1)
		}
	}
}

// enter passes the end of a block, towards its start.
func (p *pricing) enter(opener uint32) {
	r := region{opener: opener, after: p.ahead, label: p.ahead, otherway: p.ahead}
	if opener != noOpener && p.list[opener].op == opLoop {
		r.label = 0
	}
	p.regions = append(p.regions, r)
}

// leave passes the start of a block.
func (p *pricing) leave(opener uint32) {
	top := p.regions[len(p.regions)-1]
	p.regions = p.regions[:len(p.regions)-1]
	switch p.list[opener].op {
	case opIf:
		p.ahead = max(p.ahead, top.otherway)
	case opLoop:
		if !top.back {
			return
		}
		if d := p.dispatchOf(opener); d != nil && !d.header {
			p.loops[opener] = p.ahead
			return
		}
		p.ahead = max(1, p.ahead)
		p.charge(opener + 1)
	}
}

// jump returns the cost ahead of a label.
func (p *pricing) jump(here, label uint32) uint32 {
	target := &p.regions[len(p.regions)-1-int(label)]
	if target.opener == noOpener || p.list[target.opener].op != opLoop {
		return target.label
	}
	target.back = true
	if d := p.dispatchOf(target.opener); d != nil && !d.header {
		p.backs = append(p.backs, backJump{here, target.opener})
	}
	return 0
}
