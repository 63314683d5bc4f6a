package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/killdeer-mcp/killdeer/internal/pack"
)

func (c *cli) trustCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "trust",
		Short: "Say whose packs are accepted",
		Long:  "Say whose packs are accepted, and which: files of the folder packs.trust, which\nmay be written by hand as well. The exit codes are those of \"killdeer pack\".",
		Args:  noArgs,
		RunE:  showHelp,
	}
	cmd.AddCommand(c.trustAdd(), c.trustList(), c.trustRotate(), c.trustRevoke())
	return cmd
}

func (c *cli) trustAdd() *cobra.Command {
	var scope pack.Scope
	cmd := &cobra.Command{
		Use:   "add PUBLISHER KEYFILE",
		Short: "Trust a publisher's first key, within a scope",
		Long:  "Trust a publisher's first key. Compare its id with the publisher's on another way\nthan the one that the file came. Later keys come by rotation.",
		Args:  wantArgs("a publisher", "a public key file"),
		RunE: func(cmd *cobra.Command, args []string) error {
			_, store, err := c.packs(cmd)
			if err != nil {
				return err
			}
			key, err := publicKey(cmd, args[1])
			if err != nil {
				return err
			}
			if err := store.Trust().Add(args[0], key, scope); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s is trusted with key %s for %s\n", args[0], key.ID(), scopeText(&scope))
			return nil
		},
	}
	cmd.Flags().StringSliceVar(&scope.Names, "names", nil, "pack names as globs (default every name)")
	cmd.Flags().StringSliceVar(&scope.Kinds, "kinds", nil, "kinds of pack (default persona,rules)")
	cmd.Flags().StringSliceVar(&scope.Caps, "caps", nil, "capabilities that files may ask for (default none)")
	return cmd
}

func scopeText(s *pack.Scope) string {
	names, kinds := "every name", "persona, rules"
	if len(s.Names) > 0 {
		names = strings.Join(s.Names, ", ")
	}
	if len(s.Kinds) > 0 {
		kinds = strings.Join(s.Kinds, ", ")
	}
	if len(s.Caps) > 0 {
		kinds += "; caps " + strings.Join(s.Caps, ", ")
	}
	return names + "; " + kinds
}

func (c *cli) trustList() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List whom is trusted with what",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, store, err := c.packs(cmd)
			if err != nil {
				return err
			}
			return c.printTrust(cmd.OutOrStdout(), store.Trust().Publishers())
		},
	}
	c.jsonFlag(cmd)
	return cmd
}

func (c *cli) printTrust(out io.Writer, all []*pack.Publisher) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	if !c.json && len(all) > 0 {
		fmt.Fprintln(w, "PUBLISHER\tKEYS\tSCOPE\tROOT\tREVOKED")
	}
	for _, p := range all {
		keys, root := keyIDs(p), uint64(0)
		if p.Root != nil {
			root = p.Root.Version
		}
		if c.json {
			err := writeJSON(out, map[string]any{
				"publisher": p.Name, "keys": keys, "names": p.Scope.Names, "kinds": p.Scope.Kinds,
				"caps": p.Scope.Caps, "root_version": root, "revoked": p.Revocations(),
			}, "")
			if err != nil {
				return err
			}
			continue
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%s\n", p.Name, strings.Join(keys, ", "), scopeText(&p.Scope), root,
			choose(len(p.Revocations()) == 0, "-", strings.Join(p.Revocations(), ", ")))
	}
	return w.Flush()
}

// keyIDs lists a publisher's keys, those that are revoked with a mark.
func keyIDs(p *pack.Publisher) []string {
	var ids []string
	for _, k := range p.Keys() {
		ids = append(ids, k.ID()+choose(p.RevokedKey(k.ID()), " (revoked)", ""))
	}
	return ids
}

func (c *cli) trustRotate() *cobra.Command {
	return &cobra.Command{
		Use:   "rotate PUBLISHER ROOT SIGNATURE...",
		Short: "Replace a publisher's keys by those of a root document",
		Long: "Replace a publisher's keys by those of a root document, which enough of the keys\nbefore and enough of the new ones signed: one signature file for each, made with\n" +
			"\"killdeer pack sign --detached\" or minisign.",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) < 3 {
				return misused(cmd, "want a publisher, a root document and its signatures, got %d arguments", len(args))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			_, store, err := c.packs(cmd)
			if err != nil {
				return err
			}
			raw, err := os.ReadFile(args[1])
			if err != nil {
				return fmt.Errorf("read root document: %w", err)
			}
			var signatures [][]byte
			for _, file := range args[2:] {
				text, err := readSmall(cmd, file)
				if err != nil {
					return fmt.Errorf("read signature: %w", err)
				}
				signatures = append(signatures, text)
			}
			root, err := store.Rotate(args[0], raw, signatures)
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s has root version %d: %d keys, of which %d replace it\n", args[0], root.Version, len(root.Keys), root.Threshold)
			return nil
		},
	}
}

func (c *cli) trustRevoke() *cobra.Command {
	var keys, serials, digests []string
	cmd := &cobra.Command{
		Use:   "revoke PUBLISHER",
		Short: "Never accept a key or a pack again; without a flag, none of the publisher's keys",
		Args:  wantArgs("a publisher"),
		RunE: func(cmd *cobra.Command, args []string) error {
			_, store, err := c.packs(cmd)
			if err != nil {
				return err
			}
			entries, err := revoked(cmd, keys, serials, digests)
			if err != nil {
				return err
			}
			if p := store.Trust().Publisher(args[0]); p != nil && len(entries) == 0 {
				for _, k := range p.Keys() {
					entries = append(entries, "key "+k.ID())
				}
			}
			if err := store.Trust().Revoke(args[0], entries...); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "revoked of %s: %s\n", args[0], strings.Join(entries, ", "))
			fmt.Fprintln(cmd.OutOrStdout(), `a sensor that runs goes on with packs that it has loaded: see "killdeer pack list"`)
			return nil
		},
	}
	cmd.Flags().StringSliceVar(&keys, "key", nil, "key id")
	cmd.Flags().StringSliceVar(&serials, "serial", nil, "pack as NAME=SERIAL")
	cmd.Flags().StringSliceVar(&digests, "sha256", nil, "SHA-256 of a pack's manifest")
	return cmd
}

// revoked makes entries of the flags.
func revoked(cmd *cobra.Command, keys, serials, digests []string) (entries []string, err error) {
	for _, k := range keys {
		entries = append(entries, "key "+k)
	}
	for _, s := range serials {
		name, n, ok := strings.Cut(s, "=")
		if !ok {
			return nil, misused(cmd, "--serial: want NAME=SERIAL, got %q", s)
		}
		entries = append(entries, "serial "+name+" "+n)
	}
	for _, d := range digests {
		entries = append(entries, "sha256 "+d)
	}
	return entries, nil
}
