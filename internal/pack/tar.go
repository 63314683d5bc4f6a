package pack

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"
)

const (
	block     = 512
	entryMode = 0o644
)

// entry is one file's header in the archive.
type entry struct {
	name string
	size int64
}

// header is the only header that an entry may have: a plain ustar one (POSIX.1-1988)
// of which nothing but name and size is free.
func header(e entry) ([]byte, error) {
	var b bytes.Buffer
	err := tar.NewWriter(&b).WriteHeader(&tar.Header{
		Typeflag: tar.TypeReg, Name: e.name, Size: e.size, Mode: entryMode, ModTime: time.Unix(0, 0), Format: tar.FormatUSTAR,
	})
	if err != nil {
		return nil, fmt.Errorf("archive %s: %w", e.name, err)
	}
	return b.Bytes()[:block], nil
}

// untar reads an archive strictly. Every header is compared with the one that
// [header] makes, so no feature of the format is there to be misused.
type untar struct {
	r      io.Reader
	body   io.LimitedReader // of the current entry
	pad    int64
	peeked *entry
	ended  bool
}

func newUntar(r io.Reader) *untar { return &untar{r: r} }

// peek returns the next entry without going to it; nil at the end.
func (u *untar) peek() (*entry, error) {
	if u.peeked != nil || u.ended {
		return u.peeked, nil
	}
	if err := u.skip(); err != nil {
		return nil, err
	}
	var b [block]byte
	if _, err := io.ReadFull(u.r, b[:]); err != nil {
		return nil, unpackError(err)
	}
	if b == [block]byte{} {
		u.ended = true
		return nil, nil
	}
	e, err := parseHeader(b[:])
	u.peeked = e
	return e, err
}

// next goes to the entry that peek showed; its content is read from u.body.
func (u *untar) next() {
	u.body = io.LimitedReader{R: u.r, N: u.peeked.size}
	u.pad = -u.peeked.size & (block - 1)
	u.peeked = nil
}

// skip goes behind the current entry, whose padding must be zeros.
func (u *untar) skip() error {
	if _, err := io.Copy(io.Discard, &u.body); err != nil {
		return unpackError(err)
	}
	if u.body.N > 0 {
		return refuse(Damaged, "the archive ends in the middle of a file")
	}
	var b [block]byte
	pad := b[:u.pad]
	if _, err := io.ReadFull(u.r, pad); err != nil {
		return unpackError(err)
	}
	if !zeros(pad) {
		return refuse(Trailing, "bytes are hidden behind a file")
	}
	u.pad = 0
	return nil
}

// finish wants nothing but the archive's end: a second block of zeros, and the
// zeros with which some programs fill up.
func (u *untar) finish() error {
	rest, err := io.ReadAll(io.LimitReader(u.r, maxPadding+1))
	switch {
	case err != nil:
		return unpackError(err)
	case !zeros(rest):
		return refuse(Trailing, "something follows the end of the archive")
	case len(rest) < block:
		return refuse(Damaged, "the archive has no end")
	case len(rest) > maxPadding:
		return refuse(Trailing, "more than %d zeros follow the archive", maxPadding)
	case len(rest)%block != 0:
		return refuse(Trailing, "the archive does not end with a whole block")
	}
	return nil
}

func zeros(b []byte) bool { return len(bytes.Trim(b, "\x00")) == 0 }

// parseHeader reads name and size, and says what is odd about anything else.
func parseHeader(b []byte) (*entry, error) {
	if !checksumHolds(b) {
		return nil, refuse(Damaged, "an archive header is damaged")
	}
	if err := checkType(b[156]); err != nil {
		return nil, err
	}
	e := &entry{name: cstring(b[:100])}
	if prefix := cstring(b[345:500]); prefix != "" && isUSTAR(b) {
		e.name = prefix + "/" + e.name
	}
	if err := checkPath(e.name); err != nil {
		return nil, err
	}
	if b[124]&0x80 != 0 {
		return nil, refuse(ExtendedHeader, "%q: its size is in the GNU form", e.name)
	}
	size, err := strconv.ParseInt(cstring(b[124:136]), 8, 64)
	if err != nil || size < 0 {
		return nil, refuse(Damaged, "%q: its size is no number", e.name)
	}
	e.size = size
	if !plainHeader(b, *e) {
		return nil, refuse(OddHeader, "%q: its header is not plain ustar with mode 0644, time 0 and no owner", e.name)
	}
	return e, nil
}

func isUSTAR(b []byte) bool { return string(b[257:263]) == "ustar\x00" }

// plainHeader compares with the one right header. The device numbers, which are
// of no meaning for a file, may be absent: some programs leave them out.
func plainHeader(b []byte, e entry) bool {
	want, err := header(e)
	if err != nil {
		return false
	}
	if bytes.Equal(b, want) {
		return true
	}
	clear(want[329:345])
	setChecksum(want)
	return bytes.Equal(b, want)
}

func checkType(flag byte) error {
	switch flag {
	case tar.TypeReg:
		return nil
	case tar.TypeLink, tar.TypeSymlink:
		return refuse(Link, "the archive holds a link")
	case tar.TypeChar, tar.TypeBlock, tar.TypeFifo, tar.TypeDir, tar.TypeCont:
		return refuse(SpecialFile, "the archive holds a device, a pipe or a directory")
	case tar.TypeGNUSparse:
		return refuse(Sparse, "the archive holds a sparse file")
	case tar.TypeXHeader, tar.TypeXGlobalHeader, tar.TypeGNULongName, tar.TypeGNULongLink:
		return refuse(ExtendedHeader, "the archive holds an extended header of type %q", flag)
	}
	return refuse(OddHeader, "the archive holds an entry of type %q", flag)
}

func cstring(b []byte) string {
	if i := bytes.IndexByte(b, 0); i >= 0 {
		b = b[:i]
	}
	return string(b)
}

func checksum(b []byte) (sum int) {
	for i, c := range b {
		if i >= 148 && i < 156 {
			c = ' '
		}
		sum += int(c)
	}
	return sum
}

func checksumHolds(b []byte) bool {
	return string(b[148:156]) == fmt.Sprintf("%06o\x00 ", checksum(b))
}

func setChecksum(b []byte) { copy(b[148:156], fmt.Sprintf("%06o\x00 ", checksum(b))) }

// unpackError names the end of what should go on.
func unpackError(err error) error {
	if _, ok := errors.AsType[*Error](err); ok {
		return err
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return refuse(Damaged, "the pack is cut short")
	}
	return fmt.Errorf("unpack: %w", err)
}
