package sink

import (
	"context"
	"errors"
	"time"

	"github.com/killdeer-mcp/killdeer/sdk"
)

// maxTold bounds what is remembered for the cool-down: beyond it everything is told
// again.
const maxTold = 10_000

// pace keeps a chat readable. A digest lets one message go in a span of time, and
// what comes meanwhile waits where it is safe, in the sensor's journal: it is told
// together. A cool-down tells of one rule and source once in a span, and counts.
type pace struct {
	digest   time.Duration
	coolDown time.Duration

	last    time.Time             // of the newest message
	told    map[subject]time.Time // when each was last told
	pending []subject             // told by messages that are not all delivered yet
	silent  int                   // events that were counted and not told
	counted int                   // of them, in messages that are not all delivered yet
}

// subject is what a cool-down is about.
type subject struct{ kind, rule, source string }

func newPace(digest, coolDown time.Duration) *pace {
	return &pace{digest: digest, coolDown: coolDown, told: map[subject]time.Time{}}
}

// wait waits for the end of the digest's span. The events of the batch are the
// sensor's until then.
func (p *pace) wait(ctx context.Context, request time.Duration) error {
	rest := p.digest - time.Since(p.last)
	if p.digest == 0 || rest <= 0 {
		return nil
	}
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < rest+min(request, time.Second) {
		return &sdk.WriteError{After: rest, Err: errors.New("the digest's time is not over; give the sink a timeout above digest")}
	}
	timer := time.NewTimer(rest)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (p *pace) sent() { p.last = time.Now() }

// news picks the events that are to be told, by their index, and says how many were
// left out since the last message that was delivered.
func (p *pace) news(batch []sdk.Event) (tell []int, silent int) {
	p.pending, p.counted = nil, 0
	now := time.Now()
	fresh := map[subject]bool{}
	for i := range batch {
		if p.coolDown == 0 {
			tell = append(tell, i)
			continue
		}
		of := subjectOf(&batch[i])
		if at, ok := p.told[of]; fresh[of] || ok && now.Sub(at) < p.coolDown {
			p.counted++
			continue
		}
		fresh[of] = true
		p.pending = append(p.pending, of)
		tell = append(tell, i)
	}
	return tell, p.silent + p.counted
}

// settle remembers what was told, now that it is delivered.
func (p *pace) settle() {
	if p.coolDown == 0 {
		return
	}
	p.silent += p.counted
	if len(p.pending) > 0 {
		p.silent = 0
	}
	if len(p.told)+len(p.pending) > maxTold {
		clear(p.told)
	}
	for _, of := range p.pending {
		p.told[of] = time.Now()
	}
	p.pending, p.counted = nil, 0
}

func subjectOf(e *sdk.Event) subject {
	if e.Detection == nil {
		return subject{kind: string(e.Kind), source: e.IP}
	}
	source := e.Detection.SourceIP
	if source == "" {
		source = e.IP
	}
	return subject{string(e.Kind), e.Detection.RuleID, source}
}
