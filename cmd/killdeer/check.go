package main

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/killdeer-mcp/killdeer/agent"
)

func (c *cli) checkCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Check the configuration",
		Long:  "Check the configuration and print every fault in it. No sensor is started and no\nfile created; the programs of sinks are started to check their own settings, and\nreach for no receiver.",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := c.load()
			if err != nil {
				return err
			}
			if err := agent.CheckTexts(cfg); err != nil {
				return err
			}
			if err := agent.CheckPacks(cfg, version, newLog(cmd.ErrOrStderr(), cfg.Sensor.LogLevel)); err != nil {
				return err
			}
			if err := checkSinks(cmd.Context(), cfg, cmd.ErrOrStderr()); err != nil {
				return err
			}
			if c.json {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(map[string]any{"ok": true, "state_dir": cfg.Sensor.StateDir})
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), "configuration ok")
			return err
		},
	}
	c.jsonFlag(cmd)
	return cmd
}
