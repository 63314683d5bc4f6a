//go:build linux && amd64

package watch

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/killdeer-mcp/killdeer/sdk"
	"github.com/killdeer-mcp/killdeer/tracers/form"
)

// Tracer watches from inside the kernel. It has one session at a time.
type Tracer struct {
	version string

	mu      sync.Mutex
	session *session
}

var _ sdk.Tracer = (*Tracer)(nil)

// New returns a tracer. It does not look whether the kernel lets it yet.
func New(version string) *Tracer { return &Tracer{version: version} }

// Kinds are the acts that are seen.
func Kinds() []sdk.ObservationKind {
	seen := map[sdk.ObservationKind]bool{sdk.ObservedExit: true}
	for _, c := range calls() {
		if c.kind != "" {
			seen[c.kind] = true
		}
	}
	var kinds []sdk.ObservationKind
	for k := range seen {
		kinds = append(kinds, k)
	}
	slices.Sort(kinds)
	return kinds
}

// Capabilities implements [sdk.Tracer]. It has the kernel run a program, and then
// loads all.
func (t *Tracer) Capabilities(context.Context) (sdk.TracerCapabilities, error) {
	c := sdk.TracerCapabilities{
		Name: "ebpf", Version: t.version, Mode: sdk.TracerCgroup, Kinds: Kinds(), NeedsRoot: true,
		Attaches: true, SeesTLS: true, PayloadMax: form.MaxPayload,
	}
	rings, err := try()
	if err != nil {
		c.Reason = err.Error()
		return c, nil
	}
	c.Usable, c.SeesIoUring = true, rings
	return c, nil
}

// try reports whether tracing works here, and whether io_uring is seen.
func try() (rings bool, err error) {
	if err := probe(); err != nil {
		return false, err
	}
	if err := writable(); err != nil {
		return false, err
	}
	k, err := load(aim{level: -1, payload: form.MaxPayload, shapes: newTable()})
	if err != nil {
		return false, refused("load the tracer", err)
	}
	return k.rings, k.close()
}

// Prepare implements [sdk.Tracer]. The programs are in the kernel when it returns.
func (t *Tracer) Prepare(_ context.Context, spec sdk.TracerSpec) (sdk.TracerPlan, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.session != nil {
		return sdk.TracerPlan{}, fmt.Errorf("session %q has not been stopped", t.session.spec.Session)
	}
	payload, err := form.Check(spec)
	if err != nil {
		return sdk.TracerPlan{}, err
	}
	s, err := open(spec, payload)
	if err != nil {
		return sdk.TracerPlan{}, err
	}
	t.session = s
	if spec.Attaches() {
		return sdk.TracerPlan{}, nil
	}
	return sdk.TracerPlan{CgroupDir: s.group.dir}, nil
}

func (t *Tracer) named(name string) (*session, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.session == nil || t.session.spec.Session != name {
		return nil, fmt.Errorf("there is no session %.80q", name)
	}
	return t.session, nil
}

// Observe implements [sdk.Tracer].
func (t *Tracer) Observe(ctx context.Context, name string, emit func(sdk.Observation) error) error {
	s, err := t.named(name)
	if err != nil {
		return err
	}
	return s.observe(ctx, emit)
}

// Stop implements [sdk.Tracer]. An Observe that still runs ends. What is traced runs
// on.
func (t *Tracer) Stop(_ context.Context, name string) (sdk.TracerSummary, error) {
	s, err := t.named(name)
	if err != nil {
		return sdk.TracerSummary{}, err
	}
	sum, err := s.stop()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.session == s {
		t.session = nil
	}
	return sum, err
}
