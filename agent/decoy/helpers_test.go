package decoy_test

import (
	"net/netip"
	"strings"
)

func parsePrefixes(list string) (out []netip.Prefix) {
	for p := range strings.FieldsSeq(list) {
		out = append(out, netip.MustParsePrefix(p))
	}
	return out
}
