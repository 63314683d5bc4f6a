package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"

	"github.com/spf13/cobra"

	"github.com/killdeer-mcp/killdeer/agent"
	"github.com/killdeer-mcp/killdeer/agent/config"
	"github.com/killdeer-mcp/killdeer/agent/doctor"
	"github.com/killdeer-mcp/killdeer/plugins"
)

func (c *cli) doctorCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Look at this machine, and say what a sensor or an audit would lack",
		Long:  "Look at the kernel, the clock, folders and their modes, ports, keys, plugins, and\nwhat audits use. Each line is ok, a warning, or a failure with its remedy. Nothing\nis changed. Without a configuration only the machine is looked at. The exit code is\n1 if something fails.",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			checks, err := c.examine(cmd)
			if err != nil {
				return err
			}
			return c.printChecks(cmd.OutOrStdout(), checks)
		},
	}
	c.jsonFlag(cmd)
	return cmd
}

// examine looks at everything; a configuration that is at fault is one of the
// failures.
func (c *cli) examine(cmd *cobra.Command) ([]doctor.Check, error) {
	o := doctor.Options{FindPlugin: agent.FindPlugin, Credential: plugins.CredentialFile, Built: agent.Built()}
	first := doctor.Check{Name: "configuration", Status: doctor.OK}
	file, err := c.find()
	switch {
	case err != nil && c.configFile != "":
		return nil, err
	case err != nil:
		first.Detail = "there is none: only the machine is looked at"
	default:
		first.Detail = file
		o.Config, err = config.Load(file)
	}
	if faults, ok := errors.AsType[config.Faults](err); ok {
		first = doctor.Check{Name: first.Name, Status: doctor.Failure, Detail: faults.Error(), Remedy: `mend the file; "killdeer check --explain" tells what settings mean`}
	} else if err != nil && file != "" {
		first = doctor.Check{Name: first.Name, Status: doctor.Failure, Detail: err.Error(), Remedy: "run as a user who can read it"}
	}
	if o.Config != nil {
		o.Running = agent.IsRunning(cmd.Context(), o.Config.Sensor.StateDir)
		o.Serving = serving(cmd.Context(), o.Config.Sensor.StateDir)
	}
	return append([]doctor.Check{first}, doctor.Examine(cmd.Context(), o)...), nil
}

// serving asks a running sensor for the addresses that it listens at.
func serving(ctx context.Context, stateDir string) (addresses []string) {
	found, err := agent.FindDemo(ctx, stateDir)
	if err != nil {
		return nil
	}
	for _, text := range []string{found.URL, found.Dashboard} {
		if u, err := url.Parse(text); err == nil && u.Host != "" {
			addresses = append(addresses, u.Host)
		}
	}
	return addresses
}

func (c *cli) printChecks(w io.Writer, checks []doctor.Check) error {
	failed := false
	for _, k := range checks {
		failed = failed || k.Status == doctor.Failure
		if c.json {
			if err := json.NewEncoder(w).Encode(k); err != nil {
				return err
			}
			continue
		}
		fmt.Fprintf(w, "%-8s %-18s %s\n", k.Status, k.Name, k.Detail)
		if k.Remedy != "" {
			fmt.Fprintf(w, "%-8s %-18s -> %s\n", "", "", k.Remedy)
		}
	}
	if failed {
		return verdict(exitError)
	}
	return nil
}
