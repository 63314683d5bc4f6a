// Package tomltext reads TOML texts of ours and says on which line of them each
// key, table and array entry stands, so that a fault can name its place.
//
// It decodes into a tree of values and stops at a text that is not TOML, or that
// nests deeper than any of ours. It does not know which keys there may be.
package tomltext

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/BurntSushi/toml"
)

// maxShown is how many bytes of a line a message repeats.
const maxShown = 80

// A SyntaxError says why a text is not TOML that is read here.
type SyntaxError struct {
	Line int // from 1; 0: no line is to blame
	Msg  string
}

// Error returns the message without the line.
func (e *SyntaxError) Error() string { return e.Msg }

// Parse reads a text. The lines, from 1, have paths as keys, made as [JoinPath] and
// [EntryPath] make them. Its error is a *[SyntaxError].
func Parse(text string) (tree map[string]any, lines map[string]int, err error) {
	l := newLayout(text)
	if l.tooDeep > 0 {
		return nil, nil, &SyntaxError{l.tooDeep, fmt.Sprintf("nested deeper than %d levels", MaxNesting)}
	}
	if tree, err = decode(text); err != nil {
		return nil, nil, err
	}
	return tree, l.lines, nil
}

// decode parses TOML. The library panics where it finds a mistake of its own; to
// the owner of the file that is a fault like any other.
func decode(text string) (tree map[string]any, err error) {
	defer func() {
		if r := recover(); r != nil {
			tree, err = nil, &SyntaxError{0, "not TOML: " + clip(strings.ReplaceAll(fmt.Sprint(r), "\n", " "))}
		}
	}()
	_, err = toml.Decode(text, &tree)
	if err == nil {
		return tree, nil
	}
	if pe, ok := errors.AsType[toml.ParseError](err); ok {
		return nil, located(text, pe)
	}
	return nil, &SyntaxError{0, strings.ReplaceAll(err.Error(), "\n", " ")}
}

// located names the place and shows the line. It works the column out from
// the offset, in characters: the library counts bytes, and not always from the
// start of the line it names.
func located(text string, pe toml.ParseError) *SyntaxError {
	text = strings.TrimPrefix(text, "\ufeff")
	at := min(max(pe.Position.Start, 0), len(text))
	// At the end of a line or of the file the reader wants the text before it.
	for at > 0 && (at == len(text) || text[at] == '\n') && text[at-1] == '\n' {
		at--
	}
	start := strings.LastIndexByte(text[:at], '\n') + 1
	row, _, _ := strings.Cut(text[start:], "\n")
	row = strings.TrimRight(row, "\r")
	msg := strings.TrimSuffix(strings.ReplaceAll(pe.Message, "\n", " "), ".")
	return &SyntaxError{
		Line: strings.Count(text[:start], "\n") + 1,
		Msg:  fmt.Sprintf("column %d: %s, in %s", len([]rune(text[start:at]))+1, msg, strconv.Quote(clip(row))),
	}
}

func clip(s string) string {
	if len(s) <= maxShown {
		return s
	}
	return strings.ToValidUTF8(s[:maxShown], "") + "..."
}
