package config

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/killdeer-mcp/killdeer/internal/tomltext"
)

// maxShown is how many bytes of a hostile value or key a message repeats.
const maxShown = 80

// A Fault is one thing that is wrong with a configuration file.
type Fault struct {
	File string // as it was given to [Load] or [Parse]
	Line int    // from 1; 0 if the fault belongs to no line
	Key  string // dotted, with its tables; empty if the fault is not a key's
	Msg  string // one line
}

// Error returns "file:line: key: message" without the parts that are unknown.
func (f Fault) Error() string {
	where := f.File
	if f.Line > 0 {
		where += ":" + strconv.Itoa(f.Line)
	}
	if f.Key != "" {
		where += ": " + f.Key
	}
	return where + ": " + f.Msg
}

// Faults are all faults of one file, sorted by line.
type Faults []Fault

// Error returns one fault a line.
func (fs Faults) Error() string {
	lines := make([]string, len(fs))
	for i, f := range fs {
		lines[i] = f.Error()
	}
	return strings.Join(lines, "\n")
}

// A collector gathers the faults of one file.
type collector struct {
	file   string
	lines  map[string]int // by key, from a layout
	faults Faults
	bad    map[string]bool // keys that have a fault
}

func newCollector(file string, lines map[string]int) *collector {
	return &collector{file: file, lines: lines, bad: map[string]bool{}}
}

// has reports whether the file sets a key.
func (c *collector) has(key string) bool { return c.lines[key] > 0 }

// add notes a fault of a key.
func (c *collector) add(key, format string, args ...any) {
	c.addAt(c.lines[key], key, format, args...)
}

// addEntry notes a fault of one entry, counted from 0, of a list.
func (c *collector) addEntry(key string, i int, format string, args ...any) {
	line, ok := c.lines[tomltext.EntryPath(key, i)]
	if !ok {
		line = c.lines[key]
	}
	c.addAt(line, key, "entry %d: %s", i+1, fmt.Sprintf(format, args...))
}

func (c *collector) addAt(line int, key, format string, args ...any) {
	c.bad[key] = true
	msg := strings.ReplaceAll(fmt.Sprintf(format, args...), "\n", " ")
	c.faults = append(c.faults, Fault{File: c.file, Line: line, Key: key, Msg: msg})
}

// err returns the sorted faults, or nil if there are none.
func (c *collector) err() error {
	if len(c.faults) == 0 {
		return nil
	}
	slices.SortStableFunc(c.faults, func(a, b Fault) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Key, b.Key))
	})
	return c.faults
}

// shown quotes a value for a message and cuts it to a bearable length.
func shown(s string) string { return strconv.Quote(clip(s)) }

func clip(s string) string {
	if len(s) <= maxShown {
		return s
	}
	return strings.ToValidUTF8(s[:maxShown], "") + "..."
}
