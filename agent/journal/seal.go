package journal

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"os"
	"time"

	"github.com/klauspost/compress/zstd"
	bolt "go.etcd.io/bbolt"
)

// What one posting list of a sealed segment holds: what a step of a conjunction
// unpacks. A number takes much less of that in a bitmap.
const (
	maxList  = 1024
	maxDense = 16 * maxList
)

// sealer writes a sealed file.
type sealer struct {
	f      *os.File
	w      *bufio.Writer
	off    int64
	enc    *zstd.Encoder // with the dictionary
	plain  *zstd.Encoder
	buf    []byte
	head   sealedHead
	blocks []blockRef
	start  int64 // of the first event block
	open   *block
	dict   []byte
	sum    *summary // nil: it is known already
	err    error    // the first; nothing is written after it
}

// newSealer begins a sealed file at path. The dictionary is made of typical
// records.
func newSealer(path string, head sealedHead, dict []byte) (*sealer, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, err
	}
	s := &sealer{f: f, w: bufio.NewWriterSize(f, 1<<20), head: head, dict: dict}
	if s.enc, s.err = newEncoder(dict); s.err == nil {
		s.plain, s.err = newEncoder(nil)
	}
	s.head.Version = sealedVersion
	s.write([]byte(sealedMagic))
	s.write(binary.BigEndian.AppendUint32(nil, uint32(len(dict))))
	s.write(binary.BigEndian.AppendUint32(nil, crc32.Checksum(dict, castagnoli)))
	s.write(dict)
	s.start = s.off
	s.open = &block{magic: magicEvents, base: head.Base}
	return s, s.err
}

func (s *sealer) write(b []byte) {
	if s.err == nil {
		_, s.err = s.w.Write(b)
		s.off += int64(len(b))
	}
}

// record adds an event.
func (s *sealer) record(seq uint64, rec []byte) {
	if s.open.n == 0 {
		s.open.base = seq - 1
	}
	s.open.addRecord(seq, rec)
	s.head.Events++
	s.head.Bytes += int64(len(rec))
	if s.open.n >= blockEvents || len(s.open.raw) >= blockBytes {
		s.endBlock()
	}
	if s.sum == nil {
		return
	}
	if ev, err := decodeRecord(rec); err == nil {
		s.sum.add(ev)
	}
}

// endBlock writes the open block of events.
func (s *sealer) endBlock() {
	if s.open.n == 0 {
		return
	}
	ref := blockRef{off: s.off, base: s.open.base}
	s.buf = appendBlock(s.buf[:0], s.enc, s.open)
	s.write(s.buf)
	ref.end = s.off
	s.blocks = append(s.blocks, ref)
	s.open = &block{magic: magicEvents, raw: s.open.raw[:0]}
}

// section writes a stretch that the head points to.
func (s *sealer) section(b []byte) section {
	at := section{Off: s.off, Len: int64(len(b)), CRC: crc32.Checksum(b, castagnoli)}
	s.write(b)
	return at
}

// finish writes directories, head and foot, and puts the file on disk.
func (s *sealer) finish(index, ids *tableDir, minutes []minuteRef, marks []Mark, sum *summary) error {
	s.endBlock()
	m, err := json.Marshal(marks)
	if err != nil {
		return err
	}
	if s.sum != nil {
		sum = s.sum
	}
	s.head.From, s.head.To = sum.From, sum.To
	s.head.Dict = s.section(s.dict) // again: without it no block can be read
	s.head.Blocks = s.section(encodeBlockDir(s.blocks, s.start, s.head.Base))
	s.head.Index, s.head.IDs = s.section(index.encode()), s.section(ids.encode())
	s.head.Minutes, s.head.Marks, s.head.Summary = s.section(encodeMinutes(minutes)), s.section(m), s.section(sum.encode())
	h, err := json.Marshal(&s.head)
	if err != nil {
		return err
	}
	at := s.section(h)
	foot := append([]byte(footMagic), be64(uint64(at.Off))...)
	foot = binary.BigEndian.AppendUint32(foot, uint32(at.Len))
	s.write(binary.BigEndian.AppendUint32(foot, at.CRC))
	if s.err == nil {
		s.err = s.w.Flush()
	}
	if s.err == nil {
		s.err = s.f.Sync()
	}
	return s.err
}

func (s *sealer) close() {
	_ = s.f.Close() // finish has put it on disk, or it is a draft to be removed
	if s.enc != nil {
		_ = s.enc.Close()
	}
	if s.plain != nil {
		_ = s.plain.Close()
	}
}

// tableWriter writes a table's blocks.
type tableWriter struct {
	s    *sealer
	dir  tableDir
	open block
}

func (s *sealer) table(magic string) *tableWriter {
	s.endBlock()
	return &tableWriter{s: s, dir: tableDir{magic: magic, start: s.off, offs: []int64{s.off}}, open: block{magic: magic}}
}

func (t *tableWriter) put(k, v []byte) {
	if t.open.n == 0 {
		t.dir.keys = append(t.dir.keys, bytes.Clone(k))
	}
	t.open.addEntry(k, v)
	if len(t.open.raw) >= tableBytes {
		t.end()
	}
}

func (t *tableWriter) end() {
	if t.open.n == 0 {
		return
	}
	t.s.buf = appendBlock(t.s.buf[:0], t.s.plain, &t.open)
	t.s.write(t.s.buf)
	t.dir.offs = append(t.dir.offs, t.s.off)
	t.open = block{magic: t.open.magic, raw: t.open.raw[:0]}
}

// finish returns the table's directory.
func (t *tableWriter) finish() *tableDir {
	t.end()
	return &t.dir
}

// lists joins the short posting lists of a term into longer ones.
type lists struct {
	to   *tableWriter
	term []byte // with its separator
	seqs []uint64
}

func (l *lists) add(k, v []byte) error {
	cut := len(k) - 8
	if cut < 0 {
		return fmt.Errorf("%w: key of the index", ErrDamaged)
	}
	words, err := decodePosting(nil, fromBE64(k[cut:]), v)
	if err != nil {
		return err
	}
	if !bytes.Equal(l.term, k[:cut]) {
		l.end()
		l.term = bytes.Clone(k[:cut])
	}
	for n := range rising(words) {
		if l.seqs = append(l.seqs, n); l.full() {
			l.end()
		}
	}
	return nil
}

func (l *lists) full() bool {
	n := len(l.seqs)
	return n >= maxDense || n == maxList && !isDense(l.seqs)
}

func (l *lists) end() {
	if len(l.seqs) == 0 {
		return
	}
	l.to.put(binary.BigEndian.AppendUint64(bytes.Clone(l.term), l.seqs[0]), encodePosting(l.seqs))
	l.seqs = l.seqs[:0]
}

// seal writes a store, to which nothing is added any more, as a sealed file at
// path. It stops between two blocks when ctx ends.
func (s *store) seal(ctx context.Context, path string) error {
	if err := s.flush(); err != nil {
		return err
	}
	marks, err := s.marks()
	if err != nil {
		return err
	}
	return s.viewBoth(func(tx, ix *bolt.Tx) error { return s.sealFrom(ctx, path, tx, ix, marks) })
}

func (s *store) sealFrom(ctx context.Context, path string, tx, ix *bolt.Tx, marks []Mark) error {
	w, err := newSealer(path, sealedHead{Epoch: s.name.epoch, Base: s.name.base, Last: lastSeq(tx), Made: time.Now().UTC()}, sampleRecords(tx))
	if err != nil {
		return err
	}
	defer w.close()
	if s.unsummed {
		w.sum = newSummary()
	}
	c := tx.Bucket(bucketEvents).Cursor()
	for k, v := c.First(); k != nil; k, v = c.Next() {
		if w.open.n == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		if w.record(fromBE64(k), v); w.err != nil {
			return w.err
		}
	}
	index, err := w.copyIndex(ix)
	if err != nil {
		return err
	}
	return w.finish(index, w.copyIDs(ix), readMinutes(tx), marks, s.tail.summary())
}

func (s *sealer) copyIndex(ix *bolt.Tx) (*tableDir, error) {
	l := &lists{to: s.table(magicIndex)}
	c := ix.Bucket(bucketIndex).Cursor()
	for k, v := c.First(); k != nil; k, v = c.Next() {
		if err := l.add(k, v); err != nil {
			return nil, err
		}
	}
	l.end()
	return l.to.finish(), nil
}

func (s *sealer) copyIDs(ix *bolt.Tx) *tableDir {
	t := s.table(magicIDs)
	c := ix.Bucket(bucketIDs).Cursor()
	for k, v := c.First(); k != nil; k, v = c.Next() {
		t.put(k, uvarint(fromBE64(v)))
	}
	return t.finish()
}

func uvarint(n uint64) []byte { return binary.AppendUvarint(nil, n) }

func readMinutes(tx *bolt.Tx) (all []minuteRef) {
	c := tx.Bucket(bucketTime).Cursor()
	for k, v := c.First(); k != nil; k, v = c.Next() {
		all = append(all, minuteRef{minute: fromBE64(k), seq: fromBE64(v)})
	}
	return all
}

// sampleRecords makes a dictionary of records from all over the file.
func sampleRecords(tx *bolt.Tx) (dict []byte) {
	const samples, longest = 24, 2 << 10
	first, last := firstSeq(tx), lastSeq(tx)
	events := tx.Bucket(bucketEvents)
	for i := range uint64(samples) {
		rec := events.Get(be64(first + (last-first+1)*i/samples))
		dict = append(dict, rec[:min(len(rec), longest)]...)
	}
	return dict[:min(len(dict), dictBytes)]
}
