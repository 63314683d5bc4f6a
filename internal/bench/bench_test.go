package main

import (
	"bytes"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestReceive(t *testing.T) {
	tests := []struct {
		name, answer, body, fault string
		size                      int
	}{
		{"length", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "hello", "", 5},
		{"lower case", "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello", "hello", "", 5},
		{"no body", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "", "", 0},
		{"chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n", "hello", "", 5},
		{"no status line", "hello\r\n\r\n", "", "not a status line", 0},
		{"negative length", "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n", "", "invalid syntax", 0},
		{"huge length", "HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n", "", "too large", 0},
		{"huge chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7fffffff\r\n", "", "too large", 0},
		{"long chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhello\r\n", "", "longer than it says", 0},
		{"broken off", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe", "", "EOF", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, keep := range []*bytes.Buffer{nil, {}} {
				rep, err := wireOf(t, tt.answer).receive(keep)
				switch {
				case tt.fault != "":
					if err == nil || !strings.Contains(err.Error(), tt.fault) {
						t.Errorf("error = %v, want %q", err, tt.fault)
					}
				case err != nil:
					t.Error(err)
				case rep.size != tt.size || rep.status != 200:
					t.Errorf("status %d, size %d, want 200 and %d", rep.status, rep.size, tt.size)
				case keep != nil && keep.String() != tt.body:
					t.Errorf("body = %q, want %q", keep, tt.body)
				}
			}
		})
	}
}

// wireOf is a connection on which an answer has arrived, and then its end.
func wireOf(t *testing.T, answer string) *wire {
	t.Helper()
	near, far := net.Pipe()
	go func() {
		_, _ = far.Write([]byte(answer)) // fails when the reader has seen enough
		_ = far.Close()
	}()
	t.Cleanup(func() { _ = near.Close() })
	return newWire(near, idleBuffer)
}

// Every way in which go-sdk is called gets the answer that is compared, and
// answers to varied requests differ.
func TestPeers(t *testing.T) {
	server := httptest.NewServer(goSDK())
	defer server.Close()
	b := &benchmark{}
	for _, c := range contests() {
		for _, peer := range c.peers {
			for _, w := range echoWorkloads(64) {
				t.Run(c.era+c.framing+w.name+peer.path, func(t *testing.T) {
					cl, err := b.dial(server.Listener.Addr().String(), peer)
					if err != nil {
						t.Fatal(err)
					}
					defer cl.close()
					if err := w.check(cl); err != nil {
						t.Fatal(err)
					}
					if r, err := load([]*client{cl}, w, time.Millisecond); err != nil || r.n == 0 {
						t.Errorf("load = %+v, %v", r, err)
					}
				})
			}
		}
	}
}

func TestVaried(t *testing.T) {
	seen := map[string]bool{}
	for number := range 3 {
		for _, w := range []*workload{enterpriseWorkloads()[3], echoWorkloads(40)[1], vaultWorkload(40)} {
			c := &client{number: number}
			for range 2 { // as the measured load follows a warm-up
				next := w.prepare(c)
				for range 5 {
					request := string(next())
					if seen[request] {
						t.Errorf("%s: came before: %q", w.name, request)
					}
					seen[request] = true
				}
			}
		}
	}
}

func TestVariants(t *testing.T) {
	dir := t.TempDir()
	if _, err := variants(dir); err == nil {
		t.Error("a folder without personas is no error")
	}
	for _, file := range []string{"zig/vault.wasm", "toml/vault.toml", "c/vault.wasm", "command/motd.wasm"} {
		file = filepath.Join(dir, file)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := variants(dir)
	want := []string{filepath.Join(dir, "c/vault.wasm"), filepath.Join(dir, "zig/vault.wasm"), filepath.Join(dir, "toml/vault.toml")}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("variants = %q, %v, want %q", got, err, want)
	}
}

func TestQuantile(t *testing.T) {
	r := &result{}
	if got := r.quantile(.5); got != 0 {
		t.Errorf("quantile of nothing = %v", got)
	}
	for i := range 101 {
		r.latencies = append(r.latencies, time.Duration(100-i)*time.Millisecond)
	}
	if got := r.quantile(.99); got != 99*time.Millisecond {
		t.Errorf("p99 = %v, want 99ms", got)
	}
}
