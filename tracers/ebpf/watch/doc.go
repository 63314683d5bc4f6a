// Package watch is the tracer that looks on from inside the kernel: programs on
// tracepoints see each system call, birth, program and end of the processes of one
// cgroup, and each request of their rings (io_uring), and the target cannot tell.
//
// It needs root and a kernel with BTF (6.0 or newer). It does not stop what it
// traces, so it can lose: every loss is counted by its cause and makes the trace
// incomplete. The programs are C in bpf/, compiled beforehand; what is built here is
// for x86-64 only. It does not start or end the target, and does not judge.
package watch

//go:generate go tool bpf2go -cc clang-14 -strip llvm-strip-14 -tags linux -no-global-types -output-stem trace -target amd64 trace bpf/trace.c -- -O2 -g -mcpu=v3 -Wall -Werror -I/usr/include/x86_64-linux-gnu
