package judge

import (
	"strings"

	"github.com/killdeer-mcp/killdeer/audit/evidence"
	"github.com/killdeer-mcp/killdeer/audit/judge/wording"
	"github.com/killdeer-mcp/killdeer/sdk"
)

const maxResult = 256 << 10 // bytes of one result that are read for instructions

// judgeMessages judges what the server told and asked the client.
func (c *court) judgeMessages(p *pass) {
	for _, call := range p.Calls {
		if call != nil {
			c.readResult(p, call)
		}
	}
	for _, r := range p.Requests {
		if r.Method == "sampling/createMessage" || r.Method == "elicitation/create" {
			c.wish(p, r)
		}
	}
}

// readResult looks for what steers a model in a result. What came with the
// arguments is only an echo.
func (c *court) readResult(p *pass, call *evidence.Call) {
	m := moment{phase: evidence.InCall, call: call, at: call.From}
	left := maxResult
	report := func(h wording.Hit, what string) {
		c.report(p, m, sdk.Finding{
			ID: "AUD-M07", Title: "returns text with " + what + ": " + h.What, Object: h.What, Evidence: []string{"“" + h.Quote + "”"},
		})
	}
	eachString(call.Result, func(s string) {
		if left -= len(s); left < 0 || s == "" {
			return
		}
		given := p.asked[call.N].text + p.asked[call.N].offered.text
		if strings.Contains(given, s) {
			return
		}
		for _, h := range c.reader.Orders(s) {
			if len(c.reader.Orders(given)) == 0 {
				report(h, "instructions for a model")
			}
		}
		for _, h := range wording.Hidden(s) {
			if !strings.HasPrefix(h.What, "terminal") && !strings.HasPrefix(h.What, "control") && len(wording.Hidden(given)) == 0 {
				report(h, "hidden characters")
			}
		}
	})
}

// wish judges a request to the client's model or user.
func (c *court) wish(p *pass, r evidence.Request) {
	m := p.when(r.At)
	if r.Call > 0 {
		m = p.during(evidence.InCall, r.Call)
	}
	var texts []string
	eachString(r.Params, func(s string) { texts = append(texts, s) })
	text := strings.Join(append(texts, keysOf(r.Params)...), "\n")
	f := sdk.Finding{Object: r.Method, Evidence: []string{"“" + wording.Visible(c.redact.text(strings.Join(texts, " "))) + "”"}}
	secret := wording.AsksSecret(text)
	switch {
	case secret != "" && wording.AsksSecret(c.says.of(m).text) == "":
		f.Title = "asks by " + r.Method + " for: " + secret
	case len(c.reader.Orders(text)) > 0:
		f.Title = "sends instructions against the user by " + r.Method
	case m.call == nil:
		f.Title, f.Severity = "sends "+r.Method+" while nothing is asked of it", medium
	case strings.Contains(string(r.Params), `"allServers"`):
		f.Title, f.Severity = "asks by "+r.Method+" for the context of all servers", medium
	default:
		w := none
		if c.says.claims(m, wording.Ask) {
			w = declared
		}
		c.note(m.tool(), "sends "+r.Method, w)
		if w == declared {
			return
		}
		f.Title, f.Severity = "sends "+r.Method+", undeclared", info
	}
	f.ID = "AUD-M10"
	c.report(p, m, f)
}
