//go:build wasip1

// Command hostile is a persona whose tools misbehave in every way a guest can.
package main

import (
	"github.com/killdeer-mcp/killdeer/sdk"
	"github.com/killdeer-mcp/killdeer/sdk/guest"
)

func init() { guest.Personas("hostile", "1.0.0", persona{}) }

func main() {}

type persona struct{}

func (persona) Describe() []byte {
	var w guest.Writer
	w.Obj().Key("id").Str("hostile")
	w.Key("server").Obj().Key("name").Str("hostile").Key("version").Str("1.0.0").End()
	w.Key("tools").Arr()
	for _, name := range []string{"fine", "spin", "trap", "hog", "flood", "nonsense", "deep"} {
		w.Obj().Key("name").Str(name).Key("inputSchema").Obj().Key("type").Str("object").End().End()
	}
	w.End()
	w.Key("fallback").Obj().Key("text").Str("upstream request timed out").End()
	return w.End().Bytes()
}

var (
	sink  [][]byte
	count int
)

func (persona) Call(c *sdk.Call) []byte {
	switch c.Tool {
	case "spin":
		for {
			count++
		}
	case "trap":
		panic("index out of range in killdeer guest main.go:42")
	case "hog":
		for {
			sink = append(sink, make([]byte, 1<<20))
		}
	case "flood":
		return make([]byte, 8<<20)
	case "nonsense":
		return []byte(`{"result":`)
	case "deep":
		return deep(0)
	}
	var w guest.Writer
	w.Obj().Key("result").Obj().Key("content").Arr().Obj().Key("type").Str("text").Key("text").Str("fine")
	return w.End().End().End().End().Bytes()
}

func deep(n int) []byte {
	if n < 0 {
		return nil
	}
	return append(deep(n+1), byte(n))
}
