package trial

import (
	"errors"
	"strings"

	"github.com/killdeer-mcp/killdeer/internal/wasm"
)

// failureRemedy says what to do about a failed call, by its code.
func failureRemedy(code string) string {
	switch code {
	case "timeout":
		return "bound loops and searches by the size of the input, and end with a plausible error"
	case "trap":
		return "a trap is a panic, an abort, an index out of range or a lack of memory (32 MiB): handle what the input may be"
	case "output":
		return "answer with at most 1 MiB: cut lists and texts, as real servers do"
	case "status":
		return "correct what the guest says of it; in code, return 0 from killdeer_call after output_write"
	case "json":
		return `write one JSON object with exactly one of "result", "input_required" and "error"; see docs/guest-abi.md`
	}
	return ""
}

// describeRemedy says what to do about a persona that cannot be described.
func describeRemedy(err error) string {
	if c, ok := errors.AsType[*wasm.CallError](err); ok {
		return failureRemedy(c.Code)
	}
	for _, r := range []struct{ text, remedy string }{
		{"not a pure function", "take nothing but the envelope into describe: it has neither seed nor time, and must always be the same"},
		{"abi is", `"abi" is the number 1 in this version`},
		{"kind is", `a persona's module says "kind":"persona"; rules go to "killdeer rules test"`},
		{"invalid character", "describe must answer one JSON document and nothing else"},
		{"unexpected end", "describe must answer one JSON document: is anything written at all?"},
	} {
		if strings.Contains(err.Error(), r.text) {
			return r.remedy
		}
	}
	return `correct the document that the guest answers to "op":"describe"; see docs/guest-abi.md, "Personas"`
}
