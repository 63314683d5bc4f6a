//go:build linux && amd64

package watch

import (
	"fmt"
	"net/netip"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/killdeer-mcp/killdeer/sdk"
	"github.com/killdeer-mcp/killdeer/tracers/form"
)

// translator makes observations of records.
type translator struct {
	session string
	offset  int64 // of the wall clock from the monotonic one, ns
	payload int
	calls   table
	hosts   resolved
}

// observation makes what a record says an observation; false: it says nothing.
func (t *translator) observation(r record) (sdk.Observation, bool) {
	o := sdk.Observation{
		Session: t.session, MonoNS: int64(r.at), WallNS: int64(r.at) + t.offset,
		PID: int(r.pid), TID: int(r.tid), PPID: int(r.ppid), Comm: form.Text([]byte(r.comm)), ABI: "native",
		Truncated: r.flags&isTruncated != 0, Unreadable: r.flags&isUnreadable != 0,
		Retried: r.flags&isRetried != 0, PreExec: r.flags&isSetup != 0,
	}
	if r.flags&(isCompat|isX32) != 0 {
		o.ABI = "compat"
	}
	if r.flags&isUnknown != 0 {
		o.Errno = "?"
	}
	switch r.kind {
	case ofCall:
		return o, t.call(r, &o)
	case ofFork:
		o.Kind, o.Syscall, o.Ret = sdk.ObservedFork, t.calls[r.key()].name, int64(r.child)
	case ofExec:
		t.executed(r, &o)
	case ofExit:
		o.Kind, o.ABI, o.Status = sdk.ObservedExit, "", status(int(r.ret))
	case ofRing:
		return o, t.ring(r, &o)
	case ofDNS:
		t.hosts.learn(r.data)
		return o, false
	case ofTLS:
		o.Kind, o.Syscall, o.ABI, o.Detail = sdk.ObservedSend, "SSL_write", "", "before it is encrypted"
		t.payloadOf(r, &o)
	default:
		return o, false
	}
	return o, true
}

// key is where a record's call is in the table.
func (r record) key() uint16 {
	if r.flags&isCompat != 0 {
		return r.nr + compat
	}
	return r.nr
}

// result fills in what a call returned.
func result(ret int64, o *sdk.Observation) {
	if o.Errno == "?" {
		return
	}
	if ret >= 0 || ret < -maxErrno {
		o.Ret = ret
		return
	}
	o.Ret, o.Errno = -1, errnoName(unix.Errno(-ret))
}

// maxErrno is the kernel's MAX_ERRNO.
const maxErrno = 4095

// restarts are what the kernel says to itself of a call that a signal interrupted.
var restarts = map[unix.Errno]string{512: "ERESTARTSYS", 513: "ERESTARTNOINTR", 514: "ERESTARTNOHAND", 516: "ERESTART_RESTARTBLOCK"}

func errnoName(e unix.Errno) string {
	if name := unix.ErrnoName(e); name != "" {
		return name
	}
	if name := restarts[e]; name != "" {
		return name
	}
	return fmt.Sprintf("E%d", int(e))
}

// status is how a process ended, from its exit code as wait(2) tells it.
func status(code int) string {
	if signal := code & 0x7f; signal != 0 {
		if name := unix.SignalName(unix.Signal(signal)); name != "" {
			return name
		}
		return fmt.Sprintf("SIG%d", signal)
	}
	return fmt.Sprint(code >> 8 & 0xff)
}

func (t *translator) paths(r record, o *sdk.Observation) {
	o.Path, o.Path2 = form.Text(untilNUL(r.path)), form.Text(untilNUL(r.path2))
	o.DirPath, o.PathReal = joined(r.dir), joined(r.real)
}

// call translates a system call.
func (t *translator) call(r record, o *sdk.Observation) bool {
	c, ok := t.calls[r.key()]
	if !ok || c.kind == "" {
		return false
	}
	o.Kind, o.Syscall = c.kind, c.name
	result(r.ret, o)
	t.paths(r, o)
	if c.detail != nil {
		o.Detail = c.detail(r.args[:])
	}
	switch c.shape.What {
	case plain:
		return o.Kind != sdk.ObservedStat || o.Path != "" || o.Unreadable
	case opening:
		o.Access = c.access(r)
	case executing:
		o.Argv = t.list(split(r.data), o)
	case connecting, binding, listening:
		t.peerOf(r, o)
	case sendFile:
		o.Total, o.Truncated = int(max(0, o.Ret)), o.Ret > 0
		t.towards(r, o)
	case sendTo, sendMsg, sendMmsg, writing, writingVec:
		t.towards(r, o)
		t.payloadOf(r, o)
	case remoteVec:
		t.payloadOf(r, o)
	}
	return true
}

// access says how a file was opened.
func (c call) access(r record) sdk.Access {
	if c.flags == none {
		return sdk.Access{Write: true, Create: true, Trunc: true}
	}
	return access(r.args[c.flags])
}

func access(flags uint64) sdk.Access {
	if flags&unix.O_PATH != 0 {
		return sdk.Access{}
	}
	mode := flags & unix.O_ACCMODE
	return sdk.Access{
		Read: mode == unix.O_RDONLY || mode == unix.O_RDWR, Write: mode != unix.O_RDONLY,
		Create: flags&unix.O_CREAT != 0 || flags&unix.O_TMPFILE == unix.O_TMPFILE, Trunc: flags&unix.O_TRUNC != 0,
	}
}

// executed translates a program that runs. Which file it is matters only where the
// path does not say it: the others go by their links' names, as a shell does.
func (t *translator) executed(r record, o *sdk.Observation) {
	o.Kind, o.Syscall, o.Errno = sdk.ObservedExec, t.calls[r.key()].name, ""
	t.paths(r, o)
	if o.Path != "" && !strings.HasPrefix(o.PathReal, "/memfd:") {
		o.PathReal = ""
	}
	o.Argv = t.list(split(r.data), o)
	for _, variable := range split(r.env) {
		if form.Loads(variable) {
			o.Env = append(o.Env, variable)
		}
	}
	o.Env = t.list(o.Env, o)
}

// list keeps as many strings as the payload limit has bytes.
func (t *translator) list(all []string, o *sdk.Observation) []string {
	size := 0
	for i, s := range all {
		if size += len(s); size > t.payload {
			o.Truncated = true
			return all[:i]
		}
	}
	return all
}

// towards fills in the far end, and tells sockets from pipes.
func (t *translator) towards(r record, o *sdk.Observation) {
	if r.child == unix.S_IFIFO {
		if o.Kind == sdk.ObservedSend {
			o.Kind = sdk.ObservedWrite
		}
		return
	}
	o.Kind = sdk.ObservedSend
	t.peerOf(r, o)
	if o.Peer != nil && o.Peer.Port == 53 {
		o.Detail = question(r.data)
	}
}

func (t *translator) peerOf(r record, o *sdk.Observation) {
	if o.Peer = peer(r.addr); o.Peer == nil {
		return
	}
	if o.Kind == sdk.ObservedConnect || o.Kind == sdk.ObservedSend {
		o.Peer.Name = t.hosts.of(o.Peer.Addr)
	}
}

// payloadOf fills in what was sent. What a call did not take was not.
func (t *translator) payloadOf(r record, o *sdk.Observation) {
	total, data := int(min(r.total, 1<<40)), r.data
	if o.Errno == "" && o.Kind != sdk.ObservedVMRW && r.kind == ofCall && o.Ret >= 0 {
		total = min(total, int(o.Ret))
	}
	o.Data, o.Total = data[:min(len(data), total)], total
	o.Truncated = o.Truncated || len(o.Data) < total
}

// peer reads a socket address (sockaddr); nil if it has none.
func peer(b []byte) *sdk.Peer {
	if len(b) < 2 {
		return nil
	}
	port := func() int {
		if len(b) < 4 {
			return 0
		}
		return int(b[2])<<8 | int(b[3])
	}
	switch family := int(b[0]) | int(b[1])<<8; family {
	case unix.AF_INET:
		if len(b) >= 8 {
			return &sdk.Peer{Family: "inet", Addr: netip.AddrFrom4([4]byte(b[4:8])).String(), Port: port()}
		}
	case unix.AF_INET6:
		if len(b) >= 24 {
			return &sdk.Peer{Family: "inet6", Addr: netip.AddrFrom16([16]byte(b[8:24])).String(), Port: port()}
		}
	case unix.AF_UNIX:
		return &sdk.Peer{Family: "unix", Addr: unixName(b[2:])}
	case unix.AF_NETLINK:
		return &sdk.Peer{Family: "netlink"}
	case unix.AF_PACKET:
		return &sdk.Peer{Family: "packet"}
	case unix.AF_UNSPEC:
		return &sdk.Peer{Family: "unspec"}
	default:
		return &sdk.Peer{Family: fmt.Sprint(family)}
	}
	return nil
}

// unixName reads sun_path: a path that a NUL ends, or a name with one in front.
func unixName(b []byte) string {
	if len(b) > 0 && b[0] == 0 {
		return "@" + form.Text(b[1:])
	}
	return form.Text(untilNUL(b))
}
