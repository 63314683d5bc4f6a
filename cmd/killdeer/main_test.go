package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/killdeer-mcp/killdeer/audit/sandbox"
	"github.com/killdeer-mcp/killdeer/internal/guests/guesttest"
	filesink "github.com/killdeer-mcp/killdeer/plugins/file/sink"
	syslogsink "github.com/killdeer-mcp/killdeer/plugins/syslog/sink"
	webhooksink "github.com/killdeer-mcp/killdeer/plugins/webhook/sink"
	"github.com/killdeer-mcp/killdeer/sdk"
	"github.com/killdeer-mcp/killdeer/sdk/plugin"
	"github.com/killdeer-mcp/killdeer/tracers/strace/trace"
)

// TestMain makes this test binary more programs, by the name under which it is
// started: killdeer itself, also with audits that run nothing; its sinks; and mcp, a client for scripts.
func TestMain(m *testing.M) {
	if code, ours := sandbox.Main(); ours {
		os.Exit(code)
	}
	syscall.Umask(syscall.Umask(0o022) | 0o022) // a sink's program must be its owner's to change
	testscript.Main(tests{m}, map[string]func(){
		"killdeer":               main,
		"killdeer-sink-file":     sinkMain(filesink.New),
		"killdeer-sink-syslog":   sinkMain(syslogsink.New),
		"killdeer-sink-webhook":  sinkMain(webhooksink.New),
		"killdeer-tracer-strace": func() { plugin.ServeTracer(trace.New("test")) },
		"mcp":                    mcpMain,
		"killdeer-audits":        auditsMain,
	})
}

// sinkMain is the main of a sink that comes with killdeer.
func sinkMain[S sdk.Sink](open func(config json.RawMessage, version string) (S, error)) func() {
	return func() {
		plugin.Serve(func(config json.RawMessage) (sdk.Sink, error) { return open(config, "test") })
	}
}

type tests struct{ *testing.M }

// Run removes what all tests shared.
func (t tests) Run() int {
	defer func() { _ = os.RemoveAll(shared.dir) }()
	return t.M.Run()
}

// shared are the guests that all tests use, and the cache in which they are
// compiled once.
var shared struct {
	once                                  sync.Once
	dir, cache, enterprise, core, hostile string
}

func buildGuests(t *testing.T) {
	t.Helper()
	shared.once.Do(func() {
		dir, err := os.MkdirTemp("", "killdeer-cmd-test-")
		if err != nil {
			t.Fatal(err)
		}
		shared.dir, shared.cache = dir, filepath.Join(dir, "cache")
		shared.enterprise = guesttest.Build(t, dir, "enterprise", guesttest.Enterprise)
		shared.core = guesttest.Build(t, dir, "core", guesttest.Core)
		shared.hostile = guesttest.Build(t, dir, "hostile", "../../agent/testdata/hostile")
	})
	if shared.hostile == "" {
		t.Fatal("the guests could not be built")
	}
}
