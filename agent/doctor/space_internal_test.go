package doctor

import (
	"testing"

	"github.com/killdeer-mcp/killdeer/agent/config"
)

func TestSpace(t *testing.T) {
	const mib = 1 << 20
	c := &config.Config{Journal: config.Journal{MinFree: 512 * mib, Reserve: 64 * mib, MaxBytes: 10240 * mib}}
	small := *c
	small.Journal.MaxBytes = 0
	for _, tt := range []struct {
		name string
		c    *config.Config
		disk disk
		want Status
	}{
		{"room", c, disk{free: 11000 * mib, size: 20000 * mib}, OK},
		{"none for the reserve", c, disk{free: 560 * mib, size: 20000 * mib}, Failure},
		{"with the reserve", &small, disk{free: 560 * mib, size: 20000 * mib, reserved: true}, OK},
		{"a small disk", &small, disk{free: 100 * mib, size: 120 * mib}, OK},
		{"a small disk that is full", &small, disk{free: 5 * mib, size: 120 * mib}, Failure},
		{"the journal grown", c, disk{free: 2000 * mib, size: 20000 * mib, journal: 9000 * mib, reserved: true}, OK},
		{"less than max_bytes", c, disk{free: 2000 * mib, size: 20000 * mib, journal: 1000 * mib}, Warning},
	} {
		if got := judge(tt.disk, tt.c); got.Status != tt.want {
			t.Errorf("%s: %+v, want %s", tt.name, got, tt.want)
		}
	}
}
