package sdk

import (
	"context"
	"errors"
	"time"
)

// Errors that a [Sink] wraps to say what is to be done. Any other error means
// that the receiver could not take the batch now: the same events come again.
var (
	// ErrPermanent: this event can never be delivered, and those behind it can.
	ErrPermanent = errors.New("the event cannot be delivered")
	// ErrGone: the receiver wants nothing more. The sink rests until the operator
	// lets it go on.
	ErrGone = errors.New("the receiver wants no more events")
)

// Sink delivers events to one receiver. What makes one of a configuration checks
// that configuration, and neither reaches for the receiver nor writes: the
// operator's check makes sinks too. Connections are for the first Write.
//
// A value may also implement [JSONSink], [Tester] and [io.Closer]; Close is the
// last call, and what Write returned nil for must have been delivered before it.
type Sink interface {
	// Write returns nil when all events of the batch were delivered, in order, or
	// are as safe as the receiver can make them. It is never called twice at a
	// time. It should end with ctx: a plugin that does not is killed soon after.
	//
	// After an error the whole batch counts as not delivered, unless the error is
	// a [*WriteError], and comes again. So a receiver may see an event twice;
	// (Sensor, Seq), or ID alone, tells.
	Write(ctx context.Context, batch []Event) error
}

// JSONSink is a [Sink] that wants events as the bytes that the journal has: one
// JSON object each, without a newline. WriteJSON is then called instead of Write,
// and the same holds for it. The bytes must not be kept or changed.
type JSONSink interface {
	Sink
	WriteJSON(ctx context.Context, batch []RawJSON) error
}

// Tester is a [Sink] that can say more of a test event than that it was delivered.
type Tester interface {
	// Test delivers one event and returns what came back, in one line without
	// secrets, for the operator.
	Test(ctx context.Context, ev Event) (answer string, err error)
}

// WriteError is what a Write may return to say more than that it failed.
type WriteError struct {
	// Done is how many events at the start of the batch were delivered all the
	// same. If Err wraps [ErrPermanent], it is the one at index Done that cannot be.
	Done int
	// After is how long the receiver asks to be left alone, 0 if it does not say.
	After time.Duration
	Err   error
}

func (e *WriteError) Error() string { return e.Err.Error() }

// Unwrap returns Err.
func (e *WriteError) Unwrap() error { return e.Err }
