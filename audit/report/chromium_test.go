package report_test

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/killdeer-mcp/killdeer/audit/report"
)

// browser finds Chromium, or skips: KILLDEER_REQUIRE=chromium forbids that.
func browser(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	if slices.Contains(strings.Split(os.Getenv("KILLDEER_REQUIRE"), ","), "chromium") {
		t.Fatal("chromium is required and not installed")
	}
	t.Skip("chromium is not installed: the HTML report is not opened in a browser")
	return ""
}

// listener counts whoever connects, and answers nobody.
type listener struct {
	net.Listener
	mu    sync.Mutex
	heads []string
}

func listen(t *testing.T) *listener {
	t.Helper()
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &listener{Listener: inner}
	server := &http.Server{Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.heads = append(l.heads, r.Method+" "+r.URL.String())
	})}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(inner) // until the end of the test
	}()
	t.Cleanup(func() {
		_ = server.Close()
		<-done
	})
	return l
}

// shoot opens a page with all of the browser's connections led to a proxy, and
// returns the picture and what was asked of the proxy for the host.
func shoot(t *testing.T, chromium, html, host string) (picture []byte, asked []string) {
	t.Helper()
	proxy, dir := listen(t), t.TempDir()
	page, shot := filepath.Join(dir, "report.html"), filepath.Join(dir, "shot.png")
	if err := os.WriteFile(page, []byte(html), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, chromium, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
		"--disable-background-networking", "--disable-component-update", "--disable-sync", "--user-data-dir="+filepath.Join(dir, "profile"),
		"--proxy-server=http://"+proxy.Addr().String(), "--proxy-bypass-list=<-loopback>", "--window-size=1280,2400", "--hide-scrollbars",
		"--virtual-time-budget=3000", "--screenshot="+shot, "file://"+page)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("chromium: %v\n%s", err, out)
	}
	picture, err := os.ReadFile(shot)
	if err != nil {
		t.Fatal(err)
	}
	proxy.mu.Lock()
	defer proxy.mu.Unlock()
	for _, head := range proxy.heads {
		if strings.Contains(head, host) { // the browser's own calls home are not the page's
			asked = append(asked, head)
		}
	}
	return picture, asked
}

// The page opens in a browser, and asks nobody for anything, whatever a server wrote.
func TestHTMLOffline(t *testing.T) {
	chromium := browser(t)
	var b bytes.Buffer
	if err := report.HTML(&b, sample()); err != nil {
		t.Fatal(err)
	}
	picture, asked := shoot(t, chromium, b.String(), "evil.example")
	if len(asked) > 0 {
		t.Errorf("the page asked for %q", asked)
	}
	if len(picture) < 20_000 || !bytes.HasPrefix(picture, []byte("\x89PNG")) {
		t.Errorf("the picture has %d bytes: the page is blank", len(picture))
	}
	if to := os.Getenv("KILLDEER_SCREENSHOT"); to != "" {
		if err := os.WriteFile(to, picture, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// The same test sees a page that does ask.
	if _, asked := shoot(t, chromium, `<img src="http://evil.example/a.png">`, "evil.example"); len(asked) == 0 {
		t.Error("a page with a picture of another host asked nobody: this test sees nothing")
	}
}
