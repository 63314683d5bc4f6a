// Package sink writes events to a file, one line each, and rotates it by size and
// time.
//
// A line is whole or not there: what a crash or a full disk left of one is taken
// off before the next is written. The file may be moved or removed under the sink,
// as logrotate does; it notices, and SIGHUP makes it look at once. The sink neither
// compresses nor uploads, and holds its file against a second sink.
package sink

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/killdeer-mcp/killdeer/sdk"
)

// maxWrite is about how many bytes go to the file at once.
const maxWrite = 4 << 20

// Sink is one file.
type Sink struct {
	file   *file
	lines  *lines
	hup    chan os.Signal
	reopen atomic.Bool
	end    sync.Once
	done   chan struct{}
}

var _ sdk.JSONSink = (*Sink)(nil)

// New makes a sink of its configuration, and touches nothing. Version is the
// product's, where a format has a place for it.
func New(config json.RawMessage, version string) (*Sink, error) {
	c, mode, err := parse(config)
	if err != nil {
		return nil, err
	}
	lines, err := newLines(c.Format, version)
	if err != nil {
		return nil, err
	}
	s := &Sink{
		lines: lines, hup: make(chan os.Signal, 1), done: make(chan struct{}),
		file: &file{
			path: c.Path, mode: mode, maxBytes: int64(c.MaxBytes), span: time.Duration(c.MaxAge),
			keep: c.Keep, sync: c.Fsync == "batch", now: time.Now,
		},
	}
	signal.Notify(s.hup, syscall.SIGHUP)
	go func() {
		defer close(s.done)
		for range s.hup {
			s.reopen.Store(true)
		}
	}()
	return s, nil
}

// Write implements [sdk.Sink].
func (s *Sink) Write(ctx context.Context, batch []sdk.Event) error {
	return s.write(ctx, len(batch), func(dst []byte, i int) ([]byte, error) { return s.lines.Append(dst, &batch[i]) })
}

// WriteJSON implements [sdk.JSONSink].
func (s *Sink) WriteJSON(ctx context.Context, batch []sdk.RawJSON) error {
	return s.write(ctx, len(batch), func(dst []byte, i int) ([]byte, error) { return s.lines.record(dst, batch[i]) })
}

// write writes n lines that line appends, in pieces.
func (s *Sink) write(ctx context.Context, n int, line func(dst []byte, i int) ([]byte, error)) error {
	if s.reopen.Swap(false) {
		if err := s.file.close(); err != nil {
			return err
		}
	}
	if err := s.file.ready(); err != nil {
		return err
	}
	var piece []byte
	written := 0 // lines
	for i := range n {
		out, err := line(piece, i)
		if err != nil {
			return s.unwritable(piece, i, err)
		}
		if piece = out; len(piece) < maxWrite && i < n-1 {
			continue
		}
		err = ctx.Err()
		if err == nil {
			err = s.file.write(piece)
		}
		if err != nil {
			return s.ended(written, err)
		}
		written, piece = i+1, piece[:0]
	}
	return s.file.flush()
}

// unwritable writes what precedes an event that has no line.
func (s *Sink) unwritable(piece []byte, i int, why error) error {
	if err := s.file.write(piece); err != nil {
		return err
	}
	return s.ended(i, fmt.Errorf("%w: %w", sdk.ErrPermanent, why))
}

// ended says how far a batch got, once that is as safe as a whole one would be.
func (s *Sink) ended(written int, why error) error {
	if err := s.file.flush(); err != nil {
		return err
	}
	return &sdk.WriteError{Done: written, Err: why}
}

// Close implements [io.Closer].
func (s *Sink) Close() error {
	s.end.Do(func() {
		signal.Stop(s.hup)
		close(s.hup)
		<-s.done
	})
	return s.file.close()
}
