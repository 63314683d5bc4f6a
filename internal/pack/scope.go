package pack

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

const (
	maxGlobs     = 64
	maxTrustFile = 16 << 10
)

// A Scope is what a publisher's packs may be.
type Scope struct {
	Names []string // globs of pack names, as in path.Match; none: every name
	Kinds []string // none: persona and rules
	Caps  []string // capabilities that files may ask for; none: no capability
}

// defaultKinds leaves out plugins: native code is to be granted by its name.
var defaultKinds = []string{KindPersona, KindRules}

// check wants words that can match something.
func (s *Scope) check() error {
	if len(s.Names) > maxGlobs || len(s.Caps) > maxGlobs {
		return fmt.Errorf("a scope has at most %d names and capabilities", maxGlobs)
	}
	for _, g := range s.Names {
		if _, err := path.Match(g, ""); err != nil || g == "" || strings.ContainsAny(g, ", \t/") {
			return fmt.Errorf("names: %q is no glob of pack names", clip(g))
		}
	}
	for _, k := range s.Kinds {
		if !slices.Contains(allKinds, k) {
			return fmt.Errorf("kinds: %q is none of %s", clip(k), strings.Join(allKinds, ", "))
		}
	}
	for _, c := range s.Caps {
		if !capName.MatchString(c) {
			return fmt.Errorf("caps: %q does not match %s", clip(c), capName)
		}
	}
	return nil
}

// covers says what of a pack lies outside.
func (s *Scope) covers(m *Manifest) error {
	named := len(s.Names) == 0 || slices.ContainsFunc(s.Names, func(g string) bool {
		ok, _ := path.Match(g, m.Name)
		return ok
	})
	if !named {
		return refuse(OutOfScope, "publisher %s is trusted for packs named %s, and not for %s", m.Publisher, strings.Join(s.Names, ", "), m.Name)
	}
	kinds := s.Kinds
	if len(kinds) == 0 {
		kinds = defaultKinds
	}
	for _, k := range m.Kind {
		if !slices.Contains(kinds, k) {
			return refuse(OutOfScope, "publisher %s is trusted for the kinds %s, and not for %s", m.Publisher, strings.Join(kinds, ", "), k)
		}
	}
	for _, f := range m.Files {
		for _, c := range f.Caps {
			if !slices.Contains(s.Caps, c) {
				return refuse(OutOfScope, "%s asks for the capability %q, which publisher %s is not trusted with", f.Path, c, m.Publisher)
			}
		}
	}
	return nil
}

// formatPub writes a trust file: a minisign public key file, which minisign reads
// as well, and the scope behind it.
func formatPub(k PublicKey, s Scope) []byte {
	b := k.Text()
	for _, l := range []struct {
		name string
		list []string
	}{{"names", s.Names}, {"kinds", s.Kinds}, {"caps", s.Caps}} {
		if len(l.list) > 0 {
			b = fmt.Appendf(b, "%s: %s\n", l.name, strings.Join(l.list, ", "))
		}
	}
	return b
}

// parsePub reads a trust file.
func parsePub(text []byte) (k PublicKey, s Scope, err error) {
	if len(text) > maxTrustFile {
		return k, s, fmt.Errorf("over %d bytes", maxTrustFile)
	}
	lines := strings.SplitAfterN(string(text), "\n", 3)
	rest := ""
	if len(lines) == 3 {
		rest = lines[2]
	}
	if k, err = ParsePublicKey([]byte(strings.Join(lines[:min(2, len(lines))], ""))); err != nil {
		return k, s, err
	}
	seen := map[string]bool{}
	for line := range strings.Lines(rest) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if err := s.line(line, seen); err != nil {
			return k, s, err
		}
	}
	return k, s, s.check()
}

func (s *Scope) line(line string, seen map[string]bool) error {
	name, list, ok := strings.Cut(line, ":")
	target := map[string]*[]string{"names": &s.Names, "kinds": &s.Kinds, "caps": &s.Caps}[name]
	if !ok || target == nil {
		return fmt.Errorf("line %q: want \"names: ...\", \"kinds: ...\" or \"caps: ...\"", clip(line))
	}
	if seen[name] {
		return fmt.Errorf("%s is there twice", name)
	}
	seen[name] = true
	for word := range strings.SplitSeq(list, ",") {
		*target = append(*target, strings.TrimSpace(word))
	}
	return nil
}
