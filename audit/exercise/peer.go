package exercise

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// ErrClosed is returned when the server has ended the connection.
var ErrClosed = errors.New("the server closed the connection")

// maxOutbox is how many messages wait for a server that does not read.
const maxOutbox = 64

// listener is told what a server sends without having been asked. Its methods
// are called one at a time, from the goroutine that reads.
type listener interface {
	// request answers a request; the answer's id is filled in.
	request(*jsonrpc.Request) *jsonrpc.Response
	notification(*jsonrpc.Request)
	stray(*jsonrpc.Response) // a reply to nothing
	junk(*JunkError)
	unsent() // a message for a server that does not read was dropped
}

// reply is what came of a request.
type reply struct {
	result json.RawMessage
	err    error
}

// peer ties replies to requests over a connection: one goroutine reads, one
// writes, close joins both.
type peer struct {
	conn     mcp.Connection
	listener listener
	outbox   chan outgoing
	ctx      context.Context // of the connection
	cancel   context.CancelFunc
	tasks    sync.WaitGroup
	ended    chan struct{} // closed by the reader, when it is done
	cause    error         // why it is; set before ended is closed

	mu    sync.Mutex
	last  int64
	waits map[string]func(reply)
}

type outgoing struct {
	ctx     context.Context
	message jsonrpc.Message
	id      string // of a request
}

func newPeer(ctx context.Context, conn mcp.Connection, l listener) *peer {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	p := &peer{
		conn: conn, listener: l, ctx: ctx, cancel: cancel,
		outbox: make(chan outgoing, maxOutbox), ended: make(chan struct{}), waits: map[string]func(reply){},
	}
	p.tasks.Go(p.read)
	p.tasks.Go(p.write)
	return p
}

// close ends the connection and waits for both goroutines.
func (p *peer) close() error {
	p.cancel()
	err := p.conn.Close()
	p.tasks.Wait()
	return err
}

func (p *peer) read() {
	defer close(p.ended)
	for {
		m, err := p.conn.Read(p.ctx)
		junk, isJunk := errors.AsType[*JunkError](err)
		large, isLarge := errors.AsType[*TooLargeError](err)
		switch {
		case isJunk:
			p.listener.junk(junk)
		case isLarge:
			p.refuse(large)
		case err != nil:
			if p.cause = ErrClosed; !errors.Is(err, io.EOF) {
				p.cause = fmt.Errorf("%w: %w", ErrClosed, err)
			}
			return
		default:
			p.dispatch(m)
		}
	}
}

func (p *peer) dispatch(m jsonrpc.Message) {
	switch m := m.(type) {
	case *jsonrpc.Response:
		if deliver := p.take(name(m.ID)); deliver != nil {
			deliver(reply{m.Result, m.Error})
			return
		}
		p.listener.stray(m)
	case *jsonrpc.Request:
		if !m.IsCall() {
			p.listener.notification(m)
			return
		}
		answer := p.listener.request(m)
		answer.ID = m.ID
		p.post(answer)
	}
}

// refuse ends what waits, since calls are made one by one: a message that was not
// read is taken for the reply.
func (p *peer) refuse(err error) {
	p.mu.Lock()
	all := p.waits
	p.waits = map[string]func(reply){}
	p.mu.Unlock()
	for _, deliver := range all {
		deliver(reply{err: err})
	}
}

func (p *peer) write() {
	for {
		select {
		case <-p.ctx.Done():
			return
		case next := <-p.outbox:
			err := p.send(next)
			if deliver := p.takeIf(err != nil, next.id); deliver != nil {
				deliver(reply{err: err})
			}
		}
	}
}

// send writes one message. What belongs to a request ends with its context, which
// over HTTP lives as long as the reply is read; the rest must be taken soon.
func (p *peer) send(next outgoing) error {
	if next.id != "" {
		return p.conn.Write(next.ctx, next.message)
	}
	ctx, stop := context.WithTimeout(next.ctx, discoverTimeout)
	defer stop()
	return p.conn.Write(ctx, next.message)
}

// post sends what nobody waits for, unless too much waits already.
func (p *peer) post(m jsonrpc.Message) {
	select {
	case p.outbox <- outgoing{ctx: p.ctx, message: m}:
	default:
		p.listener.unsent()
	}
}

// notify sends a notification.
func (p *peer) notify(method string, params any) {
	if raw, err := json.Marshal(params); err == nil {
		p.post(&jsonrpc.Request{Method: method, Params: raw})
	}
}

// call sends a request and waits for its reply until ctx ends. A reply that comes
// later goes to late, from another goroutine, if that is not nil. It returns the
// id of the request.
func (p *peer) call(ctx context.Context, method string, params json.RawMessage, late func(reply)) (string, json.RawMessage, error) {
	id, got := p.expect()
	request := &jsonrpc.Request{ID: id, Method: method, Params: params}
	select {
	case p.outbox <- outgoing{ctx: ctx, message: request, id: name(id)}:
	case <-ctx.Done():
		p.take(name(id))
		return name(id), nil, fmt.Errorf("send %s: %w", method, context.Cause(ctx))
	case <-p.ended:
		p.take(name(id))
		return name(id), nil, p.cause
	}
	select {
	case r := <-got:
		return name(id), r.result, r.err
	case <-ctx.Done():
		if !p.postpone(name(id), late) {
			r := <-got
			return name(id), r.result, r.err
		}
		return name(id), nil, fmt.Errorf("wait for the reply to %s: %w", method, context.Cause(ctx))
	case <-p.ended:
	}
	select {
	case r := <-got: // it came with the last words
		return name(id), r.result, r.err
	default:
		p.take(name(id))
		return name(id), nil, p.cause
	}
}

func (p *peer) expect() (jsonrpc.ID, <-chan reply) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last++
	id, err := jsonrpc.MakeID(float64(p.last))
	if err != nil {
		panic("exercise: numbers are ids: " + err.Error())
	}
	got := make(chan reply, 1)
	p.waits[name(id)] = func(r reply) { got <- r }
	return id, got
}

func (p *peer) take(id string) func(reply) { return p.takeIf(true, id) }

// takeIf removes what waits for a reply, nil if nothing does.
func (p *peer) takeIf(really bool, id string) func(reply) {
	if !really || id == "" {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	deliver := p.waits[id]
	delete(p.waits, id)
	return deliver
}

// postpone sends a reply that was waited for elsewhere, false if it has just come.
func (p *peer) postpone(id string, late func(reply)) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, waits := p.waits[id]
	if waits && late != nil {
		p.waits[id] = late
	}
	return waits
}

// name is an id as a key; servers that answer "1" to 1 are understood.
func name(id jsonrpc.ID) string { return fmt.Sprint(id.Raw()) }
