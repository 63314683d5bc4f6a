package main

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/killdeer-mcp/killdeer/sdk"
)

// A reload that is asked for while the sensor stops is too late, and changes nothing of
// the stop.
func TestHangupWhileStopping(t *testing.T) {
	buildGuests(t)
	v := decoyOf(t, shared.cache, shared.hostile)
	text, err := os.ReadFile(v.config())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(v.config(), append(text, "decoy.limits.call_timeout = \"20s\"\n"...), 0o600); err != nil {
		t.Fatal(err)
	}
	v.start()
	c, sent, left := &client{url: v.url}, make(chan struct{}), make(chan struct{})
	if _, err := c.post(hello); err != nil {
		t.Fatal(err)
	}
	c.sent = func() { close(sent) }
	go func() {
		defer close(left)
		_, _ = c.post(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"spin","arguments":{}}}`) // it is cut off
	}()
	<-sent
	time.Sleep(200 * time.Millisecond) // until the guest has the call
	for _, sig := range []os.Signal{syscall.SIGTERM, syscall.SIGHUP, syscall.SIGHUP} {
		if err := v.cmd.Process.Signal(sig); err != nil {
			t.Fatal(err)
		}
		time.Sleep(300 * time.Millisecond)
	}
	if err := v.cmd.Wait(); err != nil {
		t.Errorf("stop: %v\n%s", err, v.log())
	}
	<-left
	if _, err := os.Stat(filepath.Join(v.state(), "control.sock")); !os.IsNotExist(err) {
		t.Errorf("the control socket is left behind: %v", err)
	}
	var calls int
	for _, ev := range v.recorded() {
		if ev.Kind == sdk.KindAccess && ev.Tool == "spin" {
			calls++
		}
	}
	if calls != 1 {
		t.Errorf("%d calls are recorded, want the one that was cut off", calls)
	}
}
