package plugins

import "runtime"

// spawner starts processes from one thread that lives as long as they may. Linux
// sends a process its parent death signal when the thread that started it ends,
// and Go ends threads when it likes.
type spawner struct {
	work chan func()
	done chan struct{}
}

func newSpawner() *spawner {
	s := &spawner{make(chan func()), make(chan struct{})}
	go func() {
		defer close(s.done)
		runtime.LockOSThread() // never unlocked: the thread ends here
		for f := range s.work {
			f()
		}
	}()
	return s
}

// do runs f on the thread.
func (s *spawner) do(f func()) {
	done := make(chan struct{})
	s.work <- func() { defer close(done); f() }
	<-done
}

// stop ends the thread, and with it every process that was started on it.
func (s *spawner) stop() {
	close(s.work)
	<-s.done
}
