// Package doctor looks at a machine and at a sensor's files on it, and says what a
// sensor or an audit would lack: each thing is fine, a warning, or a failure, with
// what to do about it.
//
// It changes nothing, starts no sensor and no sink, and reaches for no receiver. What
// it sees holds for the user who asks: a service may be allowed less.
package doctor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/killdeer-mcp/killdeer/agent/config"
	"github.com/killdeer-mcp/killdeer/internal/child"
	"github.com/killdeer-mcp/killdeer/internal/guests"
	"github.com/killdeer-mcp/killdeer/internal/pack"
	"github.com/killdeer-mcp/killdeer/internal/wasm"
)

// Status is what came of one look.
type Status string

// The statuses. A failure keeps the sensor, or what the check's name says, from
// working.
const (
	OK      Status = "ok"
	Warning Status = "warning"
	Failure Status = "failure"
)

// Check is one thing that was looked at.
type Check struct {
	Name   string `json:"name"`
	Status Status `json:"status"`
	Detail string `json:"detail"`
	Remedy string `json:"remedy,omitempty"` // unless it is ok
}

// Options say what to look at.
type Options struct {
	Config *config.Config // nil: only the machine
	// Running says that a sensor runs with the configuration, which then has its
	// ports.
	Running bool
	// Serving are the addresses that it listens at; empty if it does not say.
	Serving []string
	// FindPlugin returns the program of a sink.
	FindPlugin func(name string) (string, error)
	// Credential returns the file of a credential of the service manager.
	Credential func(name string) (string, error)
	// Built is when the program's source was made: no clock shows an earlier time.
	Built time.Time
}

// commandTime is how long a program may take to say its version.
const commandTime = 5 * time.Second

// Examine looks at everything.
func Examine(ctx context.Context, o Options) []Check {
	checks := []Check{kernel(), clock(o.Built), engine(ctx, o.Config), builtIn()}
	if o.Config != nil {
		checks = append(checks, sensor(o)...)
	}
	return append(checks, audits(ctx)...)
}

// sensor looks at what a configuration names.
func sensor(o Options) []Check {
	c := o.Config
	checks := []Check{
		directory("state directory", c.Sensor.StateDir), directory("cache directory", c.Sensor.CacheDir),
		owners(c.Sensor.StateDir, c.Sensor.CacheDir), space(c), damage(c.Sensor.StateDir), descriptors(c.Decoy.Limits.Connections),
		port("decoy port", c.Decoy.Listen, "decoy.listen", o), trust(c),
	}
	if c.Dashboard.Listen != "" {
		checks = append(checks, port("dashboard port", c.Dashboard.Listen, "dashboard.listen", o))
	}
	checks = append(checks, Certificates(c, o.Credential)...)
	for i := range c.Sinks {
		checks = append(checks, plugin(&c.Sinks[i], o.FindPlugin))
	}
	return checks
}

func ok(name, format string, args ...any) Check {
	return Check{Name: name, Status: OK, Detail: fmt.Sprintf(format, args...)}
}

// bad is a check that is not ok.
func bad(s Status, name, remedy, format string, args ...any) Check {
	return Check{name, s, fmt.Sprintf(format, args...), remedy}
}

// clock looks at whether the time can be right.
func clock(built time.Time) Check {
	const name, remedy = "clock", "set the clock, and have it kept by chrony or systemd-timesyncd"
	now := time.Now()
	if now.Before(built) {
		return bad(Failure, name, remedy, "%s is before this program was made", now.UTC().Format(time.RFC3339))
	}
	if synced, err := clockSynchronized(); err != nil {
		return bad(Warning, name, remedy, "whether the clock is kept cannot be asked: %v", err)
	} else if !synced {
		return bad(Warning, name, remedy, "%s, and nothing keeps it: events may carry a wrong time", now.UTC().Format(time.RFC3339))
	}
	return ok(name, "kept by this machine")
}

// engine starts the guests' runtime as the configuration has it.
func engine(ctx context.Context, c *config.Config) Check {
	const name = "guest engine"
	kind := wasm.EngineCompiler
	if c != nil {
		kind = c.WASM.Engine
	}
	if kind == wasm.EngineInterpreter {
		return bad(Warning, name, `set wasm.engine = "compiler" unless the machine forbids executable memory`, "interpreter, as configured: guests run some thirty times slower")
	}
	rt, err := wasm.New(ctx, wasm.Options{Engine: kind, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return bad(Failure, name, `remove MemoryDenyWriteExecute= from the unit, or set wasm.engine = "interpreter"`, "%v", err)
	}
	if err := rt.Close(ctx); err != nil {
		return bad(Failure, name, "report it", "%v", err)
	}
	return ok(name, "compiler")
}

// builtIn looks at whether this program was built with its guests.
func builtIn() Check {
	for _, guest := range []string{"enterprise", "core"} {
		if _, err := guests.Open(guest); err != nil {
			return bad(Warning, "built-in guests", `build the program with "make build"`, "%v", err)
		}
	}
	return ok("built-in guests", "enterprise, core")
}

// directory looks at a folder that is the sensor's alone.
func directory(name, dir string) Check {
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return ok(name, "%s is made at the first start", dir)
	case err != nil:
		return bad(Failure, name, "run as the sensor's user, or change the folder", "%v", err)
	case info.Mode().Perm()&0o077 != 0:
		return bad(Failure, name, "chmod 700 "+dir, "%s has mode %04o: others can read what was recorded, or change what the sensor runs", dir, info.Mode().Perm())
	}
	user := owner(info)
	if user != os.Geteuid() && os.Geteuid() != 0 {
		return bad(Warning, name, "run as the user who owns it", "%s belongs to user %d, you are %d", dir, user, os.Geteuid())
	}
	if kind, remote := fileSystem(dir); remote {
		return bad(Failure, name, "put it on a disk of this machine", "%s is on %s: a journal needs locks and fsync that hold", dir, kind)
	}
	if user != os.Geteuid() {
		return ok(name, "%s, of user %d, as whom alone the sensor may run", dir, user)
	}
	return ok(name, "%s", dir)
}

// owner is the user whose a file is.
func owner(info os.FileInfo) int {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return int(st.Uid)
	}
	return os.Geteuid()
}

// owners looks at whether the sensor's folders, and what lies in that of its state,
// are one user's.
func owners(state, cache string) Check {
	const name = "owner"
	first, err := os.Stat(state)
	if err != nil {
		return ok(name, "nothing is there yet")
	}
	user := owner(first)
	if second, err := os.Stat(cache); err == nil && owner(second) != user {
		return bad(Failure, name, "chown -R them to the sensor's user", "%s belongs to user %d, %s to user %d: no user's sensor can use both", state, user, cache, owner(second))
	}
	var foreign string
	_ = filepath.WalkDir(state, func(file string, e os.DirEntry, err error) error {
		if err != nil {
			return nil // what cannot be read, or is gone, says nothing
		}
		if info, err := e.Info(); err == nil && owner(info) != user {
			foreign = file
			return filepath.SkipAll
		}
		return nil
	})
	if foreign != "" {
		return bad(Warning, name, fmt.Sprintf("chown -R %d %s", user, state), "%s does not belong to user %d, whose the state directory is: a sensor or command of another user made it", foreign, user)
	}
	return ok(name, "user %d", user)
}

// disk is the file system of a journal.
type disk struct {
	free, size int64
	journal    int64 // what the journal has of it
	reserved   bool  // the journal's reserve is among that
}

// The journal's reserve, and what part of a small disk the journal asks for at most,
// as agent/journal has them.
const (
	reserveFile = "journal.reserve"
	smallDisk   = 20
)

// space looks at whether the journal has room.
func space(c *config.Config) Check {
	d, err := measure(c.Sensor.StateDir)
	if err != nil {
		return bad(Warning, "disk space", "look at the file system", "%v", err)
	}
	files, _ := os.ReadDir(filepath.Join(c.Sensor.StateDir, "events")) // none before the first start
	for _, f := range files {
		if info, err := f.Info(); err == nil {
			d.journal += takes(info)
		}
	}
	_, err = os.Stat(filepath.Join(c.Sensor.StateDir, reserveFile))
	d.reserved = err == nil
	return judge(d, c)
}

// judge says whether a disk is large enough for a journal.
func judge(d disk, c *config.Config) Check {
	const name = "disk space"
	need := min(int64(c.Journal.MinFree), d.size/smallDisk)
	if !d.reserved {
		need += min(int64(c.Journal.Reserve), d.size/smallDisk)
	}
	free := config.Size(d.free >> 20 << 20)
	if d.free < need {
		return bad(Failure, name, "make room, or lower journal.min_free", "%v free where %s is: below %v events are shed", free, c.Sensor.StateDir, config.Size(need>>20<<20))
	}
	if limit := int64(c.Journal.MaxBytes); limit > 0 && d.journal+d.free-need < limit {
		return bad(Warning, name, "make room, or lower journal.max_bytes", "%v free, the journal has %v, journal.max_bytes is %v: retention will go by min_free", free, config.Size(d.journal>>20<<20), c.Journal.MaxBytes)
	}
	return ok(name, "%v free", free)
}

// port looks at whether the sensor can listen.
func port(name, listen, key string, o Options) Check {
	l, err := net.Listen("tcp", listen)
	switch {
	case err == nil:
		_ = l.Close() // nobody has spoken on it
		return ok(name, "%s is free", listen)
	case errors.Is(err, syscall.EADDRINUSE) && o.serves(listen):
		return ok(name, "%s is the running sensor's", listen)
	case errors.Is(err, syscall.EACCES):
		return bad(Failure, name, "grant CAP_NET_BIND_SERVICE, as the unit does, or change "+key, "%v", err)
	}
	return bad(Failure, name, "stop the program that has it, or change "+key, "%v", err)
}

// serves reports whether an address is the running sensor's, as far as is known.
func (o *Options) serves(listen string) bool {
	return o.Running && (len(o.Serving) == 0 || slices.ContainsFunc(o.Serving, func(at string) bool { return meet(listen, at) }))
}

// meet reports whether two addresses that are listened at are in each other's way.
func meet(a, b string) bool {
	x, err1 := net.ResolveTCPAddr("tcp", a)
	y, err2 := net.ResolveTCPAddr("tcp", b)
	if err1 != nil || err2 != nil || x.Port != y.Port {
		return false
	}
	all := func(ip net.IP) bool { return len(ip) == 0 || ip.IsUnspecified() }
	return all(x.IP) || all(y.IP) || x.IP.Equal(y.IP)
}

// trust looks at the keys of publishers.
func trust(c *config.Config) Check {
	const name = "trust keys"
	t, err := pack.LoadTrust(c.Packs.Trust)
	if err != nil {
		return bad(Failure, name, "mend or remove the file; \"killdeer trust list\" shows the others", "%v", err)
	}
	if c.Packs.AllowUnsigned {
		return bad(Warning, name, "set packs.allow_unsigned = false", "packs that nobody signed are accepted")
	}
	return ok(name, "%d publishers in %s", len(t.Publishers()), c.Packs.Trust)
}

// plugin looks at the program of a sink.
func plugin(s *config.Sink, find func(string) (string, error)) Check {
	name := "sink " + s.Name
	path, err := find(s.Plugin)
	if err != nil {
		return bad(Failure, name, "install the plugin, or name its path", "%v", err)
	}
	p, err := child.Open(path, s.SHA256())
	if err != nil {
		return bad(Failure, name, "the file and its folders must be root's or yours, and nobody else's to change", "%v", err)
	}
	if err := p.Close(); err != nil {
		return bad(Warning, name, "look at the file system", "%v", err)
	}
	return ok(name, "%s", path)
}

// audits looks at what "killdeer audit" uses.
func audits(ctx context.Context) []Check {
	return []Check{
		program(ctx, "bubblewrap", "bwrap", "--version"), program(ctx, "strace", "strace", "--version"), namespaces(ctx), bpf(),
	}
}

// program runs a program for its version.
func program(ctx context.Context, name, command string, args ...string) Check {
	ctx, cancel := context.WithTimeout(ctx, commandTime)
	defer cancel()
	out, err := exec.CommandContext(ctx, command, args...).Output()
	if err != nil {
		return bad(Warning, name, "install "+name+"; audits need it, the sensor does not", "%v", err)
	}
	first, _, _ := strings.Cut(string(out), "\n")
	return ok(name, "%s", first)
}
