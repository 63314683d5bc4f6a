// Package line reads lines of the log that strace 6 writes with -f -ttt -xx -y -yy.
//
// It knows strace's syntax and nothing of what a system call means or which process
// is whose; halves of calls are for the caller to join. Arguments stay text until
// they are asked for: most never are. The text is what a hostile process caused, so
// nothing in it panics, and what is not understood is an error.
package line
