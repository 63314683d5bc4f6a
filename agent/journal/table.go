package journal

import (
	"encoding/binary"
	"fmt"
	"slices"
	"sort"
	"sync"
)

// A table is a sorted set of keys in blocks, with a directory of the blocks'
// first keys. A sealed segment has one for posting lists and one for ids.

// tableDir says where a table's blocks are.
type tableDir struct {
	magic string
	start int64
	keys  [][]byte // first of each block
	offs  []int64  // of each block, and the end of the last
}

func (d *tableDir) encode() []byte {
	b := binary.AppendUvarint(nil, uint64(d.start))
	at := d.start
	for i, k := range d.keys {
		b = appendPiece(b, k)
		b = binary.AppendUvarint(b, uint64(d.offs[i+1]-at))
		at = d.offs[i+1]
	}
	return b
}

// decodeTableDir reads a directory whose blocks lie before end.
func decodeTableDir(magic string, b []byte, end int64) (*tableDir, error) {
	bad := fmt.Errorf("%w: directory of %q", ErrDamaged, magic)
	start, w := binary.Uvarint(b)
	if w <= 0 || start > uint64(end) {
		return nil, bad
	}
	d := &tableDir{magic: magic, start: int64(start), offs: []int64{int64(start)}}
	for rest := b[w:]; len(rest) > 0; {
		k, after, ok := cutPiece(rest)
		if !ok {
			return nil, bad
		}
		n, w := binary.Uvarint(after)
		at := d.offs[len(d.offs)-1]
		if w <= 0 || n > uint64(end-at) {
			return nil, bad
		}
		d.keys, d.offs, rest = append(d.keys, k), append(d.offs, at+int64(n)), after[w:]
	}
	return d, nil
}

// tableReader finds keys in a table. It keeps the block at hand.
type tableReader struct {
	z   *sealed
	dir *tableDir
	at  int // block of all, -1 for none
	all []entry
}

func newTableReader(z *sealed, dir *tableDir) *tableReader {
	return &tableReader{z: z, dir: dir, at: -1}
}

func (t *tableReader) floor(want []byte) (k, v []byte, err error) {
	i := sort.Search(len(t.dir.keys), func(i int) bool { return slices.Compare(t.dir.keys[i], want) > 0 }) - 1
	if i < 0 {
		return nil, nil, nil
	}
	if err := t.load(i); err != nil {
		return nil, nil, err
	}
	n := sort.Search(len(t.all), func(n int) bool { return slices.Compare(t.all[n].k, want) > 0 }) - 1
	if n < 0 {
		return nil, nil, fmt.Errorf("%w: table block %d begins above its directory's key", ErrDamaged, i)
	}
	return t.all[n].k, t.all[n].v, nil
}

func (t *tableReader) load(i int) error {
	if t.at == i {
		return nil
	}
	off := t.dir.offs[i]
	all := t.z.cache.get(off)
	if all == nil {
		b, _, err := t.z.block(t.dir.magic, off, t.dir.offs[i+1])
		if err == nil {
			all, err = b.entries()
		}
		if err != nil {
			t.z.spoilt(err)
			return err
		}
		if t.z.memory == nil { // else the next block takes this one's
			t.z.cache.put(off, all, len(b.raw))
		}
	}
	t.at, t.all = i, all
	return nil
}

// maxCached is how many bytes of table blocks a sealed segment keeps unpacked.
// They are shared by concurrent queries and never changed.
const maxCached = 256 << 10

// tableCache keeps unpacked blocks by their offsets.
type tableCache struct {
	mu     sync.Mutex
	blocks map[int64]cached
	bytes  int
}

type cached struct {
	all   []entry
	bytes int
}

func (c *tableCache) get(off int64) []entry {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.blocks[off].all
}

// put keeps a block, and drops others at random when there are too many.
func (c *tableCache) put(off int64, all []entry, bytes int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.blocks == nil {
		c.blocks = map[int64]cached{}
	}
	for other, b := range c.blocks {
		if c.bytes+bytes <= maxCached {
			break
		}
		c.bytes -= b.bytes
		delete(c.blocks, other)
	}
	if _, known := c.blocks[off]; !known {
		c.bytes += bytes
	}
	c.blocks[off] = cached{all, bytes}
}

func (c *tableCache) clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.blocks, c.bytes = nil, 0
}
