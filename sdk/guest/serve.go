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

// ConfiguredRules makes the guest a rules module whose rules follow from a
// configuration, as [ConfiguredHandler] has it. It is called once, from init.
func ConfiguredRules(configure func(config []byte) (id, version string, rules []sdk.Rule, err error)) {
	handle = ConfiguredHandler(configure)
}

// ConfiguredPersona makes the guest a persona module whose persona follows from a
// configuration, as [ConfiguredPersonaHandler] has it. It is called once, from init.
func ConfiguredPersona(configure func(config []byte) (id, version string, p sdk.Persona, err error)) {
	handle = ConfiguredPersonaHandler(configure)
}

// PersonaHandler returns the function that answers envelopes for a persona
// module, for tests that need no WebAssembly.
func PersonaHandler(id, version string, personas ...sdk.Persona) func(in []byte) []byte {
	byID := map[string]sdk.Persona{}
	for _, p := range personas {
		byID[describedID(p)] = p
	}
	return func(in []byte) []byte {
		c, err := decodeCall(in)
		if err != nil {
			return Error(sdk.FaultInternal, "bad envelope")
		}
		switch c.Op {
		case "describe":
			return describePersonas(id, version, personas)
		case sdk.OpCall, sdk.OpResource, sdk.OpPrompt, sdk.OpComplete:
			if p := byID[c.Persona]; p != nil {
				return p.Call(c)
			}
		case sdk.OpPrepare:
			if p, ok := byID[c.Persona].(sdk.Preparer); ok {
				p.Prepare(c)
				return []byte("{}")
			}
		}
		return Error(sdk.FaultInternal, "unsupported request")
	}
}

// ConfiguredPersonaHandler is as [PersonaHandler] for a module whose persona follows
// from the configuration that the host hands it. It makes it anew when the
// configuration changes, which for one module it never does.
func ConfiguredPersonaHandler(configure func(config []byte) (id, version string, p sdk.Persona, err error)) func(in []byte) []byte {
	return configured(func(config []byte) (func(in []byte) []byte, error) {
		id, version, p, err := configure(config)
		if err != nil {
			return nil, err
		}
		return PersonaHandler(id, version, p), nil
	})
}

// configured makes a handler of the configuration in an envelope, and keeps it.
func configured(configure func(config []byte) (func(in []byte) []byte, error)) func(in []byte) []byte {
	var config []byte
	var answer func(in []byte) []byte
	return func(in []byte) []byte {
		given := configOf(in)
		if answer == nil || string(given) != string(config) {
			config = append([]byte(nil), given...)
			made, err := configure(config)
			if answer = made; err != nil {
				answer = nil
				return Error(sdk.FaultInternal, err.Error())
			}
		}
		return answer(in)
	}
}

// decodeCall reads an envelope. Raw members are slices of it.
func decodeCall(in []byte) (*sdk.Call, error) {
	c := &sdk.Call{}
	err := members(in, func(key, v []byte) {
		key = name(key)
		if s := textMember(c, key); s != nil {
			*s = String(v)
			return
		}
		if r := rawMember(c, key); r != nil {
			if *r = v; v[0] == 'n' {
				*r = nil // null
			}
			return
		}
		switch string(key) {
		case "seed":
			c.Seed, _ = strconv.ParseUint(view(v), 10, 64)
		case "company":
			c.Company, _ = strconv.ParseUint(view(v), 10, 64)
		case "now":
			now, _ := time.Parse(time.RFC3339, view(v))
			c.Now = now.UTC()
		case "can":
			c.Can = Strings(v)
		case "friction":
			c.Friction = v[0] == 't'
		case "retry_after":
			c.RetryAfter = int(integer(v, 0))
		case "round":
			c.Round = int(integer(v, 0))
		}
	})
	return c, err
}

func textMember(c *sdk.Call, key []byte) *string {
	switch string(key) {
	case "op":
		return &c.Op
	case "persona":
		return &c.Persona
	case "tool":
		return &c.Tool
	case "name":
		return &c.Name
	case "uri":
		return &c.URI
	case "template":
		return &c.Template
	case "mark":
		return &c.Mark
	}
	return nil
}

func rawMember(c *sdk.Call, key []byte) *sdk.RawJSON {
	switch string(key) {
	case "state":
		return &c.State
	case "args":
		return &c.Args
	case "vars":
		return &c.Vars
	case "ref":
		return &c.Ref
	case "argument":
		return &c.Argument
	case "context":
		return &c.Context
	case "inputs":
		return &c.Inputs
	case "refused":
		return &c.Refused
	case "resume":
		return &c.Resume
	}
	return nil
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

// Error returns the output document of a refused request. The kinds are the
// Fault constants of package sdk. Of kind [sdk.FaultTool] the client sees the
// message as the tool's own error; see [RPCError] for [sdk.FaultRPC].
func Error(kind, message string) []byte {
	var w Writer
	return w.Obj().Key("error").Obj().Key("kind").Str(kind).Key("message").Str(message).End().End().Bytes()
}

// RPCError returns the output document of a request that is refused with a
// JSON-RPC error of its own code.
func RPCError(code int, message string) []byte {
	var w Writer
	w.Obj().Key("error").Obj().Key("kind").Str(sdk.FaultRPC).Key("message").Str(message)
	return w.Key("data").Obj().Key("code").Int(int64(code)).End().End().End().Bytes()
}
