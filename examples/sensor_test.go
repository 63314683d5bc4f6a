package examples_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/killdeer-mcp/killdeer/agent"
	"github.com/killdeer-mcp/killdeer/agent/config"
)

var update = flag.Bool("update", false, "write what the Go persona answers into vault.txtar")

// worldSeed makes the company of the transcript.
const worldSeed = "6b696c6c64656572206578616d706c65732c206120666978656420776f726c64"

// meta is what a client of MCP 2026-07-28 says with each request.
const meta = `"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"transcript","version":"1"},"io.modelcontextprotocol/clientCapabilities":{}}`

// sensor runs a persona and returns the address of its MCP endpoint.
func sensor(t *testing.T, personaFile string) string {
	t.Helper()
	dir := t.TempDir()
	seed := filepath.Join(dir, "world.seed")
	if err := os.WriteFile(seed, []byte(worldSeed+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf("[sensor]\nworld_seed_file = %q\n[rules]\npacks = []\n[dashboard]\nlisten = \"\"\n[decoy]\nlisten = \"127.0.0.1:0\"\nlatency = \"off\"\nfriction = \"off\"\npersonas = [%q]\n", seed, personaFile)
	cfg, err := config.Parse("agent.toml", []byte(text), dir)
	if err != nil {
		t.Fatal(err)
	}
	s, err := agent.Start(t.Context(), agent.Options{Config: cfg, Log: slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn})), Listen: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := s.Stop(ctx); err != nil {
			t.Errorf("stop: %v", err)
		}
	})
	if _, err := s.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	return "http://" + s.Addr().String() + "/mcp"
}

// ask sends one request of the transcript, {"method", "params"} in a line, and
// returns the body of the answer.
func ask(t *testing.T, url string, line []byte) string {
	t.Helper()
	var request struct {
		Method string
		Params struct{ Name, URI string }
	}
	if err := json.Unmarshal(line, &request); err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	body := bytes.Replace(line, []byte(`"params":{`), []byte(`"params":{`+meta+`,`), 1)
	body = bytes.Replace(bytes.Replace(body, []byte(meta+",}"), []byte(meta+"}"), 1), []byte("{"), []byte(`{"jsonrpc":"2.0","id":1,`), 1)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header = http.Header{
		"Content-Type": {"application/json"}, "Accept": {"application/json, text/event-stream"}, "User-Agent": {"transcript/1"},
		"Mcp-Protocol-Version": {"2026-07-28"}, "Mcp-Method": {request.Method},
	}
	if name := request.Params.Name + request.Params.URI; name != "" {
		req.Header.Set("Mcp-Name", name)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimRight(string(answer), "\n")
}
