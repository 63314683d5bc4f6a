package decoy_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http/httputil"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// patience is how long a test waits for what must come.
const patience = 10 * time.Second

// request makes the bytes of an HTTP request from a transcript's text.
func request(text, headers string) string {
	line, rest, _ := strings.Cut(text, "\n")
	head, body, _ := strings.Cut("\n"+rest, "\n\n")
	body = strings.TrimSuffix(body, "\n")
	head = strings.Trim(strings.TrimPrefix(head, "\n"), "\n")
	if head != "" {
		head += "\n"
	}
	head = headers + head
	if body != "" && !strings.Contains(head, "Content-Length:") {
		head += fmt.Sprintf("Content-Length: %d\n", len(body))
	}
	return strings.ReplaceAll(line+"\n"+head+"\n", "\n", "\r\n") + body
}

// wire is a TCP connection to the server. It reads answers as they come and
// leaves out only CR and the framing of chunks.
type wire struct {
	net.Conn
	r       *bufio.Reader
	body    *bufio.Reader // of the answer being read, nil for none
	chunked bool
}

func newWire(addr string) (*wire, error) {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	return &wire{Conn: c, r: bufio.NewReader(c)}, nil
}

func (w *wire) close() { _ = w.Close() }

func (w *wire) send(text string) error {
	_, err := io.WriteString(w, text)
	return err
}

func (w *wire) receive(n int) (string, error) {
	if err := w.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return "", err
	}
	text := ""
	if w.body == nil {
		head, err := w.head()
		if err != nil {
			return head, err
		}
		text = head
	}
	if n < 0 {
		return w.rest(text)
	}
	for range n {
		frame, err := w.frame()
		text += frame
		if err != nil {
			return text, err
		}
	}
	return text, nil
}

// head reads an answer's head and finds out how its body is framed.
func (w *wire) head() (string, error) {
	head, length := "", int64(0)
	w.chunked = false
	for {
		line, err := w.r.ReadString('\n')
		if err != nil {
			return head, err
		}
		line = strings.TrimRight(line, "\r\n")
		head += line + "\n"
		name, value, _ := strings.Cut(line, ": ")
		switch name {
		case "":
			w.body = bufio.NewReader(io.LimitReader(w.r, length))
			if w.chunked {
				w.body = bufio.NewReader(httputil.NewChunkedReader(w.r))
			}
			return head, nil
		case "Content-Length":
			if length, err = strconv.ParseInt(value, 10, 64); err != nil {
				return head, err
			}
		case "Transfer-Encoding":
			w.chunked = true
		}
	}
}

func (w *wire) rest(text string) (string, error) {
	b, err := io.ReadAll(w.body)
	text += string(b)
	w.body = nil
	if err == nil && w.chunked {
		_, err = w.r.ReadString('\n') // the empty trailer
	}
	return text, err
}

// frame reads one event.
func (w *wire) frame() (string, error) {
	frame := ""
	for {
		line, err := w.body.ReadString('\n')
		frame += line
		if err != nil || line == "\n" {
			return frame, err
		}
	}
}

// pipes are the standard input and output of a server.
type pipes struct {
	in   *io.PipeWriter
	out  *bufio.Reader
	stop context.CancelFunc // as the end of the process does
	done chan struct{}      // closed when the server has ended
}

func newPipes(s *sensor) *pipes {
	in, out := io.Pipe()
	answers, write := io.Pipe()
	ctx, stop := context.WithCancel(context.Background())
	p := &pipes{in: out, out: bufio.NewReader(answers), stop: stop, done: make(chan struct{})}
	go func() {
		defer close(p.done)
		_ = write.CloseWithError(s.ServeStdio(ctx, in, write)) // EOF for nil
	}()
	return p
}

func (p *pipes) send(text string) error {
	if text == "EOF\n" {
		return p.in.Close()
	}
	_, err := io.WriteString(p.in, text)
	return err
}

func (p *pipes) receive(n int) (string, error) {
	type read struct {
		text string
		err  error
	}
	got := make(chan read, 1)
	go func() {
		var r read
		for line := ""; n != 0 && r.err == nil; n-- {
			line, r.err = p.out.ReadString('\n')
			r.text += line
		}
		if n < 0 && errors.Is(r.err, io.EOF) {
			r.err = nil
		}
		got <- r
	}()
	select {
	case r := <-got:
		return r.text, r.err
	case <-time.After(patience):
		return "", errors.New("no more lines in time")
	}
}

func (p *pipes) close() {
	_ = p.in.Close()
	p.stop()
	_, _ = io.Copy(io.Discard, p.out) // ends with the server's side
	<-p.done
}

// masks gives names to what is never twice the same.
type masks struct {
	names  map[string]string // by value
	values map[string]string // by name
	counts map[string]int
}

var (
	dateLine = regexp.MustCompile(`(?m)^Date: .*$`)
	unstable = regexp.MustCompile(`(?m)^Mcp-Session-Id: (?P<session>.+)$|sessionId=(?P<session>\S+)|"requestState":"(?P<token>[^"]+)"|"nextCursor":"(?P<cursor>[^"]+)"`)
)

func newMasks() *masks {
	return &masks{names: map[string]string{}, values: map[string]string{}, counts: map[string]int{}}
}

// hide puts names in the place of values.
func (m *masks) hide(text string) string {
	text = dateLine.ReplaceAllString(text, "Date: {{date}}")
	for _, match := range unstable.FindAllStringSubmatch(text, -1) {
		for i, kind := range unstable.SubexpNames() {
			if kind != "" && match[i] != "" {
				m.name(kind, match[i])
			}
		}
	}
	for value, name := range m.names {
		text = strings.ReplaceAll(text, value, name)
	}
	return text
}

func (m *masks) name(kind, value string) {
	if m.names[value] != "" {
		return
	}
	m.counts[kind]++
	name := "{{" + kind + "}}"
	if n := m.counts[kind]; n > 1 {
		name = fmt.Sprintf("{{%s%d}}", kind, n)
	}
	m.names[value], m.values[name] = name, value
}

// fill puts values in the place of names.
func (m *masks) fill(text string) string {
	for name, value := range m.values {
		text = strings.ReplaceAll(text, name, value)
	}
	return text
}
