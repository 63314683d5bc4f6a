package pack_test

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/crypto/blake2b"
	"golang.org/x/crypto/scrypt"

	"github.com/killdeer-mcp/killdeer/internal/pack"
)

// minisign finds Debian's program.
func minisign(t *testing.T) func(args ...string) (string, error) {
	t.Helper()
	program, err := exec.LookPath("minisign")
	if err != nil {
		const reason = "minisign is not installed: apt install minisign"
		if slices.Contains(strings.Split(os.Getenv("KILLDEER_REQUIRE"), ","), "minisign") {
			t.Fatal(reason)
		}
		t.Skip(reason)
	}
	return func(args ...string) (string, error) {
		cmd := exec.CommandContext(t.Context(), program, args...)
		cmd.Stdin = strings.NewReader("\n\n")
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
}

// The minisign program verifies our signatures with our key files, and we verify
// its, made with its keys and with ours.
func TestMinisign(t *testing.T) {
	run := minisign(t)
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	w := newWorld(t)
	p, err := pack.Read(w.pack(1, ""))
	if err != nil {
		t.Fatal(err)
	}
	write(t, in("manifest.json"), string(p.Head.Manifest))
	write(t, in("manifest.json.minisig"), string(p.Signature))
	write(t, in("our.pub"), string(w.key.Public().Text()))
	if out, err := run("-V", "-p", in("our.pub"), "-m", in("manifest.json")); err != nil || !strings.Contains(out, "killdeer pack acme/scanners serial 1") {
		t.Errorf("minisign does not verify our signature: %v\n%s", err, out)
	}
	// The file of a trusted publisher is a key file as well.
	if out, err := run("-V", "-p", filepath.Join(w.o.TrustDir, "acme.pub"), "-m", in("manifest.json")); err != nil {
		t.Errorf("minisign does not read a trust file: %v\n%s", err, out)
	}
	write(t, in("manifest.json"), string(p.Head.Manifest)+" ")
	if out, err := run("-V", "-p", in("our.pub"), "-m", in("manifest.json")); err == nil {
		t.Errorf("minisign verifies a manifest that was changed:\n%s", out)
	}
	write(t, in("manifest.json"), string(p.Head.Manifest))

	if out, err := run("-G", "-W", "-p", in("their.pub"), "-s", in("their.key")); err != nil {
		t.Fatalf("minisign -G: %v\n%s", err, out)
	}
	text, err := w.key.Text("")
	if err != nil {
		t.Fatal(err)
	}
	write(t, in("our.key"), string(text))
	theirs := parsePublic(t, in("their.pub"))
	for key, public := range map[string]pack.PublicKey{"their.key": theirs, "our.key": w.key.Public()} {
		for name, comment := range map[string][]string{"default": nil, "own comments": {"-c", "evil\tcomment", "-t", "release 1"}} {
			out, err := run(append([]string{"-S", "-s", in(key), "-m", in("manifest.json"), "-x", in("sig")}, comment...)...)
			if err != nil {
				t.Fatalf("minisign -S with %s: %v\n%s", key, err, out)
			}
			signature, err := os.ReadFile(in("sig"))
			if err != nil {
				t.Fatal(err)
			}
			signed, err := pack.Attach(build(t, source(1, ""), content), signature)
			if err != nil {
				t.Fatalf("%s, %s: %v", key, name, err)
			}
			if v, err := pack.VerifyWith(signed, public); err != nil || v.Signer != public.ID() {
				t.Errorf("%s, %s: %v", key, name, err)
			}
			// As it is, in a pack that other programs packed.
			byHand := remade(t, w.pack(1, ""), func(all []item) []item { all[1].body = string(signature); return all })
			if _, err := pack.VerifyWith(byHand, public); (err == nil) != (comment == nil) {
				t.Errorf("%s, %s, by hand: %v", key, name, err)
			}
		}
	}
	// Their key is read and signs as they do.
	secret := parseSecret(t, in("their.key"), "")
	if secret.Public().String() != theirs.String() {
		t.Error("their secret key was read as another")
	}
	if out, err := run("-S", "-l", "-s", in("their.key"), "-m", in("manifest.json"), "-x", in("sig")); err != nil {
		t.Logf("minisign -S -l: %v\n%s", err, out)
	} else if old, err := os.ReadFile(in("sig")); err != nil {
		t.Fatal(err)
	} else if _, err := pack.Attach(build(t, source(1, ""), content), old); pack.ClassOf(err) != pack.BadSignature {
		t.Errorf("a signature that is not prehashed: %v", err)
	}
}

func parsePublic(t *testing.T, file string) pack.PublicKey {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	k, err := pack.ParsePublicKey(text)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func parseSecret(t *testing.T, file, password string) pack.SecretKey {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	k, err := pack.ParseSecretKey(text, func() (string, error) { return password, nil })
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// protected is a secret key file as minisign writes it, of which the password
// costs less memory than its usual gigabyte.
func protected(t *testing.T, k pack.SecretKey, password string) []byte {
	t.Helper()
	plain, err := k.Text("")
	if err != nil {
		t.Fatal(err)
	}
	b, err := base64.StdEncoding.DecodeString(strings.Split(string(plain), "\n")[1])
	if err != nil {
		t.Fatal(err)
	}
	const ops, mem = 1 << 15, 1 << 24 // which is N = 2^10, r = 8, p = 1
	copy(b[2:], "Sc")
	copy(b[6:38], bytes.Repeat([]byte{7}, 32))
	binary.LittleEndian.PutUint64(b[38:], ops)
	binary.LittleEndian.PutUint64(b[46:], mem)
	sum := blake2b.Sum256(append([]byte("Ed"), b[54:126]...))
	copy(b[126:], sum[:])
	stream, err := scrypt.Key([]byte(password), b[6:38], 1<<10, 8, 1, 104)
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range stream {
		b[54+i] ^= c
	}
	return []byte("untrusted comment: minisign encrypted secret key\n" + base64.StdEncoding.EncodeToString(b) + "\n")
}

func TestProtectedKey(t *testing.T) {
	k := newKey(t)
	text := protected(t, k, "swordfish")
	word := func(w string, err error) func() (string, error) { return func() (string, error) { return w, err } }
	got, err := pack.ParseSecretKey(text, word("swordfish", nil))
	if err != nil {
		t.Fatal(err)
	}
	if got.Public().String() != k.Public().String() {
		t.Error("it was read as another key")
	}
	if _, err := pack.ParseSecretKey(text, word("sword", nil)); err == nil || !strings.Contains(err.Error(), "wrong password") {
		t.Errorf("a wrong password: %v", err)
	}
	if _, err := pack.ParseSecretKey(text, word("", pack.ErrPassword)); err != pack.ErrPassword { //nolint:errorlint // it is handed through
		t.Errorf("no password: %v", err)
	}
	for _, bad := range []string{"", "x", "untrusted comment: x\nAAAA\n", strings.Repeat("x", 5000)} {
		if _, err := pack.ParseSecretKey([]byte(bad), word("", nil)); err == nil {
			t.Errorf("%q was read as a key", bad)
		}
	}
}
