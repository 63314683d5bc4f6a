// Command squeeze rewrites WebAssembly modules in place so that they take less
// room. See package squeeze.
package main

import (
	"fmt"
	"os"

	"github.com/killdeer-mcp/killdeer/internal/guests/squeeze"
)

func main() {
	for _, file := range os.Args[1:] {
		if err := run(file); err != nil {
			fmt.Fprintln(os.Stderr, "squeeze:", err)
			os.Exit(1)
		}
	}
}

func run(file string) error {
	code, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if code, err = squeeze.Module(code); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return os.WriteFile(file, code, 0o644)
}
