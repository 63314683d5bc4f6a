package agent

import "testing"

func TestPaceFor(t *testing.T) {
	for live, want := range map[uint64]int{0: 300, 16 << 20: 300, 24 << 20: 300, 32 << 20: 200, 48 << 20: 100, ordinaryHeap: 100, 128 << 20: 25, 2 * ordinaryHeap: 10, 256 << 20: 6, 1 << 40: 5} {
		if got := paceFor(live); got != want {
			t.Errorf("paceFor(%d) = %d, want %d", live, got, want)
		}
	}
}
