// Package sandbox is the sealed box that an audited server runs in: bubblewrap in
// user, network, mount and process namespaces of its own, with a home full of
// planted values, in which every address and name answers and nothing leaves.
//
// It starts commands in the box, records what they say to the network and what
// they change on disk, and ends them. It does not speak MCP, trace system calls
// or judge. It never runs anything unsandboxed unless [Options.NoSandbox] says
// so: what is missing is an [Unavailable] error with the way to mend it.
//
// Its parts: a holder process (this binary again, see [Main]) owns the
// namespaces, the routes that make every address local, and a file system in
// memory with everything the server may write to. Commands are put into them by
// nsenter(1) and sealed by bwrap(1). The holder's listening sockets are served in
// this process by package sinkhole. When this process ends, however it ends, the
// holder kills what is left and goes.
package sandbox

import (
	"errors"
	"fmt"
	"path"
	"time"
)

// Options are how a box is made.
type Options struct {
	Seed string // of planted values
	Pass string // sets values of one audit apart

	Home   string   // of the server, as it sees it; default /home/audit
	Dir    string   // it starts in; default work in Home
	Mounts []Mount  // beside /usr, which is always there
	Path   []string // folders to find commands in, before the usual ones
	Env    []string // further variables, NAME=value

	// Budget is how long anything may run in the box; default 5 minutes.
	Budget time.Duration
	Limits Limits

	// NoSandbox runs commands as they are, with the caller's rights, files and
	// network. Only the home and the environment are planted.
	NoSandbox bool

	withoutNAT bool // as on a kernel that cannot redirect, for tests
}

// Limits bound what runs in the box. Zero means the default.
type Limits struct {
	Processes int   // and threads; default 512
	Files     int   // open, of one process; default 4096
	FileSize  int64 // bytes of one file; default 512 MiB
	Address   int64 // bytes of address space of one process; default 1 TiB, for runtimes that reserve a lot
	Data      int64 // bytes of private writable memory of one process; default 4 GiB
	Memory    int64 // bytes resident, of all processes, shared ones once; default 4 GiB
	World     int64 // bytes of everything that is written, which is kept in memory; default 1 GiB
}

// MountMode is what a server may do with a folder of the host.
type MountMode int

// The modes.
const (
	ReadOnly MountMode = iota
	Copy               // it gets a copy to write in, which is thrown away
	Fresh              // it gets an empty folder
)

// Mount shows a file or folder of the host in the box.
type Mount struct {
	Source string // on the host; unused for Fresh
	Target string // in the box; default Source
	Mode   MountMode
	Empty  []string // folders directly in it of which a Copy has the names only
}

// Launch is what to start in a box.
type Launch struct {
	Argv   []string
	Prefix []string // a tracer's, put before the sandbox
	Env    []string // further variables, NAME=value, after those of the box
	// Cgroup is the descriptor of a cgroup's folder to start in; 0 is none.
	Cgroup int
	// DenyIoUring lets io_uring fail as on a kernel without it. A tracer that
	// denies it in its own way must not be combined with this.
	DenyIoUring bool
}

// Unavailable says why a box cannot be made here. It is never answered by going
// on without one.
type Unavailable struct {
	Reason string
	Fix    string // what to do about it
	Err    error  // may be nil
}

// Error is the reason. The fix is apart, so that it can be printed as a hint.
func (u *Unavailable) Error() string {
	if u.Err == nil {
		return "sandbox: " + u.Reason
	}
	return fmt.Sprintf("sandbox: %s: %v", u.Reason, u.Err)
}

// Unwrap returns the cause.
func (u *Unavailable) Unwrap() error { return u.Err }

func (o *Options) defaults() {
	set(&o.Home, "/home/audit")
	set(&o.Dir, path.Join(o.Home, "work"))
	set(&o.Budget, 5*time.Minute)
	set(&o.Limits.Processes, 512)
	set(&o.Limits.Files, 4096)
	set(&o.Limits.FileSize, 512<<20)
	set(&o.Limits.Address, 1<<40)
	set(&o.Limits.Data, 4<<30)
	set(&o.Limits.Memory, 4<<30)
	set(&o.Limits.World, 1<<30)
	for i := range o.Mounts {
		set(&o.Mounts[i].Target, o.Mounts[i].Source)
	}
}

func set[T comparable](v *T, otherwise T) {
	var zero T
	if *v == zero {
		*v = otherwise
	}
}

// ownFolders are made by the box itself; a mount must not take their place.
var ownFolders = []string{"/", "/usr", "/etc", "/proc", "/dev", "/sys", "/run", "/tmp", "/home", "/var", "/bin", "/lib", "/lib64", "/sbin"}

// check finds what the namespaces would otherwise refuse in worse words.
func (o *Options) check() error {
	var faults []error
	for _, p := range []string{o.Home, o.Dir} {
		if !path.IsAbs(p) || path.Clean(p) != p || p == "/" {
			faults = append(faults, fmt.Errorf("sandbox: home and folder must be clean absolute paths (got %q)", p))
		}
	}
	for _, m := range o.Mounts {
		if !path.IsAbs(m.Target) || path.Clean(m.Target) != m.Target {
			faults = append(faults, fmt.Errorf("sandbox: mount %q: the target must be a clean absolute path", m.Target))
			continue
		}
		for _, own := range append(ownFolders, o.Home) {
			if m.Target == own {
				faults = append(faults, fmt.Errorf("sandbox: mount %q: the box makes this folder itself; mount something inside it", m.Target))
			}
		}
	}
	return errors.Join(faults...)
}
