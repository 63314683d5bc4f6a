package audit

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/killdeer-mcp/killdeer/audit/sandbox"
)

// What arguments name is replaced or copied, and never shown.
func TestPrepare(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"app/node_modules/dep/package.json", "app/package.json", "app/dist/index.js", "data/file", "config.json"} {
		at := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(at, []byte("{}"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	script := filepath.Join(dir, "app/dist/index.js")
	s, err := prepare([]string{"/bin/sh", "app/dist/index.js", "./data", "data", "--root=" + filepath.Join(dir, "data"), "./config.json", "https://example.com/x", "--port=80", "/none/there"}, dir, true)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"/bin/sh", script, "/w", "data", "--root=/w", "/opt/files/5/config.json", "https://example.com/x", "--port=80", "/none/there"}
	if d := cmp.Diff(want, s.argv("/w")); d != "" {
		t.Error(d)
	}
	app := filepath.Join(dir, "app")
	mounts := []sandbox.Mount{
		{Source: app, Target: app},
		{Source: app, Target: app, Mode: sandbox.Copy, Empty: []string{"node_modules", ".venv", "venv", ".git"}},
		{Source: app + "/node_modules", Target: app + "/node_modules"},
		{Source: filepath.Join(dir, "config.json"), Target: "/opt/files/5/config.json", Mode: sandbox.Copy},
	}
	if d := cmp.Diff(mounts, s.mounts); d != "" {
		t.Error(d)
	}
	s.move(app, "/opt/server")
	if got := s.argv("/w")[1]; got != "/opt/server/dist/index.js" || s.mounts[2].Target != "/opt/server/node_modules" || s.mounts[2].Source != app+"/node_modules" {
		t.Errorf("moved: %s, %+v", got, s.mounts)
	}
}

// What was set for a server is never handed to it.
func TestEnvironment(t *testing.T) {
	r := newRun(Options{Seed: "1", Env: []string{"API_KEY", "BASE_URL", "NOTES_DIR", "PORT", "GITHUB_TOKEN", "A=B", "", "DB_HOST"}})
	want := []string{
		"API_KEY=" + r.value("API_KEY", ""), "BASE_URL=https://service.example.com/", "NOTES_DIR=/home/audit/work",
		"PORT=8443", "DB_HOST=service.example.com",
	}
	if d := cmp.Diff(want, r.environment("/home/audit")); d != "" {
		t.Error(d)
	}
	if again := newRun(Options{Seed: "1"}).value("API_KEY", ""); again != r.value("API_KEY", "") || len(again) != 40 {
		t.Errorf("the value of a seed is %q", again)
	}
}
