package main

import (
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/killdeer-mcp/killdeer/internal/guests/guesttest"
)

// TestMain makes this test binary two more programs, by the name under which it
// is started: killdeer itself, and mcp, a client for scripts.
func TestMain(m *testing.M) {
	testscript.Main(tests{m}, map[string]func(){
		"killdeer": main,
		"mcp":      mcpMain,
	})
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
