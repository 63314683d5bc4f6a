package main

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/killdeer-mcp/killdeer/examples"
)

// languages are those that a persona can be begun in.
var languages = []string{"toml", "go", "rust", "c", "as", "js", "zig"}

// longNames are the folders of examples whose flag is shorter.
var longNames = map[string]string{"as": "assemblyscript", "js": "javascript"}

func personaNew() *cobra.Command {
	var lang string
	cmd := &cobra.Command{
		Use:   "new DIR",
		Short: "Write a persona to begin with",
		Long: "Write a small persona that works, a secrets vault, and how to build and try it. In TOML it takes no code;\n" +
			"the other languages are built with the toolchains that the README names.",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return misused(cmd, "want one folder, got %d arguments", len(args))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if !slices.Contains(languages, lang) {
				return misused(cmd, "--lang: want one of %s, got %q", choice(languages), lang)
			}
			if err := writePersona(lang, args[0]); err != nil {
				return err
			}
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "written to %s: README.md there says how to go on\n", args[0])
			return err
		},
	}
	cmd.Flags().StringVar(&lang, "lang", "toml", choice(languages))
	return cmd
}

// The example in Go is part of this module; what is written is a module of its own.
const (
	exampleModule = "github.com/killdeer-mcp/killdeer/examples/go"
	newModule     = "example.com/vault"
	goMod         = "module " + newModule + "\n\ngo 1.26.0\n"
)

// writePersona copies an example to a folder that is new or empty.
func writePersona(lang, dir string) error {
	if err := wantEmpty(dir); err != nil {
		return err
	}
	from, err := examples.Persona(cmp.Or(longNames[lang], lang))
	if err != nil {
		return err
	}
	err = copyTree(from, dir, func(name string, text []byte) (string, []byte) {
		if lang == "go" {
			text = bytes.ReplaceAll(text, []byte(exampleModule), []byte(newModule))
		}
		return name, text
	})
	if err != nil || lang != "go" {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "go.mod"), []byte(goMod), 0o644)
}
