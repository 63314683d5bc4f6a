package world

import "github.com/killdeer-mcp/killdeer/persona/canary"

// Place is where the company's credentials belong.
func (w *World) Place() canary.Place {
	r := w.sub("aws account").at(0)
	return canary.Place{Domain: w.internalDomain(), Account: 100_000_000_000 + r.next()%900_000_000_000}
}

// Secret is a credential that somebody left lying about: its label names what it
// is for, and is unique for the kind.
type Secret struct{ Kind, Label string }
