package decoy

import (
	"sync"
	"sync/atomic"
)

// maxResting is how many goroutines of a [crew] wait for work.
const maxResting = 64

// crew runs functions on goroutines that stay for the next one: the stack of a new one
// grows with each request anew, as deep as an answer needs it.
type crew struct {
	wg      *sync.WaitGroup
	ended   <-chan struct{} // nobody rests any more
	next    chan func()
	resting atomic.Int32
}

func newCrew(wg *sync.WaitGroup, ended <-chan struct{}) *crew {
	return &crew{wg: wg, ended: ended, next: make(chan func())}
}

// run has f run beside the caller. It never waits.
func (c *crew) run(f func()) {
	select {
	case c.next <- f:
	default:
		c.wg.Go(func() { c.work(f) })
	}
}

func (c *crew) work(f func()) {
	for {
		f()
		if c.resting.Add(1) > maxResting {
			c.resting.Add(-1)
			return
		}
		select {
		case f = <-c.next:
			c.resting.Add(-1)
		case <-c.ended:
			c.resting.Add(-1)
			return
		}
	}
}
