package child_test

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/killdeer-mcp/killdeer/internal/child"
)

func write(t *testing.T, path, text string, mode os.FileMode) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestOpen(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "bin")
	sum := sha256.Sum256([]byte("program"))
	good := write(t, filepath.Join(dir, "good"), "program", 0o700)
	open := filepath.Join(t.TempDir(), "open")
	for _, d := range []string{dir, open} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	inside := write(t, filepath.Join(open, "p"), "program", 0o700)
	if err := os.Chmod(open, 0o777); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(dir, "link")
	if err := os.Symlink(inside, link); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, path, checksum, want string }{
		{"good", good, "", ""},
		{"checksum", good, hex.EncodeToString(sum[:]), ""},
		{"checksum in capitals", good, strings.ToUpper(hex.EncodeToString(sum[:])), ""},
		{"other checksum", good, strings.Repeat("ab", 32), "checksum says"},
		{"missing", filepath.Join(dir, "none"), "", "no such file"},
		{"folder", dir, "", "others may write|not an executable file"},
		{"no program", write(t, filepath.Join(dir, "text"), "x", 0o600), "", "not an executable file"},
		{"open to the group", write(t, filepath.Join(dir, "group"), "x", 0o770), "", "others may write to"},
		{"open to all", write(t, filepath.Join(dir, "all"), "x", 0o707), "", "others may write to"},
		{"in an open folder", inside, "", "others may write to"},
		{"a link into an open folder", link, "", "others may write to"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, err := child.Open(tt.path, tt.checksum)
			if p != nil {
				defer p.Close()
			}
			fits := func(want string) bool { return err != nil && strings.Contains(err.Error(), want) }
			if tt.want == "" && err != nil || tt.want != "" && !slices.ContainsFunc(strings.Split(tt.want, "|"), fits) {
				t.Errorf("Open: %v, want %q", err, tt.want)
			}
		})
	}
}
