package core

import (
	"encoding/base64"
	"encoding/hex"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/killdeer-mcp/killdeer/rules/fold"
	"github.com/killdeer-mcp/killdeer/sdk"
	"github.com/killdeer-mcp/killdeer/sdk/guest"
)

const (
	minBlob = 256  // characters of an encoded run
	maxBlob = 8192 // characters of it that are decoded
)

var unicodeSmuggle = &rule{
	info: sdk.RuleInfo{
		ID:         "MCP_UNICODE_SMUGGLE",
		Title:      "Hidden or disguised characters",
		Severity:   sdk.SeverityMedium,
		Confidence: sdk.ConfidenceHigh,
		Description: "Arguments hold characters that show as nothing inside words of Latin letters (tags, zero width, direction overrides), " +
			"or a tool name mixes letters of two scripts that look alike.",
		FalsePositives: "Text copied from web pages that break words by soft hyphens. Emoji, flags and text written from right to left do not count.",
		Attack:         []string{"T1027", "T1036"},
		Atlas:          []string{"AML.T0068"},
		Dedup:          onSource(),
		Fields:         append([]string{"odd_chars"}, wordFields...),
		Gate: sdk.Gate{
			When:    map[string]string{"mcp_method": asking},
			AtLeast: map[string]float64{"odd_chars": 1},
		},
	},
	evaluate: func(in *sdk.Evaluation) []sdk.Hit {
		ev := in.Event
		if !asks(ev) {
			return nil
		}
		if mixed(ev.Tool) {
			return []sdk.Hit{{
				Subject: cut(ev.Tool, maxSubject), Reason: "the tool name mixes letters of two scripts",
				Evidence: &sdk.Evidence{Path: "tool", Snippet: cut(ev.Tool, maxSnippet)},
			}}
		}
		f, ok := findHidden(ev)
		if !ok {
			return nil
		}
		return []sdk.Hit{{
			Subject: subjectOf(ev), Reason: "text holds " + f.term,
			Evidence: &sdk.Evidence{Path: f.path, Snippet: f.snippet},
		}}
	},
}

func findHidden(ev *sdk.Event) (f finding, ok bool) {
	for _, t := range [...]struct{ path, text string }{{"tool", ev.Tool}, {"uri", ev.URI}, {"prompt", ev.Prompt}} {
		if what, at := hidden(t.text); what != "" {
			return finding{term: what, path: t.path, snippet: snippet(t.text, at)}, true
		}
	}
	eachString(ev.Args, func(w *walker, token []byte) bool {
		s := guest.String(token)
		what, at := hidden(s)
		if what == "" {
			return true
		}
		f, ok = finding{term: what, path: w.path(), snippet: snippet(s, at)}, true
		return false
	})
	return f, ok
}

// eachString calls f with every string of a JSON text, keys too, until f returns
// false.
func eachString(b []byte, f func(w *walker, token []byte) bool) {
	var w walker
	for i := 0; i < len(b); {
		if b[i] != '"' {
			if !w.structure(b[i]) {
				return
			}
			i++
			continue
		}
		end := stringEnd(b, i)
		if end < 0 {
			return
		}
		w.key(b[i:end])
		if !f(&w, b[i:end]) {
			return
		}
		i = end
	}
}

// hidden says what of a text shows as nothing though it stands among letters.
func hidden(s string) (what string, at int) {
	prev, rtl := rune(0), strings.ContainsFunc(s, rightToLeft)
	for i, r := range s {
		switch {
		case r >= 0xE0000 && r <= 0xE007F && prev != 0x1F3F4 && !(prev >= 0xE0000 && prev <= 0xE007F):
			return "tag characters", i
		case r == 0x202D || r == 0x202E:
			return "a direction override", i
		case (r >= 0x202A && r <= 0x202C || r >= 0x2066 && r <= 0x2069) && !rtl:
			return "direction marks", i
		case fold.Invisible(r) && r < 0xFE00 || r == 0xFEFF || r >= 0xE0100 && r <= 0xE01EF:
			if next, _ := utf8.DecodeRuneInString(s[i+utf8.RuneLen(r):]); latin(prev) && (latin(next) || fold.Invisible(next)) {
				return "invisible characters inside a word", i
			}
			if latin(prev) {
				continue // look past a row of them
			}
		}
		prev = r
	}
	return "", 0
}

func latin(r rune) bool { return r < utf8.RuneSelf && isAlnum(fold.ASCII(byte(r))) }

func rightToLeft(r rune) bool {
	return unicode.In(r, unicode.Hebrew, unicode.Arabic, unicode.Syriac, unicode.Thaana, unicode.Nko)
}

// mixed reports whether a name has both Latin letters and others that pass for
// them.
func mixed(name string) bool {
	plain, disguised := false, false
	for _, r := range name {
		c, skip := fold.Rune(r)
		switch {
		case skip || !isLetter(c):
		case r < utf8.RuneSelf:
			plain = true
		default:
			disguised = true
		}
	}
	return plain && disguised
}

var encodedBlob = &rule{
	info: sdk.RuleInfo{
		ID:         "MCP_ENCODED_BLOB",
		Title:      "Encoded code or archive in arguments",
		Severity:   sdk.SeverityMedium,
		Confidence: sdk.ConfidenceLow,
		Description: "Arguments hold more than 256 characters of base64 or hexadecimal that decode to an archive, an executable, a script " +
			"or source code, once or twice encoded.",
		FalsePositives: "Tools that take files. Images, tokens and digests do not count.",
		Attack:         []string{"T1027"},
		Dedup:          onSource(),
		Fields:         append([]string{"longest_run"}, wordFields...),
		Gate: sdk.Gate{
			When:    map[string]string{"mcp_method": asking},
			AtLeast: map[string]float64{"longest_run": minBlob},
		},
	},
	evaluate: func(in *sdk.Evaluation) []sdk.Hit {
		if !asks(in.Event) {
			return nil
		}
		var hits []sdk.Hit
		eachString(in.Event.Args, func(w *walker, token []byte) bool {
			if len(token) < minBlob {
				return true
			}
			s := guest.String(token)
			what, at := blob(s)
			if what == "" {
				return true
			}
			hits = []sdk.Hit{{
				Subject: subjectOf(in.Event), Reason: "encoded data that is " + what,
				Evidence: &sdk.Evidence{Path: w.path(), Snippet: cut(s[at:], 64)},
			}}
			return false
		})
		return hits
	},
}

// blob finds a long encoded run and says what it decodes to.
func blob(s string) (what string, at int) {
	for i := 0; i < len(s); {
		if !encodes(s[i]) {
			i++
			continue
		}
		run, j := gather(s, i)
		if len(run) >= minBlob {
			if what := contentOf(run, 2); what != "" {
				return what, i
			}
		}
		i = j
	}
	return "", 0
}

func encodes(c byte) bool {
	return isAlnum(fold.ASCII(c)) || c == '+' || c == '/' || c == '-' || c == '_' || c == '='
}

// gather reads a run, over the ends of lines, up to what is decoded of it.
func gather(s string, i int) (run []byte, end int) {
	for ; i < len(s); i++ {
		switch c := s[i]; {
		case encodes(c):
			if len(run) < maxBlob {
				run = append(run, c)
			}
		case c == '\n' || c == '\r':
		default:
			return run, i
		}
	}
	return run, i
}

// contentOf says what encoded data is, decoding up to depth times.
func contentOf(run []byte, depth int) string {
	for _, data := range [...][]byte{fromHex(run), fromBase64(run)} {
		if len(data) == 0 {
			continue
		}
		if what := kindOf(data); what != "" {
			return what
		}
		if inner, _ := gather(string(data), 0); depth > 1 && len(inner) > len(data)*9/10 && len(inner) > 64 {
			if what := contentOf(inner, depth-1); what != "" {
				return what
			}
		}
	}
	return ""
}

func fromHex(run []byte) []byte {
	for _, c := range run {
		if _, ok := digit(c); !ok {
			return nil
		}
	}
	out := make([]byte, len(run)/2)
	n, _ := hex.Decode(out, run[:len(run)&^1])
	return out[:n]
}

func fromBase64(run []byte) []byte {
	plain := strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(string(run), "="))
	if i := strings.IndexByte(plain, '='); i >= 0 {
		plain = plain[:i]
	}
	plain = plain[:len(plain)&^3]
	out, _ := base64.RawStdEncoding.DecodeString(plain)
	return out
}

var magic = [...]struct{ start, what string }{
	{"PK\x03\x04", "a zip archive"},
	{"\x1f\x8b\x08", "gzip data"},
	{"BZh", "bzip2 data"},
	{"\xfd7zXZ", "xz data"},
	{"7z\xbc\xaf\x27\x1c", "a 7z archive"},
	{"Rar!", "a rar archive"},
	{"\x28\xb5\x2f\xfd", "zstd data"},
	{"\x7fELF", "an executable"},
	{"MZ", "an executable"},
	{"\xca\xfe\xba\xbe", "an executable"},
	{"\xcf\xfa\xed\xfe", "an executable"},
	{"\x00asm", "a WebAssembly module"},
	{"\xac\xed\x00\x05", "a serialised Java object"},
	{"\x80\x04\x95", "a Python pickle"},
	{"\x80\x03", "a Python pickle"},
	{"#!", "a script"},
	{"<?php", "a script"},
	{"<script", "a script"},
	{"<%@", "a script"},
}

// code are signs of source code; two of them make it.
var code = [...]string{
	"import ", "function", "def ", "eval(", "exec(", "require(", "#include", "public class", "system(", "subprocess", "os.", "socket", "powershell", "$env:",
	"iex", "invoke-", "new-object", "base64 -d", "curl ", "wget ", "/bin/sh", "/bin/bash", "bash -", "chmod ", "var ", "const ", "document.", "return ", "if (", "=> ", "$(", "; do", "package main", "fmt.", "print(",
}

func kindOf(data []byte) string {
	s := string(data)
	for _, m := range magic {
		if strings.HasPrefix(s, m.start) && (m.start != "MZ" || strings.IndexByte(s[:min(len(s), 64)], 0) >= 0) {
			return m.what
		}
	}
	if wide(data) {
		s = strings.ReplaceAll(s, "\x00", "")
	}
	printable := 0
	for i := range len(s) {
		if s[i] >= ' ' && s[i] < 0x7f || s[i] == '\n' || s[i] == '\t' || s[i] == '\r' {
			printable++
		}
	}
	if len(s) == 0 || printable*100 < len(s)*95 {
		return ""
	}
	signs, low := 0, strings.ToLower(s)
	for _, w := range code {
		if strings.Contains(low, w) {
			if signs++; signs == 2 {
				return "source code"
			}
		}
	}
	return ""
}

// wide reports whether data looks like UTF-16 of Latin text, as PowerShell takes.
func wide(data []byte) bool {
	if len(data) < 8 {
		return false
	}
	zeros := 0
	for i := 1; i < len(data); i += 2 {
		if data[i] == 0 {
			zeros++
		}
	}
	return zeros*2*10 > len(data)*9
}
