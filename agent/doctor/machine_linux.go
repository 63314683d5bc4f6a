package doctor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// kernelWanted is the oldest kernel that is tried: that of Debian 11.
var kernelWanted = [2]int{5, 10}

// bpfKernel has the ring buffer and CAP_BPF.
var bpfKernel = [2]int{5, 8}

func kernelRelease() (text string, version [2]int, err error) {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return "", version, err
	}
	text = unix.ByteSliceToString(u.Release[:])
	_, err = fmt.Sscanf(text, "%d.%d", &version[0], &version[1])
	return text, version, err
}

func older(a, b [2]int) bool { return a[0] < b[0] || a[0] == b[0] && a[1] < b[1] }

func kernel() Check {
	text, version, err := kernelRelease()
	if err != nil || older(version, kernelWanted) {
		return bad(Warning, "kernel", fmt.Sprintf("use %d.%d or newer", kernelWanted[0], kernelWanted[1]), "%q is older than what is tested", text)
	}
	return ok("kernel", "%s", text)
}

// clockSynchronized asks the kernel whether something keeps its clock.
func clockSynchronized() (bool, error) {
	var t unix.Timex
	state, err := unix.Adjtimex(&t)
	return err == nil && state != unix.TIME_ERROR && t.Status&unix.STA_UNSYNC == 0, err
}

// remotes are file systems whose locks and fsync another machine answers for.
var remotes = map[int64]string{
	unix.NFS_SUPER_MAGIC: "NFS", unix.SMB_SUPER_MAGIC: "SMB", unix.SMB2_SUPER_MAGIC: "SMB", unix.CIFS_SUPER_MAGIC: "CIFS",
	unix.AFS_SUPER_MAGIC: "AFS", unix.V9FS_MAGIC: "9P", unix.CEPH_SUPER_MAGIC: "Ceph",
}

func fileSystem(dir string) (kind string, remote bool) {
	var st unix.Statfs_t
	if unix.Statfs(dir, &st) != nil {
		return "", false
	}
	kind, remote = remotes[int64(st.Type)] //nolint:unconvert // its type differs by machine
	return kind, remote
}

// measure looks at a folder's file system, or that of the nearest folder above it that
// exists.
func measure(dir string) (d disk, err error) {
	for ; ; dir = filepath.Dir(dir) {
		var st unix.Statfs_t
		err := unix.Statfs(dir, &st)
		if errors.Is(err, unix.ENOENT) && filepath.Dir(dir) != dir {
			continue
		}
		if err != nil {
			return d, fmt.Errorf("look at the file system of %s: %w", dir, err)
		}
		return disk{free: int64(st.Bavail) * st.Bsize, size: int64(st.Blocks) * st.Bsize}, nil
	}
}

// takes is how much of the disk a file has, which for a sparse one is less than its
// length.
func takes(info os.FileInfo) int64 {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return st.Blocks * 512
	}
	return info.Size()
}

// damage looks for files that the journal set aside.
func damage(stateDir string) Check {
	files, err := filepath.Glob(filepath.Join(stateDir, "events", "*.corrupt-*"))
	if err == nil && len(files) > 0 {
		return bad(Warning, "journal", "read what is left with \"killdeer journal salvage\", then remove them", "%d damaged files were set aside, such as %s", len(files), files[0])
	}
	return ok("journal", "nothing was set aside")
}

// descriptors looks at whether the limits of the decoy fit into that of the process.
// The Go runtime raises the soft limit to the hard one.
func descriptors(connections int) Check {
	const name, others = "open files", 512
	var l unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &l); err != nil {
		return bad(Warning, name, "look at ulimit -n", "%v", err)
	}
	if l.Max < uint64(connections+others) {
		return bad(Warning, name, "raise ulimit -Hn or LimitNOFILE=, or lower decoy.limits.connections", "%d may be open, the decoy alone takes %d connections", l.Max, connections)
	}
	return ok(name, "%d may be open", l.Max)
}

// forbidding are the settings by which a kernel keeps namespaces from users.
var forbidding = []struct{ file, value, says, remedy string }{
	{"user/max_user_namespaces", "0", "users may make none", "sysctl user.max_user_namespaces=10000, or audit as root"},
	{"kernel/unprivileged_userns_clone", "0", "users may make none", "sysctl kernel.unprivileged_userns_clone=1, or audit as root"},
	{"kernel/apparmor_restrict_unprivileged_userns", "1", "AppArmor restricts them", "give killdeer and bwrap AppArmor profiles with userns, or audit as root"},
}

// namespaces looks at whether the box of an audit can be made, by making one as the
// box begins.
func namespaces(ctx context.Context) Check {
	const name = "namespaces"
	err := tryNamespaces(ctx)
	if err == nil {
		return ok(name, "may be made")
	}
	for _, f := range forbidding {
		if value, readErr := os.ReadFile(filepath.Join("/proc/sys", f.file)); readErr == nil && strings.TrimSpace(string(value)) == f.value {
			return bad(Warning, name, f.remedy, "%s: %v", f.says, err)
		}
	}
	return bad(Warning, name, "audit outside of the container or service that forbids them, or have it allow user namespaces", "they cannot be made here: %v", err)
}

func tryNamespaces(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, commandTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, "true")
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET | syscall.CLONE_NEWNS | syscall.CLONE_NEWPID,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}},
	}
	return cmd.Run()
}

// bpf looks at whether the eBPF tracer can work.
func bpf() Check {
	const name, remedy = "BPF", "audit as root or with CAP_BPF and CAP_PERFMON, or with --tracer strace"
	_, version, err := kernelRelease()
	if err != nil || older(version, bpfKernel) {
		return bad(Warning, name, remedy, "the kernel is older than %d.%d", bpfKernel[0], bpfKernel[1])
	}
	if _, err := os.Stat("/sys/kernel/btf/vmlinux"); err != nil {
		return bad(Warning, name, remedy, "the kernel does not describe its types: %v", err)
	}
	if err := tryBPF(); err != nil {
		return bad(Warning, name, remedy, "programs may not be loaded: %v", err)
	}
	return ok(name, "may be loaded")
}

// programLoad is what BPF_PROG_LOAD takes, as far as it is used, on the 64-bit
// little-endian machines that the tracer is for.
type programLoad struct {
	kind, count       uint32
	code, license     unsafe.Pointer
	logLevel, logSize uint32
	log               uint64
	kernel, flags     uint32
}

// tryBPF loads a program that does nothing, and lets it go.
func tryBPF() error {
	code := [2]uint64{0xb7, 0x95} // r0 = 0; exit
	license := [4]byte{'G', 'P', 'L'}
	attr := programLoad{kind: unix.BPF_PROG_TYPE_KPROBE, count: uint32(len(code)), code: unsafe.Pointer(&code), license: unsafe.Pointer(&license)}
	fd, _, errno := unix.Syscall(unix.SYS_BPF, unix.BPF_PROG_LOAD, uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr))
	if errno != 0 {
		return errno
	}
	return unix.Close(int(fd))
}
