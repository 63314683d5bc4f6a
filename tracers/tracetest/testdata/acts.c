// One act of the conformance suite by its name. The second argument is a folder.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

static char path[4096];

static void touch(void) {
	int fd = open(path, O_RDONLY);
	if (fd < 0) exit(4);
	close(fd);
}

static void *in_thread(void *arg) { touch(); return arg; }

static void *exec_in_thread(void *arg) {
	execl("/bin/cat", "cat", path, NULL);
	return arg;
}

static void reap(pid_t pid) {
	int status;
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0) exit(5);
}

static void spawned(void) {
	char *argv[] = {"cat", path, NULL}, *env[] = {NULL};
	pid_t pid;
	if (posix_spawn(&pid, "/bin/cat", NULL, NULL, argv, env) != 0) exit(6);
	reap(pid);
}

static void vforked(void) {
	pid_t pid = vfork();
	if (pid == 0) {
		execl("/bin/cat", "cat", path, NULL);
		_exit(7);
	}
	reap(pid);
}

static void threaded(void *(*f)(void *)) {
	pthread_t t;
	if (pthread_create(&t, NULL, f, NULL) != 0) exit(8);
	pthread_join(t, NULL);
}

static void grandchild(void) {
	pid_t pid = fork();
	if (pid == 0) {
		pid_t inner = fork();
		if (inner == 0) { touch(); _exit(0); }
		reap(inner);
		_exit(0);
	}
	reap(pid);
}

// daemon opens the file after the process that everybody waits for has ended.
static void daemonised(void) {
	int gate[2];
	if (pipe(gate) != 0) exit(9);
	pid_t pid = fork();
	if (pid == 0) {
		setsid();
		if (fork() != 0) _exit(0);
		char c;
		close(gate[1]);
		while (read(gate[0], &c, 1) > 0) {}
		touch();
		_exit(0);
	}
	reap(pid);
}

// cold passes a path that is in a page of a file which nothing has read yet.
static void cold(const char *dir) {
	char name[4200];
	snprintf(name, sizeof name, "%s/cold", dir);
	int fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0600);
	if (fd < 0 || write(fd, path, strlen(path) + 1) < 0 || fsync(fd) != 0) exit(10);
	posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	char *page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0);
	if (page == MAP_FAILED) exit(11);
	if (open(page, O_RDONLY) < 0) exit(12);
}

#ifdef __x86_64__
// low returns memory that 32-bit calls can name.
static char *low(unsigned long at) {
	char *p = mmap((void *)at, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	if (p == MAP_FAILED) exit(13);
	return p;
}

static int call32(int nr, unsigned long b, unsigned long c) {
	int ret;
	__asm__ volatile("int $0x80" : "=a"(ret) : "a"(nr), "b"(b), "c"(c), "d"(0) : "memory");
	return ret;
}
#endif

// compat opens a file by the 32-bit way into the kernel.
static void compat(void) {
#ifdef __x86_64__
	char *p = low(0x10000000);
	strcpy(p, path);
	if (call32(5, (unsigned long)p, 0) < 0) exit(77);
#else
	exit(77);
#endif
}

// compat_connect names a socket's far end by the one call that 32-bit programs have
// for all that is done to sockets.
static void compat_connect(void) {
#ifdef __x86_64__
	char *p = low(0x10000000);
	struct sockaddr_in *a = (struct sockaddr_in *)p;
	a->sin_family = AF_INET;
	a->sin_port = htons(5399);
	a->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	unsigned *args = (unsigned *)(p + 256);
	args[0] = socket(AF_INET, SOCK_DGRAM, 0);
	args[1] = (unsigned long)a;
	args[2] = sizeof *a;
	if (call32(102, 3, (unsigned long)args) < 0) exit(77);
#else
	exit(77);
#endif
}

static void many(void) {
	int pair[2];
	if (socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) != 0) exit(14);
	struct iovec first[] = {{"one", 3}, {" and two", 8}}, second[] = {{"three", 5}};
	struct mmsghdr all[2] = {{.msg_hdr = {.msg_iov = first, .msg_iovlen = 2}}, {.msg_hdr = {.msg_iov = second, .msg_iovlen = 1}}};
	if (sendmmsg(pair[0], all, 2, 0) != 2) exit(15);
}

static void pieces(void) {
	int pair[2];
	if (pipe(pair) != 0) exit(16);
	struct iovec vec[] = {{"a plain", 7}, {"", 0}, {" message", 8}};
	if (writev(pair[1], vec, 3) != 15) exit(17);
}

static void sendfiles(void) {
	int pair[2], fd = open(path, O_RDONLY);
	if (fd < 0 || socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0) exit(18);
	if (sendfile(pair[0], fd, NULL, 5) != 5) exit(19);
}

// positioned writes to a socket by a call that has an offset.
static void positioned(void) {
	int pair[2];
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0) exit(25);
	struct iovec vec[] = {{"a plain", 7}, {" message", 8}};
	if (pwritev2(pair[0], vec, 2, -1, 0) != 15) exit(26);
}

static void spliced(void) {
	int pipes[2], pair[2];
	if (pipe(pipes) != 0 || socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0) exit(27);
	struct iovec vec[] = {{"a plain", 7}, {" message", 8}};
	if (vmsplice(pipes[1], vec, 2, 0) != 15) exit(28);
	if (splice(pipes[0], NULL, pair[0], NULL, 15, 0) != 15) exit(29);
}

// linked opens a file by a link, below a folder that is not the root.
static void linked(const char *dir) {
	if (chdir(dir) != 0 || symlink("secret", "link") != 0) exit(20);
	if (open("./link", O_RDONLY) < 0) exit(21);
}

static void killed(void) {
	pid_t pid = fork();
	if (pid == 0) { pause(); _exit(0); }
	if (kill(pid, SIGTERM) != 0) exit(23);
	int status;
	if (waitpid(pid, &status, 0) != pid) exit(24);
}

int main(int argc, char **argv) {
	if (argc != 3) return 2;
	snprintf(path, sizeof path, "%s/secret", argv[2]);
	const char *act = argv[1];
	if (!strcmp(act, "posix_spawn")) spawned();
	else if (!strcmp(act, "vfork")) vforked();
	else if (!strcmp(act, "thread")) threaded(in_thread);
	else if (!strcmp(act, "thread_exec")) threaded(exec_in_thread);
	else if (!strcmp(act, "grandchild")) grandchild();
	else if (!strcmp(act, "daemon")) daemonised();
	else if (!strcmp(act, "cold_page")) cold(argv[2]);
	else if (!strcmp(act, "int80")) compat();
	else if (!strcmp(act, "int80_connect")) compat_connect();
	else if (!strcmp(act, "sendmmsg")) many();
	else if (!strcmp(act, "writev")) pieces();
	else if (!strcmp(act, "sendfile")) sendfiles();
	else if (!strcmp(act, "pwritev2")) positioned();
	else if (!strcmp(act, "splice")) spliced();
	else if (!strcmp(act, "symlink")) linked(argv[2]);
	else if (!strcmp(act, "kill")) killed();
	else return 3;
	return 0;
}
