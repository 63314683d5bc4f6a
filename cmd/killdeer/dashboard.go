package main

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"

	"github.com/spf13/cobra"
)

// tokenBytes are the random bytes of a token: nobody guesses 256 bits.
const tokenBytes = 32

func (c *cli) dashboardCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "dashboard",
		Short: "Set up the dashboard",
		Args:  noArgs,
		RunE:  showHelp,
	}
	cmd.AddCommand(&cobra.Command{
		Use:   "token",
		Short: "Make a token for the dashboard",
		Long:  "Draw a token and print it with the line for agent.toml, which holds only its digest.\nThe token is kept nowhere: what you do not write down is gone.",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var b [tokenBytes]byte
			_, _ = rand.Read(b[:]) // never fails, see crypto/rand
			token := base64.RawURLEncoding.EncodeToString(b[:])
			out := cmd.OutOrStdout()
			fmt.Fprintf(out, "token  %s\n\n[dashboard]\ntoken = \"sha256:%x\"\n", token, sha256.Sum256([]byte(token)))
			return nil
		},
	})
	return cmd
}
