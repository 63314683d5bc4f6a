//go:build linux

package audit_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/vishvananda/netlink"

	"github.com/killdeer-mcp/killdeer/audit/sandbox"
	"github.com/killdeer-mcp/killdeer/internal/auditfixtures"
	"github.com/killdeer-mcp/killdeer/sdk"
	"github.com/killdeer-mcp/killdeer/sdk/plugin"
	"github.com/killdeer-mcp/killdeer/tracers/ebpf/watch"
	"github.com/killdeer-mcp/killdeer/tracers/strace/trace"
)

// TestMain lets the test binary play the holder of a box and the program of a tracer.
func TestMain(m *testing.M) {
	if code, ours := sandbox.Main(); ours {
		os.Exit(code)
	}
	if os.Getenv(httpEnv) != "" {
		serveHTTP()
		os.Exit(1)
	}
	if plugin.TracerStarted() {
		serveTracer()
		os.Exit(0)
	}
	syscall.Umask(syscall.Umask(0o022) | 0o022) // a tracer's program must be its owner's to change
	code := m.Run()
	if err := auditfixtures.Clean(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	if shared.dir != "" {
		_ = os.RemoveAll(shared.dir)
	}
	os.Exit(code)
}

// serveTracer is the tracer whose name the binary's copy has.
func serveTracer() {
	if self, err := os.Executable(); err == nil && strings.HasSuffix(self, "ebpf") {
		plugin.ServeTracer(watch.New("test"))
		return
	}
	plugin.ServeTracer(trace.New("test"))
}

// need skips a test if a program is missing, and fails it if KILLDEER_REQUIRE lists
// it.
func need(t *testing.T, programs ...string) {
	t.Helper()
	for _, name := range programs {
		if _, err := exec.LookPath(name); err == nil {
			continue
		}
		if slices.Contains(strings.Split(os.Getenv("KILLDEER_REQUIRE"), ","), name) {
			t.Fatalf("%s is required, and not installed", name)
		}
		t.Skipf("%s is not installed", name)
	}
}

// shared is a folder with the tracers' programs.
var shared struct {
	once sync.Once
	dir  string
	err  error
}

// tracerDir has the test binary under the names of the tracers.
func tracerDir(t *testing.T) string {
	t.Helper()
	shared.once.Do(func() {
		if shared.dir, shared.err = os.MkdirTemp("", "audit-test-"); shared.err != nil {
			return
		}
		var self []byte
		self, shared.err = os.ReadFile("/proc/self/exe")
		for _, name := range []string{"strace", "ebpf"} {
			if shared.err == nil {
				shared.err = os.WriteFile(filepath.Join(shared.dir, "killdeer-tracer-"+name), self, 0o755)
			}
		}
	})
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.dir
}

// needTracer skips a test where a tracer does not work, and fails it if
// KILLDEER_REQUIRE lists it.
func needTracer(t *testing.T, name string) {
	t.Helper()
	var tr sdk.Tracer = trace.New("test")
	if name == "ebpf" {
		tr = watch.New("test")
	}
	c, err := tr.Capabilities(t.Context())
	switch {
	case err != nil:
		t.Fatal(err)
	case c.Usable:
	case slices.Contains(strings.Split(os.Getenv("KILLDEER_REQUIRE"), ","), name):
		t.Fatalf("%s is required: %s", name, c.Reason)
	default:
		t.Skip(c.Reason)
	}
}

// wallEnv says that this process runs behind the second wall.
const wallEnv = "KILLDEER_AUDIT_TEST"

// behindWall runs a test again in a network namespace of its own, in which nothing
// is answered and every packet to the outside is counted. It reports whether this is
// that process: only there the test goes on.
func behindWall(t *testing.T, parallel int) bool {
	t.Helper()
	if os.Getenv(wallEnv) != "" {
		return true
	}
	name, _, _ := strings.Cut(t.Name(), "/")
	cmd := exec.Command("/proc/self/exe", "-test.run=^"+name+"$", "-test.v", "-test.timeout=10m", fmt.Sprintf("-test.parallel=%d", parallel))
	cmd.Env = append(os.Environ(), wallEnv+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	if os.Geteuid() != 0 {
		one := func(id int) []syscall.SysProcIDMap { return []syscall.SysProcIDMap{{HostID: id, Size: 1}} }
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings, cmd.SysProcAttr.GidMappings = one(os.Getuid()), one(os.Getgid())
	}
	out, err := cmd.CombinedOutput()
	switch {
	case err != nil:
		t.Errorf("%v\n%s", err, out)
	case bytes.Contains(out, []byte("--- SKIP: "+name+" ")):
		t.Skipf("%s", out)
	case !bytes.Contains(out, []byte("--- PASS: "+name)):
		t.Errorf("the test did not run:\n%s", out)
	}
	if testing.Verbose() {
		t.Logf("%s", out)
	}
	return false
}

// outside makes an interface with a route to everywhere, and returns how many
// packets have left by it.
func outside(t *testing.T) func() uint64 {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("make an interface: %v", err)
		}
	}
	must(netlink.LinkAdd(&netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "out0"}, PeerName: "out1"}))
	for _, name := range []string{"out0", "out1"} { // which would look for neighbours by itself
		must(os.WriteFile("/proc/sys/net/ipv6/conf/"+name+"/disable_ipv6", []byte("1"), 0))
	}
	peer, err := netlink.LinkByName("out1")
	must(err)
	must(netlink.LinkSetUp(peer))
	link, err := netlink.LinkByName("out0")
	must(err)
	must(netlink.LinkSetARPOff(link)) // packets leave without an answer to ARP
	addr, err := netlink.ParseAddr("192.0.2.2/24")
	must(err)
	must(netlink.AddrAdd(link, addr))
	must(netlink.LinkSetUp(link))
	everywhere, err := netlink.ParseAddr("0.0.0.0/0")
	must(err)
	must(netlink.RouteAdd(&netlink.Route{LinkIndex: link.Attrs().Index, Dst: everywhere.IPNet}))
	return func() uint64 {
		l, err := netlink.LinkByName("out0")
		must(err)
		return l.Attrs().Statistics.TxPackets
	}
}
