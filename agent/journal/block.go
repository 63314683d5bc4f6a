package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"

	"github.com/klauspost/compress/zstd"
)

// A sealed segment is made of blocks. Each begins with a header that makes it
// readable without the rest of the file:
//
//	0  4  magic: "KDev" events, "KDix" index, "KDid" ids
//	4  4  CRC-32C of everything behind it
//	8  4  length of the payload, which is one zstd frame
//	12 4  length of the payload unpacked
//	16 8  base: numbers inside are relative to it
//	24 4  how many entries
const (
	blockHeader = 28

	magicEvents = "KDev"
	magicIndex  = "KDix"
	magicIDs    = "KDid"

	blockEvents = 32       // events of a block: what one look-up unpacks
	blockBytes  = 64 << 10 // unpacked, from which on a block is closed
	tableBytes  = 16 << 10

	// maxUnpacked bounds what a block unpacks to: one record of the largest size
	// may come on top of a block that is nearly full.
	maxUnpacked = maxRecord + blockBytes + 1<<10
	maxPacked   = maxUnpacked + 64<<10

	// A dictionary of typical records makes small blocks as dense as large ones.
	dictID    = 1
	dictBytes = 32 << 10
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func newEncoder(dict []byte) (*zstd.Encoder, error) {
	o := []zstd.EOption{zstd.WithEncoderConcurrency(1), zstd.WithEncoderCRC(false), zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithLowerEncoderMem(true)}
	if len(dict) > 0 {
		o = append(o, zstd.WithEncoderDictRaw(dictID, dict))
	}
	return zstd.NewWriter(nil, o...)
}

func newDecoder(dict []byte) (*zstd.Decoder, error) {
	o := []zstd.DOption{zstd.WithDecoderConcurrency(2), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxMemory(maxUnpacked), zstd.WithDecodeAllCapLimit(true)}
	if len(dict) > 0 {
		o = append(o, zstd.WithDecoderDictRaw(dictID, dict))
	}
	return zstd.NewReader(nil, o...)
}

// block is an unpacked block.
type block struct {
	magic string
	base  uint64
	n     int
	raw   []byte
}

// appendBlock packs a block behind dst.
func appendBlock(dst []byte, enc *zstd.Encoder, b *block) []byte {
	at := len(dst)
	dst = append(dst, b.magic...)
	dst = append(dst, make([]byte, blockHeader-len(b.magic))...)
	dst = enc.EncodeAll(b.raw, dst)
	h := dst[at:]
	binary.BigEndian.PutUint32(h[8:], uint32(len(h)-blockHeader))
	binary.BigEndian.PutUint32(h[12:], uint32(len(b.raw)))
	binary.BigEndian.PutUint64(h[16:], b.base)
	binary.BigEndian.PutUint32(h[24:], uint32(b.n))
	binary.BigEndian.PutUint32(h[4:], crc32.Checksum(h[8:], castagnoli))
	return dst
}

// blockMemory is what a block is read into, for a reader who is done with a block before
// he reads the next.
type blockMemory struct{ packed, raw []byte }

// readBlock reads the block of a kind that lies at off and ends before end, into memory of
// its own if mem is nil.
func readBlock(r io.ReaderAt, dec *zstd.Decoder, mem *blockMemory, magic string, off, end int64) (*block, int64, error) {
	bad := func(what string) error { return fmt.Errorf("%w: block at %d: %s", ErrDamaged, off, what) }
	if off < 0 || end-off < blockHeader {
		return nil, 0, bad("out of range")
	}
	h := make([]byte, blockHeader)
	if _, err := r.ReadAt(h, off); err != nil {
		return nil, 0, readError(off, err)
	}
	packed, unpacked := int64(binary.BigEndian.Uint32(h[8:])), int64(binary.BigEndian.Uint32(h[12:]))
	next := off + blockHeader + packed
	switch {
	case string(h[:4]) != magic:
		return nil, 0, bad("not of its kind")
	case packed > maxPacked || unpacked > maxUnpacked || next > end:
		return nil, 0, bad("too long")
	}
	if mem == nil {
		mem = &blockMemory{}
	}
	mem.packed = append(slices.Grow(mem.packed[:0], blockHeader+int(packed)), h...)
	buf := mem.packed[:blockHeader+packed]
	if _, err := r.ReadAt(buf[blockHeader:], off+blockHeader); err != nil {
		return nil, 0, readError(off, err)
	}
	if crc32.Checksum(buf[8:], castagnoli) != binary.BigEndian.Uint32(h[4:]) {
		return nil, 0, bad("checksum differs")
	}
	mem.raw = slices.Grow(mem.raw[:0], int(unpacked))
	raw, err := dec.DecodeAll(buf[blockHeader:], mem.raw)
	if err != nil || int64(len(raw)) != unpacked {
		return nil, 0, bad("cannot be unpacked")
	}
	return &block{magic: magic, base: binary.BigEndian.Uint64(h[16:]), n: int(binary.BigEndian.Uint32(h[24:])), raw: raw}, next, nil
}

// readError tells a file that ends too early from one that cannot be read.
func readError(off int64, err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: file ends in the block at %d", ErrDamaged, off)
	}
	return fmt.Errorf("read block at %d: %w", off, err)
}

// appendPiece appends bytes behind their length.
func appendPiece(dst, piece []byte) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(piece))), piece...)
}

// cutPiece takes bytes off the front of b that stand behind their length.
func cutPiece(b []byte) (piece, rest []byte, ok bool) {
	n, w := binary.Uvarint(b)
	if w <= 0 || n > uint64(len(b)-w) {
		return nil, nil, false
	}
	return b[w : w+int(n)], b[w+int(n):], true
}

// addRecord puts a record into an events block.
func (b *block) addRecord(seq uint64, rec []byte) {
	b.raw = binary.AppendUvarint(b.raw, seq-b.base)
	b.raw = appendPiece(b.raw, rec)
	b.n++
}

// records returns what is in an events block. It shares the block's memory.
func (b *block) records() ([]stored, error) {
	all := make([]stored, 0, min(b.n, blockEvents))
	last := b.base
	for rest := b.raw; len(rest) > 0; {
		delta, w := binary.Uvarint(rest)
		if w <= 0 || delta > maxSeq || b.base > maxSeq-delta {
			return nil, fmt.Errorf("%w: number in events block %d", ErrDamaged, b.base)
		}
		rec, after, ok := cutPiece(rest[w:])
		seq := b.base + delta
		if !ok || seq <= last {
			return nil, fmt.Errorf("%w: record in events block %d", ErrDamaged, b.base)
		}
		all, last, rest = append(all, stored{seq: seq, rec: rec}), seq, after
	}
	if len(all) != b.n {
		return nil, fmt.Errorf("%w: events block %d holds %d records, not %d", ErrDamaged, b.base, len(all), b.n)
	}
	return all, nil
}

// entry is a key of a table and its value.
type entry struct{ k, v []byte }

func (b *block) addEntry(k, v []byte) {
	b.raw = appendPiece(b.raw, k)
	b.raw = appendPiece(b.raw, v)
	b.n++
}

// entries returns what is in a table's block, which must rise.
func (b *block) entries() ([]entry, error) {
	var all []entry
	for rest := b.raw; len(rest) > 0; {
		k, afterKey, ok1 := cutPiece(rest)
		v, after, ok2 := cutPiece(afterKey)
		if !ok1 || !ok2 || len(all) > 0 && slices.Compare(all[len(all)-1].k, k) >= 0 {
			return nil, fmt.Errorf("%w: table block", ErrDamaged)
		}
		all, rest = append(all, entry{k, v}), after
	}
	if len(all) != b.n {
		return nil, fmt.Errorf("%w: table block holds %d entries, not %d", ErrDamaged, len(all), b.n)
	}
	return all, nil
}
