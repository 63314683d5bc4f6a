package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"regexp"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/killdeer-mcp/killdeer/agent/journal"
	"github.com/killdeer-mcp/killdeer/sdk"
)

// The load under which a decoy of this kind went from 65 to 454 MB: big calls, then
// streams on which nothing happens.
const (
	bigCalls    = 3405
	bigCall     = 90 << 10
	idleStreams = 2000
	mostMemory  = 400 << 20
)

// TestMemoryUnderLoad holds that a sensor stays within 400 MB, mapped files apart, while it
// takes, answers and records 300 MB of calls, and then holds 2000 idle streams; more
// streams than a source may have are refused.
func TestMemoryUnderLoad(t *testing.T) {
	if testing.Short() {
		t.Skip("sends 300 MB to a sensor")
	}
	if raced() {
		t.Skip("the race detector takes several times the memory")
	}
	buildGuests(t)
	v := newVictim(t, "decoy.limits.sse_per_source = 8\n")
	v.start()
	held := v.watchMemory()
	body := []byte(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"google_docs_read","arguments":{"file_name":"` + strings.Repeat("A", bigCall) + `"}}}`)
	var callers sync.WaitGroup
	for i := range 8 {
		callers.Go(func() { v.callBig(body, i) })
	}
	callers.Wait()
	if t.Failed() {
		return
	}
	afterCalls := held()
	refused := v.openStreams()
	t.Logf("at most %d MB over %d calls of %d kB, with %d idle streams %d MB; %d of 20 more streams of one source were refused",
		afterCalls>>20, bigCalls, bigCall>>10, idleStreams, held()>>20, refused)
	if most := held(); most == 0 || most > mostMemory {
		t.Errorf("the sensor held %d MB, want at most %d", most>>20, mostMemory>>20)
	}
	if refused == 0 {
		t.Error("one source may hold any number of streams")
	}
	if ev := v.await(journal.Query{Kind: sdk.KindAccess, Tool: "google_docs_read"}); len(ev.Args) == 0 {
		t.Errorf("a big call was recorded as %+v", ev)
	}
	v.stop()
}

// callBig makes the i-th of eight shares of the calls.
func (v *victim) callBig(body []byte, i int) {
	by := &http.Client{Transport: &http.Transport{DialContext: (&net.Dialer{LocalAddr: loopback(1, 0)}).DialContext}}
	defer by.CloseIdleConnections()
	session := ""
	send := func(body []byte) bool {
		req, err := http.NewRequestWithContext(v.t.Context(), http.MethodPost, v.url, bytes.NewReader(body))
		if err != nil {
			v.t.Error(err)
			return false
		}
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Accept", "application/json, text/event-stream")
		if session != "" {
			req.Header.Set("Mcp-Session-Id", session)
			req.Header.Set("MCP-Protocol-Version", "2025-06-18")
		}
		resp, err := by.Do(req)
		if err != nil {
			v.t.Error(err)
			return false
		}
		defer resp.Body.Close()
		_, _ = io.Copy(io.Discard, resp.Body)
		if session == "" {
			session = resp.Header.Get("Mcp-Session-Id")
		}
		if resp.StatusCode != http.StatusOK {
			v.t.Errorf("status %s", resp.Status)
		}
		return resp.StatusCode == http.StatusOK
	}
	if !send([]byte(`{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"c","version":"1"}}}`)) {
		return
	}
	for n := i; n < bigCalls; n += 8 {
		if !send(body) {
			return
		}
	}
}

// openStreams opens the idle streams from as many sources as that takes, and tells
// how many of twenty more of one source were refused.
func (v *victim) openStreams() (refused int) {
	v.t.Helper()
	base := strings.TrimSuffix(strings.TrimPrefix(v.url, "http://"), "/mcp")
	open := func(from *net.TCPAddr) bool {
		c, err := (&net.Dialer{LocalAddr: from}).DialContext(v.t.Context(), "tcp", base)
		if err != nil {
			v.t.Fatal(err)
		}
		v.t.Cleanup(func() { c.Close() })
		fmt.Fprintf(c, "GET /sse HTTP/1.1\r\nHost: %s\r\nAccept: text/event-stream\r\n\r\n", base)
		head := make([]byte, 512)
		n, _ := c.Read(head)
		return bytes.HasPrefix(head[:n], []byte("HTTP/1.1 200"))
	}
	for i := range idleStreams {
		if !open(loopback(2+i/8/250, i/8%250)) {
			v.t.Fatalf("idle stream %d was refused", i)
		}
	}
	for range 20 {
		if !open(loopback(2, 0)) {
			refused++
		}
	}
	return refused
}

func loopback(network, host int) *net.TCPAddr {
	return &net.TCPAddr{IP: net.IPv4(127, 0, byte(network), byte(1+host))}
}

var anonymous = regexp.MustCompile(`(?m)^RssAnon:\s+(\d+) kB`)

// watchMemory returns a function that tells the most memory that the sensor has held
// since, in bytes, apart from what is of a file: the journal's pages are the kernel's to
// take, those of a whole segment while it is packed.
func (v *victim) watchMemory() func() int {
	v.t.Helper()
	var most atomic.Int64
	done := v.t.Context().Done()
	go func() {
		for tick := time.Tick(5 * time.Millisecond); ; {
			select {
			case <-tick:
			case <-done:
				return
			}
			text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", v.cmd.Process.Pid)) // none when it is gone
			if m := anonymous.FindSubmatch(text); m != nil {
				kb, _ := strconv.ParseInt(string(m[1]), 10, 64)
				most.Store(max(most.Load(), kb<<10))
			}
		}
	}()
	return func() int { return int(most.Load()) }
}

// raced reports whether this binary, which is the sensor as well, has the race detector.
func raced() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}
