package auditfixtures_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/killdeer-mcp/killdeer/internal/auditfixtures"
)

func TestMain(m *testing.M) {
	code := m.Run()
	if err := auditfixtures.Clean(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// The table and the server know the same behaviours, and every one has a verdict.
func TestTable(t *testing.T) {
	listed := strings.Fields(run(t, auditfixtures.Fixture{Name: "x"}.Command(t)[:1], "", "--list"))
	var named []string
	for _, f := range auditfixtures.All() {
		if slices.Contains(named, f.Name) && f.Kind != auditfixtures.Benign {
			t.Errorf("%s is there twice", f.Name)
		}
		named = append(named, f.Name)
		if f.Script == "" && f.Package == "" && !slices.Contains(listed, f.Name) {
			t.Errorf("%s is no behaviour of the server", f.Name)
		}
		if len(f.Outcomes) == 0 || f.Depth == "" || f.Kind == auditfixtures.Malicious && len(f.Want) == 0 || f.Kind == auditfixtures.Benign && len(f.Want) > 0 {
			t.Errorf("%s: what it must come to is not said: %+v", f.Name, f)
		}
		if f.Before != "" && !slices.Contains(listed, f.Before) {
			t.Errorf("%s: %s is no behaviour", f.Name, f.Before)
		}
	}
	for _, name := range listed {
		if !slices.Contains(named, name) {
			t.Errorf("the behaviour %s is in no row", name)
		}
	}
}

// What does harm does not start outside of a planted home in a sealed network; all
// others answer.
func TestStart(t *testing.T) {
	const hello = `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}` + "\n" +
		`{"jsonrpc":"2.0","method":"notifications/initialized"}` + "\n" + `{"jsonrpc":"2.0","id":2,"method":"tools/list"}` + "\n"
	for _, f := range auditfixtures.All() {
		flood := strings.HasPrefix(f.Name, "f") // fork-bomb, flood-output: they do not start either
		if f.Package != "" || f.Kind == auditfixtures.Operational && !flood {
			continue
		}
		t.Run(string(f.Kind)+"/"+f.Name, func(t *testing.T) {
			if missing := f.Missing(); missing != "" {
				t.Skip(missing + " is not installed")
			}
			said := run(t, f.Command(t), hello)
			switch {
			case f.Kind == auditfixtures.Benign:
				answers(t, said)
			case !strings.Contains(said, "refused: "):
				t.Errorf("it ran here: %s", said)
			}
		})
	}
}

func answers(t *testing.T, said string) {
	t.Helper()
	for line := range strings.Lines(said) {
		var m struct {
			ID     int
			Result struct {
				Tools []struct{ Name string }
			}
		}
		if json.Unmarshal([]byte(line), &m) == nil && m.ID == 2 {
			if len(m.Result.Tools) == 0 {
				t.Errorf("it has no tools: %s", line)
			}
			return
		}
	}
	t.Errorf("it does not list its tools: %s", said)
}

// run returns what a command says in an empty home.
func run(t *testing.T, argv []string, in string, more ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), argv[0], append(argv[1:], more...)...)
	cmd.Dir = t.TempDir()
	cmd.Env = []string{"HOME=" + cmd.Dir, "PATH=" + os.Getenv("PATH")}
	cmd.Stdin = strings.NewReader(in)
	said, _ := cmd.CombinedOutput() // refusals end with a code, which says nothing more
	return string(said)
}
