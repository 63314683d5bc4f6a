package decoy

import (
	"sync"
	"testing"
	"testing/synctest"
)

// What is run never waits for what runs, few rest, and nobody does after the end.
func TestCrew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var wg sync.WaitGroup
		ended, release, ran := make(chan struct{}), make(chan struct{}), make(chan int, 10*maxResting)
		c := newCrew(&wg, ended)
		for i := range 2 * maxResting {
			c.run(func() { <-release; ran <- i })
		}
		synctest.Wait()
		if n := c.resting.Load(); n != 0 || len(ran) != 0 {
			t.Errorf("%d rest, %d have run", n, len(ran))
		}
		close(release)
		synctest.Wait()
		if n := c.resting.Load(); n != maxResting || len(ran) != 2*maxResting {
			t.Errorf("%d rest, %d have run", n, len(ran))
		}
		c.run(func() { ran <- 0 })
		synctest.Wait()
		if n := c.resting.Load(); n != maxResting || len(ran) != 2*maxResting+1 {
			t.Errorf("%d rest after one more, %d have run", n, len(ran))
		}
		close(ended)
		synctest.Wait()
		c.run(func() { ran <- 0 })
		wg.Wait()
		if n := c.resting.Load(); n != 0 || len(ran) != 2*maxResting+2 {
			t.Errorf("%d rest at the end, %d have run", n, len(ran))
		}
	})
}
