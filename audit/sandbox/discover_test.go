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
	plain := "#!/bin/sh\n"
	for name, content := range map[string]string{
		"home/.nvm/v20/bin/node": plain, "home/bin/tool": plain, "home/app/package.json": plain, "home/app/dist/index.js": plain, "home/loose.js": plain,
		"pkgs/node_modules/srv/package.json": plain, "pkgs/node_modules/srv/dist/main.js": plain,
		"venv/pyvenv.cfg": plain, "venv/bin/python3": plain, "lone/script.py": plain, "home/secret.json": plain,
		"home/.local/bin/notes": plain, "home/.local/share/keyrings/login.keyring": "secret", "home/.cargo/bin/crate": "\x7fELF", "home/.cargo/credentials.toml": "secret",
		"home/.local/share/pipx/venvs/p/pyvenv.cfg": "", "home/.local/share/pipx/venvs/p/bin/p": plain,
		"home/.local/share/uv/tools/u/pyvenv.cfg": "", "home/.local/share/uv/tools/u/bin/u": "#!" + at("home/.local/share/uv/tools/u/bin/python") + "\n",
		"home/.local/share/uv/python/3.12/bin/python3.12": "\x7fELF", "home/.npm-global/lib/node_modules/g/index.js": "#!/usr/bin/env node\n",
		"home/.local/lib/node_modules/l/index.js": "#!/usr/bin/env -S node --no-warnings\n", "home/.aws/srv.py": "", "home/tools/bin/a": "\x7fELF", "home/tools/secret": "",
		"home/proj/go.mod": "", "home/proj/bin/b": "\x7fELF",
	} {
		if err := os.MkdirAll(filepath.Dir(at(name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(at(name), []byte(content), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for link, to := range map[string]string{
		"links/node": "../home/.nvm/v20/bin/node", "home/.local/bin/p": "../share/pipx/venvs/p/bin/p", "home/.local/bin/u": "../share/uv/tools/u/bin/u",
		"home/.local/share/uv/tools/u/bin/python": "../../../python/3.12/bin/python3.12", "home/.npm-global/bin/g": "../lib/node_modules/g/index.js",
		"home/.local/bin/l": "../lib/node_modules/l/index.js", "home/.local/bin/python3.12": "../share/uv/python/3.12/bin/python3.12",
		"home/.local/bin/multi": "../../.cargo/bin/crate", "venv/bin/python": "python3",
	} {
		if err := os.MkdirAll(filepath.Dir(at(link)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(to, at(link)); err != nil {
			t.Fatal(err)
		}
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
		"command in ~/.local":  {[]string{at("home/.local/bin/notes")}, []string{"home/.local/bin/notes"}, ""},
		"command in ~/.cargo":  {[]string{at("home/.cargo/bin/crate")}, []string{"home/.cargo/bin/crate"}, ""},
		"pipx":                 {[]string{at("home/.local/bin/p")}, []string{"home/.local/bin/p", "home/.local/share/pipx/venvs/p"}, ""},
		"uv tool":              {[]string{at("home/.local/bin/u")}, []string{"home/.local/bin/u", "home/.local/share/uv/tools/u", "home/.local/share/uv/python/3.12"}, ""},
		"uv python":            {[]string{at("home/.local/bin/python3.12"), at("lone/script.py")}, []string{"home/.local/bin/python3.12", "home/.local/share/uv/python/3.12", "lone"}, "lone"},
		"npm in a folder":      {[]string{at("home/.npm-global/bin/g")}, []string{"home/.npm-global/bin/g", "home/.npm-global/lib", "home/.nvm/v20"}, ""},
		"npm in ~/.local":      {[]string{at("home/.local/bin/l")}, []string{"home/.local/bin/l", "home/.local/lib/node_modules", "home/.nvm/v20"}, ""},
		"script by its link":   {[]string{"node", at("home/.local/bin/l")}, []string{"home/.nvm/v20", "home/.local/bin/l", "home/.local/lib/node_modules"}, "home/.local/lib/node_modules"},
		"script among secrets": {[]string{"node", at("home/.aws/srv.py")}, []string{"home/.nvm/v20", "home/.aws/srv.py"}, ""},
		"any folder":           {[]string{at("home/tools/bin/a")}, []string{"home/tools/bin/a"}, ""},
		"project of a command": {[]string{at("home/proj/bin/b")}, []string{"home/proj"}, ""},
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
	for link, want := range map[string]string{
		"links/node": "home/.nvm/v20/bin/node", "home/.local/bin/l": "home/.local/lib/node_modules/l/index.js", "home/.local/bin/multi": "home/.local/bin/multi",
		"home/.local/bin/python3.12": "home/.local/share/uv/python/3.12/bin/python3.12", "venv/bin/python": "venv/bin/python",
	} {
		if in, err := sandbox.Discover([]string{at(link)}, top); err != nil || in.Argv[0] != at(want) {
			t.Errorf("%s is run as %q, %v; want %s", link, in.Argv, err, want)
		}
	}
	if _, err := sandbox.Discover([]string{"no-such-server"}, top); err == nil {
		t.Error("a command that is not there was found")
	}
}

func TestInHome(t *testing.T) {
	t.Setenv("HOME", "/srv/people/me")
	for dir, want := range map[string]bool{
		"/srv/people/me/x": true, "/home/you/x": true, "/root/x": true, "/srv/people/other/x": false, "/opt/x": false, "/home/linuxbrew/.linuxbrew/Cellar/x": false,
	} {
		if got := sandbox.InHome(dir); got != want {
			t.Errorf("%s: %v", dir, got)
		}
	}
}
