package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/killdeer-mcp/killdeer/agent"
	"github.com/killdeer-mcp/killdeer/agent/config"
	"github.com/killdeer-mcp/killdeer/agent/journal"
	"github.com/killdeer-mcp/killdeer/sdk"
)

func (c *cli) journalCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "journal",
		Short: "Look after the event log",
		Args:  noArgs,
		RunE:  showHelp,
	}
	cmd.AddCommand(c.journalInfo(), c.journalCheck(), c.journalSalvage(), c.journalExport())
	return cmd
}

func (c *cli) journalInfo() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "info",
		Short: "Show segments, consumers, free space and statistics",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			log, err := c.openLog(cmd.Context())
			if err != nil {
				return err
			}
			defer log.Close()
			info, err := log.Info(cmd.Context())
			if err != nil {
				return err
			}
			stats, err := log.Stats(cmd.Context())
			if err != nil {
				return err
			}
			if c.json {
				return writeJSON(cmd.OutOrStdout(), map[string]any{"journal": info, "statistics": stats}, "")
			}
			return printInfo(cmd.OutOrStdout(), &info, &stats)
		},
	}
	c.jsonFlag(cmd)
	return cmd
}

func printInfo(out io.Writer, i *journal.Info, s *journal.Stats) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "events\t%d kept, numbers %d to %d, epoch %d\n", i.Events, i.First, i.Last, i.Epoch)
	fmt.Fprintf(w, "on disk\t%s in %d segments\n", mebibytes(i.Bytes), len(i.Segments))
	if i.Free > 0 {
		fmt.Fprintf(w, "free\t%s%s\n", mebibytes(i.Free), choose(i.Low, ": too little, new events are shed", ""))
	}
	for _, m := range i.Marks {
		fmt.Fprintf(w, "consumer\t%s, %d events behind\n", visible(m.Consumer, 0), i.Last-min(m.Seq, i.Last))
	}
	for _, file := range i.Aside {
		fmt.Fprintf(w, "set aside\t%s\n", visible(file, 0))
	}
	fmt.Fprintf(w, "sources\t%s%d\n", choose(s.Exact, "", "about "), s.UniqueSources)
	fmt.Fprintf(w, "lost\t%d events, counted by gaps\n", s.Lost)
	for _, l := range []struct {
		name string
		top  []journal.Count
	}{{"tools", s.Tools}, {"methods", s.Methods}, {"sources", s.Sources}, {"rules", s.Rules}} {
		if len(l.top) > 0 {
			fmt.Fprintf(w, "top %s\t%s\n", l.name, topLine(l.top))
		}
	}
	fmt.Fprintln(w, "\nSEGMENT\tEVENTS\tBYTES\tB/EVENT\tFROM\tTO\tSTATE")
	for _, seg := range i.Segments {
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%s\t%s\t%s\n", seg.Name, seg.Events, seg.Bytes, seg.Bytes/max(1, int64(seg.Events)),
			clock(seg.From), clock(seg.To), choose(seg.Sealed, "sealed", "open"))
	}
	return w.Flush()
}

func choose(yes bool, a, b string) string {
	if yes {
		return a
	}
	return b
}

func mebibytes(n int64) string { return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20)) }

func clock(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format("2006-01-02T15:04:05Z")
}

// topLine lists the first few of a list of counts.
func topLine(top []journal.Count) string {
	var parts []string
	for _, t := range top[:min(5, len(top))] {
		parts = append(parts, fmt.Sprintf("%s %d", visible(t.Name, maxCell), t.Count))
	}
	return strings.Join(parts, ", ")
}

func (c *cli) journalCheck() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Read everything and say what is damaged",
		Long:  "Read every page, record and posting list of a sensor that does not run, and say\nwhat is wrong. Nothing is changed. The exit code is 1 when anything is damaged.",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := c.load()
			if err != nil {
				return err
			}
			return c.check(cmd, cfg)
		},
	}
	c.jsonFlag(cmd)
	return cmd
}

func (c *cli) check(cmd *cobra.Command, cfg *config.Config) error {
	j, err := openReader(cfg)
	if err != nil {
		return err
	}
	defer j.Close()
	bar := newProgress(cmd.ErrOrStderr(), "checking")
	checked, err := j.Check(cmd.Context(), bar.show)
	bar.end()
	if err != nil {
		return err
	}
	if damage := j.Recovered(); damage != "" {
		checked.Faults = append(checked.Faults, journal.Fault{Segment: "journal", What: damage})
	}
	if c.json {
		err = writeJSON(cmd.OutOrStdout(), checked, "")
	} else {
		for _, f := range checked.Faults {
			fmt.Fprintf(cmd.OutOrStdout(), "%s: %s\n", f.Segment, visible(f.What, 0))
		}
		fmt.Fprintf(cmd.OutOrStdout(), "%d events in %d segments read, %d faults\n", checked.Events, checked.Segments, len(checked.Faults))
	}
	if err == nil && len(checked.Faults) > 0 {
		err = &hinted{errors.New("the journal is damaged"), `the sensor starts all the same and keeps what can be read; "killdeer journal salvage" prints what damaged files still hold`}
	}
	return err
}

// openReader opens the files of a sensor that does not run.
func openReader(cfg *config.Config) (*journal.Journal, error) {
	j, err := journal.OpenReader(cfg.Sensor.StateDir)
	if errors.Is(err, journal.ErrLocked) {
		return nil, &hinted{err, "stop the sensor first: its files cannot be read beside it"}
	}
	return j, err
}

func (c *cli) journalSalvage() *cobra.Command {
	var to string
	cmd := &cobra.Command{
		Use:   "salvage [FILE...]",
		Short: "Print the events that damaged files still hold",
		Long:  "Print, as JSON lines, every event that can be read from files of events, without\ntrusting anything else in them. Without a name: all files that were set aside as\ndamaged. The files are left as they are.",
		RunE: func(cmd *cobra.Command, files []string) error {
			if len(files) == 0 {
				cfg, err := c.load()
				if err != nil {
					return err
				}
				if files, err = journal.Aside(cfg.Sensor.StateDir); err != nil {
					return err
				}
			}
			return writeOut(cmd, to, func(w io.Writer) error { return salvage(cmd, w, files) })
		},
	}
	cmd.Flags().StringVarP(&to, "output", "o", "-", "write to this new file instead of standard output")
	return cmd
}

func salvage(cmd *cobra.Command, w io.Writer, files []string) error {
	for _, file := range files {
		s, err := journal.SalvageEvents(cmd.Context(), file, func(event []byte) error {
			return writeJSON(w, json.RawMessage(event), "")
		})
		if err != nil {
			return fmt.Errorf("salvage %s: %w", file, err)
		}
		fmt.Fprintf(cmd.ErrOrStderr(), "%s: %d events\n", filepath.Base(file), s.Events)
	}
	if len(files) == 0 {
		fmt.Fprintln(cmd.ErrOrStderr(), "no damaged file was set aside")
	}
	return nil
}

func (c *cli) journalExport() *cobra.Command {
	var to string
	var after uint64
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Print all events as JSON lines, oldest first",
		Long:  "Print all events as JSON lines, oldest first, beside a running sensor or without\none. It ends with the event that is the newest when it begins.",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			log, err := c.openLog(cmd.Context())
			if err != nil {
				return err
			}
			defer log.Close()
			return writeOut(cmd, to, func(w io.Writer) error { return export(cmd, log, w, after) })
		},
	}
	cmd.Flags().StringVarP(&to, "output", "o", "-", "write to this new file instead of standard output")
	cmd.Flags().Uint64Var(&after, "after", 0, "only events with a higher sequence number")
	return cmd
}

// errDone ends a Follow that has seen enough.
var errDone = errors.New("done")

func export(cmd *cobra.Command, log agent.Log, w io.Writer, after uint64) error {
	last, err := log.Last(cmd.Context())
	if err != nil || after >= last {
		return err
	}
	ctx, cancel := context.WithCancel(cmd.Context())
	defer cancel()
	bar := newProgress(cmd.ErrOrStderr(), "exporting")
	defer bar.end()
	err = log.Follow(ctx, after, func(ev *sdk.Event) error {
		if ev.Seq > last {
			return errDone
		}
		if err := writeJSON(w, ev, ""); err != nil {
			return err
		}
		bar.show(int64(ev.Seq-after), int64(last-after))
		if ev.Seq == last {
			return errDone
		}
		return nil
	})
	if errors.Is(err, errDone) || errors.Is(err, agent.ErrNoSensor) && cmd.Context().Err() == nil {
		return nil
	}
	return err
}

// writeOut gives f standard output, or a file that must not exist yet and is on
// disk at the end.
func writeOut(cmd *cobra.Command, to string, f func(io.Writer) error) error {
	if to == "-" {
		w := bufio.NewWriter(cmd.OutOrStdout())
		return errors.Join(f(w), w.Flush())
	}
	file, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(file)
	return errors.Join(f(w), w.Flush(), file.Sync(), file.Close())
}
