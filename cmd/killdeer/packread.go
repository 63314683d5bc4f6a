package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/killdeer-mcp/killdeer/internal/pack"
)

func (c *cli) packVerify() *cobra.Command {
	var key string
	cmd := &cobra.Command{
		Use:   "verify PACK",
		Short: "Say whether a pack would be installed, and install nothing",
		Long:  "Say whether a pack would be installed here: signature, trust, scope, revocation,\nserial, expiry, and every byte of it. With --key only that key is asked.",
		Args:  wantArgs("a pack"),
		RunE: func(cmd *cobra.Command, args []string) error {
			v, err := c.verify(cmd, args[0], key)
			if err != nil {
				return err
			}
			if c.json {
				return writeJSON(cmd.OutOrStdout(), map[string]any{"ok": true, "manifest": v.Manifest, "sha256": v.Digest, "key": v.Signer, "comment": v.Comment}, "")
			}
			fmt.Fprintf(cmd.OutOrStdout(), "ok: %s, version %s, signed by %s (%s)\n", v.Label(), v.Version, signer(v.Signer), visible(v.Comment, maxCell))
			return nil
		},
	}
	cmd.Flags().StringVarP(&key, "key", "p", "", "public key file: verify with this key and nothing else")
	c.jsonFlag(cmd)
	return cmd
}

func (c *cli) verify(cmd *cobra.Command, file, keyFile string) (*pack.Verified, error) {
	data, err := pack.ReadFile(file)
	if err != nil {
		return nil, err
	}
	if keyFile != "" {
		key, err := publicKey(cmd, keyFile)
		if err != nil {
			return nil, err
		}
		return pack.VerifyWith(data, key)
	}
	_, store, err := c.packs(cmd)
	if err != nil {
		return nil, err
	}
	return store.Verify(data)
}

// publicKey reads a public key file.
func publicKey(cmd *cobra.Command, file string) (pack.PublicKey, error) {
	text, err := readSmall(cmd, file)
	if err != nil {
		return pack.PublicKey{}, fmt.Errorf("read public key: %w", err)
	}
	return pack.ParsePublicKey(text)
}

func (c *cli) packInspect() *cobra.Command {
	var raw bool
	cmd := &cobra.Command{
		Use:   "inspect PACK",
		Short: "Show what a pack says of itself, whoever made it",
		Long:  "Show what a pack says of itself. Its parts are held to its manifest, its signature\nis not verified: \"killdeer pack verify\" does. With --manifest its bytes are printed,\nfor minisign to sign.",
		Args:  wantArgs("a pack"),
		RunE: func(cmd *cobra.Command, args []string) error {
			data, err := pack.ReadFile(args[0])
			if err != nil {
				return err
			}
			p, err := pack.Read(data)
			if err != nil {
				return err
			}
			switch {
			case raw:
				_, err = cmd.OutOrStdout().Write(p.Head.Manifest)
				return err
			case c.json:
				return writeJSON(cmd.OutOrStdout(), map[string]any{"manifest": p.Manifest, "sha256": p.Digest(), "key": claimed(p)}, "")
			}
			return printPack(cmd.OutOrStdout(), p)
		},
	}
	cmd.Flags().BoolVar(&raw, "manifest", false, "print the manifest as it stands in the pack")
	c.jsonFlag(cmd)
	return cmd
}

// claimed is the key that a pack's signature names, "" for none.
func claimed(p *pack.Pack) string {
	if p.Signature == nil {
		return ""
	}
	s, err := pack.ParseSignature(p.Signature)
	if err != nil {
		return "damaged"
	}
	return s.KeyID
}

func printPack(out io.Writer, p *pack.Pack) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	m := p.Manifest
	fmt.Fprintf(w, "pack\t%s, version %s, serial %d\n", m.ID(), m.Version, m.Serial)
	fmt.Fprintf(w, "kind\t%s\n", strings.Join(m.Kind, ", "))
	fmt.Fprintf(w, "valid\t%s to %s\n", m.Created.Format(time.DateOnly), m.Expires.Format(time.DateOnly))
	fmt.Fprintf(w, "requires\t%s %s\n", visible(m.Requires.ABI, maxCell), visible(m.Requires.Sensor, maxCell))
	fmt.Fprintf(w, "signed by\t%s (not verified)\n", signer(claimed(p)))
	fmt.Fprintf(w, "sha256\t%s\n", p.Digest())
	for _, r := range m.Revokes {
		fmt.Fprintf(w, "revokes\t%s\n", choose(r.Serial != 0, fmt.Sprintf("serial %d", r.Serial), r.SHA256))
	}
	fmt.Fprintln(w, "\nFILE\tBYTES\tMEDIA\tCAPS\tSHA256")
	for _, f := range m.Files {
		fmt.Fprintf(w, "%s\t%d\t%s\t%s\t%s\n", f.Path, f.Size, f.Media, choose(len(f.Caps) == 0, "-", strings.Join(f.Caps, " ")), f.SHA256)
	}
	return w.Flush()
}

func (c *cli) packDiff() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "diff BEFORE AFTER",
		Short: "Show in what two packs differ",
		Long:  "Show in what two packs differ. Each is a file, or an installed pack as\npublisher/name.",
		Args:  wantArgs("one pack", "another"),
		RunE: func(cmd *cobra.Command, args []string) error {
			var both [2]*pack.Manifest
			for i, name := range args {
				var err error
				if both[i], err = c.manifest(cmd, name); err != nil {
					return err
				}
			}
			return c.printDiff(cmd.OutOrStdout(), pack.Diff(both[0], both[1]))
		},
	}
	c.jsonFlag(cmd)
	return cmd
}

// manifest returns that of a pack file or of an installed pack.
func (c *cli) manifest(cmd *cobra.Command, name string) (*pack.Manifest, error) {
	if _, _, ok := pack.SplitID(name); ok {
		_, store, err := c.packs(cmd)
		if err != nil {
			return nil, err
		}
		in, err := store.Current(name)
		if err != nil {
			return nil, err
		}
		return in.Manifest, nil
	}
	data, err := pack.ReadFile(name)
	if err != nil {
		return nil, err
	}
	p, err := pack.Read(data)
	if err != nil {
		return nil, err
	}
	return p.Manifest, nil
}

func (c *cli) printDiff(out io.Writer, diff []pack.Difference) error {
	for _, d := range diff {
		if c.json {
			if err := writeJSON(out, d, ""); err != nil {
				return err
			}
			continue
		}
		fmt.Fprintln(out, d.What)
		if d.Before != "" {
			fmt.Fprintf(out, "  - %s\n", visible(d.Before, 0))
		}
		if d.After != "" {
			fmt.Fprintf(out, "  + %s\n", visible(d.After, 0))
		}
	}
	return nil
}

func (c *cli) packList() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List installed packs",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, store, err := c.packs(cmd)
			if err != nil {
				return err
			}
			all, err := store.List()
			if err != nil {
				return err
			}
			if c.json {
				return listJSON(cmd.OutOrStdout(), all)
			}
			return listTable(cmd.OutOrStdout(), all)
		},
	}
	c.jsonFlag(cmd)
	return cmd
}

func listJSON(out io.Writer, all []*pack.Installed) error {
	for _, in := range all {
		err := writeJSON(out, map[string]any{
			"pack": in.ID(), "version": in.Version, "serial": in.Serial, "kind": in.Kind, "current": in.Current, "pinned": in.Pinned,
			"expires": in.Expires, "state": in.Freshness, "key": in.Signer, "sha256": in.Digest, "fault": faultText(in),
		}, "")
		if err != nil {
			return err
		}
	}
	return nil
}

func faultText(in *pack.Installed) string {
	if in.Fault == nil {
		return ""
	}
	return in.Fault.Error()
}

func listTable(out io.Writer, all []*pack.Installed) error {
	if len(all) == 0 {
		return nil // a header over nothing
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "PACK\tSERIAL\tVERSION\tKIND\tIN USE\tEXPIRES\tSTATE\tKEY")
	for _, in := range all {
		state := string(in.Freshness)
		if in.Fault != nil {
			state = in.Fault.Error()
		}
		fmt.Fprintf(w, "%s\t%d\t%s\t%s\t%s\t%s\t%s\t%s\n", in.ID(), in.Serial, in.Version, strings.Join(in.Kind, " "),
			choose(in.Current, choose(in.Pinned, "pinned", "yes"), "-"), in.Expires.Format(time.DateOnly), visible(state, 0), choose(in.Signer == "", "-", in.Signer))
	}
	return w.Flush()
}
