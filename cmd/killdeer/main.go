// Command killdeer runs a decoy MCP server and reads what it recorded.
//
// The package is the command line only: one file per command, which parses
// flags, calls package agent and prints. It holds no logic of the sensor.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/killdeer-mcp/killdeer/agent/config"
	"github.com/killdeer-mcp/killdeer/agent/service"
	"github.com/killdeer-mcp/killdeer/audit"
	"github.com/killdeer-mcp/killdeer/audit/sandbox"
	"github.com/killdeer-mcp/killdeer/internal/pack"
)

// Exit codes. Those of the commands that work on packs are [pack.Class].
const (
	exitOK    = 0
	exitError = 1
	exitUsage = 2 // the command line or the configuration is wrong; nothing was started
)

// Where the configuration is sought when no flag names it, in this order.
const (
	localConfig  = "agent.toml"
	systemConfig = "/etc/killdeer/agent.toml"
)

// version is set by the build.
var version = "dev"

func main() {
	if code, ours := sandbox.Main(); ours { // this process holds an audited server's box
		os.Exit(code)
	}
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run is main with its surroundings handed in.
func run(args []string, in io.Reader, out, errs io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// A second signal ends the process at once: the first one only asked.
	context.AfterFunc(ctx, stop)
	return runWith(ctx, &cli{audit: audit.Run}, args, in, out, errs)
}

// runWith is run with what audits handed in.
func runWith(ctx context.Context, c *cli, args []string, in io.Reader, out, errs io.Writer) int {
	root := c.root()
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(errs)
	cmd, err := root.ExecuteContextC(ctx)
	code := complain(service.ErrorLines(errs), err)
	if ownCodes(cmd) && code == exitUsage && pack.ClassOf(err) == pack.Other {
		return exitError
	}
	return code
}

// complain prints an error as the user sees it and returns the exit code.
func complain(errs io.Writer, err error) int {
	if err == nil {
		return exitOK
	}
	if v, ok := errors.AsType[verdict](err); ok {
		return int(v)
	}
	if faults, ok := errors.AsType[config.Faults](err); ok {
		fmt.Fprintln(errs, faults.Error())
		return exitUsage
	}
	for line := range strings.SplitSeq(err.Error(), "\n") {
		fmt.Fprintf(errs, "killdeer: %s\n", line)
	}
	if h, ok := errors.AsType[*hinted](err); ok {
		fmt.Fprintf(errs, "hint: %s\n", h.hint)
	}
	if _, ok := errors.AsType[*usageError](err); ok {
		return exitUsage
	}
	return int(pack.ClassOf(err))
}

// hinted is an error with advice for the user.
type hinted struct {
	error
	hint string
}

func (h *hinted) Unwrap() error { return h.error }

// usageError is a fault of the command line or of the choice of configuration.
type usageError struct{ error }

func (u *usageError) Unwrap() error { return u.error }

// misused is a usageError that points at the help of its command.
func misused(cmd *cobra.Command, format string, args ...any) error {
	return &usageError{&hinted{fmt.Errorf(format, args...), fmt.Sprintf("see %q", cmd.CommandPath()+" --help")}}
}

// cli holds the flags that all commands share.
type cli struct {
	configFile string
	json       bool
	audit      audit.Runner
}

func (c *cli) root() *cobra.Command {
	root := &cobra.Command{
		Use:           "killdeer",
		Short:         "A decoy MCP server that records, detects and delivers; an auditor of real ones",
		Long:          "Killdeer is an MCP deception sensor: it looks like a company's integration hub,\nand every byte that whoever finds it sends is recorded and judged. It also audits\nreal MCP servers: what they do against what they say.",
		Version:       version,
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          noArgs,
		RunE:          showHelp,
	}
	root.SetVersionTemplate(versionLine() + "\n")
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return misused(cmd, "%w", err) })
	root.PersistentFlags().StringVarP(&c.configFile, "config", "c", "",
		"configuration file (default "+localConfig+" here, else "+systemConfig+")")
	root.AddCommand(c.runCommand(), c.checkCommand(), c.demoCommand(), c.doctorCommand(), c.serviceCommand(), c.eventsCommand(), c.detectionsCommand(), c.journalCommand(),
		c.rulesCommand(), c.personaCommand(), c.packCommand(), c.trustCommand(), c.sinksCommand(), c.dashboardCommand(), c.reloadCommand(), c.versionCommand(),
		c.compileCommand(), c.auditCommand(), c.pushCommand())
	return root
}

// showHelp is what a command does that only holds others. Without a function of
// its own cobra would take any unknown word after it for a call for help.
func showHelp(cmd *cobra.Command, _ []string) error { return cmd.Help() }

// noArgs refuses words that no command takes.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	if !cmd.HasSubCommands() {
		return misused(cmd, "unexpected argument %q", args[0])
	}
	cmd.SuggestionsMinimumDistance = 2 // letters; cobra's own default does not reach here
	err := fmt.Errorf("unknown command %q", cmd.CommandPath()+" "+args[0])
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		return &usageError{&hinted{err, fmt.Sprintf("did you mean %q?", cmd.CommandPath()+" "+near[0])}}
	}
	return misused(cmd, "%w", err)
}

// jsonFlag adds --json to a command whose output a program may read.
func (c *cli) jsonFlag(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&c.json, "json", false, "print JSON, one object a line")
}

// load reads the configuration.
func (c *cli) load() (*config.Config, error) {
	file, err := c.find()
	if err != nil {
		return nil, err
	}
	cfg, err := config.Load(file)
	if err != nil {
		return nil, &usageError{err}
	}
	return cfg, nil
}

// find returns the path of the configuration.
func (c *cli) find() (string, error) {
	file, missing := c.configFile, c.configFile+" does not exist"
	if file == "" {
		file, missing = localConfig, "there is neither "+localConfig+" here nor "+systemConfig
		if _, err := os.Stat(file); errors.Is(err, os.ErrNotExist) {
			file = systemConfig
		}
	}
	if _, err := os.Stat(file); errors.Is(err, os.ErrNotExist) {
		return "", &usageError{&hinted{
			fmt.Errorf("no configuration: %s", missing),
			"name one with --config, or start from the agent.toml in the repository",
		}}
	}
	return file, nil
}
