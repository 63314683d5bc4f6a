package pack_test

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/killdeer-mcp/killdeer/internal/pack"
)

// FuzzPack holds that whatever is read is one that building makes: it can be
// signed, and is then the same but for the signature.
func FuzzPack(f *testing.F) {
	k := newKey(f)
	small := build(f, source(1, ""), map[string]string{"rules.wasm": "x"})
	f.Add(small)
	f.Add(sign(f, small, k))
	f.Add(zip(f, unzip(f, small)))
	f.Add(stored(unzip(f, small), 0x50))
	f.Add([]byte("\x28\xb5\x2f\xfd\x00\x50\x01\x00\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := pack.Read(data)
		if err != nil {
			if pack.ClassOf(err) == pack.Other {
				t.Fatalf("no class: %v", err)
			}
			return
		}
		signed, err := pack.Sign(data, k)
		if err != nil {
			t.Fatal(err)
		}
		v, err := pack.VerifyWith(signed, k.Public())
		if err != nil || v.Digest != p.Digest() {
			t.Fatalf("signed: %v", err)
		}
	})
}

// FuzzArchive is FuzzPack behind the decompression.
func FuzzArchive(f *testing.F) {
	k := newKey(f)
	f.Add(unzip(f, sign(f, build(f, source(1, ""), map[string]string{"rules.wasm": "x"}), k)))
	f.Add(unzip(f, build(f, source(1, ""), content)))
	f.Fuzz(func(t *testing.T, data []byte) {
		var total int64
		err := pack.Scan(stored(append(data, make([]byte, 1024)...), 0x50), func(h pack.Head) (*pack.Manifest, error) {
			return pack.ParseManifest(h.Manifest)
		}, func(file *pack.File, r io.Reader) error {
			if filepath.IsLocal(file.Path) {
				n, err := io.Copy(io.Discard, r)
				total += n
				return err
			}
			t.Fatalf("path %q", file.Path)
			return nil
		})
		if err != nil && pack.ClassOf(err) == pack.Other {
			t.Fatalf("no class: %v", err)
		}
		if total > int64(len(data)) {
			t.Fatalf("%d bytes out of %d", total, len(data))
		}
	})
}

// FuzzManifest holds that what is accepted says the same when it is written again.
func FuzzManifest(f *testing.F) {
	p, err := pack.Read(build(f, source(2, "revokes = [{serial = 1}]\nsensor = \">=1.0\"\n[caps]\n\"a.txt\" = [\"b\"]\n"), content))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(p.Head.Manifest)
	f.Add([]byte(`{"spec":1,"spec":2}`))
	f.Add([]byte(`{"Spec":1}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := pack.ParseManifest(data)
		if err != nil {
			return
		}
		text, err := m.Text()
		if err != nil {
			t.Fatal(err)
		}
		again, err := pack.ParseManifest(text)
		if err != nil {
			t.Fatalf("%v in %s", err, text)
		}
		if d := pack.Diff(m, again); len(d) > 0 {
			t.Fatalf("%v", d)
		}
		for _, file := range m.Files {
			if !filepath.IsLocal(file.Path) {
				t.Fatalf("path %q", file.Path)
			}
		}
	})
}

// FuzzSignature holds that a signature has one form.
func FuzzSignature(f *testing.F) {
	k := newKey(f)
	f.Add(k.Sign([]byte("x"), "comment"))
	f.Add([]byte("untrusted comment: signature from minisign secret key\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := pack.ParseSignature(data)
		if err != nil {
			return
		}
		if !bytes.HasPrefix(data, []byte("untrusted comment: signature from minisign secret key\n")) || len(s.KeyID) != 16 {
			t.Fatalf("%q was read as one", data)
		}
		if k.Public().Verify([]byte("y"), s) {
			t.Fatal("it verifies")
		}
	})
}

// FuzzKeys reads key files.
func FuzzKeys(f *testing.F) {
	k := newKey(f)
	secret, err := k.Text("")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(k.Public().Text())
	f.Add([]byte(k.Public().String()))
	f.Add(secret)
	f.Fuzz(func(t *testing.T, data []byte) {
		if p, err := pack.ParsePublicKey(data); err == nil {
			again, err := pack.ParsePublicKey(p.Text())
			if err != nil || again.String() != p.String() {
				t.Fatalf("%v", err)
			}
		}
		_, _ = pack.ParseSecretKey(data, func() (string, error) { return "", pack.ErrPassword })
	})
}

// FuzzTrust reads the three files of a publisher.
func FuzzTrust(f *testing.F) {
	k := newKey(f)
	pub := string(k.Public().Text())
	f.Add(pub+"names: a*\nkinds: rules\ncaps: x\n", "key 0123456789ABCDEF\nserial a 1\n", `{"root":"{}","signatures":[]}`)
	f.Add(pub, "", "")
	f.Add(k.Public().String(), "# x\nsha256 "+digest("x"), "{}")
	f.Fuzz(func(t *testing.T, pub, revoked, root string) {
		dir := t.TempDir()
		for name, text := range map[string]string{"a.pub": pub, "a.revoked": revoked, "a.root.json": root} {
			if text == "" {
				continue
			}
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		trust, err := pack.LoadTrust(dir)
		if err != nil {
			return
		}
		for _, p := range trust.Publishers() {
			if len(p.Keys()) == 0 {
				t.Fatal("a publisher without keys")
			}
			// What was read is written in a form that is read again.
			if err := trust.Add(p.Name, p.Pinned, p.Scope); err != nil {
				t.Fatal(err)
			}
			if err := trust.Revoke(p.Name, p.Revocations()...); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := pack.LoadTrust(dir); err != nil {
			t.Fatal(err)
		}
	})
}

// FuzzState opens a store whose memory is anything, and holds that what is
// installed is found all the same.
func FuzzState(f *testing.F) {
	w := newWorld(f)
	w.mustInstall(w.pack(2, ""))
	older := w.pack(1, "")
	file := filepath.Join(w.o.StateDir, "packs.json")
	text, err := os.ReadFile(file)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte(`{"v":1,"packs":{"acme/scanners":{"verified":null}},"roots":{"acme":0}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := pack.Open(w.o)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Verify(older); err == nil {
			t.Fatal("an older pack is accepted")
		}
	})
}

// FuzzSource reads pack.toml.
func FuzzSource(f *testing.F) {
	f.Add(source(1, "revokes = [{serial = 1}]\n[caps]\na = [\"b\"]\n"))
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) < 1<<12 {
			_, _ = pack.ParseSource([]byte(text))
		}
	})
}
