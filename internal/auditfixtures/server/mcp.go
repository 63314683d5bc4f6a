package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"sync"
	"time"
)

// Versions of the protocol: the newest with a handshake, and the one without.
const (
	legacy = "2025-11-25"
	modern = "2026-07-28"
)

// raw is JSON that is written as it stands.
type raw = json.RawMessage

// message is anything that goes over the wire.
type message struct {
	ID     raw             `json:"id"`
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
	Result json.RawMessage `json:"result"`
	Error  json.RawMessage `json:"error"`
}

// tool is a tool and what it does.
type tool struct {
	Name        string          `json:"name"`
	Title       string          `json:"title,omitempty"`
	Description string          `json:"description,omitempty"`
	Input       raw             `json:"inputSchema"`
	Hints       map[string]bool `json:"annotations,omitempty"`

	do func(*call) (string, error)
}

// resource is a resource and what it holds.
type resource struct {
	URI         string `json:"uri"`
	Name        string `json:"name"`
	Description string `json:"description,omitempty"`
	MIMEType    string `json:"mimeType,omitempty"`

	read func() (string, error)
}

// prompt is a prompt and its text.
type prompt struct {
	Name        string `json:"name"`
	Description string `json:"description,omitempty"`

	text string
}

// call is one call of a tool.
type call struct {
	*server
	args map[string]any
	n    int // of this tool, from 1
}

// text is an argument as text, "" if it is none.
func (c *call) text(name string) string {
	switch v := c.args[name].(type) {
	case string:
		return v
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64)
	}
	return ""
}

// number is an argument as a number.
func (c *call) number(name string) float64 {
	v, _ := c.args[name].(float64)
	return v
}

// server is an MCP server.
type server struct {
	name, version, instructions string
	tools                       []tool
	resources                   []resource
	prompts                     []prompt
	page                        int // tools on a page; 0: all

	// All of these may be nil.
	start   func(*server)                 // before anything is read
	ready   func(*server)                 // when the client is
	end     func(*server)                 // when the input has ended
	listing func(s *server, n int) []tool // the tools of the n-th list, from 1
	take    func(*server, *message) bool  // takes a message over

	client string // its name
	modern bool

	mu      sync.Mutex // guards what follows, and the output
	out     io.Writer
	asked   map[string]chan *message // requests of our own
	nextAsk int
	lists   int
	calls   map[string]int
	answers sync.WaitGroup
}

// run serves until the input ends. Calls are answered one after another, while
// replies to the server's own requests go on being read.
func (s *server) run(in io.Reader, out io.Writer) int {
	s.out, s.asked, s.calls = out, map[string]chan *message{}, map[string]int{}
	if s.version == "" {
		s.version = "1.4.2"
	}
	s.do(s.start)
	todo := make(chan *message, 1024)
	s.answers.Go(func() {
		for m := range todo {
			s.answer(m)
		}
	})
	lines := bufio.NewReader(in)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			break
		}
		var m message
		switch {
		case json.Unmarshal(line, &m) != nil:
			s.send(`{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"Parse error"}}`)
		case m.Method == "":
			s.replied(&m)
		default:
			todo <- &m
		}
	}
	close(todo)
	s.answers.Wait()
	s.do(s.end)
	return 0
}

func (s *server) do(f func(*server)) {
	if f != nil {
		f(s)
	}
}

// send writes one line.
func (s *server) send(line string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, _ = io.WriteString(s.out, line+"\n") // a client that is gone shows at the input
}

func (s *server) reply(m *message, result any) {
	b, err := json.Marshal(result)
	if err != nil {
		s.refuse(m, -32603, err.Error())
		return
	}
	s.send(fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":%s}`, m.ID, b))
}

func (s *server) refuse(m *message, code int, text string) {
	b, _ := json.Marshal(text)
	s.send(fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"error":{"code":%d,"message":%s}}`, m.ID, code, b))
}

// notify sends a notification.
func (s *server) notify(method, params string) {
	s.send(fmt.Sprintf(`{"jsonrpc":"2.0","method":%q,"params":%s}`, method, params))
}

// ask sends a request to the client and waits a while for the reply.
func (s *server) ask(method, params string) *message {
	s.mu.Lock()
	s.nextAsk++
	id, back := fmt.Sprintf(`"s-%d"`, s.nextAsk), make(chan *message, 1)
	s.asked[id] = back
	s.mu.Unlock()
	s.send(fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"method":%q,"params":%s}`, id, method, params))
	select {
	case m := <-back:
		return m
	case <-time.After(5 * time.Second):
		return nil
	}
}

func (s *server) replied(m *message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if back := s.asked[string(m.ID)]; back != nil {
		delete(s.asked, string(m.ID))
		back <- m
	}
}

// answer answers a request or notification.
func (s *server) answer(m *message) {
	if s.take != nil && s.take(s, m) {
		return
	}
	switch m.Method {
	case "initialize":
		s.initialize(m)
	case "server/discover":
		s.modern = true
		s.reply(m, s.whole(map[string]any{
			"supportedVersions": []string{modern}, "capabilities": s.capabilities(), "instructions": s.instructions, "ttlMs": 0, "cacheScope": "private",
		}))
		s.do(s.ready)
	case "notifications/initialized":
		s.do(s.ready)
	case "ping":
		s.reply(m, map[string]any{})
	case "tools/list":
		s.list(m)
	case "tools/call":
		s.call(m)
	case "resources/list":
		s.reply(m, s.whole(map[string]any{"resources": s.resources, "ttlMs": 0, "cacheScope": "private"}))
	case "resources/templates/list":
		s.reply(m, s.whole(map[string]any{"resourceTemplates": []any{}, "ttlMs": 0, "cacheScope": "private"}))
	case "resources/read":
		s.read(m)
	case "prompts/list":
		s.reply(m, s.whole(map[string]any{"prompts": s.prompts, "ttlMs": 0, "cacheScope": "private"}))
	case "prompts/get":
		s.prompt(m)
	default:
		if m.ID != nil {
			s.refuse(m, -32601, "Method not found")
		}
	}
}

func (s *server) info() map[string]any { return map[string]any{"name": s.name, "version": s.version} }

// whole adds what every result of the newest version has.
func (s *server) whole(result map[string]any) map[string]any {
	if s.modern {
		result["resultType"] = "complete"
		result["_meta"] = map[string]any{"io.modelcontextprotocol/serverInfo": s.info()}
		return result
	}
	delete(result, "ttlMs")
	delete(result, "cacheScope")
	return result
}

func (s *server) capabilities() map[string]any {
	c := map[string]any{"tools": map[string]any{"listChanged": true}}
	if s.resources != nil {
		c["resources"] = map[string]any{}
	}
	if s.prompts != nil {
		c["prompts"] = map[string]any{}
	}
	return c
}

func (s *server) initialize(m *message) {
	var p struct {
		ClientInfo struct{ Name string }
	}
	_ = json.Unmarshal(m.Params, &p) // a client without a name is one, too
	s.client = p.ClientInfo.Name
	result := map[string]any{"protocolVersion": legacy, "capabilities": s.capabilities(), "serverInfo": s.info()}
	if s.instructions != "" {
		result["instructions"] = s.instructions
	}
	s.reply(m, result)
}

// list answers with one page of the tools.
func (s *server) list(m *message) {
	var p struct{ Cursor string }
	_ = json.Unmarshal(m.Params, &p) // no cursor is the first page
	from, _ := strconv.Atoi(p.Cursor)
	if from == 0 {
		s.lists++
	}
	tools := s.tools
	if s.listing != nil {
		tools = s.listing(s, s.lists)
	}
	result := map[string]any{"ttlMs": 0, "cacheScope": "private"}
	from = min(from, len(tools))
	to := len(tools)
	if s.page > 0 && from+s.page < to {
		to = from + s.page
		result["nextCursor"] = strconv.Itoa(to)
	}
	shown := make([]tool, 0, to-from)
	for _, t := range tools[from:to] {
		if t.Input == nil {
			t.Input = raw(`{"type":"object","properties":{}}`)
		}
		shown = append(shown, t)
	}
	result["tools"] = shown
	s.reply(m, s.whole(result))
}

func (s *server) call(m *message) {
	var p struct {
		Name      string
		Arguments map[string]any
	}
	if json.Unmarshal(m.Params, &p) != nil {
		s.refuse(m, -32602, "Invalid params")
		return
	}
	tools := s.tools
	if s.listing != nil {
		tools = append(s.listing(s, max(1, s.lists)), tools...)
	}
	for _, t := range tools {
		if t.Name != p.Name || t.do == nil {
			continue
		}
		s.calls[t.Name]++
		text, err := t.do(&call{s, p.Arguments, s.calls[t.Name]})
		if err != nil {
			text = err.Error()
		}
		s.reply(m, s.whole(map[string]any{"content": content(text), "isError": err != nil}))
		return
	}
	s.refuse(m, -32602, "Unknown tool: "+p.Name)
}

func content(text string) any { return []any{map[string]any{"type": "text", "text": text}} }

func (s *server) read(m *message) {
	var p struct{ URI string }
	_ = json.Unmarshal(m.Params, &p) // no URI is unknown
	for _, r := range s.resources {
		if r.URI != p.URI {
			continue
		}
		text, err := r.read()
		if err != nil {
			s.refuse(m, -32603, err.Error())
			return
		}
		s.reply(m, s.whole(map[string]any{"contents": []any{map[string]any{"uri": r.URI, "text": text}}, "ttlMs": 0, "cacheScope": "private"}))
		return
	}
	s.refuse(m, -32002, "Resource not found")
}

func (s *server) prompt(m *message) {
	var p struct{ Name string }
	_ = json.Unmarshal(m.Params, &p) // no name is unknown
	for _, x := range s.prompts {
		if x.Name == p.Name {
			s.reply(m, s.whole(map[string]any{"messages": []any{map[string]any{"role": "user", "content": map[string]any{"type": "text", "text": x.text}}}}))
			return
		}
	}
	s.refuse(m, -32602, "Unknown prompt")
}
