package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/killdeer-mcp/killdeer/audit"
	"github.com/killdeer-mcp/killdeer/audit/clientconf"
	"github.com/killdeer-mcp/killdeer/audit/report"
)

// maxManifest is the largest saved answer to tools/list.
const maxManifest = 16 << 20

var transports = []string{"stdio", "streamable-http", "sse"}

// target works out what is audited, and the file that findings are shown at.
func (f *auditFlags) target(cmd *cobra.Command, args []string) (audit.Options, report.Place, error) {
	var o audit.Options
	place := report.Place{File: f.settings.Lock}
	if f.transport != "" && !slices.Contains(transports, f.transport) {
		return o, place, misused(cmd, "%w", oneOf("--transport", f.transport, transports))
	}
	ways := 0
	for _, given := range []bool{len(args) > 0, f.mcpJSON != "", f.manifest != ""} {
		if given {
			ways++
		}
	}
	if ways != 1 {
		return o, place, misused(cmd, `want one of: "-- COMMAND", a URL, --mcp-json, --manifest`)
	}
	o.Server, o.Transport = f.server, "stdio"
	var err error
	switch {
	case f.mcpJSON != "":
		err = f.entry(&o, &place)
	case f.manifest != "":
		place = report.Place{File: relative(f.manifest)}
		o.Manifest, err = readManifest(f.manifest)
	default:
		err = command(cmd, &o, args)
	}
	if err != nil {
		return o, place, asUsage(err)
	}
	if f.transport != "" {
		o.Transport = f.transport
	}
	if len(o.Argv) > 0 && o.Transport != "stdio" {
		return o, place, misused(cmd, "--transport %s: a command speaks stdio", f.transport)
	}
	if o.URL != "" && o.Transport == "stdio" {
		return o, place, misused(cmd, "--transport stdio: a URL speaks streamable-http or sse")
	}
	return o, place, f.checkAttach(cmd, o.URL)
}

// checkAttach holds what is watched as it runs to what can be.
func (f *auditFlags) checkAttach(cmd *cobra.Command, url string) error {
	given := cmd.Flags().Changed
	switch {
	case !given("attach") && !given("cgroup"):
		return nil
	case given("attach") && given("cgroup"):
		return misused(cmd, "--attach and --cgroup: want one of them")
	case given("attach") && f.attach.PID <= 0:
		return misused(cmd, "--attach %d: want the number of a process", f.attach.PID)
	case given("cgroup") && !filepath.IsAbs(f.attach.Cgroup):
		return misused(cmd, "--cgroup %q: want the folder of a cgroup, or its name from the root, such as /system.slice/NAME.service", f.attach.Cgroup)
	case url == "":
		return misused(cmd, "--attach and --cgroup watch a server that runs already: give its URL as well")
	}
	return nil
}

func asUsage(err error) error {
	if _, ok := errors.AsType[*usageError](err); ok {
		return err
	}
	return &usageError{err}
}

// command takes what follows "--", or a URL in front of nothing.
func command(cmd *cobra.Command, o *audit.Options, args []string) error {
	dash := cmd.ArgsLenAtDash()
	isURL := strings.HasPrefix(args[0], "http://") || strings.HasPrefix(args[0], "https://")
	switch {
	case dash == 0:
		o.Argv = args
	case isURL && len(args) == 1:
		o.URL, o.Transport = args[0], "streamable-http"
	case isURL:
		return misused(cmd, "a URL takes no further words, got %q", args[1])
	default:
		return &usageError{&hinted{fmt.Errorf("unexpected argument %q", args[0]), `put "--" before the server's command line`}}
	}
	return nil
}

// entry takes a server out of a client's configuration.
func (f *auditFlags) entry(o *audit.Options, place *report.Place) error {
	servers, err := clientconf.Load(f.mcpJSON)
	if err != nil {
		return err
	}
	names := make([]string, len(servers))
	for i, s := range servers {
		names[i] = s.Name
	}
	i := slices.Index(names, f.server)
	if f.server == "" && len(servers) == 1 {
		i = 0
	}
	if i < 0 {
		for k, n := range names {
			names[k] = visible(n, maxCell)
		}
		return &hinted{fmt.Errorf("--server: want one of the servers of %s, got %q", f.mcpJSON, f.server), "it has " + strings.Join(names, ", ")}
	}
	s := servers[i]
	f.server = s.Name
	o.Argv, o.URL, o.Transport, o.Server, o.Env = s.Argv, s.URL, s.Transport, s.Name, s.Env
	o.Others = slices.Delete(names, i, i+1)
	*place = report.Place{File: relative(f.mcpJSON), Line: func(string) int { return s.Line }}
	return nil
}

func readManifest(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("read manifest: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxManifest+1))
	if err == nil && len(text) > maxManifest {
		err = fmt.Errorf("larger than %d MiB", maxManifest>>20)
	}
	if err != nil {
		return nil, fmt.Errorf("read manifest %q: %w", file, err)
	}
	return text, nil
}

// relative is a file as seen from here, when it lies below.
func relative(file string) string {
	here, err := os.Getwd()
	if err != nil || !filepath.IsAbs(file) {
		return file
	}
	if rel, err := filepath.Rel(here, file); err == nil && filepath.IsLocal(rel) {
		return rel
	}
	return file
}
