package line_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/killdeer-mcp/killdeer/sdk"
	"github.com/killdeer-mcp/killdeer/tracers/strace/line"
)

func TestParse(t *testing.T) {
	const at = "7 1.5 "
	for _, tt := range []struct {
		in   string
		want line.Line
	}{
		{"setsid()        = 26167", line.Line{Kind: line.Call, Name: "setsid", Args: []byte{}, Ret: line.Ret{Value: 26167}}},
		{`io_uring_setup(1, NULL) = -1 ENOSYS (Function not implemented) (INJECTED)`, line.Line{
			Kind: line.Call, Name: "io_uring_setup", Args: []byte("1, NULL"), Ret: line.Ret{Value: -1, Errno: "ENOSYS", Injected: true},
		}},
		{`memfd_create("\x70", 0) = 12<\x2f\x6d>(deleted)`, line.Line{
			Kind: line.Call, Name: "memfd_create", Args: []byte(`"\x70", 0`), Ret: line.Ret{Value: 12, FD: []byte(`<\x2f\x6d>`)},
		}},
		{"exit_group(0)   = ?", line.Line{Kind: line.Call, Name: "exit_group", Args: []byte("0"), Ret: line.Ret{Unknown: true, Value: -1}}},
		{"exit(0 <unfinished ...>) = ?", line.Line{Kind: line.Call, Name: "exit", Args: []byte("0"), Ret: line.Ret{Unknown: true, Value: -1}}},
		{"pause() = ? ERESTARTNOHAND (To be restarted if no handler)", line.Line{Kind: line.Call, Name: "pause", Args: []byte{}, Ret: line.Ret{Unknown: true, Value: -1, Errno: "ERESTARTNOHAND"}}},
		{"execve(0x1) = -1 (errno 18446744073709551595)", line.Line{Kind: line.Call, Name: "execve", Args: []byte("0x1"), Ret: line.Ret{Value: -1, Errno: "?"}}},
		{"clone() = 2 /* 26202 in strace's PID NS */", line.Line{Kind: line.Call, Name: "clone", Args: []byte{}, Ret: line.Ret{Value: 2}}},
		{"brk(NULL) = 0x7ffe00000000", line.Line{Kind: line.Call, Name: "brk", Args: []byte("NULL"), Ret: line.Ret{Value: 0x7ffe00000000}}},
		{`f("(]}", /* ) */ 0<TCP:[1.2.3.4:5->6.7.8.9:10]>, {a=[1, 2], b=~[RTMIN RT_1]}, 1<<3) = 0`, line.Line{
			Kind: line.Call, Name: "f", Args: []byte(`"(]}", /* ) */ 0<TCP:[1.2.3.4:5->6.7.8.9:10]>, {a=[1, 2], b=~[RTMIN RT_1]}, 1<<3`),
		}},
		{"vfork( <unfinished ...>", line.Line{Kind: line.Unfinished, Name: "vfork", Text: []byte("vfork(")}},
		{`execve("x" <pid changed to 26831 ...>`, line.Line{Kind: line.Unfinished, Name: "execve", Text: []byte(`execve("x"`), Other: 26831}},
		{"<... vfork resumed>) = 26179", line.Line{Kind: line.Resumed, Name: "vfork", Text: []byte(") = 26179")}},
		{"+++ exited with 3 +++", line.Line{Kind: line.Exited, Status: 3}},
		{"+++ killed by SIGSEGV (core dumped) +++", line.Line{Kind: line.Killed, Name: "SIGSEGV"}},
		{"+++ superseded by execve in pid 26842 +++", line.Line{Kind: line.Superseded, Other: 26842}},
		{"--- SIGUSR1 {si_signo=SIGUSR1, si_pid=1} ---", line.Line{Kind: line.Signal, Name: "SIGUSR1"}},
		{"--- stopped by SIGSTOP ---", line.Line{Kind: line.Stopped, Name: "SIGSTOP"}},
		{"[ Process PID=26167 runs in 32 bit mode. ]", line.Line{Kind: line.Personality, Other: 26167, Bits: 32}},
	} {
		tt.want.TID, tt.want.WallNS = 7, 1_500_000_000
		got, err := line.Parse([]byte(at + tt.in))
		if d := cmp.Diff(tt.want, got); err != nil || d != "" {
			t.Errorf("Parse(%s): %v (-want +got):\n%s", tt.in, err, d)
		}
	}
	for _, in := range []string{
		"", "7", "7 ", "x 1.5 f() = 0", "7 1 f() = 0", at, at + "f(", at + "f)", at + `f(") = 0`, at + "f(/* ) = 0", at + "f(]) = 0",
		at + "f() 0", at + "f() = ", at + "f() = x", at + "+++ fell over +++", at + "+++ exited with", at + "--- SIG", at + "<... f",
		at + "<unfinished ...>", at + "f( <pid changed to x ...>", at + "[ Process PID=x runs in 32 bit mode. ]", "99999999999999999999 1.5 f() = 0",
		at + "f(1<x) = 0", at + "f() = 3<", at + "f; g() = 0",
	} {
		if got, err := line.Parse([]byte(in)); err == nil {
			t.Errorf("Parse(%q) = %+v", in, got)
		}
	}
}

func TestPeer(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want *sdk.Peer
	}{
		{`{sa_family=AF_INET, sin_port=htons(5353), sin_addr=inet_addr("\x31\x32\x37\x2e\x30\x2e\x30\x2e\x31")}`, &sdk.Peer{Family: "inet", Addr: "127.0.0.1", Port: 5353}},
		{`{sa_family=AF_INET6, sin6_port=htons(1), sin6_flowinfo=htonl(0), inet_pton(AF_INET6, "\x3a\x3a\x31", &sin6_addr), sin6_scope_id=0}`, &sdk.Peer{Family: "inet6", Addr: "::1", Port: 1}},
		{`{sa_family=AF_UNIX, sun_path=@"\x61\x22\x2c"}`, &sdk.Peer{Family: "unix", Addr: `@a",`}},
		{`{sa_family=AF_UNIX, sun_path="\x2f\x61"}`, &sdk.Peer{Family: "unix", Addr: "/a"}},
		{`{sa_family=AF_UNIX}`, &sdk.Peer{Family: "unix"}},
		{`{sa_family=AF_NETLINK, nl_pid=0, nl_groups=00000000}`, &sdk.Peer{Family: "netlink"}},
		{`{sa_family=0x201 /* AF_??? */, sa_data="\x03"}`, &sdk.Peer{Family: "0x201"}},
		{`0x7ffe`, nil},
		{`NULL`, nil},
		{``, nil},
		{`{`, nil},
		{`{}`, nil},
	} {
		if d := cmp.Diff(tt.want, line.Peer([]byte(tt.in))); d != "" {
			t.Errorf("Peer(%s) (-want +got):\n%s", tt.in, d)
		}
	}
}

func TestFD(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want line.File
	}{
		{`AT_FDCWD<\x2f\x61>`, line.File{Path: "/a"}},
		{`0<\x2f\x61<char 1:3>>`, line.File{Path: "/a"}},
		{`5<\x2f\x6d\x65\x6d\x66\x64\x3a\x70>(deleted)`, line.File{Path: "/memfd:p", Memory: true}},
		{`1<\x70\x69\x70\x65\x3a\x5b\x37\x5d>`, line.File{Pipe: true, Tag: "pipe:[7]", Inode: "7"}},
		{`3<UDP:[17]>`, line.File{Socket: true, Tag: "socket:[17]", Inode: "17"}},
		{`3<TCP:[127.0.0.1:4->10.0.0.1:5]>`, line.File{Socket: true, Peer: &sdk.Peer{Family: "inet", Addr: "10.0.0.1", Port: 5}}},
		{`3<TCPv6:[[::1]:4->[fd00::1]:5]>`, line.File{Socket: true, Peer: &sdk.Peer{Family: "inet6", Addr: "fd00::1", Port: 5}}},
		{`5<UNIX-STREAM:[7->8]>`, line.File{Socket: true, Tag: "socket:[7]", Inode: "7", Peer: &sdk.Peer{Family: "unix"}}},
		{`5<UNIX-STREAM:[7->8,@"\x61"]>`, line.File{Socket: true, Tag: "socket:[7]", Inode: "7", Peer: &sdk.Peer{Family: "unix", Addr: "@a"}}},
		{`3<NETLINK:[ROUTE:26831]>`, line.File{Socket: true, Peer: &sdk.Peer{Family: "netlink"}}},
		{`3<socket:[9]>`, line.File{Socket: true, Tag: "socket:[9]", Inode: "9"}},
		{`15<pid:26831>`, line.File{}},
	} {
		got, ok := line.FD([]byte(tt.in))
		if d := cmp.Diff(tt.want, got); !ok || d != "" {
			t.Errorf("FD(%s) = %v (-want +got):\n%s", tt.in, ok, d)
		}
	}
	for _, in := range []string{"", "3", "-1", "3<", "AT_FDCWD", `3<"`} {
		if got, ok := line.FD([]byte(in)); ok {
			t.Errorf("FD(%q) = %+v", in, got)
		}
	}
}

func FuzzParseLine(f *testing.F) {
	for _, in := range []string{
		`7 1.5 openat(AT_FDCWD<\x2f>, "\x2f", O_RDONLY) = 3<\x2f<char 1:3>>(deleted)`, "7 1.5 <... f resumed>, {a=1}) = ?",
		"7 1.5 f( <unfinished ...>", "7 1.5 +++ killed by SIGKILL +++", "7 1.5 [ Process PID=7 runs in 64 bit mode. ]",
		`7 1.5 connect(3<UNIX-STREAM:[7->8,@"\x61"]>, {sa_family=AF_INET6, inet_pton(AF_INET6, "\x3a", &sin6_addr)}, 28) = 0`,
		`7 1.5 f("\`, "7 1.5 f(1<", "7 1.5 f({[(", `7 1.5 f("\x4", "\777\`,
	} {
		f.Add([]byte(in))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		l, err := line.Parse(b)
		if err != nil {
			return
		}
		if l.Kind == line.Unfinished {
			_, _ = line.Joined(l, []byte(") = 0"))
		}
		line.Items(l.Args, func(item []byte) bool {
			line.FD(item)
			line.String(item)
			line.Int(item)
			line.Peer(item)
			line.Local(item)
			line.Field(item, "a")
			return true
		})
	})
}
