package journal

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
)

const (
	// bbolt's on-disk form: internal/common/page.go and meta.go.
	pageHeader   = 16
	leafElement  = 16
	leafPage     = 0x02
	leafBucket   = 0x01 // flag of an element
	bucketHeader = 16
	boltMagic    = 0xED0CDAED
	minPageSize  = 512
	maxPageSize  = 64 << 10
	maxOverflow  = (maxRecord + maxPageSize) / minPageSize
	searchWindow = 1 << 20
)

// Salvaged says what [Salvage] found in a file.
type Salvaged struct {
	Events     uint64 `json:"events"`
	First      uint64 `json:"first"` // 0 when there are none
	Last       uint64 `json:"last"`
	Unreadable int    `json:"unreadable"` // blocks of a sealed segment that cannot be read
}

// Salvage calls f with every record that can still be read from a file of events,
// damaged or not, in order and once each. It reads the file's pages or blocks one
// by one and trusts none of its directories.
func Salvage(ctx context.Context, path string, f func(seq uint64, rec []byte) error) (s Salvaged, err error) {
	file, err := os.Open(path)
	if err != nil {
		return s, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return s, err
	}
	emit := func(seq uint64, rec []byte) error {
		if s.Events == 0 {
			s.First = seq
		}
		s.Events++
		s.Last = seq
		return f(seq, rec)
	}
	magic := make([]byte, len(sealedMagic))
	if _, err := file.ReadAt(magic, 0); err == nil && string(magic) == sealedMagic {
		s.Unreadable, err = salvageSealed(ctx, file, info.Size(), emit)
		return s, err
	}
	return s, salvagePages(ctx, file, info.Size(), emit)
}

// SalvageEvents is [Salvage] for JSON: f gets events without their frame.
func SalvageEvents(ctx context.Context, path string, f func(event []byte) error) (Salvaged, error) {
	return Salvage(ctx, path, func(_ uint64, rec []byte) error { return f(rec[1:]) })
}

// genuine reports whether a record is whole and is the one of that number.
func genuine(seq uint64, rec []byte) bool {
	_, err := stored{seq: seq, rec: rec}.event()
	return err == nil && seq > 0 && seq <= maxSeq
}

// salvageSealed reads event blocks wherever they are.
func salvageSealed(ctx context.Context, r io.ReaderAt, size int64, f func(uint64, []byte) error) (unreadable int, err error) {
	dict, err := readDict(r, size)
	if err != nil {
		dict = dictAtEnd(r, size)
	}
	dec, err := newDecoder(dict)
	if err != nil {
		return 0, err
	}
	defer dec.Close()
	var last uint64
	for at := int64(len(sealedMagic)); ; {
		if err := ctx.Err(); err != nil {
			return unreadable, err
		}
		if at = nextMagic(r, at, size); at < 0 {
			return unreadable, nil
		}
		b, next, err := readBlock(r, dec, nil, magicEvents, at, size)
		var all []stored
		if err == nil {
			all, err = b.records()
		}
		if err != nil {
			unreadable++
			at++
			continue
		}
		at = next
		for _, s := range all {
			if s.seq <= last || !genuine(s.seq, s.rec) {
				continue
			}
			if err := f(s.seq, s.rec); err != nil {
				return unreadable, err
			}
			last = s.seq
		}
	}
}

// dictAtEnd returns the second copy of a dictionary, nil when it is lost too.
func dictAtEnd(r io.ReaderAt, size int64) []byte {
	z := &sealed{r: r, size: size}
	if z.readHead() != nil {
		return nil
	}
	dict, err := z.section(z.head.Dict)
	if err != nil {
		return nil
	}
	return dict
}

// nextMagic finds the next block of events, -1 for none.
func nextMagic(r io.ReaderAt, at, size int64) int64 {
	buf := make([]byte, searchWindow)
	for at < size {
		n, err := r.ReadAt(buf[:min(int64(len(buf)), size-at)], at)
		if i := bytes.Index(buf[:n], []byte(magicEvents)); i >= 0 {
			return at + int64(i)
		}
		if err != nil || n <= len(magicEvents) {
			return -1
		}
		at += int64(n - len(magicEvents) + 1)
	}
	return -1
}

// span is where a record is in a file.
type span struct {
	off int64
	len int
}

// salvagePages reads the leaves of a bbolt file, of all its generations: records
// never change, so that an old page holds them as well as a new one.
func salvagePages(ctx context.Context, r io.ReaderAt, size int64, f func(uint64, []byte) error) error {
	found := map[uint64]span{}
	page := pageSize(r, size)
	for at := int64(0); at < size; at += page {
		if at%(64<<20) == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		leafRecords(r, at, size, page, found)
	}
	for _, seq := range slices.Sorted(maps.Keys(found)) {
		s := found[seq]
		rec := make([]byte, s.len)
		if _, err := r.ReadAt(rec, s.off); err != nil {
			return fmt.Errorf("read record %d: %w", seq, err)
		}
		if err := f(seq, rec); err != nil {
			return err
		}
	}
	return nil
}

// pageSize reads it from the file, or assumes this machine's.
func pageSize(r io.ReaderAt, size int64) int64 {
	b := make([]byte, 12)
	for _, at := range []int64{0, 4096, 16384} { // both meta pages, of common sizes
		if _, err := r.ReadAt(b, at+pageHeader); err != nil || at+pageHeader+12 > size {
			break
		}
		n := int64(binary.NativeEndian.Uint32(b[8:]))
		if binary.NativeEndian.Uint32(b) == boltMagic && n >= minPageSize && n <= maxPageSize && n&(n-1) == 0 {
			return n
		}
	}
	return int64(os.Getpagesize())
}

// leafRecords notes the genuine records of the page at off, if it is a leaf.
func leafRecords(r io.ReaderAt, off, size, page int64, found map[uint64]span) {
	h := make([]byte, pageHeader)
	if _, err := r.ReadAt(h, off); err != nil {
		return
	}
	overflow := int64(binary.NativeEndian.Uint32(h[12:]))
	if binary.NativeEndian.Uint16(h[8:]) != leafPage || overflow > maxOverflow {
		return
	}
	b := make([]byte, min(page*(overflow+1), size-off))
	n, err := r.ReadAt(b, off)
	if err != nil && !errors.Is(err, io.EOF) {
		return
	}
	pageRecords(b[:n], off, found, true)
}

// pageRecords notes the genuine records of a leaf that begins at off. A bucket of
// few records lies inside a leaf of another one.
func pageRecords(b []byte, off int64, found map[uint64]span, outer bool) {
	if len(b) < pageHeader || binary.NativeEndian.Uint16(b[8:]) != leafPage {
		return
	}
	n := int(binary.NativeEndian.Uint16(b[10:]))
	for i := range n {
		at := pageHeader + i*leafElement
		if at+leafElement > len(b) {
			return
		}
		e := b[at:]
		k := int64(at) + int64(binary.NativeEndian.Uint32(e[4:]))
		v := k + int64(binary.NativeEndian.Uint32(e[8:]))
		end := v + int64(binary.NativeEndian.Uint32(e[12:]))
		if end > int64(len(b)) {
			continue
		}
		switch kind := binary.NativeEndian.Uint32(e); {
		case kind == leafBucket && outer && end-v > bucketHeader:
			pageRecords(b[v+bucketHeader:end], off+v+bucketHeader, found, false)
		case kind == 0 && v-k == 8:
			noteRecord(fromBE64(b[k:v]), b[v:end], span{off: off + v, len: int(end - v)}, found)
		}
	}
}

func noteRecord(seq uint64, rec []byte, at span, found map[uint64]span) {
	if _, known := found[seq]; !known && len(rec) > 0 && rec[0] == recordVersion && genuine(seq, rec) {
		found[seq] = at
	}
}
