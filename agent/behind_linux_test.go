package agent

import (
	"testing"

	"golang.org/x/sys/unix"
)

// Only the thread of the goroutine that asked for it is set back.
func TestGoBehind(t *testing.T) {
	priority := func() int {
		p, err := unix.Getpriority(unix.PRIO_PROCESS, unix.Gettid())
		if err != nil {
			t.Fatal(err)
		}
		return 20 - p // the system call returns 40 to 1
	}
	before := priority()
	behind := make(chan int)
	go func() {
		if err := goBehind(); err != nil {
			t.Error(err)
		}
		behind <- priority()
	}()
	if got := <-behind; got != judgeNice {
		t.Errorf("nice %d, want %d", got, judgeNice)
	}
	if got := priority(); got != before {
		t.Errorf("another thread has nice %d, before %d", got, before)
	}
}
