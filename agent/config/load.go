package config

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"

	"github.com/killdeer-mcp/killdeer/internal/tomltext"
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
// is too large without the whole of it being held. It takes only a regular file, and
// waits for the writer of no other.
func readFile(path string) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file", shown(path))
	}
	return io.ReadAll(io.LimitReader(f, maxFile+1))
}

// Parse reads the text of a configuration. Faults carry name as their file, and
// relative paths are resolved against dir. It looks at the files and folders
// that the configuration names, and changes none. Its error is [Faults].
func Parse(name string, data []byte, dir string) (*Config, error) {
	cfg, _, err := parse(name, data, dir)
	return cfg, err
}

// parse is [Parse] which also returns the line of every key.
func parse(name string, data []byte, dir string) (*Config, map[string]int, error) {
	if len(data) > maxFile {
		return nil, nil, Faults{{File: name, Msg: fmt.Sprintf("larger than %v", Size(maxFile))}}
	}
	tree, lines, err := tomltext.Parse(string(data))
	if se, ok := errors.AsType[*tomltext.SyntaxError](err); ok {
		return nil, nil, Faults{{File: name, Line: se.Line, Msg: se.Msg}}
	}
	cfg, faults := blank(), newCollector(name, lines)
	(&decoder{faults}).decode(tree, cfg)
	cfg.complete(dir)
	check(cfg, faults)
	if err := faults.err(); err != nil {
		return nil, nil, err
	}
	return cfg, lines, nil
}
