package pack_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/killdeer-mcp/killdeer/internal/pack"
)

var errTest = errors.New("describe: it says nothing")

func (w *world) selfTest(_ context.Context, m *pack.Manifest, dir string) error {
	w.tests++
	if b, err := os.ReadFile(filepath.Join(dir, "rules.wasm")); err != nil || m.File("rules.wasm").Size != int64(len(b)) {
		return errors.New("the files are not there")
	}
	return w.fails
}

func TestInstall(t *testing.T) {
	w := newWorld(t)
	w.o.SelfTest = w.selfTest
	c := w.mustInstall(w.pack(1, ""))
	if c.Previous != 0 || c.Kept || w.tests != 1 {
		t.Errorf("first: %+v after %d self-tests", c, w.tests)
	}
	if c = w.mustInstall(w.pack(4, "")); c.Previous != 1 {
		t.Errorf("second: %+v", c)
	}
	in, err := w.store().Current("acme/scanners")
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, f := range in.Files {
		b, err := in.ReadFile(f.Path)
		if err != nil {
			t.Error(err)
		}
		got[f.Path] = string(b)
	}
	if diff := cmp.Diff(content, got); diff != "" || in.Serial != 4 || in.Signer != w.key.Public().ID() {
		t.Errorf("serial %d by %s (-want +got):\n%s", in.Serial, in.Signer, diff)
	}
	// Again: nothing changes, not even on disk.
	before := tree(t, w.dir)
	if c = w.mustInstall(w.pack(4, "")); !c.Kept {
		t.Errorf("again: %+v", c)
	}
	if diff := cmp.Diff(before, tree(t, w.dir)); diff != "" {
		t.Errorf("something changed:\n%s", diff)
	}
}

// What was altered after it was installed is found when it is loaded, and mended
// by installing it again.
func TestAlteredAfterInstall(t *testing.T) {
	w := newWorld(t)
	data := w.pack(1, "")
	w.mustInstall(data)
	dir := filepath.Join(w.o.Dir, "acme", "scanners", "1")
	write(t, filepath.Join(dir, "rules.wasm"), "\x00asm not REALLY")
	in, err := w.store().Current("acme/scanners")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := in.ReadFile("rules.wasm"); pack.ClassOf(err) != pack.BadDigest {
		t.Errorf("altered file: %v", err)
	}
	if c := w.mustInstall(data); c.Kept {
		t.Error("the altered pack was taken for a good one")
	}
	in, err = w.store().Current("acme/scanners")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := in.ReadFile("rules.wasm"); err != nil {
		t.Errorf("mended file: %v", err)
	}
	text, err := os.ReadFile(filepath.Join(dir, pack.ManifestName))
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, pack.ManifestName), strings.Replace(string(text), `"1.1"`, `"1.2"`, 1))
	if _, err := w.store().Current("acme/scanners"); pack.ClassOf(err) != pack.BadSignature {
		t.Errorf("altered manifest: %v", err)
	}
}

func TestRollback(t *testing.T) {
	w := newWorld(t)
	w.o.SelfTest = w.selfTest
	for _, n := range []uint64{1, 2, 5} {
		w.mustInstall(w.pack(n, ""))
	}
	back := func(to uint64) error {
		_, err := w.store().Rollback(t.Context(), "acme/scanners", to)
		return err
	}
	if err := back(0); err != nil || w.serial() != 2 {
		t.Errorf("to the one before: %v, serial %d", err, w.serial())
	}
	if err := back(0); err == nil {
		t.Error("there was nothing to go back to, and it went")
	}
	if err := back(1); err != nil || w.serial() != 1 {
		t.Errorf("to 1: %v, serial %d", err, w.serial())
	}
	if err := back(3); err == nil || !strings.Contains(err.Error(), "serial 3 is not installed") {
		t.Errorf("to 3: %v", err)
	}
	// It is still an attack to bring an old one from elsewhere.
	if _, err := w.install(w.pack(4, "")); pack.ClassOf(err) != pack.RolledBack {
		t.Errorf("install of 4: %v", err)
	}
	w.fails = errTest
	if err := back(2); pack.ClassOf(err) != pack.SelfTest || w.serial() != 1 {
		t.Errorf("to one that fails: %v, serial %d", err, w.serial())
	}
	w.fails = nil
	if _, err := w.store().Install(t.Context(), w.pack(4, ""), pack.InstallOptions{Downgrade: true}); err != nil || w.serial() != 4 {
		t.Errorf("downgrade: %v, serial %d", err, w.serial())
	}
	w.revoke("serial scanners 2")
	if err := back(2); pack.ClassOf(err) != pack.Revoked {
		t.Errorf("to a revoked one: %v", err)
	}
}

func TestUndo(t *testing.T) {
	w := newWorld(t)
	first := w.mustInstall(w.pack(1, ""))
	before := tree(t, w.o.Dir)
	second := w.mustInstall(w.pack(2, ""))
	if err := w.store().Undo(second); err != nil || w.serial() != 1 {
		t.Fatalf("%v, serial %d", err, w.serial())
	}
	if diff := cmp.Diff(before, tree(t, w.o.Dir)); diff != "" {
		t.Errorf("something is left:\n%s", diff)
	}
	w.mustInstall(w.pack(2, "")) // it may come again
	if err := w.store().Undo(second); err != nil {
		t.Fatal(err)
	}
	if err := w.store().Undo(first); err != nil || w.serial() != 0 {
		t.Errorf("%v, serial %d", err, w.serial())
	}
}

// A pack that is taken back has revoked nothing, and does when it comes again.
func TestUndoOfRevocations(t *testing.T) {
	w := newWorld(t)
	w.mustInstall(w.pack(1, ""))
	before := tree(t, w.dir)
	if err := w.store().Undo(w.mustInstall(w.revoking(2, 1))); err != nil {
		t.Fatal(err)
	}
	if in, err := w.store().Current("acme/scanners"); err != nil || in.Serial != 1 {
		t.Errorf("what is in use again cannot be loaded: %v", err)
	}
	if diff := cmp.Diff(before, tree(t, w.dir)); diff != "" {
		t.Errorf("something is left:\n%s", diff)
	}
	w.mustInstall(w.revoking(2, 1))
	if err := w.back(1); pack.ClassOf(err) != pack.Revoked {
		t.Errorf("rollback to a revoked one: %v", err)
	}
}

// A pack revokes others from the moment it is in use: an installation that ends
// right before leaves the one that it would have revoked usable, one that ends right
// after forgets no revocation.
func TestInstallEndsEarly(t *testing.T) {
	w := newWorld(t)
	w.mustInstall(w.pack(1, ""))
	inTheWay := filepath.Join(w.o.Dir, "acme", "scanners", ".current")
	write(t, filepath.Join(inTheWay, "x"), "")
	if _, err := w.install(w.revoking(2, 1)); err == nil {
		t.Fatal("the link was swapped")
	}
	if w.serial() != 1 {
		t.Error("the pack in use cannot be loaded")
	}
	if err := os.RemoveAll(inTheWay); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(w.o.StateDir, "packs.json")
	state, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	w.mustInstall(w.revoking(2, 1))
	write(t, file, string(state)) // as it was before the link was swapped
	if err := w.back(1); pack.ClassOf(err) != pack.Revoked {
		t.Errorf("rollback to a revoked one: %v", err)
	}
	w.mustInstall(w.pack(3, ""))
	if err := w.back(1); pack.ClassOf(err) != pack.Revoked {
		t.Errorf("rollback to a revoked one, with another in use: %v", err)
	}
}

// revoking makes a pack that revokes an earlier serial.
func (w *world) revoking(serial, revoked uint64) []byte {
	w.t.Helper()
	return w.pack(serial, fmt.Sprintf("revokes = [{serial = %d}]\n", revoked))
}

func (w *world) back(serial uint64) error {
	w.t.Helper()
	_, err := w.store().Rollback(w.t.Context(), "acme/scanners", serial)
	return err
}

func TestRemove(t *testing.T) {
	w := newWorld(t)
	w.mustInstall(w.pack(1, ""))
	w.mustInstall(w.pack(2, ""))
	s := w.store()
	if err := s.Remove("acme/scanners", 2); err == nil {
		t.Error("the pack in use was removed")
	}
	if err := s.Remove("acme/scanners", 1); err != nil {
		t.Error(err)
	}
	if err := s.Remove("acme/scanners", 1); err == nil {
		t.Error("it was removed twice")
	}
	if err := s.Remove("acme/scanners", 0); err != nil {
		t.Error(err)
	}
	for _, id := range []string{"acme/scanners", "acme/../..", "/etc", "acme"} {
		if err := s.Remove(id, 0); err == nil {
			t.Errorf("Remove(%q) succeeded", id)
		}
	}
	if all, err := s.List(); err != nil || len(all) != 0 {
		t.Errorf("List = %v, %v", all, err)
	}
	if _, err := w.install(w.pack(1, "")); pack.ClassOf(err) != pack.RolledBack {
		t.Errorf("an older one after the removal: %v", err)
	}
}

// The highest serial, revocations and time are known again from the installed
// packs when the state is lost or damaged; a state that knows more is believed.
func TestStateLost(t *testing.T) {
	for name, lose := range map[string]func(file string) error{
		"removed":   os.Remove,
		"damaged":   func(file string) error { return os.WriteFile(file, []byte(`{"v":1,"packs":{"acme/x":null}`), 0o600) },
		"truncated": func(file string) error { return os.Truncate(file, 0) },
		"nulls": func(file string) error {
			return os.WriteFile(file, []byte(`{"v":1,"packs":{"acme/x":null},"roots":{}}`), 0o600)
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.mustInstall(w.pack(3, ""))
			w.mustInstall(w.pack(5, "revokes = [{serial = 4}, {serial = 3}]\n"))
			if err := lose(filepath.Join(w.o.StateDir, "packs.json")); err != nil {
				t.Fatal(err)
			}
			if _, err := w.install(w.pack(4, "")); pack.ClassOf(err) != pack.Revoked {
				t.Errorf("install of 4: %v", err)
			}
			if _, err := w.install(w.pack(2, "")); pack.ClassOf(err) != pack.RolledBack {
				t.Errorf("install of 2: %v", err)
			}
			if _, err := w.store().Rollback(t.Context(), "acme/scanners", 3); pack.ClassOf(err) != pack.Revoked {
				t.Errorf("rollback to 3: %v", err)
			}
			w.mustInstall(w.pack(6, ""))
			if w.serial() != 6 {
				t.Errorf("serial %d is in use", w.serial())
			}
		})
	}
}

// A crash while a pack was unpacked leaves what the next installation clears.
func TestStagingLeftByACrash(t *testing.T) {
	w := newWorld(t)
	write(t, filepath.Join(w.o.Dir, ".staging", "pack", "half.wasm"), "x")
	w.mustInstall(w.pack(1, ""))
	if _, err := os.Stat(filepath.Join(w.o.Dir, ".staging")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("staging is there: %v", err)
	}
	all, err := w.store().List()
	if err != nil || len(all) != 1 || !all[0].Current || all[0].Fault != nil {
		t.Errorf("List = %+v, %v", all, err)
	}
}

// A link in the way leads nothing outside.
func TestHostilePacksDirectory(t *testing.T) {
	w := newWorld(t)
	outside := t.TempDir()
	write(t, filepath.Join(outside, "keep"), "x")
	if err := os.MkdirAll(w.o.Dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(w.o.Dir, ".staging")); err != nil {
		t.Fatal(err)
	}
	w.mustInstall(w.pack(1, ""))
	if diff := cmp.Diff(map[string]string{".": "folder", "keep": "x"}, tree(t, outside)); diff != "" {
		t.Errorf("outside changed:\n%s", diff)
	}
	link := filepath.Join(w.o.Dir, "acme", "scanners", "current")
	if err := os.Remove(link); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("../../../../etc", link); err != nil {
		t.Fatal(err)
	}
	if _, err := w.store().Current("acme/scanners"); err == nil || !strings.Contains(err.Error(), "no serial") {
		t.Errorf("Current = %v", err)
	}
}

func TestFreshness(t *testing.T) {
	w := newWorld(t)
	w.mustInstall(w.pack(1, "")) // valid for 100 days
	for days, want := range map[int]pack.Freshness{1: pack.Fresh, 79: pack.Fresh, 81: pack.Aging, 99: pack.Aging, 100: pack.Stale, 5000: pack.Stale} {
		w.now = day0.AddDate(0, 0, days)
		in, err := w.store().Current("acme/scanners")
		if err != nil {
			t.Errorf("after %d days: a clock disarmed the sensor: %v", days, err)
			continue
		}
		if in.Freshness != want {
			t.Errorf("after %d days: %s, want %s", days, in.Freshness, want)
		}
		old, err := w.store().Stale([]string{"acme/scanners", "acme/none"})
		if err != nil || len(old) > 0 != (want != pack.Fresh) {
			t.Errorf("after %d days: Stale = %v, %v", days, old, err)
		}
	}
	// A clock before the program was built is wrong.
	w.now, w.o.Built = time.Unix(0, 0), day0.AddDate(1, 0, 0)
	if _, err := w.store().Verify(w.pack(2, "")); pack.ClassOf(err) != pack.Expired {
		t.Errorf("with a clock set back: %v", err)
	}
}

func TestUnsignedWhereAllowed(t *testing.T) {
	w := newWorld(t)
	w.o.AllowUnsigned = true
	w.mustInstall(build(t, source(1, ""), content))
	if w.serial() != 1 {
		t.Error("it is not in use")
	}
	// A bad signature is none, but not the same as none.
	if _, err := w.install(sign(t, build(t, source(2, ""), content), newKey(t))); pack.ClassOf(err) != pack.Untrusted {
		t.Errorf("untrusted: %v", err)
	}
	w.o.AllowUnsigned = false
	if _, err := w.store().Current("acme/scanners"); pack.ClassOf(err) != pack.Unsigned {
		t.Errorf("loaded when it is not allowed any more: %v", err)
	}
}

func TestBuildIsReproducible(t *testing.T) {
	k := newKey(t)
	a, b := sign(t, build(t, source(1, ""), content), k), sign(t, build(t, source(1, ""), content), k)
	if string(a) != string(b) {
		t.Error("two folders with the same files gave two packs")
	}
	if again := sign(t, a, k); string(again) != string(a) {
		t.Error("signing again changed the pack")
	}
}

func TestBuildRefuses(t *testing.T) {
	for name, tt := range map[string]struct {
		source string
		files  map[string]string
		want   string
	}{
		"unknown key":   {source(1, "colour = 1\n"), content, `unknown key "colour"`},
		"no created":    {"name = \"x\"", content, "created is missing"},
		"no TOML":       {"x", content, "pack.toml:1: "},
		"serial":        {source(0, ""), content, "serial is 0"},
		"upper case":    {source(1, ""), map[string]string{"README": "x"}, "a-z"},
		"own name":      {source(1, ""), map[string]string{pack.ManifestName: "x"}, "pack's own entry"},
		"nothing":       {source(1, ""), nil, "files is empty"},
		"caps of none":  {source(1, "[caps]\n\"x\" = [\"y\"]\n"), content, "no file of the pack"},
		"media of none": {source(1, "[media]\n\"x\" = \"y/z\"\n"), content, "no file of the pack"},
		"revokes later": {source(1, "revokes = [{serial = 2}]\n"), content, "not before this one"},
		"too valid":     {strings.Replace(source(1, ""), "100", "10000", 1), content, "valid_days is 10000"},
	} {
		dir := folder(t, tt.source, tt.files)
		s, err := pack.ReadSource(dir)
		if err == nil {
			_, err = pack.Build(dir, s)
		}
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", name, err, tt.want)
		}
	}
	dir := folder(t, source(1, ""), content)
	if err := os.Symlink("/etc/passwd", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	s, err := pack.ReadSource(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := pack.Build(dir, s); pack.ClassOf(err) != pack.Link {
		t.Errorf("a link: %v", err)
	}
}

func TestDiff(t *testing.T) {
	read := func(data []byte) *pack.Manifest {
		p, err := pack.Read(data)
		if err != nil {
			t.Fatal(err)
		}
		return p.Manifest
	}
	a := read(build(t, source(1, ""), map[string]string{"a": "x", "b": "x"}))
	b := read(build(t, source(2, ""), map[string]string{"b": "y", "c": "x"}))
	var what []string
	for _, d := range pack.Diff(a, b) {
		what = append(what, d.What)
	}
	if diff := cmp.Diff([]string{"version", "serial", "file a", "file b", "file c"}, what); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if d := pack.Diff(a, a); len(d) != 0 {
		t.Errorf("a pack differs from itself: %v", d)
	}
}
