package main

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
)

//go:embed all:skeleton
var skeletons embed.FS

func rulesNew() *cobra.Command {
	var toml bool
	cmd := &cobra.Command{
		Use:   "new DIR",
		Short: "Write the skeleton of a rule pack",
		Long:  "Write a rule pack that works, with events to test it by: in Go, or without code in TOML.",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return misused(cmd, "want one folder, got %d arguments", len(args))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			kind := "go"
			if toml {
				kind = "toml"
			}
			if err := writeSkeleton(kind, args[0]); err != nil {
				return err
			}
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "written to %s: README.md there says how to go on\n", args[0])
			return err
		},
	}
	cmd.Flags().BoolVar(&toml, "toml", false, "rules without code")
	return cmd
}

// writeSkeleton copies a skeleton to a folder that is new or empty. Files that
// would be part of this module end in .txt here.
func writeSkeleton(kind, dir string) error {
	if err := wantEmpty(dir); err != nil {
		return err
	}
	from, err := fs.Sub(skeletons, "skeleton/"+kind)
	if err != nil {
		return err
	}
	return copyTree(from, dir, func(name string, text []byte) (string, []byte) { return strings.TrimSuffix(name, ".txt"), text })
}

// wantEmpty refuses a folder with something in it.
func wantEmpty(dir string) error {
	entries, err := os.ReadDir(dir)
	if err == nil && len(entries) > 0 {
		return fmt.Errorf("%s is not empty", dir)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// copyTree copies files to a folder; change may give them another name and text.
func copyTree(from fs.FS, dir string, change func(name string, text []byte) (string, []byte)) error {
	return fs.WalkDir(from, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			return os.MkdirAll(filepath.Join(dir, filepath.FromSlash(name)), 0o755)
		}
		text, err := fs.ReadFile(from, name)
		if err != nil {
			return err
		}
		name, text = change(name, text)
		return os.WriteFile(filepath.Join(dir, filepath.FromSlash(name)), text, 0o644)
	})
}
