package clients

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// The modes of a client. Not every client has each: see [Client.Modes]. Over
// stdio there are the last three.
const (
	ModeHTTP   = "http"   // Streamable HTTP, negotiating as the SDK does by default
	ModeSSE    = "sse"    // HTTP+SSE of 2024-11-05
	ModeLegacy = "legacy" // Streamable HTTP, the initialize handshake
	ModeModern = "modern" // Streamable HTTP, 2026-07-28 and no fallback
	ModeAuto   = "auto"   // Streamable HTTP, modern first and legacy after a refusal
)

// The protocol versions that bound the two eras.
const (
	VersionLegacy = "2025-11-25"
	VersionModern = "2026-07-28"
)

// runTimeout bounds one session, however the server behaves.
const runTimeout = 2 * time.Minute

// Reach is how far a client goes in one session.
type Reach int

// What a client does once it is connected.
const (
	ReachAll  Reach = iota // lists every tool and calls each
	ReachOne               // lists every tool and calls one, each in a process of its own
	ReachList              // lists the first page of tools and calls none
)

// Client is a real MCP client that can be pointed at a server.
type Client struct {
	// Name is short: "ts1", "mcp-go", "inspector". The User-Agent begins
	// with "kd-" + Name.
	Name string
	// Info is how the name in its clientInfo begins: "kd-" + Name, but
	// command lines have names of their own.
	Info string
	// Modes are those over HTTP, StdioModes those over stdio.
	Modes, StdioModes []string
	Reach             Reach

	run func(context.Context, target) (*Report, error)
}

// target is where a session goes: a URL, or the command of a server on stdio.
type target struct {
	url  string
	argv []string
	mode string
	args map[string]any
	few  bool // calls only what args names, and looks around
}

// Run drives the client through one session. Args may name the arguments of a
// tool; those of the others, or nil, are made from their schemas. A client of [ReachOne]
// calls the first tool that args names, else the first that is listed. What the
// server refuses is in [Report.Errors]; the error is for a client that could not
// run.
func (c Client) Run(ctx context.Context, url, mode string, args map[string]any) (*Report, error) {
	return c.session(ctx, c.Modes, target{url: url, mode: mode, args: args})
}

// RunFew is as [Client.Run] for ordinary use: of the tools only those that args
// names are called, and then a client that can lists resources and prompts too,
// which a server may refuse.
func (c Client) RunFew(ctx context.Context, url, mode string, args map[string]any) (*Report, error) {
	return c.session(ctx, c.Modes, target{url: url, mode: mode, args: args, few: true})
}

// RunStdio is as [Client.Run], but the client starts a server's command and
// drives it over its stdin and stdout. Of the environment some clients pass on
// no more than the likes of PATH and HOME, and HOME may be an empty folder.
func (c Client) RunStdio(ctx context.Context, argv []string, mode string, args map[string]any) (*Report, error) {
	if len(argv) == 0 {
		return nil, errors.New("run client " + c.Name + " over stdio: no command")
	}
	return c.session(ctx, c.StdioModes, target{argv: argv, mode: mode, args: args})
}

func (c Client) session(ctx context.Context, modes []string, t target) (*Report, error) {
	if !slices.Contains(modes, t.mode) {
		return nil, fmt.Errorf("client %s has no mode %q", c.Name, t.mode)
	}
	ctx, cancel := context.WithTimeout(ctx, runTimeout)
	defer cancel()
	report, err := c.run(ctx, t)
	if err != nil {
		return nil, fmt.Errorf("run client %s in mode %s: %w", c.Name, t.mode, err)
	}
	return report, nil
}

// installed is a client and the files that it does not run without.
type installed struct {
	Client
	needs []string
}

// All returns the clients whose runtime is installed and logs why another is
// left out. That is fatal instead if KILLDEER_REQUIRE lists "clients".
func All(tb testing.TB) []Client {
	tb.Helper()
	dir, err := scriptDir()
	if err != nil {
		tb.Fatal(err)
	}
	found := goClients()
	for _, c := range slices.Concat(scriptClients(dir), cliClients(dir), remoteClients(dir)) {
		if missing := missing(c.needs); missing != "" {
			leaveOut(tb, c.Name, missing)
			continue
		}
		found = append(found, c.Client)
	}
	return found
}

// missing names the first file that is not there. Looking at each also tells
// the test cache which ones a result depends on: it does not see what a child
// process reads.
func missing(needs []string) string {
	for _, path := range needs {
		if _, err := os.Stat(path); err != nil {
			return path
		}
	}
	return ""
}

func leaveOut(tb testing.TB, name, missing string) {
	tb.Helper()
	why := fmt.Sprintf("client %s is left out: %s is missing; run make clients", name, missing)
	if slices.Contains(strings.Split(os.Getenv("KILLDEER_REQUIRE"), ","), "clients") {
		tb.Fatal(why)
	}
	tb.Log(why)
}

// scriptDir finds this folder from any package of the module: tests run in the
// folder of their package.
func scriptDir() (string, error) {
	at, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find the client scripts: %w", err)
	}
	for dir := at; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return filepath.Join(dir, "internal", "clients"), nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("find the client scripts: no go.mod above %s", at)
		}
	}
}
