package rules

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/killdeer-mcp/killdeer/sdk"
)

// FuzzHead holds that what is told of a head is bounded text, and never a secret.
func FuzzHead(f *testing.F) {
	f.Add("POST /mcp HTTP/1.1\r\nHost: hub\r\nAuthorization: Basic dXNlcjpodW50ZXIyMjIyMg==\r\n\r\n")
	f.Add("GET / HTTP/1.1\nauthorization:Bearer aaaabbbbccccdddd\nOrigin: http://x\nHost:\n")
	f.Add("x\n:\n\r\nAuthorization: \xff \xff")
	f.Fuzz(func(t *testing.T, head string) {
		facts := readHead(&sdk.Event{Head: head})
		for _, s := range []string{facts.host, facts.origin, facts.authScheme, facts.user} {
			if len(s) > maxHeadValue {
				t.Errorf("a fact of %d bytes", len(s))
			}
		}
		if n := len(facts.password); n != 0 && n != 16 || strings.Trim(facts.password, "0123456789abcdef") != "" {
			t.Errorf("secret %q is no digest", facts.password)
		}
		if !utf8.ValidString(facts.user) {
			t.Errorf("user %q is no text", facts.user)
		}
		if again := readHead(&sdk.Event{HeadB64: []byte(head)}); again != facts {
			t.Errorf("%+v as text, %+v as bytes", facts, again)
		}
	})
}

// FuzzRedact holds that redaction keeps text text, hides what has the shape of a
// key, and has nothing left to do the second time.
func FuzzRedact(f *testing.F) {
	f.Add("password = hunter2hunter2, then more", "")
	f.Add("Authorization: Bearer ", "eyJhbGciOi.eyJzdWIi")
	f.Add("token is 'x' secret=>[redacted]", "=")
	f.Fuzz(func(t *testing.T, before, after string) {
		const key = "AKIAIOSFODNN7EXAMPLE"
		out := redact(before + " " + key + " " + after)
		if strings.Contains(out, key) {
			t.Errorf("the key is left in %q", out)
		}
		if utf8.ValidString(before) && utf8.ValidString(after) && !utf8.ValidString(out) {
			t.Errorf("%q is no text", out)
		}
		if again := redact(out); strings.Count(again, "[redacted]") < strings.Count(out, "[redacted]") {
			t.Errorf("%q became %q", out, again)
		}
	})
}
