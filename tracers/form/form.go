// Package form holds what every tracer of ours does alike: what it accepts as a
// session, how hostile bytes become text, and which variables of a program it reports.
//
// It traces nothing, and tracers of others need not use it.
package form

import (
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"golang.org/x/sys/unix"

	"github.com/killdeer-mcp/killdeer/sdk"
)

const (
	maxSession = 64
	maxWatch   = 4096 // files
	// MinPayload keeps what is cut to the payload limit whole enough to be recognised.
	MinPayload = 256
	// MaxPayload is how many bytes of each part of a payload are kept at most.
	MaxPayload = 4096
)

// Check returns the payload limit, in bytes, of a spec that can be used.
func Check(spec sdk.TracerSpec) (payload int, err error) {
	ok := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_'
	}
	switch {
	case spec.Session == "" || len(spec.Session) > maxSession || strings.ContainsFunc(spec.Session, func(r rune) bool { return !ok(r) }):
		return 0, fmt.Errorf("session %.80q: want 1 to %d letters, digits, - and _", spec.Session, maxSession)
	case !filepath.IsAbs(spec.Dir):
		return 0, fmt.Errorf("dir %q is not an absolute path", spec.Dir)
	case spec.PayloadMax < 0, spec.SetupExecs < 0:
		return 0, errors.New("a limit is negative")
	case spec.AttachPID < 0, spec.AttachPID != 0 && spec.AttachCgroup != "":
		return 0, errors.New("what to attach to is not clear: want one process or one cgroup")
	case spec.AttachCgroup != "" && !filepath.IsAbs(spec.AttachCgroup):
		return 0, fmt.Errorf("cgroup %q is not an absolute path", spec.AttachCgroup)
	case len(spec.Watch) > maxWatch:
		return 0, fmt.Errorf("%d files to watch are more than %d", len(spec.Watch), maxWatch)
	case spec.PayloadMax == 0:
		return MaxPayload, nil
	}
	return min(max(spec.PayloadMax, MinPayload), MaxPayload), nil
}

// clockSamples is how many times the clocks are read: one of them is hardly ever
// interrupted between two clocks.
const clockSamples = 32

// ClockOffset is how far the wall clock is ahead of CLOCK_MONOTONIC, in nanoseconds.
// It is as exact as the shortest of some tries.
func ClockOffset() (int64, error) { return clockOffset(unix.ClockGettime) }

// clockOffset reads the wall clock between two readings of the other.
func clockOffset(read func(clock int32, ts *unix.Timespec) error) (offset int64, err error) {
	best := int64(math.MaxInt64)
	for range clockSamples {
		var before, wall, after unix.Timespec
		err := errors.Join(read(unix.CLOCK_MONOTONIC, &before), read(unix.CLOCK_REALTIME, &wall), read(unix.CLOCK_MONOTONIC, &after))
		if err != nil {
			return 0, fmt.Errorf("read clock: %w", err)
		}
		if took := after.Nano() - before.Nano(); took < best {
			best, offset = took, wall.Nano()-before.Nano()-took/2
		}
	}
	return offset, nil
}

// Text makes a string of bytes that need not be one: what is no UTF-8 is written as
// \x and two digits.
func Text(b []byte) string {
	if utf8.Valid(b) {
		return string(b)
	}
	var out []byte
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		if r == utf8.RuneError && n == 1 {
			out = fmt.Appendf(out, `\x%02x`, b[0])
		} else {
			out = append(out, b[:n]...)
		}
		b = b[n:]
	}
	return string(out)
}

// Loaders are the names of variables that change which code a program loads. One that
// ends in _ stands for all that begin so.
var Loaders = []string{
	"LD_", "GCONV_PATH", "GLIBC_TUNABLES", "NODE_OPTIONS", "NODE_PATH", "PYTHONPATH", "PYTHONSTARTUP", "PYTHONHOME", "PYTHONINSPECT",
	"PERL5LIB", "PERL5OPT", "RUBYLIB", "RUBYOPT", "JAVA_TOOL_OPTIONS", "BASH_ENV", "ENV", "PROMPT_COMMAND",
	"GIT_SSH_COMMAND", "GIT_EXTERNAL_DIFF",
}

// Loads reports whether NAME=value changes which code a program loads.
func Loads(variable string) bool {
	name, _, _ := strings.Cut(variable, "=")
	for _, l := range Loaders {
		if name == l || strings.HasSuffix(l, "_") && strings.HasPrefix(name, l) {
			return true
		}
	}
	return false
}
