package tracetest

import (
	"bytes"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/killdeer-mcp/killdeer/sdk"
	"github.com/killdeer-mcp/killdeer/tracers"
)

// row is an act, and what must be seen of it: for each of want one observation. DIR
// in its strings stands for the act's folder.
type row struct {
	act  string
	c    bool // it is one of acts.c
	ring bool // it is one of rings.c
	want []sdk.Observation
}

func opened(path string) sdk.Observation {
	return sdk.Observation{Kind: sdk.ObservedOpen, Path: path, PathReal: path, Access: sdk.Access{Read: true}}
}

// ringed is an act done by io_uring.
func ringed(o sdk.Observation) sdk.Observation {
	o.ABI = "io_uring"
	return o
}

const secret = "DIR/secret"

var loopback = &sdk.Peer{Family: "inet", Addr: "127.0.0.1", Port: 5399}

var table = []row{
	{act: "open", want: []sdk.Observation{opened(secret)}},
	{act: "failed_open", want: []sdk.Observation{{Kind: sdk.ObservedOpen, Path: "DIR/nothing", Errno: "ENOENT"}}},
	{act: "relative", want: []sdk.Observation{{Kind: sdk.ObservedOpen, Path: "secret", DirPath: "DIR", PathReal: secret}}},
	{act: "files", want: []sdk.Observation{
		{Kind: sdk.ObservedOpen, Path: "DIR/new", PathReal: "DIR/new", Access: sdk.Access{Write: true, Create: true, Trunc: true}},
		{Kind: sdk.ObservedRename, Path: "DIR/new", Path2: "DIR/renamed"},
		{Kind: sdk.ObservedChmod, Path: "DIR/renamed"},
		{Kind: sdk.ObservedLink, Path: "target", Path2: "DIR/symlink"},
		{Kind: sdk.ObservedLink, Path: "DIR/renamed", Path2: "DIR/hardlink"},
		{Kind: sdk.ObservedTruncate, Path: "DIR/renamed"},
		{Kind: sdk.ObservedMkdir, Path: "DIR/folder"},
		{Kind: sdk.ObservedUnlink, Path: "DIR/folder"},
		{Kind: sdk.ObservedUnlink, Path: "DIR/renamed"},
		{Kind: sdk.ObservedCreate, Path: "DIR/fifo"},
	}},
	{act: "bytes", want: []sdk.Observation{{Kind: sdk.ObservedOpen, Path: `DIR/\xff\xfe`, PathReal: `DIR/\xff\xfe`}}},
	{act: "posix_spawn", c: true, want: []sdk.Observation{{Kind: sdk.ObservedFork}, {Kind: sdk.ObservedExec, Path: "/bin/cat", Argv: []string{"cat", secret}}, opened(secret)}},
	{act: "vfork", c: true, want: []sdk.Observation{{Kind: sdk.ObservedFork}, {Kind: sdk.ObservedExec, Path: "/bin/cat"}, opened(secret)}},
	{act: "thread", c: true, want: []sdk.Observation{opened(secret)}},
	{act: "thread_exec", c: true, want: []sdk.Observation{{Kind: sdk.ObservedExec, Path: "/bin/cat"}, opened(secret)}},
	{act: "grandchild", c: true, want: []sdk.Observation{{Kind: sdk.ObservedFork}, opened(secret)}},
	{act: "daemon", c: true, want: []sdk.Observation{{Kind: sdk.ObservedSetsid}, opened(secret)}},
	{act: "cold_page", c: true, want: []sdk.Observation{opened(secret)}},
	{act: "int80", c: true, want: []sdk.Observation{{Kind: sdk.ObservedOpen, Path: secret, PathReal: secret, ABI: "compat"}}},
	{act: "another_child", want: []sdk.Observation{{Kind: sdk.ObservedExec, Path: "/bin/cat"}, opened(secret)}},
	{act: "environment", want: []sdk.Observation{{Kind: sdk.ObservedExec, Path: "/bin/true", Argv: []string{"true", "an argument"}, Env: []string{"LD_PRELOAD=/nowhere/evil.so"}}}},
	{act: "memfd", want: []sdk.Observation{{Kind: sdk.ObservedMemfd, Path: "payload"}, {Kind: sdk.ObservedExec, PathReal: "/memfd:payload"}}},
	{act: "udp", want: []sdk.Observation{{Kind: sdk.ObservedSend, Peer: &sdk.Peer{Family: "inet", Addr: "127.0.0.1", Port: 5399}, Data: []byte(message), Total: len(message)}}},
	{act: "tcp", want: []sdk.Observation{
		{Kind: sdk.ObservedListen, Peer: &sdk.Peer{Family: "inet", Addr: "127.0.0.1"}},
		{Kind: sdk.ObservedConnect, Peer: &sdk.Peer{Family: "inet", Addr: "127.0.0.1"}},
		{Kind: sdk.ObservedSend, Peer: &sdk.Peer{Family: "inet", Addr: "127.0.0.1"}, Data: []byte(message)},
	}},
	{act: "abstract", want: []sdk.Observation{
		{Kind: sdk.ObservedBind, Peer: &sdk.Peer{Family: "unix", Addr: "@killdeer-act-"}},
		{Kind: sdk.ObservedConnect, Peer: &sdk.Peer{Family: "unix", Addr: "@killdeer-act-"}},
		{Kind: sdk.ObservedSend, Peer: &sdk.Peer{Family: "unix", Addr: "@killdeer-act-"}, Data: []byte(message)},
	}},
	{act: "truncated", want: []sdk.Observation{{Kind: sdk.ObservedSend, Total: 20_000, Truncated: true}}},
	{act: "io_uring", want: []sdk.Observation{{Kind: sdk.ObservedIoUring}}},
	{act: "int80_connect", c: true, want: []sdk.Observation{{Kind: sdk.ObservedConnect, ABI: "compat", Peer: &sdk.Peer{Family: "inet", Addr: "127.0.0.1", Port: 5399}}}},
	{act: "sendmmsg", c: true, want: []sdk.Observation{
		{Kind: sdk.ObservedSend, Data: []byte("one and two"), Total: 11}, {Kind: sdk.ObservedSend, Data: []byte("three"), Total: 5},
	}},
	{act: "writev", c: true, want: []sdk.Observation{{Kind: sdk.ObservedWrite, Data: []byte(message), Total: len(message)}}},
	{act: "sendfile", c: true, want: []sdk.Observation{{Kind: sdk.ObservedSend, PathReal: secret, Total: 5, Truncated: true}}},
	{act: "pwritev2", c: true, want: []sdk.Observation{{Kind: sdk.ObservedSend, Data: []byte(message), Total: len(message)}}},
	{act: "splice", c: true, want: []sdk.Observation{
		{Kind: sdk.ObservedWrite, Data: []byte(message), Total: len(message)}, {Kind: sdk.ObservedSend, Total: len(message), Truncated: true},
	}},
	{act: "symlink", c: true, want: []sdk.Observation{{Kind: sdk.ObservedStat, Path: "DIR"}, {Kind: sdk.ObservedOpen, Path: "./link", DirPath: "DIR", PathReal: secret}}},
	{act: "kill", c: true, want: []sdk.Observation{{Kind: sdk.ObservedKill}, {Kind: sdk.ObservedExit, Status: "SIGTERM"}}},
	{act: "memfd_link", want: []sdk.Observation{{Kind: sdk.ObservedMemfd, Path: "payload"}, {Kind: sdk.ObservedExec, Path: "/proc/self/fd/FD", PathReal: "/memfd:payload"}}},
	{act: "ring_open", ring: true, want: []sdk.Observation{
		ringed(opened(secret)), {Kind: sdk.ObservedOpen, Path: "DIR/secret-none", Errno: "ENOENT", ABI: "io_uring"},
	}},
	{act: "ring_sqpoll_open", ring: true, want: []sdk.Observation{ringed(opened(secret))}},
	{act: "ring_connect", ring: true, want: []sdk.Observation{{Kind: sdk.ObservedConnect, ABI: "io_uring", Peer: loopback}}},
	{act: "ring_send", ring: true, want: []sdk.Observation{{Kind: sdk.ObservedSend, ABI: "io_uring", Peer: loopback, Data: []byte(message), Total: len(message)}}},
	{act: "ring_sqpoll_send", ring: true, want: []sdk.Observation{{Kind: sdk.ObservedSend, ABI: "io_uring", Peer: loopback, Data: []byte(message), Total: len(message)}}},
	{act: "ring_fixed_send", ring: true, want: []sdk.Observation{{Kind: sdk.ObservedSend, ABI: "io_uring", Peer: loopback, Data: []byte(message), Total: len(message)}}},
	{act: "ring_write", ring: true, want: []sdk.Observation{{Kind: sdk.ObservedWrite, ABI: "io_uring", Data: []byte(message), Total: len(message)}}},
	{act: "ring_files", ring: true, want: []sdk.Observation{
		{Kind: sdk.ObservedRename, ABI: "io_uring", Path: secret, Path2: "DIR/moved"}, {Kind: sdk.ObservedUnlink, ABI: "io_uring", Path: "DIR/moved"},
	}},
	{act: "ptrace", want: []sdk.Observation{{Kind: sdk.ObservedPtrace, Errno: "ESRCH"}}},
	{act: "privilege", want: []sdk.Observation{{Kind: sdk.ObservedPriv, Errno: "EBADF"}}},
}

func acts(t *testing.T, tr Tracer, p *tracers.Process) {
	compiled, rings := compile(t, "acts", actsC), compile(t, "rings", ringsC)
	if rings != "" && exec.Command(rings, "probe", "").Run() != nil {
		rings = ""
	}
	for _, r := range table {
		t.Run(r.act, func(t *testing.T) {
			dir := folder(t)
			argv := []string{program(t), dir}
			if r.c || r.ring {
				c := compiled
				if r.ring {
					c = rings
				}
				if c == "" {
					t.Skip("there is no C compiler (gcc) for this act, or no io_uring")
				}
				argv = []string{c, r.act, dir}
			}
			trace := Begin(t, p, sdk.TracerSpec{}, argv...)
			trace.Cmd.Env = []string{"PATH=/usr/bin:/bin"}
			if !r.c && !r.ring {
				trace.Cmd.Env = append(trace.Cmd.Env, actEnv+"="+r.act)
			}
			missing := missed(trace.All(), r.want, dir)
			why, known := tr.Misses[r.act]
			switch {
			case known && len(missing) == 0:
				t.Errorf("it is listed as missed (%s), and was seen", why)
			case !known && len(missing) > 0:
				t.Errorf("not seen: %+v", missing)
			}
		})
	}
}

// folder makes a folder for an act, with a name that stays the same when it is
// resolved.
func folder(t testing.TB) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "secret"), []byte("hush\n"), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// compile makes a program of C; "" without a compiler.
func compile(t testing.TB, name, text string) string {
	t.Helper()
	cc, err := exec.LookPath("gcc")
	if err != nil {
		return ""
	}
	dir := t.TempDir()
	source := filepath.Join(dir, name+".c")
	if err := os.WriteFile(source, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(cc, "-O1", "-pthread", "-o", filepath.Join(dir, name), source).CombinedOutput(); err != nil {
		t.Fatalf("compile %s: %v: %s", source, err, out)
	}
	return filepath.Join(dir, name)
}

// missed returns what of want no observation is like.
func missed(seen, want []sdk.Observation, dir string) (missing []sdk.Observation) {
	for _, w := range want {
		w.Path, w.Path2 = strings.ReplaceAll(w.Path, "DIR", dir), strings.ReplaceAll(w.Path2, "DIR", dir)
		w.PathReal, w.DirPath = strings.ReplaceAll(w.PathReal, "DIR", dir), strings.ReplaceAll(w.DirPath, "DIR", dir)
		found := false
		for _, o := range seen {
			found = found || like(o, w, dir)
		}
		if !found {
			missing = append(missing, w)
		}
	}
	return missing
}

// like reports whether an observation has everything that w says. What w wants to
// have succeeded must have.
func like(o, w sdk.Observation, dir string) bool {
	same := func(got, want string) bool { return want == "" || got == want }
	if strings.HasSuffix(w.Path, "/FD") && strings.HasPrefix(o.Path, strings.TrimSuffix(w.Path, "FD")) {
		w.Path = o.Path
	}
	if o.Kind != w.Kind || !same(o.Status, w.Status) || !same(o.Path, w.Path) || !same(o.Path2, w.Path2) || !same(o.PathReal, w.PathReal) ||
		!same(o.DirPath, w.DirPath) || !same(o.ABI, w.ABI) {
		return false
	}
	began := o.Errno == "EINPROGRESS" || o.Kind == sdk.ObservedIoUring
	if o.Errno != w.Errno && !(w.Errno == "" && began) {
		return false
	}
	for i, a := range w.Argv {
		if i >= len(o.Argv) || o.Argv[i] != strings.ReplaceAll(a, "DIR", dir) {
			return false
		}
	}
	for i, e := range w.Env {
		if i >= len(o.Env) || o.Env[i] != e {
			return false
		}
	}
	return (w.Access == sdk.Access{} || o.Access == w.Access) && samePeer(o.Peer, w.Peer) &&
		(w.Data == nil || bytes.Equal(o.Data, w.Data)) && (w.Total == 0 || o.Total == w.Total) && (!w.Truncated || o.Truncated)
}

func samePeer(got, want *sdk.Peer) bool {
	if want == nil {
		return true
	}
	if got == nil || got.Family != want.Family || want.Port != 0 && got.Port != want.Port {
		return false
	}
	if net.ParseIP(want.Addr) != nil {
		return got.Addr == want.Addr
	}
	return strings.HasPrefix(got.Addr, want.Addr)
}
