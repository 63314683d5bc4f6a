// Reading the target's memory and the kernel's into a record, and writing records.
#ifndef KILLDEER_READ_H
#define KILLDEER_READ_H

#include "record.h"

#define ERRNO_FAULT (-14)
#define AT_FDCWD (-100)

#define barrier_of(v) asm volatile("" : "+r"(v))

static __always_inline struct scratch *scratch_of(__u32 program) {
	return bpf_map_lookup_elem(&scratches, &program);
}

// begin makes a record of the current thread.
static __always_inline void begin(struct scratch *s, struct task_struct *task, struct held *h, __u8 type) {
	__builtin_memset(&s->r, 0, sizeof(s->r));
	s->r.type = type;
	s->r.done = s->r.at = bpf_ktime_get_ns();
	s->r.pid = task->tgid;
	s->r.tid = task->pid;
	s->r.ppid = BPF_CORE_READ(task, real_parent, tgid);
	bpf_probe_read_kernel(s->r.comm, sizeof(s->r.comm), task->comm);
	if (!h)
		return;
	s->r.flags = h->flags;
	if (h->setup)
		s->r.flags |= F_SETUP;
}

static __always_inline void from_call(struct scratch *s, struct held *h) {
	s->r.at = h->at;
	s->r.nr = h->nr;
	__builtin_memcpy(s->r.args, h->args, sizeof(s->r.args));
}

// share reports whether a process may use more of a buffer that is filling up.
static __always_inline bool share(__u32 pid, __u32 size, bool is_vital) {
	struct proc *p = bpf_map_lookup_elem(&procs, &pid);
	if (!p)
		return true;
	if (p->epoch != epoch) {
		p->epoch = epoch;
		p->bulk = p->vital = 0;
	}
	if (is_vital) {
		__sync_fetch_and_add(&p->vital, size);
		return p->vital <= VITAL_SIZE / 4;
	}
	__sync_fetch_and_add(&p->bulk, size);
	return p->bulk <= BULK_SIZE / 8 || bpf_ringbuf_query(&bulk, BPF_RB_AVAIL_DATA) < BULK_SIZE / 2;
}

enum { COMMON, VITAL, WATCHED };

// publish hands a record to user space. Programs, connections and files that are
// watched have a buffer that a flood of others does not fill, and of which one process
// gets a part; watched files all of it.
static __noinline int publish(struct scratch *s, int class) {
	if (!s)
		return 0;
	__u32 size = s->r.size;
	if (size > AREA + SLACK - 1) {
		count(L_RING);
		return 0;
	}
	size += sizeof(struct record);
	barrier_of(size);
	if (size > sizeof(struct scratch) - 1)
		return 0;
	if (class == WATCHED || (class == VITAL && share(s->r.pid, size, true))) {
		if (!bpf_ringbuf_output(&vital, s, size, BPF_RB_NO_WAKEUP)) {
			count(L_WRITTEN);
			return 0;
		}
	}
	if (!share(s->r.pid, size, false)) {
		count(L_FLOOD);
		return 0;
	}
	if (bpf_ringbuf_output(&bulk, s, size, BPF_RB_NO_WAKEUP))
		count(L_RING);
	else
		count(L_WRITTEN);
	return 0;
}

// text appends a string of the target, or of the kernel, and returns its length with
// the NUL.
static __noinline int text(struct scratch *s, const void *p, bool kernel) {
	if (!s || !p)
		return 0;
	__u32 off = s->r.size;
	if (off >= AREA) {
		s->r.flags |= F_TRUNCATED;
		return 0;
	}
	barrier_of(off);
	off &= AREA - 1;
	long n = kernel ? bpf_probe_read_kernel_str(&s->bytes[off], PATH1, p) : bpf_probe_read_user_str(&s->bytes[off], PATH1, p);
	if (n < 0) {
		s->r.flags |= F_UNREADABLE;
		return 0;
	}
	if (n >= PATH1)
		s->r.flags |= F_TRUNCATED;
	s->r.size = off + n;
	return n;
}

// piece appends bytes of the target: at most the payload limit of them.
static __noinline int piece(struct scratch *s, const void *p, __u64 size) {
	if (!s || !size)
		return 0;
	__u32 off = s->r.size, n = size > payload ? payload : size;
	if (off >= AREA) {
		s->r.flags |= F_TRUNCATED;
		return 0;
	}
	barrier_of(off);
	off &= AREA - 1;
	barrier_of(n);
	n &= 8191;
	if (n > 4096)
		n = 4096;
	if (bpf_probe_read_user(&s->bytes[off], n, p)) {
		// The rest of the page, if the next is not in memory.
		n = 4096 - ((__u64)p & 4095);
		if (n > size)
			n = size;
		barrier_of(n);
		n &= 8191;
		if (n > 4096)
			n = 4096;
		if (bpf_probe_read_user(&s->bytes[off], n, p)) {
			s->r.flags |= F_UNREADABLE;
			return 0;
		}
		s->r.flags |= F_UNREADABLE;
	}
	s->r.size = off + n;
	s->r.data += n;
	return n;
}

// walk is a way from a file to the root.
struct walk {
	struct dentry *dentry;
	struct mount *mnt;
	struct scratch *s;
	__u32 off, start;
	bool whole;
};

static long step(__u32 i, struct walk *w) {
	// Copies: the macros would look for struct walk in the kernel.
	struct dentry *d = w->dentry, *parent = BPF_CORE_READ(d, d_parent);
	struct mount *mnt = w->mnt;
	if (d == BPF_CORE_READ(mnt, mnt.mnt_root)) {
		struct mount *above = BPF_CORE_READ(mnt, mnt_parent);
		if (above == mnt) {
			w->whole = true;
			return 1;
		}
		w->dentry = BPF_CORE_READ(mnt, mnt_mountpoint);
		w->mnt = above;
		return 0;
	}
	__u32 off = w->off;
	if (off >= AREA || off - w->start > 4096)
		return 1;
	barrier_of(off);
	off &= AREA - 1;
	long n = bpf_probe_read_kernel_str(&w->s->bytes[off], NAME, BPF_CORE_READ(d, d_name.name));
	if (n <= 1)
		return 1;
	w->off = off + n;
	if (d == parent) { // in no folder: a file in memory
		w->whole = true;
		return 1;
	}
	w->dentry = parent;
	return 0;
}

// resolve appends the names of a path, the last first, and returns their length.
static __noinline int resolve(struct scratch *s, struct dentry *dentry, struct vfsmount *mnt) {
	if (!s || !dentry || !mnt)
		return 0;
	struct walk w = {.dentry = dentry, .s = s, .off = s->r.size, .start = s->r.size};
	w.mnt = (void *)mnt - bpf_core_field_offset(struct mount, mnt);
	bpf_loop(2200, step, &w, 0);
	if (!w.whole) {
		s->r.flags |= F_REALCUT;
		return 0;
	}
	if (w.off == w.start && w.off < AREA) { // the root itself
		__u32 off = w.off;
		barrier_of(off);
		s->bytes[off & (AREA - 1)] = 0;
		w.off++;
	}
	s->r.size = w.off;
	return w.off - w.start;
}

static __always_inline int resolve_file(struct scratch *s, struct file *f) {
	if (!f)
		return 0;
	return resolve(s, BPF_CORE_READ(f, f_path.dentry), BPF_CORE_READ(f, f_path.mnt));
}

static __noinline struct file *file_of(struct task_struct *task, int fd) {
	struct file *f = NULL, **all;
	if (!task || fd < 0)
		return NULL;
	struct fdtable *t = BPF_CORE_READ(task, files, fdt);
	if (fd >= BPF_CORE_READ(t, max_fds))
		return NULL;
	all = BPF_CORE_READ(t, fd);
	bpf_probe_read_kernel(&f, sizeof(f), all + fd);
	return f;
}

// folder appends what a relative path is relative to.
static __noinline int folder(struct scratch *s, struct task_struct *task, int fd) {
	if (!s || !task)
		return 0;
	if (fd == AT_FDCWD)
		return resolve(s, BPF_CORE_READ(task, fs, pwd.dentry), BPF_CORE_READ(task, fs, pwd.mnt));
	return resolve_file(s, file_of(task, fd));
}

static __always_inline __u16 mode_of(struct file *f) { return f ? BPF_CORE_READ(f, f_inode, i_mode) & 0170000 : 0; }

#define S_IFIFO 0010000
#define S_IFSOCK 0140000

// muted reports whether a descriptor leads to whoever started the target.
static __noinline bool muted(struct file *f) {
	__u64 ino = BPF_CORE_READ(f, f_inode, i_ino);
	return (mutes & 1 && ino == mute[0]) || (mutes & 2 && ino == mute[1]) || (mutes & 4 && ino == mute[2]);
}

static __always_inline struct sock *sock_of(struct file *f) {
	if (mode_of(f) != S_IFSOCK)
		return NULL;
	struct socket *so = BPF_CORE_READ(f, private_data);
	return so ? BPF_CORE_READ(so, sk) : NULL;
}

// address appends a socket's far end, or its own, as the sockaddr that it is.
static __noinline int address(struct scratch *s, struct sock *sk, bool own) {
	if (!s || !sk)
		return 0;
	__u32 off = s->r.size;
	if (off >= AREA)
		return 0;
	barrier_of(off);
	off &= AREA - 1;
	__u8 *out = &s->bytes[off];
	__u16 family = BPF_CORE_READ(sk, __sk_common.skc_family), port;
	__u32 n = 2;
	__builtin_memset(out, 0, ADDR);
	__builtin_memcpy(out, &family, 2);
	port = own ? __builtin_bswap16(BPF_CORE_READ(sk, __sk_common.skc_num)) : BPF_CORE_READ(sk, __sk_common.skc_dport);
	if (family == 2) {
		__u32 a = own ? BPF_CORE_READ(sk, __sk_common.skc_rcv_saddr) : BPF_CORE_READ(sk, __sk_common.skc_daddr);
		if (!own && !port)
			return 0;
		__builtin_memcpy(out + 2, &port, 2);
		__builtin_memcpy(out + 4, &a, 4);
		n = 16;
	} else if (family == 10) {
		struct in6_addr a = own ? BPF_CORE_READ(sk, __sk_common.skc_v6_rcv_saddr) : BPF_CORE_READ(sk, __sk_common.skc_v6_daddr);
		if (!own && !port)
			return 0;
		__builtin_memcpy(out + 2, &port, 2);
		__builtin_memcpy(out + 8, &a, 16);
		n = 28;
	} else if (family == 1) {
		struct unix_sock *u = (struct unix_sock *)sk;
		if (!own)
			u = (struct unix_sock *)BPF_CORE_READ(u, peer);
		struct unix_address *a = u ? BPF_CORE_READ(u, addr) : NULL;
		if (a) {
			n = BPF_CORE_READ(a, len);
			if (n > 110)
				n = 110;
			barrier_of(n);
			n &= 127;
			bpf_probe_read_kernel(out, n, (void *)a + bpf_core_field_offset(struct unix_address, name));
		}
	}
	s->r.size = off + n;
	s->r.addr = n;
	return n;
}

#endif
