package ql_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/killdeer-mcp/killdeer/persona/enterprise/ql"
)

// tokens is what words are, told in another way.
var tokens = regexp.MustCompile(`[0-9A-Za-z_\x{80}-\x{10FFFF}]+`)

// holds decides whether a text has a phrase, by its words alone.
func holds(text, phrase string) bool {
	have, want := tokens.FindAllString(text, -1), tokens.FindAllString(phrase, -1)
	for i := range have {
		if len(want) <= len(have)-i && slices.Equal(have[i:i+len(want)], want) {
			return true
		}
	}
	return false
}

func TestFind(t *testing.T) {
	text := "a b aa ab ba abc cba deploy of the api-gateway: 5xx, then quiet; aab deploy_of x deploys"
	words := tokens.FindAllString(text, -1)
	var phrases []string
	for i := range words {
		phrases = append(phrases, words[i], words[i][:1], words[i]+"z", strings.Join(words[i:min(i+2, len(words))], " "), strings.Join(words[i:min(i+3, len(words))], "-"))
	}
	for _, p := range phrases {
		term, ok := ql.Phrase(p)
		if !ok {
			t.Fatalf("%q is no phrase", p)
		}
		if at, _ := term.Find(text, 0); at >= 0 != holds(text, p) {
			t.Errorf("Find(%q) = %d, want %v", p, at, holds(text, p))
		}
	}
	for p, want := range map[string]string{"deploy*": "deploy", "gate*": "gateway", "d*s": "deploys", "?b": "ab", "zz*": "", "api gate*": "api-gateway"} {
		term, _ := ql.Phrase(p)
		got := ""
		if from, to := term.Find(text, 0); from >= 0 {
			got = text[from:to]
		}
		if got != want {
			t.Errorf("Find(%q) found %q, want %q", p, got, want)
		}
	}
}

func TestLike(t *testing.T) {
	for _, c := range []struct {
		s, pattern string
		want       bool
	}{
		{"abc", "a%", true},
		{"abc", "%c", true},
		{"abc", "%b%", true},
		{"abc", "a_c", true},
		{"abc", "ab", false},
		{"", "%", true},
		{"", "", true},
		{"a", "", false},
		{"a%c", `a\%c`, true},
		{"abc", `a\%c`, false},
		{"aXbXc", "a%X%c", true},
		{"ab", "a%b%%", true},
		{"mississippi", "m%iss%pi", true},
		{"mississippi", "m%iss%pa", false},
	} {
		if got := ql.Like(c.s, c.pattern, '%', '_', '\\'); got != c.want {
			t.Errorf("Like(%q, %q) = %v", c.s, c.pattern, got)
		}
	}
}

// TestRanking: more often, rarer and shorter is better; of equals the later one.
func TestRanking(t *testing.T) {
	docs := []string{"deploy the gateway", "deploy deploy the gateway", "the gateway is quiet", "deploy the gateway", strings.Repeat("deploy the gateway again and then some more ", 1) + "of it"}
	box := ql.Box{}
	r := ql.Rank(box.Parse("deploy gateway").Words, true)
	for i, d := range docs {
		r.Add(i, d)
	}
	if got, want := r.Top(0, 10), []int{1, 3, 0, 4}; !slices.Equal(got, want) {
		t.Errorf("best first: %v, want %v", got, want)
	}
	if r.Len() != 4 || !slices.Equal(r.Top(1, 3), []int{3, 0}) {
		t.Errorf("%d found; second and third: %v", r.Len(), r.Top(1, 3))
	}
}

func TestBestIsSorted(t *testing.T) {
	n := 500
	value := func(i int) int { return i * 7919 % 257 }
	compare := func(a, b int) int {
		if value(a) != value(b) {
			return value(a) - value(b)
		}
		return a - b
	}
	var all []int
	for i := range n {
		all = append(all, i)
	}
	slices.SortFunc(all, compare)
	for _, k := range []int{0, 1, 2, 17, 499, 500, 600} {
		if got := ql.Best(n, k, compare); !slices.Equal(got, all[:min(k, n)]) {
			t.Errorf("the best %d are not the first %d of all", k, k)
		}
	}
}

func TestTokens(t *testing.T) {
	key, other := ql.NewKey(7), ql.NewKey(8)
	for _, at := range []int{1, 100, 1 << 20} {
		web, hex := key.Web("q", at), key.Hex("q", at)
		if got, ok := ql.NewKey(7).FromWeb("q", web); !ok || got != at {
			t.Errorf("%s leads to %d", web, got)
		}
		if got, ok := key.FromHex("q", hex); !ok || got != at {
			t.Errorf("%s leads to %d", hex, got)
		}
		if _, ok := key.FromWeb("r", web); ok {
			t.Error("a token serves another question")
		}
		if _, ok := other.FromHex("q", hex); ok {
			t.Error("a token serves another deployment")
		}
		for i := range hex {
			forged := []byte(hex)
			forged[i] = "0123456789abcdef0"[strings.IndexByte("0123456789abcdef", hex[i])+1]
			if _, ok := key.FromHex("q", string(forged)); ok {
				t.Errorf("the forged token %s is taken", forged)
			}
		}
	}
}

// TestToken has what Cassandra 4.1 says of these keys.
func TestToken(t *testing.T) {
	for key, want := range map[string]int64{"": 0, "a": -8839064797231613815, "hello": -3758069500696749310} {
		if got := ql.Token([]byte(key)); got != want {
			t.Errorf("Token(%q) = %d, want %d", key, got, want)
		}
	}
}

func TestBox(t *testing.T) {
	box := ql.Box{Quals: " repo in ", Words: " and ", Not: "NOT", Strict: true}
	s := box.Parse(`make "two words" repo:a/b -in:path NOT gone other:thing AND x,y`)
	var words []string
	for i := range s.Words {
		words = append(words, s.Words[i].String())
	}
	if got, want := strings.Join(words, "|"), "make|two words|other thing|x y"; got != want {
		t.Errorf("words %s, want %s", got, want)
	}
	if len(s.Without) != 1 || s.Without[0].String() != "gone" || len(s.Quals) != 2 || s.Quals[1] != (ql.Qualifier{Name: "in", Value: "path", Not: true}) || s.Error {
		t.Errorf("%+v", s)
	}
	for _, bad := range []string{`a "b`, "a NOT", "NOT NOT a"} {
		if !box.Parse(bad).Error {
			t.Errorf("%q is no error", bad)
		}
	}
	for value, want := range map[string][2]bool{">10": {true, true}, "<=10": {false, true}, "5..20": {true, true}, "*..5": {false, true}, "15": {true, true}, "x": {false, false}} {
		if fits, ok := ql.Size(value, 15); fits != want[0] || ok != want[1] {
			t.Errorf("Size(%q, 15) = %v, %v", value, fits, ok)
		}
	}
}
