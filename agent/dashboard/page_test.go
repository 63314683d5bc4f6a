package dashboard_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/killdeer-mcp/killdeer/agent/dashboard"
	"github.com/killdeer-mcp/killdeer/sdk"
)

// need skips the test when something is missing, or fails it when KILLDEER_REQUIRE
// names it.
func need(t testing.TB, name, why string, missing bool) {
	t.Helper()
	if !missing {
		return
	}
	if slices.Contains(strings.Split(os.Getenv("KILLDEER_REQUIRE"), ","), name) {
		t.Fatalf("%s is required: %s", name, why)
	}
	t.Skipf("%s: %s", name, why)
}

func absent(path string) bool {
	_, err := os.Stat(path)
	return err != nil
}

// browser finds Chromium, and what drives it.
func browser(t testing.TB) string {
	t.Helper()
	chromium, err := exec.LookPath("chromium")
	need(t, "chromium", "chromium is not installed", err != nil)
	_, err = exec.LookPath("node")
	need(t, "browser", "node is not installed", err != nil)
	need(t, "browser", "run make browser", absent("pagetest/node_modules/playwright-core") || absent("pagetest/node_modules/axe-core"))
	return chromium
}

// drive runs a script of the page's tests and prints what it saw.
func drive(t testing.TB, script string, config map[string]any) {
	t.Helper()
	arg, err := json.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "node", script, string(arg))
	cmd.Dir = "pagetest"
	out, err := cmd.CombinedOutput()
	t.Logf("%s\n%s", script, out)
	if err != nil {
		t.Errorf("%s: %v", script, err)
	}
}

// pageSample is the sample with what the page's tests look for.
func pageSample() *record {
	r := sample()
	r.events[1].CanariesMinted = []sdk.CanaryRef{{ID: "t1", Kind: "aws_key.id", Label: "backup"}}
	r.events[2].Detection.Events = []string{"a2"}
	r.events[0].Actor = "actor-1"
	for i := range r.sessions {
		r.sessions[i].Client = &sdk.ClientInfo{Name: hostile, Version: hostile}
	}
	r.status.Sensor, r.status.Sinks[0].Error = hostile, hostile
	r.canaries[0].Label, r.canaries[0].Session = hostile, hostile
	return r
}

func TestPage(t *testing.T) {
	chromium := browser(t)
	r := pageSample()
	b := serve(t, r, nil)
	n := 0
	control := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		what, err := io.ReadAll(req.Body)
		switch {
		case err != nil:
		case bytes.Equal(what, []byte("news")):
			n++
			r.add(access(fmt.Sprint("n", n), "10.0.0.77", "brand_new_tool", "s-77", time.Minute))
		case bytes.Equal(what, []byte("cut")):
			b.cut()
		}
		w.WriteHeader(http.StatusNoContent)
	}))
	t.Cleanup(control.Close)
	drive(t, "page.mjs", map[string]any{"url": b.url, "token": token, "control": control.URL, "chromium": chromium, "hostile": hostile})
	if strings.Contains(b.log.String(), token) {
		t.Error("the token is in the log")
	}
}

// The page is whole: every file that a module imports is there.
func TestPageFiles(t *testing.T) {
	b := serve(t, newRecord(), nil)
	queue, seen := []string{"/", "/style.css", "/icon.svg", "/vendor/uPlot.min.css", "/app.js"}, map[string]bool{}
	for len(queue) > 0 {
		path := queue[0]
		queue = queue[1:]
		if seen[path] {
			continue
		}
		seen[path] = true
		resp := b.ask(http.MethodGet, path, "", "Authorization", "")
		text := read(t, resp)
		if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") == "" || resp.Header.Get("ETag") == "" {
			t.Errorf("%s: %s, %q", path, resp.Status, resp.Header.Get("Content-Type"))
		}
		if resp := b.ask(http.MethodGet, path, "", "If-None-Match", resp.Header.Get("ETag")); resp.StatusCode != http.StatusNotModified {
			t.Errorf("%s, known already: %s", path, resp.Status)
		}
		dir := path[:strings.LastIndexByte(path, '/')+1]
		for _, part := range strings.Split(text, "from")[1:] {
			part = strings.TrimLeft(part, " ")
			if len(part) > 3 && (part[0] == '\'' || part[0] == '"') && strings.HasPrefix(part[1:], "./") {
				name, _, _ := strings.Cut(part[3:], part[:1])
				queue = append(queue, dir+name)
			}
		}
	}
	if len(seen) < 12 {
		t.Errorf("only %d files were found", len(seen))
	}
	if resp := b.ask(http.MethodGet, "/vendor/LICENSES.md", ""); resp.StatusCode != http.StatusNotFound {
		t.Errorf("a file that is no part of the page: %s", resp.Status)
	}
}

var _ dashboard.Events = (*record)(nil)
