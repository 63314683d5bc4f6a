// Package guests embeds the built-in guests that make compiled: the enterprise
// persona, the core rule pack, and those that run personas and rules written in
// TOML. In a bare clone it holds none, so that the
// module builds without them; a program that needs one then says how to get it.
//
// It does not load or run anything.
package guests

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
)

//go:embed all:bin
var files embed.FS

// ErrNotBuilt means that the guest is built in, but this binary was built
// without it.
var ErrNotBuilt = errors.New(`this binary was built without the built-in guests: build one that has them with "make build"`)

// builtIn are the names that the configuration may use.
var builtIn = []string{"core", "enterprise", "persona-toml", "rules-toml"}

// Known reports whether name is that of a built-in guest.
func Known(name string) bool { return slices.Contains(builtIn, name) }

// Open returns the module of a built-in guest.
func Open(name string) ([]byte, error) {
	if !Known(name) {
		return nil, fmt.Errorf("no built-in guest %q: there are %s", name, strings.Join(builtIn, ", "))
	}
	code, err := files.ReadFile(path.Join("bin", name+".wasm"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("guest %q: %w", name, ErrNotBuilt)
	}
	return code, err
}
