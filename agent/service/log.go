package service

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"syscall"
)

// NewLog returns a logger that writes lines of text to w. Where w is the stream that
// the service manager gave the program for its journal, lines begin with their
// priority (sd-daemon(3)) and leave out the time, which the journal has.
func NewLog(w io.Writer, level slog.Leveler) *slog.Logger {
	o := &slog.HandlerOptions{Level: level}
	if !isJournal(w, os.Getenv("JOURNAL_STREAM")) {
		return slog.New(slog.NewTextHandler(w, o))
	}
	return slog.New(newPriorities(w, level))
}

// isJournal compares a file with "device:inode" of the journal's stream.
func isJournal(w io.Writer, stream string) bool {
	f, ok := w.(*os.File)
	if !ok || stream == "" {
		return false
	}
	info, err := f.Stat()
	if err != nil {
		return false
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && stream == fmt.Sprintf("%d:%d", st.Dev, st.Ino)
}

// priorities writes text lines with a priority in front.
type priorities struct {
	slog.Handler // writes to line
	out          *lines
}

// lines is what all handlers of one logger share.
type lines struct {
	mu   sync.Mutex
	w    io.Writer
	line bytes.Buffer
}

func newPriorities(w io.Writer, level slog.Leveler) *priorities {
	out := &lines{w: w}
	text := slog.NewTextHandler(&out.line, &slog.HandlerOptions{
		Level: level,
		ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
			if len(groups) == 0 && (a.Key == slog.TimeKey || a.Key == slog.LevelKey) {
				return slog.Attr{}
			}
			return a
		},
	})
	return &priorities{text, out}
}

// Handle implements [slog.Handler].
func (p *priorities) Handle(ctx context.Context, r slog.Record) error {
	p.out.mu.Lock()
	defer p.out.mu.Unlock()
	p.out.line.Reset()
	fmt.Fprintf(&p.out.line, "<%d>", priority(r.Level))
	if err := p.Handler.Handle(ctx, r); err != nil {
		return err
	}
	_, err := p.out.w.Write(p.out.line.Bytes())
	return err
}

// WithAttrs implements [slog.Handler].
func (p *priorities) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &priorities{p.Handler.WithAttrs(attrs), p.out}
}

// WithGroup implements [slog.Handler].
func (p *priorities) WithGroup(name string) slog.Handler {
	return &priorities{p.Handler.WithGroup(name), p.out}
}

// priority is a level as syslog has it, RFC 5424 §6.2.1.
func priority(l slog.Level) int {
	switch {
	case l >= slog.LevelError:
		return 3
	case l >= slog.LevelWarn:
		return 4
	case l >= slog.LevelInfo:
		return 6
	}
	return 7
}
