package main

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/killdeer-mcp/killdeer/agent"
	"github.com/killdeer-mcp/killdeer/agent/config"
	"github.com/killdeer-mcp/killdeer/internal/pack"
)

func (c *cli) packInstall() *cobra.Command {
	var o pack.InstallOptions
	cmd := &cobra.Command{
		Use:   "install PACK",
		Short: "Verify, test and install a pack, and have the running sensor take it up",
		Args:  wantArgs("a pack"),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, store, err := c.packs(cmd)
			if err != nil {
				return err
			}
			data, err := pack.ReadFile(args[0])
			if err != nil {
				return err
			}
			change, running, err := agent.InstallPack(cmd.Context(), cfg, store, data, o)
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s %s, signed by %s\n", change.Label(), choose(change.Kept, "is installed already", "installed"), signer(change.Signer))
			if change.Freshness == pack.Aging {
				fmt.Fprintf(cmd.ErrOrStderr(), "warning: it expires on %s\n", change.Expires.Format(time.DateOnly))
			}
			fmt.Fprintln(cmd.OutOrStdout(), nextStep(cfg, change.ID(), running))
			return nil
		},
	}
	cmd.Flags().BoolVar(&o.Downgrade, "allow-downgrade", false, "accept a lower serial than was installed before")
	return cmd
}

// nextStep says whether anything uses a pack.
func nextStep(cfg *config.Config, id string, running bool) string {
	switch {
	case !used(cfg, id):
		return fmt.Sprintf("nothing uses it yet: name %q in decoy.personas or rules.packs, then \"killdeer reload\"", id)
	case running:
		return "the running sensor uses it"
	}
	return "a sensor uses it from its next start"
}

func used(cfg *config.Config, id string) bool {
	return slices.Contains(cfg.Decoy.Personas, id) || slices.Contains(cfg.Rules.Packs, id)
}

func (c *cli) packRollback() *cobra.Command {
	var to uint64
	cmd := &cobra.Command{
		Use:   "rollback PUBLISHER/NAME",
		Short: "Put the pack before in use again",
		Args:  wantArgs("a pack as publisher/name"),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, store, err := c.packs(cmd)
			if err != nil {
				return err
			}
			change, err := store.Rollback(cmd.Context(), args[0], to)
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s in use again, instead of serial %d\n", change.Label(), change.Previous)
			if _, err := agent.Reload(cmd.Context(), cfg.Sensor.StateDir); err != nil && !errors.Is(err, agent.ErrNoSensor) {
				return &pack.Error{Class: pack.SelfTest, Err: fmt.Errorf("the running sensor goes on with what it had: %w", err)}
			}
			return nil
		},
	}
	cmd.Flags().Uint64Var(&to, "to", 0, "serial to go back to (default the one before)")
	return cmd
}

func (c *cli) packPin() *cobra.Command {
	var off bool
	cmd := &cobra.Command{
		Use:   "pin PUBLISHER/NAME",
		Short: "Keep a pack at the serial in use: installing another is refused",
		Args:  wantArgs("a pack as publisher/name"),
		RunE: func(cmd *cobra.Command, args []string) error {
			_, store, err := c.packs(cmd)
			if err != nil {
				return err
			}
			serial, err := store.Pin(args[0], off)
			if err != nil {
				return err
			}
			if off {
				fmt.Fprintf(cmd.OutOrStdout(), "%s is not pinned\n", args[0])
			} else {
				fmt.Fprintf(cmd.OutOrStdout(), "%s is pinned to serial %d\n", args[0], serial)
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&off, "off", false, "let it go")
	return cmd
}

func (c *cli) packRemove() *cobra.Command {
	var serial uint64
	cmd := &cobra.Command{
		Use:   "remove PUBLISHER/NAME",
		Short: "Remove an installed pack",
		Long:  "Remove an installed pack, or one serial of it. Its highest serial stays known: an\nolder pack is refused afterwards as before.",
		Args:  wantArgs("a pack as publisher/name"),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, store, err := c.packs(cmd)
			if err != nil {
				return err
			}
			if serial == 0 && used(cfg, args[0]) {
				return fmt.Errorf("the configuration names %s: take it out of decoy.personas and rules.packs first", args[0])
			}
			if err := store.Remove(args[0], serial); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s removed\n", args[0])
			return nil
		},
	}
	cmd.Flags().Uint64Var(&serial, "serial", 0, "only this serial")
	return cmd
}
