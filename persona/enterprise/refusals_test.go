package enterprise_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/killdeer-mcp/killdeer/persona/enterprise"
	"github.com/killdeer-mcp/killdeer/persona/world"
)

var update = flag.Bool("update", false, "rewrite golden files")

// TestRefusals holds what the services say of queries that they refuse. The file
// has one block for each query; %org, %hub, %events stand for names of the world.
func TestRefusals(t *testing.T) {
	path := filepath.Join("testdata", "refusals.golden")
	golden, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	p, w := enterprise.New(), world.New(7)
	ks := w.Keyspaces()
	names := strings.NewReplacer("%org", w.Org.Slug, "%hub", w.Repos[0].FullName(), "%events", ks[0].Name+"."+ks[0].Tables[0].Name, "%sessions", ks[1].Name+"."+ks[1].Tables[0].Name)
	back := strings.NewReplacer(ks[0].Name, "EVENTS", ks[1].Name, "SESSIONS", w.Org.Slug, "ORG")
	var out strings.Builder
	for block := range strings.SplitSeq(strings.TrimSpace(string(golden)), "\n\n") {
		head, _, _ := strings.Cut(block, "\n")
		tool, args, ok := strings.Cut(head, " ")
		if !ok {
			t.Fatalf("%s: %q names no tool and arguments", path, head)
		}
		a := call(t, p, 7, dates[2], tool, names.Replace(args))
		text := a.text
		if !a.fail {
			text = "(answers) " + strings.Join(strings.Fields(text), " ")
		}
		out.WriteString(head + "\n\t" + strings.ReplaceAll(back.Replace(text), "\n", "\n\t") + "\n\n")
	}
	if *update {
		if err := os.WriteFile(path, []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if got := out.String(); got != string(golden) {
		t.Errorf("%s is not what the tools answer; run with -update and look at the difference:\n%s", path, got)
	}
}
