package service

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"os"
)

// ErrorLines returns a writer of whole lines that say why the program ends. Where w is
// the stream that the service manager gave it for its journal they begin with their
// priority, as those of [NewLog] do; else it is w.
func ErrorLines(w io.Writer) io.Writer {
	if !isJournal(w, os.Getenv("JOURNAL_STREAM")) {
		return w
	}
	return errorLines{w}
}

// errorLines puts a priority in front of lines.
type errorLines struct{ w io.Writer }

// Write implements [io.Writer].
func (e errorLines) Write(p []byte) (int, error) {
	var text bytes.Buffer
	for line := range bytes.Lines(p) {
		fmt.Fprintf(&text, "<%d>%s", priority(slog.LevelError), line)
	}
	if _, err := e.w.Write(text.Bytes()); err != nil {
		return 0, err
	}
	return len(p), nil
}
