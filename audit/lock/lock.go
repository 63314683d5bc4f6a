// Package lock reads, compares and writes mcp.lock, which pins what MCP servers
// say of themselves and what they were seen to do.
//
// The file is JSON whose members, strings and numbers are in the form of RFC 8785,
// with line breaks and two blanks of indentation between them, so that a change of
// one tool is a change of a few lines. It is written only when told to, and then as
// a whole. The package does not make the hashes in it, and does not judge how bad
// a difference is.
package lock

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gowebpki/jcs"

	"github.com/killdeer-mcp/killdeer/audit/evidence"
)

// Version is the version of the file's layout.
const Version = 1

// The limits of a lock file, which may come from a stranger's repository.
const (
	MaxFile    = 16 << 20
	maxServers = 1000
	maxTools   = 10_000
	maxName    = 4096
	maxDepth   = 64
)

// New returns a lock of nothing.
func New() *evidence.Lock {
	return &evidence.Lock{Version: Version, Servers: map[string]*evidence.LockedServer{}}
}

// Load reads the file at path. A file that does not exist is an error that wraps
// [fs.ErrNotExist].
func Load(path string) (*evidence.Lock, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read lock: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, MaxFile+1))
	if err != nil {
		return nil, fmt.Errorf("read lock %q: %w", path, err)
	}
	l, err := Parse(data)
	if err != nil {
		return nil, fmt.Errorf("read lock %q: %w", path, err)
	}
	return l, nil
}

// Parse reads a lock strictly: unknown members, a hash of the wrong form and a
// layout of another version are errors.
func Parse(data []byte) (*evidence.Lock, error) {
	if len(data) > MaxFile {
		return nil, fmt.Errorf("larger than %d MiB", MaxFile>>20)
	}
	if depth(data) > maxDepth {
		return nil, fmt.Errorf("nested deeper than %d levels", maxDepth)
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	var l evidence.Lock
	if err := dec.Decode(&l); err != nil {
		return nil, fmt.Errorf("line %d: %w", lineAt(data, int(dec.InputOffset())), err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("line %d: text behind the lock", lineAt(data, int(dec.InputOffset())))
	}
	if err := check(&l); err != nil {
		return nil, err
	}
	return &l, nil
}

func lineAt(data []byte, offset int) int {
	return bytes.Count(data[:min(offset, len(data))], []byte("\n")) + 1
}

// depth is how deep brackets nest in a JSON text, whether it is valid or not.
func depth(data []byte) int {
	deepest, now, quoted := 0, 0, false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			now++
			deepest = max(deepest, now)
		case c == '}' || c == ']':
			now--
		}
	}
	return deepest
}

func check(l *evidence.Lock) error {
	if l.Version != Version {
		return fmt.Errorf("version %d is not understood, want %d", l.Version, Version)
	}
	if len(l.Servers) > maxServers {
		return fmt.Errorf("has %d servers, want at most %d", len(l.Servers), maxServers)
	}
	if l.Servers == nil {
		l.Servers = map[string]*evidence.LockedServer{}
	}
	for _, name := range slices.Sorted(maps.Keys(l.Servers)) {
		s := l.Servers[name]
		if s == nil || len(name) > maxName {
			return fmt.Errorf("server %.80q: want a table and a name of at most %d bytes", name, maxName)
		}
		if err := checkServer(s); err != nil {
			return fmt.Errorf("server %.80q: %w", name, err)
		}
	}
	return nil
}

func checkServer(s *evidence.LockedServer) error {
	if len(s.Tools) > maxTools {
		return fmt.Errorf("has %d tools, want at most %d", len(s.Tools), maxTools)
	}
	if s.Instructions != "" && !isHash(s.Instructions) {
		return fmt.Errorf("instructions_sha256: want 64 hexadecimal digits, got %.80q", s.Instructions)
	}
	for _, name := range slices.Sorted(maps.Keys(s.Tools)) {
		if !isHash(s.Tools[name].SHA256) {
			return fmt.Errorf("tool %.80q: sha256: want 64 hexadecimal digits, got %.80q", name, s.Tools[name].SHA256)
		}
	}
	for _, m := range []map[string]string{s.Resources, s.Templates, s.Prompts} {
		for _, name := range slices.Sorted(maps.Keys(m)) {
			if !isHash(m[name]) {
				return fmt.Errorf("%.80q: want 64 hexadecimal digits, got %.80q", name, m[name])
			}
		}
	}
	return nil
}

func isHash(s string) bool {
	return len(s) == 64 && strings.IndexFunc(s, func(r rune) bool { return (r < '0' || r > '9') && (r < 'a' || r > 'f') }) < 0
}

// Format returns the text of a lock file.
func Format(l *evidence.Lock) ([]byte, error) {
	plain, err := json.Marshal(writable(l))
	if err != nil {
		return nil, fmt.Errorf("write lock: %w", err)
	}
	canonical, err := jcs.Transform(plain)
	if err != nil {
		return nil, fmt.Errorf("write lock: %w", err)
	}
	var out bytes.Buffer
	if err := json.Indent(&out, canonical, "", "  "); err != nil {
		return nil, fmt.Errorf("write lock: %w", err)
	}
	out.WriteByte('\n')
	if out.Len() > MaxFile {
		return nil, fmt.Errorf("write lock: %d bytes are more than the %d MiB that can be read again", out.Len(), MaxFile>>20)
	}
	return out.Bytes(), nil
}

// writable is a copy of a lock in which what servers call themselves has a canonical
// form: a name and a version, the rest is of no use here.
func writable(l *evidence.Lock) *evidence.Lock {
	out := &evidence.Lock{Version: l.Version, Servers: make(map[string]*evidence.LockedServer, len(l.Servers))}
	for name, s := range l.Servers {
		plain := *s
		var info struct {
			Name    string `json:"name,omitempty"`
			Title   string `json:"title,omitempty"`
			Version string `json:"version,omitempty"`
		}
		plain.Server = nil
		if len(s.Server) > 0 && json.Unmarshal(s.Server, &info) == nil {
			plain.Server, _ = json.Marshal(info) // strings always have a JSON form
		}
		out.Servers[name] = &plain
	}
	return out
}

// Save writes a lock file in one step: a reader sees the old one or the new one.
func Save(path string, l *evidence.Lock) error {
	text, err := Format(l)
	if err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), ".mcp.lock-")
	if err != nil {
		return fmt.Errorf("write lock: %w", err)
	}
	defer func() { _ = os.Remove(tmp.Name()) }()
	_, err = tmp.Write(text)
	err = errors.Join(err, tmp.Chmod(0o644), tmp.Sync(), tmp.Close())
	if err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("write lock %q: %w", path, err)
	}
	return nil
}

// Line is the line, from 1, on which a server or one of its tools begins in the
// text of a lock file; without the tool, or when it is not there, the server's;
// without the server, 1.
func Line(text []byte, server, tool string) int {
	line := find(text, 0, "  ", "servers")
	if line == 0 {
		return 1
	}
	at := find(text, line, "    ", server)
	if at == 0 {
		return 1
	}
	if tools := find(text, at, "      ", "tools"); tool != "" && tools > 0 {
		if n := find(text, tools, "        ", tool); n > 0 {
			return n
		}
	}
	return at
}

// find seeks a member of the given indentation behind line from, and gives up
// where the object around it ends.
func find(text []byte, from int, indent, name string) int {
	quoted, err := jcs.Transform(fmt.Appendf(nil, "[%s]", marshal(name)))
	if err != nil {
		return 0
	}
	want := indent + string(quoted[1:len(quoted)-1]) + ":"
	n := 0
	for line := range strings.Lines(string(text)) {
		n++
		if n <= from {
			continue
		}
		if strings.HasPrefix(line, want) {
			return n
		}
		if blanks := len(line) - len(strings.TrimLeft(line, " ")); blanks < len(indent) && n > from && n > 1 {
			return 0
		}
	}
	return 0
}

func marshal(s string) []byte {
	b, _ := json.Marshal(s) // a string always has a JSON form
	return b
}
