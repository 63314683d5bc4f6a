package main

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/killdeer-mcp/killdeer/sdk"
)

// maxLast is how many earlier events a tail shows: one page of the journal.
const maxLast = 1000

var (
	kinds      = sdk.Kinds()
	severities = []sdk.Severity{sdk.SeverityInfo, sdk.SeverityLow, sdk.SeverityMedium, sdk.SeverityHigh, sdk.SeverityCritical}
)

// check looks at the filters and works the times out. A word that nothing can
// match is a mistake, not an empty answer.
func (q *queryFlags) check(now time.Time) error {
	var fromErr, toErr error
	q.From, fromErr = parseTime("--from", q.from, now)
	q.To, toErr = parseTime("--to", q.to, now)
	err := errors.Join(
		oneOf("--kind", q.Kind, kinds),
		oneOf("--severity", q.Severity, severities),
		oneOf("--min-severity", q.MinSeverity, severities),
		inRange("--limit", q.limit, 1, math.MaxInt32),
		fromErr, toErr,
	)
	if err != nil {
		return &usageError{err}
	}
	return nil
}

func oneOf[T ~string](flag string, got T, of []T) error {
	if got == "" || slices.Contains(of, got) {
		return nil
	}
	return fmt.Errorf("%s: want one of %s, got %q", flag, choice(of), got)
}

// choice lists words for a reader.
func choice[T ~string](of []T) string {
	words := make([]string, len(of))
	for i, w := range of {
		words[i] = string(w)
	}
	return strings.Join(words, ", ")
}

func inRange(flag string, got, low, high int) error {
	if got < low || got > high {
		return fmt.Errorf("%s: want %d to %d, got %d", flag, low, high, got)
	}
	return nil
}

// parseTime reads a time, or a duration as that long before now.
func parseTime(flag, text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if ago, err := time.ParseDuration(text); err == nil && ago >= 0 {
		return now.Add(-ago), nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return t, fmt.Errorf("%s: %q is neither a time as 2026-11-20T14:00:00Z nor a duration as 90m", flag, text)
	}
	return t, nil
}
