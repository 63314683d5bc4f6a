package decoy

import (
	"context"
	"sync"
	"time"
)

// requestContext is the context of a request. It is tied to its parent and to the client
// only when somebody waits for its end: most requests are answered before anybody does,
// and a context that can be cancelled is some ten objects.
type requestContext struct {
	parent  context.Context // of the session, or of the server
	session *session        // that has it among its running requests, nil for none
	key     string          // there, "" when it cannot be taken back
	reply   *reply          // over HTTP: its request says when the client leaves

	mu      sync.Mutex
	waited  context.Context // nil until somebody waits
	end     context.CancelCauseFunc
	unwatch func() bool
	ended   bool
	cause   error
}

var _ context.Context = (*requestContext)(nil)

// Deadline implements [context.Context].
func (c *requestContext) Deadline() (time.Time, bool) { return c.parent.Deadline() }

// Done implements [context.Context].
func (c *requestContext) Done() <-chan struct{} { return c.tied().Done() }

// Value implements [context.Context]. Package context finds the cause by it.
func (c *requestContext) Value(key any) any { return c.tied().Value(key) }

// Err implements [context.Context].
func (c *requestContext) Err() error {
	c.mu.Lock()
	waited, ended := c.waited, c.ended
	c.mu.Unlock()
	switch {
	case waited != nil:
		return waited.Err()
	case ended:
		return context.Canceled
	}
	return c.parent.Err()
}

// tied is the context that others can wait for.
func (c *requestContext) tied() context.Context {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.waited != nil {
		return c.waited
	}
	c.waited, c.end = context.WithCancelCause(c.parent)
	switch {
	case c.ended:
		c.end(c.cause)
	case c.reply != nil:
		c.unwatch = context.AfterFunc(c.reply.a.clientContext(), c.left)
	}
	return c.waited
}

// left ends a request whose connection has, unless it can be taken up again.
func (c *requestContext) left() {
	if !c.reply.stays.Load() {
		c.cancel(errLeft)
	}
}

// cancel ends the request, if it has not ended.
func (c *requestContext) cancel(cause error) {
	c.mu.Lock()
	again, end, unwatch := c.ended, c.end, c.unwatch
	if !again {
		c.ended, c.cause = true, cause
	}
	c.mu.Unlock()
	if again {
		return
	}
	if unwatch != nil {
		unwatch()
	}
	if end != nil {
		end(cause)
	}
}

// done is called when the request has been answered.
func (c *requestContext) done() {
	if c.session != nil {
		c.session.finished(c)
	}
	c.cancel(nil)
}
