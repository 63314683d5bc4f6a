package sandbox_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/killdeer-mcp/killdeer/audit/sandbox"
)

func TestDiscover(t *testing.T) {
	top := t.TempDir()
	at := func(name string) string { return filepath.Join(top, name) }
	for _, name := range []string{
		"home/.nvm/v20/bin/node", "home/bin/tool", "home/app/package.json", "home/app/dist/index.js", "home/loose.js",
		"pkgs/node_modules/srv/package.json", "pkgs/node_modules/srv/dist/main.js", "venv/pyvenv.cfg", "venv/bin/python3", "lone/script.py", "home/secret.json",
	} {
		if err := os.MkdirAll(filepath.Dir(at(name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(at(name), []byte("#!/bin/sh\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(at("links"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("../home/.nvm/v20/bin/node", at("links/node")); err != nil {
		t.Fatal(err)
	}
	t.Setenv("HOME", at("home"))
	t.Setenv("PATH", at("home/.nvm/v20/bin")+":/usr/bin:/bin")
	tests := map[string]struct {
		argv   []string
		shown  []string // below top
		folder string
	}{
		"system command":       {[]string{"/bin/sh", "-c", "true"}, nil, ""},
		"runtime in the home":  {[]string{"node", "app/dist/index.js"}, []string{"home/.nvm/v20", "home/app"}, "home/app"},
		"package":              {[]string{"node", at("pkgs/node_modules/srv/dist/main.js")}, []string{"home/.nvm/v20", "pkgs"}, "pkgs"},
		"command in ~/bin":     {[]string{at("home/bin/tool")}, []string{"home/bin/tool"}, ""},
		"script in the home":   {[]string{"node", "loose.js"}, []string{"home/.nvm/v20", "home/loose.js"}, ""},
		"virtual environment":  {[]string{at("venv/bin/python3"), at("lone/script.py")}, []string{"venv", "lone"}, "lone"},
		"link":                 {[]string{at("links/node"), "app/dist/index.js"}, []string{"links/node", "home/.nvm/v20", "home/app"}, "home/app"},
		"data is not shown":    {[]string{"node", "app/dist/index.js", "secret.json"}, []string{"home/.nvm/v20", "home/app"}, "home/app"},
		"flags are not files":  {[]string{"node", "--no-warnings", "app/dist/index.js"}, []string{"home/.nvm/v20", "home/app"}, "home/app"},
		"no script, no folder": {[]string{"node", "-e", "1"}, []string{"home/.nvm/v20"}, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			in, err := sandbox.Discover(tt.argv, at("home"))
			if err != nil {
				t.Fatal(err)
			}
			var shown []string
			for _, m := range in.Mounts {
				rel, err := filepath.Rel(top, m.Source)
				if err != nil || m.Mode != sandbox.ReadOnly || m.Target != m.Source {
					t.Errorf("mount %+v", m)
				}
				shown = append(shown, rel)
			}
			if d := cmp.Diff(tt.shown, shown); d != "" {
				t.Error(d)
			}
			want := ""
			if tt.folder != "" {
				want = at(tt.folder)
			}
			if in.Folder != want {
				t.Errorf("folder %q, want %q", in.Folder, want)
			}
		})
	}
	if _, err := sandbox.Discover([]string{"no-such-server"}, top); err == nil {
		t.Error("a command that is not there was found")
	}
}
