package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/killdeer-mcp/killdeer/agent"
)

func (c *cli) reloadCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "reload",
		Short: "Have the running sensor take up its changed configuration",
		Long:  "Have the running sensor read its configuration again and take over what changed:\npersonas, rules, sinks, limits, retention and more, without dropping a connection.\nSIGHUP does the same. A fault leaves everything as it was.",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := c.load()
			if err != nil {
				return err
			}
			done, err := agent.Reload(cmd.Context(), cfg.Sensor.StateDir)
			if errors.Is(err, agent.ErrNoSensor) {
				return &hinted{fmt.Errorf("%w on %s", err, cfg.Sensor.StateDir), `start it with "killdeer run"`}
			}
			if err != nil {
				return err
			}
			if c.json {
				return writeJSON(cmd.OutOrStdout(), done, "")
			}
			printReloaded(cmd, done)
			return nil
		},
	}
	c.jsonFlag(cmd)
	return cmd
}

func printReloaded(cmd *cobra.Command, done *agent.Reloaded) {
	fmt.Fprintf(cmd.OutOrStdout(), "personas  %s\nrules     %s\n",
		choose(done.Personas, "exchanged", "as they were"), choose(done.Rules, "exchanged", "as they were"))
	if len(done.Settings) > 0 {
		fmt.Fprintf(cmd.OutOrStdout(), "settings  %s\n", strings.Join(done.Settings, ", "))
	}
	if len(done.Restart) > 0 {
		fmt.Fprintf(cmd.OutOrStdout(), "restart   the sensor for %s\n", strings.Join(done.Restart, ", "))
	}
	for _, l := range done.Lacks {
		fmt.Fprintf(cmd.OutOrStdout(), "lacking   rule pack %s: %s\n          -> %s\n", l.Name, visible(l.Reason, 0), l.Remedy)
	}
}
