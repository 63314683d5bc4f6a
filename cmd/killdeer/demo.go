package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/killdeer-mcp/killdeer/agent"
	"github.com/killdeer-mcp/killdeer/agent/demo"
)

// maxPace keeps a demonstration within an hour.
const maxPace = 100

func (c *cli) demoCommand() *cobra.Command {
	var pace float64
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Play a few attackers against the running sensor",
		Long: "Play a scanner, a script, an agent, and somebody who uses what the agent found,\nagainst the decoy of the sensor that runs on this machine. It takes half a minute.\n" +
			"Everything that comes of it is marked as a demonstration, in events, detections\nand on the dashboard; sinks get it like anything else.",
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if pace < 0 || pace > maxPace {
				return misused(cmd, "--pace: want 0 to %d, got %v", maxPace, pace)
			}
			return c.demo(cmd, pace)
		},
	}
	cmd.Flags().Float64Var(&pace, "pace", 1, "stretch the pauses between requests; 0 leaves them out")
	return cmd
}

func (c *cli) demo(cmd *cobra.Command, pace float64) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	at, err := agent.FindDemo(cmd.Context(), cfg.Sensor.StateDir)
	if errors.Is(err, agent.ErrNoSensor) {
		return &hinted{err, `start it in another window with "killdeer run"`}
	}
	if err != nil {
		return err
	}
	if at.URL == "" {
		return errors.New("the running sensor does not listen: it speaks MCP on standard input and output")
	}
	out := cmd.OutOrStdout()
	if at.Dashboard != "" {
		fmt.Fprintf(out, "watch it at %s/\n", at.Dashboard)
	}
	done, err := demo.Run(cmd.Context(), demo.Options{
		URL: at.URL, Header: agent.DemoHeader, Value: at.Value, Pace: pace,
		Say: func(line string) { fmt.Fprintln(out, line) },
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%d requests were sent; the answers held %d credentials, none of them real\n", done.Requests, done.Tokens)
	return nil
}
