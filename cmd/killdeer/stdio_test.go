package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/killdeer-mcp/killdeer/internal/clients"
)

// The official Go client starts the sensor itself, as a desktop application
// does, and speaks both eras with it over pipes.
func TestGoClientOverStdio(t *testing.T) {
	buildGuests(t)
	program, err := exec.LookPath("killdeer") // this binary, under the name that makes it the sensor
	if err != nil {
		t.Fatal(err)
	}
	for _, legacy := range []bool{true, false} {
		t.Run(fmt.Sprintf("legacy=%v", legacy), func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "agent.toml")
			text := fmt.Sprintf("[sensor]\ncache_dir = %q\n[decoy]\npersonas = [%q]\n[rules]\npacks = [%q]\n", shared.cache, shared.enterprise, shared.core)
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			report, err := clients.GoStdio(t.Context(), []string{program, "run", "--stdio", "-c", file}, legacy)
			if err != nil {
				t.Fatal(err)
			}
			want := clients.VersionModern
			if legacy {
				want = clients.VersionLegacy
			}
			if len(report.Errors) > 0 || report.ProtocolVersion != want || len(report.Tools) != 38 || len(report.Calls) != 38 {
				t.Errorf("version %s, %d tools, %d calls, errors %q", report.ProtocolVersion, len(report.Tools), len(report.Calls), report.Errors)
			}
		})
	}
}
