package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/killdeer-mcp/killdeer/audit/evidence"
	"github.com/killdeer-mcp/killdeer/audit/sandbox/sinkhole"
)

const (
	setupTimeout = 60 * time.Second // copying folders included
	endTimeout   = 10 * time.Second
	watchEvery   = 250 * time.Millisecond
)

// Box is one world: what is started in it one after the other shares the home, the
// network and everything else. It must be closed.
type Box struct {
	opts  Options
	plan  Planting
	tools tools
	ca    *sinkhole.CA
	agent string // planted socket of an SSH agent, as the server sees it
	dir   string // of the host
	owner int    // user and group on the host that the server is

	holder  *exec.Cmd
	control *net.UnixConn
	root    *os.Root // of the world
	sink    *sinkhole.Sink
	trees   []*os.File // by mount; nil: bound by its path
	anyIP   bool
	stop    context.CancelFunc
	watched chan struct{}

	mu    sync.Mutex
	space *space     // nil before and after the box
	files []*os.File // that commands were started with
	cause string
	done  bool
}

// New makes a box. It fails with [Unavailable] where that is not possible; when it
// returns, a command has been run inside to prove it. The box ends with ctx, with
// its budget, or with this process.
func New(ctx context.Context, o Options) (*Box, error) {
	o.defaults()
	if err := o.check(); err != nil {
		return nil, err
	}
	b := &Box{opts: o, watched: make(chan struct{}), owner: os.Geteuid()}
	if o.NoSandbox {
		return b, b.startBare(ctx)
	}
	if err := keepDescriptors(); err != nil {
		return nil, err
	}
	var err error
	if b.tools, err = findTools(); err != nil {
		return nil, err
	}
	if err := b.start(ctx); err != nil {
		return nil, errors.Join(err, b.Close())
	}
	return b, nil
}

// keepDescriptors lets no command inherit what this process was started with: a
// descriptor of a folder would lead out of the box.
func keepDescriptors() error {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return fmt.Errorf("list open descriptors: %w", err)
	}
	for _, e := range entries {
		if fd, err := strconv.Atoi(e.Name()); err == nil && fd > 2 {
			unix.CloseOnExec(fd)
		}
	}
	return nil
}

// start takes the steps of which each needs the last.
func (b *Box) start(ctx context.Context) error {
	var err error
	b.plan = Plant(b.opts.Seed, b.opts.Pass, b.opts.Home)
	b.plantSockets()
	if b.ca, err = sinkhole.NewCA("Internal Root CA"); err != nil {
		return err
	}
	b.owner = boxOwner()
	if err := b.makeDir(); err != nil {
		return err
	}
	if err := b.cloneTrees(); err != nil {
		return err
	}
	if err := b.startHolder(ctx); err != nil {
		return err
	}
	if b.space, err = spaceOf(b.holder.Process.Pid); err != nil {
		return err
	}
	return b.prove(b.watch(ctx))
}

// startHolder makes the namespaces and takes over what listens in them.
func (b *Box) startHolder(ctx context.Context) error {
	ours, theirs, err := controlPair()
	if err != nil {
		return err
	}
	defer theirs.Close()
	b.control = ours
	o := order{Dir: b.dir, World: b.opts.Limits.World, Sockets: b.socketNames(), NAT: !b.opts.withoutNAT}
	files := []*os.File{theirs}
	for i, t := range b.trees {
		if t != nil {
			files = append(files, t)
			o.Trees = append(o.Trees, "mnt/"+strconv.Itoa(i))
		}
	}
	arg, err := json.Marshal(o)
	if err != nil {
		return err
	}
	b.holder = b.holderCommand(string(arg), files)
	stdin, err := b.holder.StdinPipe()
	if err != nil {
		return err
	}
	if err := b.holder.Start(); err != nil {
		b.holder = nil
		return noNamespaces(err)
	}
	theirs.Close()
	_ = b.control.SetDeadline(time.Now().Add(setupTimeout))
	defer context.AfterFunc(ctx, func() { _ = ours.SetDeadline(time.Now()) })()
	filled := make(chan error, 1)
	go func() { filled <- errors.Join(b.fill(stdin), stdin.Close()) }()
	got, sockets, err := receive(b.control)
	if err != nil || got.Fault != "" {
		_ = stdin.Close() // ends the filling if the holder does not read it
	}
	return b.takeOver(got, sockets, errors.Join(err, broken(<-filled)))
}

// broken leaves out the error that follows from the holder's own, which it tells.
func broken(err error) error {
	if errors.Is(err, syscall.EPIPE) || errors.Is(err, os.ErrClosed) {
		return nil
	}
	return err
}

func controlPair() (*net.UnixConn, *os.File, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("make a control socket: %w", err)
	}
	theirs := os.NewFile(uintptr(fds[1]), "control")
	ours, err := unixConn(uintptr(fds[0]))
	if err != nil {
		return nil, nil, errors.Join(err, theirs.Close())
	}
	return ours, theirs, nil
}

func (b *Box) holderCommand(arg string, files []*os.File) *exec.Cmd {
	one := func(id int) []syscall.SysProcIDMap {
		return []syscall.SysProcIDMap{{ContainerID: 0, HostID: id, Size: 1}}
	}
	gid := os.Getegid()
	attr := &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET | syscall.CLONE_NEWNS,
		Setpgid:    true, // an interrupt is for us; the holder ends after us
	}
	if b.owner != os.Geteuid() {
		gid = b.owner
		attr.GidMappingsEnableSetgroups = true
		attr.Credential = &syscall.Credential{Uid: 0, Gid: 0}
	}
	attr.UidMappings, attr.GidMappings = one(b.owner), one(gid)
	return &exec.Cmd{
		Path: "/proc/self/exe", Args: []string{holderName, arg}, Env: []string{}, Dir: "/",
		ExtraFiles: files, SysProcAttr: attr,
	}
}

// takeOver serves the sockets that the holder opened.
func (b *Box) takeOver(got answer, files []*os.File, err error) error {
	defer func() {
		for _, f := range files {
			_ = f.Close() // they have been duplicated
		}
	}()
	if got.Fault != "" {
		return &Unavailable{Reason: "the sealed network could not be made: " + got.Fault, Fix: "see the reason; NEWNET and tmpfs must be allowed in user namespaces"}
	}
	if err != nil {
		return fmt.Errorf("make the box: %w", err)
	}
	_ = b.control.SetDeadline(time.Time{})
	b.anyIP = got.AnyIP
	cfg := sinkhole.Config{CA: b.ca, Original: original, Now: monotonic}
	for i, name := range got.Names {
		if err := addSocket(&cfg, name, files[i], b.seen); err != nil {
			return fmt.Errorf("take over socket %q: %w", name, err)
		}
	}
	b.sink = sinkhole.Start(cfg)
	world := files[len(files)-1]
	if b.root, err = os.OpenRoot(fmt.Sprintf("/proc/self/fd/%d", world.Fd())); err != nil {
		return fmt.Errorf("open the world: %w", err)
	}
	return nil
}

// addSocket adds a socket to what the sink serves, by the name from the holder.
func addSocket(cfg *sinkhole.Config, name string, f *os.File, seen func(string) string) error {
	kind, what, _ := strings.Cut(name, " ")
	if kind == "udp" {
		c, err := net.FilePacketConn(f)
		if err != nil {
			return err
		}
		port, err := strconv.Atoi(what)
		if err != nil {
			return err
		}
		cfg.UDP = append(cfg.UDP, sinkhole.UDP{Conn: c.(*net.UDPConn), Port: port, DNS: port == 53})
		return nil
	}
	l, err := net.FileListener(f)
	if err != nil {
		return err
	}
	if kind == "unix" {
		cfg.Unix = append(cfg.Unix, sinkhole.Unix{Listener: l, Path: seen(what)})
		return nil
	}
	cfg.TCP = append(cfg.TCP, l)
	return nil
}

// monotonic is the clock of an audit's records: nanoseconds of CLOCK_MONOTONIC.
func monotonic() int64 {
	var ts unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts) // cannot fail for this clock
	return ts.Nano()
}

// Canaries are the planted values.
func (b *Box) Canaries() []evidence.Canary { return b.plan.Canaries }

// Home is where the server lives, as it sees it.
func (b *Box) Home() string { return b.opts.Home }

// Dir is the folder that the server starts in, as it sees it.
func (b *Box) Dir() string { return b.opts.Dir }

// Flows are the connections and datagrams so far, and those of the planted
// sockets, oldest first.
func (b *Box) Flows() []evidence.Flow {
	if b.sink == nil {
		return nil
	}
	return b.sink.Flows()
}

// Lookups are the names that were asked for so far, oldest first.
func (b *Box) Lookups() []evidence.Lookup {
	if b.sink == nil {
		return nil
	}
	return b.sink.Lookups()
}

// Describe names what the box is made of: "bubblewrap 0.8.0", or "none".
func (b *Box) Describe() string {
	if b.opts.NoSandbox {
		return "none"
	}
	return b.tools.version
}

// Gaps says, in words, what the box did not see or cover.
func (b *Box) Gaps() []string {
	if b.opts.NoSandbox {
		return []string{"no sandbox: the network was not observed, and what the server did to this machine has happened"}
	}
	var gaps []string
	if !b.anyIP {
		gaps = append(gaps, "the kernel cannot redirect: only common TCP and UDP ports were answered")
	}
	missed := b.sink.Missed()
	for _, m := range []struct {
		n    int
		what string
	}{
		{missed.Conns, "connections beyond the limit were closed"},
		{missed.Flows, "connections beyond the limit were answered but not recorded"},
		{missed.Lookups, "look-ups beyond the limit were not recorded"},
		{missed.Bytes, "bytes beyond the limit were counted but not kept"},
	} {
		if m.n > 0 {
			gaps = append(gaps, fmt.Sprintf("%d %s", m.n, m.what))
		}
	}
	return gaps
}
