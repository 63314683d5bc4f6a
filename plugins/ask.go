package plugins

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/killdeer-mcp/killdeer/sdk"
	"github.com/killdeer-mcp/killdeer/sdk/plugin/pluginpb"
)

// State is what a sink is doing.
type State string

// The states of a sink.
const (
	StateStarting State = "starting" // its program
	StateUp       State = "up"
	StateRetrying State = "retrying" // the receiver does not take events now
	StateDown     State = "down"     // the program fails
	StateCircuit  State = "circuit"  // it failed so often that it is started once a minute only
	StateGone     State = "gone"     // the receiver wants no more; the operator decides
	StateStopped  State = "stopped"
)

// Status is how a sink is.
type Status struct {
	Name      string    `json:"name"`
	Program   string    `json:"program"`
	State     State     `json:"state"`
	PID       int       `json:"pid,omitempty"`
	At        uint64    `json:"at"`     // delivered up to this number
	Behind    uint64    `json:"behind"` // numbers that it has not seen
	Sent      uint64    `json:"sent"`   // events since the start of the sensor
	Failures  uint64    `json:"failures"`
	Restarts  uint64    `json:"restarts"`
	Dead      int       `json:"dead"`                // letters on the list
	Displaced uint64    `json:"displaced,omitempty"` // dead letters for which the list was too short
	Error     string    `json:"error,omitempty"`     // the last one
	ErrorAt   time.Time `json:"error_at,omitzero"`

	Letters []DeadLetter `json:"dead_letters,omitempty"`
}

// Retried is what became of dead letters.
type Retried struct {
	Delivered int    `json:"delivered"`
	Left      int    `json:"left"`
	Lost      int    `json:"lost"` // whose events the journal has no more
	Error     string `json:"error,omitempty"`
}

var errStopped = errors.New("the sensor is stopping")

// ask lets the goroutine that runs a sink call f, as soon as it has a moment.
func ask[T any](ctx context.Context, s *sink, f func(*sink, context.Context) (T, error)) (T, error) {
	type reply struct {
		value T
		err   error
	}
	answer := make(chan reply, 1)
	question := func(run context.Context) {
		if run.Err() != nil || ctx.Err() != nil {
			answer <- reply{err: errStopped}
			return
		}
		value, err := f(s, run)
		answer <- reply{value, err}
	}
	if err := s.enqueue(ctx, question); err != nil {
		var none T
		return none, err
	}
	select {
	case a := <-answer:
		return a.value, a.err
	case <-ctx.Done():
		var none T
		return none, ctx.Err()
	}
}

func (s *sink) enqueue(ctx context.Context, question func(context.Context)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return errStopped
	}
	select {
	case s.asks <- question:
	default:
		return fmt.Errorf("sink %q is asked too much: try again", s.spec.Name)
	}
	if s.wake != nil {
		s.wake()
	}
	return ctx.Err()
}

// answer does what was asked.
func (s *sink) answer(ctx context.Context) {
	for {
		select {
		case f := <-s.asks:
			f(ctx)
		default:
			return
		}
	}
}

// interrupt ends the pause or wait at hand.
func (s *sink) interrupt() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.wake != nil {
		s.wake()
	}
}

// waiting returns a context that ends after d, with ctx, when the sink is asked
// something and when its program ends.
func (s *sink) waiting(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	wait, cancel := context.WithTimeout(ctx, d)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wake = cancel
	if len(s.asks) > 0 || s.proc != nil && !s.proc.Running() {
		cancel()
	}
	return wait, cancel
}

// pause waits for d, but not when the sink is asked something.
func (s *sink) pause(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	deadline := time.Now().Add(d)
	for ctx.Err() == nil && time.Now().Before(deadline) {
		wait, cancel := context.WithDeadline(ctx, deadline)
		s.mu.Lock()
		s.wake = cancel
		asked := len(s.asks) > 0
		s.mu.Unlock()
		if !asked {
			<-wait.Done()
		}
		cancel()
		if len(s.asks) > 0 {
			return
		}
	}
}

// retry tries the receiver and the dead letters again.
func (s *sink) retry(ctx context.Context) (Retried, error) {
	s.gone, s.circuit, s.receiver, s.restarts = false, circuit{}, backoff{}, backoff{}
	if err := s.ensure(ctx); err != nil {
		s.failed(err)
		return Retried{Left: s.dead.count(), Error: err.Error()}, nil
	}
	var out Retried
	var settled []uint64
	var failure error
	for _, l := range s.dead.all() {
		done, lost, err := s.redeliver(ctx, l)
		if failure = err; err != nil {
			out.Error = err.Error()
			break
		}
		if lost {
			out.Lost++
		} else if done {
			out.Delivered++
		}
		if lost || done {
			settled = append(settled, l.Seq)
		}
	}
	err := s.dead.remove(settled...)
	if failure != nil {
		s.failed(failure)
	}
	out.Left = s.dead.count()
	return out, err
}

// redeliver tries one dead letter. An error ends the attempts: the receiver does not
// take anything now.
func (s *sink) redeliver(ctx context.Context, l DeadLetter) (done, lost bool, err error) {
	b, err := s.journal.Record(ctx, l.Seq)
	if errors.Is(err, ErrNoEvent) {
		s.log.Warn("a dead letter is lost: the journal does not keep its event any more", "seq", l.Seq)
		return false, true, nil
	}
	if err == nil {
		b, err = s.route.form(b)
	}
	if err != nil {
		return false, false, err
	}
	_, err = s.proc.write(ctx, [][]byte{b}, s.spec.Timeout)
	if err == nil {
		s.recovered()
		s.update(func(st *Status) { st.Sent++ })
		return true, false, nil
	}
	if r, ok := errors.AsType[*refusal](err); ok && r.kind == pluginpb.Failure_PERMANENT {
		l.At, l.Reason = time.Now().UTC(), r.message
		_, err := s.dead.add(l)
		return false, false, err
	}
	return false, false, err
}

// test delivers an event of the operator's.
func (s *sink) test(ctx context.Context, ev *sdk.Event) (Answer, error) {
	if err := s.ensure(ctx); err != nil {
		s.failed(err)
		return Answer{}, err
	}
	answer, err := s.proc.test(ctx, ev, s.spec.Timeout)
	if err != nil && (errors.Is(err, errHung) || !s.proc.Running()) {
		s.failed(err)
	}
	return answer, err
}

// reopen passes SIGHUP on.
func (s *sink) reopen() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.proc != nil {
		s.proc.HangUp()
	}
}

func (s *sink) setProcess(p *process) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.proc, s.st.PID = p, 0
	if p != nil {
		s.st.PID = p.PID()
	} else if s.stopped {
		s.st.State = StateStopped
	}
}

func (s *sink) setState(state State) { s.update(func(st *Status) { st.State = state }) }

func (s *sink) update(f func(*Status)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(&s.st)
}

func (s *sink) status() Status {
	s.mu.Lock()
	st := s.st
	s.mu.Unlock()
	if last := s.journal.Last(); last > st.At {
		st.Behind = last - st.At
	}
	st.Letters = s.dead.all()
	st.Dead = len(st.Letters)
	return st
}

func unmarshalBrief(event []byte, b *brief) bool { return json.Unmarshal(event, b) == nil }
