// Package clientconf finds MCP servers in the configuration files of MCP clients:
// the mcpServers of Claude, Cursor and others, and the servers of VS Code, with or
// without comments and trailing commas.
//
// It only reads. Variables in the text ("${env:TOKEN}", "${input:key}") are left as
// they stand, and values of variables and headers are not kept.
package clientconf

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
)

// The limits of a file.
const (
	MaxFile    = 4 << 20
	maxServers = 1000
	maxWords   = 1024
	maxWord    = 128 << 10
	maxDepth   = 64
)

// Server is one entry of a client's configuration.
type Server struct {
	Name      string
	Argv      []string // of a server that is started
	URL       string   // of one that runs elsewhere
	Transport string   // stdio, streamable-http or sse
	Env       []string // names of variables, sorted; their values are secrets
	Line      int      // from 1, where its name stands
}

// Load reads the file at path.
func Load(path string) ([]Server, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read servers: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, MaxFile+1))
	if err != nil {
		return nil, fmt.Errorf("read servers of %q: %w", path, err)
	}
	servers, err := Parse(data)
	if err != nil {
		return nil, fmt.Errorf("read servers of %q: %w", path, err)
	}
	return servers, nil
}

// entry is a server in any of the forms. Members of no interest are ignored:
// every client has its own.
type entry struct {
	Command   string         `json:"command"`
	Args      []string       `json:"args"`
	Env       map[string]any `json:"env"`
	URL       string         `json:"url"`
	ServerURL string         `json:"serverUrl"`
	HTTPURL   string         `json:"httpUrl"`
	Type      string         `json:"type"`
	Transport string         `json:"transport"`
}

// file holds the places at which clients keep their servers.
type file struct {
	MCPServers map[string]json.RawMessage `json:"mcpServers"`
	Servers    map[string]json.RawMessage `json:"servers"`
	MCP        struct {
		Servers map[string]json.RawMessage `json:"servers"`
	} `json:"mcp"` // VS Code's settings.json
}

// Parse reads a file's text and returns its servers by name.
func Parse(data []byte) ([]Server, error) {
	if len(data) > MaxFile {
		return nil, fmt.Errorf("larger than %d MiB", MaxFile>>20)
	}
	plain, err := withoutComments(data)
	if err != nil {
		return nil, err
	}
	var f file
	if err := json.Unmarshal(plain, &f); err != nil {
		return nil, fmt.Errorf("not the configuration of an MCP client: %w", err)
	}
	entries := f.MCPServers
	for _, more := range []map[string]json.RawMessage{f.Servers, f.MCP.Servers} {
		if len(entries) == 0 {
			entries = more
		}
	}
	if len(entries) == 0 {
		return nil, fmt.Errorf(`no servers: want "mcpServers" or "servers" with at least one entry`)
	}
	if len(entries) > maxServers {
		return nil, fmt.Errorf("has %d servers, want at most %d", len(entries), maxServers)
	}
	servers := make([]Server, 0, len(entries))
	for _, name := range slices.Sorted(maps.Keys(entries)) {
		s, err := parseEntry(name, entries[name])
		if err != nil {
			return nil, fmt.Errorf("server %.80q: %w", name, err)
		}
		s.Line = lineOf(plain, name)
		servers = append(servers, s)
	}
	return servers, nil
}

func parseEntry(name string, raw json.RawMessage) (Server, error) {
	var e entry
	if err := json.Unmarshal(raw, &e); err != nil {
		return Server{}, err
	}
	s := Server{Name: name, Env: slices.Sorted(maps.Keys(e.Env))}
	for _, url := range []string{e.URL, e.ServerURL, e.HTTPURL} {
		if s.URL == "" {
			s.URL = url
		}
	}
	switch {
	case e.Command != "" && s.URL != "":
		return s, fmt.Errorf("has a command and a url: want one of them")
	case e.Command == "" && s.URL == "":
		return s, fmt.Errorf("has neither a command nor a url")
	case e.Command != "":
		s.Argv, s.Transport = append([]string{e.Command}, e.Args...), "stdio"
	case strings.EqualFold(e.Type, "sse") || strings.EqualFold(e.Transport, "sse"):
		s.Transport = "sse"
	default:
		s.Transport = "streamable-http"
	}
	return s, s.check()
}

func (s *Server) check() error {
	if len(s.Argv) > maxWords {
		return fmt.Errorf("has %d arguments, want at most %d", len(s.Argv), maxWords)
	}
	for _, w := range append([]string{s.URL}, s.Argv...) {
		if len(w) > maxWord || strings.ContainsRune(w, 0) {
			return fmt.Errorf("an argument is longer than %d KiB or has a NUL in it", maxWord>>10)
		}
	}
	return nil
}

// lineOf is where a member of that name first stands.
func lineOf(data []byte, name string) int {
	quoted, _ := json.Marshal(name) // a string always has a JSON form
	before, _, ok := bytes.Cut(data, quoted)
	if !ok {
		return 1
	}
	return bytes.Count(before, []byte("\n")) + 1
}

// withoutComments makes JSON of JSON with comments and trailing commas, as VS Code
// and others write it, byte for byte in the same places.
func withoutComments(data []byte) ([]byte, error) {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	out := bytes.Clone(data)
	comma, depth := -1, 0
	for i := 0; i < len(out); {
		switch c := out[i]; {
		case c == '"':
			i, comma = pastString(out, i), -1
		case c == '/':
			next := pastComment(out, i)
			blank(out[i:next])
			if next == i {
				next++ // a fault, which the JSON parser names
			}
			i = next
		case c == ' ' || c == '\t' || c == '\r' || c == '\n':
			i++
		default:
			if (c == '}' || c == ']') && comma >= 0 {
				out[comma] = ' '
			}
			if c == '{' || c == '[' {
				depth++
			} else if c == '}' || c == ']' {
				depth--
			}
			if depth > maxDepth {
				return nil, fmt.Errorf("nested deeper than %d levels", maxDepth)
			}
			comma = -1
			if c == ',' {
				comma = i
			}
			i++
		}
	}
	return out, nil
}

func pastString(text []byte, i int) int {
	for i++; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(text)
}

func pastComment(text []byte, i int) int {
	rest, open := text[i:], ""
	if len(rest) > 1 {
		open = string(rest[:2])
	}
	end := map[string]string{"//": "\n", "/*": "*/"}[open]
	if end == "" {
		return i
	}
	n := bytes.Index(rest[2:], []byte(end))
	switch {
	case n < 0:
		return len(text)
	case end == "\n":
		return i + 2 + n
	}
	return i + 2 + n + len(end)
}

// blank keeps line breaks, so that lines stay where they are.
func blank(text []byte) {
	for i, c := range text {
		if c != '\n' {
			text[i] = ' '
		}
	}
}
