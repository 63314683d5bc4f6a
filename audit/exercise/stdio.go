package exercise

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"
)

const (
	// MaxMessage is the longest message of a server that is taken, in bytes.
	MaxMessage = 16 << 20
	// maxBraces bounds where in a line of noise a message is looked for.
	maxBraces = 4
	keptLine  = 512 // bytes of a line that is no message
)

// JunkError is a line on a server's standard output that is no message. Reading
// may go on.
type JunkError struct {
	Line string // its beginning, at most 512 bytes
}

func (e *JunkError) Error() string { return fmt.Sprintf("read a line that is no message: %q", e.Line) }

// TooLargeError is a message longer than [MaxMessage]. It is known as soon as so much
// of it has come; reading may go on, and skips the rest.
type TooLargeError struct {
	Size int64 // bytes, at least
}

func (e *TooLargeError) Error() string {
	return fmt.Sprintf("read %d bytes of a message: more than %d are not taken", e.Size, MaxMessage)
}

// Stdio is the transport to a server's standard output and input: messages are
// lines of JSON. Unlike the SDK's it survives noise, takes batches, and starts no
// process. One Stdio is one connection.
type Stdio struct {
	Out io.ReadCloser  // what the server writes
	In  io.WriteCloser // what it reads
}

var _ mcp.Transport = (*Stdio)(nil)

// Connect implements [mcp.Transport].
func (t *Stdio) Connect(context.Context) (mcp.Connection, error) {
	return &stdioConn{out: t.Out, in: t.In, lines: bufio.NewReaderSize(t.Out, 64<<10)}, nil
}

type stdioConn struct {
	out     io.ReadCloser
	in      io.WriteCloser
	lines   *bufio.Reader
	line    []byte
	skips   bool              // the rest of a line that is too long
	queue   []jsonrpc.Message // of a batch
	writing sync.Mutex
}

// SessionID implements [mcp.Connection].
func (*stdioConn) SessionID() string { return "" }

// Read implements [mcp.Connection]. It does not end with its context: closing the
// connection ends it. After a [*JunkError] or a [*TooLargeError] it may be called
// again.
func (c *stdioConn) Read(context.Context) (jsonrpc.Message, error) {
	for {
		if len(c.queue) > 0 {
			next := c.queue[0]
			c.queue = c.queue[1:]
			return next, nil
		}
		line, err := c.readLine()
		if err != nil {
			return nil, err
		}
		if line = bytes.TrimSpace(bytes.TrimPrefix(line, []byte("\xef\xbb\xbf"))); len(line) == 0 {
			continue
		}
		var noise []byte
		if c.queue, noise = messages(line); len(noise) > 0 {
			return nil, &JunkError{string(bytes.ToValidUTF8(noise[:min(len(noise), keptLine)], []byte("\uFFFD")))}
		}
	}
}

// readLine reads up to a line's end or the stream's. Of a line that is too long it
// gives up at once: who sends it may take long.
func (c *stdioConn) readLine() ([]byte, error) {
	c.line = c.line[:0]
	if cap(c.line) > 1<<20 {
		c.line = nil // one large message must not cost its size for ever
	}
	for {
		part, err := c.lines.ReadSlice('\n')
		full := errors.Is(err, bufio.ErrBufferFull)
		if c.skips {
			if c.skips = full; full || err == nil {
				continue
			}
			return nil, err
		}
		c.line = append(c.line, part...)
		if size := len(c.line); size > MaxMessage {
			c.line, c.skips = nil, full
			return nil, &TooLargeError{int64(size)}
		}
		switch {
		case full:
		case err == nil || err == io.EOF && len(c.line) > 0:
			return c.line, nil
		default:
			return nil, err
		}
	}
}

// messages finds the messages of a line: usually one, or a batch, or some with
// noise around them that had no end of line. It returns the noise too.
func messages(line []byte) (found []jsonrpc.Message, noise []byte) {
	if found = values(line); found != nil {
		return found, nil
	}
	rest := line
	for range maxBraces {
		at := bytes.IndexByte(rest, '{')
		if at < 0 {
			break
		}
		rest = rest[at:]
		d := json.NewDecoder(bytes.NewReader(rest))
		var value json.RawMessage
		for d.Decode(&value) == nil {
			found = append(found, values(value)...)
		}
		if len(found) > 0 {
			break
		}
		rest = rest[1:]
	}
	return found, line
}

// values are the messages of one JSON value: itself, or those of a batch.
func values(b []byte) []jsonrpc.Message {
	if m := message(b); m != nil {
		return []jsonrpc.Message{m}
	}
	var batch []json.RawMessage
	if b[0] != '[' || json.Unmarshal(b, &batch) != nil {
		return nil
	}
	var out []jsonrpc.Message
	for _, one := range batch {
		if m := message(one); m != nil {
			out = append(out, m)
		}
	}
	return out
}

// message decodes one message, nil if it is none. What the SDK refuses is read
// leniently: real servers send errors whose code is a word, and forget "jsonrpc".
func message(b []byte) jsonrpc.Message {
	if len(b) == 0 || b[0] != '{' || !json.Valid(b) {
		return nil
	}
	if m, err := jsonrpc.DecodeMessage(b); err == nil {
		return m
	}
	var parts map[string]json.RawMessage
	if json.Unmarshal(b, &parts) != nil {
		return nil
	}
	return lenient(parts)
}

func lenient(parts map[string]json.RawMessage) jsonrpc.Message {
	var raw any
	if json.Unmarshal(parts["id"], &raw) != nil {
		raw = nil
	}
	id, err := jsonrpc.MakeID(raw)
	if err != nil {
		return nil
	}
	var method string
	if json.Unmarshal(parts["method"], &method) == nil && method != "" {
		return &jsonrpc.Request{ID: id, Method: method, Params: parts["params"]}
	}
	switch {
	case !id.IsValid():
		return nil
	case parts["error"] != nil:
		said := parts["error"][:min(len(parts["error"]), keptLine)]
		return &jsonrpc.Response{ID: id, Error: &jsonrpc.Error{Message: string(bytes.ToValidUTF8(said, nil))}}
	case parts["result"] != nil:
		return &jsonrpc.Response{ID: id, Result: parts["result"]}
	}
	return nil
}

// Write implements [mcp.Connection]. It does not end with its context.
func (c *stdioConn) Write(_ context.Context, m jsonrpc.Message) error {
	b, err := jsonrpc.EncodeMessage(m)
	if err != nil {
		return fmt.Errorf("encode a message: %w", err)
	}
	c.writing.Lock()
	defer c.writing.Unlock()
	if _, err := c.in.Write(append(b, '\n')); err != nil {
		return fmt.Errorf("write to the server's standard input: %w", err)
	}
	return nil
}

// closeInput tells the server to end, as a client does, while its output is still
// read.
func (c *stdioConn) closeInput() error { return c.in.Close() }

// Close implements [mcp.Connection].
func (c *stdioConn) Close() error {
	return errors.Join(unlessClosed(c.in.Close()), unlessClosed(c.out.Close()))
}

// unlessClosed drops the error of closing twice.
func unlessClosed(err error) error {
	if errors.Is(err, os.ErrClosed) {
		return nil
	}
	return err
}
