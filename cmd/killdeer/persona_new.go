package main

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/spf13/cobra"
)

// languages are those that a persona can be begun in.
var languages = []string{"toml", "go", "rust", "c", "as", "js", "zig"}

func personaNew() *cobra.Command {
	var lang string
	cmd := &cobra.Command{
		Use:   "new DIR",
		Short: "Write the skeleton of a persona",
		Long: "Write a persona that works, and how to build and try it. In TOML it takes no code; the other languages are\n" +
			"built with the toolchains that the README names.",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return misused(cmd, "want one folder, got %d arguments", len(args))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if !slices.Contains(languages, lang) {
				return misused(cmd, "%w", oneOf("--lang", cmp.Or(lang, `""`), languages))
			}
			if err := writeSkeleton("persona-"+lang, args[0]); err != nil {
				return err
			}
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "written to %s: README.md there says how to go on\n", args[0])
			return err
		},
	}
	cmd.Flags().StringVar(&lang, "lang", "toml", choice(languages))
	return cmd
}
