//go:build linux && amd64

package watch

import (
	"time"

	"github.com/killdeer-mcp/killdeer/sdk"
)

// ringOps are the requests of io_uring that are reported (enum op in bpf/ring.h), by
// the system calls that they stand for.
var ringOps = map[uint16]struct {
	name string
	kind sdk.ObservationKind
}{
	2: {"writev", sdk.ObservedWrite}, 5: {"write", sdk.ObservedWrite}, 9: {"sendmsg", sdk.ObservedSend}, 16: {"connect", sdk.ObservedConnect},
	18: {"openat", sdk.ObservedOpen}, 21: {"statx", sdk.ObservedStat}, 23: {"write", sdk.ObservedWrite}, 26: {"send", sdk.ObservedSend},
	28: {"openat2", sdk.ObservedOpen}, 35: {"renameat", sdk.ObservedRename}, 36: {"unlinkat", sdk.ObservedUnlink},
	37: {"mkdirat", sdk.ObservedMkdir}, 38: {"symlinkat", sdk.ObservedLink}, 39: {"linkat", sdk.ObservedLink},
	42: {"setxattr", sdk.ObservedChmod}, 44: {"getxattr", sdk.ObservedStat}, 47: {"send", sdk.ObservedSend},
	48: {"sendmsg", sdk.ObservedSend}, 56: {"bind", sdk.ObservedBind}, 57: {"listen", sdk.ObservedListen},
}

// ring translates a request. What comes of it is not known yet.
func (t *translator) ring(r record, o *sdk.Observation) bool {
	op, ok := ringOps[r.nr]
	if !ok {
		return false
	}
	o.Kind, o.Syscall, o.ABI, o.Errno = op.kind, op.name, "io_uring", "?"
	t.paths(r, o)
	switch op.kind {
	case sdk.ObservedOpen:
		o.Access = access(r.args[0])
	case sdk.ObservedConnect, sdk.ObservedBind, sdk.ObservedListen:
		t.peerOf(r, o)
	case sdk.ObservedSend, sdk.ObservedWrite:
		t.towards(r, o)
		t.payloadOf(r, o)
	}
	return true
}

const (
	// ringPatience is how long a request may take before it is reported without what
	// came of it.
	ringPatience = 500 * time.Millisecond
	// maxRequests is how many are waited for at once; it bounds the memory that they
	// hold.
	maxRequests = 1024
)

// requests are those of rings that have begun: a ring's answer comes by itself.
type requests struct {
	waiting map[uint64]sdk.Observation
	order   []uint64
}

// begin keeps a request, and returns one that has to go for it.
func (q *requests) begin(id uint64, o sdk.Observation) (due []sdk.Observation) {
	if q.waiting == nil {
		q.waiting = map[uint64]sdk.Observation{}
	}
	if old, ok := q.waiting[id]; ok { // the kernel uses its memory again
		due = append(due, old)
		delete(q.waiting, id)
	}
	for len(q.waiting) >= maxRequests {
		due = append(due, q.oldest()...)
	}
	q.waiting[id] = o
	q.order = append(q.order, id)
	return due
}

func (q *requests) oldest() (due []sdk.Observation) {
	id := q.order[0]
	q.order = q.order[1:]
	if o, ok := q.waiting[id]; ok {
		due = append(due, o)
		delete(q.waiting, id)
	}
	return due
}

// end completes a request with what came of it.
func (q *requests) end(r record) (o sdk.Observation, ok bool) {
	if o, ok = q.waiting[r.ring]; !ok {
		return o, false
	}
	delete(q.waiting, r.ring)
	o.Errno = ""
	result(r.ret, &o)
	o.PathReal = joined(r.real)
	if o.Ret >= 0 && o.Total > int(o.Ret) && (o.Kind == sdk.ObservedSend || o.Kind == sdk.ObservedWrite) {
		o.Total = int(o.Ret)
		o.Data = o.Data[:min(len(o.Data), o.Total)]
	}
	return o, true
}

// overdue returns the requests that began before a moment; all of them for 0.
func (q *requests) overdue(before int64) (due []sdk.Observation) {
	for len(q.order) > 0 {
		o, ok := q.waiting[q.order[0]]
		if ok && before != 0 && o.MonoNS >= before {
			return due
		}
		due = append(due, q.oldest()...)
	}
	return due
}
