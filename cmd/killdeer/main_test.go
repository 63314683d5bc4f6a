package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/killdeer-mcp/killdeer/internal/guests/guesttest"
	"github.com/killdeer-mcp/killdeer/plugins/file/sink"
	"github.com/killdeer-mcp/killdeer/sdk"
	"github.com/killdeer-mcp/killdeer/sdk/plugin"
)

// TestMain makes this test binary more programs, by the name under which it is
// started: killdeer itself; the file sink; and mcp, a client for scripts.
func TestMain(m *testing.M) {
	syscall.Umask(syscall.Umask(0o022) | 0o022) // a sink's program must be its owner's to change
	testscript.Main(tests{m}, map[string]func(){
		"killdeer":           main,
		"killdeer-sink-file": fileSinkMain,
		"mcp":                mcpMain,
	})
}

// fileSinkMain is the main of plugins/file.
func fileSinkMain() {
	plugin.Serve(func(config json.RawMessage) (sdk.Sink, error) { return sink.New(config, "test") })
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
