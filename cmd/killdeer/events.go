package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/killdeer-mcp/killdeer/agent"
	"github.com/killdeer-mcp/killdeer/agent/journal"
	"github.com/killdeer-mcp/killdeer/sdk"
)

func (c *cli) eventsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "events",
		Short: "Read recorded events",
		Long:  "Read recorded events, beside a running sensor or without one.",
		Args:  noArgs,
		RunE:  showHelp,
	}
	cmd.AddCommand(c.eventsList(), c.eventsTail(), c.eventsShow())
	return cmd
}

// openLog opens the journal that the configuration names.
func (c *cli) openLog(ctx context.Context) (agent.Log, error) {
	cfg, err := c.load()
	if err != nil {
		return nil, err
	}
	log, err := agent.OpenLog(ctx, cfg.Sensor.StateDir)
	if err != nil {
		return nil, &hinted{err, `the sensor writes there when it runs: start it with "killdeer run"`}
	}
	return log, nil
}

func (c *cli) eventsList() *cobra.Command {
	var q queryFlags
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List events, newest first",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.list(cmd, &q, newEventPrinter)
		},
	}
	q.add(cmd)
	cmd.Flags().StringVar((*string)(&q.Kind), "kind", "", "only events of this kind: "+choice(kinds))
	c.jsonFlag(cmd)
	return cmd
}

func (c *cli) detectionsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "detections",
		Short: "Read detections",
		Args:  noArgs,
		RunE:  showHelp,
	}
	q := queryFlags{Query: journal.Query{Kind: sdk.KindDetection}}
	list := &cobra.Command{
		Use:   "list",
		Short: "List detections, newest first",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.list(cmd, &q, newDetectionPrinter)
		},
	}
	q.add(list)
	c.jsonFlag(list)
	cmd.AddCommand(list)
	return cmd
}

// list prints pages of a query until the limit is reached.
func (c *cli) list(cmd *cobra.Command, q *queryFlags, printer func(*cobra.Command, bool) printer) error {
	if err := q.check(time.Now()); err != nil {
		return err
	}
	log, err := c.openLog(cmd.Context())
	if err != nil {
		return err
	}
	defer log.Close()
	p, left := printer(cmd, c.json), q.limit
	for left > 0 {
		q.Limit = min(left, 1000)
		page, err := log.Query(cmd.Context(), q.Query)
		if err != nil {
			return err
		}
		for _, ev := range page.Events {
			if err := p.print(ev); err != nil {
				return err
			}
		}
		left -= len(page.Events)
		if q.Before = page.Next; q.Before == 0 {
			break
		}
	}
	if left == q.limit && !c.json {
		fmt.Fprintln(cmd.ErrOrStderr(), "nothing recorded that matches")
	}
	return p.flush()
}

func (c *cli) eventsTail() *cobra.Command {
	var last int
	var kind sdk.Kind
	cmd := &cobra.Command{
		Use:   "tail",
		Short: "Show events as they are recorded",
		Long:  "Show the newest events, then every new one until interrupted.",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := errors.Join(oneOf("--kind", kind, kinds), inRange("--last", last, 0, maxLast)); err != nil {
				return &usageError{err}
			}
			log, err := c.openLog(cmd.Context())
			if err != nil {
				return err
			}
			defer log.Close()
			return c.tail(cmd, log, kind, last)
		},
	}
	cmd.Flags().IntVarP(&last, "last", "n", 10, fmt.Sprintf("how many earlier events to show first, at most %d", maxLast))
	cmd.Flags().StringVar((*string)(&kind), "kind", "", "only events of this kind: "+choice(kinds))
	c.jsonFlag(cmd)
	return cmd
}

func (c *cli) tail(cmd *cobra.Command, log agent.Log, kind sdk.Kind, last int) error {
	ctx := cmd.Context()
	after, err := log.Last(ctx)
	if err != nil {
		return err
	}
	p := newEventPrinter(cmd, c.json)
	if last > 0 {
		page, err := log.Query(ctx, journal.Query{Kind: kind, Before: after + 1, Limit: last})
		if err != nil {
			return err
		}
		for _, v := range slices.Backward(page.Events) {
			if err := p.print(v); err != nil {
				return err
			}
		}
	}
	if err := p.flush(); err != nil {
		return err
	}
	err = log.Follow(ctx, after, func(ev *sdk.Event) error {
		if kind != "" && ev.Kind != kind {
			return nil
		}
		return errors.Join(p.print(ev), p.flush())
	})
	switch {
	case ctx.Err() != nil:
		return nil // interrupted: that is how a tail ends
	case err == nil:
		return errors.New("the sensor has stopped")
	case errors.Is(err, agent.ErrNoSensor):
		return &hinted{err, `nothing new will come: start the sensor with "killdeer run"`}
	}
	return err
}

func (c *cli) eventsShow() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "show ID",
		Short: "Show one event whole, by id or sequence number",
		Args:  oneID,
		RunE: func(cmd *cobra.Command, args []string) error {
			log, err := c.openLog(cmd.Context())
			if err != nil {
				return err
			}
			defer log.Close()
			ev, err := log.Get(cmd.Context(), args[0])
			if errors.Is(err, journal.ErrNotFound) {
				return fmt.Errorf("no event %q", args[0])
			}
			if err != nil {
				return err
			}
			return showEvent(cmd.OutOrStdout(), ev, c.json)
		},
	}
	c.jsonFlag(cmd)
	return cmd
}

func oneID(cmd *cobra.Command, args []string) error {
	if len(args) != 1 {
		return misused(cmd, "want the id or the sequence number of one event, got %d arguments", len(args))
	}
	return nil
}

// queryFlags are the filters of the list commands.
type queryFlags struct {
	journal.Query
	limit    int
	from, to string
}

func (q *queryFlags) add(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&q.IP, "ip", "", "only from this address")
	f.StringVar(&q.Tool, "tool", "", "only calls of this tool")
	f.StringVar(&q.MCPMethod, "method", "", "only this MCP method, as tools/call")
	f.StringVar(&q.Session, "session", "", "only this MCP session")
	f.StringVar(&q.Actor, "actor", "", "only this actor")
	f.StringVar(&q.Outcome, "outcome", "", "only this outcome, as parse_error")
	f.StringVar(&q.Rule, "rule", "", "only detections of this rule")
	f.StringVar((*string)(&q.Severity), "severity", "", "only detections of this severity: "+choice(severities))
	f.StringVar((*string)(&q.MinSeverity), "min-severity", "", "only detections of this severity or higher")
	f.StringVar(&q.from, "from", "", "not before this time: RFC 3339, or a duration ago as 90m")
	f.StringVar(&q.to, "to", "", "before this time")
	f.IntVarP(&q.limit, "limit", "n", 50, "how many at the most")
	f.Uint64Var(&q.Before, "before", 0, "only events with a lower sequence number")
}
