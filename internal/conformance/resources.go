package conformance

import (
	"strconv"
	"strings"

	"github.com/killdeer-mcp/killdeer/sdk"
	"github.com/killdeer-mcp/killdeer/sdk/guest"
)

// watchInterval is how long the watched resource stays the same, in seconds. It
// is what describe announces as the interval of its updates.
const watchInterval = 3

func resources() map[string]answer {
	return map[string]answer{
		"test://static-text":      staticText,
		"test://static-binary":    staticBinary,
		"test://watched-resource": watched,
	}
}

func templates() map[string]answer {
	return map[string]answer{"test://template/{id}/data": templated}
}

func staticText(c *sdk.Call) []byte {
	var a guest.Answer
	return a.Contents(c.URI, textType, "This is the content of the static text resource.").Bytes()
}

func staticBinary(c *sdk.Call) []byte {
	var a guest.Answer
	return a.Blob(c.URI, pngType, png).Bytes()
}

func watched(c *sdk.Call) []byte {
	var a guest.Answer
	revision := strconv.FormatInt(c.Now.Unix()/watchInterval, 10)
	return a.Contents(c.URI, textType, "Watched resource content, revision "+revision).Bytes()
}

func templated(c *sdk.Call) []byte {
	vars, _ := guest.ParseObject(c.Vars)
	id := vars.Str("id")
	if id == "" {
		return guest.Error(sdk.FaultUnknownResource, c.URI)
	}
	var w guest.Writer
	w.Obj().Key("id").Str(id).Key("templateTest").Bool(true).Key("data").Str("Data for ID: " + id).End()
	var a guest.Answer
	return a.Contents(c.URI, jsonType, string(w.Bytes())).Bytes()
}

// completions are what may be completed, by the name of the argument or variable.
func completions() map[string][]string {
	return map[string][]string{
		"arg1": {"test-one", "test-two", "testing"},
		"arg2": {"test-three"},
		"id":   {"123", "124", "200"},
	}
}

func complete(c *sdk.Call) []byte {
	argument, err := guest.ParseObject(c.Argument)
	if err != nil {
		return guest.Error(sdk.FaultBadArgs, "argument is not an object")
	}
	var values []string
	for _, v := range completions()[argument.Str("name")] {
		if strings.HasPrefix(v, argument.Str("value")) {
			values = append(values, v)
		}
	}
	return guest.Completion(values, len(values))
}
