package examples_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"
)

// TestVault holds every variant of the vault persona to one transcript, through a
// sensor, to the byte, and to what the variant in Go answers to arguments that
// nobody has thought of.
func TestVault(t *testing.T) {
	calls := oddCalls(200)
	want := answers(t, sensor(t, variants[0].build(t)), calls)
	for _, v := range variants {
		t.Run(v.dir, func(t *testing.T) {
			url := sensor(t, v.build(t))
			holdToTranscript(t, url, *update && v.dir == "go")
			for i, got := range answers(t, url, calls) {
				if got != want[i] {
					t.Errorf("%s\n got %s\nwant %s", calls[i], got, want[i])
				}
			}
		})
	}
}

func answers(t *testing.T, url string, calls [][]byte) []string {
	t.Helper()
	got := make([]string, len(calls))
	for i, call := range calls {
		got[i] = ask(t, url, call)
	}
	return got
}

func holdToTranscript(t *testing.T, url string, write bool) {
	t.Helper()
	a, err := txtar.ParseFile("vault.txtar")
	if err != nil {
		t.Fatal(err)
	}
	if len(a.Files) == 0 || len(a.Files)%2 != 0 {
		t.Fatalf("vault.txtar has %d sections: each request needs its answer", len(a.Files))
	}
	want := string(txtar.Format(a))
	for i := 0; i < len(a.Files); i += 2 {
		a.Files[i+1].Data = []byte(ask(t, url, bytes.TrimSpace(a.Files[i].Data)) + "\n")
	}
	got := string(txtar.Format(a))
	if write {
		if err := os.WriteFile("vault.txtar", []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(strings.Split(want, "\n"), strings.Split(got, "\n")); diff != "" {
		t.Errorf("answers differ from vault.txtar (-want +got):\n%s", diff)
	}
}

// pieces are what odd arguments are made of, as they are spelled in JSON.
var pieces = []string{
	"ci", "/", "deploy-key", "databases", "orders", "restricted", "root-token", " ", "a", "{", "}", "[", "]", ":", ",", "'", "%", "$",
	`\"`, `\\`, `\/`, `\b`, `\f`, `\n`, `\r`, `\t`, `\u0000`, `\u001f`, `\u0022`, `\u005c`, `\u007F`, `\u00e9`, `\uFFFF`, `\ufeff`,
	`\ud83d`, `\uDE80`, `\ud83d\ude80`, `\udbff\udfff`, `\ud800\u0041`, "\u00e9", "\u2028", "\u4f60", "\U0001f680", "\ufffd", "{{fake:email:1}}", `\\u0041`,
}

// oddCalls makes calls whose arguments exercise a guest's reading and writing of
// JSON: the same ones every time.
func oddCalls(n int) [][]byte {
	r := rand.New(rand.NewPCG(1, 2))
	text := func() string {
		var b strings.Builder
		for range r.IntN(8) {
			b.WriteString(pieces[r.IntN(len(pieces))])
		}
		return `"` + b.String() + `"`
	}
	known := []string{`"restricted\/root-token"`, `"ci/npm-publish"`, `"databases"`}
	value := func() string {
		if r.IntN(3) == 0 {
			return known[r.IntN(len(known))]
		}
		return text()
	}
	others := []string{`"x":[{"path":1},"]"]`, `"y":-0.5e+3`, `"":{"":{}}`, `"path\"":null`, `"z":[]`, `"` + `\u0070ath":"early"`}
	shapes := []struct{ tool, format string }{
		{"list_secrets", `{%s,"folder":%s}`},
		{"read_secret", `{%s , "path" : %s }`},
		{"request_access", `{%s,"path":%s,"reason":%s}`},
	}
	calls := make([][]byte, n)
	for i := range calls {
		s := shapes[r.IntN(len(shapes))]
		args := []any{others[r.IntN(len(others))], value(), value()}[:strings.Count(s.format, "%s")]
		calls[i] = fmt.Appendf(nil, `{"method":"tools/call","params":{"name":%q,"arguments":%s}}`, s.tool, fmt.Sprintf(s.format, args...))
		if !json.Valid(calls[i]) {
			panic("not JSON: " + string(calls[i]))
		}
	}
	return calls
}
