package line

import (
	"bytes"
	"net/netip"
	"strconv"
	"strings"

	"github.com/killdeer-mcp/killdeer/sdk"
)

// File is what strace knows of a descriptor.
type File struct {
	Path   string    // of a file or device; "" for others
	Memory bool      // it is one of memfd_create
	Pipe   bool      // or a FIFO that has no name
	Socket bool      //
	Inode  string    // of a pipe or socket; a socket that is connected has none
	Peer   *sdk.Peer // the far end of a connected socket, as far as it is known
	Tag    string    // pipe:[7] as /proc has it; "" for others
}

// FD reads a descriptor with its decoration. ok is false without one.
func FD(b []byte) (f File, ok bool) {
	i := bytes.IndexByte(b, '<')
	if i <= 0 {
		return f, false
	}
	return Decoration(b[i:])
}

// Decoration reads what strace writes behind a descriptor.
func Decoration(b []byte) (f File, ok bool) {
	end := decoration(b)
	if end < 2 {
		return f, false
	}
	in := b[1 : end-1]
	if i := bytes.IndexByte(in, '<'); i > 0 { // <char 1:3> of a device
		in = in[:i]
	}
	if len(in) > 0 && in[0] == '\\' || bytes.HasPrefix(in, []byte("/")) {
		return named(string(unescape(in))), true
	}
	kind, inner, ok := strings.Cut(string(in), ":[")
	if !ok {
		return f, true // <pid:7>
	}
	return socket(kind, strings.TrimSuffix(inner, "]")), true
}

// named is a descriptor that has a name in /proc.
func named(name string) (f File) {
	switch {
	case strings.HasPrefix(name, "/memfd:"):
		f.Memory, f.Path = true, name
	case strings.HasPrefix(name, "/"):
		f.Path = name
	case strings.HasPrefix(name, "pipe:["):
		f.Pipe, f.Tag, f.Inode = true, name, strings.TrimSuffix(name[len("pipe:["):], "]")
	case strings.HasPrefix(name, "socket:["):
		f.Socket, f.Tag, f.Inode = true, name, strings.TrimSuffix(name[len("socket:["):], "]")
	}
	return f
}

// socket reads TCP:[1.2.3.4:5->6.7.8.9:10], UNIX-STREAM:[7->8], NETLINK:[ROUTE:7] and
// their like.
func socket(kind, in string) (f File) {
	f.Socket = true
	near, far, connected := strings.Cut(in, "->")
	switch {
	case strings.HasPrefix(kind, "UNIX"):
		f.unix(near, far, connected)
	case strings.HasPrefix(kind, "NETLINK"):
		f.Peer = &sdk.Peer{Family: "netlink"}
	case connected:
		if a, err := netip.ParseAddrPort(far); err == nil {
			f.Peer = inet(a)
		}
	}
	if f.Inode == "" && isNumber(near) {
		f.Inode = near
	}
	if f.Inode != "" {
		f.Tag = "socket:[" + f.Inode + "]"
	}
	return f
}

// unix reads the two ends of an AF_UNIX socket: numbers, and a name where there is
// one.
func (f *File) unix(near, far string, connected bool) {
	f.Inode, _, _ = strings.Cut(near, ",")
	if !connected {
		return
	}
	f.Peer = &sdk.Peer{Family: "unix"}
	if _, name, ok := strings.Cut(far, ","); ok {
		f.Peer.Addr = unixName([]byte(name))
	}
}

// Local reads the near end of a socket from its decoration; nil if it is not known.
func Local(fd []byte) *sdk.Peer {
	_, in, ok := bytes.Cut(fd, []byte(":["))
	if !ok {
		return nil
	}
	kind := fd[bytes.IndexByte(fd, '<')+1:]
	near := strings.TrimSuffix(string(in), "]>")
	if bytes.HasPrefix(kind, []byte("UNIX")) {
		_, name, _ := strings.Cut(near, ",")
		return &sdk.Peer{Family: "unix", Addr: unixName([]byte(name))}
	}
	a, err := netip.ParseAddrPort(near)
	if err != nil {
		return nil
	}
	return inet(a)
}

func isNumber(s string) bool {
	_, err := strconv.ParseUint(s, 10, 64)
	return err == nil
}

func inet(a netip.AddrPort) *sdk.Peer {
	family := "inet"
	if a.Addr().Is6() {
		family = "inet6"
	}
	return &sdk.Peer{Family: family, Addr: a.Addr().String(), Port: int(a.Port())}
}

// unixName reads "path" or @"abstract".
func unixName(b []byte) string {
	s, _, ok := String(b)
	if !ok {
		return ""
	}
	if b[0] == '@' {
		return "@" + string(s)
	}
	return string(s)
}

// Peer reads a socket address; nil if there is none or it could not be read. Of a
// family that has no addresses here only the name is known.
func Peer(b []byte) *sdk.Peer {
	family := Field(b, "sa_family")
	if family == nil {
		return nil
	}
	if i := bytes.IndexByte(family, ' '); i >= 0 {
		family = family[:i]
	}
	p := &sdk.Peer{Family: strings.ToLower(strings.TrimPrefix(string(family), "AF_"))}
	switch p.Family {
	case "inet":
		p.Port = call(Field(b, "sin_port"))
		p.Addr = address(Field(b, "sin_addr"), 0)
	case "inet6":
		p.Port = call(Field(b, "sin6_port"))
		Items(Inside(b), func(item []byte) bool {
			if bytes.HasPrefix(item, []byte("inet_pton(")) {
				p.Addr = address(item, 1)
			}
			return p.Addr == ""
		})
	case "unix", "local":
		p.Family, p.Addr = "unix", unixName(Field(b, "sun_path"))
	}
	return p
}

// call reads the number in htons(53).
func call(b []byte) int {
	_, in, _ := bytes.Cut(b, []byte("("))
	n, _ := Int(bytes.TrimSuffix(in, []byte(")")))
	return int(n)
}

// address reads the string that is an argument of inet_addr or inet_pton.
func address(b []byte, arg int) string {
	_, in, _ := bytes.Cut(b, []byte("("))
	s, _, _ := String(Arg(bytes.TrimSuffix(in, []byte(")")), arg))
	a, err := netip.ParseAddr(string(s))
	if err != nil {
		return string(s)
	}
	return a.String()
}
