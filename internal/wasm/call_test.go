package wasm_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/killdeer-mcp/killdeer/internal/wasm"
)

var engines = []string{wasm.EngineCompiler, wasm.EngineInterpreter}

// each runs a test under both engines.
func each(t *testing.T, test func(t *testing.T, r *wasm.Runtime)) {
	for _, engine := range engines {
		t.Run(engine, func(t *testing.T) {
			r := newRuntime(t, func(o *wasm.Options) { o.Engine = engine })
			if r.Engine() != engine {
				t.Errorf("Engine() = %s, want %s", r.Engine(), engine)
			}
			test(t, r)
		})
	}
}

func TestCallErrors(t *testing.T) {
	tests := []struct {
		guest, input string
		want         error
		code, text   string
	}{
		{"spin", "", wasm.ErrTimeout, "timeout", ""},
		{"trap", "", wasm.ErrTrap, "trap", "unreachable"},
		{"recurse", "", wasm.ErrTrap, "trap", "stack overflow"},
		{"flood", "", wasm.ErrOutput, "output", "1048576"},
		{"flood_stdout", "", wasm.ErrOutput, "output", "1048576"},
		{"status", "", wasm.ErrStatus, "status", "7"},
		{"exit", "\x03", wasm.ErrStatus, "status", "3"},
		{"reactor_exit", "", wasm.ErrTrap, "trap", "exit"},
		{"abort", "", wasm.ErrTrap, "trap", "abort"},
		{"bounds", "w", wasm.ErrTrap, "trap", "outside"},
		{"bounds", "l", wasm.ErrTrap, "trap", "outside"},
		{"bounds", "r" + strings.Repeat("x", 9), wasm.ErrTrap, "trap", "outside"},
	}
	each(t, func(t *testing.T, r *wasm.Runtime) {
		before := resident(t)
		for _, tt := range tests {
			m := load(t, r, tt.guest)
			began, deadline := time.Now(), 10*time.Second
			if errors.Is(tt.want, wasm.ErrTimeout) {
				deadline = 100 * time.Millisecond
			}
			reply, err := m.Call(t.Context(), wasm.Request{Source: "a", Input: []byte(tt.input), Deadline: deadline})
			wantCall(t, err, tt.want, tt.code)
			if err == nil || !strings.Contains(err.Error(), tt.text) {
				t.Errorf("%s: %v does not say %q", tt.guest, err, tt.text)
			}
			if reply.Output != nil {
				t.Errorf("%s: output of %d bytes beside an error", tt.guest, len(reply.Output))
			}
			if took := time.Since(began); took > 5*time.Second {
				t.Errorf("%s took %s", tt.guest, took)
			}
			closeWithin(t, m, time.Second)
		}
		runtime.GC()
		if grown := resident(t) - before; grown > 500<<20 {
			t.Errorf("all failures together cost %d MiB", grown>>20)
		}
	})
}

func TestCallEchoes(t *testing.T) {
	big := bytes.Repeat([]byte("0123456789abcdef"), 1<<14)
	each(t, func(t *testing.T, r *wasm.Runtime) {
		for _, name := range []string{"echo", "echo_command"} {
			m := load(t, r, name)
			for _, source := range []string{"", "a", "a", "b"} {
				for _, input := range [][]byte{nil, []byte("x"), big} {
					got := call(t, m, wasm.Request{Source: source, Input: input})
					if !bytes.Equal(got.Output, input) {
						t.Errorf("%s(%d bytes) gave %d bytes", name, len(input), len(got.Output))
					}
				}
			}
		}
	})
}

func TestCallExitZeroIsSuccess(t *testing.T) {
	m := load(t, newRuntime(t, nil), "exit")
	if got := call(t, m, wasm.Request{Input: []byte{0}}); len(got.Output) != 0 {
		t.Errorf("output = %q", got.Output)
	}
}

func TestCallOutputLimitOfRequest(t *testing.T) {
	m := load(t, newRuntime(t, nil), "echo")
	req := wasm.Request{Source: "a", Input: []byte("12345"), Output: 5}
	call(t, m, req)
	req.Output = 4
	_, err := m.Call(t.Context(), req)
	wantCall(t, err, wasm.ErrOutput, "output")
}

func TestCallInputLimit(t *testing.T) {
	m := load(t, newRuntime(t, nil), "echo")
	_, err := m.Call(t.Context(), wasm.Request{Input: make([]byte, wasm.MaxInput+1)})
	wantCall(t, err, wasm.ErrInput, "input")
}

// Growing to the limit must cost what is touched, once, and be gone afterwards.
func TestCallMemoryLimit(t *testing.T) {
	each(t, func(t *testing.T, r *wasm.Runtime) {
		m := load(t, r, "grow")
		before := resident(t)
		for range 20 {
			got := call(t, m, wasm.Request{Deadline: time.Minute}).Output
			if pages := binary.LittleEndian.Uint32(got); pages != 512 {
				t.Errorf("guest grew to %d pages, want 512", pages)
			}
		}
		if r.Engine() == wasm.EngineCompiler && runtime.GOOS == "linux" {
			if grown := resident(t) - before; grown > 64<<20 {
				t.Errorf("20 guests of 2 MiB used pages cost %d MiB", grown>>20)
			}
		}
	})
}

func TestCallTableLimit(t *testing.T) {
	each(t, func(t *testing.T, r *wasm.Runtime) {
		m := load(t, r, "table_grow")
		got := call(t, m, wasm.Request{}).Output
		var words [4]int32
		if _, err := binary.Decode(got, binary.LittleEndian, &words); err != nil {
			t.Fatal(err)
		}
		if words != [4]int32{-1, -1, 2, 65536} {
			t.Errorf("table.grow by 50M, by 50M, by 65534, and size = %v", words)
		}
	})
}

func TestCallLogCap(t *testing.T) {
	m := load(t, newRuntime(t, nil), "log_flood")
	reply := call(t, m, wasm.Request{})
	total := 0
	levels := map[wasm.LogLevel]int{}
	for _, line := range reply.Log {
		total += len(line.Text)
		levels[line.Level]++
	}
	if total > 8<<10 || total < 7<<10 || !reply.LogCut {
		t.Errorf("kept %d bytes of log, cut = %v", total, reply.LogCut)
	}
	if levels[wasm.LogError] == 0 || levels[wasm.LogWarn] == 0 || len(levels) != 2 {
		t.Errorf("levels = %v", levels)
	}
}

// A guest learns the call's time and a random stream of the call's input, and
// nothing of the machine.
func TestCallEnvironment(t *testing.T) {
	now := time.Date(2026, 7, 1, 12, 0, 0, 5, time.UTC)
	want := make([]byte, 44)
	binary.LittleEndian.PutUint64(want[0:], uint64(now.UnixNano()))
	binary.LittleEndian.PutUint64(want[8:], uint64(time.Millisecond))
	if _, err := rand.NewChaCha8(sha256.Sum256([]byte("in"))).Read(want[16:32]); err != nil {
		t.Fatal(err)
	}
	binary.LittleEndian.PutUint32(want[40:], 8) // EBADF
	each(t, func(t *testing.T, r *wasm.Runtime) {
		m := load(t, r, "environment")
		for range 2 {
			got := call(t, m, wasm.Request{Source: "a", Input: []byte("in"), Now: now}).Output
			if !bytes.Equal(got, want) {
				t.Errorf("environment =\n%x, want\n%x", got, want)
			}
		}
	})
}

func TestCallCanceledByCallerDoesNotDegrade(t *testing.T) {
	m := load(t, newRuntime(t, nil), "mixed")
	for range 6 {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		_, err := m.Call(ctx, wasm.Request{Source: "a", Input: []byte("s")})
		cancel()
		wantCall(t, err, wasm.ErrTimeout, "timeout")
	}
	if m.Degraded() {
		t.Error("callers who hung up degraded the guest")
	}
}

func TestCallDegrades(t *testing.T) {
	m := load(t, newRuntime(t, nil), "mixed")
	for i, input := range []string{"t", "s", "t", "t", "x", "t"} {
		if m.Degraded() {
			t.Fatalf("degraded before call %d", i)
		}
		_, _ = m.Call(t.Context(), wasm.Request{Source: "a", Input: []byte(input), Deadline: 50 * time.Millisecond})
	}
	_, err := m.Call(t.Context(), wasm.Request{Source: "b", Input: []byte("x")})
	wantCall(t, err, wasm.ErrDegraded, "degraded")
}

func TestCallAfterFailureIsFresh(t *testing.T) {
	m := load(t, newRuntime(t, nil), "mixed")
	for _, input := range []string{"t", "s"} {
		_, err := m.Call(t.Context(), wasm.Request{Source: "a", Input: []byte(input), Deadline: 50 * time.Millisecond})
		if err == nil {
			t.Fatal("no error")
		}
		if got := call(t, m, wasm.Request{Source: "a", Input: []byte("hi")}).Output; string(got) != "hi" {
			t.Errorf("output after a failure = %q", got)
		}
	}
}
