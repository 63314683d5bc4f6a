package plugin

import (
	"log/slog"
	"os"
)

// stderr is what the process was started with: serving replaces os.Stderr.
var stderr = os.Stderr

// Log returns a logger whose records appear in the sensor's log, with the sink's
// name, at the rate the sensor allows. Secrets do not belong there.
func Log() *slog.Logger {
	return slog.New(slog.NewJSONHandler(stderr, &slog.HandlerOptions{Level: slog.LevelDebug, ReplaceAttr: rename}))
}

// rename gives the fields of a record the names under which they are looked for.
func rename(groups []string, a slog.Attr) slog.Attr {
	if len(groups) > 0 {
		return a
	}
	switch a.Key {
	case slog.TimeKey:
		a.Key = "@timestamp"
	case slog.LevelKey:
		a.Key = "@level"
	case slog.MessageKey:
		a.Key = "@message"
	}
	return a
}
