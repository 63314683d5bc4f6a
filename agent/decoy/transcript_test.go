package decoy_test

import (
	"context"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/killdeer-mcp/killdeer/agent/decoy"
	"github.com/killdeer-mcp/killdeer/agent/decoy/profile"
	"github.com/killdeer-mcp/killdeer/sdk"
)

var update = flag.Bool("update", false, "rewrite the transcripts with what the server answers")

// TestTranscripts plays every file of testdata/transcripts against a server with
// the persona [hub] and compares what comes back, byte for byte.
//
// A file begins with the rule it shows and where the rule stands. Then follow
// sections, played in order; NAME is a connection, made when it is first named,
// and "stdio" is the server's standard input and output:
//
//	-- options --      one a line: "sse", "page N", "streams N", "batch N", "origin O"
//	-- headers --      put after the request line of what follows
//	-- NAME > --       sent, with Content-Length where there is a body and none is given
//	-- NAME < --       what came back, to the end of the answer
//	-- NAME < N --     the answer's head if it was not read yet, and N events; on stdio, N lines
//	-- NAME < N any -- lines whose order does not matter, sorted
//	-- NAME end --     the client closes
//	-- until X --      until an event with outcome X has been recorded
//	-- stop --         the server begins to stop
//	-- events --       last: what was recorded, sorted
//
// Lines of heads end in CR LF on the wire and chunks are joined. What is never
// twice the same has a name in braces, which a later request may use:
// {{session}}, {{token}} of a requestState, {{cursor}}; a second value is
// {{session2}}.
func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/transcripts/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no transcripts: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			t.Parallel()
			a, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			p := newPlay(t, a)
			for i := range a.Files {
				p.section(&a.Files[i])
			}
			p.events()
			if !*update || t.Failed() {
				return
			}
			if err := os.WriteFile(file, txtar.Format(a), 0o644); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// play is one transcript being played.
type play struct {
	t       *testing.T
	archive *txtar.Archive
	server  *sensor
	headers string
	masks   *masks
	peers   map[string]peer
	stopped chan struct{} // closed when a stop has ended, nil before it begins
}

// peer is a client's end of a connection.
type peer interface {
	send(text string) error
	// receive reads n events or lines of an answer, or the rest of it when n is
	// negative.
	receive(n int) (string, error)
	close()
}

func newPlay(t *testing.T, a *txtar.Archive) *play {
	p := &play{t: t, archive: a, masks: newMasks(), peers: map[string]peer{}}
	options := ""
	if len(a.Files) > 0 && a.Files[0].Name == "options" {
		options = string(a.Files[0].Data)
	}
	p.server = start(t, func(o *decoy.Options) {
		o.Backend = &hub{}
		for line := range strings.Lines(options) {
			setOption(t, o, strings.TrimSpace(line))
		}
	})
	t.Cleanup(func() {
		for _, c := range p.peers {
			c.close()
		}
	})
	return p
}

func setOption(t *testing.T, o *decoy.Options, line string) {
	name, value, _ := strings.Cut(line, " ")
	number, _ := strconv.Atoi(value)
	switch name {
	case "sse":
		o.Profile = profile.Strict{SSE: true}
	case "page":
		o.Limits.Page = number
	case "streams":
		o.Limits.StreamsPerSource = number
	case "batch":
		o.Limits.Batch = number
	case "origin":
		o.AllowedOrigins = append(o.AllowedOrigins, value)
	default:
		t.Fatalf("unknown option %q", line)
	}
}

func (p *play) section(f *txtar.File) {
	p.t.Helper()
	words := strings.Fields(f.Name)
	switch {
	case f.Name == "options", f.Name == "events":
	case f.Name == "headers":
		p.headers = string(f.Data)
	case f.Name == "stop":
		p.stop()
	case words[0] == "until":
		p.until(words[1])
	case len(words) < 2:
		p.t.Fatalf("unknown section %q", f.Name)
	case words[1] == ">":
		p.send(words[0], string(f.Data))
	case words[1] == "<":
		p.expect(f, p.receive(words[0], words[2:]))
	case words[1] == "end":
		p.peer(words[0]).close()
		delete(p.peers, words[0])
	default:
		p.t.Fatalf("unknown section %q", f.Name)
	}
}

func (p *play) peer(name string) peer {
	p.t.Helper()
	if c := p.peers[name]; c != nil {
		return c
	}
	var c peer
	if name == "stdio" {
		c = newPipes(p.server)
	} else {
		var err error
		if c, err = newWire(p.server.addr); err != nil {
			p.t.Fatal(err)
		}
	}
	p.peers[name] = c
	return c
}

func (p *play) send(name, text string) {
	p.t.Helper()
	text = p.masks.fill(text)
	if name != "stdio" {
		text = request(text, p.headers)
	}
	if err := p.peer(name).send(text); err != nil {
		p.t.Fatalf("%s > : %v", name, err)
	}
}

func (p *play) receive(name string, how []string) string {
	p.t.Helper()
	n := -1
	if len(how) > 0 {
		n, _ = strconv.Atoi(how[0])
	}
	text, err := p.peer(name).receive(n)
	if err != nil {
		p.t.Fatalf("%s < : %v after\n%s", name, err, text)
	}
	if len(how) > 1 {
		lines := slices.Sorted(strings.Lines(text))
		text = strings.Join(lines, "")
	}
	checkNoLeak(p.t, text)
	return p.masks.hide(text)
}

// expect compares what came with what a section has, or puts it there.
func (p *play) expect(f *txtar.File, got string) {
	p.t.Helper()
	if got != "" && !strings.HasSuffix(got, "\n") {
		got += "\n" // a section cannot end otherwise; Content-Length tells
	}
	if *update {
		f.Data = []byte(got)
		return
	}
	if diff := cmp.Diff(strings.Split(string(f.Data), "\n"), strings.Split(got, "\n")); diff != "" {
		p.t.Errorf("-- %s -- (-want +got):\n%s", f.Name, diff)
	}
}

// until waits for an event with an outcome.
func (p *play) until(outcome string) {
	p.t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		for _, ev := range p.server.rec.wait(p.t, 0) {
			if ev.Outcome == outcome {
				return
			}
		}
	}
	p.t.Fatalf("no event with outcome %s", outcome)
}

func (p *play) stop() {
	if p.stopped != nil {
		return
	}
	p.stopped = make(chan struct{})
	go func() {
		defer close(p.stopped)
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := p.server.Shutdown(ctx); err != nil {
			p.t.Error(err)
		}
	}()
}

// events ends the play and compares what was recorded.
func (p *play) events() {
	p.t.Helper()
	for _, c := range p.peers {
		c.close()
	}
	p.stop()
	<-p.stopped
	var lines []string
	for _, ev := range p.server.rec.wait(p.t, 0) {
		lines = append(lines, eventLine(ev))
	}
	slices.Sort(lines)
	last := len(p.archive.Files) - 1
	if last < 0 || p.archive.Files[last].Name != "events" {
		if !*update {
			p.t.Fatal("the last section is not events")
		}
		p.archive.Files = append(p.archive.Files, txtar.File{Name: "events"})
		last++
	}
	p.expect(&p.archive.Files[last], strings.Join(lines, "\n"))
}

// eventLine is an event in a line: what the owner would see first.
func eventLine(ev *sdk.Event) string {
	var words []string
	for _, w := range []string{ev.Outcome, ev.Era, ev.Protocol, ev.MCPMethod, ev.Tool, ev.Prompt, ev.URI, string(ev.RPCID)} {
		if w != "" {
			words = append(words, w)
		}
	}
	line := strings.Join(words, " ")
	if ev.Error != "" {
		line += " (" + ev.Error + ")"
	}
	return line
}
