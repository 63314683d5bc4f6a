package wasm_test

import (
	"runtime"
	"testing"
	"time"

	"github.com/killdeer-mcp/killdeer/internal/wasm"
)

// endless are guests that do not end by themselves, and the input that sets them
// off.
var endless = []struct{ name, guest, input string }{
	{"loop", "spin", ""},
	{"calls without a loop", "exponential", ""},
	{"the way back of a recursion", "burn", "a"},
	{"loads that miss the caches", "burn", "c"},
	{"memory.fill", "burn", "f"},
	{"calls of a leaf", "burn", "i"},
	{"short memory.copy", "burn", "m"},
	{"random bytes", "burn", "r"},
	{"subnormal numbers", "burn", "s"},
	{"tables", "burn", "t"},
	{"host function in a table", "burn", "o"},
	{"empty vectors", "burn", "w"},
}

// A deadline ends whatever a guest does, and until then the guest holds up the
// collector for a slice at a time. The bounds only tell an end from none, on a
// loaded machine; the log has what was measured.
func TestCallEndsAtItsDeadline(t *testing.T) {
	const deadline, late, pause = 50 * time.Millisecond, 2 * time.Second, time.Second
	each(t, func(t *testing.T, r *wasm.Runtime) {
		for _, tt := range endless {
			t.Run(tt.name, func(t *testing.T) {
				if tt.input == "a" && r.Engine() == wasm.EngineInterpreter {
					t.Skip("the interpreter's stack is not deep enough")
				}
				m := load(t, r, tt.guest)
				done, longest := make(chan struct{}), make(chan time.Duration)
				go func() { longest <- stopOften(done) }()
				began := time.Now()
				_, err := m.Call(t.Context(), wasm.Request{Source: "a", Input: []byte(tt.input), Deadline: deadline})
				took := time.Since(began)
				close(done)
				worst := <-longest
				wantCall(t, err, wasm.ErrTimeout, "timeout")
				t.Logf("ended %v after its deadline, the longest stop took %v", took-deadline, worst)
				if took < deadline || took > deadline+late {
					t.Errorf("call of %v took %v", deadline, took)
				}
				if worst > pause {
					t.Errorf("a stop took %v", worst)
				}
			})
		}
	})
}

// stopOften stops all goroutines over and over, as the collector does, and
// returns how long they took to stop at most.
func stopOften(done chan struct{}) (longest time.Duration) {
	var stats runtime.MemStats
	for {
		select {
		case <-done:
			return longest
		default:
		}
		began := time.Now()
		runtime.ReadMemStats(&stats)
		longest = max(longest, time.Since(began))
		time.Sleep(time.Millisecond)
	}
}

// A collection beside a guest that spins must end long before the guest does.
func TestCollectionBesideAGuestThatSpins(t *testing.T) {
	m := load(t, newRuntime(t, nil), "spin")
	ended := make(chan error)
	go func() {
		_, err := m.Call(t.Context(), wasm.Request{Source: "a", Deadline: 5 * time.Second})
		ended <- err
	}()
	time.Sleep(10 * time.Millisecond)
	began := time.Now()
	runtime.GC()
	took := time.Since(began)
	t.Logf("collection took %v", took)
	if took > time.Second {
		t.Errorf("collection took %v", took)
	}
	closeWithin(t, m, time.Millisecond)
	wantCall(t, <-ended, wasm.ErrTimeout, "timeout")
}
