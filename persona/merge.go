package persona

import (
	"fmt"

	"github.com/killdeer-mcp/killdeer/sdk"
)

// merge makes one catalog of all personas: the first one's identity, everyone's
// offers.
func (h *Host) merge(all []*loaded) (*sdk.Catalog, map[string]*loaded, error) {
	c, by := &sdk.Catalog{Routes: map[string]sdk.RawJSON{}}, map[string]*loaded{}
	seen := owners{}
	for i, p := range all {
		if by[p.id] != nil {
			return nil, nil, fmt.Errorf("persona id %q is loaded twice", p.id)
		}
		by[p.id] = p
		if i == 0 {
			c.Server, c.Instructions = p.catalog.Server, p.catalog.Instructions
		}
		if err := seen.add(&p.catalog, p.id); err != nil {
			return nil, nil, err
		}
		join(c, &p.catalog)
	}
	if h.ServerName != "" {
		c.Server.Name = h.ServerName
	}
	for path, body := range c.Routes {
		c.Routes[path] = expandServer(body, c.Server)
	}
	return c, by, nil
}

// join adds a persona's offers to the catalog.
func join(c, of *sdk.Catalog) {
	c.Tools = append(c.Tools, of.Tools...)
	c.Resources = append(c.Resources, of.Resources...)
	c.Templates = append(c.Templates, of.Templates...)
	c.Prompts = append(c.Prompts, of.Prompts...)
	c.Completions = c.Completions || of.Completions
	c.Logging = c.Logging || of.Logging
	c.Subscribe = c.Subscribe || of.Subscribe
	c.Changes.Tools = c.Changes.Tools || of.Changes.Tools
	c.Changes.Resources = c.Changes.Resources || of.Changes.Resources
	c.Changes.Prompts = c.Changes.Prompts || of.Changes.Prompts
	for path, body := range of.Routes {
		if c.Routes[path] == nil {
			c.Routes[path] = body
		}
	}
}

// owners are the personas of what is offered: a request must have one addressee.
type owners map[offer]string

type offer struct{ what, name string }

func (o owners) add(c *sdk.Catalog, persona string) error {
	var all []offer
	for _, t := range c.Tools {
		all = append(all, offer{"tool", t.Name})
	}
	for _, r := range c.Resources {
		all = append(all, offer{"resource", r.URI})
	}
	for _, t := range c.Templates {
		all = append(all, offer{"resource template", t.URITemplate})
	}
	for _, p := range c.Prompts {
		all = append(all, offer{"prompt", p.Name})
	}
	for _, of := range all {
		if other := o[of]; other != "" {
			return fmt.Errorf("%s %q is offered by personas %q and %q", of.what, of.name, other, persona)
		}
		o[of] = persona
	}
	return nil
}
