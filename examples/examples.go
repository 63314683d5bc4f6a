// Package examples hands out the sources of the example personas, so that what
// "killdeer persona new" writes is what the tests here hold to their transcript. It
// builds and runs nothing.
package examples

import (
	"embed"
	"io/fs"
)

//go:embed toml/README.md toml/vault.toml
//go:embed go/README.md go/describe.json go/vault.go go/wasm/main.go
//go:embed rust/README.md rust/describe.json rust/killdeer.rs rust/vault.rs
//go:embed c/README.md c/killdeer.h c/vault.c
//go:embed assemblyscript/README.md assemblyscript/package.json assemblyscript/package-lock.json assemblyscript/describe.ts assemblyscript/killdeer.ts assemblyscript/vault.ts
//go:embed javascript/README.md javascript/requirements.txt javascript/embed.mjs javascript/engine.c javascript/vault.js
//go:embed zig/README.md zig/requirements.txt zig/describe.json zig/killdeer.zig zig/vault.zig
var sources embed.FS

// Persona returns the sources of the persona in a folder here.
func Persona(dir string) (fs.FS, error) { return fs.Sub(sources, dir) }
