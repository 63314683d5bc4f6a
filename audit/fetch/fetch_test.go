package fetch_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/killdeer-mcp/killdeer/audit/fetch"
)

func TestRuns(t *testing.T) {
	for line, want := range map[string]bool{
		"npx -y thing": true, "/usr/bin/npx thing": true, "npm exec thing": true, "npm start": false, "uvx thing": true, "uv tool run thing": true, "uv run x": false,
		"node npx": false, "": false,
	} {
		if got := fetch.Runs(strings.Fields(line)); got != want {
			t.Errorf("Runs(%q) = %v", line, got)
		}
	}
}

// Command lines that would run something else than a package are refused before
// anything is fetched.
func TestRefused(t *testing.T) {
	for line, want := range map[string]string{
		"npx":                        "names no package",
		"npx -y":                     "names no package",
		"npx -c id":                  "-c is not understood",
		"npx --call=id thing":        "--call is not understood",
		"npx -p one -p two thing":    "one package at a time",
		"npx --package= thing":       "names no package",
		"npx --":                     "names no package",
		"uvx --with evil thing":      "--with is not understood",
		"uvx --index-url=x thing":    "--index-url is not understood",
		"npm exec --node-options=-r": "is not understood",
		"node server.js":             "fetches nothing",
	} {
		p, err := fetch.Fetch(t.Context(), strings.Fields(line), t.TempDir())
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Fetch(%q) = %v, %v; want %q", line, p, err, want)
		}
	}
}

// pack writes a package that only has its own files.
func pack(t *testing.T, json string, files map[string]string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "source")
	files["package.json"] = json
	for name, text := range files {
		at := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(at, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestNPM(t *testing.T) {
	for _, name := range []string{"npm", "node"} {
		if _, err := exec.LookPath(name); err != nil {
			t.Skip(name + " is not installed")
		}
	}
	mark := filepath.Join(t.TempDir(), "mark")
	scripts := `"scripts":{"preinstall":"touch ` + mark + `","install":"touch ` + mark + `","postinstall":"touch ` + mark + `","prepare":"touch ` + mark + `"}`
	const js = "#!/usr/bin/env node\n"
	for name, tt := range map[string]struct {
		json    string
		command []string // behind the package
		want    string   // of argv, below the folder
		err     string
	}{
		"one command":  {`{"name":"thing","version":"1.2.3","bin":"a.js",` + scripts + `}`, nil, "node_modules/thing/a.js", ""},
		"its own name": {`{"name":"@x/thing","version":"1.2.3","bin":{"other":"b.js","thing":"a.js"},` + scripts + `}`, nil, "node_modules/@x/thing/a.js", ""},
		"ambiguous":    {`{"name":"thing","version":"1.2.3","bin":{"x":"b.js","y":"a.js"}}`, nil, "", "but x, y"},
		"none":         {`{"name":"thing","version":"1.2.3"}`, nil, "", "no command to run"},
		"missing file": {`{"name":"thing","version":"1.2.3","bin":"none.js"}`, nil, "", "open its command"},
	} {
		t.Run(name, func(t *testing.T) {
			source := pack(t, tt.json, map[string]string{"a.js": js, "b.js": js})
			cache := t.TempDir()
			p, err := fetch.Fetch(t.Context(), []string{"npx", "-y", source, "--flag", "value"}, cache)
			if tt.err != "" {
				if left, _ := os.ReadDir(cache); err == nil || !strings.Contains(err.Error(), tt.err) || len(left) > 0 {
					t.Errorf("Fetch = %v, %v; left %v", p, err, left)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff([]string{filepath.Join(p.Dir, tt.want), "--flag", "value"}, p.Argv[1:]); d != "" || filepath.Base(p.Argv[0]) != "node" {
				t.Errorf("%q: %s", p.Argv, d)
			}
			if _, err := os.Stat(mark); err == nil {
				t.Error("a script ran")
			}
			if !slices.Contains(p.Scripts, p.Name+"@1.2.3") || p.Version != "1.2.3" || p.Pinned {
				t.Errorf("%+v", p)
			}
		})
	}
}
