package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/killdeer-mcp/killdeer/internal/pack"
)

func (c *cli) packKeygen() *cobra.Command {
	var out, password string
	var open bool
	cmd := &cobra.Command{
		Use:   "keygen",
		Short: "Draw a signing key: NAME.key and NAME.pub, in minisign's form",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if (password == "") != open {
				return misused(cmd, "want either --password-file or --no-password")
			}
			return keygen(cmd, out, password)
		},
	}
	cmd.Flags().StringVarP(&out, "out", "o", "killdeer", "name of the files, without .key and .pub")
	cmd.Flags().StringVar(&password, "password-file", "", "file with a password for the secret key, \"-\" for standard input; takes a gigabyte of memory")
	cmd.Flags().BoolVar(&open, "no-password", false, "leave the secret key unprotected")
	return cmd
}

func keygen(cmd *cobra.Command, out, passwordFile string) error {
	for _, file := range []string{out + ".key", out + ".pub"} {
		if _, err := os.Lstat(file); !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%s exists: a key is not overwritten", file)
		}
	}
	word := ""
	if passwordFile != "" {
		var err error
		if word, err = readPassword(cmd, passwordFile); err != nil {
			return err
		}
	}
	key, err := pack.GenerateKey()
	if err != nil {
		return err
	}
	text, err := key.Text(word)
	if err != nil {
		return err
	}
	if err := pack.WriteFile(out+".key", text, 0o600); err != nil {
		return err
	}
	if err := pack.WriteFile(out+".pub", key.Public().Text(), 0o644); err != nil {
		return err
	}
	fmt.Fprintf(cmd.OutOrStdout(), "key     %s\nsecret  %s.key\npublic  %s.pub  (trust it with \"killdeer trust add PUBLISHER %s.pub\")\n", key.Public().ID(), out, out, out)
	return nil
}

func (c *cli) packBuild() *cobra.Command {
	var out, created string
	var serial uint64
	var key keyFlags
	cmd := &cobra.Command{
		Use:   "build FOLDER",
		Short: "Build a pack of a folder with a pack.toml",
		Long:  "Build a pack of a folder with a pack.toml. The same files give the same pack,\nwherever the folder is and whenever it is built.",
		Args:  wantArgs("a folder"),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := pack.ReadSource(args[0])
			if err != nil {
				return err
			}
			if serial != 0 {
				s.Serial = serial
			}
			if created != "" {
				if s.Created, err = time.Parse(time.RFC3339, created); err != nil {
					return misused(cmd, "--created: want a time such as 2026-11-20T00:00:00Z, got %q", created)
				}
			}
			if out == "" {
				out = fmt.Sprintf("%s-%s-%d.kdp", s.Publisher, s.Name, s.Serial)
			}
			return buildPack(cmd, args[0], s, out, &key)
		},
	}
	cmd.Flags().StringVarP(&out, "out", "o", "", "file to write (default PUBLISHER-NAME-SERIAL.kdp)")
	cmd.Flags().StringVar(&created, "created", "", "time of the release, in place of pack.toml's")
	cmd.Flags().Uint64Var(&serial, "serial", 0, "serial, in place of pack.toml's")
	key.add(cmd)
	return cmd
}

func buildPack(cmd *cobra.Command, dir string, s *pack.Source, out string, key *keyFlags) error {
	data, err := pack.Build(dir, s)
	if err != nil {
		return err
	}
	by := "unsigned"
	if key.key != "" {
		secret, err := key.read(cmd)
		if err != nil {
			return err
		}
		if data, err = pack.Sign(data, secret); err != nil {
			return err
		}
		by = "signed with key " + secret.Public().ID()
	}
	if err := pack.WriteFile(out, data, 0o644); err != nil {
		return err
	}
	fmt.Fprintf(cmd.OutOrStdout(), "%s  %d bytes, %s\n", out, len(data), by)
	return nil
}

func (c *cli) packSign() *cobra.Command {
	var out, signature string
	var detached bool
	var key keyFlags
	cmd := &cobra.Command{
		Use:   "sign PACK",
		Short: "Sign a pack, in place of any signature that it has",
		Long: "Sign a pack with a secret key, or put a signature into it that minisign made over\nits manifest (see \"killdeer pack inspect --manifest\"). " +
			"With --detached any file is\nsigned and FILE.minisig written, as a root document needs.",
		Args: wantArgs("a pack"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if (key.key == "") == (signature == "") || detached && signature != "" {
				return misused(cmd, "want either --key or --signature")
			}
			if out == "" {
				out = args[0]
			}
			if detached {
				return signDetached(cmd, args[0], &key)
			}
			return signPack(cmd, args[0], out, signature, &key)
		},
	}
	cmd.Flags().StringVarP(&out, "out", "o", "", "file to write (default the pack itself)")
	cmd.Flags().StringVar(&signature, "signature", "", "minisign signature of the manifest")
	cmd.Flags().BoolVar(&detached, "detached", false, "sign any file")
	key.add(cmd)
	return cmd
}

func signPack(cmd *cobra.Command, file, out, signature string, key *keyFlags) error {
	data, err := pack.ReadFile(file)
	if err != nil {
		return err
	}
	if signature != "" {
		text, err := readSmall(cmd, signature)
		if err != nil {
			return fmt.Errorf("read signature: %w", err)
		}
		if data, err = pack.Attach(data, text); err != nil {
			return err
		}
	} else {
		secret, err := key.read(cmd)
		if err != nil {
			return err
		}
		if data, err = pack.Sign(data, secret); err != nil {
			return err
		}
	}
	if err := pack.WriteFile(out, data, 0o644); err != nil {
		return err
	}
	fmt.Fprintf(cmd.OutOrStdout(), "%s signed\n", out)
	return nil
}

func signDetached(cmd *cobra.Command, file string, key *keyFlags) error {
	secret, err := key.read(cmd)
	if err != nil {
		return err
	}
	data, err := pack.ReadFile(file)
	if err != nil {
		return err
	}
	out := file + ".minisig"
	if err := pack.WriteFile(out, secret.Sign(data, "killdeer"), 0o644); err != nil {
		return err
	}
	fmt.Fprintf(cmd.OutOrStdout(), "%s written\n", out)
	return nil
}
