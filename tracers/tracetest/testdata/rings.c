// Acts by io_uring, without a library. The second argument is a folder. Ends with 77
// where the kernel has no rings; with 0 where a tracer denies them.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static int ring;
static struct io_uring_params params;
static unsigned *sq_tail, *sq_mask, *sq_array, *sq_flags, *cq_head, *cq_tail, *cq_mask;
static struct io_uring_sqe *sqes;
static struct io_uring_cqe *cqes;
static unsigned setup_flags;

static void *map(size_t size, off_t at) {
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring, at);
	if (p == MAP_FAILED) exit(3);
	return p;
}

static void setup(void) {
	params.flags = setup_flags;
	params.sq_thread_idle = 50;
	ring = syscall(SYS_io_uring_setup, 4, &params);
	if (ring < 0) exit(0);
	char *sq = map(params.sq_off.array + params.sq_entries * 4, IORING_OFF_SQ_RING);
	char *cq = map(params.cq_off.cqes + params.cq_entries * sizeof(struct io_uring_cqe), IORING_OFF_CQ_RING);
	sqes = map(params.sq_entries * sizeof(struct io_uring_sqe), IORING_OFF_SQES);
	sq_tail = (unsigned *)(sq + params.sq_off.tail);
	sq_mask = (unsigned *)(sq + params.sq_off.ring_mask);
	sq_array = (unsigned *)(sq + params.sq_off.array);
	sq_flags = (unsigned *)(sq + params.sq_off.flags);
	cq_head = (unsigned *)(cq + params.cq_off.head);
	cq_tail = (unsigned *)(cq + params.cq_off.tail);
	cq_mask = (unsigned *)(cq + params.cq_off.ring_mask);
	cqes = (struct io_uring_cqe *)(cq + params.cq_off.cqes);
}

// run does one request and returns its result.
static int run(struct io_uring_sqe e) {
	unsigned tail = *sq_tail, i = tail & *sq_mask;
	sqes[i] = e;
	sq_array[i] = i;
	__atomic_store_n(sq_tail, tail + 1, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(cq_tail, __ATOMIC_ACQUIRE) == *cq_head) {
		if (setup_flags & IORING_SETUP_SQPOLL) {
			if (__atomic_load_n(sq_flags, __ATOMIC_SEQ_CST) & IORING_SQ_NEED_WAKEUP)
				syscall(SYS_io_uring_enter, ring, 1, 0, IORING_ENTER_SQ_WAKEUP, NULL, 0);
			usleep(1000);
		} else if (syscall(SYS_io_uring_enter, ring, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) < 0) {
			exit(4);
		}
	}
	int res = cqes[*cq_head & *cq_mask].res;
	__atomic_store_n(cq_head, *cq_head + 1, __ATOMIC_RELEASE);
	return res;
}

static struct sockaddr_in far_end(void) {
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(5399)};
	inet_pton(AF_INET, "127.0.0.1", &a.sin_addr);
	return a;
}

static void opens(const char *dir) {
	char path[4096];
	snprintf(path, sizeof path, "%s/secret", dir);
	struct io_uring_sqe e = {.opcode = IORING_OP_OPENAT, .fd = AT_FDCWD, .addr = (unsigned long)path};
	if (run(e) < 0) exit(5);
	strcat(path, "-none");
	struct io_uring_sqe none = {.opcode = IORING_OP_OPENAT, .fd = AT_FDCWD, .addr = (unsigned long)path};
	if (run(none) != -ENOENT) exit(6);
}

static void connects(void) {
	struct sockaddr_in a = far_end();
	struct io_uring_sqe e = {.opcode = IORING_OP_CONNECT, .fd = socket(AF_INET, SOCK_DGRAM, 0), .addr = (unsigned long)&a, .off = sizeof a};
	if (run(e) < 0) exit(7);
}

static void sends(int fixed) {
	struct sockaddr_in a = far_end();
	int s = socket(AF_INET, SOCK_DGRAM, 0);
	if (connect(s, (struct sockaddr *)&a, sizeof a) != 0) exit(8);
	struct io_uring_sqe e = {.opcode = IORING_OP_SEND, .fd = s, .addr = (unsigned long)"a plain message", .len = 15};
	if (fixed) {
		if (syscall(SYS_io_uring_register, ring, IORING_REGISTER_FILES, &s, 1) != 0) exit(9);
		e.fd = 0;
		e.flags = IOSQE_FIXED_FILE;
	}
	if (run(e) != 15) exit(10);
}

static void writes(void) {
	int pair[2];
	if (pipe(pair) != 0) exit(11);
	struct io_uring_sqe e = {.opcode = IORING_OP_WRITE, .fd = pair[1], .addr = (unsigned long)"a plain message", .len = 15, .off = -1};
	if (run(e) != 15) exit(12);
}

static void removes(const char *dir) {
	char path[4096], other[4096];
	snprintf(path, sizeof path, "%s/secret", dir);
	snprintf(other, sizeof other, "%s/moved", dir);
	struct io_uring_sqe e = {.opcode = 35, .fd = AT_FDCWD, .addr = (unsigned long)path, .len = AT_FDCWD, .off = (unsigned long)other};
	if (run(e) < 0) exit(13);
	struct io_uring_sqe u = {.opcode = IORING_OP_UNLINKAT, .fd = AT_FDCWD, .addr = (unsigned long)other};
	if (run(u) < 0) exit(14);
}

int main(int argc, char **argv) {
	if (argc != 3) return 2;
	const char *act = argv[1];
	if (!strcmp(act, "probe")) return syscall(SYS_io_uring_setup, 1, &params) < 0 ? 77 : 0;
	if (!strncmp(act, "ring_sqpoll", 11)) setup_flags = IORING_SETUP_SQPOLL;
	setup();
	if (!strcmp(act, "ring_open") || !strcmp(act, "ring_sqpoll_open")) opens(argv[2]);
	else if (!strcmp(act, "ring_connect")) connects();
	else if (!strcmp(act, "ring_send") || !strcmp(act, "ring_sqpoll_send")) sends(0);
	else if (!strcmp(act, "ring_fixed_send")) sends(1);
	else if (!strcmp(act, "ring_write")) writes();
	else if (!strcmp(act, "ring_files")) removes(argv[2]);
	else return 3;
	return 0;
}
