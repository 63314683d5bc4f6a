package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/killdeer-mcp/killdeer/agent"
	"github.com/killdeer-mcp/killdeer/agent/config"
	"github.com/killdeer-mcp/killdeer/internal/pack"
)

const maxPassword = 4 << 10 // bytes of a password file

func (c *cli) packCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "pack",
		Short: "Make, check and install signed packs of personas and rules",
		Long:  "Make, check and install signed packs of personas and rules. The exit code says\nwhat is wrong with a pack: docs/packs.md lists them.",
		Args:  noArgs,
		RunE:  showHelp,
	}
	cmd.AddCommand(c.packKeygen(), c.packBuild(), c.packSign(), c.packVerify(), c.packInspect(), c.packDiff(),
		c.packInstall(), c.packList(), c.packRollback(), c.packPin(), c.packRemove())
	return cmd
}

// ownCodes reports whether a command has the exit codes of packs, in which 2 is a
// bad signature and no fault of the command line.
func ownCodes(cmd *cobra.Command) bool {
	for ; cmd != nil; cmd = cmd.Parent() {
		if name := cmd.Name(); cmd.HasParent() && !cmd.Parent().HasParent() && (name == "pack" || name == "trust") {
			return true
		}
	}
	return false
}

// wantArgs wants words by their names.
func wantArgs(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != len(names) {
			return misused(cmd, "want %s, got %d arguments", strings.Join(names, " and "), len(args))
		}
		return nil
	}
}

// packs opens the store of packs that the configuration names.
func (c *cli) packs(cmd *cobra.Command) (*config.Config, *pack.Store, error) {
	cfg, err := c.load()
	if err != nil {
		return nil, nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, nil, fmt.Errorf("find own program: %w", err)
	}
	store, err := agent.OpenPacks(cfg, version, []string{self, compileGuest}, newLog(cmd.ErrOrStderr(), "warn"))
	return cfg, store, err
}

// keyFlags name a secret key.
type keyFlags struct{ key, password string }

func (k *keyFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&k.key, "key", "k", "", "minisign secret key file")
	cmd.Flags().StringVar(&k.password, "password-file", "", "file with the key's password, \"-\" for standard input")
}

func (k *keyFlags) read(cmd *cobra.Command) (pack.SecretKey, error) {
	text, err := readSmall(cmd, k.key)
	if err != nil {
		return pack.SecretKey{}, fmt.Errorf("read secret key: %w", err)
	}
	return pack.ParseSecretKey(text, func() (string, error) {
		if k.password == "" {
			return "", pack.ErrPassword
		}
		return readPassword(cmd, k.password)
	})
}

func readPassword(cmd *cobra.Command, file string) (string, error) {
	text, err := readSmall(cmd, file)
	if err != nil {
		return "", fmt.Errorf("read password: %w", err)
	}
	word := strings.TrimRight(string(text), "\r\n")
	if word == "" {
		return "", fmt.Errorf("read password: %s is empty", file)
	}
	return word, nil
}

// readSmall reads a small file, or standard input for "-".
func readSmall(cmd *cobra.Command, file string) ([]byte, error) {
	in := cmd.InOrStdin()
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	}
	text, err := io.ReadAll(io.LimitReader(in, maxPassword+1))
	if err == nil && len(text) > maxPassword {
		err = fmt.Errorf("%s is over %d bytes", file, maxPassword)
	}
	return text, err
}

// signer says who signed a pack.
func signer(id string) string {
	if id == "" {
		return "nobody: it is unsigned"
	}
	return "key " + id
}
