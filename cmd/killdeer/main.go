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
	"syscall"

	"github.com/spf13/cobra"

	"github.com/killdeer-mcp/killdeer/agent/config"
)

// Exit codes.
const (
	exitOK    = 0
	exitError = 1
	exitUsage = 2 // the command line or the configuration is wrong; nothing was started
)

// systemConfig is read when there is no agent.toml in the working directory.
const systemConfig = "/etc/killdeer/agent.toml"

// version is set by the build.
var version = "dev"

func main() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

// run is main with its surroundings handed in.
func run(args []string, in io.Reader, out, errs io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// A second signal ends the process at once: the first one only asked.
	context.AfterFunc(ctx, stop)
	c := &cli{}
	root := c.root()
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(errs)
	return report(errs, root.ExecuteContext(ctx))
}

// report prints an error as the user sees it and returns the exit code.
func report(errs io.Writer, err error) int {
	if err == nil {
		return exitOK
	}
	if faults, ok := errors.AsType[config.Faults](err); ok {
		fmt.Fprintln(errs, faults.Error())
		return exitUsage
	}
	fmt.Fprintf(errs, "killdeer: %v\n", err)
	if h, ok := errors.AsType[*hinted](err); ok {
		fmt.Fprintf(errs, "hint: %s\n", h.hint)
	}
	if _, ok := errors.AsType[*usageError](err); ok {
		return exitUsage
	}
	return exitError
}

// hinted is an error with advice for the user.
type hinted struct {
	error
	hint string
}

func (h *hinted) Unwrap() error { return h.error }

// usageError is a fault of the command line.
type usageError struct{ error }

// cli holds the flags that all commands share.
type cli struct {
	configFile string
	json       bool
}

func (c *cli) root() *cobra.Command {
	root := &cobra.Command{
		Use:           "killdeer",
		Short:         "A decoy MCP server that records, detects and delivers",
		Long:          "Killdeer is an MCP deception sensor: it looks like a company's integration hub,\nand every byte that whoever finds it sends is recorded and judged.",
		Version:       version,
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          cobra.NoArgs,
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return &usageError{&hinted{err, fmt.Sprintf("see %q", cmd.CommandPath()+" --help")}}
	})
	root.PersistentFlags().StringVarP(&c.configFile, "config", "c", "",
		"configuration file (default agent.toml here, else "+systemConfig+")")
	root.AddCommand(c.runCommand(), c.checkCommand(), c.eventsCommand(), c.detectionsCommand(), c.versionCommand(), c.compileCommand())
	return root
}

// jsonFlag adds --json to a command whose output a program may read.
func (c *cli) jsonFlag(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&c.json, "json", false, "print JSON, one object a line")
}

// load reads the configuration.
func (c *cli) load() (*config.Config, error) {
	file := c.configFile
	if file == "" {
		file = "agent.toml"
		if _, err := os.Stat(file); errors.Is(err, os.ErrNotExist) {
			file = systemConfig
		}
	}
	cfg, err := config.Load(file)
	if errors.Is(err, os.ErrNotExist) {
		return nil, &usageError{&hinted{
			fmt.Errorf("no configuration: %w", err),
			"name one with --config, or start from the agent.toml in the repository",
		}}
	}
	return cfg, err
}
