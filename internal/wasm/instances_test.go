package wasm_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/killdeer-mcp/killdeer/internal/wasm"
)

// The counter answers how often its instance was called, and the input of the
// call before.
func counted(calls byte, before string) []byte {
	out := make([]byte, 9)
	out[0] = calls
	copy(out[1:], before)
	return out
}

func wantCount(t *testing.T, m *wasm.Module, req wasm.Request, calls byte, before string) {
	t.Helper()
	if got := call(t, m, req).Output; !bytes.Equal(got, counted(calls, before)) {
		t.Errorf("Call(%q, %q) = %q, want count %d after %q", req.Source, req.Input, got, calls, before)
	}
}

func from(source, input string) wasm.Request {
	return wasm.Request{Source: source, Input: []byte(input)}
}

func TestInstanceBelongsToItsSource(t *testing.T) {
	each(t, func(t *testing.T, r *wasm.Runtime) {
		m := load(t, r, "counter")
		wantCount(t, m, from("a", "secret-a"), 1, "")
		wantCount(t, m, from("b", "secret-b"), 1, "")
		wantCount(t, m, from("a", "second-a"), 2, "secret-a")
		wantCount(t, m, from("", "nobody"), 1, "")
		wantCount(t, m, from("", "nobody"), 1, "")
		wantCount(t, m, from("b", "second-b"), 2, "secret-b")
		m.Release("a")
		m.Release("a")
		m.Release("unknown")
		wantCount(t, m, from("a", "third--a"), 1, "")
		wantCount(t, m, from("b", "third--b"), 3, "second-b")
	})
}

// Two modules of the same bytes, and two names of a source, are kept apart.
func TestInstanceBelongsToItsModule(t *testing.T) {
	r := newRuntime(t, nil)
	m, n := load(t, r, "counter"), load(t, r, "counter")
	wantCount(t, m, from("a", "1"), 1, "")
	wantCount(t, n, from("a", "2"), 1, "")
	closeWithin(t, n, time.Second)
	wantCount(t, m, from("a", "3"), 2, "1")
}

func TestInstanceIsDroppedAfterFailure(t *testing.T) {
	m := load(t, newRuntime(t, nil), "counter")
	wantCount(t, m, from("a", "1"), 1, "")
	_, err := m.Call(t.Context(), from("a", "!"))
	wantCall(t, err, wasm.ErrStatus, "status")
	wantCount(t, m, from("a", "2"), 1, "")
}

func TestInstanceExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRuntime(t, nil)
		m := load(t, r, "counter")
		wantCount(t, m, from("a", "1"), 1, "")
		time.Sleep(40 * time.Second)
		wantCount(t, m, from("a", "2"), 2, "1")
		time.Sleep(50 * time.Second)
		wantCount(t, m, from("a", "3"), 3, "2")
		time.Sleep(76 * time.Second)
		wantCount(t, m, from("a", "4"), 1, "")
		closeWithin(t, r, time.Second)
	})
}

func TestInstanceOfLongestIdleSourceMakesRoom(t *testing.T) {
	r := newRuntime(t, func(o *wasm.Options) { o.Limits.IdleMemory = 2 << 16 })
	m, n := load(t, r, "counter"), load(t, r, "counter")
	wantCount(t, m, from("a", "1"), 1, "")
	wantCount(t, n, from("b", "1"), 1, "")
	wantCount(t, m, from("a", "2"), 2, "1")
	wantCount(t, m, from("c", "1"), 1, "")
	wantCount(t, n, from("b", "2"), 1, "")
	wantCount(t, m, from("c", "2"), 2, "1")
}

// With more sources than there is memory for, those whose instances have grown make
// room, and the others keep theirs.
func TestLargestInstanceMakesRoom(t *testing.T) {
	r := newRuntime(t, func(o *wasm.Options) { o.Limits.MemoryPages, o.Limits.IdleMemory = 16, 18<<16 })
	m, small := load(t, r, "grow"), load(t, r, "counter")
	for round := range byte(3) {
		for _, source := range []string{"a", "b", "c"} {
			wantCount(t, small, from(source, "x"), round+1, strings.Repeat("x", min(int(round), 1)))
		}
		call(t, m, from("large", ""))
	}
}

func TestInstanceShared(t *testing.T) {
	m := load(t, newRuntime(t, nil), "counter")
	req := wasm.Request{Source: "a", Shared: true}
	for i := range 1000 {
		wantCount(t, m, req, byte(i+1), "")
		req.Source += "x"
		req.Source = req.Source[len(req.Source)-1:]
	}
	wantCount(t, m, req, 1, "")
	wantCount(t, m, from("a", ""), 1, "")
}

func TestCallsOfOneSourceTakeTurns(t *testing.T) {
	m := load(t, newRuntime(t, nil), "counter")
	var mu sync.Mutex
	seen := map[byte]bool{}
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			reply, err := m.Call(t.Context(), from("a", ""))
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			seen[reply.Output[0]] = true
		})
	}
	wg.Wait()
	if len(seen) != 50 {
		t.Errorf("50 calls saw %d counts: not one instance, or not one at a time", len(seen))
	}
}

// untilBusy repeats a call until another, just started, is in its way.
func untilBusy(t *testing.T, m *wasm.Module, req wasm.Request) {
	t.Helper()
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		_, err := m.Call(ctx, req)
		cancel()
		if errors.Is(err, wasm.ErrBusy) {
			wantCall(t, err, wasm.ErrBusy, "busy")
			return
		}
	}
	t.Fatal("no call was in the way")
}

func TestTurnRespectsContext(t *testing.T) {
	m := load(t, newRuntime(t, nil), "mixed")
	spinning := make(chan error, 1)
	go func() {
		_, err := m.Call(t.Context(), wasm.Request{Source: "a", Input: []byte("s"), Deadline: time.Second})
		spinning <- err
	}()
	untilBusy(t, m, from("a", "x"))
	m.Release("a")
	if got := call(t, m, from("a", "x")).Output; string(got) != "x" {
		t.Errorf("output = %q", got)
	}
	wantCall(t, <-spinning, wasm.ErrTimeout, "timeout")
}

func TestPlacesRespectContext(t *testing.T) {
	r := newRuntime(t, func(o *wasm.Options) { o.Limits.Concurrent = 1 })
	spin, echo := load(t, r, "spin"), load(t, r, "echo")
	spinning := make(chan error, 1)
	go func() {
		_, err := spin.Call(t.Context(), wasm.Request{Deadline: time.Second})
		spinning <- err
	}()
	untilBusy(t, echo, from("a", "x"))
	// Waiting for a place is not part of the deadline.
	reply := call(t, echo, wasm.Request{Source: "a", Input: []byte("x"), Deadline: 200 * time.Millisecond})
	if string(reply.Output) != "x" || reply.Took > 200*time.Millisecond {
		t.Errorf("output = %q after %s", reply.Output, reply.Took)
	}
	wantCall(t, <-spinning, wasm.ErrTimeout, "timeout")
}

// Many sources talk to one guest while others spin and trap: answers stay
// right, belong to their source, and do not wait for the spinning ones.
func TestManySourcesBesideASpinningGuest(t *testing.T) {
	r := newRuntime(t, nil)
	bad, echo := load(t, r, "mixed"), load(t, r, "mixed")
	count := load(t, r, "counter")
	ctx, cancel := context.WithCancel(t.Context())
	var hostile, honest sync.WaitGroup
	for range 2 {
		hostile.Go(func() {
			for ctx.Err() == nil {
				_, _ = bad.Call(ctx, wasm.Request{Source: "z", Input: []byte("s"), Deadline: 50 * time.Millisecond})
			}
		})
	}
	for i := range 20 {
		honest.Go(func() {
			source := fmt.Sprint("source", i)
			before := ""
			for n := range 20 {
				input := fmt.Sprintf("%04d%04d", i, n)
				began := time.Now()
				a, err := echo.Call(ctx, from(source, input))
				b, err2 := count.Call(ctx, from(source, input))
				if err != nil || err2 != nil || string(a.Output) != input || !bytes.Equal(b.Output, counted(byte(n+1), before)) {
					t.Errorf("%s %d: %q %v, %q %v", source, n, a.Output, err, b.Output, err2)
					return
				}
				if took := time.Since(began); took > 3*time.Second {
					t.Errorf("two calls took %s", took)
				}
				before = input
				if n%7 == 6 {
					echo.Release(source)
				}
			}
		})
	}
	honest.Wait()
	cancel()
	hostile.Wait()
}

func TestCloseInterruptsCalls(t *testing.T) {
	r, err := wasm.New(t.Context(), wasm.Options{})
	if err != nil {
		t.Fatal(err)
	}
	m := load(t, r, "mixed")
	spinning := make(chan error, 1)
	go func() {
		_, err := m.Call(context.Background(), wasm.Request{Source: "a", Input: []byte("s"), Deadline: 20 * time.Second})
		spinning <- err
	}()
	untilBusy(t, m, from("a", "x"))
	began := time.Now()
	closeWithin(t, r, 100*time.Millisecond)
	closeWithin(t, r, 100*time.Millisecond)
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("Close took %s", took)
	}
	wantCall(t, <-spinning, wasm.ErrTimeout, "timeout")
	if _, err := r.Load(t.Context(), "echo", fixture(t, "echo")); err == nil {
		t.Error("a closed runtime loads")
	}
	m.Warm()
	m.Release("a")
}

// Loading and closing again and again leaves nothing behind.
func TestReloadsLeakNothing(t *testing.T) {
	r := newRuntime(t, nil)
	reload := func() {
		m := load(t, r, "counter")
		wantCount(t, m, from("a", "1"), 1, "")
		closeWithin(t, m, time.Second)
	}
	for range 50 {
		reload()
	}
	before := settled(t)
	for range 500 {
		reload()
	}
	if grown := settled(t) - before; grown > 64<<20 {
		t.Errorf("500 reloads cost %d MiB", grown>>20)
	}
}
