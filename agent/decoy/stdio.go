package decoy

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/killdeer-mcp/killdeer/agent/decoy/profile"
	"github.com/killdeer-mcp/killdeer/sdk/guest"
)

// stdioGrace is how long a stopping server waits for a client that does not read.
const stdioGrace = time.Second

// ServeStdio speaks MCP over a pair of streams, one message a line, until in
// ends or ctx is cancelled. Nothing but messages is written to out. When ctx ends
// while the client leaves out unread, a goroutine stays behind in that write.
func (s *Server) ServeStdio(ctx context.Context, in io.Reader, out io.Writer) error {
	s.begin()
	c := &stdioClient{s: s, out: out, session: s.engine.sessions.open("stdio", true, time.Now()), news: newMailbox()}
	defer s.engine.sessions.end(c.session.id)
	c.session.onClose(s.engine.attend(c.session, func(message []byte) { c.news.push(message) }))
	done := make(chan error, 1)
	go func() { done <- c.serveLines(ctx, in) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	select {
	case err := <-done:
		return err
	case <-time.After(stdioGrace):
		return nil
	}
}

// serveLines ends when in does and what it asked for is answered, or with ctx.
func (c *stdioClient) serveLines(ctx context.Context, in io.Reader) error {
	open, closeIn := context.WithCancel(ctx)
	defer closeIn()
	defer context.AfterFunc(ctx, c.session.end)()
	lines := make(chan stdioLine)
	go c.read(open, in, lines) // ends with in, which the caller closes with the process
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() { c.tellNews(open) })
	for {
		select {
		case <-ctx.Done():
			return nil
		case l, ok := <-lines:
			if ok && l.err == nil {
				c.line(ctx, open, l, &wg)
				continue
			}
			c.session.deafen() // nobody can answer us any more
			closeIn()
			return l.err
		}
	}
}

type stdioClient struct {
	s       *Server
	session *session
	news    *mailbox   // messages that belong to no request
	telling sync.Mutex // held while news are written
	mu      sync.Mutex // guards out
	out     io.Writer
}

// tellNews writes what belongs to no request, so that who has news never waits
// for a client that does not read.
func (c *stdioClient) tellNews(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.news.wake:
		}
		c.writeNews()
	}
}

// writeNews writes what waits, in its order whoever calls.
func (c *stdioClient) writeNews() {
	c.telling.Lock()
	defer c.telling.Unlock()
	messages, _ := c.news.take()
	for _, m := range messages {
		c.write(m)
	}
}

// send implements [outlet].
func (c *stdioClient) send(message []byte) bool { return c.write(message) }

// hangUp implements [outlet]: there is nothing to come back to.
func (c *stdioClient) hangUp(time.Duration) {}

type stdioLine struct {
	text    []byte
	tooLong bool
	err     error
}

// read hands on lines up to the body limit; of a longer one only its start.
func (c *stdioClient) read(ctx context.Context, in io.Reader, lines chan<- stdioLine) {
	defer close(lines)
	r := bufio.NewReaderSize(in, 64<<10)
	for {
		l, err := readLine(r, c.s.now().Limits.Body)
		if len(l.text) > 0 {
			select {
			case lines <- l:
			case <-ctx.Done():
				return
			}
		}
		if err == nil {
			continue
		}
		if !errors.Is(err, io.EOF) {
			select {
			case lines <- stdioLine{err: fmt.Errorf("read standard input: %w", err)}:
			case <-ctx.Done():
			}
		}
		return
	}
}

func readLine(r *bufio.Reader, limit int) (l stdioLine, err error) {
	for {
		part, err := r.ReadSlice('\n')
		if room := limit - len(l.text); room >= len(part) {
			l.text = append(l.text, part...)
		} else {
			l.text, l.tooLong = append(l.text, part[:max(room, 0)]...), true
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			if n := len(l.text); n > 0 && l.text[n-1] == '\n' {
				l.text = l.text[:n-1]
			}
			return l, err
		}
	}
}

// line serves one line. Requests that a persona answers, or that stay open, run
// beside each other; everything else keeps its order. open ends with the input.
func (c *stdioClient) line(ctx, open context.Context, l stdioLine, wg *sync.WaitGroup) {
	if len(bytes.Trim(l.text, " \t\r")) == 0 {
		return
	}
	x := &exchange{arrival: time.Now(), session: c.session, source: c.session.key()}
	x.event = c.s.newEvent(x.arrival, "stdio")
	x.event.Session = c.session.id
	x.event.Body = newBody(l.text, c.s.now().Limits.RecordedBody)
	x.event.Protocol, x.event.Client = c.session.facts()
	if l.tooLong {
		c.reply(x, profile.Outcome{Code: profile.BodyTooLarge, Protocol: x.event.Protocol})
		return
	}
	msgs, batch, refusal := parseBody(l.text, &c.s.Limits)
	if refusal == "" && batch && x.event.Protocol > profile.Rev2025_03_26 {
		refusal = profile.BatchRejected
	}
	if batch && slices.ContainsFunc(msgs, func(m *message) bool { return eraOf(nil, m) == profile.Modern }) {
		refusal, x.era = profile.BatchRejected, profile.Modern
	}
	switch {
	case refusal != "":
		c.reply(x, profile.Outcome{Code: refusal, Era: x.era, Protocol: x.event.Protocol})
	case batch:
		c.batch(ctx, x, msgs)
	case outlives[msgs[0].method] || msgs[0].method == "subscriptions/listen":
		c.beside(ctx, open, x, msgs[0], wg)
	default:
		c.reply(x, c.serve(ctx, x, msgs[0]))
	}
}

// beside serves a request in a goroutine of its own, when there is room for it.
func (c *stdioClient) beside(ctx, open context.Context, x *exchange, m *message, wg *sync.WaitGroup) {
	select {
	case c.session.slots <- struct{}{}:
	default:
		// The loop must go on: answers to our questions come by it.
		x.event.Error = "too many requests at once"
		c.reply(x, profile.Outcome{Code: profile.Internal, ID: m.id, Protocol: x.event.Protocol})
		return
	}
	x.out = c
	request := c.session.begin(m)
	wg.Go(func() {
		defer request.done()
		o := c.serve(request, x, m)
		if o.Code == profile.Listening {
			c.listen(request, open, x, m, o)
			return
		}
		c.reply(x, o)
	})
}

// listen passes on what changes until the client cancels or leaves, or the server
// stops, which it says.
func (c *stdioClient) listen(ctx, open context.Context, x *exchange, m *message, o profile.Outcome) {
	stop, ok := c.s.engine.start(x, m, func(message []byte) { c.news.push(message) })
	defer stop()
	if !ok {
		c.reply(x, profile.Outcome{Code: profile.Internal, Era: x.era, Protocol: o.Protocol, ID: m.id})
		return
	}
	c.s.record(x, o, 0, 0)
	select {
	case <-ctx.Done(): // of a stop as well, a moment after it began
	case <-open.Done():
	case <-c.s.closing.Done():
	}
	if c.s.closing.Err() == nil || open.Err() != nil {
		return
	}
	// The pages of the specification on cancellation and on subscriptions each want
	// one of these. They go behind what was told before.
	var w guest.Writer
	c.news.push(c.s.Profile.Notification("notifications/cancelled", w.Obj().Key("requestId").Raw(m.id).End().Bytes()))
	c.news.push(c.s.Profile.Message(x.listen.end))
	c.writeNews()
}

func (c *stdioClient) serve(ctx context.Context, x *exchange, m *message) profile.Outcome {
	if eraOf(nil, m) == profile.Modern {
		return c.s.engine.modern(ctx, x, nil, m)
	}
	x.era = profile.Legacy
	return c.s.engine.serve(ctx, x, m)
}

func (c *stdioClient) batch(ctx context.Context, x *exchange, msgs []*message) {
	var answers [][]byte
	for i, m := range msgs {
		b := c.s.branch(x, i)
		b.era = profile.Legacy
		o := c.s.engine.serve(ctx, b, m.batched())
		answer := c.s.Profile.Message(o)
		if answer != nil {
			answers = append(answers, answer)
		}
		c.s.record(b, o, 0, len(answer))
	}
	if c.s.committer != nil {
		c.s.committer.Commit()
	}
	if len(answers) > 0 {
		c.write(bytes.Join(c.s.Profile.Batch(answers).Body, nil))
	}
}

func (c *stdioClient) reply(x *exchange, o profile.Outcome) {
	answer := c.s.Profile.Message(o)
	send := func() {
		if answer != nil && !c.write(answer) {
			x.event.Error = "the client was gone before the answer"
		}
	}
	c.s.settle(x, send, func() { c.s.record(x, o, 0, len(answer)) })
}

func (c *stdioClient) write(b []byte) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, err := c.out.Write(append(slices.Clip(b), '\n'))
	return err == nil
}
