package sink

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strconv"
	"time"

	"github.com/killdeer-mcp/killdeer/plugins/encode"
	"github.com/killdeer-mcp/killdeer/sdk/plugin"
)

const (
	minBytes = 1 << 10
	minAge   = time.Minute
	maxKeep  = 100_000
)

// Config is the sink's table of agent.toml.
type Config struct {
	Path     string          `json:"path"`      // absolute
	Format   string          `json:"format"`    // ndjson, ecs or ocsf
	MaxBytes plugin.Size     `json:"max_bytes"` // of a file, then it is rotated; 0: any
	MaxAge   plugin.Duration `json:"max_age"`   // spans of this length get files of their own, in UTC; 0: none
	Keep     int             `json:"keep"`      // rotated files; 0: all
	Fsync    string          `json:"fsync"`     // batch: before it is acknowledged; never
	Mode     string          `json:"mode"`      // of new files, octal
}

func parse(raw json.RawMessage) (Config, fs.FileMode, error) {
	c := Config{Format: string(encode.NDJSON), MaxBytes: 256 << 20, Fsync: "batch", Mode: "0600"}
	if err := plugin.Decode(raw, &c); err != nil {
		return c, 0, err
	}
	var err error
	if !filepath.IsAbs(c.Path) || filepath.Clean(c.Path) == "/" {
		err = errors.Join(err, fmt.Errorf("path: want the absolute path of a file, got %q", c.Path))
	}
	c.Path = filepath.Clean(c.Path)
	if c.MaxBytes != 0 && c.MaxBytes < minBytes {
		err = errors.Join(err, fmt.Errorf("max_bytes: want 0 or at least %d", minBytes))
	}
	if c.MaxAge != 0 && time.Duration(c.MaxAge) < minAge {
		err = errors.Join(err, fmt.Errorf("max_age: want 0s or at least %v", minAge))
	}
	if c.Keep < 0 || c.Keep > maxKeep {
		err = errors.Join(err, fmt.Errorf("keep: want 0 to %d", maxKeep))
	}
	if c.Fsync != "batch" && c.Fsync != "never" {
		err = errors.Join(err, fmt.Errorf(`fsync: want "batch" or "never", got %q`, c.Fsync))
	}
	mode, bad := strconv.ParseUint(c.Mode, 8, 9)
	if bad != nil || mode&0o600 != 0o600 || mode&0o133 != 0 {
		err = errors.Join(err, fmt.Errorf("mode: want octal digits such as \"0640\": the owner reads and writes, others at most read; got %q", c.Mode))
	}
	return c, fs.FileMode(mode), err
}
