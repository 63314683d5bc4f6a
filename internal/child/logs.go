package child

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	logBurst   = 50               // lines of one program that are logged at once
	logRefill  = time.Second / 5  // for each line more
	logTell    = 10 * time.Second // between two counts of what was left out
	maxLogLine = 1 << 10          // bytes of a line that are kept
	maxLogKeys = 16
)

// pluginLog carries what a program says into the sensor's log, at a bounded rate.
type pluginLog struct {
	log *slog.Logger

	mu      sync.Mutex
	tokens  int
	filled  time.Time
	dropped int
	told    time.Time
	final   string // the last line, or the one that says why the program ends
	fatal   bool
}

func newPluginLog(log *slog.Logger) *pluginLog {
	return &pluginLog{log: log, tokens: logBurst, filled: time.Now()}
}

// follow logs the lines of r until it ends.
func (l *pluginLog) follow(r io.Reader) {
	lines := bufio.NewReaderSize(r, 64<<10)
	for inside := false; ; {
		line, more, err := lines.ReadLine()
		if err != nil {
			l.tell(true)
			return
		}
		if !inside { // the rest of a line that is too long says nothing
			l.line(line)
		}
		inside = more
	}
}

// Write implements [io.Writer] for what arrives in pieces; each piece's lines are
// logged as they are.
func (l *pluginLog) Write(b []byte) (int, error) {
	for line := range strings.Lines(string(b)) {
		l.line([]byte(strings.TrimRight(line, "\r\n")))
	}
	return len(b), nil
}

func (l *pluginLog) line(line []byte) {
	if len(line) == 0 {
		return
	}
	text := string(line[:min(len(line), maxLogLine)])
	if !l.admit(text) {
		l.tell(false)
		return
	}
	level, message, attrs := slog.LevelInfo, text, []slog.Attr(nil)
	if line[0] == '{' {
		level, message, attrs = parseLine(line)
	}
	l.log.LogAttrs(context.Background(), level, "plugin says", append([]slog.Attr{slog.String("text", message)}, attrs...)...)
}

// admit notes a line and reports whether it may be logged.
func (l *pluginLog) admit(text string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if fatal := strings.HasPrefix(text, "panic: ") || strings.HasPrefix(text, "fatal error: "); fatal || !l.fatal {
		l.final, l.fatal = text, fatal
	}
	now := time.Now()
	if n := int(now.Sub(l.filled) / logRefill); n > 0 {
		l.tokens, l.filled = min(logBurst, l.tokens+n), now
	}
	if l.tokens == 0 {
		l.dropped++
		return false
	}
	l.tokens--
	return true
}

// tell logs how many lines were left out, now and then and at the end.
func (l *pluginLog) tell(end bool) {
	l.mu.Lock()
	n, now := l.dropped, time.Now()
	due := n > 0 && (end || now.Sub(l.told) > logTell)
	if due {
		l.dropped, l.told = 0, now
	}
	l.mu.Unlock()
	if due {
		l.log.Warn("a plugin says too much: lines were left out", "lines", n)
	}
}

// last returns the line that says best why the program ended.
func (l *pluginLog) last() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.final
}

// parseLine reads a record of a structured logger, as sdk/plugin and hclog write.
func parseLine(line []byte) (slog.Level, string, []slog.Attr) {
	var fields map[string]any
	message := ""
	if json.Unmarshal(line, &fields) == nil {
		message, _ = fields["@message"].(string)
	}
	if message == "" {
		return slog.LevelInfo, string(line[:min(len(line), maxLogLine)]), nil
	}
	name, _ := fields["@level"].(string)
	for _, k := range []string{"@message", "@level", "@timestamp", "@module", "@caller"} {
		delete(fields, k)
	}
	var attrs []slog.Attr
	for _, k := range slices.Sorted(maps.Keys(fields)) {
		if len(attrs) < maxLogKeys {
			attrs = append(attrs, slog.Any(k, fields[k]))
		}
	}
	return levelOf(name), message[:min(len(message), maxLogLine)], attrs
}

func levelOf(name string) slog.Level {
	switch strings.ToLower(name) {
	case "trace", "debug":
		return slog.LevelDebug
	case "warn":
		return slog.LevelWarn
	case "error":
		return slog.LevelError
	}
	return slog.LevelInfo
}
