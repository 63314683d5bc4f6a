package journal

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/klauspost/compress/zstd"
)

// The frame of a sealed file:
//
//	magic, dictionary, event blocks, index blocks, id blocks, sections, head, foot
//
// The dictionary stands behind the magic with its length and CRC-32C, so that
// event blocks can be salvaged without anything of the end of the file. The head
// is JSON and says where the sections are; the foot, where the head is.
const (
	sealedMagic   = "KDSEAL1\n"
	sealedVersion = 1
	footMagic     = "KDSEALED"
	footSize      = 8 + 8 + 4 + 4 // magic, offset of the head, its length, its CRC-32C
	dictHeader    = 8             // length, CRC-32C

	maxHead    = 64 << 10
	maxSection = 256 << 20
)

// section is a stretch of a sealed file with a checksum.
type section struct {
	Off int64  `json:"off"`
	Len int64  `json:"len"`
	CRC uint32 `json:"crc"`
}

// sealedHead says what is in a sealed file.
type sealedHead struct {
	Version int       `json:"version"`
	Epoch   uint64    `json:"epoch"`
	Base    uint64    `json:"base"`
	Last    uint64    `json:"last"`
	Events  uint64    `json:"events"`
	Bytes   int64     `json:"bytes"` // of the records, unpacked
	From    time.Time `json:"from"`
	To      time.Time `json:"to"`
	Made    time.Time `json:"made"`
	Dict    section   `json:"dict"`
	Blocks  section   `json:"blocks"`
	Index   section   `json:"index"`
	IDs     section   `json:"ids"`
	Minutes section   `json:"minutes"`
	Marks   section   `json:"marks"`
	Summary section   `json:"summary"`
}

// sealed is a segment that no event is added to: compressed, checksummed block
// by block, and read a block at a time.
type sealed struct {
	r    io.ReaderAt
	file io.Closer
	size int64
	head sealedHead
	dec  *zstd.Decoder
	// memory of every block in turn, for one reader; nil, as nearly always: each has its own.
	memory *blockMemory

	once   sync.Once // loads the directories
	loaded error
	blocks []blockRef
	index  *tableDir
	ids    *tableDir
	clock  []minuteRef

	cache  tableCache
	faults atomic.Int64 // damaged blocks that were met
}

// blockRef says where an event block is, and its first number at the lowest.
type blockRef struct {
	off, end int64
	base     uint64
}

type minuteRef struct{ minute, seq uint64 }

// openSealedFile opens a sealed segment. The error wraps [ErrDamaged] when the
// file is none, or is one no more. Damage inside the blocks shows when they are
// read.
func openSealedFile(path string) (*sealed, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is not a file", path)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	z, err := openSealed(f, info.Size())
	if err != nil {
		f.Close()
		return nil, err
	}
	z.file = f
	return z, nil
}

func openSealed(r io.ReaderAt, size int64) (*sealed, error) {
	z := &sealed{r: r, size: size}
	if err := z.readHead(); err != nil {
		return nil, err
	}
	dict, err := readDict(r, size)
	if err != nil {
		return nil, err
	}
	z.dec, err = newDecoder(dict)
	return z, err
}

// readDict returns the dictionary.
func readDict(r io.ReaderAt, size int64) ([]byte, error) {
	const at = int64(len(sealedMagic))
	h := make([]byte, at+dictHeader)
	if size < int64(len(h)) {
		return nil, fmt.Errorf("%w: file has %d bytes", ErrDamaged, size)
	}
	if _, err := r.ReadAt(h, 0); err != nil {
		return nil, readError(0, err)
	}
	n := int64(binary.BigEndian.Uint32(h[at:]))
	if string(h[:at]) != sealedMagic || n > dictBytes+maxRecord || int64(len(h))+n > size {
		return nil, fmt.Errorf("%w: not a sealed segment", ErrDamaged)
	}
	dict := make([]byte, n)
	if _, err := r.ReadAt(dict, int64(len(h))); err != nil {
		return nil, readError(0, err)
	}
	if crc32.Checksum(dict, castagnoli) != binary.BigEndian.Uint32(h[at+4:]) {
		return nil, fmt.Errorf("%w: checksum of the dictionary differs", ErrDamaged)
	}
	return dict, nil
}

func (z *sealed) readHead() error {
	if z.size < footSize {
		return fmt.Errorf("%w: file has %d bytes", ErrDamaged, z.size)
	}
	foot := make([]byte, footSize)
	if _, err := z.r.ReadAt(foot, z.size-footSize); err != nil {
		return readError(z.size-footSize, err)
	}
	at := section{
		Off: int64(binary.BigEndian.Uint64(foot[8:])), Len: int64(binary.BigEndian.Uint32(foot[16:])), CRC: binary.BigEndian.Uint32(foot[20:]),
	}
	if string(foot[:8]) != footMagic || at.Len > maxHead {
		return fmt.Errorf("%w: file has no end", ErrDamaged)
	}
	b, err := z.section(at)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, &z.head); err != nil {
		return fmt.Errorf("%w: head: %w", ErrDamaged, err)
	}
	h := &z.head
	switch {
	case h.Version != sealedVersion:
		return fmt.Errorf("sealed segment has version %d, this program reads %d", h.Version, sealedVersion)
	case h.Base > maxSeq || h.Last > maxSeq || h.Last < h.Base || h.Events > h.Last-h.Base:
		return fmt.Errorf("%w: head: numbers out of range", ErrDamaged)
	}
	return nil
}

// section reads a stretch of the file and compares its checksum.
func (z *sealed) section(s section) ([]byte, error) {
	if s.Off < 0 || s.Len < 0 || s.Len > maxSection || s.Off > z.size || s.Len > z.size-s.Off {
		return nil, fmt.Errorf("%w: section out of range", ErrDamaged)
	}
	b := make([]byte, s.Len)
	if _, err := z.r.ReadAt(b, s.Off); err != nil {
		return nil, readError(s.Off, err)
	}
	if crc32.Checksum(b, castagnoli) != s.CRC {
		return nil, fmt.Errorf("%w: checksum of the section at %d differs", ErrDamaged, s.Off)
	}
	return b, nil
}

// load reads the directories, when first something is sought.
func (z *sealed) load() error {
	z.once.Do(func() {
		if z.loaded = z.readDirs(); z.loaded != nil {
			z.faults.Add(1)
		}
	})
	return z.loaded
}

func (z *sealed) readDirs() error {
	var parts [4][]byte
	for i, s := range []section{z.head.Blocks, z.head.Index, z.head.IDs, z.head.Minutes} {
		b, err := z.section(s)
		if err != nil {
			return err
		}
		parts[i] = b
	}
	var err error
	if z.blocks, err = decodeBlockDir(parts[0], z.size, z.head.Base); err != nil {
		return err
	}
	if z.index, err = decodeTableDir(magicIndex, parts[1], z.size); err != nil {
		return err
	}
	if z.ids, err = decodeTableDir(magicIDs, parts[2], z.size); err != nil {
		return err
	}
	z.clock, err = decodeMinutes(parts[3])
	return err
}

// block reads a block and notes when it is damaged.
func (z *sealed) block(magic string, off, end int64) (*block, int64, error) {
	b, next, err := readBlock(z.r, z.dec, z.memory, magic, off, end)
	if err != nil {
		z.spoilt(err)
	}
	return b, next, err
}

// spoilt notes damage, so that the segment is repaired.
func (z *sealed) spoilt(error) { z.faults.Add(1) }

func (z *sealed) bounds() (first, last uint64) { return z.head.Base + 1, z.head.Last }

func (z *sealed) summary() (*summary, error) {
	b, err := z.section(z.head.Summary)
	if err != nil {
		return nil, err
	}
	return decodeSummary(b)
}

func (z *sealed) marks() (all []Mark, err error) {
	b, err := z.section(z.head.Marks)
	if err == nil {
		err = json.Unmarshal(b, &all)
	}
	return all, err
}

func (z *sealed) close() error {
	z.dec.Close()
	if z.file == nil {
		return nil
	}
	return z.file.Close()
}
