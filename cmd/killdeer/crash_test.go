package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/killdeer-mcp/killdeer/agent"
	"github.com/killdeer-mcp/killdeer/sdk"
)

// dedupOver is how long the core rules report the same thing once.
const dedupOver = 5 * time.Minute

// TestCrash kills a sensor under load again and again. What could be read from
// it before stays as it was, nothing is missing in between, and no verdict is
// given twice. SIGKILL leaves the page cache alone: it says nothing about a
// power cut.
func TestCrash(t *testing.T) {
	buildGuests(t)
	rounds := 20
	if testing.Short() {
		rounds = 3
	}
	v := newVictim(t, "")
	seen := map[uint64]string{} // id by sequence number
	for i := range rounds {
		v.start()
		if i%4 > 0 { // else it dies while its guests are still cold
			v.warm()
		}
		v.crash(seen)
	}
	v.start()
	v.stop()
	all := v.recorded()
	for i, ev := range all {
		if want := uint64(i + 1); ev.Seq != want {
			t.Fatalf("event %d follows %d", ev.Seq, want-1)
		}
		if id, ok := seen[ev.Seq]; ok && id != ev.ID {
			t.Errorf("event %d is %s, it was %s", ev.Seq, ev.ID, id)
		}
		delete(seen, ev.Seq)
	}
	if len(seen) > 0 {
		t.Errorf("%d of the events that were read are gone", len(seen))
	}
	if log := v.log(); strings.Contains(log, "level=WARN") || strings.Contains(log, "level=ERROR") {
		t.Errorf("the sensor logged\n%s", log)
	}
	detections := checkOnce(t, all)
	if len(all) < rounds || detections == 0 {
		t.Errorf("%d events and %d detections are too few to show anything", len(all), detections)
	}
	t.Logf("%d kills, %d events, %d detections", rounds, len(all), detections)
	if left := processes(t, v.dir, shared.dir); len(left) > 0 {
		t.Errorf("still running: %q", left)
	}
}

// checkOnce wants each verdict once in the time in which the rules swallow
// repetitions, and no gap: a kill loses what was not committed, and counts none.
func checkOnce(t *testing.T, all []*sdk.Event) (detections int) {
	t.Helper()
	type verdict struct{ rule, ip, subject string }
	last := map[verdict]*sdk.Event{}
	for _, ev := range all {
		if ev.Kind == sdk.KindGap {
			t.Errorf("event %d is a gap: %+v", ev.Seq, ev.Gap)
		}
		if ev.Kind != sdk.KindDetection {
			continue
		}
		detections++
		key := verdict{ev.Detection.RuleID, ev.Detection.SourceIP, ev.Detection.Subject}
		if first := last[key]; first != nil && ev.Time.Sub(first.Time).Abs() < dedupOver {
			t.Errorf("%+v is reported by event %d and again by %d", key, first.Seq, ev.Seq)
		}
		last[key] = ev
	}
	return detections
}

// warm asks everything once, since a guest's first answers take their time.
func (v *victim) warm() {
	v.t.Helper()
	c := &client{url: v.url}
	for _, message := range append([]string{hello}, messages...) {
		if _, err := c.post(message); err != nil {
			v.t.Fatal(err)
		}
	}
}

// crash puts the sensor under load, kills it, and notes what could be read.
func (v *victim) crash(seen map[uint64]string) {
	v.t.Helper()
	followed := make(chan error, 1)
	log, err := agent.OpenLog(v.t.Context(), v.state())
	if err != nil {
		v.t.Fatal(err)
	}
	defer log.Close()
	go func() {
		followed <- log.Follow(v.t.Context(), 0, func(ev *sdk.Event) error {
			if id, ok := seen[ev.Seq]; ok && id != ev.ID {
				return fmt.Errorf("event %d is %s, it was %s", ev.Seq, ev.ID, id)
			}
			seen[ev.Seq] = ev.ID
			return nil
		})
	}()
	ctx, cancel := context.WithCancel(v.t.Context())
	load := startLoad(ctx, v.url)
	time.Sleep(time.Duration(50+rand.IntN(350)) * time.Millisecond)
	if err := v.cmd.Process.Kill(); err != nil {
		v.t.Fatal(err)
	}
	_ = v.cmd.Wait() // killed, as it should be
	cancel()
	load.Wait()
	if err := <-followed; err != nil && !cutOff(err) {
		v.t.Fatal(err)
	}
}

// cutOff reports whether err is that of asking a sensor that dies meanwhile, or
// on a busy machine has died before it was asked.
func cutOff(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

var messages = []string{
	`{"jsonrpc":"2.0","id":1,"method":"tools/list"}`,
	`{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"jira_search_issues","arguments":{"jql":"text ~ \"aws_secret_access_key password\""}}}`,
	`{"jsonrpc":"2.0","id":3,"method":"tools/call","params":{"name":"slack_conversations_search_messages","arguments":{"query":"api key"}}}`,
	`{"jsonrpc":"2.0","id":4,"method":"tools/call","params":{"name":"postgresql_execute_select_query","arguments":{"query":"SELECT * FROM users WHERE id = 7"}}}`,
	`{"jsonrpc":"2.0","id":5,"method":"tools/call","params":{"name":"no_such_tool","arguments":{}}}`,
}

// startLoad asks a sensor as fast as it answers, until ctx ends or it is gone.
func startLoad(ctx context.Context, url string) *sync.WaitGroup {
	var load sync.WaitGroup
	for range 4 {
		load.Go(func() {
			c := &client{url: url, Client: http.Client{Transport: &http.Transport{}}}
			defer c.CloseIdleConnections()
			_, err := c.post(hello)
			for n := 0; err == nil && ctx.Err() == nil; n++ {
				_, err = c.post(messages[n%len(messages)])
			}
		})
	}
	return &load
}

// processes returns the command lines that name one of the folders.
func processes(t *testing.T, dirs ...string) (found []string) {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil || len(files) == 0 {
		t.Log("this system does not show its processes in /proc: not checked for those left over")
		return nil
	}
	for _, file := range files {
		line, _ := os.ReadFile(file) // a process may have ended meanwhile
		for _, dir := range dirs {
			if strings.Contains(string(line), dir) {
				found = append(found, strings.ReplaceAll(string(line), "\x00", " "))
				break
			}
		}
	}
	return found
}
