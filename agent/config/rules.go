package config

import (
	"fmt"
	"net/netip"
	"strings"
)

const (
	maxOperator    = 256  // entries
	maxOperatorLen = 1024 // bytes of one
	minOwnHeader   = 16   // bytes of a header's value: shorter ones are guessed
)

func checkRules(r *Rules, c *collector) {
	checkGuests(c, "rules.packs", r.Packs, BuiltInPacks, 0, maxPacks)
	if len(r.Operator) > maxOperator {
		c.add("rules.operator", "has %d entries, want at most %d", len(r.Operator), maxOperator)
		return
	}
	for i, text := range r.Operator {
		if _, err := ParseOwn(text); err != nil {
			c.addEntry("rules.operator", i, "%v", err)
		}
	}
}

// Own is one entry of rules.operator: what marks a request as the operator's. One
// of Prefix, UA and Header is set.
type Own struct {
	Prefix        netip.Prefix
	UA            string // how the user agent begins
	Header, Value string // of a request header
}

// ParseOwn reads an entry of rules.operator.
func ParseOwn(text string) (Own, error) {
	if len(text) > maxOperatorLen {
		return Own{}, fmt.Errorf("want at most %d bytes, got %d", maxOperatorLen, len(text))
	}
	if ua, ok := strings.CutPrefix(text, "ua:"); ok {
		if ua == "" {
			return Own{}, fmt.Errorf("want the beginning of a user agent after \"ua:\"")
		}
		return Own{UA: ua}, nil
	}
	if header, ok := strings.CutPrefix(text, "header:"); ok {
		name, value, ok := strings.Cut(header, ":")
		value = strings.TrimSpace(value)
		if !ok || name == "" || strings.ContainsAny(name, " \t\r\n") || len(value) < minOwnHeader {
			return Own{}, fmt.Errorf("want \"header:NAME: VALUE\" with a value of at least %d bytes, got %s", minOwnHeader, shown(text))
		}
		return Own{Header: name, Value: value}, nil
	}
	p, err := parseProxy(text)
	return Own{Prefix: p}, err
}

// OwnTraffic returns the entries of rules.operator by their text. A loaded
// configuration has none that cannot be read.
func (r *Rules) OwnTraffic() map[string]Own {
	all := map[string]Own{}
	for _, text := range r.Operator {
		if o, err := ParseOwn(text); err == nil {
			all[text] = o
		}
	}
	return all
}
