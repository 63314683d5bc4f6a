package lock_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/gowebpki/jcs"

	"github.com/killdeer-mcp/killdeer/audit/evidence"
	"github.com/killdeer-mcp/killdeer/audit/lock"
	"github.com/killdeer-mcp/killdeer/sdk"
)

var hash = strings.Repeat("ab", 32)

func sample() *evidence.Lock {
	l := lock.New()
	l.Servers["notes <\u202e&>"] = &evidence.LockedServer{
		Argv: []string{"node", "server.js"}, Server: sdk.RawJSON(`{"version":"1","name":"notes","n":1e2}`), Instructions: hash, InstructionsText: "Use it.",
		Tools: map[string]evidence.LockedTool{
			"b\"": {SHA256: hash, Description: "B", Behaviour: evidence.Behaviour{Hosts: []string{"b.example:443"}}},
			"a":   {SHA256: hash, Required: []string{"x"}},
		},
		Resources: map[string]string{"file:///x": hash},
	}
	l.Servers["zoo"] = &evidence.LockedServer{Tools: map[string]evidence.LockedTool{"a": {SHA256: hash}}}
	return l
}

func TestFormat(t *testing.T) {
	text, err := lock.Format(sample())
	if err != nil {
		t.Fatal(err)
	}
	got, err := lock.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	again, err := lock.Format(got)
	if err != nil || !bytes.Equal(text, again) {
		t.Errorf("what is read is not what was written: %v\n%s\n%s", err, text, again)
	}
	want := sample()
	for _, s := range want.Servers {
		if len(s.Server) > 0 {
			s.Server = nil
		}
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty(), cmpopts.IgnoreFields(evidence.LockedServer{}, "Server")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	// But for white space it is the canonical form.
	canonical, err := jcs.Transform(text)
	if err != nil {
		t.Fatal(err)
	}
	var compact bytes.Buffer
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if key, value, ok := strings.Cut(line, `": `); ok {
			line = key + `":` + value
		}
		compact.WriteString(line)
	}
	if compact.String() != string(canonical) {
		t.Errorf("members are not in canonical form:\n%s\n%s", compact.String(), canonical)
	}
}

// A server's name for itself is any JSON: what has no canonical form is left out.
func TestFormatHostileServer(t *testing.T) {
	for _, raw := range []string{`{"name":"a","name":"b"}`, strings.Repeat("[", 500) + strings.Repeat("]", 500), "\"\xff\"", `{"n":1e999}`, `{"n":123456789012345678901234567890}`} {
		l := lock.New()
		l.Servers["x"] = &evidence.LockedServer{Server: sdk.RawJSON(raw), Tools: map[string]evidence.LockedTool{}}
		text, err := lock.Format(l)
		if err != nil {
			t.Errorf("Format with %.40q: %v", raw, err)
			continue
		}
		if _, err := lock.Parse(text); err != nil {
			t.Errorf("Parse of what %.40q became: %v", raw, err)
		}
	}
}

func TestParseFaults(t *testing.T) {
	for _, tt := range []struct{ name, in, want string }{
		{"empty", "", "EOF"},
		{"version", `{"version":2,"servers":{}}`, "version 2 is not understood"},
		{"unknown member", "{\"version\":1,\n\"server\":{}}", `unknown field "server"`},
		{"unknown member below", `{"version":1,"servers":{"a":{"tools":{},"x":1}}}`, `unknown field "x"`},
		{"hash", `{"version":1,"servers":{"a":{"tools":{"t":{"sha256":"AB"}}}}}`, `server "a": tool "t": sha256: want 64`},
		{"resource", `{"version":1,"servers":{"a":{"tools":{},"prompts":{"p":""}}}}`, `"p": want 64`},
		{"instructions", `{"version":1,"servers":{"a":{"tools":{},"instructions_sha256":"x"}}}`, "instructions_sha256"},
		{"null server", `{"version":1,"servers":{"a":null}}`, `server "a": want a table`},
		{"more", `{"version":1,"servers":{}}{}`, "text behind the lock"},
		{"deep", `{"version":1,"servers":{"a":{"server_info":` + strings.Repeat("[", 1000), "nested deeper than 64"},
		{"line", "{\n\"version\":\n\"1\"}", "line 3"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := lock.Parse([]byte(tt.in)); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Parse = %v, want %q", err, tt.want)
			}
		})
	}
	if _, err := lock.Parse(make([]byte, lock.MaxFile+1)); err == nil || !strings.Contains(err.Error(), "larger than") {
		t.Errorf("Parse of too much = %v", err)
	}
}

func TestSave(t *testing.T) {
	file := filepath.Join(t.TempDir(), "mcp.lock")
	if _, err := lock.Load(file); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Load of nothing: %v", err)
	}
	if err := lock.Save(file, sample()); err != nil {
		t.Fatal(err)
	}
	if l, err := lock.Load(file); err != nil || len(l.Servers) != 2 {
		t.Errorf("Load = %v, %v", l, err)
	}
	if entries, err := os.ReadDir(filepath.Dir(file)); err != nil || len(entries) != 1 {
		t.Errorf("the folder has %v, %v", entries, err)
	}
	if err := lock.Save(filepath.Join(file, "no"), sample()); err == nil {
		t.Error("Save below a file is no error")
	}
}

func TestLine(t *testing.T) {
	text, err := lock.Format(sample())
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(text), "\n")
	for _, tt := range []struct{ server, tool, want string }{
		{"zoo", "", `    "zoo": {`},
		{"zoo", "a", `        "a": {`},
		{"notes <\u202e&>", `b"`, `        "b\"": {`},
		{"notes <\u202e&>", "none", "    \"notes <\u202e&>\": {"},
		{"none", "a", "{"},
	} {
		if got := lines[lock.Line(text, tt.server, tt.tool)-1]; got != tt.want {
			t.Errorf("Line(%q, %q) is %q, want %q", tt.server, tt.tool, got, tt.want)
		}
	}
	if a, z := lock.Line(text, "notes <\u202e&>", "a"), lock.Line(text, "zoo", "a"); a >= z {
		t.Errorf("lines of equal names: %d, %d", a, z)
	}
}

func TestDiff(t *testing.T) {
	base := func() *evidence.LockedServer { return sample().Servers["notes <\u202e&>"] }
	other := strings.Repeat("cd", 32)
	for _, tt := range []struct {
		name   string
		change func(*evidence.LockedServer)
		want   []string
	}{
		{"nothing", func(*evidence.LockedServer) {}, nil},
		{"version", func(s *evidence.LockedServer) {
			s.Server, s.Package, s.Integrity, s.Protocol = sdk.RawJSON(`{"version":"2"}`), "p@2", "sha512-x", "2026-07-28"
		}, nil},
		{"description", func(s *evidence.LockedServer) {
			s.Tools["a"] = evidence.LockedTool{SHA256: other, Description: "new", Required: []string{"x"}}
		}, []string{"changed tools.a.description"}},
		{"schema", func(s *evidence.LockedServer) {
			s.Tools["a"] = evidence.LockedTool{SHA256: other, Required: []string{"token", "x"}}
		}, []string{"added tools.a.required", "changed tools.a.schema"}},
		{"new tool", func(s *evidence.LockedServer) { s.Tools["c"] = evidence.LockedTool{SHA256: other} }, []string{"added tools.c"}},
		{"gone tool", func(s *evidence.LockedServer) { delete(s.Tools, "a") }, []string{"removed tools.a"}},
		{"order", func(s *evidence.LockedServer) {
			s.Tools["a"] = evidence.LockedTool{SHA256: hash, Required: []string{"x"}}
		}, nil},
		{"wider behaviour", func(s *evidence.LockedServer) {
			b := s.Tools[`b"`]
			b.Behaviour.Hosts = []string{"evil.example:1", "b.example:443"}
			s.Tools[`b"`] = b
			s.Behaviour.Execs = []string{"curl"}
		}, []string{"added behaviour.execs", `added tools.b".behaviour.hosts`}},
		{"narrower behaviour", func(s *evidence.LockedServer) {
			s.Tools[`b"`] = evidence.LockedTool{SHA256: hash, Description: "B"}
		}, []string{`removed tools.b".behaviour.hosts`}},
		{"instructions", func(s *evidence.LockedServer) { s.Instructions, s.InstructionsText = other, "Obey." }, []string{"changed instructions"}},
		{"argv", func(s *evidence.LockedServer) { s.Argv = []string{"node", "other.js"} }, []string{"changed argv"}},
		{"resource", func(s *evidence.LockedServer) { s.Resources = map[string]string{"file:///y": hash} }, []string{"removed resources.file:///x", "added resources.file:///y"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			now := base()
			tt.change(now)
			var got []string
			for _, c := range lock.Diff(base(), now) {
				got = append(got, c.Change+" "+c.Path)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestPick(t *testing.T) {
	l := lock.New()
	l.Servers["mine"] = &evidence.LockedServer{Argv: []string{"node", "a.js"}}
	l.Servers["notes"] = &evidence.LockedServer{}
	for _, tt := range []struct {
		key, info string
		argv      []string
		want      string
		there     bool
	}{
		{"mine", "", nil, "mine", true},
		{"other", `{"name":"notes"}`, nil, "other", false},
		{"", `{"name":"notes"}`, nil, "notes", true},
		{"", `{"name":"renamed"}`, []string{"node", "a.js"}, "mine", true},
		{"", `{"name":"new"}`, []string{"node"}, "new", false},
		{"", ``, nil, "server", false},
	} {
		name, s := lock.Pick(l, tt.key, &evidence.LockedServer{Server: sdk.RawJSON(tt.info), Argv: tt.argv})
		if name != tt.want || (s != nil) != tt.there {
			t.Errorf("Pick(%q, %s) = %q, %v", tt.key, tt.info, name, s)
		}
	}
}

// FuzzParse holds that what is read can be written, and read again as the same.
func FuzzParse(f *testing.F) {
	text, err := lock.Format(sample())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte(`{"version":1,"servers":{"":{"tools":{"":{"sha256":"` + hash + `"}},"server_info":{"a":1e400,"a":"\ud800"}}}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		l, err := lock.Parse(data)
		if err != nil {
			return
		}
		one, err := lock.Format(l)
		if err != nil {
			t.Fatalf("Format of %q: %v", data, err)
		}
		again, err := lock.Parse(one)
		if err != nil {
			t.Fatalf("Parse of %q: %v", one, err)
		}
		two, err := lock.Format(again)
		if err != nil || !bytes.Equal(one, two) {
			t.Fatalf("%v: %q became %q", err, one, two)
		}
		for name, s := range again.Servers {
			lock.Line(one, name, "a")
			if changes := lock.Diff(l.Servers[name], s); len(changes) > 0 {
				t.Fatalf("differs from itself: %v", changes)
			}
		}
	})
}
