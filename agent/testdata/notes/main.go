//go:build wasip1

// Command notes is a persona whose tools write: what somebody notes is in their
// state and nowhere else.
package main

import (
	"encoding/json"

	"github.com/killdeer-mcp/killdeer/sdk"
	"github.com/killdeer-mcp/killdeer/sdk/guest"
)

func init() { guest.Personas("notes", "1.0.0", persona{}) }

func main() {}

type persona struct{}

// maxNotes is how many notes are kept; the oldest make room.
const maxNotes = 64

func (persona) Describe() []byte {
	return []byte(`{"id":"notes","server":{"name":"notes","version":"1.0.0"},"tools":[
 {"name":"note_add","inputSchema":{"type":"object","properties":{"text":{"type":"string"}},"required":["text"]}},
 {"name":"note_list","inputSchema":{"type":"object"}}],"fallback":{"text":"try later"}}`)
}

func (persona) Call(c *sdk.Call) []byte {
	var notes []string
	_ = json.Unmarshal(c.State, &notes)
	if c.Tool == "note_list" {
		text, _ := json.Marshal(notes)
		return guest.Text(string(text))
	}
	args, _ := guest.ParseObject(c.Args)
	notes = append(notes, args.Str("text"))
	state, _ := json.Marshal(notes[max(0, len(notes)-maxNotes):])
	var a guest.Answer
	return a.Text("noted").State(state).Bytes()
}
