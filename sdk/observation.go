package sdk

import "context"

// Tracer watches a process tree and reports what it does, without a verdict. It
// never touches the tree's standard input and output, and knows nothing of MCP.
// One Tracer watches one tree at a time.
type Tracer interface {
	// Capabilities says what the tracer can see here. Usable comes from a real
	// attempt, with the reason in words when it failed.
	Capabilities(ctx context.Context) (TracerCapabilities, error)
	// Prepare readies a session. Observe must run before the tree is started.
	Prepare(ctx context.Context, spec TracerSpec) (TracerPlan, error)
	// Observe hands every observation to emit, in the order of their numbers,
	// until the tree has ended or ctx does. An error of emit ends it with that
	// error.
	Observe(ctx context.Context, session string, emit func(Observation) error) error
	// Stop ends a session and sums it up. It does not end the tree.
	Stop(ctx context.Context, session string) (TracerSummary, error)
}

// TracerMode is how a tracer gets hold of a tree.
type TracerMode string

// The modes.
const (
	TracerWrap   TracerMode = "wrap"   // it gives a command line to put before the target's
	TracerCgroup TracerMode = "cgroup" // it gives a cgroup to start the target in
)

// TracerCapabilities is what a tracer can do on this machine.
type TracerCapabilities struct {
	Name            string            `json:"name"`
	Version         string            `json:"version"`
	Mode            TracerMode        `json:"mode"`
	Kinds           []ObservationKind `json:"kinds"`
	SeesIoUring     bool              `json:"sees_io_uring"`     // paths and payloads; otherwise it denies io_uring
	VisibleToTarget bool              `json:"visible_to_target"` // the target can tell that it is traced
	NeedsRoot       bool              `json:"needs_root"`
	Attaches        bool              `json:"attaches,omitempty"` // to what runs already
	SeesTLS         bool              `json:"sees_tls,omitempty"` // what OpenSSL encrypts, when asked to
	PayloadMax      int               `json:"payload_max"`        // bytes of a payload
	Usable          bool              `json:"usable"`
	Reason          string            `json:"reason,omitempty"` // why not, and what to do about it
}

// TracerSpec asks for a session.
type TracerSpec struct {
	Session    string `json:"session"`     // 1 to 64 of a-z, A-Z, 0-9, - and _
	PayloadMax int    `json:"payload_max"` // bytes; 0: the tracer's own limit
	Dir        string `json:"dir"`         // a folder of the caller's for pipes and sockets
	// SetupExecs is how many programs are executed before the target's own: 1 for a
	// sandbox's program that then executes the target, 0 when there is none. What
	// comes before the target is marked PreExec.
	SetupExecs int `json:"setup_execs,omitempty"`

	// AttachPID and AttachCgroup ask to watch what runs already: a process with those
	// that it started, or a cgroup with those below it, by its folder. At most one is
	// set; only tracers that say so can. The plan is empty then, and the session ends
	// with the processes or with Stop, whichever comes first.
	AttachPID    int    `json:"attach_pid,omitempty"`
	AttachCgroup string `json:"attach_cgroup,omitempty"`
	// Watch are files of which no open may be lost to a flood of others.
	Watch []FileID `json:"watch,omitempty"`
	// TLS asks for what programs encrypt, where the tracer can see it.
	TLS bool `json:"tls,omitempty"`
}

// Attaches reports whether the session is about what runs already.
func (s TracerSpec) Attaches() bool { return s.AttachPID != 0 || s.AttachCgroup != "" }

// FileID is a file as stat(2) numbers it.
type FileID struct {
	Dev uint64 `json:"dev"`
	Ino uint64 `json:"ino"`
}

// TracerPlan is how to start the target.
type TracerPlan struct {
	Prefix    []string `json:"prefix,omitempty"`     // wrap: put before the target's command line
	CgroupDir string   `json:"cgroup_dir,omitempty"` // cgroup: start the target inside
}

// TracerSummary is what became of a session.
type TracerSummary struct {
	Emitted    uint64            `json:"emitted"`
	Lost       map[string]uint64 `json:"lost,omitempty"` // by cause
	Unreadable uint64            `json:"unreadable"`     // memory of the target that was gone
	Unparsed   uint64            `json:"unparsed"`       // lines that the tracer did not understand
	Survivors  []int             `json:"survivors,omitempty"`
	Complete   bool              `json:"complete"` // nothing was lost and the tracer saw the end
}

// ObservationKind is what was done.
type ObservationKind string

// The kinds. The last two are no acts.
const (
	ObservedOpen     ObservationKind = "open"
	ObservedCreate   ObservationKind = "create"
	ObservedUnlink   ObservationKind = "unlink"
	ObservedRename   ObservationKind = "rename"
	ObservedLink     ObservationKind = "link"
	ObservedChmod    ObservationKind = "chmod"
	ObservedMkdir    ObservationKind = "mkdir"
	ObservedTruncate ObservationKind = "truncate"
	ObservedStat     ObservationKind = "stat"
	ObservedExec     ObservationKind = "exec"
	ObservedFork     ObservationKind = "fork"
	ObservedExit     ObservationKind = "exit"
	ObservedConnect  ObservationKind = "connect"
	ObservedBind     ObservationKind = "bind"
	ObservedListen   ObservationKind = "listen"
	ObservedSend     ObservationKind = "send"  // on a socket, by whatever call
	ObservedWrite    ObservationKind = "write" // to a pipe
	ObservedPtrace   ObservationKind = "ptrace"
	ObservedVMRW     ObservationKind = "vmrw" // another process's memory
	ObservedMemfd    ObservationKind = "memfd"
	ObservedPriv     ObservationKind = "priv" // mount, namespaces, bpf, setuid, modules
	ObservedKill     ObservationKind = "kill"
	ObservedSetsid   ObservationKind = "setsid"
	ObservedIoUring  ObservationKind = "io_uring"

	ObservedLoss ObservationKind = "loss" // Cause and Lost say what
	ObservedEnd  ObservationKind = "end"  // the tree has ended; the last record
)

// Observation is one system call of a process of the tree, or what is lost of
// them. Numbers are per session, rise from 0, and are taken before output: a hole
// is a loss.
type Observation struct {
	Session string `json:"session"`
	Seq     uint64 `json:"seq"`
	MonoNS  int64  `json:"t_mono_ns"` // CLOCK_MONOTONIC
	WallNS  int64  `json:"t_wall_ns"`

	PID  int      `json:"pid"` // in the host's namespace
	TID  int      `json:"tid,omitempty"`
	PPID int      `json:"ppid,omitempty"`
	Comm string   `json:"comm,omitempty"`
	Argv []string `json:"argv,omitempty"` // of exec
	Env  []string `json:"env,omitempty"`  // of exec: NAME=value of those that change which code is loaded

	Kind    ObservationKind `json:"kind"`
	Syscall string          `json:"syscall,omitempty"`
	ABI     string          `json:"abi,omitempty"` // native, compat or io_uring
	Ret     int64           `json:"ret"`
	Errno   string          `json:"errno,omitempty"` // name, when it failed; "?" when nobody knows: it may have worked

	// Bytes of paths that are no UTF-8 are written as \x and two digits.
	Path     string `json:"path_arg,omitempty"`  // as passed
	Path2    string `json:"path2_arg,omitempty"` // of rename and link
	DirPath  string `json:"dirfd_path,omitempty"`
	PathReal string `json:"path_real,omitempty"` // of what was opened; empty when unknown, never guessed
	Access   Access `json:"access,omitzero"`

	Peer  *Peer  `json:"peer,omitempty"`
	Data  []byte `json:"data,omitempty"`       // of sends and writes
	Total int    `json:"data_total,omitempty"` // its whole length

	// Detail tells acts of one kind apart: a request of ptrace, a signal and whom it
	// is for, the flags of unshare. It is for people.
	Detail string `json:"detail,omitempty"`

	Truncated  bool `json:"truncated,omitempty"`
	Unreadable bool `json:"unreadable,omitempty"`
	Retried    bool `json:"retried,omitempty"`  // read when the call returned
	PreExec    bool `json:"pre_exec,omitempty"` // the sandbox's own, before the target's first exec
	Injected   bool `json:"injected,omitempty"` // denied by the tracer

	Cause  string `json:"cause,omitempty"` // of a loss
	Lost   uint64 `json:"lost,omitempty"`
	Status string `json:"status,omitempty"` // of an end or exit: "0", "SIGKILL"
}

// Access is how a file was opened.
type Access struct {
	Read   bool `json:"read,omitempty"`
	Write  bool `json:"write,omitempty"`
	Create bool `json:"create,omitempty"`
	Trunc  bool `json:"trunc,omitempty"`
}

// Peer is the far end of a socket.
type Peer struct {
	Family string `json:"family"`         // inet, inet6, unix or netlink
	Addr   string `json:"addr,omitempty"` // an address, or a path; "@" begins an abstract name
	Port   int    `json:"port,omitempty"` // of inet and inet6
	Name   string `json:"name,omitempty"` // that resolves to it, when it is known
}
