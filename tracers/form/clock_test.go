package form

import (
	"errors"
	"testing"

	"golang.org/x/sys/unix"
)

// TestClockOffset is interrupted between the clocks all but once.
func TestClockOffset(t *testing.T) {
	const ahead = 1_000_000_000_000
	now, reads := int64(5_000_000_000), 0
	offset, err := clockOffset(func(clock int32, ts *unix.Timespec) error {
		*ts = unix.NsecToTimespec(now)
		if clock == unix.CLOCK_REALTIME {
			*ts = unix.NsecToTimespec(now + ahead)
		}
		now += 10
		if reads%3 == 0 && reads/3 != clockSamples/2 {
			now += 7_000_000
		}
		reads++
		return nil
	})
	if err != nil || offset != ahead {
		t.Errorf("offset %d, %v, want %d", offset, err, int64(ahead))
	}
	if _, err := clockOffset(func(int32, *unix.Timespec) error { return errors.New("no clock") }); err == nil {
		t.Error("a clock that cannot be read is no error")
	}
}
