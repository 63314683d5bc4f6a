package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/killdeer-mcp/killdeer/agent/config"
	"github.com/killdeer-mcp/killdeer/audit"
	"github.com/killdeer-mcp/killdeer/audit/imitate"
	"github.com/killdeer-mcp/killdeer/persona/trial"
)

const cloneLong = `Connect to a real MCP server, record what it says of itself and samples of its answers,
and write a persona in TOML that imitates it, credentials replaced by honeytokens. What
follows "--" is a server's command line: it is started in the sealed box of an audit,
where all of its tools are called. Of a server at a URL only those tools are called that
say that they only read.

What cannot be imitated is listed on standard error. Look through the file before you
show it to anybody.`

// cloneFlags are the flags of killdeer persona clone.
type cloneFlags struct {
	output, id, calls, transport string
	env                          []string
	noSandbox                    bool
	budget, callTimeout          config.Duration
}

func (c *cli) personaClone() *cobra.Command {
	f := &cloneFlags{}
	cmd := &cobra.Command{
		Use:     "clone [flags] URL | -- COMMAND [ARG...]",
		Short:   "Write a persona that imitates a real MCP server",
		Long:    cloneLong,
		Example: "  killdeer persona clone -o files.toml -- node node_modules/@modelcontextprotocol/server-filesystem/dist/index.js .\n  killdeer persona clone -o wiki.toml https://wiki.example.com/mcp",
		Args:    cobra.ArbitraryArgs,
		RunE:    func(cmd *cobra.Command, args []string) error { return c.clone(cmd, f, args) },
	}
	fl := cmd.Flags()
	fl.StringVarP(&f.output, "output", "o", "", "file to write; standard output without")
	fl.StringVar(&f.id, "id", "", "id of the persona (default made of the server's name)")
	fl.StringVar(&f.calls, "calls", "", "tools that are called: all (the default in the box), read-only (the default of a URL), none")
	fl.StringVar(&f.transport, "transport", "", "of a URL: streamable-http or sse")
	fl.StringSliceVar(&f.env, "env", nil, "name of a variable that the server wants; it gets a made-up value")
	fl.BoolVar(&f.noSandbox, "no-sandbox", false, "run the server on this machine as it is: whatever it does is done to you")
	fl.Var(duration{&f.budget, config.Duration(3 * time.Minute)}.set(), "budget", "how long it may take")
	fl.Var(duration{&f.callTimeout, config.Duration(12 * time.Second)}.set(), "call-timeout", "how long one call may take")
	return cmd
}

func (c *cli) clone(cmd *cobra.Command, f *cloneFlags, args []string) error {
	o := audit.CloneOptions{ID: f.id, Calls: f.calls}
	if len(args) == 0 {
		return misused(cmd, `want a URL, or "-- COMMAND"`)
	}
	ways := []string{audit.CallAll, audit.CallReadOnly, audit.CallNone}
	if f.calls != "" && !slices.Contains(ways, f.calls) {
		return misused(cmd, "%w", oneOf("--calls", f.calls, ways))
	}
	o.Transport, o.Sandbox = "stdio", !f.noSandbox
	if err := command(cmd, &o.Options, args); err != nil {
		return err
	}
	if f.transport != "" {
		if o.URL == "" || !slices.Contains(transports[1:], f.transport) {
			return misused(cmd, "--transport: a URL speaks streamable-http or sse, a command stdio")
		}
		o.Transport = f.transport
	}
	if len(o.Argv) > 0 && f.calls == audit.CallReadOnly {
		return misused(cmd, "--calls read-only: in the box all tools or none are called, nothing that they do lasts")
	}
	o.Env, o.Budget, o.CallTimeout = f.env, time.Duration(f.budget), time.Duration(f.callTimeout)
	o.Log, o.Progress = newLog(cmd.ErrOrStderr(), slog.LevelWarn.String()), auditProgress(cmd.ErrOrStderr())
	made, err := audit.Clone(cmd.Context(), o)
	if err != nil {
		return auditFailed(err)
	}
	return c.writeClone(cmd, f, made)
}

// writeClone writes the file, says what it lacks, and tries it.
func (c *cli) writeClone(cmd *cobra.Command, f *cloneFlags, made *imitate.Result) error {
	errs := cmd.ErrOrStderr()
	for _, m := range made.Missing {
		fmt.Fprintf(errs, "not imitated: %s\n", visible(m, 0))
	}
	if f.output == "" {
		_, err := cmd.OutOrStdout().Write(made.File)
		return err
	}
	if err := os.WriteFile(f.output, made.File, 0o644); err != nil {
		return err
	}
	if !strings.HasSuffix(f.output, ".toml") {
		fmt.Fprintf(errs, "written to %s; a sensor takes personas whose names end in .toml\n", f.output)
		return nil
	}
	r, err := tryClone(cmd, f.output)
	if err != nil {
		return fmt.Errorf("%s was written, but a sensor would refuse it: %w", f.output, err)
	}
	return reportClone(errs, f.output, r, len(made.Missing))
}

func tryClone(cmd *cobra.Command, file string) (r *trial.Report, err error) {
	kit, err := openPersona(cmd, nil, file, "killdeer")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, kit.Close(cmd.Context())) }()
	return kit.Test(cmd.Context(), usualTime, true)
}

func reportClone(errs io.Writer, file string, r *trial.Report, missing int) error {
	for _, f := range r.Findings {
		if f.Level == trial.Error {
			fmt.Fprintf(errs, "%s: %s: %s\n", f.Level, visible(f.Subject, maxCell), visible(f.Problem, 0))
		}
	}
	fmt.Fprintf(errs, "written to %s: %d tools, %d resources, %d prompts; %d things are not imitated\n", file, r.Tools, r.Resources, r.Prompts, missing)
	if r.Failed() {
		return errors.New("the persona was written, but does not work as it stands: correct what is named above")
	}
	return nil
}
