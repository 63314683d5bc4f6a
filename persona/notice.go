package persona

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/killdeer-mcp/killdeer/sdk"
	"github.com/killdeer-mcp/killdeer/sdk/guest"
)

const (
	maxNotices = 64
	maxRetry   = 60 * time.Second
)

var (
	noticeKinds = []string{"progress", "log", "changed", "updated", "retry_ms"}
	noticeShape = shape{
		{"after_ms", isInteger, false},
		{"progress", isObject, false},
		{"log", isObject, false},
		{"changed", isString, false},
		{"updated", isFilled, false},
		{"retry_ms", isInteger, false},
	}
	progressShape = shape{{"progress", isNumber, true}, {"total", isNumber, false}, {"message", isString, false}}
	logShape      = shape{{"level", isString, true}, {"logger", isString, false}}
	logLevels     = []string{"debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"}
	listNames     = []string{"tools", "prompts", "resources"}
)

// decodeNotices reads notify, nil when it is absent.
func decodeNotices(v []byte) ([]sdk.Notice, error) {
	if v == nil {
		return nil, nil
	}
	var notices []sdk.Notice
	var last time.Duration
	err := each("notify", v, maxNotices, func(at string, v []byte) error {
		n, err := decodeNotice(at, v, last)
		last = n.After
		notices = append(notices, n)
		return err
	})
	return notices, err
}

func decodeNotice(at string, v []byte, last time.Duration) (n sdk.Notice, err error) {
	o, err := noticeShape.read(at, v)
	if err != nil {
		return n, err
	}
	n.After = last
	if o.Raw("after_ms") != nil {
		if n.After, err = milliseconds(at+".after_ms", o.Int("after_ms", 0), 0, maxDelay); err != nil {
			return n, err
		}
	}
	if n.After < last {
		return n, fmt.Errorf("%s.after_ms is less than the one before", at)
	}
	err = decodeWhat(&n, at, o)
	return n, err
}

// decodeWhat reads the one thing that a notice tells.
func decodeWhat(n *sdk.Notice, at string, o guest.Object) (err error) {
	var kind strings.Builder
	for _, k := range noticeKinds {
		if o.Raw(k) != nil {
			kind.WriteString(k)
		}
	}
	switch value := o.Raw(kind.String()); kind.String() {
	case "progress":
		n.Progress, err = pick(progressShape, at+".progress", value, "progress", "total", "message")
	case "log":
		n.Level, n.Log, err = decodeLog(at+".log", value)
	case "changed":
		if n.Changed = o.Str(kind.String()); !slices.Contains(listNames, n.Changed) {
			err = fmt.Errorf("%s.changed is %.80q, not %s", at, n.Changed, strings.Join(listNames, ", "))
		}
	case "updated":
		n.Updated = o.Str(kind.String())
	case "retry_ms":
		n.Retry, err = milliseconds(at+".retry_ms", o.Int(kind.String(), 0), time.Millisecond, maxRetry)
	default:
		err = fmt.Errorf("%s needs exactly one of %s", at, strings.Join(noticeKinds, ", "))
	}
	return err
}

func decodeLog(at string, v []byte) (level string, log []byte, err error) {
	o, err := logShape.read(at, v)
	if err != nil {
		return "", nil, err
	}
	if level = o.Str("level"); !slices.Contains(logLevels, level) {
		return "", nil, fmt.Errorf("%s.level is %.80q, not %s", at, level, strings.Join(logLevels, ", "))
	}
	if o.Raw("data") == nil {
		return "", nil, fmt.Errorf("%s.data is missing", at)
	}
	log, err = pick(logShape, at, v, "level", "logger", "data")
	return level, log, err
}

// pick returns an object of the named members alone: the host writes others
// beside them, and a member must not stand there twice.
func pick(s shape, at string, v []byte, names ...string) ([]byte, error) {
	o, err := s.read(at, v)
	if err != nil {
		return nil, err
	}
	var w guest.Writer
	w.Obj()
	for _, name := range names {
		if value := o.Raw(name); value != nil {
			w.Key(name).Raw(value)
		}
	}
	return w.End().Bytes(), nil
}

func milliseconds(at string, ms int64, low, high time.Duration) (time.Duration, error) {
	if ms < low.Milliseconds() || ms > high.Milliseconds() {
		return 0, fmt.Errorf("%s is not within %d to %d", at, low.Milliseconds(), high.Milliseconds())
	}
	return time.Duration(ms) * time.Millisecond, nil
}
