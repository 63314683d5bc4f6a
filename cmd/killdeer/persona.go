package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/killdeer-mcp/killdeer/agent"
	"github.com/killdeer-mcp/killdeer/agent/config"
	"github.com/killdeer-mcp/killdeer/persona/trial"
	"github.com/killdeer-mcp/killdeer/sdk"
)

func (c *cli) personaCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "persona",
		Short: "Write, try and clone personas",
		Args:  noArgs,
		RunE:  showHelp,
	}
	cmd.AddCommand(personaNew(), c.personaTest(), c.personaCall(), c.personaReplay(), c.personaClone())
	return cmd
}

// personaFlags say which persona is asked, and in what circumstances.
type personaFlags struct {
	world, now string
}

func (f *personaFlags) define(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.world, "world", "killdeer", "any text; equal ones make equal companies")
	cmd.Flags().StringVar(&f.now, "now", "", "time of the calls: RFC 3339, or a duration ago as 90m (default a fixed time)")
}

// with loads the persona, does something with it and ends it. The configuration counts
// when it is named, for packs.
func (f *personaFlags) with(cmd *cobra.Command, c *cli, name string, do func(kit *agent.PersonaKit, now time.Time) error) (err error) {
	now := usualTime
	if f.now != "" {
		if now, err = parseTime("--now", f.now, time.Now()); err != nil {
			return misused(cmd, "%w", err)
		}
	}
	var cfg *config.Config
	if c.configFile != "" {
		if cfg, err = c.load(); err != nil {
			return err
		}
	}
	kit, err := openPersona(cmd, cfg, name, f.world)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, kit.Close(cmd.Context())) }()
	return do(kit, now)
}

// usualTime is when personas are asked unless somebody says otherwise: equal calls
// give equal answers.
var usualTime = time.Date(2026, 1, 2, 15, 4, 5, 0, time.UTC)

func openPersona(cmd *cobra.Command, cfg *config.Config, name, world string) (*agent.PersonaKit, error) {
	return agent.OpenPersona(cmd.Context(), agent.PersonaOptions{
		Name: name, World: world, Config: cfg, CacheDir: ownCache(), Version: version, Log: slog.New(slog.DiscardHandler),
	})
}

// ownCache is a folder for compiled modules that nobody else can write to, since what
// lies there is run; empty if there can be none, and then each start compiles.
func ownCache() string {
	dir, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	dir = filepath.Join(dir, "killdeer")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return ""
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm()&0o022 != 0 {
		return ""
	}
	return dir
}

func (c *cli) personaTest() *cobra.Command {
	var f personaFlags
	var quick bool
	cmd := &cobra.Command{
		Use:   "test FILE",
		Short: "Try all that a persona offers, and say what to change",
		Long: "Load a persona (a .wasm module, a .toml file or a built-in name) as a sensor does, ask for everything\n" +
			"that it offers with arguments made from its schemas, again and on fresh instances, with what attackers\n" +
			"send, and take times and memory. The exit code is 1 when a sensor would refuse it or show its fallback.",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return misused(cmd, "want one persona, got %d arguments", len(args))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.with(cmd, c, args[0], func(kit *agent.PersonaKit, now time.Time) error {
				r, err := kit.Test(cmd.Context(), now, quick)
				if err != nil {
					return err
				}
				if c.json {
					err = json.NewEncoder(cmd.OutOrStdout()).Encode(r)
				} else {
					err = printTrial(cmd.OutOrStdout(), r)
				}
				if err == nil && r.Failed() {
					return verdict(exitError)
				}
				return err
			})
		},
	}
	f.define(cmd)
	cmd.Flags().BoolVar(&quick, "quick", false, "without hostile input, times and memory")
	c.jsonFlag(cmd)
	return cmd
}

func printTrial(out io.Writer, r *trial.Report) error {
	if r.Server.Name != "" {
		fmt.Fprintf(out, "%s %s: %d tools, %d resources, %d prompts\n", visible(r.Server.Name, maxCell), visible(r.Server.Version, maxCell), r.Tools, r.Resources, r.Prompts)
	}
	for _, s := range r.Speed {
		fmt.Fprintf(out, "  %-40s %8s, at most %s\n", visible(s.Subject, maxCell), brief(s.Median), brief(s.Slowest))
	}
	if r.Memory > 0 {
		fmt.Fprintf(out, "  first call of a client %s, memory %.1f MiB\n", brief(r.First), float64(r.Memory)/(1<<20))
	}
	if len(r.Canaries) > 0 {
		fmt.Fprintf(out, "  honeytokens: %s\n", visible(fmt.Sprint(r.Canaries), 0))
	}
	for _, f := range r.Findings {
		fmt.Fprintf(out, "%s: %s: %s\n", f.Level, visible(f.Subject, maxCell), visible(f.Problem, 0))
		if f.Remedy != "" {
			fmt.Fprintf(out, "  %s\n", f.Remedy)
		}
	}
	state := "ok"
	if r.Failed() {
		state = "failed"
	}
	_, err := fmt.Fprintf(out, "%s: %d calls, %d of them with hostile input, %d findings\n", state, r.Calls, r.Hostile, len(r.Findings))
	return err
}

// brief is a duration with as many digits as anybody reads.
func brief(d time.Duration) string {
	if d > time.Millisecond {
		return d.Round(10 * time.Microsecond).String()
	}
	return d.Round(time.Microsecond).String()
}

func (c *cli) personaCall() *cobra.Command {
	var f personaFlags
	var resource, prompt string
	var raw bool
	cmd := &cobra.Command{
		Use:     "call FILE [TOOL] [ARGUMENTS]",
		Short:   "Ask a persona for one thing",
		Long:    "Ask a persona as a client would, with arguments as a JSON object, and print the answer.",
		Example: "  killdeer persona call vault.toml read_secret '{\"path\":\"ci/deploy-key\"}'\n  killdeer persona call vault.toml --resource vault://policy",
		Args:    cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			call, err := callOf(cmd, args, resource, prompt)
			if err != nil {
				return err
			}
			return f.with(cmd, c, args[0], func(kit *agent.PersonaKit, now time.Time) error {
				call.Now = now
				a, err := kit.Call(cmd.Context(), "caller session", call)
				if err != nil {
					return err
				}
				return printAnswered(cmd, a, raw)
			})
		},
	}
	f.define(cmd)
	cmd.Flags().StringVar(&resource, "resource", "", "read this URI")
	cmd.Flags().StringVar(&prompt, "prompt", "", "get this prompt")
	cmd.Flags().BoolVar(&raw, "raw", false, "print what the guest was given and gave, before placeholders are filled in")
	return cmd
}

func callOf(cmd *cobra.Command, args []string, resource, prompt string) (*sdk.Call, error) {
	call, rest := &sdk.Call{Op: sdk.OpCall, Args: sdk.RawJSON("{}")}, []string(nil)
	switch {
	case len(args) == 0 || resource != "" && prompt != "":
		return nil, misused(cmd, "want a persona, and one of a tool, --resource and --prompt")
	case resource != "":
		call.Op, call.URI, rest = sdk.OpResource, resource, args[1:]
	case prompt != "":
		call.Op, call.Name, rest = sdk.OpPrompt, prompt, args[1:]
	case len(args) == 1:
		return nil, misused(cmd, "want a persona, and one of a tool, --resource and --prompt")
	default:
		call.Tool, rest = args[1], args[2:]
	}
	if len(rest) > 1 {
		return nil, misused(cmd, "unexpected argument %q", rest[1])
	}
	if len(rest) == 1 {
		var object map[string]json.RawMessage
		if err := json.Unmarshal([]byte(rest[0]), &object); err != nil || object == nil {
			return nil, misused(cmd, "the arguments are no JSON object: %s", visible(rest[0], maxCell))
		}
		call.Args = sdk.RawJSON(rest[0])
	}
	return call, nil
}

func printAnswered(cmd *cobra.Command, a *agent.Answered, raw bool) error {
	for _, line := range a.Log {
		fmt.Fprintf(cmd.ErrOrStderr(), "guest: %s\n", visible(line, 0))
	}
	if a.Guest != nil {
		return fmt.Errorf("the guest failed (%s): %s; a client would see %q", a.Guest.Code, a.Guest.Detail, a.Fault.Message)
	}
	if raw {
		_, err := fmt.Fprintf(cmd.OutOrStdout(), "%s\n%s\n", a.Given, a.Gave)
		return err
	}
	body, err := answerBody(a)
	if err != nil {
		return err
	}
	var out bytes.Buffer
	if err := json.Indent(&out, body, "", "  "); err != nil {
		return err
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s\n", out.Bytes())
	return err
}

// answerBody is what came of a call, as one JSON object.
func answerBody(a *agent.Answered) ([]byte, error) {
	switch {
	case a.Fault != nil:
		return json.Marshal(map[string]any{"error": map[string]any{"kind": a.Fault.Kind, "message": a.Fault.Message}})
	case a.Input != nil:
		requests := map[string]any{}
		for _, r := range a.Input.Requests {
			requests[r.Key] = map[string]any{"method": r.Method, "params": json.RawMessage(r.Params)}
		}
		return json.Marshal(map[string]any{"input_required": requests})
	}
	return a.Result, nil
}

func (c *cli) personaReplay() *cobra.Command {
	var f personaFlags
	var expect string
	var update bool
	cmd := &cobra.Command{
		Use:   "replay FILE EVENTS.ndjson",
		Short: "Ask a persona again what was asked of a sensor",
		Long: "Ask a persona for what recorded events asked for, one JSON object a line as \"killdeer events --json\" prints\n" +
			"them, at their times. Print the answers, or compare them with a file: the exit code is 1 when they differ, or\n" +
			"when the guest fails. What has another outcome than was recorded is told on standard error.",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 2 {
				return misused(cmd, "want a persona and a file of events, got %d arguments", len(args))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.with(cmd, c, args[0], func(kit *agent.PersonaKit, _ time.Time) error {
				answers, err := replayFile(cmd, kit, args[1])
				switch {
				case err != nil:
					return err
				case expect == "":
					_, err = cmd.OutOrStdout().Write(answers)
					return err
				case update:
					return os.WriteFile(expect, answers, 0o644)
				}
				return compareLines(cmd.OutOrStdout(), expect, answers, "answers")
			})
		},
	}
	cmd.Flags().StringVar(&f.world, "world", "killdeer", "any text; equal ones make equal companies")
	cmd.Flags().StringVar(&expect, "expect", "", "file with the answers, as this command prints them")
	cmd.Flags().BoolVar(&update, "update", false, "write that file instead of comparing")
	return cmd
}

// replayFile returns the answers to a file of events.
func replayFile(cmd *cobra.Command, kit *agent.PersonaKit, name string) ([]byte, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var out bytes.Buffer
	asked, unable, other, failed := 0, 0, 0, 0
	err = kit.Replay(cmd.Context(), file, func(r *agent.Reasked) error {
		subject := visible(r.Event.MCPMethod+" "+r.Event.Tool+r.Event.URI+r.Event.Prompt, maxCell)
		if r.Now == nil {
			unable++
			fmt.Fprintf(cmd.ErrOrStderr(), "%s %s: not asked: %s\n", r.Event.ID, subject, visible(r.Unable, 0))
			return nil
		}
		asked++
		now := r.Now.Outcome()
		if r.Now.Guest != nil {
			failed++
		}
		if r.Event.Outcome != "" && r.Event.Outcome != now {
			other++
			fmt.Fprintf(cmd.ErrOrStderr(), "%s %s: was %s, is %s\n", r.Event.ID, subject, visible(r.Event.Outcome, 0), now)
		}
		body, err := answerBody(r.Now)
		if err != nil {
			return err
		}
		return writeJSON(&out, struct {
			Event   string          `json:"event"`
			Subject string          `json:"subject"`
			Outcome string          `json:"outcome"`
			Answer  json.RawMessage `json:"answer"`
		}{r.Event.ID, subject, now, body}, "")
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "%d requests asked again, %d with another outcome, %d not asked\n", asked, other, unable)
	if failed > 0 {
		return nil, errors.New("the guest failed: see \"killdeer persona test\"")
	}
	return out.Bytes(), nil
}
