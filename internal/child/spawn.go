package child

import "runtime"

// Thread starts processes from one thread that lives as long as they may. Linux
// sends a process its parent death signal when the thread that started it ends,
// and Go ends threads when it likes.
type Thread struct {
	work chan func()
	done chan struct{}
}

// NewThread starts a thread.
func NewThread() *Thread {
	s := &Thread{make(chan func()), make(chan struct{})}
	go func() {
		defer close(s.done)
		runtime.LockOSThread() // never unlocked: the thread ends here
		for f := range s.work {
			f()
		}
	}()
	return s
}

// Do runs f on the thread.
func (s *Thread) Do(f func()) {
	done := make(chan struct{})
	s.work <- func() { defer close(done); f() }
	<-done
}

// Stop ends the thread, and with it every process that was started on it.
func (s *Thread) Stop() {
	close(s.work)
	<-s.done
}
