package tracetest

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// message is what acts send.
const message = "a plain message"

// goActs are the acts that this binary does itself. dir holds a file "secret".
var goActs = map[string]func(dir string) error{
	"open":          func(dir string) error { _, err := os.ReadFile(dir + "/secret"); return err },
	"failed_open":   func(dir string) error { return mustFail(os.ReadFile(dir + "/nothing")) },
	"relative":      relative,
	"files":         files,
	"memfd":         memfd,
	"memfd_link":    memfdLink,
	"udp":           udp,
	"tcp":           tcp,
	"abstract":      abstract,
	"bytes":         func(dir string) error { return os.WriteFile(dir+"/\xff\xfe", nil, 0o600) },
	"io_uring":      ioUring,
	"ptrace":        func(string) error { return mustErr(unix.PtraceAttach(1 << 29)) },
	"environment":   environment,
	"flood":         flood,
	"truncated":     truncated,
	"stdout":        func(string) error { _, err := fmt.Println(message); return err },
	"privilege":     func(string) error { return mustErr(unix.Setns(1<<20, 0)) },
	"another_child": anotherChild,
}

func mustFail(_ []byte, err error) error { return mustErr(err) }

func mustErr(err error) error {
	if err == nil {
		return fmt.Errorf("it did not fail")
	}
	return nil
}

// relative opens a file below a descriptor.
func relative(dir string) error {
	at, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return err
	}
	_, err = unix.Openat(at, "secret", unix.O_RDONLY, 0)
	return err
}

// files does everything else that is done to files.
func files(dir string) error {
	at := func(name string) string { return filepath.Join(dir, name) }
	for _, err := range []error{
		os.WriteFile(at("new"), []byte("x"), 0o600), os.Rename(at("new"), at("renamed")), os.Chmod(at("renamed"), 0o640),
		os.Symlink("target", at("symlink")), os.Link(at("renamed"), at("hardlink")), os.Truncate(at("renamed"), 0),
		os.Mkdir(at("folder"), 0o700), unix.Rmdir(at("folder")), unix.Unlink(at("renamed")), unix.Mknod(at("fifo"), unix.S_IFIFO|0o600, 0),
	} {
		if err != nil {
			return err
		}
	}
	return nil
}

// memfd runs a program that has no file.
func memfd(string) error {
	fd, err := hidden()
	if err != nil {
		return err
	}
	empty, argv := [1]byte{}, []*byte{unsafe.SliceData([]byte("hidden\x00")), nil}
	_, _, errno := unix.Syscall6(unix.SYS_EXECVEAT, uintptr(fd), uintptr(unsafe.Pointer(&empty[0])),
		uintptr(unsafe.Pointer(&argv[0])), 0, unix.AT_EMPTY_PATH, 0)
	return errno
}

// hidden makes a program that has no file.
func hidden() (fd int, err error) {
	program, err := os.ReadFile("/bin/true")
	if err != nil {
		return 0, err
	}
	if fd, err = unix.MemfdCreate("payload", 0); err != nil {
		return 0, err
	}
	_, err = unix.Write(fd, program)
	return fd, err
}

// memfdLink runs it by a path that looks like one.
func memfdLink(string) error {
	fd, err := hidden()
	if err != nil {
		return err
	}
	return syscall.Exec(fmt.Sprintf("/proc/self/fd/%d", fd), []string{"hidden"}, nil)
}

// udp sends a datagram as resolvers do.
func udp(string) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	if err != nil {
		return err
	}
	return unix.Sendmsg(fd, []byte(message), nil, &unix.SockaddrInet4{Port: 5399, Addr: [4]byte{127, 0, 0, 1}}, 0)
}

// tcp connects to a listener of its own and writes there.
func tcp(string) error {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer l.Close()
	c, err := net.Dial("tcp4", l.Addr().String())
	if err != nil {
		return err
	}
	defer c.Close()
	_, err = c.Write([]byte(message))
	return err
}

// abstract talks to another socket by a name that no file has.
func abstract(string) error {
	name := fmt.Sprintf("@killdeer-act-%d", os.Getpid())
	l, err := net.Listen("unix", name)
	if err != nil {
		return err
	}
	defer l.Close()
	c, err := net.Dial("unix", name)
	if err != nil {
		return err
	}
	defer c.Close()
	_, err = c.Write([]byte(message))
	return err
}

// ioUring asks for a ring, which a tracer that cannot look into it denies.
func ioUring(string) error {
	var params [120]byte
	_, _, errno := unix.Syscall(unix.SYS_IO_URING_SETUP, 1, uintptr(unsafe.Pointer(&params)), 0)
	runtime.KeepAlive(&params)
	if errno != 0 && errno != unix.ENOSYS && errno != unix.EPERM {
		return errno
	}
	return nil
}

// environment runs a program with code of another's choice in it.
func environment(string) error {
	return syscall.Exec("/bin/true", []string{"true", "an argument"}, []string{"LD_PRELOAD=/nowhere/evil.so", "HOME=/"})
}

func anotherChild(dir string) error { return exec.Command("/bin/cat", dir+"/secret").Run() }

// floods is how many times each of floodThreads opens a file.
const (
	floods       = 2500
	floodThreads = 4
)

func flood(dir string) error {
	var all sync.WaitGroup
	for range floodThreads {
		all.Go(func() {
			runtime.LockOSThread()
			for range floods {
				fd, err := unix.Open(dir+"/secret", unix.O_RDONLY, 0)
				if err == nil {
					_ = unix.Close(fd)
				}
			}
		})
	}
	all.Wait()
	return nil
}

// truncated sends more than a tracer keeps.
func truncated(string) error {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		return err
	}
	_, err = unix.Write(pair[0], make([]byte, 20_000))
	return err
}
