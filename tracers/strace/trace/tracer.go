package trace

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/killdeer-mcp/killdeer/sdk"
	"github.com/killdeer-mcp/killdeer/tracers/form"
)

const (
	// PayloadMax is how many bytes of each part of a payload are kept at most.
	PayloadMax = form.MaxPayload
	// probeWithin is how long strace may take on a program that does nothing.
	probeWithin = 10 * time.Second
	// maxSaid is how much of what a failed strace says is shown.
	maxSaid = 400
)

// traced are the system calls of interest.
const traced = "%file,%network,%process,write,writev,pwrite64,pwritev,pwritev2,sendfile,splice,vmsplice," +
	"memfd_create,ptrace,pidfd_getfd,process_vm_readv,process_vm_writev,mount,unshare,setns,bpf,setuid,setresuid,capset," +
	"init_module,finit_module,delete_module,kexec_load,kexec_file_load,kill,setsid,io_uring_setup"

// denied are the calls that strace answers itself: what they do it cannot see.
const denied = "io_uring_setup,io_uring_enter,io_uring_register"

// Tracer runs strace. It has one session at a time.
type Tracer struct {
	version string
	strace  string // its path; empty: it is looked for

	mu      sync.Mutex
	session *session
}

var _ sdk.Tracer = (*Tracer)(nil)

// New returns a tracer. It does not look for strace yet.
func New(version string) *Tracer { return &Tracer{version: version} }

// Kinds are the acts that strace shows.
func Kinds() []sdk.ObservationKind {
	seen := map[sdk.ObservationKind]bool{sdk.ObservedExit: true}
	for _, a := range acts {
		seen[a.kind] = true
	}
	var kinds []sdk.ObservationKind
	for k := range seen {
		kinds = append(kinds, k)
	}
	slices.Sort(kinds)
	return kinds
}

// Capabilities implements [sdk.Tracer]. It runs strace on a program that does
// nothing.
func (t *Tracer) Capabilities(ctx context.Context) (sdk.TracerCapabilities, error) {
	c := sdk.TracerCapabilities{
		Name: "strace", Version: t.version, Mode: sdk.TracerWrap, Kinds: Kinds(),
		VisibleToTarget: true, PayloadMax: PayloadMax, Usable: true,
	}
	if err := t.probe(ctx); err != nil {
		c.Usable, c.Reason = false, err.Error()
	}
	return c, nil
}

// find returns strace's path.
func (t *Tracer) find() (string, error) {
	if t.strace != "" {
		return t.strace, nil
	}
	path, err := exec.LookPath("strace")
	if err != nil {
		return "", errors.New("strace is not installed: install the package strace")
	}
	return path, nil
}

// probe runs strace as an audit does, on true.
func (t *Tracer) probe(ctx context.Context) error {
	strace, err := t.find()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "killdeer-strace-")
	if err != nil {
		return fmt.Errorf("try strace: %w", err)
	}
	defer os.RemoveAll(dir)
	ctx, cancel := context.WithTimeout(ctx, probeWithin)
	defer cancel()
	log := filepath.Join(dir, "log")
	argv := append(prefix(strace, log, PayloadMax, false), "true")
	said, err := exec.CommandContext(ctx, argv[0], argv[1:]...).CombinedOutput()
	if err != nil {
		return whyNot(string(said), err)
	}
	lines, err := os.ReadFile(log)
	if err != nil || !strings.Contains(string(lines), "execve(") || !strings.Contains(string(lines), "+++ exited with 0 +++") {
		return fmt.Errorf("strace runs, but saw nothing of a program that it was to trace: %w", err)
	}
	return nil
}

// whyNot puts what strace says into words.
func whyNot(said string, err error) error {
	said = strings.TrimSpace(said)
	said = said[:min(len(said), maxSaid)]
	switch {
	case strings.Contains(said, "Operation not permitted"), strings.Contains(said, "PTRACE"):
		return fmt.Errorf("tracing is forbidden here (%s): allow ptrace, in a container with --cap-add SYS_PTRACE or seccomp=unconfined, elsewhere with sysctl kernel.yama.ptrace_scope=1", said)
	case strings.Contains(said, "unrecognized option"), strings.Contains(said, "invalid"):
		return fmt.Errorf("this strace does not know what is asked of it (%s): install a newer one, such as 6.1", said)
	}
	return fmt.Errorf("strace does not work here: %w: %s", err, said)
}

// prefix is the command line before the target's. apart: the target is the child of
// whoever starts it, and strace is not.
func prefix(strace, log string, payload int, apart bool) []string {
	argv := []string{strace}
	if apart {
		argv = append(argv, "-D")
	}
	return append(argv, "-f", "--seccomp-bpf", "--quiet=attach", "-y", "-yy", "-xx", "-s", strconv.Itoa(payload), "-ttt",
		"-e", "signal=!chld,urg", "-e", "trace="+traced, "-e", "abbrev=!execve,execveat",
		"-e", "inject="+denied+":error=ENOSYS", "-o", log, "--")
}

// Prepare implements [sdk.Tracer]. Spec.Dir must exist, and be seen by strace under
// the same name.
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
	if spec.Attaches() || spec.TLS {
		return sdk.TracerPlan{}, errors.New("strace neither watches what runs already nor looks into TLS: use the tracer ebpf")
	}
	strace, err := t.find()
	if err != nil {
		return sdk.TracerPlan{}, err
	}
	s, err := open(spec, payload)
	if err != nil {
		return sdk.TracerPlan{}, err
	}
	t.session = s
	return sdk.TracerPlan{Prefix: prefix(strace, s.fifo, payload, true)}, nil
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

// Stop implements [sdk.Tracer]. An Observe that still runs ends.
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
