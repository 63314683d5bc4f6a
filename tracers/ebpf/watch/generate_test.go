//go:build linux && amd64

package watch

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// What is committed is what the C in bpf/ compiles to.
func TestGenerated(t *testing.T) {
	missing := ""
	if _, err := exec.LookPath("clang-14"); err != nil {
		missing = "clang-14 is not installed"
	}
	if _, err := os.Stat("/usr/include/bpf/bpf_helpers.h"); err != nil {
		missing = "libbpf-dev is not installed"
	}
	if missing != "" {
		if slices.Contains(strings.Split(os.Getenv("KILLDEER_REQUIRE"), ","), "clang") {
			t.Fatal(missing)
		}
		t.Skip(missing)
	}
	source, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	_, command, _ := strings.Cut(string(source), "//go:generate go ")
	command, _, _ = strings.Cut(command, "\n")
	dir := t.TempDir()
	command = strings.NewReplacer(`"`, "", "bpf2go ", "bpf2go -output-dir "+dir+" -go-package watch ").Replace(command)
	if out, err := exec.Command("go", strings.Fields(command)...).CombinedOutput(); err != nil {
		t.Fatalf("go %s: %v: %s", command, err, out)
	}
	for _, name := range []string{"trace_x86_bpfel.go", "trace_x86_bpfel.o"} {
		want, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(name); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is not what bpf/ compiles to (%v): go generate ./tracers/ebpf/watch", name, err)
		}
	}
}
