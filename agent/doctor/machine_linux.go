package doctor

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

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

// freeBytes is what a folder's file system has free, or that of the nearest folder
// above it that exists.
func freeBytes(dir string) (int64, error) {
	for ; ; dir = filepath.Dir(dir) {
		var st unix.Statfs_t
		err := unix.Statfs(dir, &st)
		if errors.Is(err, unix.ENOENT) && filepath.Dir(dir) != dir {
			continue
		}
		if err != nil {
			return 0, fmt.Errorf("look at the file system of %s: %w", dir, err)
		}
		return int64(st.Bavail) * st.Bsize, nil
	}
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

func readNumber(path string) (int, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(string(text)))
}

// namespaces looks at whether the box of an audit can be made.
func namespaces() Check {
	const name = "namespaces"
	n, err := readNumber("/proc/sys/user/max_user_namespaces")
	if err == nil && n == 0 && os.Geteuid() != 0 {
		return bad(Warning, name, "sysctl user.max_user_namespaces=10000, or audit as root", "users may make none")
	}
	if n, err := readNumber("/proc/sys/kernel/unprivileged_userns_clone"); err == nil && n == 0 && os.Geteuid() != 0 {
		return bad(Warning, name, "sysctl kernel.unprivileged_userns_clone=1, or audit as root", "users may make none")
	}
	if n, err := readNumber("/proc/sys/kernel/apparmor_restrict_unprivileged_userns"); err == nil && n == 1 && os.Geteuid() != 0 {
		return bad(Warning, name, "give bwrap an AppArmor profile with userns, or audit as root", "AppArmor restricts them")
	}
	return ok(name, "may be made")
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
	if os.Geteuid() != 0 {
		return bad(Warning, name, remedy, "users may not load programs")
	}
	return ok(name, "may be loaded")
}
