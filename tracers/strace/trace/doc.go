// Package trace is the tracer that runs strace: what it says becomes observations.
//
// strace stops each traced process at each system call of interest, so nothing is
// lost while it lives. If it dies, what it traced runs on unseen, and the trace ends
// with an error. io_uring, which strace cannot look into, is denied and shown. The
// package starts strace only to find out whether it works: for an audit it gives a
// command line to put before the target's.
package trace
