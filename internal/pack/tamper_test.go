package pack_test

import (
	"archive/tar"
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/killdeer-mcp/killdeer/internal/pack"
)

// tampered are packs that must not be installed. Each begins with the signed
// packs of serial 5, 3 and 6; serial 5 is installed, and stays so.
var tampered = []struct {
	name string
	want pack.Class
	text string // in the message
	make func(w *world, good, older, newer []byte) []byte
}{
	{"traversal", pack.UnsafePath, "leaves the pack", with(file("../evil", "x"))},
	{"traversal within", pack.UnsafePath, "leaves the pack", with(file("docs/../../evil", "x"))},
	{"absolute", pack.UnsafePath, "leaves the pack", with(file("/tmp/killdeer-evil", "x"))},
	{"backslash", pack.UnsafePath, "leaves the pack", with(file(`..\evil`, "x"))},
	{"upper case", pack.BadName, "a-z", with(file("Rules.wasm", "x"))},
	{"control characters", pack.BadName, "a-z", with(file("a\nb", "x"))},
	{"dot file", pack.BadName, "a-z", with(file(".bashrc", "x"))},
	{"long name in prefix", pack.BadName, "at most 100", with(file(strings.Repeat("a", 60)+"/"+strings.Repeat("b", 60), "x"))},
	{"long name, GNU", pack.ExtendedHeader, "extended header", with(typed(tar.TypeReg, strings.Repeat("a", 200), "", tar.FormatGNU))},
	{"long name, PAX", pack.ExtendedHeader, "extended header", with(typed(tar.TypeReg, strings.Repeat("a", 200), "", tar.FormatPAX))},
	{"PAX record that renames", pack.ExtendedHeader, "extended header", with(item{Header: tar.Header{
		Typeflag: tar.TypeReg, Name: "zz.txt", Mode: 0o644, Format: tar.FormatPAX, PAXRecords: map[string]string{"KILLDEER.path": "../evil"},
	}})},
	{"PAX global header", pack.ExtendedHeader, "extended header", with(item{Header: tar.Header{
		Typeflag: tar.TypeXGlobalHeader, Format: tar.FormatPAX, PAXRecords: map[string]string{"path": "../evil"},
	}})},
	{"symbolic link", pack.Link, "link", with(typed(tar.TypeSymlink, "zz", "/etc/passwd", tar.FormatUSTAR))},
	{"hard link", pack.Link, "link", with(typed(tar.TypeLink, "zz", "rules.wasm", tar.FormatUSTAR))},
	{"device", pack.SpecialFile, "device", with(typed(tar.TypeChar, "zz", "", tar.FormatUSTAR))},
	{"block device", pack.SpecialFile, "device", with(typed(tar.TypeBlock, "zz", "", tar.FormatUSTAR))},
	{"pipe", pack.SpecialFile, "pipe", with(typed(tar.TypeFifo, "zz", "", tar.FormatUSTAR))},
	{"directory", pack.SpecialFile, "directory", with(typed(tar.TypeDir, "zz/", "", tar.FormatUSTAR))},
	{"sparse file", pack.Sparse, "sparse", with(raw(func(h []byte) { h[156] = tar.TypeGNUSparse }))},
	{"size in base 256", pack.ExtendedHeader, "GNU form", with(raw(func(h []byte) { h[124] = 0x80; h[125] = 0x7f }))},
	{"unknown type", pack.OddHeader, "type", with(raw(func(h []byte) { h[156] = 'Z' }))},
	{"executable", pack.OddHeader, "0644", edit("rules.wasm", func(i *item) { i.Mode = 0o4755 })},
	{"owner", pack.OddHeader, "no owner", edit("rules.wasm", func(i *item) { i.Uname = "root" })},
	{"time", pack.OddHeader, "time 0", edit("rules.wasm", func(i *item) { i.ModTime = time.Unix(1, 0) })},
	{"header checksum", pack.Damaged, "header", with(item{raw: append(bytes.Repeat([]byte{'a'}, 512), make([]byte, 512)...)})},
	{"file twice", pack.Duplicate, "twice", insert("rules.wasm", file("docs/readme.md", "What it finds."))},
	{"manifest twice", pack.Duplicate, "twice", with(file(pack.ManifestName, "{}"))},
	{"second signature", pack.SecondSignature, "one signature", with(file(pack.SignatureName, "x"))},
	{"signature of another kind", pack.SecondSignature, "one signature", with(file("manifest.json.sshsig", "x"))},
	{"extra file at the end", pack.ExtraFile, "not in the manifest", with(file("zz.txt", "x"))},
	{"extra file in between", pack.ExtraFile, "not in the manifest", insert("rules.wasm", file("extra.txt", "x"))},
	{"missing file", pack.MissingFile, "not in the pack", without("docs/readme.md")},
	{"missing last file", pack.MissingFile, "not in the pack", without("rules.wasm")},
	{"missing manifest", pack.MissingFile, "does not begin with manifest.json", without(pack.ManifestName)},
	{"manifest not first", pack.MissingFile, "does not begin with manifest.json", func(w *world, _, _, newer []byte) []byte {
		return remade(w.t, newer, func(all []item) []item { all[0], all[1] = all[1], all[0]; return all })
	}},
	{"files out of order", pack.WrongOrder, "comes before", func(w *world, _, _, newer []byte) []byte {
		return remade(w.t, newer, func(all []item) []item { all[2], all[3] = all[3], all[2]; return all })
	}},
	{"longer file", pack.WrongSize, "bytes", edit("rules.wasm", func(i *item) { i.body += "x" })},
	{"shorter file", pack.WrongSize, "bytes", edit("rules.wasm", func(i *item) { i.body = "x" })},
	{"other content", pack.BadDigest, "SHA-256 differs", edit("rules.wasm", func(i *item) { i.body = strings.Repeat("x", len(i.body)) })},
	{"bytes behind a file", pack.Trailing, "hidden behind a file", archived(func(b []byte) []byte { b[512+len(manifestOf(b))] = 1; return b })},
	{"bytes behind the archive", pack.Trailing, "follows the end", archived(func(b []byte) []byte { return append(b, bytes.Repeat([]byte("evil"), 128)...) })},
	{"zeros without end", pack.Trailing, "zeros", archived(func(b []byte) []byte { return append(b, make([]byte, 1<<20)...) })},
	{"half a block", pack.Trailing, "whole block", archived(func(b []byte) []byte { return append(b, 0) })},
	{"no end", pack.Damaged, "no end", archived(func(b []byte) []byte { return b[:len(b)-512] })},
	{"cut archive", pack.Damaged, "cut short", archived(func(b []byte) []byte { return b[:len(b)-1600] })},
	{"bytes behind the pack", pack.Trailing, "follows the end", func(_ *world, _, _, newer []byte) []byte { return append(newer, "evil"...) }},
	{"second frame", pack.Trailing, "follows the end", func(w *world, _, _, newer []byte) []byte { return append(newer, zip(w.t, []byte("evil"))...) }},
	{"leading skippable frame", pack.Damaged, "skippable", func(_ *world, _, _, newer []byte) []byte {
		return append(binary.LittleEndian.AppendUint32([]byte{0x50, 0x2a, 0x4d, 0x18}, 0), newer...)
	}},
	{"not a pack", pack.Damaged, "not a pack", func(*world, []byte, []byte, []byte) []byte {
		return []byte("PK\x03\x04 this is another kind of archive")
	}},
	{"empty", pack.Damaged, "not a pack", func(*world, []byte, []byte, []byte) []byte { return nil }},
	{"cut pack", pack.Damaged, "cut short", func(_ *world, _, _, newer []byte) []byte { return newer[:len(newer)-60] }},
	{"huge window", pack.HugeWindow, "window", func(w *world, _, _, newer []byte) []byte {
		return stored(unzip(w.t, newer), 20<<3) // 1 GiB, RFC 8878 §3.1.1.1.2
	}},
	{"bomb in the manifest", pack.TooLarge, "at most", edit(pack.ManifestName, func(i *item) { i.body = strings.Repeat(" ", 64<<20) })},
	{"bomb in the signature", pack.TooLarge, "at most", edit(pack.SignatureName, func(i *item) { i.body = strings.Repeat(" ", 64<<20) })},
	{"bomb in a file", pack.WrongSize, "bytes", edit("rules.wasm", func(i *item) { i.body = strings.Repeat("\x00", 64<<20) })},
	{"bomb that is signed", pack.TooLarge, "want 0 to", publisher(func(m map[string]any) { fileOf(m, 2)["size"] = 1 << 40 })},
	{"too many files", pack.TooLarge, "at most 256", publisher(func(m map[string]any) {
		f := m["files"].([]any)
		m["files"] = slices.Repeat(f, 100)
	})},
	{"swapped manifest", pack.BadSignature, "not one of this manifest", func(w *world, good, _, newer []byte) []byte {
		other := items(w.t, good)
		return remade(w.t, newer, func(all []item) []item { all[0] = other[0]; return all })
	}},
	{"head of another pack", pack.BadDigest, "SHA-256 differs", func(w *world, _, _, newer []byte) []byte {
		other := items(w.t, sign(w.t, build(w.t, source(7, ""), map[string]string{"rules.wasm": "\x00asm NOT really", "docs/readme.md": "What it finds.", "a.txt": ""}), w.key))
		return remade(w.t, newer, func(all []item) []item { all[0], all[1] = other[0], other[1]; return all })
	}},
	{"edited manifest", pack.BadSignature, "not one of this manifest", edit(pack.ManifestName, func(i *item) { i.body = strings.Replace(i.body, `"1.6"`, `"1.7"`, 1) })},
	{"edited signature", pack.BadSignature, "", edit(pack.SignatureName, func(i *item) { i.body = strings.Replace(i.body, "serial 6", "serial 7", 1) })},
	{"edited untrusted comment", pack.BadSignature, "form", edit(pack.SignatureName, func(i *item) { i.body = strings.Replace(i.body, "minisign", "MINISIGN", 1) })},
	{"no signature in the entry", pack.BadSignature, "read signature", edit(pack.SignatureName, func(i *item) { i.body = "" })},
	{"unsigned", pack.Unsigned, "not signed", without(pack.SignatureName)},
	{"untrusted key", pack.Untrusted, "nobody trusts", func(w *world, _, _, newer []byte) []byte { return sign(w.t, newer, newKey(w.t)) }},
	{"publisher of others", pack.OutOfScope, "says it is by", func(w *world, _, _, newer []byte) []byte {
		k := newKey(w.t)
		w.trust("rival", k, pack.Scope{})
		return sign(w.t, newer, k)
	}},
	{"name out of scope", pack.OutOfScope, "and not for base", publisher(func(m map[string]any) { m["name"] = "base" })},
	{"kind out of scope", pack.OutOfScope, "and not for plugin", publisher(func(m map[string]any) { m["kind"] = []string{"plugin"} })},
	{"capability out of scope", pack.OutOfScope, "capability", publisher(func(m map[string]any) { fileOf(m, 2)["caps"] = []string{"clock"} })},
	{"plugin that is trusted", pack.WrongKind, "plugin", func(w *world, _, _, newer []byte) []byte {
		w.trust("acme", w.key, pack.Scope{Kinds: []string{"plugin"}})
		return resigned(w.t, newer, w.key, func(m map[string]any) { m["kind"] = []string{"plugin"} })
	}},
	{"unknown kind", pack.WrongKind, "none of", publisher(func(m map[string]any) { m["kind"] = []string{"kernel"} })},
	{"kind without its file", pack.BadManifest, "no file persona.wasm", publisher(func(m map[string]any) { m["kind"] = []string{"persona"} })},
	{"rolled back", pack.RolledBack, "older than serial 5", func(_ *world, _, older, _ []byte) []byte { return older }},
	{"serial used again", pack.SerialReused, "another pack", func(w *world, _, _, _ []byte) []byte { return w.pack(5, "sensor = \">=1.0.0\"\n") }},
	{"frozen", pack.Expired, "expired on", func(w *world, _, _, newer []byte) []byte { w.now = day0.AddDate(0, 0, 100); return newer }},
	{"frozen, clock set back", pack.Expired, "expired on", func(w *world, _, _, newer []byte) []byte {
		w.mustInstall(resigned(w.t, newer, w.key, func(m map[string]any) {
			m["name"], m["created"], m["expires"] = "other", "2027-06-01T00:00:00Z", "2027-07-01T00:00:00Z"
		}))
		w.now = time.Unix(0, 0)
		return newer
	}},
	{"revoked key", pack.Revoked, "was revoked", func(w *world, _, _, newer []byte) []byte {
		w.revoke("key " + w.key.Public().ID())
		return newer
	}},
	{"revoked serial", pack.Revoked, "revoked by the operator", func(w *world, _, _, newer []byte) []byte { w.revoke("serial scanners 6"); return newer }},
	{"revoked digest", pack.Revoked, "revoked by the operator", func(w *world, _, _, newer []byte) []byte {
		w.revoke("sha256 " + digest(items(w.t, newer)[0].body))
		return newer
	}},
	{"ABI of the future", pack.Incompatible, "needs ABI", publisher(func(m map[string]any) { m["requires"] = map[string]any{"abi": "killdeer/9"} })},
	{"sensor of the future", pack.Incompatible, "needs a sensor", publisher(func(m map[string]any) { m["requires"] = map[string]any{"abi": "killdeer/1", "sensor": ">=1.4.1"} })},
	{"traversal that is signed", pack.UnsafePath, "leaves the pack", publisher(func(m map[string]any) { fileOf(m, 2)["path"] = "../../evil" })},
	{"file twice in the manifest", pack.Duplicate, "twice", publisher(func(m map[string]any) { fileOf(m, 1)["path"] = "rules.wasm" })},
	{"unknown field", pack.BadManifest, "unknown field", publisher(func(m map[string]any) { m["run"] = "evil" })},
	{"field in other letters", pack.BadManifest, "unknown field", publisher(func(m map[string]any) { m["Serial"] = 9 })},
	{"field twice", pack.BadManifest, "twice", func(w *world, _, _, newer []byte) []byte {
		return remade(w.t, newer, func(all []item) []item {
			all[0].body = strings.Replace(all[0].body, `"spec": 1,`, `"spec": 1, "serial": 99,`, 1)
			all[1].body = string(w.key.Sign([]byte(all[0].body), ""))
			return all
		})
	}},
	{"not prehashed", pack.BadSignature, "prehashed", edit(pack.SignatureName, func(i *item) { i.body = strings.Replace(i.body, "\nRU", "\nRW", 1) })},
	{"self-test fails", pack.SelfTest, "does not work", func(w *world, _, _, newer []byte) []byte { w.fails = errTest; return newer }},
	{"pinned", pack.Pinned, "pinned to serial 5", func(w *world, _, _, newer []byte) []byte {
		if _, err := w.store().Pin("acme/scanners", false); err != nil {
			w.t.Fatal(err)
		}
		return newer
	}},
}

func (w *world) revoke(entry string) {
	w.t.Helper()
	if err := w.store().Trust().Revoke("acme", entry); err != nil {
		w.t.Fatal(err)
	}
}

type forge = func(w *world, good, older, newer []byte) []byte

func remaking(change func(t testing.TB, all []item) []item) forge {
	return func(w *world, _, _, newer []byte) []byte {
		return remade(w.t, newer, func(all []item) []item { return change(w.t, all) })
	}
}

// with adds an entry at the end.
func with(i item) forge {
	return remaking(func(_ testing.TB, all []item) []item { return append(all, i) })
}

func insert(before string, i item) forge {
	return remaking(func(t testing.TB, all []item) []item { return slices.Insert(all, find(t, all, before), i) })
}

func without(name string) forge {
	return remaking(func(t testing.TB, all []item) []item { i := find(t, all, name); return slices.Delete(all, i, i+1) })
}

func edit(name string, change func(*item)) forge {
	return remaking(func(t testing.TB, all []item) []item { change(&all[find(t, all, name)]); return all })
}

func find(t testing.TB, all []item, name string) int {
	t.Helper()
	i := slices.IndexFunc(all, func(i item) bool { return i.Name == name })
	if i < 0 {
		t.Fatalf("the pack has no entry %s", name)
	}
	return i
}

// archived changes the bytes of the archive.
func archived(change func([]byte) []byte) forge {
	return func(w *world, _, _, newer []byte) []byte { return zip(w.t, change(unzip(w.t, newer))) }
}

// publisher changes the manifest and signs it again: what a trusted publisher, or
// a thief of the key, could do.
func publisher(change func(m map[string]any)) forge {
	return func(w *world, _, _, newer []byte) []byte { return resigned(w.t, newer, w.key, change) }
}

func fileOf(m map[string]any, i int) map[string]any { return m["files"].([]any)[i].(map[string]any) }

// manifestOf cuts the manifest out of an archive.
func manifestOf(b []byte) []byte {
	end := bytes.IndexByte(b[512:], 0)
	return b[512 : 512+end]
}

func typed(flag byte, name, link string, f tar.Format) item {
	return item{Header: tar.Header{Typeflag: flag, Name: name, Linkname: link, Mode: 0o644, ModTime: time.Unix(0, 0), Format: f}}
}

// stored is a zstd frame of uncompressed blocks with a window of choice.
func stored(data []byte, window byte) []byte {
	b := []byte{0x28, 0xb5, 0x2f, 0xfd, 0, window}
	for len(data) > 0 {
		n := min(len(data), 1<<16)
		head := uint32(n) << 3
		if n == len(data) {
			head |= 1
		}
		b = append(append(b, byte(head), byte(head>>8), byte(head>>16)), data[:n]...)
		data = data[n:]
	}
	return b
}

// raw is an entry whose header was changed behind the writer's back.
func raw(change func(h []byte)) item {
	var b bytes.Buffer
	_ = tar.NewWriter(&b).WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "zz", Mode: 0o644, ModTime: time.Unix(0, 0), Format: tar.FormatUSTAR})
	h := b.Bytes()[:512]
	change(h)
	sum := 8 * int(' ')
	for i, c := range h {
		if i < 148 || i >= 156 {
			sum += int(c)
		}
	}
	copy(h[148:], []byte(octal(sum)))
	return item{raw: h}
}

func octal(n int) string {
	digits := []byte("000000\x00 ")
	for i := 5; i >= 0; i, n = i-1, n>>3 {
		digits[i] = '0' + byte(n&7)
	}
	return string(digits)
}

func TestTampered(t *testing.T) {
	for _, tt := range tampered {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.o.SelfTest = w.selfTest
			good := w.pack(5, "")
			w.mustInstall(good)
			data := tt.make(w, good, w.pack(3, ""), w.pack(6, ""))
			before := tree(t, w.dir)
			_, err := w.install(data)
			if err == nil {
				t.Fatal("the pack was installed")
			}
			if got := pack.ClassOf(err); got != tt.want {
				t.Errorf("class %d, want %d: %v", got, tt.want, err)
			}
			if !strings.Contains(err.Error(), tt.text) || strings.Contains(err.Error(), "\n") {
				t.Errorf("message %q, want one line with %q", err, tt.text)
			}
			if diff := cmp.Diff(before, tree(t, w.dir)); diff != "" {
				t.Errorf("something changed:\n%s", diff)
			}
			if _, err := w.store().Verify(data); tt.want != pack.SelfTest && tt.want != pack.Pinned && tt.want != pack.WrongKind && tt.name != "kind without its file" && pack.ClassOf(err) != tt.want {
				t.Errorf("verify gives class %d, want %d: %v", pack.ClassOf(err), tt.want, err)
			}
		})
	}
}

// Every class of tampering has a number of its own, and the table has them all.
func TestClassesAreAllTested(t *testing.T) {
	seen := map[pack.Class]bool{}
	for _, tt := range tampered {
		seen[tt.want] = true
	}
	for c := pack.BadSignature; c <= pack.Pinned; c++ {
		if !seen[c] {
			t.Errorf("no tampered pack is of class %d", c)
		}
	}
}

// The harness itself makes packs that are good: what is refused above is refused
// for what was done to it, and a pack that other programs packed is one.
func TestHarness(t *testing.T) {
	w := newWorld(t)
	data := remade(t, w.pack(5, ""), func(all []item) []item { return all })
	if _, err := w.install(data); err != nil {
		t.Fatal(err)
	}
	w.mustInstall(resigned(t, data, w.key, func(m map[string]any) { m["serial"] = 6 }))
	// Without device numbers and with a whole record of zeros, as Python's tarfile.
	plain := unzip(t, w.pack(7, ""))
	for at := 0; plain[at] != 0; {
		h := plain[at : at+512]
		clear(h[329:345])
		sum := 8 * int(' ')
		for i, c := range h {
			if i < 148 || i >= 156 {
				sum += int(c)
			}
		}
		copy(h[148:], octal(sum))
		size := 0
		for _, c := range h[124:135] {
			size = size<<3 | int(c-'0')
		}
		at += 512 + (size+511)/512*512
	}
	w.mustInstall(zip(t, append(plain, make([]byte, 20*512)...)))
	if w.serial() != 7 {
		t.Errorf("serial %d is in use, want 7", w.serial())
	}
}

// Every byte of a pack and of the archive in it counts: flip any of its bits, cut
// it anywhere, and it is refused.
func TestEveryByte(t *testing.T) {
	w := newWorld(t)
	small := map[string]string{"rules.wasm": strings.Repeat("rules ", 40)}
	data := sign(t, build(t, source(1, ""), small), w.key)
	s := w.store()
	if _, err := s.Verify(data); err != nil {
		t.Fatal(err)
	}
	refused := func(what string, i int, b []byte) {
		t.Helper()
		v, err := s.Verify(b)
		if err == nil {
			t.Errorf("%s %d: accepted as %v", what, i, v)
		} else if pack.ClassOf(err) == pack.Other {
			t.Errorf("%s %d: no class: %v", what, i, err)
		}
	}
	for i := range data {
		for bit := range 8 {
			b := bytes.Clone(data)
			b[i] ^= 1 << bit
			refused("flipped byte", i, b)
		}
		// What other programs packed has no seal: without it this is such a pack.
		if i != len(data)-40 {
			refused("cut to", i, data[:i])
		}
	}
	inner := unzip(t, data)
	for i := range inner {
		b := bytes.Clone(inner)
		b[i] ^= 1 << (i % 8)
		refused("flipped byte of the archive", i, stored(b, 0x50))
	}
}

// The exit codes are an interface.
func TestClassesAreDocumented(t *testing.T) {
	docs, err := os.ReadFile("../../docs/packs.md")
	if err != nil {
		t.Fatal(err)
	}
	for c := pack.Other; c <= pack.Pinned; c++ {
		if !strings.Contains(string(docs), fmt.Sprintf("\n| %d | ", c)) {
			t.Errorf("docs/packs.md does not name exit code %d", c)
		}
	}
}
