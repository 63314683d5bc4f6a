//go:build linux && amd64

package watch

import "github.com/killdeer-mcp/killdeer/sdk"

// What a program in the kernel does with a call, beside reading its paths: enum what
// in bpf/record.h.
const (
	plain uint8 = iota + 1
	opening
	executing
	forking
	connecting
	binding
	listening
	sendTo
	sendMsg
	sendMmsg
	writing
	writingVec
	sendFile
	remoteVec
	socketCall
	receiving
)

// none says that a call has no such argument.
const none = 0xff

// shape is struct shape of bpf/record.h: where a call's arguments are.
type shape struct {
	What, Path, Dir, Path2, Dir2 uint8
	FD, From                     uint8
	Buf, Len                     uint8
	Name, NameLen                uint8
	Narrow                       uint8
}

// call is one system call that is reported.
type call struct {
	name   string
	kind   sdk.ObservationKind
	shape  shape
	flags  uint8 // argument with open flags
	detail func(args []uint64) string
}

func does(kind sdk.ObservationKind, what uint8) call {
	return call{kind: kind, flags: none, shape: shape{
		What: what, Path: none, Dir: none, Path2: none, Dir2: none,
		FD: none, From: none, Buf: none, Len: none, Name: none, NameLen: none,
	}}
}

// at is a call on a path below a folder.
func at(kind sdk.ObservationKind, dir, path uint8) call {
	c := does(kind, plain)
	c.shape.Dir, c.shape.Path = dir, path
	return c
}

func on(kind sdk.ObservationKind, path uint8) call { return at(kind, none, path) }

// below is a call on a path whose folder is the argument before.
func below(kind sdk.ObservationKind, path uint8) call { return at(kind, path-1, path) }

func two(kind sdk.ObservationKind, dir, path, dir2, path2 uint8) call {
	c := at(kind, dir, path)
	c.shape.Dir2, c.shape.Path2 = dir2, path2
	return c
}

func opens(dir, path, flags uint8) call {
	c := at(sdk.ObservedOpen, dir, path)
	c.shape.What, c.flags = opening, flags
	return c
}

func runs(dir, path uint8) call {
	c := at(sdk.ObservedExec, dir, path)
	c.shape.What, c.shape.Buf = executing, path+1
	return c
}

// names is a call that gets a socket's address.
func names(kind sdk.ObservationKind, what uint8) call {
	c := does(kind, what)
	c.shape.FD, c.shape.Name, c.shape.NameLen = 0, 1, 2
	return c
}

// sends is a call with a payload on a descriptor.
func sends(kind sdk.ObservationKind, what, buf, length uint8) call {
	c := does(kind, what)
	c.shape.FD, c.shape.Buf, c.shape.Len = 0, buf, length
	return c
}

func sendsTo() call {
	c := sends(sdk.ObservedSend, sendTo, 1, 2)
	c.shape.Name, c.shape.NameLen = 4, 5
	return c
}

// moves is a call that sends what is in another descriptor.
func moves(to, from uint8) call {
	c := does(sdk.ObservedSend, sendFile)
	c.shape.FD, c.shape.From = to, from
	return c
}

func hears(length uint8) call {
	c := does("", receiving)
	c.shape.FD, c.shape.Len = 0, length
	return c
}

// told is a call whose arguments are for people to read.
func told(kind sdk.ObservationKind, detail func([]uint64) string) call {
	c := does(kind, plain)
	c.detail = detail
	return c
}

// calls are the system calls that are reported, by their names. They are those of
// the strace tracer, and what only the kernel sees.
func calls() map[string]call {
	remote := does(sdk.ObservedVMRW, remoteVec)
	remote.shape.Buf, remote.shape.Len, remote.detail = 1, 2, ofProcess
	createFile := opens(none, 0, none)
	createFile.kind = sdk.ObservedCreate
	openHow := opens(0, 1, 2)
	openHow.shape.Buf = 2 // its flags are in a structure
	all := map[string]call{
		"open": opens(none, 0, 1), "openat": opens(0, 1, 2), "openat2": openHow, "open_by_handle_at": opens(none, none, 2),
		"creat": createFile,
		"mknod": on(sdk.ObservedCreate, 0), "mknodat": at(sdk.ObservedCreate, 0, 1),
		"mkdir": on(sdk.ObservedMkdir, 0), "mkdirat": at(sdk.ObservedMkdir, 0, 1),
		"unlink": on(sdk.ObservedUnlink, 0), "unlinkat": at(sdk.ObservedUnlink, 0, 1), "rmdir": on(sdk.ObservedUnlink, 0),
		"rename": two(sdk.ObservedRename, none, 0, none, 1), "renameat": two(sdk.ObservedRename, 0, 1, 2, 3),
		"renameat2": two(sdk.ObservedRename, 0, 1, 2, 3),
		"link":      two(sdk.ObservedLink, none, 0, none, 1), "linkat": two(sdk.ObservedLink, 0, 1, 2, 3),
		"symlink": two(sdk.ObservedLink, none, 0, none, 1), "symlinkat": two(sdk.ObservedLink, none, 0, 1, 2),
		"truncate": on(sdk.ObservedTruncate, 0), "truncate64": on(sdk.ObservedTruncate, 0),

		"execve": runs(none, 0), "execveat": runs(0, 1),
		"clone": does(sdk.ObservedFork, forking), "clone3": does(sdk.ObservedFork, forking),
		"fork": does(sdk.ObservedFork, forking), "vfork": does(sdk.ObservedFork, forking),

		"connect": names(sdk.ObservedConnect, connecting), "bind": names(sdk.ObservedBind, binding),
		"listen": does(sdk.ObservedListen, listening),
		"sendto": sendsTo(), "sendmsg": sends(sdk.ObservedSend, sendMsg, 1, none), "sendmmsg": sends(sdk.ObservedSend, sendMmsg, 1, 2),
		"sendfile": moves(0, 1), "sendfile64": moves(0, 1), "splice": moves(2, 0),
		"write": sends(sdk.ObservedWrite, writing, 1, 2), "pwrite64": sends(sdk.ObservedWrite, writing, 1, 2),
		"writev": sends(sdk.ObservedWrite, writingVec, 1, 2), "pwritev": sends(sdk.ObservedWrite, writingVec, 1, 2),
		"pwritev2": sends(sdk.ObservedWrite, writingVec, 1, 2), "vmsplice": sends(sdk.ObservedWrite, writingVec, 1, 2),
		"recvfrom": hears(2), "read": hears(2), "recvmsg": hears(none),

		"memfd_create": on(sdk.ObservedMemfd, 0),
		"ptrace":       told(sdk.ObservedPtrace, ptraceText), "kill": told(sdk.ObservedKill, killText(1)),
		"tkill": told(sdk.ObservedKill, killText(1)), "tgkill": told(sdk.ObservedKill, killText(2)),
		"pidfd_send_signal": told(sdk.ObservedKill, killText(1)), "rt_sigqueueinfo": told(sdk.ObservedKill, killText(1)),
		"rt_tgsigqueueinfo": told(sdk.ObservedKill, killText(2)),
		"process_vm_readv":  told(sdk.ObservedVMRW, ofProcess), "process_vm_writev": remote,
		"pidfd_getfd": told(sdk.ObservedPtrace, first(2)),
		"setsid":      told(sdk.ObservedSetsid, first(0)), "io_uring_setup": told(sdk.ObservedIoUring, first(1)),
		"socketcall": does("", socketCall),
	}
	group := func(make func(sdk.ObservationKind, uint8) call, kind sdk.ObservationKind, path uint8, names ...string) {
		for _, name := range names {
			all[name] = make(kind, path)
		}
	}
	group(on, sdk.ObservedStat, 0, "access", "stat", "stat64", "lstat", "lstat64", "oldstat", "oldlstat", "statfs", "statfs64",
		"readlink", "chdir", "getxattr", "lgetxattr", "listxattr", "llistxattr", "uselib")
	group(below, sdk.ObservedStat, 1, "faccessat", "faccessat2", "newfstatat", "fstatat64", "statx", "readlinkat",
		"name_to_handle_at", "inotify_add_watch", "open_tree")
	all["fanotify_mark"] = at(sdk.ObservedStat, 3, 4)
	group(on, sdk.ObservedChmod, 0, "chmod", "chown", "chown32", "lchown", "lchown32", "utime", "utimes", "setxattr", "lsetxattr",
		"removexattr", "lremovexattr")
	group(below, sdk.ObservedChmod, 1, "fchmodat", "fchmodat2", "fchownat", "futimesat", "utimensat", "utimensat_time64")
	group(on, sdk.ObservedPriv, 0, "umount", "umount2", "chroot", "swapon", "swapoff", "acct")
	for _, name := range []string{
		"bpf", "setuid", "setuid32", "setresuid", "setresuid32", "capset", "init_module", "finit_module", "delete_module",
		"kexec_load", "kexec_file_load", "mount_setattr", "fspick", "quotactl",
	} {
		all[name] = told(sdk.ObservedPriv, first(3))
	}
	all["unshare"], all["setns"] = told(sdk.ObservedPriv, namespaces(0)), told(sdk.ObservedPriv, namespaces(1))
	all["mount"] = two(sdk.ObservedPriv, none, 0, none, 1)
	all["pivot_root"] = two(sdk.ObservedPriv, none, 0, none, 1)
	all["move_mount"] = two(sdk.ObservedPriv, 0, 1, 2, 3)
	for name, c := range all {
		c.name = name
		all[name] = c
	}
	return all
}

// table has the calls by the key that the programs in the kernel use for them.
type table map[uint16]call

// compat is added to a number of the 32-bit table.
const compat = 1024

func newTable() table {
	t := table{}
	for name, c := range calls() {
		n := numbers[name]
		if n.native >= 0 {
			t[uint16(n.native)] = c
		}
		c.shape.Narrow = 1
		if n.compat >= 0 {
			t[uint16(n.compat)+compat] = c
		}
		if n.x32 >= 0 {
			t[uint16(n.x32)] = c
		}
	}
	return t
}
