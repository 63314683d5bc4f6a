package line

import "bytes"

// balanced returns where the parenthesis is that closes the arguments in b, or -1.
func balanced(b []byte) int {
	depth := 0
	for i := 0; i < len(b); {
		switch b[i] {
		case '(', '[', '{':
			depth++
		case ')', ']', '}':
			if depth == 0 {
				if b[i] == ')' {
					return i
				}
				return -1
			}
			depth--
		}
		n := token(b, i)
		if n < 0 {
			return -1
		}
		i += n
	}
	return -1
}

// token returns how long what begins at i is: a whole string, comment or
// decoration, or one byte. It returns -1 for one that does not end.
func token(b []byte, i int) int {
	switch c := b[i]; {
	case c == '"':
		return quoted(b[i:])
	case c == '/' && i+1 < len(b) && b[i+1] == '*':
		end := bytes.Index(b[i+2:], []byte("*/"))
		if end < 0 {
			return -1
		}
		return end + 4
	case c == '<' && i > 0 && decorates(b[i-1]) && i+1 < len(b) && b[i+1] != '<' && b[i+1] != ' ':
		return decoration(b[i:])
	}
	return 1
}

// decorates reports whether a decoration may follow c: it stands behind a number or
// AT_FDCWD.
func decorates(c byte) bool { return c >= '0' && c <= '9' || c == 'D' }

// quoted returns how long the string is that begins b, with its quotes.
func quoted(b []byte) int {
	for i := 1; i < len(b); {
		n := bytes.IndexAny(b[i:], `"\`)
		if n < 0 {
			return -1
		}
		i += n
		if b[i] == '"' {
			return i + 1
		}
		i += 2
	}
	return -1
}

// decoration returns how long the decoration is that begins b: <...>, which may hold
// strings, arrows and other decorations.
func decoration(b []byte) int {
	depth := 0
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case '<':
			depth++
		case '>':
			if i > 0 && b[i-1] == '-' {
				continue
			}
			if depth--; depth == 0 {
				return i + 1
			}
		case '"':
			n := quoted(b[i:])
			if n < 0 {
				return -1
			}
			i += n - 1
		}
	}
	return -1
}

// Items calls f with each of a list of arguments, until it returns false.
func Items(b []byte, f func(item []byte) bool) {
	depth, start := 0, 0
	for i := 0; i < len(b); {
		switch b[i] {
		case '(', '[', '{':
			depth++
		case ')', ']', '}':
			depth--
		case ',':
			if depth == 0 {
				if !f(bytes.TrimSpace(b[start:i])) {
					return
				}
				start = i + 1
			}
		}
		n := token(b, i)
		if n < 0 {
			break
		}
		i += n
	}
	if last := bytes.TrimSpace(b[start:]); len(last) > 0 {
		f(last)
	}
}

// Arg returns the argument of a number, from 0; nil if there are fewer.
func Arg(args []byte, n int) (arg []byte) {
	Items(args, func(item []byte) bool {
		if n == 0 {
			arg = item
		}
		n--
		return n >= 0
	})
	return arg
}

// Inside returns what stands between the brackets or braces that begin b; nil if
// none do.
func Inside(b []byte) []byte {
	if len(b) == 0 || b[0] != '[' && b[0] != '{' {
		return nil
	}
	depth := 0
	for i := 0; i < len(b); {
		switch b[i] {
		case '(', '[', '{':
			depth++
		case ')', ']', '}':
			if depth--; depth == 0 {
				return b[1:i]
			}
		}
		n := token(b, i)
		if n < 0 {
			return nil
		}
		i += n
	}
	return nil
}

// Field returns the value of a member of the structure that begins b; nil if it has
// none of that name.
func Field(b []byte, name string) (value []byte) {
	Items(Inside(b), func(item []byte) bool {
		key, v, ok := bytes.Cut(item, []byte("="))
		if ok && string(key) == name {
			value = v
		}
		return value == nil
	})
	return value
}
