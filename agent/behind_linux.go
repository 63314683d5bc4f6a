package agent

import (
	"fmt"
	"runtime"

	"golang.org/x/sys/unix"
)

// judgeNice lets a thread that answers have about nine times as much of a busy CPU
// as the judge. More would let a commit of the judge's hold up the writer.
const judgeNice = 10

// goBehind ties the goroutine to a thread that has less of a busy CPU than others.
// A thread that was set back cannot be put forward again without privileges, so the
// two are never untied: the thread ends with the goroutine.
func goBehind() error {
	runtime.LockOSThread()
	if err := unix.Setpriority(unix.PRIO_PROCESS, unix.Gettid(), judgeNice); err != nil {
		return fmt.Errorf("set back the judge's thread: %w", err)
	}
	return nil
}
