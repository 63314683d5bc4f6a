package decoy_test

import (
	"encoding/json"
	"net/netip"
	"strings"
)

func parsePrefixes(list string) (out []netip.Prefix) {
	for p := range strings.FieldsSeq(list) {
		out = append(out, netip.MustParsePrefix(p))
	}
	return out
}

// quote returns s as a JSON string.
func quote(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err) // a string always has a form in JSON
	}
	return string(b)
}
