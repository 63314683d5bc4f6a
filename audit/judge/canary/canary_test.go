package canary_test

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"github.com/killdeer-mcp/killdeer/audit/evidence"
	"github.com/killdeer-mcp/killdeer/audit/judge/canary"
)

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

func text(r *rand.Rand, n int, from string) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = from[r.IntN(len(from))]
	}
	return string(b)
}

// hidings are ways to send a value, and what the matcher must call them.
var hidings = map[string]struct {
	hide func(string) string
	want string
}{
	"raw":             {func(s string) string { return s }, "raw"},
	"json":            {quoted, "raw"},
	"reversed":        {reversed, "reversed"},
	"hex":             {func(s string) string { return hex.EncodeToString([]byte(s)) }, "hex"},
	"HEX":             {func(s string) string { return strings.ToUpper(hex.EncodeToString([]byte(s))) }, "hex"},
	"base64":          {func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }, "base64"},
	"base64 behind 1": {func(s string) string { return base64.StdEncoding.EncodeToString([]byte("k" + s + "tail")) }, "base64"},
	"base64 behind 2": {func(s string) string { return base64.URLEncoding.EncodeToString([]byte("k=" + s + "t")) }, "base64"},
	"base32":          {func(s string) string { return base32.StdEncoding.EncodeToString([]byte(s)) }, "base32"},
	"base32 behind 3": {func(s string) string { return strings.ToLower(base32.StdEncoding.EncodeToString([]byte("abc" + s))) }, "base32"},
	"base64 of gzip":  {func(s string) string { return `{"d":"` + base64.StdEncoding.EncodeToString([]byte(gzipped(s))) + `"}` }, "base64+gzip+raw"},
	"base64 of base64": {func(s string) string {
		return base64.URLEncoding.EncodeToString([]byte(base64.StdEncoding.EncodeToString([]byte(s))))
	}, "base64+base64"},
	"hex of gzip":      {func(s string) string { return hex.EncodeToString([]byte(gzipped(s))) }, "hex+gzip+raw"},
	"codes":            {func(s string) string { return strings.ReplaceAll(fmt.Sprint([]byte(s)), " ", ", ") }, "codes+raw"},
	"spaced":           {func(s string) string { return strings.Join(strings.Split(s, ""), " ") }, "spaced+raw"},
	"dotted behind it": {func(s string) string { return "see: " + strings.Join(strings.Split(s, ""), ".") + " end" }, "spaced+raw"},
	"base32 extended":  {func(s string) string { return strings.ToLower(base32.HexEncoding.EncodeToString([]byte(s))) }, "base32"},
	"percent":          {func(s string) string { return percent(s) }, "percent+raw"},
	"query":            {url.QueryEscape, ""},
	"rot13":            {rot13, "rot13"},
	"case":             {strings.ToLower, "case-folded"},
	"gzip":             {gzipped, "gzip+raw"},
	"zlib":             {zlibbed, "deflate+raw"},
	"zstd":             {zstded, "zstd+raw"},
	"brotli":           {func(s string) string { return "POST / HTTP/1.1\r\nContent-Encoding: br\r\n\r\n" + brotlied(s) }, "br+raw"},
	"deflate":          {func(s string) string { return "POST / HTTP/1.1\r\ncontent-encoding: deflate\r\n\r\n" + deflated(s) }, "deflate+raw"},
	"zero width":       {func(s string) string { return strings.Join(strings.Split(s, ""), "\u200b") }, "invisible+raw"},
	"tags":             {tagged, "invisible+raw"},
	"bits":             {bits, "invisible+raw"},
	"escaped":          {func(s string) string { return escaped(s) }, "escaped+raw"},
	"base64 in gzip":   {func(s string) string { return gzipped(base64.StdEncoding.EncodeToString([]byte(s))) }, "gzip+base64"},
	"a part":           {func(s string) string { return s[3:20] }, "raw"},
	"hex in percent":   {func(s string) string { return percent(hex.EncodeToString([]byte(s))) }, "percent+hex"},
}

func TestFind(t *testing.T) {
	for name, h := range hidings {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(30) {
				r := rand.New(rand.NewPCG(seed, 2))
				secret, other := text(r, 40, alphabet), text(r, 30, alphabet)
				m := canary.New([]evidence.Canary{{ID: "a", Values: []string{secret}}, {ID: "b", Values: []string{other}}})
				around := text(r, r.IntN(200), "0123456789 abcdef")
				sent := h.hide(secret)
				if h.want != "br+raw" && !strings.HasPrefix(sent, "POST") {
					sent = around + " " + sent + " " + around
				}
				got := m.Find([]byte(sent))
				// A compressor leaves noise as it is: that is "raw".
				if len(got) != 1 || got[0].ID != "a" || h.want != "" && got[0].Encoding != h.want && !(got[0].Encoding == "raw" && strings.HasSuffix(h.want, "+raw")) {
					t.Fatalf("seed %d: %+v in %.300q, want a as %s", seed, got, sent, h.want)
				}
			}
		})
	}
}

func TestFindNames(t *testing.T) {
	secret := "wJalrXUtnFEMI/K7MDENG/bPxRfiCYzzzzzzzKEY"
	m := canary.New([]evidence.Canary{{ID: "aws", Values: []string{secret}}})
	encoded := strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString([]byte(secret)))
	var series []string
	for i := 0; i < len(encoded); i += 10 {
		series = append(series, encoded[i:min(i+10, len(encoded))]+".x.evil.example")
	}
	hexed := hex.EncodeToString([]byte(secret))
	for name, names := range map[string][]string{
		"base32 in a row": series,
		"base32 at once":  {encoded[:60] + "." + encoded[60:] + ".evil.example."},
		"hex":             {hexed[:40] + "." + hexed[40:] + ".evil.example"},
		"numbered":        {"0." + hexed[:60] + ".e.example", "1." + hexed[60:] + ".e.example"},
	} {
		if got := m.FindNames(names); len(got) != 1 || got[0].ID != "aws" {
			t.Errorf("%s: %+v", name, got)
		}
	}
	if got := m.FindNames([]string{"registry.npmjs.org", "api.github.com"}); len(got) > 0 {
		t.Errorf("ordinary names: %+v", got)
	}
}

// What is not there is not found: other values of the same make, too short a part,
// and noise.
func TestFindNothing(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	secret := text(r, 40, alphabet)
	m := canary.New([]evidence.Canary{{ID: "a", Values: []string{secret, "short"}}})
	for i := range 20 {
		sent := text(r, 5000, alphabet) + secret[:11] + "~" + secret[29:] + " short"
		if i%2 == 0 {
			sent = gzipped(sent)
		}
		if got := m.Find([]byte(sent)); len(got) > 0 {
			t.Fatalf("found %+v", got)
		}
	}
}

func TestFindIsBounded(t *testing.T) {
	m := canary.New([]evidence.Canary{{ID: "a", Values: []string{strings.Repeat("0123456789abcdef", 3)}}})
	bomb := gzipped(gzipped(gzipped(strings.Repeat("\x00", 20<<20))))
	for name, b := range map[string]string{
		"bomb":      bomb,
		"bombs":     strings.Repeat(bomb, 8),
		"invisible": strings.Repeat(strings.Repeat("\u200b\u200c", 60)+"x", 300),
		"magic":     strings.Repeat("\x1f\x8b\x08", 1<<12),
	} {
		t.Run(name, func(t *testing.T) {
			if got := m.Find([]byte(b)); len(got) > 0 {
				t.Errorf("found %+v", got)
			}
		})
	}
}

// Texts share their work: what is left of it decides how deep they are looked into.
func TestWithin(t *testing.T) {
	secret := "0123456789abcdef0123456789abcdef"
	planted := []evidence.Canary{{ID: "a", Values: []string{secret}}}
	w := canary.NewWork(1 << 20)
	one, two := canary.New(planted).Within(w), canary.New(planted).Within(w)
	if got := one.Find([]byte(gzipped(secret))); len(got) != 1 || w.Unread != 0 {
		t.Errorf("at first: %+v, %d unread", got, w.Unread)
	}
	for range 3 { // once, as equal texts are
		two.Find([]byte(gzipped(strings.Repeat("\x00", 2<<20))))
	}
	if w.Unread != 1 {
		t.Errorf("%d unread, want 1", w.Unread)
	}
	if got := one.Find([]byte("x" + gzipped(secret))); len(got) > 0 || w.Unread != 2 {
		t.Errorf("afterwards: %+v, %d unread", got, w.Unread)
	}
	if got := one.Find([]byte("x" + secret)); len(got) != 1 {
		t.Errorf("as it is: %+v", got)
	}
}

func TestOrder(t *testing.T) {
	m := canary.New([]evidence.Canary{{ID: "b", Values: []string{"bbbbbbbbbbbbbb1"}}, {ID: "a", Values: []string{"aaaaaaaaaaaaaa2"}}})
	got := m.Find([]byte("x bbbbbbbbbbbbbb1 aaaaaaaaaaaaaa2"))
	if diff := cmp.Diff([]canary.Match{{ID: "a", Encoding: "raw"}, {ID: "b", Encoding: "raw"}}, got); diff != "" {
		t.Error(diff)
	}
}

func FuzzFind(f *testing.F) {
	m := canary.New([]evidence.Canary{{ID: "a", Values: []string{"fuzzed-secret-value-1234567890"}}})
	for _, h := range hidings {
		f.Add([]byte(h.hide("fuzzed-secret-value-1234567890")))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, got := range m.Find(b) {
			if got.ID != "a" || got.Encoding == "" {
				t.Errorf("match %+v", got)
			}
		}
		m.FindNames(strings.Split(string(b), "\n"))
	})
}

func BenchmarkFind(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 1))
	var all []evidence.Canary
	for i := range 20 {
		all = append(all, evidence.Canary{ID: fmt.Sprint(i), Values: []string{text(r, 40, alphabet)}})
	}
	all = append(all, evidence.Canary{ID: "key", Values: []string{text(r, 1600, alphabet)}})
	m := canary.New(all)
	body := []byte(text(r, 1<<20, alphabet))
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		m.Find(body)
	}
}

func quoted(s string) string {
	b, _ := json.Marshal(map[string]string{"k": s})
	return string(b)
}

func reversed(s string) string {
	b := []byte(s)
	slices.Reverse(b)
	return string(b)
}

func percent(s string) string {
	var out strings.Builder
	for _, c := range []byte(s) {
		fmt.Fprintf(&out, "%%%02x", c)
	}
	return out.String()
}

func escaped(s string) string {
	var out strings.Builder
	for _, c := range []byte(s) {
		fmt.Fprintf(&out, `\u%04x`, c)
	}
	return out.String()
}

func rot13(s string) string {
	return strings.Map(func(c rune) rune {
		switch {
		case c >= 'a' && c <= 'z':
			return 'a' + (c-'a'+13)%26
		case c >= 'A' && c <= 'Z':
			return 'A' + (c-'A'+13)%26
		}
		return c
	}, s)
}

func tagged(s string) string {
	return strings.Map(func(c rune) rune { return c + 0xe0000 }, s)
}

func bits(s string) string {
	var out strings.Builder
	for _, c := range []byte(s) {
		for i := range 8 {
			out.WriteRune([]rune{'\u200b', '\u200c'}[c>>(7-i)&1])
		}
	}
	return out.String()
}

func packed(s string, open func(io.Writer) io.WriteCloser) string {
	var b bytes.Buffer
	w := open(&b)
	_, _ = io.WriteString(w, s)
	_ = w.Close()
	return b.String()
}

func gzipped(s string) string {
	return packed(s, func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) })
}

func zlibbed(s string) string {
	return packed(s, func(w io.Writer) io.WriteCloser { return zlib.NewWriter(w) })
}

func brotlied(s string) string {
	return packed(s, func(w io.Writer) io.WriteCloser { return brotli.NewWriter(w) })
}

func deflated(s string) string {
	return packed(s, func(w io.Writer) io.WriteCloser {
		f, _ := flate.NewWriter(w, flate.DefaultCompression)
		return f
	})
}

func zstded(s string) string {
	return packed(s, func(w io.Writer) io.WriteCloser {
		z, _ := zstd.NewWriter(w)
		return z
	})
}
