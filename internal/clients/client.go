package clients

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// The modes of a client. Not every client has each: see [Client.Modes].
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

// Client is a real MCP client that can be pointed at a server.
type Client struct {
	// Name is "ts1", "ts2", "py" or "go". The client calls itself
	// "kd-" + Name in its clientInfo and User-Agent.
	Name  string
	Modes []string

	run func(ctx context.Context, url, mode string, args map[string]any) (*Report, error)
}

// Run drives the client through one session. Args may name the arguments of a
// tool; those of the others are made from their schemas. What the server
// refuses is in [Report.Errors]; the error is for a client that could not run.
func (c Client) Run(ctx context.Context, url, mode string, args map[string]any) (*Report, error) {
	if !slices.Contains(c.Modes, mode) {
		return nil, fmt.Errorf("client %s has no mode %q", c.Name, mode)
	}
	ctx, cancel := context.WithTimeout(ctx, runTimeout)
	defer cancel()
	report, err := c.run(ctx, url, mode, args)
	if err != nil {
		return nil, fmt.Errorf("run client %s in mode %s: %w", c.Name, mode, err)
	}
	return report, nil
}

// All returns the clients whose runtime is installed and logs why another is
// left out. That is fatal instead if KILLDEER_REQUIRE lists "clients".
func All(tb testing.TB) []Client {
	tb.Helper()
	dir, err := scriptDir()
	if err != nil {
		tb.Fatal(err)
	}
	found := []Client{goClient()}
	for _, s := range scripts(dir) {
		if missing := s.missing(); missing != "" {
			leaveOut(tb, s.name, missing)
			continue
		}
		found = append(found, Client{Name: s.name, Modes: s.modes, run: s.run})
	}
	return found
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
