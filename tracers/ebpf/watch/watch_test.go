//go:build linux && amd64

package watch

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/dns/dnsmessage"

	"github.com/killdeer-mcp/killdeer/sdk"
	"github.com/killdeer-mcp/killdeer/tracers/form"
)

// TestUsable tells whether the kernel lets itself be watched here, and is what decides
// in a pipeline whether it has to.
func TestUsable(t *testing.T) {
	c, err := New("test").Capabilities(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !c.Usable {
		t.Skip(c.Reason)
	}
	if !c.SeesIoUring {
		t.Log("io_uring's tracepoints have another form here")
	}
}

// Numbers of system calls are those of the kernel's headers.
func TestNumbers(t *testing.T) {
	checked := 0
	for file, get := range map[string]func(number) int{
		"unistd_64.h":  func(n number) int { return n.native },
		"unistd_32.h":  func(n number) int { return n.compat },
		"unistd_x32.h": func(n number) int { return n.x32 },
	} {
		f, err := os.Open("/usr/include/x86_64-linux-gnu/asm/" + file)
		if err != nil {
			continue
		}
		defer f.Close()
		for lines := bufio.NewScanner(f); lines.Scan(); {
			line := strings.NewReplacer("(", "", ")", "", "__X32_SYSCALL_BIT + ", "").Replace(lines.Text())
			var name string
			var n int
			if _, err := fmt.Sscanf(line, "#define __NR_%s %d", &name, &n); err != nil {
				continue
			}
			want, ok := numbers[name]
			if !ok || file == "unistd_x32.h" && n < 512 {
				continue
			}
			checked++
			if got := get(want); got != n {
				t.Errorf("%s: %s is %d, want %d", file, name, got, n)
			}
		}
	}
	if checked == 0 {
		t.Skip("the kernel's headers are not installed (linux-libc-dev)")
	}
}

// Each call that is reported has a number, and arguments that exist.
func TestCalls(t *testing.T) {
	for name, c := range calls() {
		if n := numbers[name]; n == (number{}) {
			t.Errorf("%s has no numbers", name)
		}
		s := c.shape
		for _, arg := range []uint8{s.Path, s.Dir, s.Path2, s.Dir2, s.FD, s.From, s.Buf, s.Len, s.Name, s.NameLen, c.flags} {
			if arg != none && arg > 5 {
				t.Errorf("%s has an argument %d", name, arg)
			}
		}
		if c.detail != nil {
			_ = c.detail(make([]uint64, 6))
		}
	}
}

// What changes which code is loaded is told from the rest by its first bytes, in the
// kernel.
func TestPrefixes(t *testing.T) {
	for _, variable := range []string{"LD_PRELOAD=x", "LD_LIBRARY_PATH=", "ENV=/x", "ENVIRONMENT=x", "NODE_OPTIONS=--require", "NODE_ENV=test", "PATH=/bin", "L=x", ""} {
		var b [8]byte
		copy(b[:], variable)
		first, found := binary.LittleEndian.Uint64(b[:]), false
		for _, name := range form.Loaders {
			want, mask := prefix(name)
			found = found || first&mask == want
		}
		if form.Loads(variable) && !found {
			t.Errorf("%q would not leave the kernel", variable)
		}
	}
	if len(form.Loaders) > 32 {
		t.Errorf("the programs have room for 32 names, and there are %d", len(form.Loaders))
	}
}

func TestHierarchy(t *testing.T) {
	const v1 = "33 31 0:30 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu\n"
	for _, tt := range []struct {
		name, table string
		want        hierarchy
	}{
		{"unified", "31 23 0:28 / /sys/fs/cgroup rw shared:9 - cgroup2 cgroup2 rw,nsdelegate\n", hierarchy{"/sys/fs/cgroup", 0}},
		{"beside the first", v1 + "38 31 0:31 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n", hierarchy{"/sys/fs/cgroup/unified", 0}},
		{"a part", "31 23 0:28 /a/b /mnt/my\\040groups rw - cgroup2 none rw\n", hierarchy{"/mnt/my groups", 2}},
		{"from a container", "31 23 0:28 /../.. /sys/fs/cgroup rw - cgroup2 none rw\n", hierarchy{"/sys/fs/cgroup", -1}},
		{"none", v1 + "junk\n\n - cgroup2 \n", hierarchy{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := hierarchyIn(strings.NewReader(tt.table))
			if err != nil || got != tt.want {
				t.Errorf("%+v, %v, want %+v", got, err, tt.want)
			}
		})
	}
}

func TestPeer(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want *sdk.Peer
	}{
		{"", nil},
		{"\x02", nil},
		{"\x02\x00\x00\x35", nil},
		{"\x02\x00\x00\x35\x7f\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00", &sdk.Peer{Family: "inet", Addr: "127.0.0.1", Port: 53}},
		{"\x0a\x00\x01\xbb\x00\x00\x00\x00" + strings.Repeat("\x00", 15) + "\x01\x00\x00\x00\x00", &sdk.Peer{Family: "inet6", Addr: "::1", Port: 443}},
		{"\x01\x00", &sdk.Peer{Family: "unix"}},
		{"\x01\x00/run/x\x00rest", &sdk.Peer{Family: "unix", Addr: "/run/x"}},
		{"\x01\x00\x00a\x00b\xff", &sdk.Peer{Family: "unix", Addr: "@a\x00b\\xff"}},
		{"\x10\x00\x00\x00", &sdk.Peer{Family: "netlink"}},
		{"\xff\x7f", &sdk.Peer{Family: "32767"}},
	} {
		if d := cmp.Diff(tt.want, peer([]byte(tt.in))); d != "" {
			t.Errorf("%q (-want +got):\n%s", tt.in, d)
		}
	}
}

func TestJoined(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "\x00": "/", "secret\x00home\x00": "/home/secret", "memfd:x\x00": "/memfd:x", "\xff\x00etc\x00": `/etc/\xff`,
	} {
		if got := joined([]byte(in)); got != want {
			t.Errorf("joined(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestStatus(t *testing.T) {
	for code, want := range map[int]string{0: "0", 3 << 8: "3", 9: "SIGKILL", 11 | 0x80: "SIGSEGV", 64: "SIG64"} {
		if got := status(code); got != want {
			t.Errorf("status(%#x) = %q, want %q", code, got, want)
		}
	}
}

func message(t testing.TB, response bool, answers ...dnsmessage.Resource) []byte {
	t.Helper()
	m := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: 7, Response: response},
		Questions: []dnsmessage.Question{{Name: dnsmessage.MustNewName("api.example.com."), Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET}},
		Answers:   answers,
	}
	b, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Addresses are known by the names that were asked for, also behind an alias.
func TestNames(t *testing.T) {
	head := func(n string, k dnsmessage.Type) dnsmessage.ResourceHeader {
		return dnsmessage.ResourceHeader{Name: dnsmessage.MustNewName(n), Type: k, Class: dnsmessage.ClassINET}
	}
	answer := message(t, true,
		dnsmessage.Resource{Header: head("api.example.com.", dnsmessage.TypeCNAME), Body: &dnsmessage.CNAMEResource{CNAME: dnsmessage.MustNewName("edge.example.net.")}},
		dnsmessage.Resource{Header: head("edge.example.net.", dnsmessage.TypeA), Body: &dnsmessage.AResource{A: [4]byte{192, 0, 2, 7}}},
		dnsmessage.Resource{Header: head("edge.example.net.", dnsmessage.TypeAAAA), Body: &dnsmessage.AAAAResource{AAAA: [16]byte{0x20, 0x01, 0x0d, 0xb8, 15: 1}}})
	var r resolved
	r.learn(answer)
	if r.of("192.0.2.7") != "api.example.com" || r.of("2001:db8::1") != "api.example.com" || r.of("192.0.2.8") != "" {
		t.Errorf("%v", r.byAddr)
	}
	if got := question(message(t, false)); got != "asks for A api.example.com" {
		t.Errorf("question = %q", got)
	}
	if got := question(answer); got != "" {
		t.Errorf("an answer is read as the question %q", got)
	}
}

// head makes the fixed part of a record.
func head(kind, flags uint8, nr uint16, lens ...uint16) []byte {
	b := make([]byte, headSize)
	b[4], b[5] = kind, flags
	binary.LittleEndian.PutUint16(b[6:], nr)
	for i, n := range lens {
		binary.LittleEndian.PutUint16(b[112+2*i:], n)
	}
	return b
}

func TestDecode(t *testing.T) {
	b := append(head(ofCall, isRetried, 257, 7, 0, 5), "secret\x00home\x00"...)
	binary.LittleEndian.PutUint64(b[24:], ^uint64(1)) // -2
	copy(b[128:], "cat")
	r, err := decode(b)
	if err != nil {
		t.Fatal(err)
	}
	tr := &translator{session: "s", payload: 1024, calls: newTable()}
	o, ok := tr.observation(r)
	want := sdk.Observation{
		Session: "s", Kind: sdk.ObservedOpen, Syscall: "openat", ABI: "native", Comm: "cat", Path: "secret", DirPath: "/home",
		Ret: -1, Errno: "ENOENT", Retried: true, Access: sdk.Access{Read: true},
	}
	if d := cmp.Diff(want, o); !ok || d != "" {
		t.Errorf("%v (-want +got):\n%s", ok, d)
	}
	for _, cut := range []int{0, headSize - 1, len(b) - 1} {
		if _, err := decode(b[:cut]); err == nil {
			t.Errorf("%d bytes are a record", cut)
		}
	}
}

// A request of a ring is reported with what came of it, and without when that takes
// long or the kernel uses its number again.
func TestRequests(t *testing.T) {
	var q requests
	begun := func(at int64) sdk.Observation {
		return sdk.Observation{MonoNS: at, Kind: sdk.ObservedSend, Errno: "?", Total: 10, Data: []byte("0123456789")}
	}
	if due := q.begin(1, begun(1)); len(due) != 0 {
		t.Errorf("%v are due at once", due)
	}
	o, ok := q.end(record{ring: 1, ret: 4})
	if !ok || o.Errno != "" || o.Ret != 4 || string(o.Data) != "0123" || o.Total != 4 {
		t.Errorf("%+v, %v", o, ok)
	}
	if _, ok := q.end(record{ring: 1}); ok {
		t.Error("a request ends twice")
	}
	q.begin(2, begun(2))
	if due := q.begin(2, begun(3)); len(due) != 1 || due[0].MonoNS != 2 || due[0].Errno != "?" {
		t.Errorf("%v are due for a number that is used again", due)
	}
	if due := q.overdue(3); len(due) != 0 {
		t.Errorf("%v are overdue", due)
	}
	for id := range uint64(maxRequests + 5) {
		q.begin(100+id, begun(50))
	}
	if len(q.waiting) > maxRequests {
		t.Errorf("%d wait", len(q.waiting))
	}
	if q.overdue(0); len(q.waiting) != 0 || len(q.order) != 0 {
		t.Errorf("%d wait after all have gone", len(q.waiting))
	}
}

func FuzzRecord(f *testing.F) {
	f.Add(append(head(ofCall, 0, 257, 7, 0, 5), "secret\x00home\x00"...))
	f.Add(append(head(ofExec, isTruncated, 59, 3, 0, 0, 3, 0, 4, 13), "/x\x00sh\x00a\x00b\x00LD_PRELOAD=x\x00"...))
	f.Add(append(head(ofRing, 0, 16, 0, 0, 0, 0, 16), "\x02\x00\x00\x35\x7f\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00"...))
	f.Add(append(head(ofDNS, 0, 45, 0, 0, 0, 0, 0, 33), message(f, true)...))
	f.Add(append(head(ofCall, isCompat, 102, 0, 0, 0, 0, 9), "\x01\x00\x00abstract"...))
	calls := newTable()
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := decode(b)
		if err != nil {
			return
		}
		tr := &translator{session: "s", payload: 1024, calls: calls}
		o, ok := tr.observation(r)
		var q requests
		if ok && r.kind == ofRing {
			q.begin(r.ring, o)
			q.end(r)
		}
		if ok && (o.Kind == "" || len(o.Data) > len(b) || bytes.ContainsRune([]byte(o.Path), 0)) {
			t.Errorf("%+v", o)
		}
	})
}

func FuzzNames(f *testing.F) {
	f.Add(message(f, true))
	f.Add(message(f, false))
	f.Fuzz(func(_ *testing.T, b []byte) {
		var r resolved
		r.learn(b)
		question(b)
	})
}
