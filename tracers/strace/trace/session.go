package trace

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/killdeer-mcp/killdeer/sdk"
	"github.com/killdeer-mcp/killdeer/tracers/form"
)

const (
	// bufferSize is how much of the log is read at once.
	bufferSize = 1 << 20
	// maxLine is how many bytes of a line are kept. A line with more is lost, and
	// counted: the longest that strace writes in earnest, a message of 16 full parts,
	// has 300 KiB.
	maxLine = 8 << 20
	// fifoName is the log's name in the caller's folder.
	fifoName = "strace.fifo"
	// begins is how often a log that nobody writes to yet is looked at.
	begins = 20 * time.Millisecond
	// drainWithin is how long the end of a log is waited for when a session is stopped.
	drainWithin = 500 * time.Millisecond
)

// session is one trace.
type session struct {
	spec sdk.TracerSpec
	fifo string
	log  *os.File
	t    *translator

	mu       sync.Mutex // guards observed and stopped
	observed bool
	stopped  bool
	over     chan struct{} // closed when Observe has returned
}

// open makes the FIFO that strace writes to. It is open for reading from then on, so
// that strace never waits for a reader.
func open(spec sdk.TracerSpec, payload int) (*session, error) {
	fifo := filepath.Join(spec.Dir, fifoName)
	if err := os.Remove(fifo); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("make the log's pipe: %w", err)
	}
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		return nil, fmt.Errorf("make the log's pipe %s: %w", fifo, err)
	}
	fd, err := unix.Open(fifo, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil, fmt.Errorf("open the log's pipe: %w", err)
	}
	s := &session{spec: spec, fifo: fifo, log: os.NewFile(uintptr(fd), fifo), over: make(chan struct{})}
	offset, err := form.ClockOffset()
	if err != nil {
		return nil, errors.Join(err, s.log.Close())
	}
	s.t = newTranslator(spec.Session, payload, spec.SetupExecs, offset, nil)
	s.t.tree.lookup, s.t.stdio = lookup, stdio
	return s, nil
}

// observe reads the log to its end.
func (s *session) observe(ctx context.Context, emit func(sdk.Observation) error) error {
	s.mu.Lock()
	if s.observed {
		s.mu.Unlock()
		return errors.New("this session is observed already")
	}
	s.observed, s.t.emit = true, emit
	s.mu.Unlock()
	defer close(s.over)
	defer context.AfterFunc(ctx, s.interrupt)()
	err := s.begun(ctx)
	if err == nil {
		err = s.read(ctx)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil && s.stopped {
		return errors.New("the session was stopped before the traced processes ended")
	}
	return err
}

// begun waits until somebody writes to the log: before, a read would see its end.
func (s *session) begun(ctx context.Context) error {
	raw, err := s.log.SyscallConn()
	if err != nil {
		return fmt.Errorf("wait for strace: %w", err)
	}
	tick := time.NewTicker(begins)
	defer tick.Stop()
	for {
		ready := false
		if err := raw.Control(func(fd uintptr) {
			p := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
			n, err := unix.Poll(p, 0)
			ready = err == nil && n > 0
		}); err != nil {
			return fmt.Errorf("wait for strace: %w", err)
		}
		if ready {
			return nil
		}
		if s.isStopped() {
			return errors.New("nothing was traced")
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

func (s *session) isStopped() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stopped
}

// read translates lines until there are no more.
func (s *session) read(ctx context.Context) error {
	lines := bufio.NewReaderSize(s.log, bufferSize)
	var long []byte // a line that the buffer does not hold
	for {
		b, err := lines.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			if len(long) <= maxLine {
				long = append(long, b...)
			}
			continue
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("read the log: %w", err)
		}
		whole := b
		if len(long) > 0 {
			whole = append(long, b...)
		}
		if e := s.one(whole, err == nil); e != nil {
			return e
		}
		long = nil
		if err != nil {
			return s.t.end()
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

// one translates a line. One without a newline was cut off when strace ended.
func (s *session) one(b []byte, whole bool) error {
	switch {
	case len(b) > maxLine:
		return s.t.lose("long_line", 1)
	case !whole && len(b) > 0:
		return s.t.lose("cut_line", 1)
	case whole:
		b = b[:len(b)-1]
	}
	return s.t.line(b)
}

// drain lets what has happened be read, but does not wait for what goes on.
func (s *session) drain() {
	select {
	case <-s.over:
	case <-time.After(drainWithin):
		s.interrupt()
		<-s.over
	}
}

// interrupt ends reading.
func (s *session) interrupt() { _ = s.log.SetReadDeadline(time.Unix(1, 0)) }

// stop ends the session, also one that is being observed, and sums it up.
func (s *session) stop() (sdk.TracerSummary, error) {
	s.mu.Lock()
	observed := s.observed
	s.observed, s.stopped = true, true // from now on nobody may begin to
	s.mu.Unlock()
	if observed {
		s.drain()
	}
	sum := s.t.sum
	sum.Survivors = slices.Clone(s.t.tree.alive())
	sum.Complete = sum.Complete && len(sum.Survivors) == 0
	// Whoever writes to a pipe that nobody reads is killed: strace would be, and its
	// target would run on unwatched either way.
	err := errors.Join(s.log.Close(), os.Remove(s.fifo))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return sum, fmt.Errorf("end the log: %w", err)
	}
	return sum, nil
}
