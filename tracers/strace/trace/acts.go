package trace

import (
	"bytes"
	"strings"

	"github.com/killdeer-mcp/killdeer/sdk"
	"github.com/killdeer-mcp/killdeer/tracers/form"
	"github.com/killdeer-mcp/killdeer/tracers/strace/line"
)

// none says that a call has no such argument.
const none = -1

// act is what a system call does.
type act struct {
	kind  sdk.ObservationKind
	dir   int // argument with the folder of path, or none
	path  int
	dir2  int
	path2 int
	flags int // argument with open flags
	fill  func(*scene, *sdk.Observation) (report bool)
}

// at is a call on a path below a folder.
func at(kind sdk.ObservationKind, dir, path int) act {
	return act{kind: kind, dir: dir, path: path, dir2: none, path2: none, fill: (*scene).paths}
}

// on is a call on a path.
func on(kind sdk.ObservationKind, path int) act { return at(kind, none, path) }

// two is a call on two paths.
func two(kind sdk.ObservationKind, dir, path, dir2, path2 int) act {
	return act{kind: kind, dir: dir, path: path, dir2: dir2, path2: path2, fill: (*scene).paths}
}

// opens is a call that opens a file with flags.
func opens(dir, path, flags int) act {
	a := at(sdk.ObservedOpen, dir, path)
	a.flags, a.fill = flags, (*scene).open
	return a
}

// does is a call that is no matter of paths alone.
func does(kind sdk.ObservationKind, fill func(*scene, *sdk.Observation) bool) act {
	return act{kind: kind, dir: none, path: none, dir2: none, path2: none, fill: fill}
}

func runs(dir, path int) act {
	a := at(sdk.ObservedExec, dir, path)
	a.fill = (*scene).exec
	return a
}

// acts are the system calls that are reported. Calls that are traced and not listed
// say nothing that others do not.
var acts = table()

func table() map[string]act {
	acts := map[string]act{
		"open": opens(none, 0, 1), "openat": opens(0, 1, 2), "openat2": opens(0, 1, 2), "open_by_handle_at": opens(none, none, 2),
		"creat": {kind: sdk.ObservedCreate, dir: none, path: 0, dir2: none, path2: none, flags: none, fill: (*scene).open},
		"mknod": on(sdk.ObservedCreate, 0), "mknodat": at(sdk.ObservedCreate, 0, 1),
		"mkdir": on(sdk.ObservedMkdir, 0), "mkdirat": at(sdk.ObservedMkdir, 0, 1),
		"unlink": on(sdk.ObservedUnlink, 0), "unlinkat": at(sdk.ObservedUnlink, 0, 1), "rmdir": on(sdk.ObservedUnlink, 0),
		"rename": two(sdk.ObservedRename, none, 0, none, 1), "renameat": two(sdk.ObservedRename, 0, 1, 2, 3),
		"renameat2": two(sdk.ObservedRename, 0, 1, 2, 3),
		"link":      two(sdk.ObservedLink, none, 0, none, 1), "linkat": two(sdk.ObservedLink, 0, 1, 2, 3),
		"symlink": two(sdk.ObservedLink, none, 0, none, 1), "symlinkat": two(sdk.ObservedLink, none, 0, 1, 2),
		"truncate": on(sdk.ObservedTruncate, 0), "truncate64": on(sdk.ObservedTruncate, 0),

		"execve": runs(none, 0), "execveat": runs(0, 1),
		"clone": does(sdk.ObservedFork, (*scene).fork), "clone2": does(sdk.ObservedFork, (*scene).fork), "clone3": does(sdk.ObservedFork, (*scene).fork), "fork": does(sdk.ObservedFork, (*scene).fork), "vfork": does(sdk.ObservedFork, (*scene).fork),

		"connect": does(sdk.ObservedConnect, (*scene).connect), "bind": does(sdk.ObservedBind, (*scene).bind),
		"listen": does(sdk.ObservedListen, (*scene).listen),
		"sendto": does(sdk.ObservedSend, (*scene).sendto), "send": does(sdk.ObservedSend, (*scene).sendto),
		"sendmsg": does(sdk.ObservedSend, (*scene).sendmsg), "sendmmsg": does(sdk.ObservedSend, (*scene).sendmmsg),
		"sendfile": does(sdk.ObservedSend, (*scene).sendfile), "sendfile64": does(sdk.ObservedSend, (*scene).sendfile),
		"splice": does(sdk.ObservedSend, (*scene).splice),
		"write":  does(sdk.ObservedWrite, (*scene).write), "pwrite64": does(sdk.ObservedWrite, (*scene).write),
		"writev": does(sdk.ObservedWrite, (*scene).writev), "pwritev": does(sdk.ObservedWrite, (*scene).writev),
		"pwritev2": does(sdk.ObservedWrite, (*scene).writev), "vmsplice": does(sdk.ObservedWrite, (*scene).writev),

		"memfd_create": on(sdk.ObservedMemfd, 0),
		"ptrace":       does(sdk.ObservedPtrace, (*scene).told), "kill": does(sdk.ObservedKill, (*scene).told),
		"tkill": does(sdk.ObservedKill, (*scene).told), "tgkill": does(sdk.ObservedKill, (*scene).told),
		"pidfd_send_signal": does(sdk.ObservedKill, (*scene).told), "rt_sigqueueinfo": does(sdk.ObservedKill, (*scene).told),
		"rt_tgsigqueueinfo": does(sdk.ObservedKill, (*scene).told),
		"process_vm_readv":  does(sdk.ObservedVMRW, (*scene).remote), "process_vm_writev": does(sdk.ObservedVMRW, (*scene).remote),
		"pidfd_getfd":    does(sdk.ObservedPtrace, (*scene).told),
		"setsid":         does(sdk.ObservedSetsid, (*scene).told),
		"io_uring_setup": does(sdk.ObservedIoUring, (*scene).told), "io_uring_enter": does(sdk.ObservedIoUring, (*scene).told),
		"io_uring_register": does(sdk.ObservedIoUring, (*scene).told),
	}
	group := func(make func(sdk.ObservationKind, int) act, kind sdk.ObservationKind, path int, names ...string) {
		for _, name := range names {
			acts[name] = make(kind, path)
		}
	}
	group(on, sdk.ObservedStat, 0, "access", "stat", "stat64", "lstat", "lstat64", "oldstat", "oldlstat", "statfs", "statfs64",
		"readlink", "chdir", "getxattr", "lgetxattr", "listxattr", "llistxattr", "uselib")
	group(below, sdk.ObservedStat, 1, "faccessat", "faccessat2", "newfstatat", "fstatat64", "statx", "readlinkat",
		"name_to_handle_at", "inotify_add_watch", "fanotify_mark", "open_tree")
	group(on, sdk.ObservedChmod, 0, "chmod", "chown", "chown32", "lchown", "lchown32", "utime", "utimes", "setxattr", "lsetxattr",
		"removexattr", "lremovexattr")
	group(below, sdk.ObservedChmod, 1, "fchmodat", "fchmodat2", "fchownat", "futimesat", "utimensat", "utimensat_time64")
	group(on, sdk.ObservedPriv, 0, "umount", "umount2", "chroot", "swapon", "swapoff", "acct")
	for _, name := range []string{
		"bpf", "setuid", "setuid32", "setresuid", "setresuid32", "capset", "init_module",
		"finit_module", "delete_module", "kexec_load", "kexec_file_load", "mount_setattr", "fspick", "quotactl",
	} {
		acts[name] = does(sdk.ObservedPriv, (*scene).told)
	}
	acts["unshare"], acts["setns"] = does(sdk.ObservedPriv, (*scene).unshare), does(sdk.ObservedPriv, (*scene).unshare)
	acts["mount"] = two(sdk.ObservedPriv, none, 0, none, 1)
	acts["pivot_root"] = two(sdk.ObservedPriv, none, 0, none, 1)
	acts["move_mount"] = two(sdk.ObservedPriv, 0, 1, 2, 3)
	return acts
}

// below is a call on a path whose folder is the argument before.
func below(kind sdk.ObservationKind, path int) act { return at(kind, path-1, path) }

// scene is one call that is being translated.
type scene struct {
	t   *translator
	l   line.Line
	act act
	err error // of emit
}

func (s *scene) arg(n int) []byte {
	if n < 0 {
		return nil
	}
	return line.Arg(s.l.Args, n)
}

// paths fills in paths. What asks about an open file only is not reported.
func (s *scene) paths(o *sdk.Observation) bool {
	o.Path = s.path(o, s.act.path)
	o.DirPath = s.folder(o.Path, s.act.dir)
	if s.act.path2 != none {
		o.Path2 = s.path(o, s.act.path2)
		if dir := s.folder(o.Path2, s.act.dir2); o.DirPath == "" || o.Path == "" {
			o.DirPath = dir
		}
	}
	return o.Kind != sdk.ObservedStat || o.Path != "" || o.Unreadable
}

// path reads an argument that is a path.
func (s *scene) path(o *sdk.Observation, n int) string {
	arg := s.arg(n)
	p, cut, ok := line.String(arg)
	if !ok {
		o.Unreadable = o.Unreadable || isAddress(arg)
		return ""
	}
	o.Truncated = o.Truncated || cut
	return form.Text(p)
}

// isAddress reports whether strace wrote where something is because it could not read
// it.
func isAddress(arg []byte) bool { return bytes.HasPrefix(arg, []byte("0x")) }

// folder reads the folder that a path is relative to; "" for absolute ones.
func (s *scene) folder(p string, n int) string {
	if strings.HasPrefix(p, "/") {
		return ""
	}
	f, _ := line.FD(s.arg(n))
	return form.Text([]byte(f.Path))
}

func (s *scene) open(o *sdk.Observation) bool {
	s.paths(o)
	if f, ok := line.Decoration(s.l.Ret.FD); ok {
		o.PathReal = form.Text([]byte(f.Path))
	}
	flags := s.arg(s.act.flags)
	if how := line.Field(flags, "flags"); how != nil { // openat2
		flags = how
	}
	o.Access = access(flags)
	if s.act.flags == none { // creat
		o.Access = sdk.Access{Write: true, Create: true, Trunc: true}
	}
	return true
}

func access(flags []byte) sdk.Access {
	has := func(name string) bool { return line.HasFlag(flags, name) }
	if has("O_PATH") {
		return sdk.Access{}
	}
	return sdk.Access{
		Read: has("O_RDONLY") || has("O_RDWR"), Write: has("O_WRONLY") || has("O_RDWR") || has("O_ACCMODE"),
		Create: has("O_CREAT") || has("O_TMPFILE"), Trunc: has("O_TRUNC"),
	}
}

func (s *scene) fork(o *sdk.Observation) bool {
	s.t.tree.birth(s.l, int(s.l.Ret.Value))
	return !cloneFlag(s.l.Args, "CLONE_THREAD")
}

// cloneFlag looks for a flag of clone or clone3 in what may be only the first half of
// a call.
func cloneFlag(args []byte, flag string) bool {
	_, flags, _ := bytes.Cut(args, []byte("flags="))
	if i := bytes.IndexAny(flags, ", })<"); i >= 0 {
		flags = flags[:i]
	}
	return line.HasFlag(flags, flag)
}

// unshare may give processes other numbers.
func (s *scene) unshare(o *sdk.Observation) bool {
	if o.Errno == "" && bytes.Contains(s.l.Args, []byte("CLONE_NEWPID")) {
		s.t.tree.unshare(o.PID)
	}
	return s.told(o)
}

// maxDetail is how many bytes of arguments are kept for people.
const maxDetail = 200

// told keeps the arguments as strace writes them.
func (s *scene) told(o *sdk.Observation) bool {
	o.Detail = form.Text(s.l.Args[:min(len(s.l.Args), maxDetail)])
	return true
}

// remote is about another process's memory.
func (s *scene) remote(o *sdk.Observation) bool {
	o.Detail = "process " + form.Text(s.arg(0))
	if s.l.Name == "process_vm_writev" {
		s.data(o, iovec(s.arg(1)))
	}
	return true
}
