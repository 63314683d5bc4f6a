// Payloads: of one piece, of several, and of several messages.
#ifndef KILLDEER_SEND_H
#define KILLDEER_SEND_H

#include "read.h"

struct vec {
	__u64 base, len;
};

struct message {
	__u64 name, iov, iovlen;
	__u32 namelen;
};

static __always_inline int read_vec(struct vec *v, __u64 at, bool narrow) {
	if (!narrow)
		return bpf_probe_read_user(v, sizeof(*v), (void *)at);
	__u32 half[2];
	if (bpf_probe_read_user(half, sizeof(half), (void *)at))
		return -1;
	v->base = half[0];
	v->len = half[1];
	return 0;
}

static __always_inline int read_message(struct message *m, __u64 at, bool narrow) {
	if (narrow) {
		__u32 raw[4];
		if (bpf_probe_read_user(raw, sizeof(raw), (void *)at))
			return -1;
		m->name = raw[0], m->namelen = raw[1], m->iov = raw[2], m->iovlen = raw[3];
		return 0;
	}
	__u64 raw[4];
	if (bpf_probe_read_user(raw, sizeof(raw), (void *)at))
		return -1;
	m->name = raw[0], m->namelen = raw[1], m->iov = raw[2], m->iovlen = raw[3];
	return 0;
}

struct vecs {
	struct scratch *s;
	__u64 at;
	bool narrow;
};

static long one_vec(__u32 i, struct vecs *v) {
	struct vec one;
	if (read_vec(&one, v->at + i * (v->narrow ? 8 : 16), v->narrow)) {
		v->s->r.flags |= F_UNREADABLE;
		return 1;
	}
	v->s->r.total += one.len;
	piece(v->s, (void *)one.base, one.len);
	return 0;
}

// pieces appends a payload that is spread over memory (UIO_MAXIOV pieces).
static __noinline int pieces(struct scratch *s, __u64 at, __u64 n, bool narrow) {
	if (!s)
		return 0;
	struct vecs v = {.s = s, .at = at, .narrow = narrow};
	bpf_loop(n > 1024 ? 1024 : n, one_vec, &v, 0);
	return 0;
}

// named appends an address of the target's memory.
static __noinline int named(struct scratch *s, __u64 at, __u32 n) {
	if (!s || !at || !n)
		return 0;
	__u32 off = s->r.size;
	if (off >= AREA)
		return 0;
	barrier_of(off);
	off &= AREA - 1;
	if (n > ADDR)
		n = ADDR;
	barrier_of(n);
	n &= 255;
	if (n > ADDR)
		n = ADDR;
	if (bpf_probe_read_user(&s->bytes[off], n, (void *)at)) {
		s->r.flags |= F_UNREADABLE;
		return 0;
	}
	s->r.size = off + n;
	s->r.addr = n;
	return n;
}

// whole appends a message with its address, or that of its socket.
static __noinline int whole(struct scratch *s, __u64 at, bool narrow, struct sock *sk) {
	struct message m;
	if (!s)
		return 0;
	if (read_message(&m, at, narrow)) {
		s->r.flags |= F_UNREADABLE;
		return 0;
	}
	if (!named(s, m.name, m.namelen))
		address(s, sk, false);
	pieces(s, m.iov, m.iovlen, narrow);
	return 0;
}

struct messages {
	struct scratch *s;
	struct sock *sk;
	__u64 at;
	bool narrow;
};

static long one_message(__u32 i, struct messages *m) {
	struct scratch *s = m->s;
	__u64 at = m->at + i * (m->narrow ? 32 : 64);
	__u8 flags = s->r.flags;
	__s64 ret = s->r.ret;
	s->r.size = s->r.total = 0;
	s->r.addr = s->r.data = 0;
	whole(s, at, m->narrow, m->sk);
	if (ret >= 0) {
		__u32 sent = 0;
		bpf_probe_read_user(&sent, sizeof(sent), (void *)(at + (m->narrow ? 28 : 56)));
		s->r.ret = sent;
	}
	publish(s, COMMON);
	s->r.ret = ret;
	s->r.flags = flags;
	return 0;
}

#endif
