// Records, the maps that they travel in, and what is known of a traced thread.
#ifndef KILLDEER_RECORD_H
#define KILLDEER_RECORD_H

#include "kernel.h"

#define AREA 16384 // bytes of a record's texts and payload
#define SLACK 8192 // so that a write at a masked offset stays within the buffer
#define PATH1 4095 // PATH_MAX with its NUL, less one
#define PATH2 3072
#define ADDR 128
#define NAME 256
#define NONE 0xff
#define BULK_SIZE (16 << 20)
#define VITAL_SIZE (4 << 20)

// What a system call needs beside its arguments and paths.
enum what {
	NOTHING,
	PLAIN,
	OPEN,
	EXEC,
	FORK,
	CONNECT,
	BIND,
	LISTEN,
	SENDTO,
	SENDMSG,
	SENDMMSG,
	WRITE,
	WRITEV,
	SENDFILE,
	REMOTE,
	SOCKETCALL,
	RECV,
};

enum type {
	R_CALL = 1,
	R_FORK,
	R_EXEC,
	R_EXIT,
	R_RING,
	R_RINGDONE,
	R_DNS,
	R_TLS,
};

enum flag {
	F_COMPAT = 1,
	F_RETRIED = 2,
	F_UNREADABLE = 4,
	F_TRUNCATED = 8,
	F_SETUP = 16,
	F_UNKNOWN = 32, // what came of it
	F_REALCUT = 64, // the resolved path does not fit
	F_X32 = 128,
};

enum loss {
	L_RING,   // the buffer was full
	L_FLOOD,  // one process filled it
	L_MEMORY, // none for a new thread
	L_PROCS,  // too many processes
	L_WRITTEN,
	L_MESSAGES, // of one sendmmsg
	L_COUNT,
};

// shape says how a system call is read. Go fills in a table of them.
struct shape {
	__u8 what, path, dir, path2, dir2;
	__u8 fd, from; // descriptors: the socket or pipe, and a file that is sent
	__u8 buf, len; // payload, or address
	__u8 name, namelen;
	__u8 narrow; // structures have 32-bit fields
};

struct record {
	__u32 size; // of the bytes behind it
	__u8 type, flags;
	__u16 nr;
	__u64 at, done; // begin of the call, and when this was written
	__s64 ret;
	__u64 args[6];
	__u64 total; // bytes of the payload
	__u64 ring;  // tells one request of a ring from others
	__u32 pid, tid, ppid, child;
	__u16 path, path2, dir, real, addr, data, env; // lengths of what follows, in this order
	__u16 pad;
	char comm[16];
};

_Static_assert(sizeof(struct record) == 144, "Go reads it byte by byte");

struct scratch {
	struct record r;
	__u8 bytes[AREA + SLACK];
};

// held is a traced thread, with the call that it is in.
struct held {
	__u64 at;
	__u64 args[6];
	struct shape shape;
	__u16 nr;
	__u16 len1, len2, addr_len;
	__u8 busy, flags, setup, fault;
	__u8 addr[ADDR];
	char text[PATH1 + PATH2 + 1];
};

// proc is a traced process, and how much it has used of the buffers lately.
struct proc {
	__u64 epoch;
	__u32 bulk, vital;
};

struct inode_id {
	__u64 dev, ino;
};

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct held);
} tasks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__type(key, __u32);
	__type(value, struct proc);
} procs SEC(".maps");

// adopted are processes that ran before the trace.
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__type(key, __u32);
	__type(value, __u8);
} adopted SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, struct inode_id);
	__type(value, __u8);
} watched SEC(".maps");

// requests are those of rings that have been reported and not ended.
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u64);
	__type(value, __u16);
} requests SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2048);
	__type(key, __u32);
	__type(value, struct shape);
} shapes SEC(".maps");

// Each program has a scratch of its own: they may interrupt each other.
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 8);
	__type(key, __u32);
	__type(value, struct scratch);
} scratches SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, L_COUNT);
	__type(key, __u32);
	__type(value, __u64);
} counts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, BULK_SIZE);
} bulk SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, VITAL_SIZE);
} vital SEC(".maps");

// Set before loading.
volatile const __u64 target;       // number of the cgroup whose threads are traced
volatile const __s32 level = -1;   // its depth, if those below it are meant as well
volatile const __u8 adopting;      // threads of what ran before are looked for
volatile const __u32 setup_execs;  // programs that are executed before the target
volatile const __u32 payload = 1024;
volatile const __u64 loaders[32];  // first bytes of the names of variables that change which code is loaded
volatile const __u64 masks[32];

// Shared with user space.
__u64 epoch;    // rises each time the buffers were read
__u64 alive;    // traced threads
__u64 started;  // the first process
__u64 execs;
__u64 mute[3];  // what the target was given as standard input, output and error
__u32 mutes;

static __always_inline void count(__u32 what) {
	__u64 *n = bpf_map_lookup_elem(&counts, &what);
	if (n)
		(*n)++;
}

#endif
