package config

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// A Size is a number of bytes. Its text is a whole number and a unit, such as
// "64KiB" or "1MB"; a number alone is bytes.
type Size int64

// The binary units of a [Size].
const (
	KiB Size = 1 << (10 * (iota + 1))
	MiB
	GiB
)

// maxUnitText bounds the text of a size or a duration.
const maxUnitText = 32

// sizeUnits is ordered: String takes the first that divides, and a suffix is
// only tried after the longer ones it ends.
var sizeUnits = []struct {
	name string
	size Size
}{
	{"GiB", GiB},
	{"MiB", MiB},
	{"KiB", KiB},
	{"GB", 1e9},
	{"MB", 1e6},
	{"KB", 1e3},
	{"kB", 1e3},
	{"B", 1},
}

// UnmarshalText reads a size, which is never negative.
func (s *Size) UnmarshalText(text []byte) error {
	if len(text) > maxUnitText {
		return errors.New("size is too long")
	}
	number, unit := splitSize(string(text))
	n, err := strconv.ParseUint(number, 10, 63)
	if errors.Is(err, strconv.ErrRange) || err == nil && n > uint64(math.MaxInt64/unit) {
		return fmt.Errorf("size %q is too large", text)
	}
	if err != nil {
		return fmt.Errorf("invalid size %q, want a whole number and a unit such as KiB, MiB, KB or MB", text)
	}
	*s = Size(n) * unit
	return nil
}

func splitSize(text string) (number string, unit Size) {
	for _, u := range sizeUnits {
		if rest, ok := strings.CutSuffix(text, u.name); ok {
			return strings.TrimRight(rest, " "), u.size
		}
	}
	return text, 1
}

// String gives the size in the largest binary unit that divides it.
func (s Size) String() string {
	for _, u := range sizeUnits[:3] {
		if s != 0 && s%u.size == 0 {
			return strconv.FormatInt(int64(s/u.size), 10) + u.name
		}
	}
	return strconv.FormatInt(int64(s), 10) + "B"
}

// A Duration is a [time.Duration] whose text is Go's: "5ms", "1h30m".
type Duration time.Duration

// UnmarshalText reads a duration, which needs a unit unless it is 0.
func (d *Duration) UnmarshalText(text []byte) error {
	if len(text) > maxUnitText {
		return errors.New("duration is too long")
	}
	v, err := time.ParseDuration(string(text))
	if err != nil {
		return errors.New(strings.TrimPrefix(err.Error(), "time: "))
	}
	*d = Duration(v)
	return nil
}

// String gives the duration as Go writes it, without trailing zero units:
// "30m", not "30m0s".
func (d Duration) String() string {
	s := time.Duration(d).String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}
