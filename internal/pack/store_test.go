package pack_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"github.com/killdeer-mcp/killdeer/internal/pack"
)

var errTest = errors.New("describe: it says nothing")

func (w *world) selfTest(_ context.Context, m *pack.Manifest, dir string) error {
	w.tests++
	if b, err := os.ReadFile(filepath.Join(dir, "rules.wasm")); err != nil || m.File("rules.wasm").Size != int64(len(b)) {
		return errors.New("the files are not there")
	}
	return w.fails
}
