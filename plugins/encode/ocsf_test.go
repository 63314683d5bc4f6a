package encode_test

import (
	"os"
	"os/exec"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/killdeer-mcp/killdeer/internal/receivers"
	"github.com/killdeer-mcp/killdeer/plugins/encode"
)

// TestOCSFExtract: the schema that lines are held to is the published one, as a
// package has it that is kept up to date by others.
func TestOCSFExtract(t *testing.T) {
	want, err := os.ReadFile(ocsfFile)
	if err != nil {
		t.Fatal(err)
	}
	command := exec.Command(receivers.Python(t), receivers.Script(t, "ocsf_schema.py"), encode.OCSFVersion, "0", "2004", "6003", "6008")
	command.Stderr = os.Stderr
	got, err := command.Output()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(got), string(want)); diff != "" {
		t.Errorf("%s (-published +here):\n%.2000s", ocsfFile, diff)
	}
}
