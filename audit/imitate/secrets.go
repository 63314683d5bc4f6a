package imitate

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/killdeer-mcp/killdeer/audit/evidence"
)

// secret is a value that becomes a honeytoken.
type secret struct{ kind, label string }

// secrets finds what looks like a credential. One value is one honeytoken wherever it
// stands.
type secrets struct {
	planted []string
	words   []needle          // what the exercise put into arguments, where it comes back later
	known   map[string]secret // by value
	counts  map[string]int    // by kind
}

func newSecrets(planted []evidence.Canary) *secrets {
	s := &secrets{known: map[string]secret{}, counts: map[string]int{}}
	for _, c := range planted {
		for _, v := range c.Values {
			if c.Kind == "argument" || c.Kind == "answer" {
				s.words = append(s.words, needle{v, plainWord})
				continue
			}
			if len(v) >= minPlanted {
				s.planted = append(s.planted, v)
			}
		}
	}
	slices.SortFunc(s.planted, func(a, b string) int { return len(b) - len(a) })
	return s
}

const (
	minPlanted = 8
	plainWord  = "release notes"
)

// shapes are credentials by their vendors' forms, the longest forms first. Group is
// the part that is secret, 0 for all of it.
var shapes = []struct {
	kind  string
	re    *regexp.Regexp
	group int
}{
	{"ssh_key", regexp.MustCompile(`-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?-----END [A-Z ]*PRIVATE KEY-----\n?`), 0},
	{"dsn", regexp.MustCompile(`\b(?:postgres|postgresql|mysql|mariadb|mongodb|mongodb\+srv|redis|amqp)://[^\s:/@"'<>]+:[^\s@"'<>]+@[^\s"'<>]+`), 0},
	{"password", regexp.MustCompile(`\b[a-z][a-z0-9+.-]*://[^\s:/@"'<>]+:([^\s@"'/<>]+)@`), 1},
	{"jwt", regexp.MustCompile(`\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*`), 0},
	{"github_pat", regexp.MustCompile(`\b(?:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{22,})`), 0},
	{"gitlab_pat", regexp.MustCompile(`\bglpat-[A-Za-z0-9_-]{16,}`), 0},
	{"npm_token", regexp.MustCompile(`\bnpm_[A-Za-z0-9]{30,}`), 0},
	{"slack_bot", regexp.MustCompile(`\bxox[abeoprs]-[A-Za-z0-9-]{10,}`), 0},
	{"google_api_key", regexp.MustCompile(`\bAIza[0-9A-Za-z_-]{30,}`), 0},
	{"stripe_key", regexp.MustCompile(`\b[rs]k_(?:live|test)_[0-9A-Za-z]{16,}`), 0},
	{"aws_key.id", regexp.MustCompile(`\b(?:AKIA|ASIA)[A-Z0-9]{12,}`), 0},
	{"aws_key.secret", regexp.MustCompile(`(?i)aws_?secret_?(?:access_?)?key\\*["']?\s*[:=]\s*\\*["']?([A-Za-z0-9/+=]{30,})`), 1},
	{"password", regexp.MustCompile(`(?i)(?:authorization|bearer)["']?\s*[:=]?\s*["']?(?:bearer|basic|token)\s+([A-Za-z0-9._~+/=-]{12,})`), 1},
	{"password", regexp.MustCompile(`(?i)(?:password|passwd|passphrase|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|credential)s?[A-Za-z_]*\\*["']?\s*[:=]\s*\\*["']?([^\s"'\\,;<>{}()]{8,})`), 1},
}

// found is where a secret stands in a text.
type found struct {
	start, end int
	secret     secret
}

// find lists the secrets of a text, in order and without overlap.
func (s *secrets) find(text string) []found {
	var all []found
	free := func(start, end int) bool {
		return !slices.ContainsFunc(all, func(f found) bool { return start < f.end && f.start < end })
	}
	for _, shape := range shapes {
		for _, at := range shape.re.FindAllStringSubmatchIndex(text, -1) {
			start, end := at[2*shape.group], at[2*shape.group+1]
			if free(start, end) {
				all = append(all, found{start, end, s.token(shape.kind, text[start:end])})
			}
		}
	}
	for _, v := range s.planted {
		for from := 0; ; {
			i := strings.Index(text[from:], v)
			if i < 0 {
				break
			}
			if start := from + i; free(start, start+len(v)) {
				all = append(all, found{start, start + len(v), s.token("password", v)})
			}
			from += i + len(v)
		}
	}
	slices.SortFunc(all, func(a, b found) int { return a.start - b.start })
	return all
}

// token is the honeytoken for a value.
func (s *secrets) token(kind, value string) secret {
	t, ok := s.known[value]
	if !ok {
		s.counts[kind]++
		t = secret{kind, fmt.Sprintf("cloned-%d", s.counts[kind])}
		s.known[value] = t
	}
	return t
}

// described is a text of describe without its secrets.
func (s *secrets) described(text string) string {
	var b strings.Builder
	last := 0
	for _, f := range s.find(text) {
		b.WriteString(text[last:f.start])
		b.WriteString(f.secret.placeholder())
		last = f.end
	}
	b.WriteString(text[last:])
	return b.String()
}

// template is a text as a template: without its secrets, and with what stood in the
// request in the place of its value.
func (s *secrets) template(text string, needles []needle) string {
	var b strings.Builder
	last := 0
	needles = slices.Concat(needles, s.words)
	for _, f := range s.find(text) {
		if isNeedle(text[f.start:f.end], needles) {
			continue // it came with the request
		}
		substitute(&b, text[last:f.start], needles)
		b.WriteString(f.secret.template())
		last = f.end
	}
	substitute(&b, text[last:], needles)
	return b.String()
}

func isNeedle(value string, needles []needle) bool {
	return slices.ContainsFunc(needles, func(n needle) bool { return n.text == value })
}

func substitute(b *strings.Builder, text string, needles []needle) {
next:
	for text != "" {
		for _, n := range needles {
			if strings.HasPrefix(text, n.text) {
				b.WriteString(n.with)
				text = text[len(n.text):]
				continue next
			}
		}
		if strings.HasPrefix(text, "{{") {
			b.WriteString(`{{"{{"}}`)
			text = text[2:]
			continue
		}
		b.WriteByte(text[0])
		text = text[1:]
	}
}
