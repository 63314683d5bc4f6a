package agent

import (
	"sync/atomic"

	"github.com/killdeer-mcp/killdeer/agent/decoy"
	"github.com/killdeer-mcp/killdeer/sdk"
)

// switchable is a recorder that a reload puts another in the place of.
type switchable struct {
	now     atomic.Pointer[decoy.Recorder]
	request func(outcome string) // counts accesses; may be nil
}

// committing is one for whose events answers wait.
type committing struct{ *switchable }

var (
	_ decoy.Recorder  = (*switchable)(nil)
	_ decoy.Committer = committing{}
)

// with begins with a recorder, and commits if that does.
func (s *switchable) with(r decoy.Recorder) decoy.Recorder {
	s.to(r)
	if _, ok := r.(decoy.Committer); ok {
		return committing{s}
	}
	return s
}

// to goes on with another recorder of the same kind.
func (s *switchable) to(r decoy.Recorder) { s.now.Store(&r) }

// Record implements [decoy.Recorder].
func (s *switchable) Record(ev *sdk.Event) {
	if s.request != nil && ev.Kind == sdk.KindAccess {
		s.request(ev.Outcome)
	}
	(*s.now.Load()).Record(ev)
}

// Commit implements [decoy.Committer].
func (c committing) Commit() {
	if r, ok := (*c.now.Load()).(decoy.Committer); ok {
		r.Commit()
	}
}
