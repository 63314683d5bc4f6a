// The programs: what a tree of processes does, from system calls, their returns, and
// the births, programs and ends of processes.
#include "exec.h"
#include "ring.h"

#define TS_COMPAT 2
#define X32_BIT 0x40000000
#define CLONE_THREAD 0x10000
#define SIGNAL_GROUP_EXIT 4

enum { S_EXIT_CALL, S_FORK, S_EXEC, S_EXIT, S_RING, S_RING_DONE, S_TLS };

// ours reports whether the current thread, which is not known, is to be traced.
static __always_inline bool ours(__u32 pid) {
	if (adopting && bpf_map_lookup_elem(&adopted, &pid))
		return true;
	if (!target)
		return false;
	if (level < 0)
		return bpf_get_current_cgroup_id() == target;
	return bpf_get_current_ancestor_cgroup_id(level) == target;
}

// track makes a thread known.
static __noinline struct held *track(struct task_struct *task, bool setup) {
	if (!task)
		return NULL;
	struct held *h = bpf_task_storage_get(&tasks, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!h) {
		count(L_MEMORY);
		return NULL;
	}
	h->setup = setup;
	__u32 pid = task->tgid;
	struct proc none = {};
	__sync_fetch_and_add(&alive, 1);
	__sync_val_compare_and_swap(&started, 0, pid);
	if (!bpf_map_lookup_elem(&procs, &pid) && bpf_map_update_elem(&procs, &pid, &none, BPF_ANY))
		count(L_PROCS);
	return h;
}

// socketcall reads the arguments of a 32-bit program's call for sockets, and makes it
// the call that it stands for.
static __always_inline void socketcall(struct held *h) {
	__u32 a[6] = {};
	__u32 key;
	switch (h->args[0]) {
	case 2: key = 361; break; // bind
	case 3: key = 362; break; // connect
	case 4: key = 363; break; // listen
	case 9:                   // send
	case 11: key = 369; break; // sendto
	case 16: key = 370; break; // sendmsg
	case 20: key = 345; break; // sendmmsg
	default:
		h->busy = 0;
		return;
	}
	bool send = h->args[0] == 9;
	h->nr = key;
	key += 1024;
	struct shape *shape = bpf_map_lookup_elem(&shapes, &key);
	if (shape)
		h->shape = *shape;
	// Six words may be more than there are, but they are on a stack.
	if (bpf_probe_read_user(a, sizeof(a), (void *)h->args[1]) && bpf_probe_read_user(a, 12, (void *)h->args[1]))
		h->flags |= F_UNREADABLE;
	for (int i = 0; i < 6; i++)
		h->args[i] = a[i];
	if (send)
		h->args[4] = h->args[5] = 0;
}

// paths reads the paths of a call, and reports whether they could be.
static __noinline bool paths(struct held *h) {
	h->len1 = h->len2 = 0;
	__u8 n = h->shape.path, m = h->shape.path2;
	if (n < 6 && h->args[n]) {
		long len = bpf_probe_read_user_str(h->text, PATH1, (void *)h->args[n]);
		if (len < 0)
			return false;
		h->len1 = len;
		if (len >= PATH1)
			h->flags |= F_TRUNCATED;
	}
	if (m < 6 && h->args[m]) {
		__u32 off = h->len1;
		barrier_of(off);
		off &= 4095;
		long len = bpf_probe_read_user_str(&h->text[off], PATH2, (void *)h->args[m]);
		if (len < 0)
			return false;
		h->len2 = len;
		if (len >= PATH2)
			h->flags |= F_TRUNCATED;
	}
	return true;
}

// where reads the address that a call names, before another thread can change it.
static __always_inline void where(struct held *h) {
	__u8 n = h->shape.name, m = h->shape.namelen;
	h->addr_len = 0;
	if (n > 5 || m > 5 || !h->args[n])
		return;
	__u32 len = h->args[m];
	if (!len)
		return;
	if (len > ADDR)
		len = ADDR;
	barrier_of(len);
	len &= 255;
	if (len > ADDR)
		len = ADDR;
	if (bpf_probe_read_user(h->addr, len, (void *)h->args[n]))
		h->fault = 1;
	else
		h->addr_len = len;
}

SEC("tp_btf/sys_enter")
int enter(__u64 *ctx) {
	struct task_struct *task = bpf_get_current_task_btf();
	struct held *h = bpf_task_storage_get(&tasks, task, 0, 0);
	if (!h) {
		if (!ours(task->tgid))
			return 0;
		h = track(task, !adopting && level < 0);
		if (!h)
			return 0;
	}
	struct pt_regs *regs = (struct pt_regs *)ctx[0];
	__u32 nr = ctx[1];
	bool compat = task->thread_info.status & TS_COMPAT;
	h->busy = 0;
	if (compat)
		nr += 1024;
	else
		nr &= ~X32_BIT;
	struct shape *shape = bpf_map_lookup_elem(&shapes, &nr);
	if (!shape || shape->what == NOTHING)
		return 0;
	h->at = bpf_ktime_get_ns();
	h->shape = *shape;
	h->nr = compat ? nr - 1024 : nr;
	h->flags = compat ? F_COMPAT : (__u32)ctx[1] & X32_BIT ? F_X32 : 0;
	h->busy = 1;
	h->fault = 0;
	if (compat) {
		h->args[0] = (__u32)regs->bx, h->args[1] = (__u32)regs->cx, h->args[2] = (__u32)regs->dx;
		h->args[3] = (__u32)regs->si, h->args[4] = (__u32)regs->di, h->args[5] = (__u32)regs->bp;
	} else {
		h->args[0] = regs->di, h->args[1] = regs->si, h->args[2] = regs->dx;
		h->args[3] = regs->r10, h->args[4] = regs->r8, h->args[5] = regs->r9;
	}
	if (h->shape.what == SOCKETCALL)
		socketcall(h);
	if (h->shape.what == OPEN && h->shape.buf < 6) // flags are where this leads: openat2
		bpf_probe_read_user(&h->args[h->shape.buf], 8, (void *)h->args[h->shape.buf]);
	if (!paths(h))
		h->fault = 1;
	where(h);
	return 0;
}

// names appends the paths of a call, and the folder that they are relative to.
static __noinline int names(struct scratch *s, struct held *h, struct task_struct *task) {
	if (!s || !h || !task)
		return 0;
	__u32 n = (__u32)h->len1 + h->len2;
	barrier_of(n);
	n &= 8191;
	if (n > PATH1 + PATH2)
		n = PATH1 + PATH2;
	if (n && bpf_probe_read_kernel(s->bytes, n, h->text))
		return 0;
	s->r.size = n;
	s->r.path = h->len1;
	s->r.path2 = h->len2;
	__u8 dir = h->shape.dir;
	__u32 second = h->len1;
	barrier_of(second);
	second &= 4095;
	if (h->len2 && (!h->len1 || h->text[0] == '/') && h->text[second] != '/')
		dir = h->shape.dir2;
	else if (h->shape.path > 5 ? dir > 5 : (!h->len1 || h->text[0] == '/'))
		return 0;
	s->r.dir = folder(s, task, dir < 6 ? (int)h->args[dir] : AT_FDCWD);
	return 0;
}

static __always_inline bool is_watched(struct file *f) {
	struct inode_id id = {.dev = BPF_CORE_READ(f, f_inode, i_sb, s_dev), .ino = BPF_CORE_READ(f, f_inode, i_ino)};
	return bpf_map_lookup_elem(&watched, &id);
}

// payload_of appends what a call sends, and reports whether it is worth a record.
static __noinline bool payload_of(struct scratch *s, struct held *h, struct task_struct *task) {
	if (!s || !h || !task)
		return false;
	struct shape *sh = &h->shape;
	int fd = sh->fd < 6 ? h->args[sh->fd] : -1;
	struct file *f = file_of(task, fd);
	struct sock *sk = f ? sock_of(f) : NULL;
	__u16 mode = mode_of(f);
	__u64 buf = sh->buf < 6 ? h->args[sh->buf] : 0, len = sh->len < 6 ? h->args[sh->len] : 0;
	if (sh->what != REMOTE && f && (mode == S_IFIFO || mode == S_IFSOCK) && muted(f))
		return false;
	if ((sh->what == WRITE || sh->what == WRITEV || sh->what == SENDFILE) && mode != S_IFIFO && mode != S_IFSOCK)
		return false;
	s->r.child = mode;
	if (sh->what == SENDFILE && sh->from < 6) {
		struct file *from = file_of(task, (int)h->args[sh->from]);
		__u16 kind = mode_of(from);
		if (from && kind != S_IFIFO && kind != S_IFSOCK)
			s->r.real = resolve_file(s, from);
	}
	if (sh->what == SENDMMSG) {
		__u64 n = h->args[2];
		if (s->r.ret >= 0 && n > s->r.ret)
			n = s->r.ret;
		if (n > 1024)
			count(L_MESSAGES);
		struct messages m = {.s = s, .sk = sk, .at = buf, .narrow = sh->narrow};
		bpf_loop(n > 1024 ? 1024 : (s->r.ret < 0 ? 1 : n), one_message, &m, 0);
		return false;
	}
	if (sh->what == SENDMSG) {
		whole(s, buf, sh->narrow, sk);
		return true;
	}
	if (h->addr_len) {
		__u32 off = s->r.size;
		if (off < AREA) {
			barrier_of(off);
			off &= AREA - 1;
			__builtin_memcpy(&s->bytes[off], h->addr, ADDR);
			s->r.size = off + h->addr_len;
			s->r.addr = h->addr_len;
		}
	} else {
		address(s, sk, false);
	}
	if (sh->what == WRITEV || sh->what == REMOTE) {
		pieces(s, buf, len, sh->narrow);
	} else if (sh->what != SENDFILE) {
		s->r.total = len;
		if (s->r.ret >= 0 && len > s->r.ret)
			len = s->r.ret;
		piece(s, (void *)buf, len);
	}
	return true;
}

#define PORT_DNS 13568 // 53, as it is on the wire

// answer reports what a resolver said.
static __noinline int answer(struct scratch *s, struct held *h, struct task_struct *task) {
	if (!s || !h || !task || s->r.ret <= 0)
		return 0;
	struct sock *sk = sock_of(file_of(task, (int)h->args[0]));
	if (!sk || BPF_CORE_READ(sk, sk_type) != 2)
		return 0;
	if (BPF_CORE_READ(sk, __sk_common.skc_dport) != PORT_DNS)
		return 0;
	s->r.type = R_DNS;
	s->r.size = 0;
	if (h->shape.len < 6) {
		piece(s, (void *)h->args[1], s->r.ret);
	} else {
		struct message m;
		if (read_message(&m, h->args[1], h->shape.narrow))
			return 0;
		pieces(s, m.iov, m.iovlen, h->shape.narrow);
	}
	publish(s, COMMON);
	return 0;
}

// report writes the record of a call that has returned, or never will.
static __noinline int report(struct scratch *s, struct held *h, struct task_struct *task) {
	if (!s || !h || !task)
		return 0;
	int class = COMMON;
	__u8 what = h->shape.what;
	__s64 ret = s->r.ret;
	bool known = !(s->r.flags & F_UNKNOWN);
	if (what == RECV) {
		if (known)
			answer(s, h, task);
		return 0;
	}
	names(s, h, task);
	switch (what) {
	case OPEN:
		if (known && ret >= 0) {
			struct file *f = file_of(task, ret);
			s->r.real = resolve_file(s, f);
			if (f && is_watched(f))
				class = WATCHED;
		}
		break;
	case EXEC:
		if (known)
			arguments(s, h);
		break;
	case FORK: // births are reported when they happen
		if (!known || ret >= 0 || h->args[0] & CLONE_THREAD)
			return 0;
		break;
	case LISTEN: {
		struct sock *sk = sock_of(file_of(task, (int)h->args[0]));
		address(s, sk, true);
		class = VITAL;
		break;
	}
	case CONNECT:
	case BIND:
		class = VITAL;
		// fall through
	case SENDTO:
	case SENDMSG:
	case SENDMMSG:
	case WRITE:
	case WRITEV:
	case SENDFILE:
	case REMOTE:
		if (known && !payload_of(s, h, task))
			return 0;
		break;
	}
	publish(s, class);
	return 0;
}

SEC("tp_btf/sys_exit")
int leave(__u64 *ctx) {
	struct task_struct *task = bpf_get_current_task_btf();
	struct held *h = bpf_task_storage_get(&tasks, task, 0, 0);
	if (!h || !h->busy)
		return 0;
	h->busy = 0;
	struct scratch *s = scratch_of(S_EXIT_CALL);
	if (!s)
		return 0;
	if (h->fault) { // what was not in memory is now, if it was ever there
		h->flags |= paths(h) ? F_RETRIED : F_UNREADABLE;
		where(h);
	}
	begin(s, task, h, R_CALL);
	from_call(s, h);
	s->r.ret = ctx[1];
	report(s, h, task);
	return 0;
}

SEC("tp_btf/sched_process_fork")
int born(__u64 *ctx) {
	struct task_struct *parent = (struct task_struct *)ctx[0], *child = (struct task_struct *)ctx[1];
	struct held *h = bpf_task_storage_get(&tasks, parent, 0, 0);
	if (!h)
		return 0;
	__u8 setup = h->setup;
	track(child, setup);
	if (child->tgid == parent->tgid)
		return 0;
	struct scratch *s = scratch_of(S_FORK);
	if (!s)
		return 0;
	begin(s, parent, h, R_FORK);
	from_call(s, h);
	s->r.child = child->tgid;
	publish(s, COMMON);
	return 0;
}

// given notes where the first program's standard input, output and error lead.
static __noinline int given(struct task_struct *task) {
	for (int i = 0; i < 3; i++) {
		struct file *f = file_of(task, i);
		__u16 mode = mode_of(f);
		if (mode != S_IFIFO && mode != S_IFSOCK)
			continue;
		mute[i] = BPF_CORE_READ(f, f_inode, i_ino);
		mutes |= 1 << i;
	}
	return 0;
}

SEC("tp_btf/sched_process_exec")
int executed(__u64 *ctx) {
	struct task_struct *task = bpf_get_current_task_btf();
	struct held *h = bpf_task_storage_get(&tasks, task, 0, 0);
	if (!h) // the first that a process of the cgroup does need not be a call of interest
		return 0;
	struct scratch *s = scratch_of(S_EXEC);
	if (!s)
		return 0;
	if (h->setup) {
		if (!execs)
			given(task);
		if (__sync_fetch_and_add(&execs, 1) == setup_execs)
			h->setup = 0;
	}
	bool called = h->busy && h->shape.what == EXEC;
	h->busy = 0;
	begin(s, task, h, R_EXEC);
	if (called) {
		from_call(s, h);
		if (h->fault)
			s->r.flags |= F_UNREADABLE;
		names(s, h, task);
	}
	s->r.real = resolve_file(s, BPF_CORE_READ(task, mm, exe_file));
	started_with(s, BPF_CORE_READ(task, mm));
	publish(s, VITAL);
	return 0;
}

SEC("tp_btf/sched_process_exit")
int ended(__u64 *ctx) {
	struct task_struct *task = bpf_get_current_task_btf();
	struct held *h = bpf_task_storage_get(&tasks, task, 0, 0);
	__u32 pid = task->tgid;
	// The last thread may be one that was not born before our eyes: a ring's own.
	if (!h && !bpf_map_lookup_elem(&procs, &pid))
		return 0;
	struct scratch *s = scratch_of(S_EXIT);
	if (s && h && h->busy) { // a call that never returns
		h->busy = 0;
		begin(s, task, h, R_CALL);
		from_call(s, h);
		s->r.flags |= F_UNKNOWN;
		report(s, h, task);
	}
	if (s && BPF_CORE_READ(task, signal, live.counter) == 0) {
		begin(s, task, h, R_EXIT);
		int code = BPF_CORE_READ(task, group_leader, exit_code);
		if (BPF_CORE_READ(task, signal, flags) & SIGNAL_GROUP_EXIT)
			code = BPF_CORE_READ(task, signal, group_exit_code);
		s->r.ret = code;
		bpf_map_delete_elem(&procs, &pid);
		publish(s, COMMON);
	}
	// Last: who sees none alive may read what was written.
	if (h)
		__sync_fetch_and_add(&alive, -1);
	return 0;
}

SEC("tp_btf/io_uring_submit_req")
int submitted(__u64 *ctx) {
	struct task_struct *task = bpf_get_current_task_btf();
	struct held *h = bpf_task_storage_get(&tasks, task, 0, 0);
	__u32 pid = task->tgid;
	// A ring's own thread is none that was born before our eyes.
	if (!h && !bpf_map_lookup_elem(&procs, &pid))
		return 0;
	struct scratch *s = scratch_of(S_RING);
	if (!s)
		return 0;
	begin(s, task, h, R_RING);
	request(s, task, (struct io_kiocb *)ctx[0]);
	return 0;
}

SEC("tp_btf/io_uring_complete")
int completed(__u64 *ctx) {
	__u64 req = ctx[1];
	__u16 *op = bpf_map_lookup_elem(&requests, &req);
	if (!op)
		return 0;
	struct task_struct *task = bpf_get_current_task_btf();
	struct scratch *s = scratch_of(S_RING_DONE);
	if (!s)
		return 0;
	__u8 what = *op;
	begin(s, task, NULL, R_RINGDONE);
	s->r.nr = what;
	s->r.ring = req;
	struct io_uring_cqe *cqe = (struct io_uring_cqe *)ctx[2];
	s->r.ret = (__s32)BPF_CORE_READ(cqe, res);
	int class = COMMON;
	if ((what == OP_OPENAT || what == OP_OPENAT2) && s->r.ret >= 0) {
		struct file *f = file_of(task, s->r.ret);
		if (f) {
			s->r.real = resolve_file(s, f);
			if (is_watched(f))
				class = WATCHED;
		}
	}
	if (what == OP_CONNECT)
		class = VITAL;
	publish(s, class);
	bpf_map_delete_elem(&requests, &req);
	return 0;
}

// tls is before a program encrypts: SSL_write(ssl, buffer, length).
SEC("uprobe")
int tls(struct pt_regs *regs) {
	struct task_struct *task = bpf_get_current_task_btf();
	struct held *h = bpf_task_storage_get(&tasks, task, 0, 0);
	if (!h)
		return 0;
	struct scratch *s = scratch_of(S_TLS);
	if (!s)
		return 0;
	begin(s, task, h, R_TLS);
	__u64 n = regs->dx;
	s->r.total = n;
	piece(s, (void *)regs->si, n);
	publish(s, COMMON);
	return 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
