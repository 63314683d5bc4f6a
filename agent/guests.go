package agent

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/killdeer-mcp/killdeer/internal/guests"
	"github.com/killdeer-mcp/killdeer/internal/wasm"
)

// guestSuffix is how the configuration tells a file from a built-in guest.
const guestSuffix = ".wasm"

// readGuest returns the module that a name of the configuration stands for: a
// built-in guest, or a file.
func readGuest(name string, limit int) ([]byte, error) {
	if !strings.HasSuffix(name, guestSuffix) {
		return guests.Open(name)
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("open guest: %w", err)
	}
	defer f.Close()
	code, err := io.ReadAll(io.LimitReader(f, int64(limit)+1))
	if err != nil {
		return nil, fmt.Errorf("read guest: %w", err)
	}
	if len(code) > limit {
		return nil, fmt.Errorf("guest %s is over %d bytes", name, limit)
	}
	return code, nil
}

// loadGuest compiles a guest, or takes it from the compile cache.
func loadGuest(ctx context.Context, rt *wasm.Runtime, name string, limit int) (*wasm.Module, error) {
	code, err := readGuest(name, limit)
	if err != nil {
		return nil, err
	}
	return rt.Load(ctx, filepath.Base(name), code)
}

// CompileGuest is what a compile child does: it compiles the module on in into
// the cache. See [Options.CompileCommand].
func CompileGuest(ctx context.Context, in io.Reader, cacheDir string) error {
	return wasm.CompileChild(ctx, in, cacheDir)
}
