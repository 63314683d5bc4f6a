package agent

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/killdeer-mcp/killdeer/agent/journal"
	"github.com/killdeer-mcp/killdeer/plugins"
	"github.com/killdeer-mcp/killdeer/sdk"
)

// benchEvents is how many events a benchmark delivers.
const benchEvents = 400_000

// BenchmarkSinks delivers what a journal holds to the plugins that "make build" put
// into the folder that KILLDEER_PLUGINS names: one that drops everything, a file,
// and a syslog receiver over TCP that reads and drops.
func BenchmarkSinks(b *testing.B) {
	dir := os.Getenv("KILLDEER_PLUGINS")
	if dir == "" {
		b.Skip("KILLDEER_PLUGINS does not name a folder of plugins: make bench sets it")
	}
	j := benchJournal(b)
	for _, bench := range []struct {
		name   string
		config func(b *testing.B) map[string]any
	}{
		{"null", func(*testing.B) map[string]any { return nil }},
		{"file", func(b *testing.B) map[string]any {
			return map[string]any{"path": filepath.Join(b.TempDir(), "events.ndjson"), "fsync": "never"}
		}},
		{"file-fsync", func(b *testing.B) map[string]any {
			return map[string]any{"path": filepath.Join(b.TempDir(), "events.ndjson")}
		}},
		{"syslog-tcp", func(b *testing.B) map[string]any {
			return map[string]any{"address": discard(b), "transport": "tcp"}
		}},
	} {
		b.Run(bench.name, func(b *testing.B) {
			name, _, _ := strings.Cut(bench.name, "-")
			program, err := findPlugin(name, []string{dir})
			if err != nil {
				b.Skip(err)
			}
			for n := 0; b.Loop(); n++ {
				spec := plugins.Spec{Name: fmt.Sprintf("%s-%d", bench.name, n), Program: program, Config: bench.config(b)}
				took := deliverAll(b, j, spec)
				b.ReportMetric(float64(j.Last())/took.Seconds(), "events/s")
			}
		})
	}
}

// benchJournal holds events of about a kilobyte, in segments that nothing seals
// meanwhile.
func benchJournal(b *testing.B) *journal.Journal {
	j, err := journal.Open(b.TempDir(), journal.Options{Sensor: "bench", KeepOpen: true})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = j.Close() })
	args := sdk.RawJSON(`{"jql":"text ~ \"deploy key\" AND project = OPS ORDER BY updated DESC","maxResults":50}`)
	for range benchEvents / 512 {
		var batch []*sdk.Event
		for i := range 512 {
			batch = append(batch, &sdk.Event{
				V: sdk.EventVersion, ID: uuid.Must(uuid.NewV7()).String(), Kind: sdk.KindAccess, Time: time.Now().UTC(),
				IP: fmt.Sprintf("192.0.2.%d", i%256), Peer: "192.0.2.7:40000", Actor: "a3f9c0d17e", Session: "9b1c6f60d2f14d9c8f1f6b8f7f0c1a11",
				Transport: "http", Method: "POST", Path: "/mcp", UA: "python-httpx/0.28.1", Era: "legacy", Protocol: "2025-11-25",
				Head: strings.Repeat("x-header: value\r\n", 18), RPCID: sdk.RawJSON("17"), MCPMethod: "tools/call", Tool: "jira_search_issues", Args: args,
				Client: &sdk.ClientInfo{Name: "scanner", Version: "1.0"}, Persona: "enterprise", Profile: "strict", Outcome: "result", Status: 200,
			})
		}
		if err := j.Append(b.Context(), batch); err != nil {
			b.Fatal(err)
		}
	}
	return j
}

// deliverAll returns how long a sink that is up takes for the whole journal.
func deliverAll(b *testing.B, j *journal.Journal, spec plugins.Spec) time.Duration {
	b.Helper()
	quiet := slog.New(slog.DiscardHandler)
	dir := b.TempDir()
	host, err := plugins.New(plugins.Options{
		Sinks: []plugins.Spec{spec}, Journal: sinkJournal{j, quiet}, StateDir: dir, Log: quiet,
		Report: func(*sdk.Event) {}, Fail: func(err error) { b.Error(err) },
	})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	done := make(chan struct{})
	go func() {
		defer close(done)
		host.Run(ctx)
	}()
	for host.Status()[0].PID == 0 {
		time.Sleep(time.Millisecond)
	}
	began := time.Now()
	for host.Status()[0].Behind > 0 {
		time.Sleep(time.Millisecond)
	}
	took := time.Since(began)
	cancel()
	<-done
	return took
}

// discard is a TCP receiver that reads and drops.
func discard(b *testing.B) string {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = io.Copy(io.Discard, c)
			_ = c.Close()
		}
	}()
	b.Cleanup(func() { _ = l.Close(); <-done })
	return l.Addr().String()
}
