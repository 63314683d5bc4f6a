package pack_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/killdeer-mcp/killdeer/internal/pack"
)

// root makes a root document and signatures over it.
func root(t *testing.T, version uint64, threshold int, keys []pack.SecretKey, signers []pack.SecretKey, more string) (raw []byte, signatures [][]byte) {
	t.Helper()
	words := make([]string, len(keys))
	for i, k := range keys {
		words[i] = k.Public().String()
	}
	list, err := json.Marshal(words)
	if err != nil {
		t.Fatal(err)
	}
	raw, err = json.Marshal(map[string]any{
		"spec": 1, "publisher": "acme", "version": version, "threshold": threshold, "keys": json.RawMessage(list),
	})
	if err != nil {
		t.Fatal(err)
	}
	if more != "" {
		raw = append(raw[:len(raw)-1], more+"}"...)
	}
	for _, k := range signers {
		signatures = append(signatures, k.Sign(raw, "root"))
	}
	return raw, signatures
}

func TestRotate(t *testing.T) {
	w := newWorld(t)
	first := w.key
	a, b, c, d := newKey(t), newKey(t), newKey(t), newKey(t)
	three := []pack.SecretKey{a, b, c}
	type keys = []pack.SecretKey
	for _, tt := range []struct {
		name      string
		version   uint64
		threshold int
		keys      keys
		signers   keys
		want      pack.Class // 0 for success
	}{
		{"nobody signed", 1, 2, three, nil, pack.BadSignature},
		{"only the new ones", 1, 2, three, keys{a, b}, pack.BadSignature},
		{"only the old one", 1, 2, three, keys{first}, pack.BadSignature},
		{"one of two new ones", 1, 2, three, keys{first, a}, pack.BadSignature},
		{"one new one twice", 1, 2, three, keys{first, a, a}, pack.BadSignature},
		{"both thresholds", 1, 2, three, keys{first, a, b}, 0},
		{"version again", 1, 2, three, keys{first, a, b}, pack.RolledBack},
		{"the key before the last", 2, 1, keys{first}, keys{first}, pack.BadSignature},
		{"one of the old ones", 2, 1, keys{d}, keys{a, d}, pack.BadSignature},
		{"two of the old ones", 3, 1, keys{d}, keys{a, c, d}, 0},
		{"an older version", 2, 1, keys{d}, keys{d}, pack.RolledBack},
	} {
		raw, signatures := root(t, tt.version, tt.threshold, tt.keys, tt.signers, "")
		_, err := w.store().Rotate("acme", raw, signatures)
		if tt.want == 0 && err != nil || tt.want != 0 && (err == nil || pack.ClassOf(err) != tt.want) {
			t.Errorf("%s: %v, want class %d", tt.name, err, tt.want)
		}
	}
	w.key = d
	w.mustInstall(w.pack(1, ""))
	for _, k := range []pack.SecretKey{first, a} {
		if _, err := w.install(sign(t, w.pack(2, ""), k)); pack.ClassOf(err) != pack.Untrusted {
			t.Errorf("a retired key: %v", err)
		}
	}
}

// A pack whose key was retired runs on; one whose key was revoked does not.
func TestRetiredAndRevoked(t *testing.T) {
	w := newWorld(t)
	w.mustInstall(w.pack(1, ""))
	old, next, last := w.key, newKey(t), newKey(t)
	raw, signatures := root(t, 1, 1, []pack.SecretKey{next}, []pack.SecretKey{old, next}, "")
	if _, err := w.store().Rotate("acme", raw, signatures); err != nil {
		t.Fatal(err)
	}
	if w.serial() != 1 {
		t.Error("a retired key stopped a pack that was good")
	}
	raw, signatures = root(t, 2, 1, []pack.SecretKey{last}, []pack.SecretKey{next, last}, `,"revoked":["`+old.Public().ID()+`"]`)
	if _, err := w.store().Rotate("acme", raw, signatures); err != nil {
		t.Fatal(err)
	}
	if _, err := w.store().Current("acme/scanners"); pack.ClassOf(err) != pack.Revoked {
		t.Errorf("with a revoked key: %v", err)
	}
	// Nobody revokes the key of another.
	w.key = last
	rival := newKey(t)
	w.trust("rival", rival, pack.Scope{})
	if err := w.store().Trust().Revoke("rival", "key "+last.Public().ID()); err != nil {
		t.Fatal(err)
	}
	w.mustInstall(w.pack(3, ""))
	// An older root that is put back by hand is noticed.
	raw, signatures = root(t, 1, 1, []pack.SecretKey{old}, []pack.SecretKey{old}, "")
	text, err := json.Marshal(map[string]any{"root": string(raw), "signatures": []string{string(signatures[0])}})
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(w.o.TrustDir, "acme.root.json"), string(text))
	if _, err := w.install(w.pack(4, "")); pack.ClassOf(err) != pack.RolledBack {
		t.Errorf("with an older root: %v", err)
	}
}

func TestTrustFiles(t *testing.T) {
	k := newKey(t).Public()
	pub := string(k.Text())
	for _, tt := range []struct{ name, file, text, want string }{
		{"plain", "a.pub", pub, ""},
		{"one word", "a.pub", k.String() + "\n", ""},
		{"scope", "a.pub", pub + "# ours\nnames: scan-*, base\nkinds: rules\ncaps: clock\n", ""},
		{"other files", "README", "hello", ""},
		{"empty", "a.pub", "", "read public key"},
		{"no key", "a.pub", "untrusted comment: x\nhello\n", "read public key"},
		{"name of the file", "A_b.pub", pub, "a publisher's name matches"},
		{"word", "a.pub", pub + "name: x\n", "want \"names: ...\""},
		{"twice", "a.pub", pub + "names: x\nnames: y\n", "names is there twice"},
		{"glob", "a.pub", pub + "names: [\n", "no glob"},
		{"empty glob", "a.pub", pub + "names: a,,b\n", "no glob"},
		{"kind", "a.pub", pub + "kinds: rule\n", "none of"},
		{"caps", "a.pub", pub + "caps: A\n", "does not match"},
		{"too large", "a.pub", pub + strings.Repeat("#\n", 1<<14), "too large"},
	} {
		dir := t.TempDir()
		write(t, filepath.Join(dir, tt.file), tt.text)
		trust, err := pack.LoadTrust(dir)
		switch {
		case tt.want == "" && err != nil, tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		case tt.name == "scope":
			s := trust.Publisher("a").Scope
			if len(s.Names) != 2 || s.Names[1] != "base" || s.Kinds[0] != "rules" || s.Caps[0] != "clock" {
				t.Errorf("scope = %+v", s)
			}
		}
	}
	open := t.TempDir()
	if err := os.Chmod(open, 0o777); err != nil {
		t.Fatal(err)
	}
	if _, err := pack.LoadTrust(open); err == nil || !strings.Contains(err.Error(), "everybody can write") {
		t.Errorf("a folder that everybody can write to: %v", err)
	}
	for name, text := range map[string]string{"a.revoked": "key xyz", "a.root.json": "{}"} {
		dir := t.TempDir()
		write(t, filepath.Join(dir, "a.pub"), pub)
		write(t, filepath.Join(dir, name), text)
		if _, err := pack.LoadTrust(dir); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAdd(t *testing.T) {
	w := newWorld(t)
	trust := func(publisher string, k pack.SecretKey, s pack.Scope) error {
		return w.store().Trust().Add(publisher, k.Public(), s)
	}
	if err := trust("acme", newKey(t), pack.Scope{}); err == nil || !strings.Contains(err.Error(), "rotation") {
		t.Errorf("another key: %v", err)
	}
	if err := trust("acme", w.key, pack.Scope{Kinds: []string{"rules"}}); err != nil {
		t.Errorf("another scope: %v", err)
	}
	if err := trust("rival", w.key, pack.Scope{}); err == nil || !strings.Contains(err.Error(), "that of publisher acme") {
		t.Errorf("the key of another: %v", err)
	}
	for _, name := range []string{"", "../x", "a/b", "A"} {
		if err := trust(name, newKey(t), pack.Scope{}); err == nil {
			t.Errorf("publisher %q was accepted", name)
		}
	}
}
