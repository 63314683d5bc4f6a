package judge

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/killdeer-mcp/killdeer/audit/judge/wording"
	"github.com/killdeer-mcp/killdeer/sdk"
)

// judgeTexts reads everything a server says of itself, in every list.
func (c *court) judgeTexts() {
	for _, p := range c.passes {
		c.readText(p, "", "instructions", p.Instructions)
		for _, cat := range p.Catalog {
			for _, raw := range cat.Tools {
				c.readTool(p, raw)
			}
			for _, list := range [][]sdk.RawJSON{cat.Resources, cat.Templates, cat.Prompts} {
				for _, raw := range list {
					c.readDefinition(p, nameIn(raw), raw)
				}
			}
		}
	}
	c.alike()
}

// nameIn is the name of a definition, or the URI of one without.
func nameIn(raw sdk.RawJSON) string {
	var d struct{ Name, URI, URITemplate string }
	_ = json.Unmarshal(raw, &d) // one without a name is read all the same
	return cmpOr(d.Name, cmpOr(d.URI, d.URITemplate))
}

func (c *court) readTool(p *pass, raw sdk.RawJSON) {
	t := parseTool(raw)
	c.readDefinition(p, t.Name, raw)
	c.shadows(p, t)
	c.greedy(p, t)
	if wording.Mixed(t.Name) {
		c.text(p, t.Name, sdk.Finding{
			ID: "AUD-M08", Severity: high, Title: "has a name with letters of two scripts", Object: "name " + wording.Shape(t.Name),
			Evidence: []string{"“" + wording.Visible(t.Name) + "”"},
		})
	}
}

// readDefinition reads all strings of a definition, names of arguments included.
func (c *court) readDefinition(p *pass, name string, raw sdk.RawJSON) {
	eachString(raw, func(s string) { c.readText(p, name, "definition", s) })
	for _, k := range keysOf(raw) {
		c.readText(p, name, "definition", k)
	}
}

// keysOf are the names of all fields in a JSON value, sorted.
func keysOf(raw []byte) (all []string) {
	var v any
	if json.Unmarshal(raw, &v) != nil {
		return nil
	}
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			for k, e := range v {
				all = append(all, k)
				walk(e)
			}
		case []any:
			for _, e := range v {
				walk(e)
			}
		}
	}
	walk(v)
	slices.Sort(all)
	return slices.Compact(all)
}

func (c *court) readText(p *pass, name, where, s string) {
	for _, h := range wording.Hidden(s) {
		f := sdk.Finding{ID: "AUD-M01", Title: "has hidden characters in its " + where + ": " + h.What, Object: where + " " + h.What, Evidence: []string{"“" + h.Quote + "”"}}
		if strings.HasPrefix(h.What, "control") || strings.HasPrefix(h.What, "bidirectional controls") {
			f.Severity = medium
		}
		c.text(p, name, f)
	}
	for _, h := range c.reader.Orders(s) {
		c.text(p, name, sdk.Finding{
			ID: "AUD-M02", Title: "has instructions for a model in its " + where + ": " + h.What, Object: where + " " + h.What, Evidence: []string{"“" + h.Quote + "”"},
		})
	}
}

// text reports something about a definition.
func (c *court) text(p *pass, name string, f sdk.Finding) {
	f.Tool = name
	m := moment{phase: "list", at: p.Clock.MonoNS}
	for _, s := range p.Spans {
		if s.Phase == "list" {
			m.at = s.From
			break
		}
	}
	c.report(p, m, f)
}

// shadows compares a tool with those of other servers: by its name, and by what it
// says about theirs.
func (c *court) shadows(p *pass, t *tool) {
	for _, server := range sortedKeys(c.opts.Others) {
		for _, other := range c.opts.Others[server] {
			same, alike := t.Name == other, wording.Shape(t.Name) == wording.Shape(other)
			refers := wording.Refers(t.Description, other) || wording.Refers(c.says.server.text, other)
			f := sdk.Finding{Object: other + " of " + server}
			switch {
			case same && refers, refers && !same && c.says.tools[other] == nil:
				f.ID, f.Severity, f.Title = "AUD-M03", high, "says how to use "+other+" of the server "+server
			case same:
				f.ID, f.Title = "AUD-M03", "has the name of a tool of the server "+server
			case alike:
				f.ID, f.Title = "AUD-M08", "has a name that looks like "+other+" of the server "+server
			default:
				continue
			}
			c.text(p, t.Name, f)
		}
	}
}

// alike compares the server's own tools with each other.
func (c *court) alike() {
	shapes := map[string]string{}
	for _, name := range sortedKeys(c.says.tools) {
		shape := wording.Shape(name)
		if first, ok := shapes[shape]; ok && len(c.passes) > 0 {
			c.text(c.passes[0], name, sdk.Finding{ID: "AUD-M08", Title: "has a name that looks like the tool " + first, Object: "like " + wording.Visible(first)})
			continue
		}
		shapes[shape] = name
	}
}

// greedy reports required arguments that ask for more than a tool can need.
func (c *court) greedy(p *pass, t *tool) {
	var schema struct {
		Required   []string
		Properties map[string]struct{ Description string }
	}
	_ = json.Unmarshal(t.Input, &schema) // an odd schema requires nothing
	for _, name := range schema.Required {
		if reason := wording.Greedy(name, schema.Properties[name].Description); reason != "" {
			c.text(p, t.Name, sdk.Finding{
				ID: "AUD-M09", Title: "requires the argument " + wording.Visible(name) + ": " + reason, Object: "argument " + name, Evidence: []string{reason},
			})
		}
	}
}
