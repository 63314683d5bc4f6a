package journal

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/killdeer-mcp/killdeer/sdk"
)

// The defaults of [WriterOptions], and the pause between attempts of an append
// that fails.
const (
	defaultQueue      = 65536
	defaultQueueBytes = 64 << 20
	defaultBatch      = 512
	defaultBatchBytes = 1 << 20
	defaultDelay      = 5 * time.Millisecond

	firstBackoff = 50 * time.Millisecond
	maxBackoff   = 5 * time.Second
)

// Reasons of a gap.
const (
	reasonQueueFull   = "queue_full"
	reasonWriteFailed = "write_failed"
)

// WriterOptions bound a [Writer]. A field that is not positive takes its default.
type WriterOptions struct {
	Queue      int           // events that may wait; 65536
	QueueBytes int64         // bytes that they may take, roughly; 64 MiB
	Batch      int           // events of one commit; 512
	BatchBytes int64         // bytes of one commit, roughly; 1 MiB
	Delay      time.Duration // how long the first event of a commit waits for others; 5 ms
	Log        *slog.Logger  // nil: say nothing
	// Committed is told of every commit. It must not block. May be nil.
	Committed func(events int, took time.Duration)
}

func (o WriterOptions) withDefaults() WriterOptions {
	o.Queue = positive(o.Queue, defaultQueue)
	o.QueueBytes = positive(o.QueueBytes, defaultQueueBytes)
	o.Batch = positive(o.Batch, defaultBatch)
	o.BatchBytes = positive(o.BatchBytes, defaultBatchBytes)
	o.Delay = positive(o.Delay, defaultDelay)
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

func positive[T int | int64 | time.Duration](v, otherwise T) T {
	if v > 0 {
		return v
	}
	return otherwise
}

// appender is what a Writer writes to.
type appender interface {
	Append(ctx context.Context, events []*sdk.Event, marks ...Mark) error
}

// Writer takes events from those who may not wait and appends them in groups.
// While appends fail it tries again, and the queue absorbs what comes; what the
// queue cannot hold is counted, and the count is recorded as a gap event in the
// place of the events that are missing.
type Writer struct {
	journal appender
	o       WriterOptions

	began  time.Time
	turned atomic.Int64 // when run last went round, after began

	ctx    context.Context // ends when Close gives up
	giveUp context.CancelFunc
	done   chan struct{} // closed by run when it returns
	wake   chan struct{} // one token: the queue has something new for run

	mu      sync.Mutex
	queue   queue
	lost    uint64
	shed    map[string]uint64 // lost, by reason
	failing bool              // the last append failed
	closing bool
	flushes []flush

	abandoned error // what Close says
}

// flush waits until the queue has passed a position.
type flush struct {
	target uint64
	passed chan struct{} // closed by run
}

// NewWriter starts a writer. Close stops it.
func NewWriter(j appender, o WriterOptions) *Writer {
	ctx, cancel := context.WithCancel(context.Background())
	w := &Writer{
		journal: j, o: o.withDefaults(), shed: map[string]uint64{}, began: time.Now(), ctx: ctx, giveUp: cancel,
		done: make(chan struct{}), wake: make(chan struct{}, 1),
	}
	go w.run()
	return w
}

// Record takes ev, which belongs to the writer from now on. It never waits for
// the disk: an event that finds the queue full, or the writer closed, is counted
// instead.
func (w *Writer) Record(ev *sdk.Event) {
	size := sizeOf(ev)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closing || w.queue.live() >= w.o.Queue || w.queue.bytes+size > w.o.QueueBytes {
		w.lose(ev)
		return
	}
	first := w.queue.empty()
	w.queue.pushGaps()
	w.queue.push(ev, size)
	if first || w.enough() {
		w.signal()
	}
}

// lose counts ev. The caller holds mu.
func (w *Writer) lose(ev *sdk.Event) {
	w.lost++
	reason := reasonQueueFull
	if w.failing {
		reason = reasonWriteFailed
	}
	w.shed[reason]++
	w.queue.addGap(reason, ev.Time)
}

// Pulse returns how long ago the writer last went round, and has it go round. One
// that is asked every few seconds and says much more hangs in a write.
func (w *Writer) Pulse() time.Duration {
	age := time.Since(w.began) - time.Duration(w.turned.Load())
	w.signal()
	return age
}

// beat notes that the writer goes round.
func (w *Writer) beat() { w.turned.Store(int64(time.Since(w.began))) }

// Depth returns how many events wait.
func (w *Writer) Depth() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.queue.live()
}

// Lost returns how many events were not recorded, ever.
func (w *Writer) Lost() uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.lost
}

// Flush waits until what was recorded before it is in the journal, or ctx ends.
func (w *Writer) Flush(ctx context.Context) error {
	w.mu.Lock()
	w.queue.pushGaps()
	f := flush{target: w.queue.pushed, passed: make(chan struct{})}
	if w.queue.settled >= f.target {
		w.mu.Unlock()
		return nil
	}
	w.flushes = append(w.flushes, f)
	w.signal()
	w.mu.Unlock()
	select {
	case <-f.passed:
		return nil
	case <-ctx.Done():
	case <-w.done:
	}
	return w.unflushed(ctx, f)
}

// Sync is [Writer.Flush], except that it does not wait while appends fail.
func (w *Writer) Sync(ctx context.Context) error {
	w.mu.Lock()
	failing := w.failing
	w.mu.Unlock()
	if failing {
		return fmt.Errorf("sync events: %w", ErrFull)
	}
	return w.Flush(ctx)
}

// unflushed ends a flush that was not told of its end.
func (w *Writer) unflushed(ctx context.Context, f flush) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.flushes = slices.DeleteFunc(w.flushes, func(g flush) bool { return g == f })
	switch {
	case w.queue.settled >= f.target:
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("flush events: %w", ctx.Err())
	}
	return fmt.Errorf("flush events: %w", ErrClosed)
}

// Close takes no more events and waits until the queue is in the journal. When
// ctx ends first it gives up what is left, waits for no more than the commit in
// progress, and says how many events were given up.
func (w *Writer) Close(ctx context.Context) error {
	w.mu.Lock()
	w.closing = true
	w.signal()
	w.mu.Unlock()
	select {
	case <-w.done:
	case <-ctx.Done():
		w.giveUp()
		<-w.done
	}
	w.giveUp()
	w.mu.Lock()
	defer w.mu.Unlock()
	if n := w.queue.live(); n > 0 && w.abandoned == nil {
		w.lost += uint64(n)
		w.abandoned = fmt.Errorf("close event writer: %d events were not written", n)
	}
	return w.abandoned
}

// Shed returns how many events were not recorded, by the reason of their gaps.
func (w *Writer) Shed() map[string]uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return maps.Clone(w.shed)
}

// Failing reports whether the journal takes no events now.
func (w *Writer) Failing() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.failing
}

// signal lets run look at the queue again.
func (w *Writer) signal() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// enough reports whether the next commit need not wait. The caller holds mu.
func (w *Writer) enough() bool {
	return w.queue.live() >= w.o.Batch || w.queue.bytes >= w.o.BatchBytes || len(w.flushes) > 0 || w.closing
}

// run moves batches from the queue to the journal until the writer is closed
// and the queue is empty, Close gives up, or the journal is closed under it.
func (w *Writer) run() {
	defer close(w.done)
	for {
		if !w.gather() {
			return
		}
		w.mu.Lock()
		batch := w.queue.peek(w.o.Batch, w.o.BatchBytes)
		w.mu.Unlock()
		refused, ok := w.write(batch)
		if !ok {
			return
		}
		w.settle(len(batch), refused)
	}
}

// gather waits for a batch worth writing. It returns false when there will be none.
func (w *Writer) gather() bool {
	var delay <-chan time.Time
	for {
		w.beat()
		w.mu.Lock()
		if w.closing || len(w.flushes) > 0 {
			w.queue.pushGaps()
		}
		empty, enough, closing := w.queue.empty(), w.enough(), w.closing
		w.mu.Unlock()
		switch {
		case empty && closing:
			return false
		case !empty && enough:
			return true
		case !empty && delay == nil:
			delay = time.After(w.o.Delay)
		}
		select {
		case <-w.wake:
		case <-delay:
			return true
		case <-w.ctx.Done():
			return false
		}
	}
}

// settle removes a written batch from the queue, counts the events of it that
// the journal refused, and tells those who wait.
func (w *Writer) settle(n int, refused []*sdk.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.queue.drop(n)
	for _, ev := range refused {
		w.lost++
		w.shed[reasonWriteFailed]++
		w.queue.addGap(reasonWriteFailed, ev.Time)
	}
	if w.queue.empty() {
		w.queue.pushGaps() // do not wait for an event that may never come
	}
	rest := w.flushes[:0]
	for _, f := range w.flushes {
		if w.queue.settled < f.target {
			rest = append(rest, f)
			continue
		}
		close(f.passed)
	}
	w.flushes = rest
}

// write appends batch, trying until it succeeds. It returns the events that no
// attempt can record, and false when there is no point in going on.
func (w *Writer) write(batch []*sdk.Event) (refused []*sdk.Event, ok bool) {
	err := w.persist(batch)
	if !errors.Is(err, ErrEvent) {
		return nil, err == nil
	}
	for _, ev := range batch {
		switch err := w.persist([]*sdk.Event{ev}); {
		case errors.Is(err, ErrEvent):
			w.o.Log.Error("event cannot be recorded", "event_id", ev.ID, "error", err)
			refused = append(refused, ev)
		case err != nil:
			return nil, false
		}
	}
	return refused, true
}

// persist appends until it succeeds, trying again is hopeless, or Close gave up.
func (w *Writer) persist(batch []*sdk.Event) error {
	for backoff := firstBackoff; ; backoff = min(2*backoff, maxBackoff) {
		w.beat()
		began := time.Now()
		err := w.journal.Append(w.ctx, batch)
		if err == nil && w.o.Committed != nil {
			w.o.Committed(len(batch), time.Since(began))
		}
		w.report(err)
		if err == nil || hopeless(err) || w.ctx.Err() != nil {
			return err
		}
		if isFull(err) {
			w.tell()
		}
		select {
		case <-time.After(backoff):
		case <-w.ctx.Done():
			return err
		}
	}
}

// tell records what was shed so far, while the disk is full for what it counts:
// should the sensor die before there is room, the count is not lost with it.
func (w *Writer) tell() {
	w.mu.Lock()
	gaps := w.queue.gaps
	w.queue.gaps = nil
	w.mu.Unlock()
	if len(gaps) == 0 {
		return
	}
	var events []*sdk.Event
	for _, g := range gaps {
		events = append(events, gapEvent(g, time.Now().UTC()))
	}
	if err := w.journal.Append(w.ctx, events); err == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, g := range gaps {
		w.queue.mergeGap(g)
	}
}

// hopeless reports whether trying again cannot help.
func hopeless(err error) bool {
	return errors.Is(err, ErrEvent) || errors.Is(err, ErrClosed) || errors.Is(err, ErrReadOnly)
}

// report notes whether appends fail, and logs when that changes.
func (w *Writer) report(err error) {
	failing := err != nil && !errors.Is(err, ErrEvent)
	w.mu.Lock()
	was, depth := w.failing, w.queue.live()
	w.failing = failing
	w.mu.Unlock()
	switch {
	case failing && !was:
		w.o.Log.Error("journal does not take events, will try again", "error", err, "depth", depth)
	case was && !failing:
		w.o.Log.Info("journal takes events again", "depth", depth)
	}
}
