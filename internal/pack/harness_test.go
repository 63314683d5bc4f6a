package pack_test

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/killdeer-mcp/killdeer/internal/pack"
)

// day0 is when the packs of these tests were made; the store's clock stands a
// day later unless a test moves it.
var day0 = time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)

// newKey draws a key.
func newKey(t testing.TB) pack.SecretKey {
	t.Helper()
	k, err := pack.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// folder writes a pack's folder.
func folder(t testing.TB, source string, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	write(t, filepath.Join(dir, pack.SourceName), source)
	for name, text := range files {
		write(t, filepath.Join(dir, name), text)
	}
	return dir
}

func write(t testing.TB, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// source is a pack.toml of the publisher acme.
func source(serial uint64, more string) string {
	return fmt.Sprintf("publisher = \"acme\"\nname = \"scanners\"\nversion = \"1.%d\"\nserial = %d\ncreated = 2026-11-20T00:00:00Z\nvalid_days = 100\nkind = [\"rules\"]\n%s", serial, serial, more)
}

var content = map[string]string{"rules.wasm": "\x00asm not really", "docs/readme.md": "What it finds.", "a.txt": ""}

// build makes an unsigned pack.
func build(t testing.TB, source string, files map[string]string) []byte {
	t.Helper()
	dir := folder(t, source, files)
	s, err := pack.ReadSource(dir)
	if err != nil {
		t.Fatal(err)
	}
	data, err := pack.Build(dir, s)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func sign(t testing.TB, data []byte, k pack.SecretKey) []byte {
	t.Helper()
	signed, err := pack.Sign(data, k)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

// world is a store and whoever it trusts.
type world struct {
	t     testing.TB
	dir   string // holds everything: packs, state, trust
	key   pack.SecretKey
	now   time.Time
	tests int   // how often the self-test ran
	fails error // what the self-test says
	o     pack.Options
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir(), key: newKey(t), now: day0.AddDate(0, 0, 1)}
	w.o = pack.Options{
		Dir: filepath.Join(w.dir, "packs"), StateDir: filepath.Join(w.dir, "state"), TrustDir: filepath.Join(w.dir, "trust.d"),
		ABIs: []string{"killdeer/1"}, Sensor: "v1.4.0", Now: func() time.Time { return w.now },
	}
	w.trust("acme", w.key, pack.Scope{Names: []string{"scan*", "other"}})
	return w
}

func (w *world) trust(publisher string, k pack.SecretKey, scope pack.Scope) {
	w.t.Helper()
	if err := w.store().Trust().Add(publisher, k.Public(), scope); err != nil {
		w.t.Fatal(err)
	}
}

// store opens the store, as every command does anew.
func (w *world) store() *pack.Store {
	w.t.Helper()
	s, err := pack.Open(w.o)
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

func (w *world) install(data []byte) (*pack.Change, error) {
	w.t.Helper()
	return w.store().Install(w.t.Context(), data, pack.InstallOptions{})
}

func (w *world) mustInstall(data []byte) *pack.Change {
	w.t.Helper()
	c, err := w.install(data)
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

// pack makes a signed pack of a serial.
func (w *world) pack(serial uint64, more string) []byte {
	w.t.Helper()
	return sign(w.t, build(w.t, source(serial, more), content), w.key)
}

// serial is what is in use of acme/scanners, 0 for nothing.
func (w *world) serial() uint64 {
	w.t.Helper()
	in, err := w.store().Current("acme/scanners")
	if err != nil {
		return 0
	}
	return in.Serial
}

// An item is one entry of an archive in the making.
type item struct {
	tar.Header
	body string
	raw  []byte // stands for header and body if set
}

func file(name, body string) item {
	return item{Header: tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, ModTime: time.Unix(0, 0), Format: tar.FormatUSTAR}, body: body}
}

// items takes a pack apart.
func items(t testing.TB, data []byte) []item {
	t.Helper()
	r := tar.NewReader(bytes.NewReader(unzip(t, data)))
	var all []item
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, item{Header: *h, body: string(body)})
	}
}

// archive puts items together with a writer that is not the package's own.
func archive(t testing.TB, all []item) []byte {
	t.Helper()
	var b bytes.Buffer
	for i := range all {
		if all[i].raw != nil {
			b.Write(all[i].raw)
			continue
		}
		w := tar.NewWriter(&b)
		h := all[i].Header
		h.Size = int64(len(all[i].body))
		if h.Typeflag != tar.TypeReg {
			h.Size = 0
		}
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if h.Size > 0 {
			if _, err := w.Write([]byte(all[i].body)); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	return append(b.Bytes(), make([]byte, 1024)...)
}

func unzip(t testing.TB, data []byte) []byte {
	t.Helper()
	d, err := zstd.NewReader(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	out, err := d.DecodeAll(data, nil)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func zip(t testing.TB, data []byte) []byte {
	t.Helper()
	e, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	return e.EncodeAll(data, nil)
}

// remade changes a pack's entries.
func remade(t testing.TB, data []byte, change func([]item) []item) []byte {
	t.Helper()
	return zip(t, archive(t, change(items(t, data))))
}

// resigned changes a pack's manifest as its publisher could.
func resigned(t testing.TB, data []byte, k pack.SecretKey, change func(m map[string]any)) []byte {
	t.Helper()
	return remade(t, data, func(all []item) []item {
		var m map[string]any
		if err := json.Unmarshal([]byte(all[0].body), &m); err != nil {
			t.Fatal(err)
		}
		change(m)
		text, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		all[0].body, all[1].body = string(text), string(k.Sign(text, "by hand"))
		return all
	})
}

func digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

// tree lists everything under a folder with its content.
func tree(t testing.TB, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(name string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(dir, name)
		switch {
		case d.IsDir():
			all[rel] = "folder"
		case d.Type()&os.ModeSymlink != 0:
			all[rel], err = os.Readlink(name)
		default:
			b, readErr := os.ReadFile(name)
			all[rel], err = string(b), readErr
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
