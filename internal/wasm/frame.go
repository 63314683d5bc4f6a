package wasm

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"time"
)

const (
	// maxLogLines bounds the lines of one call beside their bytes: an empty line
	// costs memory too.
	maxLogLines = 128
	// tick is what each reading of the monotonic clock adds.
	tick = time.Millisecond
)

// epoch is the wall clock of start code and of calls that name no time.
var epoch = time.Date(2022, 1, 1, 0, 0, 0, 0, time.UTC)

var newline = []byte{'\n'}

// errOutputLimit travels as a panic through guest code, which ends the guest.
var errOutputLimit = errors.New("output limit reached")

// LogLevel says how serious a guest holds a line to be.
type LogLevel int8

// The levels of the guest ABI. Lines on standard error are warnings.
const (
	LogDebug LogLevel = iota
	LogInfo
	LogWarn
	LogError
)

// LogLine is one line of a guest. Its text may hold what an attacker sent: it is
// valid UTF-8 and no more than that.
type LogLine struct {
	Level LogLevel
	Text  string
}

// frame is everything that one call may see and leave behind. Clock and random
// numbers depend on the frame alone, so that equal calls see equal ones.
type frame struct {
	input  []byte
	unread []byte
	now    time.Time
	ticks  int64
	random *rand.ChaCha8

	output      []byte
	outputLimit int
	overflow    bool
	expired     bool

	lines   []LogLine
	logLeft int
	logCut  bool
	partial []byte // standard error after its last newline
}

func newFrame(input []byte, now time.Time, outputLimit, logLimit int) *frame {
	if now.IsZero() {
		now = epoch
	}
	return &frame{input: input, unread: input, now: now, outputLimit: outputLimit, logLeft: logLimit}
}

// next takes up to n bytes of the input.
func (f *frame) next(n uint32) []byte {
	k := int(min(uint64(n), uint64(len(f.unread))))
	b := f.unread[:k]
	f.unread = f.unread[k:]
	return b
}

// write appends to the output. Over the limit it ends the guest by a panic: an
// error code could be ignored, and the guest would go on.
func (f *frame) write(b []byte) {
	if len(b) > f.outputLimit-len(f.output) {
		f.overflow = true
		panic(errOutputLimit)
	}
	f.output = append(f.output, b...)
}

func (f *frame) log(level LogLevel, text []byte) {
	if len(f.lines) >= maxLogLines || len(text) > f.logLeft {
		f.logCut = true
		return
	}
	f.logLeft -= len(text)
	f.lines = append(f.lines, LogLine{level, strings.ToValidUTF8(string(text), "\uFFFD")})
}

// stderr takes bytes of standard error and makes lines of them.
func (f *frame) stderr(b []byte) {
	for len(b) > 0 {
		line, rest, ended := bytes.Cut(b, newline)
		room := max(0, f.logLeft-len(f.partial))
		if len(line) > room {
			f.logCut = true
			line = line[:room]
		}
		f.partial = append(f.partial, line...)
		if ended {
			f.flush()
		}
		b = rest
	}
}

func (f *frame) flush() {
	if len(f.partial) > 0 {
		f.log(LogWarn, f.partial)
		f.partial = f.partial[:0]
	}
}

// rand makes the call's random stream: the same input, the same stream.
func (f *frame) rand() *rand.ChaCha8 {
	if f.random == nil {
		f.random = rand.NewChaCha8(sha256.Sum256(f.input))
	}
	return f.random
}

// The WASI side of a frame. An instance keeps these values for life and has a
// new frame for each call.
type (
	stdin  struct{ of *instance }
	stdout struct{ of *instance }
	stderr struct{ of *instance }
	random struct{ of *instance }
)

func (s stdin) Read(p []byte) (int, error) {
	n := copy(p, s.of.frame.next(uint32(min(len(p), MaxInput))))
	if n == 0 && len(p) > 0 {
		return 0, io.EOF
	}
	return n, nil
}

func (s stdout) Write(p []byte) (int, error) {
	s.of.frame.write(p)
	return len(p), nil
}

func (s stderr) Write(p []byte) (int, error) {
	s.of.frame.stderr(p)
	return len(p), nil
}

func (r random) Read(p []byte) (int, error) { return r.of.frame.rand().Read(p) }

func (i *instance) walltime() (sec int64, nsec int32) {
	return i.frame.now.Unix(), int32(i.frame.now.Nanosecond())
}

func (i *instance) nanotime() int64 {
	i.frame.ticks += int64(tick)
	return i.frame.ticks
}
