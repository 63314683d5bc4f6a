// Package canary gives honeytokens their form: credentials, host names and user
// names as the vendors write them, checksums included, and worthless there. It
// also finds them again in a text.
//
// A value is a pure function of what a [Source] draws. The package does not
// decide who gets which value, records nothing, and knows no keys: the persona
// host draws from a secret, and a guest draws stand-ins from its world.
package canary

import (
	"slices"
	"strconv"
	"strings"
)

// Source draws what a value is made of. Equal draws give equal values.
type Source interface {
	// Below returns a number in [0, n). N is from 1 to 65536.
	Below(n int) int
	// Public returns the Ed25519 public key that belongs to a seed of 32 bytes,
	// RFC 8032. Who only needs the form of a key may return any 32 bytes.
	Public(seed []byte) []byte
}

// Place is where the values pretend to belong.
type Place struct {
	Domain  string // of internal host names
	Account uint64 // AWS account, below 1e12: the same for all keys of a place
}

// parts are the kinds and what a kind can be asked for beside its whole value,
// as KIND.PART.
var parts = map[string][]string{
	"aws_key":        {"id", "secret"},
	"github_pat":     nil,
	"gitlab_pat":     nil,
	"npm_token":      nil,
	"slack_bot":      nil,
	"google_api_key": nil,
	"stripe_key":     nil,
	"jwt":            nil,
	"ssh_key":        {"line0", "line1", "line2", "line3", "line4", "line5", "line6", "public"},
	"password":       nil,
	"dsn":            {"user", "password", "host"},
	"kubeconfig":     {"server", "user", "token"},
	"url":            {"host"},
	"hostname":       nil,
	"username":       nil,
	"uuid":           nil,
}

// Known reports whether kind is one of the kinds, alone or with a part.
func Known(kind string) bool {
	base, part, divided := strings.Cut(kind, ".")
	of, ok := parts[base]
	return ok && (!divided || slices.Contains(of, part))
}

// Base is a kind without its part: parts of one base and label belong together.
func Base(kind string) string {
	base, _, _ := strings.Cut(kind, ".")
	return base
}

// Parts returns a kind and each of its parts, as [Value] takes them.
func Parts(base string) []string {
	all := []string{base}
	for _, part := range parts[base] {
		all = append(all, base+"."+part)
	}
	return all
}

// Multiline reports whether the value of a kind has line breaks.
func Multiline(kind string) bool { return kind == "ssh_key" || kind == "kubeconfig" }

// Value returns the value of a kind, "" for an unknown one. The label names what
// it is for, in letters, digits, '_', '.' and '-'; it shows in host and user
// names. The whole value of aws_key is its id. Values of one base kind, label and
// fresh source belong together, whichever part is asked for.
func Value(kind, label string, p Place, s Source) string {
	if !Known(kind) {
		return ""
	}
	base, part, _ := strings.Cut(kind, ".")
	d := draw{s, p, label}
	switch base {
	case "aws_key":
		return d.aws(part)
	case "github_pat":
		return d.checked("ghp_")
	case "npm_token":
		return d.checked("npm_")
	case "gitlab_pat":
		return "glpat-" + d.text(urlSafe, 20)
	case "slack_bot":
		return "xoxb-" + d.digits(12) + "-" + d.digits(13) + "-" + d.text(base62, 24)
	case "google_api_key":
		return "AIza" + d.text(urlSafe, 35)
	case "stripe_key":
		return "sk_live_" + d.text(base62, 24)
	case "jwt":
		return d.jwt()
	case "ssh_key":
		return d.ssh(part)
	case "password":
		return d.password()
	case "dsn":
		return d.dsn(part)
	case "kubeconfig":
		return d.kubeconfig(part)
	case "url":
		return d.url(part)
	case "hostname":
		return d.host("")
	case "username":
		return d.user()
	}
	return d.uuid()
}

const (
	base62  = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	urlSafe = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	base64s = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	base32  = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567" // RFC 4648 §6
	handy   = "abcdefghjkmnpqrstuvwxyz23456789"  // what people read out to each other
	hexa    = "0123456789abcdef"
)

// draw makes one value.
type draw struct {
	Source
	place Place
	label string
}

func (d draw) text(alphabet string, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = alphabet[d.Below(len(alphabet))]
	}
	return string(b)
}

func (d draw) digits(n int) string { return string('1'+rune(d.Below(9))) + d.text(base62[:10], n-1) }

func (d draw) pick(list ...string) string { return list[d.Below(len(list))] }

func (d draw) bytes(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(d.Below(256))
	}
	return b
}

// aws draws an access key id of the place's account and its secret. The first six
// of ten bytes behind the prefix carry the account from bit 46 on downwards.
func (d draw) aws(part string) string {
	head := 1<<47 | d.place.Account<<7 | uint64(d.Below(128))
	raw := make([]byte, 10)
	for i := range 6 {
		raw[i] = byte(head >> (40 - 8*i))
	}
	copy(raw[6:], d.bytes(4))
	secret := d.text(base64s, 40)
	if part == "secret" {
		return secret
	}
	return "AKIA" + encode32(raw)
}

// encode32 is unpadded base32 of a multiple of five bytes.
func encode32(b []byte) string {
	out := make([]byte, 0, len(b)*8/5)
	for ; len(b) >= 5; b = b[5:] {
		v := uint64(b[0])<<32 | uint64(b[1])<<24 | uint64(b[2])<<16 | uint64(b[3])<<8 | uint64(b[4])
		for shift := 35; shift >= 0; shift -= 5 {
			out = append(out, base32[v>>shift&31])
		}
	}
	return string(out)
}

// checked is a token of GitHub's and npm's form: 30 characters and their CRC-32.
func (d draw) checked(prefix string) string {
	body := d.text(base62, 30)
	return prefix + body + checksum(body)
}

// checksum is the CRC-32 (IEEE) of s in six base62 digits.
func checksum(s string) string {
	var sum [6]byte
	v := crc32(s)
	for i := 5; i >= 0; i-- {
		sum[i] = base62[v%62]
		v /= 62
	}
	return string(sum[:])
}

// crc32 goes without a table: it would be built in every guest that starts.
func crc32(s string) uint32 {
	crc := ^uint32(0)
	for i := range len(s) {
		crc ^= uint32(s[i])
		for range 8 {
			crc = crc>>1 ^ 0xedb88320&-(crc&1)
		}
	}
	return ^crc
}

// jwt is an HS256 token, RFC 7519, whose signature nobody can check. It names no
// time: the value does not depend on one.
func (d draw) jwt() string {
	payload := `{"iss":"https://sso.` + d.place.Domain + `","sub":"` + d.user() + `","aud":"internal","jti":"` + d.uuid() + `"}`
	return encode64(urlSafe, []byte(`{"alg":"HS256","typ":"JWT"}`)) + "." + encode64(urlSafe, []byte(payload)) + "." + encode64(urlSafe, d.bytes(32))
}

// encode64 is unpadded base64, so that a guest need not carry another encoder.
func encode64(alphabet string, b []byte) string {
	out := make([]byte, 0, (len(b)*8+5)/6)
	for len(b) > 0 {
		var block [3]byte
		n := copy(block[:], b)
		v := uint(block[0])<<16 | uint(block[1])<<8 | uint(block[2])
		for i := range n + 1 {
			out = append(out, alphabet[v>>(18-6*i)&63])
		}
		b = b[n:]
	}
	return string(out)
}

// password is one that a generator made: it needs no escape in a URL, a shell or
// a configuration file.
func (d draw) password() string {
	s := d.text(base62, 18)
	i := 4 + d.Below(10)
	return s[:i] + d.pick("-", "_", ".") + s[i:]
}

func (d draw) dsn(part string) string {
	user, password, host := d.user(), d.password(), d.host("pg")
	switch part {
	case "user":
		return user
	case "password":
		return password
	case "host":
		return host
	}
	return "postgres://" + user + ":" + password + "@" + host + ":5432/" + d.stem(16)
}

func (d draw) kubeconfig(part string) string {
	server, user, token := "https://"+d.host("k8s")+":6443", d.user(), d.text(base62, 16)+"."+d.text(base62, 43)
	switch part {
	case "server":
		return server
	case "user":
		return user
	case "token":
		return token
	}
	cluster := d.stem(24)
	return "apiVersion: v1\nkind: Config\ncurrent-context: " + cluster + "\nclusters:\n- name: " + cluster +
		"\n  cluster:\n    server: " + server + "\n    insecure-skip-tls-verify: true\ncontexts:\n- name: " + cluster +
		"\n  context:\n    cluster: " + cluster + "\n    user: " + user + "\nusers:\n- name: " + user +
		"\n  user:\n    token: " + token + "\n"
}

func (d draw) url(part string) string {
	host := d.host("")
	if part == "host" {
		return host
	}
	return "https://" + host + "/" + d.pick("share", "s", "export", "invite") + "/" + d.text(base62, 22)
}

// host is a name like pg-billing-4kq7xm.internal.example.com.
func (d draw) host(prefix string) string {
	if prefix != "" {
		prefix += "-"
	}
	return prefix + d.stem(20) + "-" + d.text(handy, 6) + "." + d.place.Domain
}

func (d draw) user() string { return "svc-" + d.stem(16) + "-" + d.text(handy, 6) }

// stem is what a name made from the label begins with: at most n characters that
// a host name may have.
func (d draw) stem(n int) string {
	b := make([]byte, 0, len(d.label))
	for i := range len(d.label) {
		switch c := d.label[i]; {
		case c >= 'a' && c <= 'z' || c >= '0' && c <= '9':
			b = append(b, c)
		case len(b) > 0 && b[len(b)-1] != '-':
			b = append(b, '-')
		}
	}
	s := strings.Trim(string(b[:min(len(b), n)]), "-")
	if s == "" {
		return "node"
	}
	return s
}

// uuid is a version 4 UUID, RFC 9562.
func (d draw) uuid() string {
	h := []byte(d.text(hexa, 32))
	h[12], h[16] = '4', "89ab"[d.Below(4)]
	return string(h[:8]) + "-" + string(h[8:12]) + "-" + string(h[12:16]) + "-" + string(h[16:20]) + "-" + string(h[20:])
}

// line returns line n of a text, "" when it has none.
func line(text, part string) string {
	n, err := strconv.Atoi(strings.TrimPrefix(part, "line"))
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if err != nil || n < 0 || n >= len(lines) {
		return ""
	}
	return lines[n]
}
