//go:build wasip1

// Command echo is a persona guest with one tool, which returns its text. It is
// what the benchmark compares with the same tool on another server.
//
// It imitates nothing and is part of no release.
package main

import (
	"github.com/killdeer-mcp/killdeer/sdk"
	"github.com/killdeer-mcp/killdeer/sdk/guest"
)

const describe = `{"id":"echo","server":{"name":"echo","version":"1.0.0"},"tools":[{"name":"echo",` +
	`"description":"Returns the text.","inputSchema":{"type":"object","properties":{"text":{"type":"string"}},` +
	`"required":["text"],"additionalProperties":false}}]}`

type persona struct{}

var _ sdk.Persona = persona{}

func (persona) Describe() []byte { return []byte(describe) }

// Call passes the text on as it is spelled: there is nothing to decode.
func (persona) Call(c *sdk.Call) []byte {
	args, err := guest.ParseObject(c.Args)
	if err != nil {
		return guest.Error("bad_args", "arguments are not an object")
	}
	var w guest.Writer
	w.Obj().Key("result").Obj().Key("content").Arr()
	w.Obj().Key("type").Str("text").Key("text").Raw(args.Raw("text")).End()
	return w.End().End().End().Bytes()
}

func init() { guest.Personas("echo", "1.0.0", persona{}) }

func main() {}
