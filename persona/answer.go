package persona

import (
	"maps"

	"github.com/killdeer-mcp/killdeer/sdk"
)

// answer makes a caller's answer of an output: placeholders expanded, since they
// may differ where the remembered bytes do not.
func (p *loaded) answer(out *output) *sdk.Answer {
	a := &sdk.Answer{
		Result: out.result, Failed: out.failed, Input: out.input, Fault: out.fault,
		Notify: out.notify, Delay: out.delay, Notes: out.notes,
	}
	if !out.plain {
		p.expandAnswer(a)
	}
	return a
}

// expandAnswer puts copies in the place of what the memo keeps.
func (p *loaded) expandAnswer(a *sdk.Answer) {
	a.Result = expand(a.Result, p.seed)
	if a.Fault != nil {
		f := *a.Fault
		f.Message = p.expandString(f.Message)
		a.Fault = &f
	}
	if a.Input != nil {
		in := *a.Input
		in.Requests = mapped(in.Requests, func(r *sdk.InputRequest) { r.Params = expand(r.Params, p.seed) })
		a.Input = &in
	}
	a.Notify = mapped(a.Notify, func(n *sdk.Notice) {
		n.Progress, n.Log = expand(n.Progress, p.seed), expand(n.Log, p.seed)
		n.Updated = p.expandString(n.Updated)
	})
	a.Notes = maps.Clone(a.Notes)
	for k, v := range a.Notes {
		a.Notes[k] = string(unescapeAttacker([]byte(v)))
	}
}

func (p *loaded) expandString(s string) string { return string(expand([]byte(s), p.seed)) }

// mapped returns a copy of a list with each element changed.
func mapped[T any](list []T, change func(*T)) []T {
	list = append([]T(nil), list...)
	for i := range list {
		change(&list[i])
	}
	return list
}
