// Requests of io_uring, which are no system calls. What is read of one is the
// kernel's own copy: the target can change its memory behind.
#ifndef KILLDEER_RING_H
#define KILLDEER_RING_H

#include "send.h"

#define REQ_F_FIXED_FILE 1

// The requests that are reported, as linux/io_uring.h numbers them.
enum op {
	OP_WRITEV = 2,
	OP_WRITE_FIXED = 5,
	OP_SENDMSG = 9,
	OP_CONNECT = 16,
	OP_OPENAT = 18,
	OP_STATX = 21,
	OP_WRITE = 23,
	OP_SEND = 26,
	OP_OPENAT2 = 28,
	OP_RENAMEAT = 35,
	OP_UNLINKAT = 36,
	OP_MKDIRAT = 37,
	OP_SYMLINKAT = 38,
	OP_LINKAT = 39,
	OP_SETXATTR = 42,
	OP_GETXATTR = 44,
	OP_SEND_ZC = 47,
	OP_SENDMSG_ZC = 48,
	OP_BIND = 56,
	OP_LISTEN = 57,
};

// PART reads a part of a request's command.
#define PART(req, type, field) BPF_CORE_READ((struct type *)&(req)->cmd, field)

static __always_inline void one_name(struct scratch *s, struct filename *f) {
	if (f)
		s->r.path = text(s, BPF_CORE_READ(f, name), true);
}

static __always_inline void two_names(struct scratch *s, struct filename *f, struct filename *g) {
	one_name(s, f);
	if (g)
		s->r.path2 = text(s, BPF_CORE_READ(g, name), true);
}

// below appends the folder that relative paths are relative to.
static __always_inline void below(struct scratch *s, struct task_struct *task, int dfd, int dfd2) {
	__u32 second = s->r.path;
	barrier_of(second);
	second &= 4095;
	if (s->r.path && s->bytes[0] != '/')
		s->r.dir = folder(s, task, dfd);
	else if (s->r.path2 && s->bytes[second] != '/')
		s->r.dir = folder(s, task, dfd2);
}

// file_of_request finds the file that a request is for, which may be one that the
// ring holds itself.
static __noinline struct file *file_of_request(struct task_struct *task, struct io_kiocb *req) {
	if (!task || !req)
		return NULL;
	int fd = BPF_CORE_READ(req, cqe.fd);
	if (!(BPF_CORE_READ(req, flags) & REQ_F_FIXED_FILE))
		return file_of(task, fd);
	if (!bpf_core_field_exists(((struct io_rsrc_node *)0)->file_ptr))
		return NULL;
	struct io_ring_ctx *ctx = BPF_CORE_READ(req, ctx);
	struct io_rsrc_node **nodes = BPF_CORE_READ(ctx, file_table.data.nodes), *node = NULL;
	if (fd < 0 || (__u32)fd >= BPF_CORE_READ(ctx, file_table.data.nr))
		return NULL;
	bpf_probe_read_kernel(&node, sizeof(node), nodes + fd);
	return node ? (struct file *)(BPF_CORE_READ(node, file_ptr) & ~3UL) : NULL;
}

// destination appends the address of a request: the kernel's copy of it, or else the
// target's.
static __noinline int destination(struct scratch *s, struct io_kiocb *req, __u64 at, int len) {
	if (!s || !req)
		return 0;
	struct io_async_msghdr *copy = BPF_CORE_READ(req, async_data);
	__u32 off = s->r.size, n = len;
	if (!copy || len <= 0 || off >= AREA || !bpf_core_field_exists(copy->addr))
		return named(s, at, len);
	barrier_of(off);
	off &= AREA - 1;
	if (n > ADDR)
		n = ADDR;
	barrier_of(n);
	n &= 255;
	if (n > ADDR)
		n = ADDR;
	if (bpf_probe_read_kernel(&s->bytes[off], n, &copy->addr))
		return named(s, at, len);
	if (!s->bytes[off] && at)
		return named(s, at, len);
	s->r.size = off + n;
	s->r.addr = n;
	return n;
}

static __noinline bool sent(struct scratch *s, struct task_struct *task, struct io_kiocb *req) {
	if (!s || !task || !req)
		return false;
	struct file *f = file_of_request(task, req);
	__u16 mode = mode_of(f);
	struct sock *sk = f ? sock_of(f) : NULL;
	s->r.child = mode;
	if (f && (mode == S_IFIFO || mode == S_IFSOCK) && muted(f))
		return false;
	switch (s->r.nr) {
	case OP_SEND:
	case OP_SEND_ZC:
		address(s, sk, false);
		s->r.total = (__u32)PART(req, io_sr_msg, len);
		piece(s, PART(req, io_sr_msg, buf), s->r.total);
		return true;
	case OP_SENDMSG:
	case OP_SENDMSG_ZC:
		whole(s, (__u64)PART(req, io_sr_msg, buf), false, sk);
		return true;
	}
	if (f && mode != S_IFIFO && mode != S_IFSOCK)
		return false;
	address(s, sk, false);
	if (s->r.nr == OP_WRITEV) {
		pieces(s, PART(req, io_rw, addr), PART(req, io_rw, len), false);
	} else {
		s->r.total = PART(req, io_rw, len);
		piece(s, (void *)PART(req, io_rw, addr), s->r.total);
	}
	return true;
}

// request reports what a ring is asked to do.
static __noinline int request(struct scratch *s, struct task_struct *task, struct io_kiocb *req) {
	if (!s || !task || !req)
		return 0;
	int class = COMMON;
	s->r.nr = BPF_CORE_READ(req, opcode);
	s->r.ring = (__u64)req;
	switch (s->r.nr) {
	case OP_OPENAT:
	case OP_OPENAT2:
		one_name(s, PART(req, io_open, filename));
		s->r.args[0] = PART(req, io_open, how.flags);
		below(s, task, PART(req, io_open, dfd), 0);
		break;
	case OP_UNLINKAT:
		one_name(s, PART(req, io_unlink, filename));
		below(s, task, PART(req, io_unlink, dfd), 0);
		break;
	case OP_MKDIRAT:
		one_name(s, PART(req, io_mkdir, filename));
		below(s, task, PART(req, io_mkdir, dfd), 0);
		break;
	case OP_STATX:
		one_name(s, PART(req, io_statx, filename));
		below(s, task, PART(req, io_statx, dfd), 0);
		break;
	case OP_SETXATTR:
	case OP_GETXATTR:
		one_name(s, PART(req, io_xattr, filename));
		below(s, task, AT_FDCWD, 0);
		break;
	case OP_RENAMEAT:
		two_names(s, PART(req, io_rename, oldpath), PART(req, io_rename, newpath));
		below(s, task, PART(req, io_rename, old_dfd), PART(req, io_rename, new_dfd));
		break;
	case OP_SYMLINKAT:
	case OP_LINKAT:
		two_names(s, PART(req, io_link, oldpath), PART(req, io_link, newpath));
		below(s, task, PART(req, io_link, old_dfd), PART(req, io_link, new_dfd));
		break;
	case OP_CONNECT:
		destination(s, req, (__u64)PART(req, io_connect, addr), PART(req, io_connect, addr_len));
		class = VITAL;
		break;
	case OP_BIND:
		destination(s, req, 0, PART(req, io_bind, addr_len));
		break;
	case OP_LISTEN: {
		struct file *f = file_of_request(task, req);
		address(s, f ? sock_of(f) : NULL, true);
		break;
	}
	case OP_SEND:
	case OP_SEND_ZC:
	case OP_SENDMSG:
	case OP_SENDMSG_ZC:
	case OP_WRITE:
	case OP_WRITEV:
	case OP_WRITE_FIXED:
		if (!sent(s, task, req))
			return 0;
		break;
	default:
		return 0;
	}
	__u16 op = s->r.nr;
	bpf_map_update_elem(&requests, &s->r.ring, &op, BPF_ANY);
	publish(s, class);
	return 0;
}

#endif
