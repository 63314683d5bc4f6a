package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/killdeer-mcp/killdeer/agent"
	"github.com/killdeer-mcp/killdeer/agent/config"
	"github.com/killdeer-mcp/killdeer/plugins"
)

// maxLetters is how many dead letters of a sink are shown without --json.
const maxLetters = 10

func (c *cli) sinksCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "sinks",
		Short: "Look after the delivery of events",
		Args:  noArgs,
		RunE:  showHelp,
	}
	cmd.AddCommand(c.sinksStatus(), c.sinksRetry(), c.sinksTest())
	return cmd
}

func (c *cli) sinksStatus() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show how far the sinks have come and what they could not deliver",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := c.load()
			if err != nil {
				return err
			}
			all, err := agent.SinkStatus(cmd.Context(), cfg)
			if err != nil {
				return err
			}
			if !c.json {
				return printSinks(cmd.OutOrStdout(), all)
			}
			for _, st := range all {
				if err := writeJSON(cmd.OutOrStdout(), st, ""); err != nil {
					return err
				}
			}
			return nil
		},
	}
	c.jsonFlag(cmd)
	return cmd
}

func printSinks(out io.Writer, all []plugins.Status) error {
	if len(all) == 0 {
		_, err := fmt.Fprintln(out, "no sinks: events stay in the journal")
		return err
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "SINK\tSTATE\tBEHIND\tSENT\tRESTARTS\tDEAD\tLAST ERROR")
	for _, st := range all {
		fault := "-"
		if st.Error != "" {
			fault = clock(st.ErrorAt) + " " + visible(st.Error, 2*maxCell)
		}
		fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%d\t%d\t%s\n", visible(st.Name, 0), st.State, st.Behind, st.Sent, st.Restarts, st.Dead, fault)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, st := range all {
		printLetters(out, st)
	}
	return nil
}

func printLetters(out io.Writer, st plugins.Status) {
	if st.Dead == 0 {
		return
	}
	fmt.Fprintf(out, "\n%s could not deliver:\n", visible(st.Name, 0))
	first := max(0, len(st.Letters)-maxLetters)
	for _, l := range st.Letters[first:] {
		fmt.Fprintf(out, "  event %d, %s: %s\n", l.Seq, clock(l.At), visible(l.Reason, 2*maxCell))
	}
	if first > 0 {
		fmt.Fprintf(out, "  and %d before them: --json shows all\n", first)
	}
}

func (c *cli) sinksRetry() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "retry NAME",
		Short: "Let a sink try again what it could not deliver",
		Long:  "Let a sink of the running sensor try its receiver again at once, and deliver its\ndead letters. The exit code is 1 when some are left.",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := c.load()
			if err != nil {
				return err
			}
			r, err := agent.RetrySink(cmd.Context(), cfg, args[0])
			if errors.Is(err, agent.ErrNoSensor) {
				return &hinted{err, "start the sensor: it delivers what is left"}
			}
			if err != nil {
				return err
			}
			return c.printRetried(cmd, r)
		},
	}
	c.jsonFlag(cmd)
	return cmd
}

func (c *cli) printRetried(cmd *cobra.Command, r plugins.Retried) error {
	var err error
	if c.json {
		err = writeJSON(cmd.OutOrStdout(), r, "")
	} else {
		_, err = fmt.Fprintf(cmd.OutOrStdout(), "delivered %d, left %d, not kept any more %d\n", r.Delivered, r.Left, r.Lost)
	}
	switch {
	case err != nil:
		return err
	case r.Error != "":
		return fmt.Errorf("the sink does not deliver now: %s", visible(r.Error, 0))
	case r.Left > 0:
		return &hinted{errors.New("some events cannot be delivered"), `"killdeer sinks status" says why`}
	}
	return nil
}

func (c *cli) sinksTest() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "test NAME",
		Short: "Send a labelled test event and say what came back",
		Long:  "Send an event of kind health and state test to a sink, whatever its filters, and\nsay what came back. It goes through the running sensor where there is one.",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := c.load()
			if err != nil {
				return err
			}
			answer, err := agent.TestSink(cmd.Context(), cfg, args[0], newLog(cmd.ErrOrStderr(), slog.LevelWarn.String()))
			if err != nil {
				return fmt.Errorf("sink %q did not take the test event: %w", args[0], err)
			}
			return c.printAnswer(cmd, args[0], answer)
		},
	}
	c.jsonFlag(cmd)
	return cmd
}

func (c *cli) printAnswer(cmd *cobra.Command, name string, a plugins.Answer) error {
	if c.json {
		return writeJSON(cmd.OutOrStdout(), map[string]any{"sink": name, "answer": a.Text, "took_ms": float64(a.Took.Microseconds()) / 1000}, "")
	}
	text := ""
	if a.Text != "" {
		text = ": " + visible(a.Text, 0)
	}
	_, err := fmt.Fprintf(cmd.OutOrStdout(), "sink %q took the test event in %v%s\n", name, a.Took.Round(time.Millisecond), text)
	return err
}

// checkSinks lets the sinks' programs look at their configuration.
func checkSinks(ctx context.Context, cfg *config.Config, errs io.Writer) error {
	if err := agent.CheckSinks(ctx, cfg, newLog(errs, slog.LevelWarn.String())); err != nil {
		return &usageError{err}
	}
	return nil
}
