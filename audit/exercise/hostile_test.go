package exercise_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/killdeer-mcp/killdeer/audit/evidence"
	"github.com/killdeer-mcp/killdeer/audit/exercise"
)

// A server that does not greet ends the life in time, with the right word for it.
func TestNoGreeting(t *testing.T) {
	silent := func(*fake, request) bool { return true }
	tests := []struct {
		name string
		on   func(*fake, request) bool
		era  exercise.Era
		took time.Duration
		want error
	}{
		{"silent on initialize", silent, exercise.Legacy, 30 * time.Second, context.DeadlineExceeded},
		{"silent on discover", silent, exercise.Modern, 5 * time.Second, exercise.ErrNotModern},
		{"no method discover", nil, exercise.Modern, 0, exercise.ErrNotModern},
		{"exits at once", func(f *fake, _ request) bool { f.out.(io.Closer).Close(); return true }, exercise.Legacy, 0, exercise.ErrClosed},
		{"needs a terminal", func(f *fake, _ request) bool {
			f.say("not a terminal")
			f.out.(io.Closer).Close()
			return true
		}, exercise.Legacy, 0, exercise.ErrClosed},
		{"answers with no version", func(f *fake, r request) bool { f.reply(r, `{}`); return true }, exercise.Legacy, 0, nil},
		{"answers with a list", func(f *fake, r request) bool { f.reply(r, `[]`); return true }, exercise.Legacy, 0, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				begun := time.Now()
				f := &fake{on: tt.on}
				_, err := exercise.Open(t.Context(), f.start(t), exercise.Options{Era: tt.era}, &evidence.Pass{})
				if err == nil || tt.want != nil && !errors.Is(err, tt.want) && !strings.Contains(err.Error(), "no reply within") {
					t.Errorf("error %v, want %v", err, tt.want)
				}
				if took := time.Since(begun); took != tt.took {
					t.Errorf("took %s, want %s", took, tt.took)
				}
			})
		})
	}
}

// Whatever a server does, the life ends with what was seen.
func TestHostile(t *testing.T) {
	big := func(f *fake, size int) {
		chunk := strings.Repeat("a", 1<<20)
		io.WriteString(f.out, `{"jsonrpc":"2.0","result":{"content":[{"type":"text","text":"`)
		for range size >> 20 {
			io.WriteString(f.out, chunk)
		}
		f.say(`"}]},"id":1}`)
	}
	first := func(do func(*fake, request)) func(*fake, request) bool {
		calls := 0
		return func(f *fake, r request) bool {
			if r.Method != "tools/call" {
				return false
			}
			if calls++; calls > 1 {
				return false
			}
			do(f, r)
			return true
		}
	}
	tests := []struct {
		name  string
		on    func(*fake, request) bool
		most  time.Duration
		check func(*testing.T, *evidence.Pass)
	}{
		{"junk lines", func(f *fake, _ request) bool {
			f.say("Server starting...")
			f.say("{\"not\": \"rpc\"}")
			f.say("\x1b[31m\xff" + strings.Repeat("x", 5000))
			f.say("")
			return false
		}, time.Minute, func(t *testing.T, p *evidence.Pass) {
			if p.JunkLines < 30 || len(p.Junk) > 100 || len(p.Junk[2]) > 520 || outcomes(p)["ok"] != len(p.Calls) {
				t.Errorf("%d lines, %d kept, %v", p.JunkLines, len(p.Junk), outcomes(p))
			}
		}},
		{"noise before messages", func(f *fake, r request) bool {
			if r.ID != nil {
				io.WriteString(f.out, "loading {x} ... ")
			}
			return false
		}, time.Minute, func(t *testing.T, p *evidence.Pass) {
			if p.JunkLines < len(p.Calls) || outcomes(p)["ok"] != len(p.Calls) {
				t.Errorf("%d junk lines, %v", p.JunkLines, outcomes(p))
			}
		}},
		{"100 MB result", first(func(f *fake, _ request) { big(f, 100<<20) }), time.Minute, func(t *testing.T, p *evidence.Pass) {
			if o := outcomes(p); o["too_large"] != 1 || o["ok"] != len(p.Calls)-1 || len(p.Calls) < 4 {
				t.Errorf("outcomes %v", o)
			}
		}},
		{"error codes that are words", func(f *fake, r request) bool {
			if r.Method == "tools/call" {
				f.say(fmt.Sprintf(`{"id":"%s","error":{"code":"ENOENT","message":"no such file"}}`, r.ID))
			}
			return r.Method == "tools/call"
		}, time.Minute, func(t *testing.T, p *evidence.Pass) {
			if o := outcomes(p); o["rpc_error"] != len(p.Calls) || !strings.Contains(p.Calls[0].Error, "ENOENT") {
				t.Errorf("outcomes %v, error %q", o, p.Calls[0].Error)
			}
		}},
		{"exits in the first call", first(func(f *fake, _ request) { f.out.(io.Closer).Close() }), time.Minute, func(t *testing.T, p *evidence.Pass) {
			if o := outcomes(p); o["closed"] != 1 || len(p.Calls) != 1 || len(p.Faults) != 1 || len(p.Skipped) != 1 {
				t.Errorf("outcomes %v, faults %q, skipped %v", o, p.Faults, p.Skipped)
			}
		}},
		{"hangs for ever", func(_ *fake, r request) bool {
			return r.Method == "tools/call" || r.Method == "ping" || r.Method == "notifications/cancelled"
		}, time.Minute, func(t *testing.T, p *evidence.Pass) {
			if o := outcomes(p); o["timeout"] != 2 || len(p.Calls) != 2 || len(p.Faults) != 1 || !strings.Contains(p.Faults[0], "stopped answering") {
				t.Errorf("outcomes %v, faults %q", o, p.Faults)
			}
		}},
		{"a tool that takes 17 s", func(f *fake, r request) bool {
			if r.Method == "tools/call" {
				f.tasks.Go(func() { time.Sleep(17 * time.Second); f.usual(r) })
			}
			return r.Method == "tools/call"
		}, 2 * time.Minute, func(t *testing.T, p *evidence.Pass) {
			o := outcomes(p)
			if o["timeout"] != 2 || len(p.Faults) != 0 || p.Skipped[0].Reason != "the tool is slow" {
				t.Errorf("outcomes %v, faults %q, skipped %v", o, p.Faults, p.Skipped)
			}
			if p.Calls[0].Result == nil || p.Calls[0].To == 0 {
				t.Error("the late reply was not kept")
			}
		}},
		{"flood of notifications", first(func(f *fake, r request) {
			for range 5000 {
				f.say(`{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"` + strings.Repeat("y", 4000) + `"}}`)
			}
			f.usual(r)
		}), time.Minute, func(t *testing.T, p *evidence.Pass) {
			if len(p.Notifications) != 512 || p.MessagesDropped != 5000-512 || outcomes(p)["ok"] != len(p.Calls) {
				t.Errorf("%d kept, %d dropped, %v", len(p.Notifications), p.MessagesDropped, outcomes(p))
			}
		}},
		{"flood of requests from one that does not read", first(func(f *fake, r request) {
			for range 5000 {
				f.say(`{"jsonrpc":"2.0","id":"s","method":"roots/list"}`)
			}
			f.usual(r)
		}), time.Minute, func(t *testing.T, p *evidence.Pass) {
			if len(p.Requests) != 512 || outcomes(p)["ok"] != len(p.Calls) {
				t.Errorf("%d kept, %v", len(p.Requests), outcomes(p))
			}
		}},
		{"cursor in a loop", func(f *fake, r request) bool {
			if r.Method == "tools/list" {
				f.reply(r, oneTool[:len(oneTool)-1]+`,"nextCursor":"again"}`)
			}
			return r.Method == "tools/list"
		}, time.Minute, func(t *testing.T, p *evidence.Pass) {
			if c := p.Catalog[0]; len(c.Tools) != 2 || len(c.Errors) != 1 || !strings.Contains(c.Errors[0], "cursor comes again") {
				t.Errorf("%d tools, errors %q", len(c.Tools), c.Errors)
			}
		}},
		{"cursors without end", func(f *fake, r request) bool {
			if r.Method == "tools/list" {
				f.reply(r, oneTool[:len(oneTool)-1]+`,"nextCursor":"x`+r.Params.Cursor+`"}`)
			}
			return r.Method == "tools/list"
		}, time.Minute, func(t *testing.T, p *evidence.Pass) {
			if c := p.Catalog[0]; len(c.Tools) != 201 || !strings.Contains(c.Errors[0], "too long") {
				t.Errorf("%d tools, errors %q", len(c.Tools), c.Errors)
			}
		}},
		{"lists of nonsense", func(f *fake, r request) bool {
			if r.Method == "tools/list" {
				f.reply(r, `{"tools":[1,null,"x",{"name":5},{"name":""},{"name":"odd","inputSchema":[]},{"name":"bare"}]}`)
			}
			return r.Method == "tools/list"
		}, time.Minute, func(t *testing.T, p *evidence.Pass) {
			if len(cases(p, "odd")) == 0 || len(cases(p, "bare")) == 0 || len(p.Catalog[0].Tools) != 7 || p.Calls[0].Unchecked == "" {
				t.Errorf("calls %v %v", cases(p, "odd"), cases(p, "bare"))
			}
		}},
		{"replies to nothing", func(f *fake, r request) bool {
			f.say(`{"jsonrpc":"2.0","id":"nobody","result":{"secret":1}}`)
			return false
		}, time.Minute, func(t *testing.T, p *evidence.Pass) {
			if len(p.Notifications) == 0 || string(p.Notifications[0].Params) != `{"secret":1}` {
				t.Errorf("notifications %v", p.Notifications)
			}
		}},
		{"batches", func(f *fake, r request) bool {
			if r.Method == "tools/call" {
				f.say(fmt.Sprintf(`[{"jsonrpc":"2.0","method":"notifications/x"},{"jsonrpc":"2.0","id":%s,"result":{}}]`, r.ID))
			}
			return r.Method == "tools/call"
		}, time.Minute, func(t *testing.T, p *evidence.Pass) {
			if len(p.Notifications) != len(p.Calls) || outcomes(p)["ok"] != len(p.Calls) {
				t.Errorf("%d notifications, %v", len(p.Notifications), outcomes(p))
			}
		}},
		{"results that fill the memory", func(f *fake, r request) bool {
			if r.Method == "tools/call" {
				f.reply(r, `{"x":"`+strings.Repeat("z", 15<<20)+`"}`)
			}
			return r.Method == "tools/call"
		}, time.Minute, func(t *testing.T, p *evidence.Pass) {
			if o := outcomes(p); o["ok"] != 4 || o["too_large"] != len(p.Calls)-4 || len(p.Calls) < 6 {
				t.Errorf("outcomes %v", o)
			}
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				begun := time.Now()
				p := live(t, &fake{on: tt.on}, exercise.Options{MarkerDir: "/tmp/m"})
				if took := time.Since(begun); took > tt.most {
					t.Errorf("took %s, more than %s", took, tt.most)
				}
				tt.check(t, p)
			})
		})
	}
}

// A server that never reads holds nobody up.
func TestDoesNotRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, toServer := io.Pipe()
		fromServer, toClient := io.Pipe()
		defer toClient.Close()
		_, err := exercise.Open(t.Context(), &exercise.Stdio{Out: fromServer, In: toServer}, exercise.Options{}, &evidence.Pass{})
		if err == nil || !strings.Contains(err.Error(), "no reply within 30s") {
			t.Errorf("error %v", err)
		}
	})
}

// The end of the pass's time, or of the budget, is told and ends it.
func TestTimeEnds(t *testing.T) {
	slow := func(f *fake, r request) bool {
		if r.Method == "tools/call" {
			time.Sleep(2 * time.Second)
		}
		return false
	}
	many := make([]string, 60)
	for i := range many {
		many[i] = fmt.Sprintf(`{"name":"t%d","inputSchema":{"type":"object"}}`, i)
	}
	tools := `{"tools":[` + strings.Join(many, ",") + `]}`

	synctest.Test(t, func(t *testing.T) {
		p := live(t, &fake{on: slow, tools: tools}, exercise.Options{Budget: 20 * time.Second})
		if len(p.Calls) > 15 || len(p.Faults) != 1 || !strings.Contains(p.Faults[0], "budget") || len(p.Catalog) != 3 || len(p.Skipped) < 50 {
			t.Errorf("%d calls, %d catalogs, %d skipped, faults %q", len(p.Calls), len(p.Catalog), len(p.Skipped), p.Faults)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		pass := &evidence.Pass{}
		ctx, stop := context.WithTimeout(t.Context(), 10*time.Second)
		defer stop()
		f := &fake{on: slow, tools: tools}
		s, err := exercise.Open(ctx, f.start(t), exercise.Options{}, pass)
		if err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		s.Exercise(ctx)
		if took := time.Since(begun); took > 10*time.Second {
			t.Errorf("took %s", took)
		}
		s.Close()
		if len(pass.Faults) != 1 || !strings.Contains(pass.Faults[0], "time of the pass") {
			t.Errorf("faults %q", pass.Faults)
		}
	})
}

// Tools that change are listed again, and new ones called.
func TestListChanges(t *testing.T) {
	const two = `{"tools":[{"name":"look","inputSchema":{"type":"object"}},{"name":"hidden","inputSchema":{"type":"object"}}]}`
	synctest.Test(t, func(t *testing.T) {
		p := live(t, &fake{on: func(f *fake, r request) bool {
			if r.Method == "tools/call" && f.tools != two {
				f.tools = two
				f.say(`{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}`)
			}
			return false
		}}, exercise.Options{})
		if len(cases(p, "hidden")) == 0 {
			t.Error("the new tool was not called")
		}
		if len(p.Catalog) != 4 || len(p.Catalog[0].Tools) != 1 || len(p.Catalog[1].Tools) != 2 || p.Catalog[1].After == 0 {
			t.Errorf("catalogs %+v", p.Catalog)
		}
		if string(p.Catalog[1].Tools[1]) != `{"name":"hidden","inputSchema":{"type":"object"}}` {
			t.Errorf("a tool's bytes were not kept: %s", p.Catalog[1].Tools[1])
		}
	})
	synctest.Test(t, func(t *testing.T) {
		p := live(t, &fake{on: func(f *fake, r request) bool {
			f.say(`{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}`)
			return false
		}}, exercise.Options{})
		if len(p.Catalog) > 10 {
			t.Errorf("%d catalogs of a list that changes all the time", len(p.Catalog))
		}
	})
}
