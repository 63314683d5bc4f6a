package audit

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/killdeer-mcp/killdeer/audit/sandbox"
	"github.com/killdeer-mcp/killdeer/sdk"
)

const (
	// What is kept of one pass. What goes beyond is a loss, and counted as one.
	maxObservations = 400_000
	maxObserved     = 256 << 20 // bytes, roughly
	observedSize    = 400       // of an observation without what hangs on it

	// Between the end of a tree and the news of it.
	endGrace   = 3 * time.Second
	drainGrace = 10 * time.Second
)

// errUnwatched is the cause of ending a pass that nobody watches any more.
var errUnwatched = errors.New("the tracer died")

// watch is a tracer at work on one pass. The zero value watches nothing.
type watch struct {
	tracer  tracer
	session string
	cgroup  *os.File
	prefix  []string
	tasks   sync.WaitGroup
	stop    context.CancelFunc
	ended   chan struct{} // closed when no more observations come
	err     error         // of the stream; set before ended is closed

	kept  []sdk.Observation
	bytes int
	lost  uint64 // that were not kept
}

// observe prepares a tracer for what is started next in the box.
func observe(ctx context.Context, t tracer, session string, b *sandbox.Box, tls bool) (*watch, error) {
	if t == nil {
		return newWatch(ctx, nil, sdk.TracerSpec{Session: session})
	}
	c, err := t.Capabilities(ctx)
	if err != nil {
		return &watch{tracer: t, session: session, ended: make(chan struct{})}, err
	}
	return newWatch(ctx, t, sdk.TracerSpec{
		Session: session, Dir: b.TracerDir(), SetupExecs: setupExecs(c.Mode, b), Watch: b.PlantedFiles(), TLS: tls,
	})
}

// newWatch has a tracer do what a spec says, if there is one.
func newWatch(ctx context.Context, t tracer, spec sdk.TracerSpec) (*watch, error) {
	w := &watch{tracer: t, session: spec.Session, ended: make(chan struct{})}
	if t == nil {
		close(w.ended)
		return w, nil
	}
	plan, err := t.Prepare(ctx, spec)
	if err != nil {
		return w, err
	}
	w.prefix = plan.Prefix
	if plan.CgroupDir != "" {
		if w.cgroup, err = os.Open(plan.CgroupDir); err != nil {
			return w, fmt.Errorf("open the tracer's cgroup: %w", err)
		}
	}
	streamCtx, stop := context.WithCancel(context.WithoutCancel(ctx))
	w.stop = stop
	w.tasks.Go(func() {
		defer close(w.ended)
		w.err = t.Observe(streamCtx, spec.Session, w.keep)
	})
	return w, nil
}

// setupExecs is how many programs are executed before the server: those that lead
// into the box, unless the tracer stands behind them.
func setupExecs(mode sdk.TracerMode, b *sandbox.Box) int {
	switch {
	case b.Describe() == "none":
		return 0
	case mode == sdk.TracerCgroup:
		return 3 // nsenter, prlimit, bwrap
	}
	return 1
}

// launch adds the tracer to what is started.
func (w *watch) launch(l sandbox.Launch) sandbox.Launch {
	l.Prefix = w.prefix
	if w.cgroup != nil {
		l.Cgroup = int(w.cgroup.Fd())
	}
	return l
}

// heavy reports whether a pass with as many lives as it may have would keep more than
// one may.
func (w *watch) heavy() bool {
	return len(w.kept) > maxObservations/maxLives || w.bytes > maxObserved/maxLives
}

// keep takes an observation, while there is room.
func (w *watch) keep(o sdk.Observation) error {
	size := observedSize + len(o.Data) + len(o.Path) + len(o.PathReal) + len(o.Path2) + len(o.DirPath)
	for _, a := range o.Argv {
		size += len(a)
	}
	if len(w.kept) >= maxObservations || w.bytes+size > maxObserved {
		w.lost++
		return nil
	}
	w.bytes += size
	w.kept = append(w.kept, o)
	return nil
}

// guard ends a pass by cancel when the tracer goes before the server does. It
// returns when either has ended.
func (w *watch) guard(p *process, cancel context.CancelCauseFunc) {
	if w.tracer == nil {
		return
	}
	select {
	case <-p.ended:
		return
	case <-w.tracer.Died():
	case <-w.ended:
		if p.within(context.Background(), endGrace) {
			return // the stream was faster than the news of the end
		}
	}
	cancel(fmt.Errorf("%w: nobody watched any more", errUnwatched))
}

// account sums a watch up. What is alive then was left behind by the server.
type account struct {
	summary *sdk.TracerSummary
	died    string
}

// finish ends the watch: with survivors while they live, which names them, otherwise
// when everything has ended. cut says that the box was ended with the tracer in it:
// that, and what is killed here, is a loss and not the tracer's death.
func (w *watch) finish(survivors, cut bool, kill func() bool) account {
	if w.tracer == nil {
		kill()
		return account{}
	}
	var a account
	if !survivors {
		// What is left of the box goes by itself. Killed at once, the tracer would be
		// too, before it has told the end.
		cut = !w.over(endGrace) || cut
		kill()
		if !w.over(drainGrace) {
			a.died = "it did not see the end of what it traced"
		}
	}
	sum, err := w.tracer.Stop(context.Background(), w.session)
	kill()
	w.stop()
	w.tasks.Wait()
	if w.cgroup != nil {
		_ = w.cgroup.Close()
	}
	switch {
	case err != nil:
		a.died = err.Error()
		return a
	case w.err != nil && !survivors && !cut && a.died == "":
		a.died = w.err.Error()
	}
	lose(&sum, "more than an audit keeps", w.lost)
	if cut && w.err != nil {
		lose(&sum, "cut off with the end of the box", 1)
	}
	a.summary = &sum
	return a
}

// over waits for the end of the observations.
func (w *watch) over(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-w.ended:
		return true
	case <-t.C:
		return false
	}
}

// lose counts what a trace lacks.
func lose(sum *sdk.TracerSummary, cause string, n uint64) {
	if n == 0 {
		return
	}
	if sum.Lost == nil {
		sum.Lost = map[string]uint64{}
	}
	sum.Lost[cause] += n
	sum.Complete = false
}

// close ends the tracer's program.
func (w *watch) close() {
	if w.tracer != nil {
		_ = w.tracer.Close() // it has said all
	}
}
