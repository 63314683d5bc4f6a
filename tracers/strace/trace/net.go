package trace

import (
	"bytes"

	"github.com/killdeer-mcp/killdeer/sdk"
	"github.com/killdeer-mcp/killdeer/tracers/form"
	"github.com/killdeer-mcp/killdeer/tracers/strace/line"
)

// connect reports the far end, and remembers it for what is sent there.
func (s *scene) connect(o *sdk.Observation) bool {
	s.named(o, s.arg(1))
	if o.Peer != nil && (o.Errno == "" || o.Errno == "EINPROGRESS" || o.Errno == "?") {
		if len(s.t.peers) >= maxPeers {
			clear(s.t.peers)
		}
		s.t.peers[socketKey(s.arg(0))] = o.Peer
	}
	return true
}

func (s *scene) bind(o *sdk.Observation) bool {
	s.named(o, s.arg(1))
	return true
}

// named reads a socket's address.
func (s *scene) named(o *sdk.Observation, arg []byte) {
	if o.Peer = line.Peer(arg); o.Peer != nil {
		o.Peer.Addr = form.Text([]byte(o.Peer.Addr))
	}
	o.Unreadable = o.Unreadable || isAddress(arg)
}

// listen reports where, as strace knows it.
func (s *scene) listen(o *sdk.Observation) bool {
	o.Peer = line.Local(s.arg(0))
	return true
}

// socketKey is what strace writes of a socket: it stays the same while the socket has
// no far end that it knows of.
func socketKey(fd []byte) string {
	_, key, _ := bytes.Cut(fd, []byte("<"))
	return string(key)
}

// peer is the far end of the socket that an argument is.
func (s *scene) peer(fd []byte) *sdk.Peer {
	f, ok := line.FD(fd)
	if !ok || !f.Socket {
		return nil
	}
	if p := s.t.peers[socketKey(fd)]; p != nil && (f.Peer == nil || f.Peer.Addr == "") {
		return p
	}
	if f.Peer != nil {
		f.Peer.Addr = form.Text([]byte(f.Peer.Addr))
	}
	return f.Peer
}

// message is the payload of a call.
type message struct {
	data       []byte
	total      int
	unreadable bool
}

func (m *message) add(arg []byte, size int64) {
	b, _, ok := line.String(arg)
	m.unreadable = m.unreadable || !ok && isAddress(arg)
	m.data = append(m.data, b...)
	m.total += int(max(0, min(size, 1<<40)))
}

// buffer is a payload in one piece.
func buffer(arg, size []byte) (m message) {
	n, _ := line.Int(size)
	m.add(arg, n)
	return m
}

// iovec is a payload in pieces.
func iovec(arg []byte) (m message) {
	line.Items(line.Inside(arg), func(item []byte) bool {
		n, _ := line.Int(line.Field(item, "iov_len"))
		m.add(line.Field(item, "iov_base"), n)
		return true
	})
	m.unreadable = m.unreadable || isAddress(arg)
	return m
}

// data fills in a payload. What a call did not take was not sent; of one that failed
// it is kept, as what it tried.
func (s *scene) data(o *sdk.Observation, m message) {
	if o.Ret >= 0 && int(o.Ret) < m.total {
		m.total = int(o.Ret)
		m.data = m.data[:min(len(m.data), m.total)]
	}
	o.Data = m.data[:min(len(m.data), s.t.payload*pieces)]
	o.Total = m.total
	o.Truncated = o.Truncated || len(o.Data) < o.Total
	o.Unreadable = o.Unreadable || m.unreadable
}

func (s *scene) sendto(o *sdk.Observation) bool {
	if s.mutes(s.arg(0)) {
		return false
	}
	s.data(o, buffer(s.arg(1), s.arg(2)))
	s.named(o, s.arg(4))
	s.towards(o, 0)
	return true
}

// towards fills in the far end of a connected socket where none was named.
func (s *scene) towards(o *sdk.Observation, socket int) {
	if o.Peer == nil {
		o.Peer = s.peer(s.arg(socket))
	}
}

func (s *scene) sendmsg(o *sdk.Observation) bool {
	if s.mutes(s.arg(0)) {
		return false
	}
	s.header(o, s.arg(1))
	return true
}

func (s *scene) header(o *sdk.Observation, h []byte) {
	s.named(o, line.Field(h, "msg_name"))
	s.data(o, iovec(line.Field(h, "msg_iov")))
	s.towards(o, 0)
	o.Unreadable = o.Unreadable || isAddress(h)
}

// sendmmsg reports the messages but the last here, each with its own length.
func (s *scene) sendmmsg(o *sdk.Observation) bool {
	if s.mutes(s.arg(0)) {
		return false
	}
	var all []sdk.Observation
	line.Items(line.Inside(s.arg(1)), func(item []byte) bool {
		one := *o
		if n, ok := line.Int(line.Field(item, "msg_len")); ok && o.Errno == "" {
			one.Ret = n
		}
		s.header(&one, line.Field(item, "msg_hdr"))
		all = append(all, one)
		return true
	})
	if len(all) == 0 {
		o.Unreadable = true
		return true
	}
	for _, one := range all[:len(all)-1] {
		if one.Unreadable {
			s.t.sum.Unreadable++
		}
		if s.err = s.t.send(one); s.err != nil {
			return false
		}
	}
	*o = all[len(all)-1]
	return true
}

func (s *scene) sendfile(o *sdk.Observation) bool { return s.moves(o, 0, 1) }

func (s *scene) splice(o *sdk.Observation) bool { return s.moves(o, 2, 0) }

// moves sends what is in a file or pipe; its bytes are not seen.
func (s *scene) moves(o *sdk.Observation, to, from int) bool {
	f, _ := line.FD(s.arg(to))
	if !f.Socket && !f.Pipe || s.mutes(s.arg(to)) {
		return false
	}
	if from, ok := line.FD(s.arg(from)); ok {
		o.PathReal = form.Text([]byte(from.Path))
	}
	o.Total, o.Truncated = int(max(0, o.Ret)), o.Ret > 0
	s.towards(o, to)
	return true
}

func (s *scene) write(o *sdk.Observation) bool {
	if !s.outward(o) {
		return false
	}
	s.data(o, buffer(s.arg(1), s.arg(2)))
	return true
}

func (s *scene) writev(o *sdk.Observation) bool {
	if !s.outward(o) {
		return false
	}
	s.data(o, iovec(s.arg(1)))
	return true
}

// outward reports whether a write reaches another process, but for the client that
// the target serves.
func (s *scene) outward(o *sdk.Observation) bool {
	fd := s.arg(0)
	f, _ := line.FD(fd)
	if !f.Socket && !f.Pipe || s.t.mute[f.Tag] {
		return false
	}
	if f.Socket {
		o.Kind = sdk.ObservedSend
		s.towards(o, 0)
	}
	return true
}

// mutes reports whether a descriptor leads to the client that the target serves.
func (s *scene) mutes(fd []byte) bool {
	f, ok := line.FD(fd)
	return ok && f.Tag != "" && s.t.mute[f.Tag]
}
