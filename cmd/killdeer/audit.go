package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/killdeer-mcp/killdeer/agent"
	"github.com/killdeer-mcp/killdeer/agent/config"
	"github.com/killdeer-mcp/killdeer/audit"
	"github.com/killdeer-mcp/killdeer/audit/evidence"
	"github.com/killdeer-mcp/killdeer/audit/lock"
	"github.com/killdeer-mcp/killdeer/audit/policy"
	"github.com/killdeer-mcp/killdeer/audit/report"
)

// verdict is an exit code that a command has said all about.
type verdict int

func (v verdict) Error() string { return fmt.Sprintf("exit code %d", int(v)) }

// auditFlags are the flags of killdeer audit. Those that agent.toml has as well are
// in settings.
type auditFlags struct {
	settings        config.Audit
	quick, thorough bool
	noSandbox       bool
	formats         []string
	output          string
	noColour        bool
	width           int
	seed            string
	out, learn      string
	locked, update  bool
	mcpJSON, server string
	transport       string
	manifest        string

	name string // under which the audited server is locked
}

const auditLong = `Run an MCP server in a sealed box without network, call all that it offers, watch
what it does, and report that against what it says. What follows "--" is the server's
command line. A URL, or a saved answer to tools/list, has its texts judged only.

Exit codes, the same in every format: 0 clean; 1 an error; 2 the server could not be
sealed or watched, or the command line is wrong; 3 findings of at least --fail-on;
4 with --locked the server is not what the lock pins; 5 too little could be exercised.`

func (c *cli) auditCommand() *cobra.Command {
	f := &auditFlags{}
	cmd := &cobra.Command{
		Use:     "audit [flags] -- COMMAND [ARG...]",
		Short:   "Audit an MCP server: what it does against what it says",
		Long:    auditLong,
		Example: "  killdeer audit -- npx -y some-mcp-server\n  killdeer audit --mcp-json .cursor/mcp.json --server notes --format sarif --output audit.sarif\n  killdeer audit --locked -- node server.js",
		Args:    cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.auditServer(cmd, f, args)
		},
	}
	f.define(cmd)
	return cmd
}

func (f *auditFlags) define(cmd *cobra.Command) {
	d := config.Default().Audit
	fl := cmd.Flags()
	fl.StringSliceVar(&f.formats, "format", []string{"terminal"}, "terminal, json, sarif or html; several with commas")
	fl.StringVarP(&f.output, "output", "o", "", "file for the report; of several formats each gets its extension")
	fl.StringVar(&f.settings.FailOn, "fail-on", d.FailOn, "severity that fails the audit: never, info, low, medium, high, critical")
	fl.IntVar(&f.settings.MinCoverage, "min-coverage", d.MinCoverage, "percent of the tools that must succeed, 0 to 100")
	fl.Var(duration{&f.settings.CallTimeout, d.CallTimeout}.set(), "call-timeout", "how long one call may take")
	fl.Var(duration{&f.settings.Budget, d.Budget}.set(), "budget", "how long the audit may take")
	fl.BoolVar(&f.quick, "quick", false, "one pass")
	fl.BoolVar(&f.thorough, "thorough", false, "all passes")
	fl.StringVar(&f.seed, "seed", "", "make the same audit again; leaves out of JSON what differs from run to run")
	fl.StringVar(&f.settings.Tracer, "tracer", d.Tracer, "strace, ebpf, auto or none")
	fl.BoolVar(&f.noSandbox, "no-sandbox", false, "run the server on this machine as it is: whatever it does is done to you")
	fl.StringVar(&f.out, "out", "", "folder for manifest, observations and report")
	fl.BoolVar(&f.locked, "locked", false, "fail with 4 when the server is not what the lock pins")
	fl.BoolVar(&f.update, "update-lock", false, "pin the server as it was seen")
	fl.StringVar(&f.settings.Lock, "lock", d.Lock, "lock file")
	fl.StringVar(&f.settings.Policy, "policy", "", "file that says what the server may do (audit.toml)")
	fl.StringVar(&f.learn, "learn", "", "folder to write a policy and a ToolHive profile of what was seen to")
	fl.StringVar(&f.mcpJSON, "mcp-json", "", "configuration file of a client that names the server")
	fl.StringVar(&f.server, "server", "", "the server's name there and in the lock")
	fl.StringVar(&f.transport, "transport", "", "stdio, streamable-http or sse")
	fl.StringVar(&f.manifest, "manifest", "", "judge a saved answer to tools/list; starts nothing")
	fl.IntVar(&f.width, "width", defaultWidth(), "characters of a line on the terminal")
	fl.BoolVar(&f.noColour, "no-color", false, "no colours on the terminal")
}

// duration is a flag in the form of agent.toml.
type duration struct {
	to   *config.Duration
	from config.Duration
}

func (d duration) set() duration {
	*d.to = d.from
	return d
}

func (d duration) String() string {
	if d.to == nil {
		return ""
	}
	return d.to.String()
}
func (d duration) Type() string          { return "duration" }
func (d duration) Set(text string) error { return d.to.UnmarshalText([]byte(text)) }

// auditServer is the command: settings, target, run, verdict, output.
func (c *cli) auditServer(cmd *cobra.Command, f *auditFlags, args []string) error {
	if err := f.complete(cmd, c.configFile); err != nil {
		return err
	}
	o, place, err := f.target(cmd, args)
	if err != nil {
		return err
	}
	if err := f.checkOutputs(); err != nil {
		return misused(cmd, "%w", err)
	}
	if err := f.options(&o, cmd.ErrOrStderr()); err != nil {
		return err
	}
	r, err := c.audit(cmd.Context(), o)
	if err != nil {
		return auditFailed(err)
	}
	r.Program = o.Program
	if err := f.compareLock(r, o.Lock); err != nil {
		return err
	}
	report.Decide(r, f.settings.FailOn, float64(f.settings.MinCoverage)/100)
	if cmd.Flags().Changed("seed") {
		report.Normalise(r)
	}
	if err := errors.Join(f.write(cmd, r, place), f.writeLearned(r)); err != nil {
		return err
	}
	if r.Exit.Code != report.ExitClean {
		return verdict(r.Exit.Code)
	}
	return nil
}

func auditFailed(err error) error {
	if errors.Is(err, audit.ErrSetup) {
		return &usageError{err}
	}
	return err
}

// complete takes from agent.toml what no flag says.
func (f *auditFlags) complete(cmd *cobra.Command, file string) error {
	if file == "" {
		if _, err := os.Stat(localConfig); err == nil {
			file = localConfig
		}
	}
	given := f.settings
	f.settings = config.Default().Audit
	if file != "" {
		var err error
		if f.settings, err = config.LoadAudit(file); err != nil {
			return &usageError{err}
		}
	}
	set := cmd.Flags().Changed
	pick(&f.settings.FailOn, given.FailOn, set("fail-on"))
	pick(&f.settings.MinCoverage, given.MinCoverage, set("min-coverage"))
	pick(&f.settings.CallTimeout, given.CallTimeout, set("call-timeout"))
	pick(&f.settings.Budget, given.Budget, set("budget"))
	pick(&f.settings.Tracer, given.Tracer, set("tracer"))
	pick(&f.settings.Lock, given.Lock, set("lock"))
	pick(&f.settings.Policy, given.Policy, set("policy"))
	pick(&f.settings.Sandbox, false, f.noSandbox)
	pick(&f.settings.Depth, string(audit.Quick), f.quick)
	pick(&f.settings.Depth, string(audit.Thorough), f.thorough)
	if f.quick && f.thorough {
		return misused(cmd, "--quick and --thorough: want one of them")
	}
	if f.locked && f.update {
		return misused(cmd, "--locked and --update-lock: want one of them")
	}
	if err := f.settings.Check(); err != nil {
		return misused(cmd, "%w", err)
	}
	return nil
}

func pick[T any](to *T, value T, given bool) {
	if given {
		*to = value
	}
}

// options adds to the target how it is audited.
func (f *auditFlags) options(o *audit.Options, errs io.Writer) error {
	s := f.settings
	o.Depth, o.Seed, o.Tracer, o.Sandbox = audit.Depth(s.Depth), f.seed, s.Tracer, s.Sandbox
	o.CallTimeout, o.Budget = time.Duration(s.CallTimeout), time.Duration(s.Budget)
	o.Out, o.Program, o.Log = f.out, "killdeer "+version, newLog(errs, slog.LevelWarn.String())
	o.Progress, o.Tracers = auditProgress(errs), agent.PluginDirs()
	var err error
	if s.Policy != "" {
		if o.Policy, err = policy.Load(s.Policy); err != nil {
			return &usageError{err}
		}
	}
	o.Lock, err = lock.Load(s.Lock)
	switch {
	case errors.Is(err, os.ErrNotExist) && f.locked:
		return &usageError{&hinted{err, `make one with "killdeer audit --update-lock"`}}
	case errors.Is(err, os.ErrNotExist):
		o.Lock = lock.New()
	case err != nil:
		return &usageError{err}
	}
	return f.checkLearn()
}

// auditProgress says on standard error what the audit does, one line a stage.
func auditProgress(errs io.Writer) func(stage string, done, total int) {
	last := ""
	return func(stage string, done, total int) {
		if stage == last {
			return
		}
		last = stage
		if total > 0 {
			fmt.Fprintf(errs, "audit: %s (%d of %d)\n", visible(stage, 0), done, total)
		} else {
			fmt.Fprintf(errs, "audit: %s\n", visible(stage, 0))
		}
	}
}

// compareLock sets a report against the lock, and writes that when told to.
func (f *auditFlags) compareLock(r *evidence.Report, l *evidence.Lock) error {
	r.Lock = evidence.LockStatus{File: relative(f.settings.Lock), State: "none", Enforced: f.locked}
	f.name = r.Server.Name
	if r.Locked == nil {
		if f.update {
			return fmt.Errorf("%s was not written: the audit saw too little to pin", f.settings.Lock)
		}
		return nil
	}
	var locked *evidence.LockedServer
	f.name, locked = lock.Pick(l, f.server, r.Locked)
	switch {
	case f.update && (r.Outcome == "failed" || r.Outcome == "inconclusive"):
		return fmt.Errorf("%s was not written: the audit is %s", f.settings.Lock, r.Outcome)
	case f.update:
		r.Lock.State = "updated"
		if locked != nil {
			r.Lock.Changes = lock.Diff(locked, r.Locked)
		}
		l.Servers[f.name] = r.Locked
		return lock.Save(f.settings.Lock, l)
	case locked == nil:
		r.Lock.State = "new"
	default:
		r.Lock.State = "same"
		if r.Lock.Changes = lock.Diff(locked, r.Locked); len(r.Lock.Changes) > 0 {
			r.Lock.State = "drift"
		}
	}
	return nil
}
