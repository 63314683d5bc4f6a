package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/killdeer-mcp/killdeer/internal/clients"
)

// Every real client that can start a server itself, as a desktop application
// does, speaks each era it has with the sensor over pipes.
func TestClientsOverStdio(t *testing.T) {
	buildGuests(t)
	program, err := exec.LookPath("killdeer") // this binary, under the name that makes it the sensor
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range clients.All(t) {
		for _, mode := range c.StdioModes {
			t.Run(c.Name+"/"+mode, func(t *testing.T) {
				file := filepath.Join(t.TempDir(), "agent.toml")
				text := fmt.Sprintf("[sensor]\ncache_dir = %q\n[decoy]\npersonas = [%q]\nlatency = \"off\"\nfriction = \"off\"\n[rules]\npacks = [%q]\n", shared.cache, shared.enterprise, shared.core)
				if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
				report, err := c.RunStdio(t.Context(), []string{program, "run", "--stdio", "-c", file}, mode, nil)
				if err != nil {
					t.Fatal(err)
				}
				calls := map[clients.Reach]int{clients.ReachAll: 38, clients.ReachOne: 1}[c.Reach]
				if len(report.Errors) > 0 || len(report.Tools) != 38 || len(report.Calls) != calls {
					t.Errorf("version %s, %d tools, %d calls, errors %q", report.ProtocolVersion, len(report.Tools), len(report.Calls), report.Errors)
				}
			})
		}
	}
}
