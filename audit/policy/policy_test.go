package policy_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/killdeer-mcp/killdeer/audit/evidence"
	"github.com/killdeer-mcp/killdeer/audit/policy"
)

const sample = `[allow]
net = ["api.example.com:443", "*.cdn.example.com", "[::1]:80"]
read = ["~/notes/**", "/srv/*.txt"]
exec = ["git"]
env = ["EXAMPLE_TOKEN"]

[[suppress]]
id = "AUD-N01"
tool = "search"
object = "stats.example.com:443"
reason = " agreed \"so\" "
expires = 2027-06-30
[[suppress]]
id = "AUD-F01"
reason = "cache"
expires = "2027-06-30T12:00:00+02:00"
`

func TestParse(t *testing.T) {
	got, err := policy.Parse("audit.toml", []byte(sample))
	if err != nil {
		t.Fatal(err)
	}
	want := &evidence.Policy{
		Allow: evidence.Allow{
			Net: []string{"api.example.com:443", "*.cdn.example.com", "[::1]:80"}, Read: []string{"~/notes/**", "/srv/*.txt"},
			Exec: []string{"git"}, Env: []string{"EXAMPLE_TOKEN"},
		},
		Suppress: []evidence.Suppression{
			// A day counts to its end.
			{ID: "AUD-N01", Tool: "search", Object: "stats.example.com:443", Reason: `agreed "so"`, Expires: time.Date(2027, 7, 1, 0, 0, 0, 0, time.UTC)},
			{ID: "AUD-F01", Reason: "cache", Expires: time.Date(2027, 6, 30, 10, 0, 0, 0, time.UTC)},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	again, err := policy.Parse("audit.toml", policy.Format(got))
	if err != nil {
		t.Fatalf("%v in\n%s", err, policy.Format(got))
	}
	if again.Suppress[0].Expires != want.Suppress[0].Expires || again.Allow.Net[0] != want.Allow.Net[0] {
		t.Errorf("what is written is read as %+v", again)
	}
}

func TestFaults(t *testing.T) {
	for _, tt := range []struct{ name, in, want string }{
		{"syntax", "[allow]\nnet = ", "p:2: column 6"},
		{"table", "x = 1", "p:1: x: unknown key, want one of allow, suppress"},
		{"key", "[allow]\nnets = []", "p:2: allow.nets: unknown key"},
		{"key of suppress", "[[suppress]]\nid = \"AUD-N01\"\nreason = \"x\"\ntools = \"y\"", "p:4: suppress[0].tools: unknown key"},
		{"no reason", "[[suppress]]\nid = \"AUD-N01\"", "p:1: suppress[0]: say why"},
		{"blank reason", "[[suppress]]\nid = \"AUD-N01\"\nreason = \"  \"", "p:3: suppress[0].reason: say why"},
		{"id", "[[suppress]]\nid = \"N01\"\nreason = \"x\"", `p:2: suppress[0].id: want the id of a finding such as "AUD-N01", got "N01"`},
		{"operational", "[[suppress]]\nid = \"AUD-T01\"\nreason = \"x\"", "cannot be set aside"},
		{"no id", "[[suppress]]\nreason = \"x\"", "p:1: suppress[0]: want the id"},
		{"expiry", "[[suppress]]\nid = \"AUD-N01\"\nreason = \"x\"\nexpires = \"soon\"", "p:4: suppress[0].expires: want a date"},
		{"pattern", "[[suppress]]\nid = \"AUD-N01\"\nreason = \"x\"\nobject = \"[\"", "p:4: suppress[0].object: \"[\" is no pattern"},
		{"one table", "[suppress]\nid = \"AUD-N01\"", "p:1: suppress: want at most 1024 tables, [[suppress]]"},
		{"net with a scheme", "[allow]\nnet = [\n\"a:1\",\n\"https://x\"]", "p:4: allow.net[1]: "},
		{"port", "[allow]\nnet = [\"a:99999\"]", "want a port from 0 to 65535"},
		{"path", "[allow]\nread = [\"notes\"]", `want a path that begins with "/" or "~/"`},
		{"env", "[allow]\nenv = [\"A=B\"]", "want the name of a variable"},
		{"type", "[allow]\nexec = \"git\"", "p:2: allow.exec: want an array"},
		{"entry", "[allow]\nexec = [1]", "p:2: allow.exec[0]: want a string"},
		{"allow", "allow = 1", "p:1: allow: want a table"},
		{"deep", "a = " + strings.Repeat("[", 1000), "nested deeper"},
		{"all at once", "x = 1\n[allow]\nenv = [\"=\"]", "p:1: x: unknown key, want one of allow, suppress\np:3: allow.env[0]"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, err := policy.Parse("p", []byte(tt.in))
			if p != nil || err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Parse = %v, %v, want %q", p, err, tt.want)
			}
		})
	}
	if _, err := policy.Parse("p", make([]byte, policy.MaxFile+1)); err == nil {
		t.Error("Parse of too much is no error")
	}
}

// What a server did is hostile text: it cannot break out of its string.
func TestLearn(t *testing.T) {
	hostile := "/a\"]\nnet = [\"*\"] #\u202e\x00\U000e0041\\"
	p := policy.Learn(evidence.Allow{
		Net: []string{"b:1", "a:1", "b:1", "no host", ""}, Read: []string{hostile, "~/x", "class"}, Env: []string{"A", "=\n"}, Exec: []string{"sh"},
	})
	text := policy.Format(p)
	got, err := policy.Parse("audit.toml", text)
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	want := evidence.Allow{Net: []string{"a:1", "b:1"}, Read: []string{"~/x"}, Exec: []string{"sh"}, Env: []string{"A"}}
	if got.Allow.Read[0] == hostile[:len(hostile)-1] {
		want.Read = append([]string{hostile}, want.Read...)
	}
	if diff := cmp.Diff(want, got.Allow); diff != "" {
		t.Errorf("(-want +got):\n%s\n%s", diff, text)
	}
	if bytes.ContainsAny(text, "\x00\u202e") {
		t.Errorf("characters that do not print in\n%s", text)
	}
}

func TestToolHive(t *testing.T) {
	got, err := policy.ToolHive("notes", &evidence.Policy{Allow: evidence.Allow{
		Net: []string{"*.example.com:443", "api.example.com:80", "[::1]:443", "plain.example.com"}, Write: []string{"/srv"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`".example.com"`, `"api.example.com"`, `"::1"`, `"plain.example.com"`, `"read": []`, "80,\n        443", `"insecure_allow_all": false`} {
		if !strings.Contains(string(got), want) {
			t.Errorf("no %s in %s", want, got)
		}
	}
}

// FuzzParse holds that a policy that is read can be written, and read again.
func FuzzParse(f *testing.F) {
	f.Add([]byte(sample))
	f.Add([]byte("[[suppress]]\nid = \"AUD-N01\"\nreason = \"\\U0010FFFF\\u0000\"\nexpires = 07:32:00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := policy.Parse("p", data)
		if err != nil {
			return
		}
		if _, err := policy.Parse("p", policy.Format(p)); err != nil {
			t.Fatalf("%v in what %q became:\n%s", err, data, policy.Format(p))
		}
		if _, err := policy.ToolHive("x", p); err != nil {
			t.Fatal(err)
		}
	})
}
