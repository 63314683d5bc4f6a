package core_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"testing"

	"github.com/killdeer-mcp/killdeer/rules/core"
	"github.com/killdeer-mcp/killdeer/sdk/guest"
)

var update = flag.Bool("update", false, "rewrite golden files")

// What the pack declares is an interface: rule ids, severities and technique ids
// are in other people's searches.
func TestDescribeGolden(t *testing.T) {
	const file = "testdata/describe.json"
	doc := guest.RulesHandler(core.ID, core.Version, core.All()...)([]byte(`{"abi":1,"op":"describe"}`))
	var got bytes.Buffer
	if err := json.Indent(&got, doc, "", "  "); err != nil {
		t.Fatal(err)
	}
	got.WriteByte('\n')
	if *update {
		if err := os.WriteFile(file, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got.String() != string(want) {
		t.Errorf("the pack's description changed:\n%s", got.String())
	}
}
