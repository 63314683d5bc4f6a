package main

import (
	"encoding/json"
	"fmt"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/killdeer-mcp/killdeer/sdk"
)

func (c *cli) versionCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print the version and the interfaces it speaks",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !c.json {
				_, err := fmt.Fprintln(cmd.OutOrStdout(), versionLine())
				return err
			}
			return json.NewEncoder(cmd.OutOrStdout()).Encode(struct {
				Version string `json:"version"`
				Go      string `json:"go"`
				ABI     int    `json:"guest_abi"`
				Event   int    `json:"event_version"`
			}{version, runtime.Version(), sdk.ABIVersion, sdk.EventVersion})
		},
	}
	c.jsonFlag(cmd)
	return cmd
}

// versionLine is what "version" and "--version" print.
func versionLine() string {
	return fmt.Sprintf("killdeer %s (guest ABI killdeer/%d, event version %d, %s)", version, sdk.ABIVersion, sdk.EventVersion, runtime.Version())
}
