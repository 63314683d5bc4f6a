package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// answerTimeout is how long an answer may take before the benchmark gives up.
const answerTimeout = time.Minute

// maxAnswer bounds what a broken server can make the benchmark read for one answer.
const maxAnswer = 64 << 20

// Read buffers of connections under load, and of idle ones.
const (
	loadBuffer = 64 << 10
	idleBuffer = 4 << 10
)

var errTooLarge = errors.New("the answer is too large")

// wire is the client's half of HTTP/1.1 over one connection that is kept, and no
// more of it than the servers under load use. The load shares the machine with
// them, so that a request must cost it little more than two system calls.
type wire struct {
	conn stream
	r    *bufio.Reader
}

// stream is what of a connection the load uses.
type stream interface {
	io.ReadWriteCloser
	SetDeadline(t time.Time) error
}

// blocking is a socket whose reads wait in the kernel. One that Go's poller watches wakes
// a thread for each answer that arrives, though nobody waits for it, and server and load
// both pay for that.
type blocking struct{ *os.File }

// dialBlocking connects a client that is under load all the time.
func dialBlocking(addr string) (blocking, error) {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return blocking{}, err
	}
	defer c.Close()
	f, err := c.(*net.TCPConn).File() // a duplicate in blocking mode
	return blocking{f}, err
}

// SetDeadline bounds each read and write by what is left until t, as near as the kernel
// can: the socket's own timeouts are of a call, not of a time.
func (b blocking) SetDeadline(t time.Time) error {
	left := unix.NsecToTimeval(max(time.Until(t), time.Millisecond).Nanoseconds())
	for _, which := range []int{unix.SO_RCVTIMEO, unix.SO_SNDTIMEO} {
		if err := unix.SetsockoptTimeval(int(b.Fd()), unix.SOL_SOCKET, which, &left); err != nil {
			return err
		}
	}
	return nil
}

// reply is what the load looks at in an answer.
type reply struct {
	status  int
	kind    string // Content-Type, when the body is kept
	session string // Mcp-Session-Id, when the body is kept
	size    int    // of the body, chunk framing left out
}

// dialWire connects a client that is idle for most of its time.
func dialWire(addr string) (*wire, error) {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	return newWire(c, idleBuffer), nil
}

func newWire(c stream, buffer int) *wire { return &wire{conn: c, r: bufio.NewReaderSize(c, buffer)} }

// send writes a request.
func (w *wire) send(request []byte) error {
	_, err := w.conn.Write(request)
	return err
}

// receive reads one answer to its end. The body and the headers beside its
// length are looked at only if keep is not nil, which the body is appended to.
func (w *wire) receive(keep *bytes.Buffer) (reply, error) {
	rep, length, err := w.head(keep != nil)
	if err != nil {
		return rep, err
	}
	if length >= 0 {
		rep.size = length
		return rep, w.body(length, keep)
	}
	rep.size, err = w.chunks(keep)
	return rep, err
}

// head reads status line and headers; length is -1 for a chunked body.
func (w *wire) head(keep bool) (rep reply, length int, err error) {
	line, err := w.line()
	if err != nil {
		return rep, 0, err
	}
	if len(line) < len("HTTP/1.1 200") || !bytes.HasPrefix(line, []byte("HTTP/1.1 ")) {
		return rep, 0, fmt.Errorf("not a status line: %.60q", line)
	}
	if rep.status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return rep, 0, fmt.Errorf("status line %.60q: %w", line, err)
	}
	for {
		if line, err = w.line(); err != nil || len(line) == 0 {
			return rep, length, err
		}
		name, value, _ := bytes.Cut(line, []byte(": "))
		switch {
		case is(name, "content-length"):
			length, err = number(value, 10)
		case is(name, "transfer-encoding"):
			length = -1
		case keep && is(name, "content-type"):
			rep.kind = string(value)
		case keep && is(name, "mcp-session-id"):
			rep.session = string(value)
		}
		if err != nil {
			return rep, 0, fmt.Errorf("header %.60q: %w", line, err)
		}
	}
}

// is reports whether a header's name is want, which is in lower case. Its length
// tells nearly every other header apart.
func is(name []byte, want string) bool {
	return len(name) == len(want) && bytes.EqualFold(name, []byte(want))
}

func (w *wire) body(n int, keep *bytes.Buffer) error {
	if keep == nil {
		_, err := w.r.Discard(n)
		return err
	}
	_, err := io.CopyN(keep, w.r, int64(n))
	return err
}

// chunks reads a chunked body to its end, the empty trailer included.
func (w *wire) chunks(keep *bytes.Buffer) (size int, err error) {
	for {
		line, err := w.line()
		if err != nil {
			return size, err
		}
		n, err := number(line, 16)
		if err != nil {
			return size, fmt.Errorf("chunk size %.60q: %w", line, err)
		}
		if size += n; size > maxAnswer {
			return size, errTooLarge
		}
		if err := w.body(n, keep); err != nil {
			return size, err
		}
		if line, err = w.line(); err != nil {
			return size, err
		}
		if len(line) != 0 {
			return size, errors.New("a chunk is longer than it says")
		}
		if n == 0 {
			return size, nil
		}
	}
}

// number reads a length.
func number(text []byte, base int) (int, error) {
	n, err := strconv.ParseUint(string(text), base, 31)
	if err == nil && n > maxAnswer {
		err = errTooLarge
	}
	return int(n), err
}

// line reads a line without its end.
func (w *wire) line() ([]byte, error) {
	line, err := w.r.ReadSlice('\n')
	if err != nil {
		return nil, err
	}
	return bytes.TrimRight(line, "\r\n"), nil
}
