package plugins

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"github.com/killdeer-mcp/killdeer/internal/child"
)

// maxSocketBase is how long the path of a sink's socket directory may be: a socket
// has 107 bytes (unix(7)), and go-plugin appends two names of up to 18 each.
const maxSocketBase = 66

// sockets is a directory of directories, one a sink, for the sensor's user alone.
// It belongs to one process at a time, as the state directory does: what is in it
// when it is opened was left behind.
type sockets struct{ dir string }

// openSockets takes the first place whose paths are short enough, and empties it.
func openSockets(runtimeDir, stateDir string) (*sockets, error) {
	abs, err := filepath.Abs(stateDir)
	if err != nil {
		return nil, fmt.Errorf("place sockets of sinks: %w", err)
	}
	// Always the same for a state directory, so that the next process finds it.
	short := fmt.Sprintf("killdeer-%d-%.8x", os.Geteuid(), sha256.Sum256([]byte(abs)))
	places := []string{filepath.Join(abs, "plugins"), filepath.Join(os.TempDir(), short), filepath.Join("/tmp", short)}
	if runtimeDir != "" {
		places = append([]string{filepath.Join(runtimeDir, "plugins")}, places...)
	}
	for _, dir := range places {
		if len(dir) > maxSocketBase {
			continue
		}
		if err := child.OwnDir(dir); err != nil {
			return nil, fmt.Errorf("place sockets of sinks: %w", err)
		}
		return &sockets{dir}, emptyDir(dir)
	}
	return nil, errors.New("place sockets of sinks: all paths are too long for a socket: shorten sensor.state_dir or TMPDIR")
}

func temporarySockets() (*sockets, error) {
	dir, err := os.MkdirTemp("", "killdeer-")
	if err == nil && len(dir) > maxSocketBase {
		_ = os.Remove(dir)
		dir, err = os.MkdirTemp("/tmp", "killdeer-")
	}
	if err != nil {
		return nil, fmt.Errorf("place sockets of sinks: %w", err)
	}
	return &sockets{dir}, nil
}

// of is the directory of one sink.
func (s *sockets) of(i int) string { return filepath.Join(s.dir, strconv.Itoa(i)) }

// close removes the directory. A second call does nothing.
func (s *sockets) close() error { return os.RemoveAll(s.dir) }

func emptyDir(dir string) error {
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		err = errors.Join(err, os.RemoveAll(filepath.Join(dir, e.Name())))
	}
	if err != nil {
		return fmt.Errorf("remove stale sockets: %w", err)
	}
	return nil
}
