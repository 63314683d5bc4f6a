package canary_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base32"
	"encoding/base64"
	"encoding/json"
	"math/rand/v2"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/killdeer-mcp/killdeer/persona/canary"
)

var place = canary.Place{Domain: "internal.example.com", Account: 29608264753}

type source struct{ *rand.Rand }

func (s source) Below(n int) int { return s.IntN(n) }

func (s source) Public(seed []byte) []byte {
	return ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey)
}

func from(seed uint64) canary.Source { return source{rand.New(rand.NewPCG(seed, 1))} }

var kinds = []string{
	"aws_key", "github_pat", "gitlab_pat", "npm_token", "slack_bot", "google_api_key", "stripe_key", "jwt", "ssh_key",
	"password", "dsn", "kubeconfig", "url", "hostname", "username", "uuid",
}

func TestForms(t *testing.T) {
	forms := map[string]string{
		"aws_key":           `^AKIA[A-Z2-7]{16}$`,
		"aws_key.id":        `^AKIA[A-Z2-7]{16}$`,
		"aws_key.secret":    `^[A-Za-z0-9/+]{40}$`,
		"github_pat":        `^ghp_[A-Za-z0-9]{36}$`,
		"gitlab_pat":        `^glpat-[A-Za-z0-9_-]{20}$`,
		"npm_token":         `^npm_[A-Za-z0-9]{36}$`,
		"slack_bot":         `^xoxb-[1-9]\d{11}-[1-9]\d{12}-[A-Za-z0-9]{24}$`,
		"google_api_key":    `^AIza[A-Za-z0-9_-]{35}$`,
		"stripe_key":        `^sk_live_[A-Za-z0-9]{24}$`,
		"jwt":               `^eyJ[A-Za-z0-9_-]+\.eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{43}$`,
		"password":          `^[A-Za-z0-9._-]{19}$`,
		"dsn":               `^postgres://svc-[a-z0-9-]+:[A-Za-z0-9._-]{19}@pg-[a-z0-9-]+\.internal\.example\.com:5432/[a-z0-9-]+$`,
		"kubeconfig.server": `^https://k8s-[a-z0-9-]+\.internal\.example\.com:6443$`,
		"url":               `^https://[a-z0-9-]+\.internal\.example\.com/[a-z]+/[A-Za-z0-9]{22}$`,
		"hostname":          `^[a-z0-9-]{1,63}\.internal\.example\.com$`,
		"username":          `^svc-[a-z0-9-]+$`,
		"uuid":              `^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`,
	}
	for kind, form := range forms {
		re := regexp.MustCompile(form)
		for seed := range uint64(200) {
			if v := canary.Value(kind, "billing.api_1", place, from(seed)); !re.MatchString(v) {
				t.Fatalf("%s is %q, not of the form %s", kind, v, form)
			}
		}
	}
}

// The tokens are published examples; see decoy formats of the vendors.
func TestChecksum(t *testing.T) {
	for _, token := range []string{"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", "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"} {
		if got := canary.Checksum(token[4:34]); got != token[34:] {
			t.Errorf("checksum of %s is %s", token, got)
		}
	}
	for seed := range uint64(100) {
		for _, kind := range []string{"github_pat", "npm_token"} {
			v := canary.Value(kind, "x", place, from(seed))
			if got := canary.Checksum(v[4:34]); got != v[34:] {
				t.Errorf("checksum of %s is %s", v, got)
			}
		}
	}
}

func accountOf(t *testing.T, id string) uint64 {
	t.Helper()
	raw, err := base32.StdEncoding.DecodeString(id[4:])
	if err != nil {
		t.Fatal(err)
	}
	var head uint64
	for _, b := range raw[:6] {
		head = head<<8 | uint64(b)
	}
	return head & 0x7fffffffff80 >> 7
}

func TestAWSAccount(t *testing.T) {
	if got := accountOf(t, "ASIAQNZGKIQY56JQ7WML"); got != place.Account {
		t.Fatalf("the published key is of account %d", got)
	}
	for seed := range uint64(100) {
		if got := accountOf(t, canary.Value("aws_key.id", "x", place, from(seed))); got != place.Account {
			t.Errorf("account %d, want %d", got, place.Account)
		}
	}
}

func TestSSHKey(t *testing.T) {
	text := canary.Value("ssh_key", "deploy", place, from(3))
	key, err := ssh.ParseRawPrivateKey([]byte(text))
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	private := key.(*ed25519.PrivateKey)
	public, comment, _, _, err := ssh.ParseAuthorizedKey([]byte(canary.Value("ssh_key.public", "deploy", place, from(3))))
	if err != nil || comment != "deploy@depl" {
		t.Fatalf("public key: %v, comment %q", err, comment)
	}
	want, err := ssh.NewPublicKey(private.Public())
	if err != nil || !bytes.Equal(public.Marshal(), want.Marshal()) {
		t.Errorf("the halves do not belong together: %v", err)
	}
	var lines strings.Builder
	for _, part := range canary.Parts("ssh_key") {
		if strings.HasPrefix(part, "ssh_key.line") {
			lines.WriteString(canary.Value(part, "deploy", place, from(3)) + "\n")
		}
	}
	if lines.String() != text {
		t.Errorf("the lines are not the key:\n%s%s", lines.String(), text)
	}
}

func TestJWT(t *testing.T) {
	head, rest, _ := strings.Cut(canary.Value("jwt", "ci", place, from(1)), ".")
	payload, _, _ := strings.Cut(rest, ".")
	for _, part := range []string{head, payload} {
		b, err := base64.RawURLEncoding.DecodeString(part)
		if err != nil || !json.Valid(b) {
			t.Errorf("%q holds %q: %v", part, b, err)
		}
	}
}

// Parts of one label belong together, whoever asks for them in which order.
func TestParts(t *testing.T) {
	value := func(kind string) string { return canary.Value(kind, "billing", place, from(9)) }
	dsn, err := url.Parse(value("dsn"))
	if err != nil {
		t.Fatal(err)
	}
	password, _ := dsn.User.Password()
	if dsn.User.Username() != value("dsn.user") || password != value("dsn.password") || dsn.Hostname() != value("dsn.host") {
		t.Errorf("%s is not made of its parts", dsn)
	}
	config := value("kubeconfig")
	for _, part := range []string{"kubeconfig.server", "kubeconfig.user", "kubeconfig.token"} {
		if !strings.Contains(config, value(part)) {
			t.Errorf("%s is not in\n%s", part, config)
		}
	}
	if value("aws_key") != value("aws_key.id") {
		t.Error("the whole of an AWS key is not its id")
	}
}

func TestUnknown(t *testing.T) {
	for _, kind := range []string{"", "aws", "aws_key.", "aws_key.x", "password.x", "dsn.password.x", "AWS_KEY"} {
		if canary.Known(kind) || canary.Value(kind, "x", place, from(1)) != "" {
			t.Errorf("kind %q is known", kind)
		}
	}
}

// Every value of every kind is found where it stands, and a value drawn from
// another source is not.
func TestFind(t *testing.T) {
	f := canary.NewFinder(100)
	var values []string
	for _, base := range kinds {
		for _, kind := range canary.Parts(base) {
			v := canary.Value(kind, "billing", place, from(uint64(len(values))))
			for _, n := range canary.Needles(kind, v) {
				f.Add(n, len(values))
			}
			values = append(values, v)
		}
	}
	i := 0
	for _, base := range kinds {
		for _, kind := range canary.Parts(base) {
			constant := kind == "ssh_key.line0" || kind == "ssh_key.line1" || kind == "ssh_key.line6"
			if got := refs(f, "x="+values[i]+"\n", false); got[i] == constant {
				t.Errorf("%s %q: found is %v", kind, values[i], got[i])
			}
			for ref := range refs(f, canary.Value(kind, "billing", place, from(uint64(1000+i))), true) {
				t.Errorf("a strange %s looks like %q", kind, values[ref])
			}
			i++
		}
	}
}

func refs(f *canary.Finder, text string, partial bool) map[int]bool {
	found := map[int]bool{}
	f.Find(text, func(m canary.Match) bool {
		if partial || !m.Partial {
			found[m.Ref] = true
		}
		return true
	})
	return found
}

func TestFindForms(t *testing.T) {
	token := canary.Value("github_pat", "x", place, from(1))
	host := canary.Value("hostname", "billing", place, from(2))
	short, _, _ := strings.Cut(host, ".")
	f := canary.NewFinder(2)
	f.Add(canary.Needles("github_pat", token)[0], 0)
	f.Add(canary.Needles("hostname", host)[0], 1)
	tests := []struct {
		name, text string
		want       string // "", whole or partial
	}{
		{"alone", token, "whole"},
		{"glued", "aa" + token + "zz", "whole"},
		{"prefix of 16", token[:16], "partial"},
		{"prefix of 15", token[:15], ""},
		{"without its beginning", token[1:], ""},
		{"another case", strings.ToUpper(token), ""},
		{"host", "https://" + host + "/", "whole"},
		{"short host in capitals", "ping " + strings.ToUpper(short), "whole"},
		{"longer host", "x" + short, ""},
		{"longer host behind", short + "1", ""},
		{"shorter than a look", "ghp_", ""},
		{"nothing", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := ""
			f.Find(tt.text, func(m canary.Match) bool {
				got = map[bool]string{true: "partial", false: "whole"}[m.Partial]
				return true
			})
			if got != tt.want {
				t.Errorf("found %q in %q, want %q", got, tt.text, tt.want)
			}
		})
	}
}

func FuzzFind(f *testing.F) {
	finder := canary.NewFinder(64)
	for i, base := range kinds {
		v := canary.Value(base, "x", place, from(uint64(i)))
		for _, n := range canary.Needles(base, v) {
			finder.Add(n, i)
		}
		f.Add(v)
	}
	f.Add("AKIA")
	f.Fuzz(func(t *testing.T, text string) {
		finder.Find(text, func(m canary.Match) bool {
			if m.Start < 0 || m.End > len(text) || m.Start >= m.End {
				t.Fatalf("%+v in %d bytes", m, len(text))
			}
			return true
		})
	})
}

// Needles take any value: those of a journal were written by an earlier version.
func FuzzNeedles(f *testing.F) {
	for i, base := range kinds {
		for _, kind := range canary.Parts(base) {
			f.Add(kind, canary.Value(kind, "x", place, from(uint64(i))))
		}
	}
	f.Fuzz(func(t *testing.T, kind, value string) {
		finder := canary.NewFinder(1)
		for _, n := range canary.Needles(kind, value) {
			finder.Add(n, 0)
		}
		finder.Find(value, func(canary.Match) bool { return true })
	})
}

func BenchmarkFind(b *testing.B) {
	f := canary.NewFinder(100_000)
	for i := range 100_000 {
		v := canary.Value("github_pat", "x", place, from(uint64(i)))
		f.Add(canary.Needles("github_pat", v)[0], i)
	}
	text := strings.Repeat("SELECT id, email FROM users WHERE status = 'active' ORDER BY id; ", 1000)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		f.Find(text, func(canary.Match) bool { return true })
	}
}
