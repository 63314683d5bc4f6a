package persona

import "github.com/killdeer-mcp/killdeer/sdk"

// answer makes a caller's answer of an output: placeholders expanded, since they
// may differ where the remembered bytes do not.
func (p *loaded) answer(out *output, mark string) *sdk.Answer {
	a := &sdk.Answer{
		Result: out.result, Failed: out.failed, Input: out.input, Fault: out.fault,
		Notify: out.notify, Delay: out.delay, Notes: out.notes,
	}
	if !out.plain {
		p.expandAnswer(a, mark)
	}
	return a
}

// expandAnswer puts copies in the place of what the memo keeps.
func (p *loaded) expandAnswer(a *sdk.Answer, mark string) {
	raw := func(b []byte) []byte { return expand(b, p.seed, mark) }
	text := func(s string) string { return string(raw([]byte(s))) }
	a.Result = raw(a.Result)
	if a.Fault != nil {
		f := *a.Fault
		f.Message = text(f.Message)
		a.Fault = &f
	}
	if a.Input != nil {
		in := *a.Input
		in.Requests = mapped(in.Requests, func(r *sdk.InputRequest) { r.Params = raw(r.Params) })
		a.Input = &in
	}
	a.Notify = mapped(a.Notify, func(n *sdk.Notice) {
		n.Progress, n.Log = raw(n.Progress), raw(n.Log)
		n.Updated = text(n.Updated)
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
