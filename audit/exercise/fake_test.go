package exercise_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/killdeer-mcp/killdeer/audit/evidence"
	"github.com/killdeer-mcp/killdeer/audit/exercise"
)

// fake is a server of a test's own making, which may do anything to its client.
type fake struct {
	out io.Writer
	// tools is the result of tools/list.
	tools string
	// on handles a request or notification; nil: only the usual is answered.
	on    func(f *fake, r request) bool
	tasks sync.WaitGroup // of the server's own goroutines
}

// request is what a client sent.
type request struct {
	ID     json.RawMessage `json:"id"`
	Method string          `json:"method"`
	Params struct {
		Name   string          `json:"name"`
		Cursor string          `json:"cursor"`
		Args   json.RawMessage `json:"arguments"`
	} `json:"params"`
	Raw []byte `json:"-"`
}

const oneTool = `{"tools":[{"name":"look","inputSchema":{"type":"object","properties":{"q":{"type":"string"}}}}]}`

// start runs the server until its input ends, and returns the way to it.
func (f *fake) start(t *testing.T) *exercise.Stdio {
	t.Helper()
	fromClient, toServer := io.Pipe()
	fromServer, toClient := io.Pipe()
	f.out = toClient
	if f.tools == "" {
		f.tools = oneTool
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer toClient.Close()
		f.serve(fromClient)
	}()
	t.Cleanup(func() {
		fromClient.Close()
		fromServer.Close()
		<-done
		f.tasks.Wait()
	})
	return &exercise.Stdio{Out: fromServer, In: toServer}
}

func (f *fake) serve(in io.Reader) {
	lines := bufio.NewReader(in)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return
		}
		r := request{Raw: line}
		if json.Unmarshal(line, &r) != nil || f.on != nil && f.on(f, r) {
			continue
		}
		f.usual(r)
	}
}

// usual answers as any server does.
func (f *fake) usual(r request) {
	switch r.Method {
	case "initialize":
		f.reply(r, `{"protocolVersion":"2025-11-25","capabilities":{"tools":{"listChanged":true}},"serverInfo":{"name":"fake","version":"1"}}`)
	case "ping":
		f.reply(r, `{}`)
	case "tools/list":
		f.reply(r, f.tools)
	case "tools/call":
		f.reply(r, `{"content":[{"type":"text","text":"done"}]}`)
	default:
		if r.ID != nil && r.Method != "" {
			f.say(fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"error":{"code":-32601,"message":"Method not found"}}`, r.ID))
		}
	}
}

func (f *fake) reply(r request, result string) {
	f.say(fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":%s}`, r.ID, result))
}

func (f *fake) say(line string) { io.WriteString(f.out, line+"\n") }

// live runs one life of a server.
func live(t *testing.T, f *fake, opts exercise.Options) *evidence.Pass {
	t.Helper()
	pass := &evidence.Pass{Name: "A"}
	ctx, stop := context.WithTimeout(t.Context(), time.Hour)
	defer stop()
	s, err := exercise.Open(ctx, f.start(t), opts, pass)
	if err != nil {
		t.Fatal(err)
	}
	s.Exercise(ctx)
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	spansFollow(t, pass)
	return pass
}

// spansFollow holds phases to their order: each begins when the one before has
// ended, and every call has its own.
func spansFollow(t *testing.T, pass *evidence.Pass) {
	t.Helper()
	calls := 0
	for i, span := range pass.Spans {
		if span.To < span.From || i > 0 && span.From < pass.Spans[i-1].To {
			t.Errorf("span %d overlaps: %+v behind %+v", i, span, pass.Spans[max(0, i-1)])
		}
		if span.Phase == evidence.InCall {
			if calls++; span.Call != calls {
				t.Errorf("span of call %d, want %d", span.Call, calls)
			}
		}
	}
	if calls != len(pass.Calls) {
		t.Errorf("%d spans of calls, %d calls", calls, len(pass.Calls))
	}
}

func outcomes(pass *evidence.Pass) map[string]int {
	n := map[string]int{}
	for _, c := range pass.Calls {
		n[c.Outcome]++
	}
	return n
}

func cases(pass *evidence.Pass, tool string) []string {
	var out []string
	for _, c := range pass.Calls {
		if c.Name == tool {
			out = append(out, c.Case)
		}
	}
	return out
}
