package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/killdeer-mcp/killdeer/agent"
	"github.com/killdeer-mcp/killdeer/sdk"
)

func (c *cli) rulesCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "rules",
		Short: "Write and try detection rules",
		Args:  noArgs,
		RunE:  showHelp,
	}
	cmd.AddCommand(rulesNew(), c.rulesTest(), c.rulesReplay())
	return cmd
}

func (c *cli) rulesTest() *cobra.Command {
	var expect string
	var update bool
	cmd := &cobra.Command{
		Use:   "test PACK EVENTS.ndjson",
		Short: "Judge a file of events by a pack",
		Long: "Judge events, one JSON object a line, by a pack: a .toml file with rules, a .wasm\nmodule or a built-in name. " +
			"Print what was found, or compare it with a file: the exit\ncode is 1 when they differ.",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 2 {
				return misused(cmd, "want a pack and a file of events, got %d arguments", len(args))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			found, err := judgeFile(cmd, args[0], args[1])
			if err != nil {
				return err
			}
			switch {
			case expect == "":
				_, err = cmd.OutOrStdout().Write(found)
				return err
			case update:
				return os.WriteFile(expect, found, 0o644)
			}
			return compareLines(cmd.OutOrStdout(), expect, found, "detections")
		},
	}
	cmd.Flags().StringVar(&expect, "expect", "", "file with what must be found, as this command prints it")
	cmd.Flags().BoolVar(&update, "update", false, "write that file instead of comparing")
	return cmd
}

func judgeFile(cmd *cobra.Command, pack, events string) ([]byte, error) {
	f, err := os.Open(events)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	kit, err := agent.OpenRules(cmd.Context(), nil, version, []string{pack}, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	defer kit.Close(cmd.Context())
	found, err := kit.Judge(cmd.Context(), f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", events, err)
	}
	if silent := kit.Silent(found); len(silent) > 0 {
		fmt.Fprintf(cmd.ErrOrStderr(), "never fired: %s\n", strings.Join(silent, ", "))
	}
	var out bytes.Buffer
	for _, d := range found {
		if err := writeJSON(&out, foundLine(d), ""); err != nil {
			return nil, err
		}
	}
	return out.Bytes(), nil
}

// foundLine is a detection as rules test prints it: what depends on the rules and
// the events alone.
func foundLine(d *sdk.Event) any {
	return struct {
		Rule       string         `json:"rule"`
		Severity   sdk.Severity   `json:"severity"`
		Confidence sdk.Confidence `json:"confidence"`
		Events     []string       `json:"events"`
		Subject    string         `json:"subject"`
		Summary    string         `json:"summary"`
		Count      int            `json:"evidence_count"`
		Evidence   *sdk.Evidence  `json:"evidence,omitempty"`
	}{d.Detection.RuleID, d.Detection.Severity, d.Detection.Confidence, d.Detection.Events, d.Detection.Subject, d.Detection.Summary, d.Detection.Count, d.Detection.Evidence}
}

// compareLines wants lines to be those of a file; what names them.
func compareLines(out io.Writer, file string, found []byte, what string) error {
	want, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if bytes.Equal(want, found) {
		_, err := fmt.Fprintf(out, "ok: %d %s as expected\n", bytes.Count(found, []byte("\n")), what)
		return err
	}
	missing, unexpected := lineDiff(string(want), string(found)), lineDiff(string(found), string(want))
	for _, l := range missing {
		fmt.Fprintf(out, "- %s\n", l)
	}
	for _, l := range unexpected {
		fmt.Fprintf(out, "+ %s\n", l)
	}
	if len(missing)+len(unexpected) == 0 {
		return fmt.Errorf("the %s are those expected, in another order", what)
	}
	return fmt.Errorf("%d expected %s were not found, %d were not expected", len(missing), what, len(unexpected))
}

// lineDiff are the lines of a that b has not, as often as it has not.
func lineDiff(a, b string) (only []string) {
	left := map[string]int{}
	for l := range strings.Lines(b) {
		left[l]++
	}
	for l := range strings.Lines(a) {
		if left[l]--; left[l] < 0 {
			only = append(only, strings.TrimSuffix(l, "\n"))
		}
	}
	return only
}

func (c *cli) rulesReplay() *cobra.Command {
	var packs []string
	var since string
	cmd := &cobra.Command{
		Use:   "replay",
		Short: "Judge what was recorded again, and compare",
		Long: "Judge the recorded events by packs, those of the configuration when none is named,\nand print what is new and " +
			"what is gone against the detections that were recorded.",
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := c.load()
			if err != nil {
				return err
			}
			if len(packs) == 0 {
				packs = cfg.Rules.Packs
			}
			from, err := parseTime("since", since, time.Now())
			if err != nil {
				return misused(cmd, "%w", err)
			}
			kit, err := agent.OpenRules(cmd.Context(), cfg, version, packs, slog.New(slog.DiscardHandler))
			if err != nil {
				return err
			}
			defer kit.Close(cmd.Context())
			log, err := c.openLog(cmd.Context())
			if err != nil {
				return err
			}
			defer log.Close()
			r, err := kit.Replay(cmd.Context(), log, from)
			if err != nil {
				return err
			}
			return c.printReplayed(cmd.OutOrStdout(), r)
		},
	}
	cmd.Flags().StringSliceVar(&packs, "pack", nil, "pack to replay: a .toml file, a .wasm module, an installed pack or a built-in name; may be repeated")
	cmd.Flags().StringVar(&since, "since", "", "not before this time: RFC 3339, or a duration ago as 90m")
	c.jsonFlag(cmd)
	return cmd
}

func (c *cli) printReplayed(out io.Writer, r *agent.Replayed) error {
	if c.json {
		return json.NewEncoder(out).Encode(map[string]any{"events": r.Events, "found": len(r.Found), "new": details(r.New), "gone": details(r.Gone)})
	}
	for _, d := range r.New {
		fmt.Fprintf(out, "+ %s\n", replayedLine(d))
	}
	for _, d := range r.Gone {
		fmt.Fprintf(out, "- %s\n", replayedLine(d))
	}
	_, err := fmt.Fprintf(out, "%d events, %d detections: %d new, %d gone\n", r.Events, len(r.Found), len(r.New), len(r.Gone))
	return err
}

func details(list []*sdk.Event) []*sdk.Detection {
	out := make([]*sdk.Detection, len(list))
	for i, d := range list {
		out[i] = d.Detection
	}
	return out
}

func replayedLine(ev *sdk.Event) string {
	d := ev.Detection
	return fmt.Sprintf("%s %s %s %s %s: %s", stamp(ev.Time), d.Severity, d.RuleID, visible(d.SourceIP, 0), visible(d.Subject, maxCell), visible(d.Summary, 0))
}
