package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/killdeer-mcp/killdeer/agent/service"
)

func (c *cli) serviceCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "service",
		Short: "Run the sensor by systemd, without a package",
		Args:  noArgs,
		RunE:  showHelp,
	}
	var root string
	cmd.PersistentFlags().StringVar(&root, "root", "", "work on the system in this folder, and start nothing")
	cmd.AddCommand(c.serviceInstall(&root), c.serviceUninstall(&root), c.serviceStatus(&root))
	return cmd
}

func installation(cmd *cobra.Command, root string) (*service.Installation, error) {
	self, err := os.Executable()
	if err == nil {
		self, err = filepath.EvalSymlinks(self)
	}
	if err != nil {
		return nil, fmt.Errorf("find own program: %w", err)
	}
	return &service.Installation{Root: root, Program: self, Out: cmd.OutOrStdout(), Run: service.Command}, nil
}

func (c *cli) serviceInstall(root *string) *cobra.Command {
	return &cobra.Command{
		Use:   "install",
		Short: "Install this program, its plugins, a user, a configuration and the units",
		Long:  "Copy this program to /usr/local/bin and its plugins to /usr/local/libexec/killdeer,\nmake the user killdeer and /etc/killdeer/agent.toml, and add hardened units. Nothing\nis started, and a configuration that is there stays. To upgrade, do it again.",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			i, err := installation(cmd, *root)
			if err != nil {
				return err
			}
			if err := i.Install(cmd.Context()); err != nil {
				return asRoot(err)
			}
			fmt.Fprintln(cmd.OutOrStdout(), "look at /etc/killdeer/agent.toml, then: systemctl enable --now killdeer")
			return nil
		},
	}
}

func (c *cli) serviceUninstall(root *string) *cobra.Command {
	var purge bool
	cmd := &cobra.Command{
		Use:   "uninstall",
		Short: "Stop the service and remove what \"service install\" brought",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			i, err := installation(cmd, *root)
			if err != nil {
				return err
			}
			return asRoot(i.Uninstall(cmd.Context(), purge))
		},
	}
	cmd.Flags().BoolVar(&purge, "purge", false, "also remove the configuration and all that was recorded")
	return cmd
}

// asRoot adds who may do what was refused.
func asRoot(err error) error {
	if errors.Is(err, os.ErrPermission) {
		return &hinted{err, "do it as root"}
	}
	return err
}

func (c *cli) serviceStatus(root *string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Say which units are installed, and what the service manager makes of them",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			i, err := installation(cmd, *root)
			if err != nil {
				return err
			}
			for _, u := range i.Units(cmd.Context()) {
				if c.json {
					if err := json.NewEncoder(cmd.OutOrStdout()).Encode(u); err != nil {
						return err
					}
					continue
				}
				fmt.Fprintf(cmd.OutOrStdout(), "%-28s %-12s %s\n", u.Name, cmp.Or(u.Active, "unknown"), cmp.Or(u.Installed, "not installed"))
			}
			return nil
		},
	}
	c.jsonFlag(cmd)
	return cmd
}
