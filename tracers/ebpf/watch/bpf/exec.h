// Arguments and environments of programs.
#ifndef KILLDEER_EXEC_H
#define KILLDEER_EXEC_H

#include "send.h"

#define MAX_STRINGS 16384 // of an environment, and of arguments

struct strings {
	struct scratch *s;
	__u64 at, end;
	__u32 used;
	bool continued, narrow, cut;
};

// loads reports whether a variable changes which code is loaded; user space looks
// closer.
static __always_inline bool loads(const char *name) {
	__u64 first;
	__builtin_memcpy(&first, name, 8);
	for (int i = 0; i < 32; i++) {
		if (masks[i] && (first & masks[i]) == loaders[i])
			return true;
	}
	return false;
}

// one_variable keeps a variable that matters; long ones come in parts of which the
// first does.
static long one_variable(__u32 i, struct strings *v) {
	struct scratch *s = v->s;
	if (v->at >= v->end)
		return 1;
	__u32 off = s->r.size;
	if (off >= AREA) {
		v->cut = true;
		return 1;
	}
	barrier_of(off);
	off &= AREA - 1;
	long n = bpf_probe_read_user_str(&s->bytes[off], 4096, (void *)v->at);
	if (n <= 0) {
		s->r.flags |= F_UNREADABLE;
		return 1;
	}
	bool first = !v->continued;
	v->continued = n == 4096;
	v->at += v->continued ? n - 1 : n;
	if (!first)
		return 0;
	if (n < 8)
		*(__u64 *)&s->bytes[off + n] = 0;
	if (loads((char *)&s->bytes[off])) {
		s->r.size = off + n;
		s->r.env += n;
		if (v->continued)
			v->cut = true;
	}
	return 0;
}

// started_with appends arguments, and variables that matter, of a program that was
// just executed. They lie on its stack, which the kernel has just written.
static __noinline int started_with(struct scratch *s, struct mm_struct *mm) {
	if (!s || !mm)
		return 0;
	__u64 from = BPF_CORE_READ(mm, arg_start), to = BPF_CORE_READ(mm, arg_end);
	if (to - from > payload)
		s->r.flags |= F_TRUNCATED;
	piece(s, (void *)from, to - from);
	struct strings v = {.s = s, .at = BPF_CORE_READ(mm, env_start), .end = BPF_CORE_READ(mm, env_end)};
	bpf_loop(MAX_STRINGS, one_variable, &v, 0);
	if (v.cut || v.at < v.end)
		s->r.flags |= F_TRUNCATED;
	return 0;
}

static long one_argument(__u32 i, struct strings *v) {
	struct scratch *s = v->s;
	__u64 p = 0;
	__u32 narrow = 0, off = s->r.size;
	if (v->narrow) {
		if (bpf_probe_read_user(&narrow, 4, (void *)(v->at + i * 4)))
			return 1;
		p = narrow;
	} else if (bpf_probe_read_user(&p, 8, (void *)(v->at + i * 8))) {
		return 1;
	}
	if (!p)
		return 1;
	if (off >= AREA || v->used >= payload) {
		s->r.flags |= F_TRUNCATED;
		return 1;
	}
	barrier_of(off);
	off &= AREA - 1;
	long n = bpf_probe_read_user_str(&s->bytes[off], 4096, (void *)p);
	if (n <= 0)
		return 1;
	s->r.size = off + n;
	s->r.data += n;
	v->used += n;
	return 0;
}

// arguments appends those of a program that could not be executed.
static __noinline int arguments(struct scratch *s, struct held *h) {
	if (!s || !h)
		return 0;
	__u8 n = h->shape.buf;
	if (n > 5 || !h->args[n])
		return 0;
	struct strings v = {.s = s, .at = h->args[n], .narrow = h->shape.narrow};
	bpf_loop(MAX_STRINGS, one_argument, &v, 0);
	return 0;
}

#endif
