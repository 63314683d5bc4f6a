package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

// holderName is what this binary is called when it runs as the holder.
const holderName = "killdeer-box"

// What the holder is started with, after standard input: the world as tar.
const (
	controlFD = 3 // a socket to the process that made it
	treesFD   = 4 // and following: mounts to attach
)

// order is what the holder is told, as its only argument.
type order struct {
	Dir     string   // of the host, in which all of it lies
	World   int64    // bytes of the file system in memory
	Trees   []string // where in the world the mounts go
	Sockets []string // Unix sockets to listen on, in the world
	NAT     bool     // redirect if the kernel can
}

// answer is what the holder says, once. Sockets and, as the last, the world's
// folder come with it as descriptors.
type answer struct {
	Fault string   `json:",omitempty"`
	Names []string `json:",omitempty"` // of the descriptors but the last
	AnyIP bool     // every TCP port is answered
}

const (
	maxAnswer  = 64 << 10
	maxHandled = 250 // descriptors in one message (SCM_MAX_FD is 253)
	worldName  = "world"
	maxInodes  = 1 << 18
)

// Main runs this process as the holder of a box if it was started as one, and
// reports whether it was. It must be the first thing that a binary does which
// makes boxes: package sandbox starts the binary again in new namespaces.
func Main() (code int, ours bool) {
	if len(os.Args) != 2 || os.Args[0] != holderName {
		return 0, false
	}
	control, err := unixConn(controlFD)
	if err != nil {
		return 1, true
	}
	var o order
	if err := json.Unmarshal([]byte(os.Args[1]), &o); err != nil {
		return 1, true
	}
	defer clean(o.Dir)
	if err := hold(o, control); err != nil {
		b, _ := json.Marshal(answer{Fault: err.Error()}) // strings always encode
		_, _ = control.Write(b)
		return 1, true
	}
	// The other end closes when its process ends, in whatever way.
	_, _ = io.Copy(io.Discard, control)
	return 0, true
}

func unixConn(fd uintptr) (*net.UnixConn, error) {
	f := os.NewFile(fd, "control")
	defer f.Close()
	c, err := net.FileConn(f)
	if err != nil {
		return nil, fmt.Errorf("take over the control socket: %w", err)
	}
	u, ok := c.(*net.UnixConn)
	if !ok {
		return nil, errors.New("the control socket is of another kind")
	}
	return u, nil
}

// hold makes the network and the world, and hands over what to serve.
func hold(o order, control *net.UnixConn) error {
	if err := everywhere(); err != nil {
		return err
	}
	at, err := makeWorld(o)
	if err != nil {
		return err
	}
	var socks opened
	anyIP, err := socks.listenAll(o.NAT)
	if err != nil {
		return err
	}
	for _, name := range o.Sockets {
		l, err := net.Listen("unix", filepath.Join(at, name))
		if err != nil {
			return fmt.Errorf("listen on a planted socket: %w", err)
		}
		l.(*net.UnixListener).SetUnlinkOnClose(false)
		socks.add("unix "+name, l)
	}
	return socks.handOver(control, at, anyIP)
}

// makeWorld mounts a file system in memory that nobody else sees, and fills it
// from standard input.
func makeWorld(o order) (string, error) {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return "", fmt.Errorf("keep mounts apart: %w", err)
	}
	at := filepath.Join(o.Dir, worldName)
	size := fmt.Sprintf("size=%d,nr_inodes=%d,mode=0755", o.World, maxInodes)
	if err := unix.Mount("tmpfs", at, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, size); err != nil {
		return "", fmt.Errorf("mount a file system in memory: %w", err)
	}
	root, err := os.OpenRoot(at)
	if err != nil {
		return "", err
	}
	defer root.Close()
	if err := unpack(os.Stdin, root); err != nil {
		if errors.Is(err, unix.ENOSPC) {
			err = fmt.Errorf("%w; allow the box more than %d bytes", err, o.World)
		}
		return "", err
	}
	for i, name := range o.Trees {
		fd := treesFD + i
		if err := unix.MoveMount(fd, "", unix.AT_FDCWD, filepath.Join(at, name), unix.MOVE_MOUNT_F_EMPTY_PATH); err != nil {
			return "", fmt.Errorf("attach a folder of the host: %w", err)
		}
		_ = unix.Close(fd)
	}
	return at, nil
}

// handOver sends the sockets and the world's folder in one message and keeps none.
func (o *opened) handOver(control *net.UnixConn, at string, anyIP bool) error {
	var fds []int
	for _, c := range o.conns {
		f, err := c.(interface{ File() (*os.File, error) }).File()
		if err != nil {
			return fmt.Errorf("hand over a socket: %w", err)
		}
		defer f.Close()
		defer c.Close()
		fds = append(fds, int(f.Fd()))
	}
	dir, err := os.Open(at)
	if err != nil {
		return err
	}
	defer dir.Close()
	fds = append(fds, int(dir.Fd()))
	if len(fds) > maxHandled {
		return fmt.Errorf("%d descriptors are too many for one message", len(fds))
	}
	b, err := json.Marshal(answer{Names: o.names, AnyIP: anyIP})
	if err != nil {
		return err
	}
	if _, _, err := control.WriteMsgUnix(b, unix.UnixRights(fds...), nil); err != nil {
		return fmt.Errorf("hand over the sockets: %w", err)
	}
	return nil
}

// clean leaves nothing behind: no process of the box, and no folder of it.
func clean(dir string) {
	if s, err := spaceOf(os.Getpid()); err == nil {
		s.kill(endTimeout)
	}
	_ = unix.Unmount(filepath.Join(dir, worldName), unix.MNT_DETACH)
	_ = os.RemoveAll(dir)
}

// receive takes the holder's answer.
func receive(control *net.UnixConn) (answer, []*os.File, error) {
	b, oob := make([]byte, maxAnswer), make([]byte, unix.CmsgSpace(4*maxHandled))
	n, oobn, _, _, err := control.ReadMsgUnix(b, oob)
	if err != nil {
		return answer{}, nil, fmt.Errorf("hear from the holder: %w", err)
	}
	if n == 0 {
		return answer{}, nil, errors.New("the holder ended before it answered")
	}
	var files []*os.File
	messages, err := unix.ParseSocketControlMessage(oob[:oobn])
	if err != nil {
		return answer{}, nil, fmt.Errorf("hear from the holder: %w", err)
	}
	for _, m := range messages {
		fds, err := unix.ParseUnixRights(&m)
		if err != nil {
			return answer{}, files, fmt.Errorf("take over sockets: %w", err)
		}
		for _, fd := range fds {
			unix.CloseOnExec(fd)
			files = append(files, os.NewFile(uintptr(fd), "box "+strconv.Itoa(fd)))
		}
	}
	var a answer
	if err := json.Unmarshal(b[:n], &a); err != nil {
		return answer{}, files, fmt.Errorf("hear from the holder: %w", err)
	}
	if a.Fault == "" && len(files) != len(a.Names)+1 {
		return answer{}, files, fmt.Errorf("the holder handed over %d descriptors for %d names", len(files), len(a.Names))
	}
	return a, files, nil
}
