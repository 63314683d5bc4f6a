package tracers

import (
	"errors"
	"fmt"

	"github.com/killdeer-mcp/killdeer/sdk"
	"github.com/killdeer-mcp/killdeer/sdk/plugin/pluginpb"
)

// reader checks a stream of observations and hands it on.
type reader struct {
	session string
	emit    func(sdk.Observation) error
	next    uint64 // number that is due
	holes   uint64
	end     bool
}

func (r *reader) batch(b *pluginpb.ObservationBatch) error {
	for _, j := range b.GetObservations() {
		var o sdk.Observation
		if err := decode("observation", j, &o); err != nil {
			return err
		}
		if err := r.one(o); err != nil {
			return err
		}
	}
	return nil
}

func (r *reader) one(o sdk.Observation) error {
	switch {
	case o.Session != r.session:
		return fmt.Errorf("trace: the tracer answers for session %q instead of %q", cut(o.Session), r.session)
	case r.end:
		return errors.New("trace: the tracer goes on after the end")
	case o.Seq < r.next:
		return fmt.Errorf("trace: observation %d comes after %d", o.Seq, r.next-1)
	case o.Seq > r.next:
		if err := r.hole(o); err != nil {
			return err
		}
	}
	r.next = o.Seq + 1
	r.end = o.Kind == sdk.ObservedEnd
	return r.emit(o)
}

// hole hands on that observations before o are missing. It has the number of the
// first of them.
func (r *reader) hole(o sdk.Observation) error {
	n := o.Seq - r.next
	r.holes += n
	return r.emit(sdk.Observation{
		Session: r.session, Seq: r.next, MonoNS: o.MonoNS, WallNS: o.WallNS,
		Kind: sdk.ObservedLoss, Cause: "transport", Lost: n,
	})
}
