package guest

import (
	"errors"
	"strconv"
	"time"

	"github.com/killdeer-mcp/killdeer/sdk"
)

// handle answers one input envelope. It is what the wasip1 entry calls, kept
// apart so that the glue can be tested natively.
var handle func(in []byte) []byte

// Personas makes the guest a persona module. It is called once, from init.
func Personas(id, version string, personas ...sdk.Persona) {
	handle = PersonaHandler(id, version, personas...)
}

// Rules makes the guest a rules module. It is called once, from init.
func Rules(id, version string, rules ...sdk.Rule) {
	handle = RulesHandler(id, version, rules...)
}

// PersonaHandler returns the function that answers envelopes for a persona
// module, for tests that need no WebAssembly.
func PersonaHandler(id, version string, personas ...sdk.Persona) func(in []byte) []byte {
	byID := map[string]sdk.Persona{}
	for _, p := range personas {
		byID[describedID(p)] = p
	}
	return func(in []byte) []byte {
		env, err := ParseObject(in)
		if err != nil {
			return Error("internal", "bad envelope")
		}
		op := env.Str("op")
		if op == "describe" {
			return describePersonas(id, version, personas)
		}
		p := byID[env.Str("persona")]
		if p == nil || op != "call" {
			return Error("internal", "unsupported request")
		}
		seed, _ := strconv.ParseUint(env.Str("seed"), 10, 64)
		now, _ := time.Parse(time.RFC3339, env.Str("now"))
		c := &sdk.Call{
			Op: op, Persona: env.Str("persona"), Tool: env.Str("tool"), Args: env.Raw("args"),
			Seed: seed, Now: now.UTC(), State: env.Raw("state"),
		}
		return p.Call(c)
	}
}

// describedID reads a persona's id from its description, and no further: a guest
// is started for every client, and described once.
func describedID(p sdk.Persona) string {
	id := ""
	d := p.Describe()
	_, _ = walk(d, space(d, 0), func(key []byte, i int) (int, error) {
		j, err := skip(d, i, 1)
		if err == nil && String(key) == "id" {
			id = String(d[i:j])
			err = errFound
		}
		return j, err
	})
	if id == "" {
		panic("guest: Describe is not an object with an id")
	}
	return id
}

var errFound = errors.New("found")

func describePersonas(id, version string, personas []sdk.Persona) []byte {
	var w Writer
	w.Obj().Key("abi").Int(sdk.ABIVersion).Key("kind").Str("persona").Key("id").Str(id).Key("version").Str(version)
	w.Key("personas").Arr()
	for _, p := range personas {
		w.Raw(p.Describe())
	}
	return w.End().End().Bytes()
}

// Error returns the output document of a failed request. Kinds: tool, bad_args,
// unknown_tool, internal. The message of kind tool is shown to the client.
func Error(kind, message string) []byte {
	var w Writer
	return w.Obj().Key("error").Obj().Key("kind").Str(kind).Key("message").Str(message).End().End().Bytes()
}
