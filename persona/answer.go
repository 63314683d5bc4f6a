package persona

import "github.com/killdeer-mcp/killdeer/sdk"

// answer makes a caller's answer of an output: placeholders expanded, since they
// may differ where the remembered bytes do not.
func (p *loaded) answer(out *output, mark, source string) *sdk.Answer {
	a := &sdk.Answer{
		Result: out.result, Failed: out.failed, Input: out.input, Fault: out.fault,
		Notify: out.notify, Delay: out.delay, Notes: out.notes,
	}
	if !out.plain {
		e := p.expander(mark, holder(source))
		e.answer(a)
		a.Canaries = e.minted
	}
	return a
}

// answer puts copies in the place of what the memo keeps.
func (e *expander) answer(a *sdk.Answer) {
	a.Result = e.json(a.Result)
	if a.Fault != nil {
		f := *a.Fault
		f.Message = e.text(f.Message)
		a.Fault = &f
	}
	if a.Input != nil {
		in := *a.Input
		in.Requests = mapped(in.Requests, func(r *sdk.InputRequest) { r.Params = e.json(r.Params) })
		a.Input = &in
	}
	a.Notify = mapped(a.Notify, func(n *sdk.Notice) {
		n.Progress, n.Log = e.json(n.Progress), e.json(n.Log)
		n.Updated = e.text(n.Updated)
	})
}

// mapped returns a copy of a list with each element changed.
func mapped[T any](list []T, change func(*T)) []T {
	list = append([]T(nil), list...)
	for i := range list {
		change(&list[i])
	}
	return list
}
