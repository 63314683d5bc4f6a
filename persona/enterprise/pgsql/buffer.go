package pgsql

import "unicode/utf8"

// buffer is a text in the making. It does what a strings.Builder does in less code:
// nothing of it is copied into its callers.
type buffer struct{ b []byte }

// put appends a string.
//
//go:noinline
func (t *buffer) put(s string) { t.b = append(t.b, s...) }

// char appends a byte.
//
//go:noinline
func (t *buffer) char(c byte) { t.b = append(t.b, c) }

// rune appends a character in UTF-8.
func (t *buffer) rune(r rune) { t.b = utf8.AppendRune(t.b, r) }

// String is the text so far.
//
//go:noinline
func (t *buffer) String() string { return string(t.b) }

// Len is its length.
func (t *buffer) Len() int { return len(t.b) }
