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
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			v := struct {
				Version string `json:"version"`
				Go      string `json:"go"`
				ABI     int    `json:"guest_abi"`
				Event   int    `json:"event_version"`
			}{version, runtime.Version(), sdk.ABIVersion, sdk.EventVersion}
			if c.json {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(v)
			}
			fmt.Fprintf(cmd.OutOrStdout(), "killdeer %s (guest ABI killdeer/%d, event version %d, %s)\n", v.Version, v.ABI, v.Event, v.Go)
			return nil
		},
	}
	c.jsonFlag(cmd)
	return cmd
}
