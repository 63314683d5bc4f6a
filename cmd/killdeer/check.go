package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/killdeer-mcp/killdeer/agent"
	"github.com/killdeer-mcp/killdeer/agent/config"
	"github.com/killdeer-mcp/killdeer/agent/doctor"
	"github.com/killdeer-mcp/killdeer/packaging"
	"github.com/killdeer-mcp/killdeer/plugins"
)

func (c *cli) checkCommand() *cobra.Command {
	var explain bool
	cmd := &cobra.Command{
		Use:   "check [--explain [KEY...]]",
		Short: "Check the configuration, and explain its settings",
		Long:  "Check the configuration and print every fault in it. No sensor is started and no\nfile created; the programs of sinks are started to check their own settings, and\nreach for no receiver. With --explain every setting is reported instead, or those\nwhose names begin with KEY: its value, where it comes from, and what it means. Of a\nfile that is at fault the defaults are reported, before the faults.",
		Args: func(cmd *cobra.Command, args []string) error {
			if explain {
				return nil
			}
			return noArgs(cmd, args)
		},
		RunE: func(cmd *cobra.Command, keys []string) error {
			if explain {
				return c.explain(cmd, keys)
			}
			cfg, err := c.load()
			if err != nil {
				return err
			}
			if err := agent.CheckTexts(cfg); err != nil {
				return err
			}
			if err := checkModules(cmd, cfg); err != nil {
				return err
			}
			if err := agent.CheckPacks(cfg, version, newLog(cmd.ErrOrStderr(), cfg.Sensor.LogLevel)); err != nil {
				return err
			}
			if err := checkCertificates(cfg, cmd.ErrOrStderr()); err != nil {
				return err
			}
			if err := checkSinks(cmd.Context(), cfg, cmd.ErrOrStderr()); err != nil {
				return err
			}
			if c.json {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(map[string]any{"ok": true, "state_dir": cfg.Sensor.StateDir})
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), "configuration ok")
			return err
		},
	}
	cmd.Flags().BoolVar(&explain, "explain", false, "report settings")
	c.jsonFlag(cmd)
	return cmd
}

// checkModules has the modules of a configuration compiled and described.
func checkModules(cmd *cobra.Command, cfg *config.Config) error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find own program: %w", err)
	}
	return agent.CheckModules(cmd.Context(), cfg, []string{self, compileGuest}, newLog(cmd.ErrOrStderr(), slog.LevelWarn.String()))
}

// checkCertificates returns what keeps a listener from securing its connections, and
// warns of what its clients will not like.
func checkCertificates(cfg *config.Config, errs io.Writer) error {
	for _, k := range doctor.Certificates(cfg, plugins.CredentialFile) {
		switch k.Status {
		case doctor.Failure:
			return &usageError{&hinted{fmt.Errorf("%s: %s", k.Name, k.Detail), k.Remedy}}
		case doctor.Warning:
			fmt.Fprintf(errs, "killdeer: warning: %s: %s\n", k.Name, k.Detail)
		}
	}
	return nil
}

// explain reports the settings whose names begin with one of keys, or all. Of a file
// that is at fault it reports the defaults, and then the faults.
func (c *cli) explain(cmd *cobra.Command, keys []string) error {
	file, err := c.find()
	if err != nil {
		return err
	}
	all, fault := config.Explain(file, packaging.AgentTOML)
	if _, isFaults := errors.AsType[config.Faults](fault); isFaults {
		all = config.ExplainDefaults(packaging.AgentTOML)
	} else if fault != nil {
		return &usageError{fault}
	}
	shown := slices.DeleteFunc(all, func(s config.Setting) bool {
		return len(keys) > 0 && !slices.ContainsFunc(keys, s.Begins)
	})
	if len(shown) == 0 {
		return misused(cmd, "no setting begins with %s", strings.Join(keys, " or "))
	}
	for _, s := range shown {
		if !c.json {
			printSetting(cmd.OutOrStdout(), file, s)
		} else if err := json.NewEncoder(cmd.OutOrStdout()).Encode(s); err != nil {
			return err
		}
	}
	return fault
}

func printSetting(w io.Writer, file string, s config.Setting) {
	from := "default"
	if s.Line > 0 {
		from = fmt.Sprintf("%s:%d", file, s.Line)
		if s.Default != "" && s.Default != s.Value {
			from += ", default " + s.Default
		}
	}
	fmt.Fprintf(w, "%s = %s  (%s; %s)\n", s.Key, s.Value, from, choose(s.Reload, "a reload takes it up", "needs a restart"))
	for line := range strings.Lines(s.Text) {
		fmt.Fprintf(w, "    %s\n", strings.TrimSuffix(line, "\n"))
	}
}
