// Package match tests the value of an event field against a [sdk.Match]. The host
// uses it for windows and for what it may spare a pack; the guest that runs rules
// written in TOML uses the same code, so that the two cannot differ.
//
// It knows values only as text: which field they are of, and what an absent one
// means for a rule, is the caller's business. Expressions are RE2, which is
// linear in the value, and values come with a bound.
package match

import (
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/killdeer-mcp/killdeer/sdk"
)

// Limits of one condition.
const (
	MaxEntries  = 256     // of all forms together
	MaxEntry    = 1024    // bytes of an entry
	MaxValue    = 1 << 18 // bytes of a value that expressions are run on; the rest is not looked at
	maxReported = 80      // bytes of an entry that an error repeats
)

// Value is a compiled condition. Make one with [New].
type Value struct {
	is, prefix, contains []string
	regex                []*regexp.Regexp
	cidr                 []netip.Prefix
	min                  float64
	not                  bool
}

// New compiles a condition. The error tells every fault.
func New(m sdk.Match) (*Value, error) {
	n := len(m.Is) + len(m.Prefix) + len(m.Contains) + len(m.Regex) + len(m.CIDR)
	if n > MaxEntries {
		return nil, fmt.Errorf("%d entries, at most %d", n, MaxEntries)
	}
	if n == 0 && m.Min == 0 {
		return nil, errors.New("no condition: want is, prefix, contains, regex, cidr or min")
	}
	v := &Value{is: m.Is, prefix: m.Prefix, contains: m.Contains, min: m.Min, not: m.Not}
	var faults []error
	for _, list := range [][]string{m.Is, m.Prefix, m.Contains, m.Regex, m.CIDR} {
		for _, s := range list {
			if len(s) > MaxEntry {
				faults = append(faults, fmt.Errorf("entry of %d bytes, at most %d", len(s), MaxEntry))
			}
		}
	}
	for _, s := range slices.Concat(m.Prefix, m.Contains) {
		if s == "" {
			faults = append(faults, errors.New("an empty prefix or contains fits everything"))
		}
	}
	if Weight(m) > MaxProgram {
		faults = append(faults, fmt.Errorf("its expressions stand for more than %d instructions: repeat less", MaxProgram))
	}
	if len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	return v, v.compile(m)
}

func (v *Value) compile(m sdk.Match) error {
	var faults []error
	for _, s := range m.Regex {
		re, err := regexp.Compile(s)
		if err != nil {
			faults = append(faults, fmt.Errorf("regex %q: %w", cut(s), err))
			continue
		}
		v.regex = append(v.regex, re)
	}
	for _, s := range m.CIDR {
		p, err := Prefix(s)
		if err != nil {
			faults = append(faults, err)
			continue
		}
		v.cidr = append(v.cidr, p)
	}
	return errors.Join(faults...)
}

// Prefix reads an address as the prefix that holds only it, or a prefix.
func Prefix(s string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(s); err == nil && a.Zone() == "" {
		return netip.PrefixFrom(a.Unmap(), a.Unmap().BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("want an address or a CIDR prefix such as \"10.0.0.0/8\", got %q", cut(s))
	}
	return p.Masked(), nil
}

// Holds reports whether the condition holds for a value, "" for an absent one.
func (v *Value) Holds(s string) bool {
	if s == "" {
		return slices.Contains(v.is, "") != v.not
	}
	_, _, ok := v.Find(s)
	return ok != v.not
}

// Find returns the part of a value that an entry fits: the leftmost one of the
// first form that has one. It does not mind Not.
func (v *Value) Find(s string) (start, end int, ok bool) {
	if slices.Contains(v.is, s) {
		return 0, len(s), true
	}
	for _, p := range v.prefix {
		if strings.HasPrefix(s, p) {
			return 0, len(p), true
		}
	}
	if i, n := earliest(s, v.contains); i >= 0 {
		return i, i + n, true
	}
	if v.inside(s) || v.reaches(s) {
		return 0, len(s), true
	}
	bounded := s[:min(len(s), MaxValue)]
	for _, re := range v.regex {
		if at := re.FindStringIndex(bounded); at != nil {
			return at[0], at[1], true
		}
	}
	return 0, 0, false
}

// Negative reports whether the condition is a Not.
func (v *Value) Negative() bool { return v.not }

func earliest(s string, parts []string) (at, n int) {
	at = -1
	for _, p := range parts {
		if i := strings.Index(s, p); i >= 0 && (at < 0 || i < at) {
			at, n = i, len(p)
		}
	}
	return at, n
}

func (v *Value) inside(s string) bool {
	if len(v.cidr) == 0 {
		return false
	}
	a, err := netip.ParseAddr(s)
	if err != nil {
		return false
	}
	a = a.Unmap().WithZone("")
	return slices.ContainsFunc(v.cidr, func(p netip.Prefix) bool { return p.Contains(a) })
}

func (v *Value) reaches(s string) bool {
	if v.min == 0 {
		return false
	}
	f, err := strconv.ParseFloat(s, 64)
	return err == nil && f >= v.min
}

func cut(s string) string { return s[:min(len(s), maxReported)] }
