package sandbox_test

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/killdeer-mcp/killdeer/audit/sandbox"
)

// TestPlant holds the planted values to what the search for them needs.
func TestPlant(t *testing.T) {
	p := sandbox.Plant("1", "A", "/home/audit")
	if d := cmp.Diff(p, sandbox.Plant("1", "A", "/home/audit")); d != "" {
		t.Errorf("two of one seed differ: %s", d)
	}
	seen := map[string]string{}
	for _, other := range []sandbox.Planting{p, sandbox.Plant("2", "A", "/home/audit"), sandbox.Plant("1", "B", "/home/dev")} {
		if len(other.Canaries) != len(p.Canaries) {
			t.Fatalf("%d canaries, and %d", len(other.Canaries), len(p.Canaries))
		}
		for i, c := range other.Canaries {
			if c.ID != p.Canaries[i].ID {
				t.Errorf("id %s is %s", p.Canaries[i].ID, c.ID)
			}
			for _, v := range c.Values {
				if len(v) < 12 {
					t.Errorf("%s: a value of %d bytes may occur by chance", c.ID, len(v))
				}
				if before := seen[v]; before != "" {
					t.Errorf("%s and %s share a value", before, c.ID)
				}
				seen[v] = c.ID
			}
		}
	}
	for _, name := range []string{
		".ssh/id_rsa", ".aws/credentials", ".env", ".netrc", ".kube/config", ".docker/config.json", ".npmrc", ".git-credentials",
		".config/gcloud/application_default_credentials.json", ".bash_history", "work/.env", "work/notes.txt", ".bashrc",
		".ssh/id_ed25519", ".pypirc", ".vault-token", ".config/gh/hosts.yml", ".cursor/mcp.json",
		".config/Claude/claude_desktop_config.json", ".claude/.credentials.json",
	} {
		if p.Files[name] == "" {
			t.Errorf("%s is missing", name)
		}
	}
	for _, c := range p.Canaries {
		if len(c.Values) == 0 {
			t.Errorf("%s has no value", c.ID)
		}
		name, ok := strings.CutPrefix(c.ID, "file:")
		if !ok {
			continue
		}
		if c.Source != "/home/audit/"+name || c.Pass != "A" {
			t.Errorf("canary %s of pass %q is in %s", c.ID, c.Pass, c.Source)
		}
		// A password of Docker's stands in its file as base64 only.
		if name != ".docker/config.json" && !strings.Contains(p.Files[name], c.Values[0]) {
			t.Errorf("the value of %s is not in its file", c.ID)
		}
	}
	if len(p.Env) != 2 || !strings.HasPrefix(p.Env[0], "AWS_SECRET_ACCESS_KEY=") || !strings.HasPrefix(p.Env[1], "GITHUB_TOKEN=ghp_") {
		t.Errorf("environment %q", p.Env)
	}
}

// TestOptions refuses what the namespaces would refuse in worse words.
func TestOptions(t *testing.T) {
	for name, o := range map[string]sandbox.Options{
		"relative home":  {Home: "audit"},
		"home is /":      {Home: "/"},
		"unclean folder": {Dir: "/home/audit/../x"},
		"mount over etc": {Mounts: []sandbox.Mount{{Source: os.TempDir(), Target: "/etc"}}},
		"mount over ~":   {Mounts: []sandbox.Mount{{Source: os.TempDir(), Target: "/home/audit"}}},
		"relative mount": {Mounts: []sandbox.Mount{{Source: os.TempDir(), Target: "x"}}},
	} {
		t.Run(name, func(t *testing.T) {
			if b, err := sandbox.New(t.Context(), o); err == nil {
				b.Close()
				t.Error("it was taken")
			}
		})
	}
}
