package persona

import (
	"encoding/json"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/killdeer-mcp/killdeer/sdk"
	"github.com/killdeer-mcp/killdeer/sdk/guest"
)

// canaries answers with the arguments' "text", in which MARK is the request's own.
func canaries(in guest.Object) (string, error) {
	text := strings.ReplaceAll(in.Object("args").Str("text"), "MARK", in.Str("mark"))
	return `{"result":{"content":[{"type":"text","text":` + string(guest.Quote(text)) + `}]}}`, nil
}

// mintIn asks for text in a session and returns what it became.
func mintIn(t *testing.T, h *Host, source, text string) (string, []sdk.Canary) {
	t.Helper()
	a := call(t, h, source, `{"text":`+string(guest.Quote(text))+`}`)
	if a.Guest != nil {
		t.Fatalf("guest error %+v", a.Guest)
	}
	return echoed(t, a), a.Canaries
}

func TestMintScopes(t *testing.T) {
	h := open(t, &fakeGuest{call: canaries}, nil)
	const session, everybody = "{{MARK:canary:github_pat:ci}}", "{{MARK:canary:github_pat:ci:deployment}}"
	read := func(source, text string) string { v, _ := mintIn(t, h, source, text); return v }

	first := read("192.0.2.1 s1", session)
	if first != read("192.0.2.1 s1", session) || first != read("198.51.100.9 s1", session) {
		t.Error("a repeated read in one session differs")
	}
	if first == read("192.0.2.1 s2", session) {
		t.Error("two sessions got one value")
	}
	if read("192.0.2.1 s1", everybody) != read("192.0.2.1 s2", everybody) {
		t.Error("a value of the deployment differs between sessions")
	}
	if first == read("192.0.2.1 s1", everybody) || first == read("192.0.2.1 s1", "{{MARK:canary:github_pat:cd}}") {
		t.Error("two labels or scopes have one value")
	}
	other := open(t, &fakeGuest{call: canaries}, func(o *Options) { o.WorldSeed = []byte("another") })
	if v, _ := mintIn(t, other, "192.0.2.1 s1", session); v == first {
		t.Error("two deployments have one value")
	}
}

func TestMinted(t *testing.T) {
	h := open(t, &fakeGuest{call: canaries}, nil)
	text, minted := mintIn(t, h, "ip s1", "{{MARK:canary:dsn:billing}} {{MARK:canary:dsn.password:billing}} {{MARK:canary:dsn:billing}}")
	words := strings.Fields(text)
	if len(words) != 3 || words[0] != words[2] || !strings.Contains(words[0], ":"+words[1]+"@") {
		t.Fatalf("text = %q", text)
	}
	if len(minted) != 2 || minted[0].Value != words[0] || minted[1].Value != words[1] || minted[0].ID == minted[1].ID {
		t.Fatalf("minted %+v", minted)
	}
	if c := minted[1]; c.Kind != "dsn.password" || c.Label != "billing" || c.Scope != "session" || len(c.ID) != 16 {
		t.Errorf("minted %+v", c)
	}
}

// A value of several lines is escaped as deep as it stands.
func TestMintLines(t *testing.T) {
	h := open(t, &fakeGuest{call: canaries}, nil)
	const key = "{{MARK:canary:ssh_key:deploy}}"
	nested := func(v any) string { b, _ := json.Marshal(v); return string(b) }
	tests := []struct {
		name, text string
		read       func(t *testing.T, got string) string
	}{
		{"text", "a \"quoted\" " + key, func(_ *testing.T, got string) string { return strings.TrimPrefix(got, `a "quoted" `) }},
		{"JSON in text", nested(map[string]string{"key": key}), func(t *testing.T, got string) string { return memberText(t, got, "key") }},
		{"JSON in JSON", nested(map[string]string{"in": nested(map[string]string{"key": key})}), func(t *testing.T, got string) string {
			return memberText(t, memberText(t, got, "in"), "key")
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, minted := mintIn(t, h, "ip s", tt.text)
			text := tt.read(t, got)
			if _, err := ssh.ParseRawPrivateKey([]byte(text)); err != nil {
				t.Errorf("%v in %q", err, text)
			}
			if len(minted) != 1 || minted[0].Value != text {
				t.Errorf("minted %+v", minted)
			}
		})
	}
}

func memberText(t *testing.T, doc, name string) string {
	t.Helper()
	var v map[string]string
	if err := json.Unmarshal([]byte(doc), &v); err != nil {
		t.Fatalf("%v in %q", err, doc)
	}
	return v[name]
}

// What is no placeholder stays as it is; one of an unknown kind is never shown.
func TestMintRefuses(t *testing.T) {
	h := open(t, &fakeGuest{call: canaries}, nil)
	for _, text := range []string{"{{MARK:canary:github_pat}}", "{{MARK:canary:github_pat:x:actor}}", "{{MARK:canary:GITHUB:x}}", "{{MARK:canary::x}}"} {
		if got, minted := mintIn(t, h, "ip s", text); !strings.HasPrefix(got, "{{") || minted != nil {
			t.Errorf("%q became %q", text, got)
		}
	}
	a := call(t, h, "ip s", `{"text":"{{MARK:canary:azure_key:x}}"}`)
	if a.Guest == nil || !strings.Contains(a.Guest.Detail, "unknown kind") || strings.Contains(string(a.Result), "azure") || a.Fault.Message != "try later" {
		t.Errorf("answer %+v", a)
	}
}

func TestMintInDescribe(t *testing.T) {
	doc := strings.Replace(describeDoc, `"1.2.3"`, `"1.2.3"},"instructions":"token {{canary:gitlab_pat:help}}","x":{`, 1)
	h := open(t, &fakeGuest{describe: doc}, nil)
	all := h.Canaries()
	if len(all) != 1 || all[0].Scope != "deployment" || h.catalog.Instructions != "token "+all[0].Value {
		t.Errorf("canaries %+v, instructions %q", all, h.catalog.Instructions)
	}
	_, err := openDoc(t, strings.Replace(doc, "gitlab_pat", "azure_key", 1))
	if err == nil || !strings.Contains(err.Error(), "azure_key") {
		t.Errorf("an unknown kind loads: %v", err)
	}
}
