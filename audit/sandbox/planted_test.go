//go:build linux

package sandbox_test

import (
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"github.com/killdeer-mcp/killdeer/audit/sandbox"
	"github.com/killdeer-mcp/killdeer/sdk"
)

// A tracer is told which files are planted, as it sees them from outside.
func TestPlantedFiles(t *testing.T) {
	b := box(t, sandbox.Options{NoSandbox: true})
	ids := b.PlantedFiles()
	if want := len(sandbox.Plant("1", "A", b.Home()).Files); len(ids) != want {
		t.Errorf("%d files, want %d", len(ids), want)
	}
	var st syscall.Stat_t
	if err := syscall.Stat(filepath.Join(b.Home(), ".ssh/id_rsa"), &st); err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(ids, sdk.FileID{Dev: st.Dev, Ino: st.Ino}) {
		t.Errorf("%+v is not among %+v", st.Ino, ids)
	}
	sealed := box(t, sandbox.Options{})
	if n := len(sealed.PlantedFiles()); n != len(ids) {
		t.Errorf("%d files in the sealed box, want %d", n, len(ids))
	}
	_ = os.Remove(filepath.Join(b.Home(), ".ssh/id_rsa"))
	if n := len(b.PlantedFiles()); n != len(ids)-1 {
		t.Errorf("%d files with one removed, want %d", n, len(ids)-1)
	}
}
