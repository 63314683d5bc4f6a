package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/killdeer-mcp/killdeer/internal/receivers"
)

// TestSinksTest sends a test event by each sink that comes with killdeer to a real
// receiver, as an operator does, and looks at what the receiver made of it.
func TestSinksTest(t *testing.T) {
	authority := receivers.NewAuthority(t)
	client := authority.Issue(t, "sensor")
	daemons := receivers.Syslog(t, authority)
	hook, posted := standardWebhooks(t)
	dir := t.TempDir()
	config := ""
	add := func(name, plugin, table string) {
		config += fmt.Sprintf("[[sinks]]\nname = %q\nplugin = %q\n[sinks.config]\n%s\n", name, plugin, table)
	}
	for _, d := range daemons {
		add(d.Name+"-udp", "syslog", fmt.Sprintf("address = %q", receivers.Loopback(d.UDP)))
		add(d.Name+"-tcp", "syslog", fmt.Sprintf("address = %q\ntransport = \"tcp\"", receivers.Loopback(d.TCP)))
		add(d.Name+"-tls", "syslog", fmt.Sprintf("address = %q\ntransport = \"tls\"\ntls.ca = '''%s'''\ntls.cert = '''%s'''\ntls.key = '''%s'''\ntls.server_name = \"localhost\"",
			receivers.Loopback(d.TLS), authority.PEM, client.Cert, client.Key))
	}
	add("webhook", "webhook", hook)
	out := filepath.Join(dir, "events.ndjson")
	add("file", "file", fmt.Sprintf("path = %q", out))
	path := filepath.Join(dir, "agent.toml")
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}

	for _, d := range daemons {
		takes(t, path, d.Name+"-udp", `: \d+ bytes to 127\.0\.0\.1:`)
		takes(t, path, d.Name+"-tcp", `: \d+ bytes to 127\.0\.0\.1:`)
		takes(t, path, d.Name+"-tls", `: \d+ bytes to 127\.0\.0\.1:`)
		for _, r := range d.Records(t, 3) {
			if own := r.Data["killdeer@32473"]; r.ID != "health" || own["state"] != "test" || !strings.HasPrefix(own["part"], "sink/"+d.Name) {
				t.Errorf("%s has %+v", d.Name, r)
			}
		}
	}
	takes(t, path, "webhook", `: 127\.0\.0\.1 took it`)
	if got := soon(posted); !strings.Contains(got, `"sensor.health"`) || !strings.Contains(got, `"state": "test"`) {
		t.Errorf("the webhook's receiver has %s", got)
	}
	takes(t, path, "file", "")
	if text, err := os.ReadFile(out); err != nil || !strings.Contains(string(text), `"state":"test"`) {
		t.Errorf("the file has %q, %v", text, err)
	}
}

// takes runs killdeer sinks test, and wants an answer.
func takes(t *testing.T, config, name, answer string) {
	t.Helper()
	text, err := exec.Command("killdeer", "sinks", "test", name, "-c", config).CombinedOutput()
	want := regexp.MustCompile(`^sink "` + name + `" took the test event in \S+` + answer)
	if err != nil || !want.Match(text) {
		t.Errorf("killdeer sinks test %s: %v, %q, want %s", name, err, text, want)
	}
}

// soon is what comes within the patience of tests, or nothing.
func soon(lines <-chan string) string {
	select {
	case line := <-lines:
		return line
	case <-time.After(patience):
		return ""
	}
}

// standardWebhooks starts a receiver that uses the official library. It returns the
// table of a sink for it, and what the library made of each request.
func standardWebhooks(t *testing.T) (table string, posted <-chan string) {
	t.Helper()
	const secret = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
	cmd := exec.Command(receivers.Python(t), receivers.Script(t, "webhook.py"), secret)
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	if !lines.Scan() {
		t.Fatalf("the receiver does not start: %v", cmd.Wait())
	}
	port, got := lines.Text(), make(chan string, 1)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer close(got)
		if lines.Scan() {
			got <- lines.Text()
		}
	}()
	t.Cleanup(func() { _ = cmd.Process.Kill(); <-ended; _ = cmd.Wait() })
	return fmt.Sprintf("url = \"http://127.0.0.1:%s/\"\nplain_http = true\nallow = [\"127.0.0.1/32\"]\nsecrets = [%q]", port, secret), got
}
