package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// What ends the program has its priority in the service manager's journal, line by line,
// and none elsewhere.
func TestComplaintsHavePriority(t *testing.T) {
	dir := t.TempDir()
	config := filepath.Join(dir, "agent.toml")
	if err := os.WriteFile(config, []byte("decoy.pesonas = []\nrules.pax = []\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	complaints := func(journal bool) string {
		t.Helper()
		f, err := os.Create(filepath.Join(dir, "stderr"))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		info, err := f.Stat()
		if err != nil {
			t.Fatal(err)
		}
		st := info.Sys().(*syscall.Stat_t)
		stream := "1:1"
		if journal {
			stream = fmt.Sprintf("%d:%d", st.Dev, st.Ino)
		}
		t.Setenv("JOURNAL_STREAM", stream)
		if code := run([]string{"reload", "-c", config}, strings.NewReader(""), io.Discard, f); code != exitUsage {
			t.Errorf("exit code %d", code)
		}
		text, err := os.ReadFile(f.Name())
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	plain, marked := complaints(false), complaints(true)
	if strings.Count(plain, "\n") < 2 || strings.Contains(plain, "<3>") {
		t.Errorf("outside the journal: %q", plain)
	}
	if want := "<3>" + strings.ReplaceAll(strings.TrimSuffix(plain, "\n"), "\n", "\n<3>") + "\n"; marked != want {
		t.Errorf("in the journal: %q, want %q", marked, want)
	}
}
