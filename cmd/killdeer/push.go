package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/killdeer-mcp/killdeer/audit/push"
	"github.com/killdeer-mcp/killdeer/audit/report"
)

// Where the dashboard and its token are sought when no flag names them.
const (
	dashboardEnv = "MCP_BEHAVE_DASHBOARD_URL"
	tokenEnv     = "MCP_BEHAVE_TOKEN"
)

// pushFlags are the flags of killdeer push.
type pushFlags struct {
	url, token string
	listing    push.Listing
	dryRun     bool
}

func (c *cli) pushCommand() *cobra.Command {
	f := &pushFlags{}
	cmd := &cobra.Command{
		Use:   "push [FILE]",
		Short: "Send the JSON of an audit to a dashboard",
		Long: `Send the JSON that "killdeer audit --format json" wrote, from a file or, without one
or for "-", from standard input, to a dashboard that takes reports of mcp-behave.

Exit codes: 1 the dashboard could not be reached or refused; 2 the JSON is no report, or
address or token are missing.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return f.push(cmd, args) },
	}
	fl := cmd.Flags()
	fl.StringVar(&f.url, "dashboard-url", "", "address of the dashboard (environment: "+dashboardEnv+")")
	fl.StringVar(&f.token, "token", "", "its token; better in the environment, as "+tokenEnv)
	fl.StringVar(&f.listing.Name, "server-name", "", "name of the server (default: its own)")
	fl.StringVar(&f.listing.Description, "description", "", "what the server is")
	fl.StringVar(&f.listing.GitHubURL, "github-url", "", "its repository")
	fl.StringVar(&f.listing.NPMPackage, "npm-package", "", "its package")
	fl.StringVar(&f.listing.Author, "author", "", "who made it")
	fl.StringVar(&f.listing.Category, "category", "other", strings.Join(push.Categories, ", "))
	fl.StringVar(&f.listing.Transport, "transport", "", "stdio, sse or streamable-http (default: that of the audit)")
	fl.BoolVar(&f.dryRun, "dry-run", false, "print what would be sent; needs no token")
	return cmd
}

func (f *pushFlags) push(cmd *cobra.Command, args []string) error {
	err := errors.Join(oneOf("--category", f.listing.Category, push.Categories), oneOf("--transport", f.listing.Transport, transports))
	if err != nil {
		return misused(cmd, "%w", err)
	}
	if f.url == "" {
		f.url = os.Getenv(dashboardEnv)
	}
	if f.token == "" {
		f.token = os.Getenv(tokenEnv)
	}
	if !f.dryRun && (f.url == "" || f.token == "") {
		return misused(cmd, "want the dashboard's address and token: --dashboard-url and --token, or %s and %s", dashboardEnv, tokenEnv)
	}
	body, err := f.body(cmd.InOrStdin(), args)
	if err != nil {
		return &usageError{err}
	}
	if f.dryRun {
		return writeJSON(cmd.OutOrStdout(), body, "  ")
	}
	if _, err := push.Send(cmd.Context(), f.url, f.token, body); err != nil {
		return err
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "sent %s: %d tools, %d findings\n", visible(body.Server.Name, maxCell), len(body.Tools), len(body.Findings))
	return err
}

func (f *pushFlags) body(in io.Reader, args []string) (push.Body, error) {
	if len(args) == 1 && args[0] != "-" {
		file, err := os.Open(args[0])
		if err != nil {
			return push.Body{}, err
		}
		defer file.Close()
		in = file
	}
	r, err := report.Read(in)
	if err != nil {
		return push.Body{}, err
	}
	return push.Make(r, f.listing), nil
}
