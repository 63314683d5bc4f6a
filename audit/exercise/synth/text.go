package synth

import (
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

const (
	maxText  = 64 << 10 // characters that are made because minLength asks for them
	longText = 4096     // characters of the boundary case
)

// text makes a string: by format, by the property's name, by the pattern; then of
// a length that fits.
func (g *generator) text(flat map[string]any, key string) (any, bool) {
	least, most := count(flat, "minLength", 0), count(flat, "maxLength", maxText)
	if least > maxText || least > most {
		return nil, false
	}
	pattern, format := text(flat, "pattern"), text(flat, "format")
	if s, ok := g.place(flat, key); ok && fits(s, pattern, least, most) {
		g.placed++
		return s, true
	}
	if pattern != "" {
		return g.matching(pattern, []string{g.ordinary(format, key), g.want.Words.Text, "a", "1"}, least, most)
	}
	s := g.ordinary(format, key)
	if _, fixed := g.formats()[format]; fixed {
		return s, true // padding would spoil it
	}
	if g.want.Case == Boundary {
		least = min(most, longText)
	}
	return stretch(s, least, most), true
}

// ordinary is what a person might type there.
func (g *generator) ordinary(format, key string) string {
	if s, ok := g.formats()[format]; ok {
		return s
	}
	name := strings.ToLower(key)
	w := g.want.Words
	if s, ok := programs[name]; ok {
		return s
	}
	for _, hint := range []struct{ in, value string }{
		{"url", w.URL},
		{"uri", w.URL},
		{"proxy", w.URL},
		{"link", w.URL},
		{"href", w.URL},
		{"endpoint", w.URL},
		{"path", w.Path},
		{"file", w.Path},
		{"dir", w.Dir},
		{"email", w.Email},
		{"host", w.Host},
	} {
		if strings.Contains(name, hint.in) && hint.value != "" {
			return hint.value
		}
	}
	return w.Text
}

// programs are what runs in any language, for what has the name of code.
var programs = map[string]string{
	"code": "1", "source_code": "1", "sourcecode": "1", "snippet": "1", "script": "1", "program": "1",
	"expression": "1", "expr": "1", "formula": "1", "command": "true", "cmd": "true", "shell_command": "true",
}

func (g *generator) formats() map[string]string {
	w := g.want.Words
	return map[string]string{
		"uri": w.URL, "url": w.URL, "iri": w.URL, "uri-reference": w.URL, "iri-reference": w.URL, "uri-template": w.URL,
		"email": w.Email, "idn-email": w.Email, "hostname": w.Host, "idn-hostname": w.Host,
		"ipv4": "192.0.2.1", "ipv6": "2001:db8::1", // RFC 5737, RFC 3849
		"date-time": "2026-01-01T00:00:00Z", "date": "2026-01-01", "time": "00:00:00Z", "duration": "P1D",
		"uuid": "00000000-0000-0000-0000-000000000000", "json-pointer": "", "regex": ".*", "byte": "YQ==",
	}
}

// Names that say what a string is.
var (
	pathNames = []string{"path", "file", "dir", "folder", "document", "location"}
	urlNames  = []string{"url", "uri", "link", "href", "endpoint", "webhook", "site", "address"}
)

// place is what the case is about, if it belongs into this string.
func (g *generator) place(flat map[string]any, key string) (string, bool) {
	format, to := text(flat, "format"), g.want.Place
	names := func(of []string) bool {
		return slices.ContainsFunc(of, func(n string) bool { return strings.Contains(strings.ToLower(key), n) })
	}
	switch {
	case to == "":
		return "", false
	case g.want.Case == CanaryPath && strings.HasSuffix(format, "uri") || g.want.Case == CanaryPath && names([]string{"uri"}):
		return "file://" + to, true
	case g.want.Case == CanaryPath && format == "":
		return to, names(pathNames)
	case g.want.Case == SinkURL && (format == "uri" || format == "url" || format == "iri" || format == "" && names(urlNames)):
		return to, true
	case g.want.Case == SinkURL && (strings.HasSuffix(format, "hostname") || format == "" && names([]string{"host", "domain", "server"})):
		return host(to), true
	case g.want.Case == Probe && format == "":
		return to, true
	}
	return "", false
}

// placeable reports whether a string is what a case placed.
func placeable(s, place string) bool {
	return s == place || s == "file://"+place || strings.Contains(place, "://") && s == host(place)
}

func host(url string) string {
	_, rest, _ := strings.Cut(url, "://")
	name, _, _ := strings.Cut(rest, "/")
	return name
}

func fits(s, pattern string, least, most int) bool {
	if n := utf8.RuneCountInString(s); n < least || n > most {
		return false
	}
	if pattern == "" {
		return true
	}
	re, err := regexp.Compile(pattern)
	return err == nil && re.MatchString(s)
}

// stretch gives a string a length within bounds, counted in characters.
func stretch(s string, least, most int) string {
	if n := utf8.RuneCountInString(s); n < least {
		return s + strings.Repeat("x", least-n)
	}
	if runes := []rune(s); len(runes) > most {
		return string(runes[:most])
	}
	return s
}

// For is an ordinary value for what has a name and no schema.
func (w Words) For(name string) string {
	g := generator{want: Want{Words: w}}
	return g.ordinary("", name)
}
