//go:build linux && amd64

package watch

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
	"strings"

	"github.com/killdeer-mcp/killdeer/tracers/form"
)

// Types of records, and their flags: bpf/record.h.
const (
	ofCall = iota + 1
	ofFork
	ofExec
	ofExit
	ofRing
	ofRingDone
	ofDNS
	ofTLS
)

const (
	isCompat = 1 << iota
	isRetried
	isUnreadable
	isTruncated
	isSetup
	isUnknown
	isRealCut
	isX32
)

// headSize is the size of struct record.
const headSize = 144

// record is struct record with what lies behind it.
type record struct {
	kind, flags           uint8
	nr                    uint16
	at, done              uint64
	ret                   int64
	args                  [6]uint64
	total, ring           uint64
	pid, tid, ppid, child uint32
	comm                  string
	size                  int // bytes that it holds

	path, path2, dir, real, addr, data, env []byte
}

var errRecord = errors.New("a record of the kernel's is not whole")

// decode reads a record. What is in it may be what the target likes, its lengths are
// the kernel's.
func decode(b []byte) (record, error) {
	if len(b) < headSize {
		return record{}, errRecord
	}
	le := binary.LittleEndian
	r := record{
		kind: b[4], flags: b[5], nr: le.Uint16(b[6:]), at: le.Uint64(b[8:]), done: le.Uint64(b[16:]),
		ret: int64(le.Uint64(b[24:])), total: le.Uint64(b[80:]), ring: le.Uint64(b[88:]),
		pid: le.Uint32(b[96:]), tid: le.Uint32(b[100:]), ppid: le.Uint32(b[104:]), child: le.Uint32(b[108:]),
		comm: string(untilNUL(b[128:144])), size: len(b),
	}
	for i := range r.args {
		r.args[i] = le.Uint64(b[32+8*i:])
	}
	rest := b[headSize:]
	for i, part := range []*[]byte{&r.path, &r.path2, &r.dir, &r.real, &r.addr, &r.data, &r.env} {
		n := int(le.Uint16(b[112+2*i:]))
		if n > len(rest) {
			return record{}, errRecord
		}
		*part, rest = slices.Clone(rest[:n]), rest[n:]
	}
	return r, nil
}

func untilNUL(b []byte) []byte {
	if before, _, ok := bytes.Cut(b, []byte{0}); ok {
		return before
	}
	return b
}

// joined makes a path of its names, which come with the last first and a NUL each.
func joined(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	parts := strings.Split(strings.TrimSuffix(string(b), "\x00"), "\x00")
	slices.Reverse(parts)
	return "/" + form.Text([]byte(strings.Join(parts, "/")))
}

// split reads strings that each end in NUL.
func split(b []byte) []string {
	if len(b) == 0 {
		return nil
	}
	var all []string
	for part := range bytes.SplitSeq(bytes.TrimSuffix(b, []byte{0}), []byte{0}) {
		all = append(all, form.Text(part))
	}
	return all
}
