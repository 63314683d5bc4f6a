package config

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/BurntSushi/toml"
)

// maxFile is the largest configuration file that is read.
const maxFile = 1 << 20

// Load reads the file at path. Relative paths in it are resolved against its
// folder. The error is [Faults] if the file was read and is not a valid
// configuration.
func Load(path string) (*Config, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("find configuration %q: %w", path, err)
	}
	data, err := readFile(abs)
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	return Parse(path, data, filepath.Dir(abs))
}

// readFile reads one byte more than is allowed, so that Parse sees a file that
// is too large without the whole of it being held.
func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxFile+1))
}

// Parse reads the text of a configuration. Faults carry name as their file, and
// relative paths are resolved against dir. It looks at the files and folders
// that the configuration names, and changes none. Its error is [Faults].
func Parse(name string, data []byte, dir string) (*Config, error) {
	if len(data) > maxFile {
		return nil, Faults{{File: name, Msg: fmt.Sprintf("larger than %v", Size(maxFile))}}
	}
	text := string(data)
	l := newLayout(text)
	if l.tooDeep > 0 {
		return nil, Faults{{File: name, Line: l.tooDeep, Msg: fmt.Sprintf("nested deeper than %d levels", maxNesting)}}
	}
	tree, fault := decodeText(text)
	if fault != nil {
		fault.File = name
		return nil, Faults{*fault}
	}
	cfg, faults := blank(), newCollector(name, l.lines)
	(&decoder{faults}).decode(tree, cfg)
	cfg.complete(dir)
	check(cfg, faults)
	if err := faults.err(); err != nil {
		return nil, err
	}
	return cfg, nil
}

// decodeText parses TOML. The library panics where it finds a mistake of its
// own; to the owner of the file that is a fault like any other.
func decodeText(text string) (tree map[string]any, fault *Fault) {
	defer func() {
		if r := recover(); r != nil {
			tree, fault = nil, &Fault{Msg: "not TOML: " + clip(strings.ReplaceAll(fmt.Sprint(r), "\n", " "))}
		}
	}()
	_, err := toml.Decode(text, &tree)
	if err == nil {
		return tree, nil
	}
	if pe, ok := errors.AsType[toml.ParseError](err); ok {
		return nil, syntaxFault(text, pe)
	}
	return nil, &Fault{Msg: strings.ReplaceAll(err.Error(), "\n", " ")}
}

// syntaxFault names the place and shows the line. It works the column out from
// the offset, in characters: the library counts bytes, and not always from the
// start of the line it names.
func syntaxFault(text string, pe toml.ParseError) *Fault {
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
	return &Fault{
		Line: strings.Count(text[:start], "\n") + 1,
		Msg:  fmt.Sprintf("column %d: %s, in %s", len([]rune(text[start:at]))+1, msg, shown(row)),
	}
}
