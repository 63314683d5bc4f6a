package line

import (
	"bytes"
	"errors"
	"strconv"
)

// Kind is what a line says.
type Kind int

// The kinds of lines.
const (
	Call        Kind = iota // a whole system call
	Unfinished              // the first half of one
	Resumed                 // the second half
	Exited                  // a thread ended; Status
	Killed                  // a signal ended a thread; Name is the signal
	Superseded              // another thread, Other, executed a program and became this one
	Signal                  // one was delivered; Name
	Stopped                 // by a signal; Name
	Personality             // Other runs in 32 or 64 bit mode from now on; Bits
)

// Line is one line of a log. Its bytes are those that were parsed.
type Line struct {
	TID    int
	WallNS int64
	Kind   Kind
	Name   string // of the call, or of a signal
	Text   []byte // of a half: what it says of the call, from the name or the rest of the arguments on
	Args   []byte // of a call: between the parentheses
	Ret    Ret    // of a call
	Status int
	Other  int
	Bits   int
}

// Ret is what a call returned.
type Ret struct {
	Unknown  bool // it did not return, or strace could not see it
	Value    int64
	Errno    string // name; "?" when it failed with a number that has none
	FD       []byte // the decoration of the descriptor that was returned
	Injected bool   // strace decided it
}

// ErrSyntax says that a line is not as strace writes them.
var ErrSyntax = errors.New("not a line of strace")

// Parse reads one line, without its newline.
func Parse(b []byte) (Line, error) {
	l, rest, ok := head(b)
	if !ok {
		return l, ErrSyntax
	}
	switch {
	case bytes.HasPrefix(rest, []byte("+++ ")):
		return l.end(rest[4:])
	case bytes.HasPrefix(rest, []byte("--- ")):
		return l.signal(rest[4:])
	case bytes.HasPrefix(rest, []byte("[ Process PID=")):
		return l.personality(rest[14:])
	case bytes.HasPrefix(rest, []byte("<... ")):
		return l.resumed(rest[5:])
	}
	for _, mark := range [][]byte{[]byte("<unfinished ...>"), []byte(" ...>")} {
		if first, ok := bytes.CutSuffix(rest, mark); ok {
			return l.unfinished(first, len(mark) < 10)
		}
	}
	return l.call(rest)
}

// Joined reads a call whose halves were two lines. The number and time are those of
// the first.
func Joined(first Line, second []byte) (Line, error) {
	whole := make([]byte, 0, len(first.Text)+len(second))
	first.Args, first.Kind = nil, Call
	return first.call(append(append(whole, first.Text...), second...))
}

// head reads the number and the time that begin each line.
func head(b []byte) (l Line, rest []byte, ok bool) {
	n, b := digits(b)
	if n <= 0 || len(b) == 0 || b[0] != ' ' {
		return l, nil, false
	}
	l.TID = int(n)
	secs, b := digits(bytes.TrimLeft(b, " "))
	if secs < 0 || secs > 1<<33 || len(b) == 0 || b[0] != '.' {
		return l, nil, false
	}
	frac := b[1:]
	n, b = digits(frac)
	wide := len(frac) - len(b)
	if n < 0 || wide == 0 || wide > 9 || len(b) == 0 || b[0] != ' ' {
		return l, nil, false
	}
	for ; wide < 9; wide++ {
		n *= 10
	}
	l.WallNS = secs*1e9 + n
	return l, b[1:], true
}

// digits reads a decimal number of at most 18 digits, or returns -1.
func digits(b []byte) (int64, []byte) {
	n := int64(0)
	for i, c := range b {
		if c < '0' || c > '9' {
			if i == 0 {
				return -1, b
			}
			return n, b[i:]
		}
		if i == 18 {
			return -1, b
		}
		n = n*10 + int64(c-'0')
	}
	if len(b) == 0 {
		return -1, b
	}
	return n, nil
}

// end reads "exited with 0 +++" and its like.
func (l Line) end(b []byte) (Line, error) {
	b, ok := bytes.CutSuffix(b, []byte(" +++"))
	if !ok {
		return l, ErrSyntax
	}
	if n, ok := bytes.CutPrefix(b, []byte("exited with ")); ok {
		l.Kind = Exited
		return l, l.number(&l.Status, n)
	}
	if name, ok := bytes.CutPrefix(b, []byte("killed by ")); ok {
		l.Kind = Killed
		name, _, _ = bytes.Cut(name, []byte(" "))
		l.Name = string(name)
		return l, nil
	}
	if n, ok := bytes.CutPrefix(b, []byte("superseded by execve in pid ")); ok {
		l.Kind = Superseded
		return l, l.number(&l.Other, n)
	}
	return l, ErrSyntax
}

func (l *Line) number(into *int, b []byte) error {
	n, rest := digits(b)
	if n < 0 || len(rest) > 0 {
		return ErrSyntax
	}
	*into = int(n)
	return nil
}

// signal reads "SIGTERM {si_signo=...} ---" and "stopped by SIGSTOP ---".
func (l Line) signal(b []byte) (Line, error) {
	b, ok := bytes.CutSuffix(b, []byte(" ---"))
	if !ok {
		return l, ErrSyntax
	}
	l.Kind = Signal
	if name, ok := bytes.CutPrefix(b, []byte("stopped by ")); ok {
		b, l.Kind = name, Stopped
	}
	name, _, _ := bytes.Cut(b, []byte(" "))
	l.Name = string(name)
	return l, nil
}

// personality reads "7 runs in 32 bit mode. ]".
func (l Line) personality(b []byte) (Line, error) {
	n, b := digits(b)
	bits, b := digits(bytes.TrimPrefix(b, []byte(" runs in ")))
	if n < 0 || bits < 0 || !bytes.HasPrefix(b, []byte(" bit mode")) && !bytes.HasPrefix(b, []byte(" mode")) {
		return l, ErrSyntax
	}
	l.Kind, l.Other, l.Bits = Personality, int(n), int(bits)
	return l, nil
}

func (l Line) resumed(b []byte) (Line, error) {
	name, rest, ok := bytes.Cut(b, []byte(" resumed>"))
	if !ok || !isName(name) {
		return l, ErrSyntax
	}
	l.Kind, l.Name, l.Text = Resumed, string(name), rest
	// A second half may be cut again, when the tracer gives its process up.
	if text, ok := bytes.CutSuffix(rest, []byte("<unfinished ...>) = ?")); ok {
		l.Text = append(bytes.Clone(text), ") = ?"...)
	} else if bytes.HasSuffix(rest, []byte("<unfinished ...>")) {
		return l, ErrSyntax
	}
	return l, nil
}

// unfinished reads the first half of a call. changed: "<pid changed to 7" follows.
func (l Line) unfinished(b []byte, changed bool) (Line, error) {
	if changed {
		at := bytes.LastIndex(b, []byte("<pid changed to "))
		if at < 0 {
			return l, ErrSyntax
		}
		n, rest := digits(b[at+len("<pid changed to "):])
		if n < 0 || len(rest) > 0 {
			return l, ErrSyntax
		}
		b, l.Other = b[:at], int(n)
	}
	name, _, ok := bytes.Cut(b, []byte("("))
	if !ok || !isName(name) {
		return l, ErrSyntax
	}
	l.Kind, l.Name, l.Text = Unfinished, string(name), bytes.TrimRight(b, " ")
	return l, nil
}

func (l Line) call(b []byte) (Line, error) {
	// A call that the end of its process cut off, on one line.
	if text, ok := bytes.CutSuffix(b, []byte("<unfinished ...>) = ?")); ok {
		b = append(bytes.Clone(bytes.TrimRight(text, " ")), ") = ?"...)
	}
	name, rest, ok := bytes.Cut(b, []byte("("))
	if !ok || !isName(name) {
		return l, ErrSyntax
	}
	end := balanced(rest)
	if end < 0 {
		return l, ErrSyntax
	}
	l.Kind, l.Name, l.Args = Call, string(name), rest[:end]
	after := bytes.TrimLeft(rest[end+1:], " ")
	value, ok := bytes.CutPrefix(after, []byte("= "))
	if !ok {
		return l, ErrSyntax
	}
	l.Ret, ok = ret(value)
	if !ok {
		return l, ErrSyntax
	}
	return l, nil
}

// isName reports whether b may be a system call's name. strace writes "???" for one
// that it could not find out, and syscall_0x1c7 for one that it does not know.
func isName(b []byte) bool {
	if len(b) == 0 || len(b) > 64 {
		return false
	}
	for _, c := range b {
		if c != '_' && c != '?' && (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			return false
		}
	}
	return true
}

// ret reads what follows the equals sign.
func ret(b []byte) (r Ret, ok bool) {
	b, r.Injected = bytes.CutSuffix(b, []byte(" (INJECTED)"))
	word, rest := b, []byte(nil)
	if i := bytes.IndexAny(b, " <"); i >= 0 {
		word, rest = b[:i], b[i:]
	}
	switch {
	case string(word) == "?":
		r.Unknown, r.Value, r.Errno = true, -1, errno(rest)
		return r, true
	case bytes.HasPrefix(word, []byte("0x")):
		n, err := strconv.ParseUint(string(word[2:]), 16, 64)
		r.Value = int64(n)
		return r, err == nil
	}
	n, err := strconv.ParseInt(string(word), 10, 64)
	if err != nil {
		return r, false
	}
	r.Value = n
	if len(rest) > 0 && rest[0] == '<' {
		end := decoration(rest)
		if end < 0 {
			return r, false
		}
		r.FD = rest[:end]
		return r, true
	}
	if n == -1 {
		r.Errno = errno(rest)
		if r.Errno == "" && bytes.HasPrefix(rest, []byte(" (errno ")) {
			r.Errno = "?"
		}
	}
	return r, true
}

// errno reads " ENOENT (No such file or directory)".
func errno(b []byte) string {
	name, _, _ := bytes.Cut(bytes.TrimLeft(b, " "), []byte(" "))
	if len(name) < 2 || name[0] != 'E' || !isName(name) {
		return ""
	}
	return string(name)
}
