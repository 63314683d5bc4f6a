//go:build linux && amd64

package watch

import (
	"errors"

	"github.com/killdeer-mcp/killdeer/sdk"
	"github.com/killdeer-mcp/killdeer/tracers/form"
)

// open readies a trace: from when it returns, whatever starts in the cgroup is seen.
func open(spec sdk.TracerSpec, payload int) (s *session, err error) {
	offset, err := form.ClockOffset()
	if err != nil {
		return nil, err
	}
	calls := newTable()
	s = &session{
		spec: spec, reported: map[string]uint64{}, stopping: make(chan struct{}), over: make(chan struct{}),
		t: &translator{session: spec.Session, offset: offset, payload: payload, calls: calls},
	}
	q := aim{level: -1, setup: spec.SetupExecs, payload: payload, watch: spec.Watch, shapes: calls}
	if err := s.aimAt(&q); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil && s.group != nil {
			err = errors.Join(err, s.group.remove())
		}
	}()
	if s.kernel, err = load(q); err != nil {
		return nil, err
	}
	if err := s.kernel.attach(); err != nil {
		return nil, errors.Join(err, s.kernel.close())
	}
	if spec.TLS {
		s.tls = newTLS(s.kernel)
	}
	return s, s.catchUp()
}

// aimAt says what is to be traced.
func (s *session) aimAt(q *aim) (err error) {
	switch {
	case s.spec.AttachPID != 0:
		s.pids, err = family(s.spec.AttachPID)
		q.pids = s.pids
		return err
	case s.spec.AttachCgroup != "":
		if s.group, err = findGroup(s.spec.AttachCgroup); err != nil {
			return err
		}
		if q.level, err = s.group.level(); err != nil {
			return err
		}
	default:
		if s.group, err = newGroup(s.spec.Session); err != nil {
			return err
		}
	}
	q.cgroup, err = s.group.id()
	return err
}

// catchUp finds what a process started while the programs were loaded.
func (s *session) catchUp() error {
	if s.spec.AttachPID == 0 {
		return nil
	}
	pids, err := family(s.spec.AttachPID)
	if err != nil {
		return errors.Join(err, s.close())
	}
	s.pids = pids
	return s.kernel.adopt(pids)
}
