package journal

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/killdeer-mcp/killdeer/sdk"
)

// sealedSample returns a small sealed file.
func sealedSample(tb testing.TB) []byte {
	tb.Helper()
	dir := tb.TempDir()
	name := segName{epoch: 1}
	if err := os.Mkdir(filepath.Join(dir, eventsDir), 0o700); err != nil {
		tb.Fatal(err)
	}
	s, err := createStore(dir, name, "s", []Mark{{Consumer: "siem", Seq: 3}})
	if err != nil {
		tb.Fatal(err)
	}
	defer s.close()
	var events []*sdk.Event
	for i := range 40 {
		events = append(events, &sdk.Event{
			V: 1, ID: newID(time.Unix(int64(i), 0)), Kind: sdk.KindAccess, Time: time.Unix(int64(60*i), 0), Tool: string(rune('a' + i%3)), IP: "10.0.0.1",
		})
	}
	c, err := prepare(nil, events, nil)
	if err != nil {
		tb.Fatal(err)
	}
	if _, err := s.commit(c, events, &ceiling{Reserved: 1000}); err != nil {
		tb.Fatal(err)
	}
	path := name.path(dir, suffixSealed)
	if err := s.seal(tb.Context(), path); err != nil {
		tb.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// FuzzSealed holds that no bytes make the reader of sealed segments fail in
// another way than by saying so.
func FuzzSealed(f *testing.F) {
	b := sealedSample(f)
	f.Add(b)
	f.Add(b[:len(b)/2])
	f.Add(b[len(b)/2:])
	f.Add([]byte(sealedMagic))
	f.Add([]byte{})
	for _, at := range []int{9, 40, len(b) / 3, len(b) / 2, len(b) - 200, len(b) - 10} {
		bent := bytes.Clone(b)
		bent[at] ^= 0x10
		f.Add(bent)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		readSealed(t, b)
		path := filepath.Join(t.TempDir(), "x.sealed")
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		last := uint64(0)
		_, _ = Salvage(t.Context(), path, func(seq uint64, rec []byte) error {
			if seq <= last || !genuine(seq, rec) {
				t.Errorf("salvaged event %d after %d", seq, last)
			}
			last = seq
			return nil
		})
	})
}

func readSealed(t *testing.T, b []byte) {
	z, err := openSealed(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return
	}
	defer z.close()
	_, _ = z.summary()
	_, _ = z.marks()
	_ = z.check(context.Background(), &tally{})
	err = z.view(nil, func(p part) error {
		first, last := p.bounds()
		_, err1 := p.term("t=a").word(last)
		_, err2 := p.byID(idKey("x"))
		_, err3 := p.record(first + 7)
		_ = p.reached(3)
		return errors.Join(err1, err2, err3)
	})
	if err != nil && !errors.Is(err, ErrDamaged) {
		t.Errorf("view: %v", err)
	}
}

// FuzzBlocks holds the same behind the checksums, which an honest but broken
// writer would pass.
func FuzzBlocks(f *testing.F) {
	b := &block{magic: magicEvents, base: 7}
	b.addRecord(8, []byte("\x01{}"))
	b.addRecord(10, []byte("\x01{}"))
	f.Add(b.raw, uint64(7), uint32(2))
	e := &block{magic: magicIndex}
	e.addEntry([]byte("a"), []byte("1"))
	e.addEntry([]byte("b"), nil)
	f.Add(e.raw, uint64(0), uint32(2))
	f.Add(encodeBlockDir([]blockRef{{off: 10, end: 20, base: 5}}, 10, 1), uint64(1), uint32(1))
	f.Add(encodeMinutes([]minuteRef{{minute: 3, seq: 1}, {minute: 9, seq: 4}}), uint64(0), uint32(0))
	f.Add(newSummary().encode(), uint64(0), uint32(0))
	f.Fuzz(func(t *testing.T, raw []byte, base uint64, n uint32) {
		b := &block{base: base, n: int(n), raw: raw}
		_, recordsErr := b.records()
		_, entriesErr := b.entries()
		_, dirErr := decodeTableDir(magicIndex, raw, 1<<20)
		_, blocksErr := decodeBlockDir(raw, 1<<20, base)
		_, minutesErr := decodeMinutes(raw)
		sum, sumErr := decodeSummary(raw)
		if sumErr == nil {
			sum.merge(newSummary())
			sum.add(&sdk.Event{Kind: sdk.KindAccess, Tool: "x", IP: "10.0.0.1"})
			sum.stats()
		}
		for _, err := range []error{recordsErr, entriesErr, dirErr, blocksErr, minutesErr, sumErr} {
			if err != nil && !errors.Is(err, ErrDamaged) {
				t.Errorf("error %v", err)
			}
		}
	})
}

// FuzzPages holds it for files of open segments, which are only salvaged.
func FuzzPages(f *testing.F) {
	page := make([]byte, 128)
	page[8], page[10] = leafPage, 1
	page[16+4], page[16+8], page[16+12] = 16, 8, 20
	f.Add(page)
	page = bytes.Clone(page)
	page[16] = leafBucket
	f.Add(page)
	f.Fuzz(func(t *testing.T, b []byte) {
		err := salvagePages(t.Context(), bytes.NewReader(b), int64(len(b)), func(seq uint64, rec []byte) error {
			if !genuine(seq, rec) {
				t.Errorf("salvaged %d: %q", seq, rec)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	})
}

// Estimates stay near the truth, and joining loses nothing.
func TestDistinct(t *testing.T) {
	for _, n := range []int{10, exactSources, exactSources + 1, 50_000} {
		a, b := newDistinct(), newDistinct()
		for i := range n {
			a.add(newID(time.Unix(int64(i), int64(i))))
		}
		b.merge(a)
		got, exact := b.count()
		if exact != (n <= exactSources) || float64(got) < 0.97*float64(n) || float64(got) > 1.03*float64(n) {
			t.Errorf("count of %d = %d, exact %v", n, got, exact)
		}
	}
}

// Whoever sends names by the thousand does not push the frequent ones out.
func TestTopFlooded(t *testing.T) {
	s := newTop()
	const rounds = 20_000
	for range rounds {
		s.add("frequent", 1)
		s.add(newID(time.Now()), 1)
	}
	l := s.list(1)
	if len(s.slots) != topSize || l[0].Name != "frequent" || l[0].Count-l[0].Over > rounds || l[0].Count < rounds {
		t.Errorf("%d values, first %+v", len(s.slots), l[0])
	}
}
