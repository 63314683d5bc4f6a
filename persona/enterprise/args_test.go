package enterprise

import (
	"testing"
	"time"
)

func TestFormat(t *testing.T) {
	for _, at := range []time.Time{
		{},
		time.Unix(0, 0).UTC(), time.Date(2026, 1, 2, 3, 4, 5, 6_007_008, time.UTC), time.Date(2031, 12, 31, 23, 59, 59, 999_999_999, time.UTC),
		time.Date(12026, 1, 1, 0, 0, 0, 0, time.UTC),
	} {
		for _, layout := range []string{githubTime, gitlabTime, bitTime, jiraTime, milliTime, sfDate} {
			if got, want := format(at, layout), at.Format(layout); got != want {
				t.Errorf("format(%v, %s) = %s, want %s", at, layout, got, want)
			}
		}
	}
}
