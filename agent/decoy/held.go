package decoy

import (
	"bytes"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/killdeer-mcp/killdeer/agent/decoy/profile"
)

const sseKeepAlive = 25 * time.Second

// lastChunk ends a chunked body, RFC 9112 §7.1.
const lastChunk = "0\r\n\r\n"

// held is an event stream that waits for what is to be told, on a connection taken over
// from net/http: an idle stream needs neither its buffers nor the request and the stack
// that it was opened with. The client sees the bytes that net/http would send.
type held struct {
	server  *Server
	conn    *conn
	chunked bool     // the body is, else it ends with the connection
	again   bool     // the connection may have another request
	session *session // nil for none
	box     *mailbox
	last    []byte // what is said when the server stops, nil for nothing
}

// holdRecorded begins an event stream with what box gets, and records its beginning and
// its end, after which it calls leave. It returns as soon as the stream stands.
func (s *Server) holdRecorded(a *arrival, box *mailbox, last []byte, leave func()) {
	a.event.Event = "connect"
	end, session := s.branch(a.exchange, 0), a.session
	end.header, end.listen = nil, nil
	end.event.Head, end.event.HeadB64, end.event.Body = "", nil, nil
	s.record(a.exchange, profile.Outcome{Code: profile.StreamOpened, ID: a.event.RPCID}, http.StatusOK, 0)
	ended := func() {
		if _, client := session.facts(); client != nil {
			end.event.Client = client
		}
		end.event.Time, end.event.Event = time.Now().UTC(), "disconnect"
		s.record(end, profile.Outcome{Code: profile.StreamClosed}, http.StatusOK, 0)
		leave()
	}
	h := s.takeOver(a)
	if h == nil {
		ended()
		return
	}
	h.session, h.box, h.last = session, box, last
	s.wg.Go(func() { h.serve(ended) })
}

// takeOver sends the head of an event stream by net/http, then takes the connection from
// it. It returns nil when the client is gone.
func (s *Server) takeOver(a *arrival) *held {
	s.writeStreamHead(a)
	if http.NewResponseController(a.w).Flush() != nil {
		return nil
	}
	return s.hijack(a)
}

// hijack takes the connection of an event stream from net/http. It returns nil when
// that has none any more.
func (s *Server) hijack(a *arrival) *held {
	n, rest, err := http.NewResponseController(a.w).Hijack()
	if err != nil {
		s.Log.Error("take over an event stream", "error", err)
		return nil
	}
	c := n.(*conn)                                   // as [listener] makes them
	b, _ := rest.Reader.Peek(rest.Reader.Buffered()) // a pipelined request
	c.unread(b)
	http11 := a.r.ProtoAtLeast(1, 1)
	return &held{server: s, conn: c, chunked: http11, again: http11 && !a.r.Close}
}

// serve holds the stream until its end. The connection then waits for a request, if
// the client may send another one.
func (h *held) serve(ended func()) {
	defer h.conn.contain(h.server.Log)
	h.end(h.run(ended))
}

// end ends the stream, whole or broken off.
func (h *held) end(whole bool) {
	if whole && h.chunked {
		whole = h.sendLast()
	}
	if !whole || !h.again {
		_ = h.conn.Close() // the stream ends with it
		return
	}
	h.conn.lobby.again(h.conn)
}

// sendLast ends a chunked body. A stop that waits no longer cuts it off, as all of the
// stream.
func (h *held) sendLast() bool {
	if !h.server.held.add(h.conn) {
		return false
	}
	defer h.server.held.remove(h.conn)
	return h.send([]byte(lastChunk))
}

// run writes what the mailbox gets until either side has enough, then calls ended. It
// reports whether all of it could be written.
func (h *held) run(ended func()) (whole bool) {
	defer ended()
	if !h.server.held.add(h.conn) {
		return false
	}
	defer h.server.held.remove(h.conn)
	gone := make(chan struct{})
	var reading sync.WaitGroup
	reading.Go(func() {
		defer h.conn.contain(h.server.Log)
		if h.conn.gone() != nil { // a request has to wait until the stream ends
			close(gone)
		}
	})
	defer reading.Wait()
	defer h.conn.SetReadDeadline(time.Now()) //nolint:errcheck // ends the wait above; the connection is gone when it fails
	return h.pump(gone)
}

// pump writes frames as they come. What is left when the server stops is still written,
// and last after it.
func (h *held) pump(gone <-chan struct{}) (whole bool) {
	s := h.server
	tick := time.NewTicker(sseKeepAlive)
	defer tick.Stop()
	for {
		frames, closed := h.box.take()
		if !h.write(frames...) {
			return false
		}
		if closed {
			return true
		}
		select {
		case <-h.box.wake:
		case now := <-tick.C:
			if h.session != nil {
				s.engine.sessions.touch(h.session.id, h.session.sse, now)
			}
			if !h.write(s.Profile.KeepAlive()) {
				return false
			}
		case <-gone:
			return true
		case <-s.closing.Done():
			frames, _ := h.box.take()
			return h.write(append(frames, h.last)...)
		}
	}
}

// write sends frames, each as one chunk as net/http does with what is flushed.
func (h *held) write(frames ...[]byte) bool {
	chunk := h.server.buffers.Get().(*bytes.Buffer)
	defer h.server.buffers.Put(chunk)
	for _, f := range frames {
		if len(f) == 0 { // which would end a chunked body
			continue
		}
		chunk.Reset()
		if h.chunked {
			chunk.Write(strconv.AppendInt(chunk.AvailableBuffer(), int64(len(f)), 16))
			chunk.WriteString("\r\n")
		}
		chunk.Write(f)
		if h.chunked {
			chunk.WriteString("\r\n")
		}
		if !h.send(chunk.Bytes()) {
			return false
		}
	}
	return true
}

// send writes to the connection, within the time that a client has for reading.
func (h *held) send(b []byte) bool {
	h.conn.writeBy(h.server.now().Limits.Write)
	_, err := h.conn.Write(b)
	_ = h.conn.SetWriteDeadline(time.Time{}) // reading TLS may have to write, whenever that is
	return err == nil
}
