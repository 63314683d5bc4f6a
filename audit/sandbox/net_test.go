//go:build linux

package sandbox_test

import (
	"bytes"
	"net"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"github.com/killdeer-mcp/killdeer/audit/evidence"
	"github.com/killdeer-mcp/killdeer/audit/sandbox"
)

// flow waits for a flow, since what is sent last may still be read.
func flow(t *testing.T, b *sandbox.Box, wanted func(evidence.Flow) bool) evidence.Flow {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		all := b.Flows()
		if i := slices.IndexFunc(all, wanted); i >= 0 {
			return all[i]
		}
	}
	for _, f := range b.Flows() {
		t.Logf("%s %s %d %s %q", f.Proto, f.Addr, f.Port, f.Name, f.Sent)
	}
	t.Fatal("no such flow")
	return evidence.Flow{}
}

func sent(text string) func(evidence.Flow) bool {
	return func(f evidence.Flow) bool { return bytes.Contains(f.Sent, []byte(text)) }
}

// TestNothingLeaves runs an audit's box in an outer network namespace that has an
// interface with default routes, and counts the packets on it.
func TestNothingLeaves(t *testing.T) {
	need(t)
	if os.Getenv(childEnv) == "" {
		attr := &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
		if os.Geteuid() != 0 {
			attr.Cloneflags |= syscall.CLONE_NEWUSER
			attr.UidMappings = []syscall.SysProcIDMap{{HostID: os.Geteuid(), Size: 1}}
			attr.GidMappings = []syscall.SysProcIDMap{{HostID: os.Getegid(), Size: 1}}
		}
		again(t, "outer", attr)
		return
	}
	count := outside(t)
	b := box(t, sandbox.Options{Mounts: []sandbox.Mount{self(t)}})
	before := count() // the kernel itself announces the interface
	out, err := run(t, b, "/opt/probe", "probe", "network")
	if err != nil {
		t.Errorf("%v: %s", err, out)
	}
	t.Logf("refused inside: %s", out)
	want := []struct {
		text, addr, name string
		port             int
	}{
		{"out-by-tcp 93.184.216.34:80", "93.184.216.34", "", 80},
		{"out-by-tcp 93.184.216.34:4444", "93.184.216.34", "", 4444},
		{"out-by-tcp 169.254.169.254:80", "169.254.169.254", "", 80},
		{"out-by-tcp [2606:2800:220:1::1]:80", "2606:2800:220:1::1", "", 80},
		{"out-by-tcp exfil.example.com:80", "", "exfil.example.com", 80},
		{"out-by-tcp exfil.example.com:65000", "", "exfil.example.com", 65000},
		{"out-by-udp 198.51.100.1:9999", "198.51.100.1", "", 0},
		{"out-by-udp 198.51.100.1:123", "198.51.100.1", "", 123},
		{"out-by-udp [2001:db8::7]:443", "2001:db8::7", "", 443},
		{"out-by-udp [2001:db8::7]:9999", "", "", 0},
	}
	for _, w := range want {
		f := flow(t, b, sent(w.text))
		if (w.addr != "" && f.Addr != w.addr) || f.Name != w.name || f.Port != w.port {
			t.Errorf("%s: flow to %s %q port %d", w.text, f.Addr, f.Name, f.Port)
		}
	}
	for _, name := range []string{"c2VjcmV0.exfil.example.com", "txt.exfil.example.com"} {
		if !slices.ContainsFunc(b.Lookups(), func(l evidence.Lookup) bool { return l.Name == name }) {
			t.Errorf("the look-up of %s is not recorded", name)
		}
	}
	if err := b.Close(); err != nil {
		t.Error(err)
	}
	if n := count() - before; n != 0 {
		t.Errorf("%d packets left", n)
	}
	// The counter counts: this one is sent by the test itself.
	c, err := net.Dial("udp4", "198.51.100.1:9")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if count() == before {
		t.Error("the counter does not move")
	}
}

// outside makes an interface over which everything would leave, and returns its
// counter.
func outside(t *testing.T) func() uint64 {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	pair := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "out0"}, PeerName: "out1"}
	if err := netlink.LinkAdd(pair); err != nil {
		leaveOut(t, "the kernel has no virtual interfaces: "+err.Error())
	}
	peer, err := netlink.LinkByName("out1")
	must(err)
	must(netlink.LinkSetUp(peer))
	link, err := netlink.LinkByName("out0")
	must(err)
	must(netlink.LinkSetARPOff(link)) // packets leave without an answer to ARP
	for _, a := range []string{"203.0.113.2/24", "2001:db8:1::2/64"} {
		addr, err := netlink.ParseAddr(a)
		must(err)
		addr.Flags = syscall.IFA_F_NODAD
		must(netlink.AddrAdd(link, addr))
	}
	must(netlink.LinkSetUp(link))
	for _, all := range []string{"0.0.0.0/0", "::/0"} {
		_, dst, err := net.ParseCIDR(all)
		must(err)
		must(netlink.RouteAdd(&netlink.Route{LinkIndex: link.Attrs().Index, Dst: dst}))
	}
	time.Sleep(100 * time.Millisecond) // the kernel's own announcements
	return func() uint64 {
		link, err := netlink.LinkByName("out0")
		must(err)
		return link.Attrs().Statistics.TxPackets
	}
}

// TestTrust lets real clients speak TLS to the sink, each by its own way of
// finding whom to trust.
func TestTrust(t *testing.T) { each(t, testTrust) }

func testTrust(t *testing.T) {
	b := box(t, sandbox.Options{Mounts: []sandbox.Mount{self(t)}})
	tests := map[string]struct {
		needs string
		argv  []string
	}{
		"curl":   {"/usr/bin/curl", []string{"curl", "-sS", "-d", "out-by-curl", "https://curl.example.com/"}},
		"node":   {"/usr/bin/node", []string{"node", "-e", `fetch("https://node.example.com/", {method: "POST", body: "out-by-node"}).then(r => r.text()).then(t => process.stdout.write(t))`}},
		"python": {"/usr/bin/python3", []string{"python3", "-c", `import urllib.request as u; print(u.urlopen("https://python.example.com/", b"out-by-python").read().decode(), end="")`}},
		"go":     {"", []string{"/opt/probe", "probe", "https"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if tt.needs != "" {
				if _, err := os.Stat(tt.needs); err != nil {
					leaveOut(t, tt.needs+" is not installed")
				}
			}
			out, err := run(t, b, tt.argv...)
			if err != nil || strings.TrimSpace(out) != "{}" {
				t.Fatalf("%v: %s", err, out)
			}
			f := flow(t, b, sent("out-by-"+name))
			if !f.TLS || f.SNI != name+".example.com" || f.Name != f.SNI || f.Port != 443 || !strings.HasPrefix(f.Request, "POST / HTTP/1.1") {
				t.Errorf("flow %+v", f)
			}
		})
	}
}

// TestPlantedSockets connects to them.
func TestPlantedSockets(t *testing.T) { each(t, testPlantedSockets) }

func testPlantedSockets(t *testing.T) {
	need(t, "curl", "ssh-add")
	b := box(t, sandbox.Options{})
	if out := sh(t, b, "curl -sS --unix-socket /var/run/docker.sock http://d/containers/json; ssh-add -l; true"); !strings.HasPrefix(out, "{}\n") || !strings.Contains(out, "no identities") {
		t.Errorf("got %q", out)
	}
	var paths []string
	for _, c := range b.Canaries() {
		if c.Kind == "socket" {
			paths = append(paths, c.Source)
		}
	}
	if len(paths) != 2 {
		t.Errorf("sockets %q", paths)
	}
	for _, p := range paths {
		flow(t, b, func(f evidence.Flow) bool { return f.Proto == "unix" && f.Addr == p })
	}
}

// TestWithoutNAT is what remains where the kernel cannot redirect.
func TestWithoutNAT(t *testing.T) { each(t, testWithoutNAT) }

func testWithoutNAT(t *testing.T) {
	need(t, "curl")
	o := sandbox.Options{}
	sandbox.WithoutNAT(&o)
	b := box(t, o)
	if out := sh(t, b, "curl -sS -d out-by-curl https://curl.example.com/; curl -sS -g -d six 'http://[2001:db8::9]:8080/'"); out != "{}\n{}\n" {
		t.Errorf("got %q", out)
	}
	if f := flow(t, b, sent("out-by-curl")); f.Name != "curl.example.com" || f.Port != 443 {
		t.Errorf("flow %+v", f)
	}
	if f := flow(t, b, sent("six")); f.Addr != "2001:db8::9" || f.Port != 8080 {
		t.Errorf("flow %+v", f)
	}
	if gaps := b.Gaps(); len(gaps) != 1 || !strings.Contains(gaps[0], "common") {
		t.Errorf("gaps %q", gaps)
	}
}
