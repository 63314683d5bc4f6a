package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"sync"
	"time"
)

const initialize = `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"bench","version":"1"}}}`

// client is one keep-alive connection with a session.
type client struct {
	path    string
	conn    net.Conn
	r       *bufio.Reader
	buf     bytes.Buffer
	session string
}

func dial(addr string) (*client, error) {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	return &client{path: "/mcp", conn: c, r: bufio.NewReaderSize(c, 64<<10)}, nil
}

func (c *client) close() { _ = c.conn.Close() }

// post sends a message and reads the whole answer.
func (c *client) post(body string) (*http.Response, int64, error) {
	c.buf.Reset()
	fmt.Fprintf(&c.buf, "POST %s HTTP/1.1\r\nHost: localhost\r\nUser-Agent: bench/1\r\nContent-Type: application/json\r\n"+
		"Accept: application/json, text/event-stream\r\nContent-Length: %d\r\n", c.path, len(body))
	if c.session != "" {
		c.buf.WriteString("Mcp-Session-Id: " + c.session + "\r\nMcp-Protocol-Version: 2025-11-25\r\n")
	}
	c.buf.WriteString("\r\n" + body)
	if _, err := c.conn.Write(c.buf.Bytes()); err != nil {
		return nil, 0, err
	}
	resp, err := http.ReadResponse(c.r, nil)
	if err != nil {
		return nil, 0, err
	}
	n, err := io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
	return resp, n, err
}

func (c *client) initialize() error {
	resp, _, err := c.post(initialize)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("initialize: status %d", resp.StatusCode)
	}
	c.session = resp.Header.Get("Mcp-Session-Id")
	return nil
}

// result is what one turn measured.
type result struct {
	n         int
	took      time.Duration
	latencies []time.Duration
	bytes     int64
}

func (r *result) add(o *result) {
	r.n += o.n
	r.took += o.took
	r.latencies = append(r.latencies, o.latencies...)
	r.bytes += o.bytes
}

func (r *result) rate() float64 { return float64(r.n) / r.took.Seconds() }

func (r *result) quantile(q float64) time.Duration {
	if len(r.latencies) == 0 {
		return 0
	}
	sort.Slice(r.latencies, func(i, j int) bool { return r.latencies[i] < r.latencies[j] })
	return r.latencies[int(q*float64(len(r.latencies)-1))]
}

// load keeps every client busy for a while.
func load(clients []*client, d time.Duration, body func(client, n int) string) (*result, error) {
	parts := make([]result, len(clients))
	errs := make([]error, len(clients))
	var wg sync.WaitGroup
	begin := time.Now()
	for i, c := range clients {
		wg.Go(func() {
			p := &parts[i]
			for n := 0; time.Since(begin) < d; n++ {
				at := time.Now()
				resp, size, err := c.post(body(i, n))
				if err == nil && resp.StatusCode != http.StatusOK {
					err = fmt.Errorf("status %d", resp.StatusCode)
				}
				if err != nil {
					errs[i] = err
					return
				}
				p.latencies = append(p.latencies, time.Since(at))
				p.bytes += size
				p.n++
			}
		})
	}
	wg.Wait()
	total := &result{}
	for i := range parts {
		if errs[i] != nil {
			return nil, errs[i]
		}
		total.add(&parts[i])
	}
	total.took = time.Since(begin)
	return total, nil
}

// testCase is one kind of request.
type testCase struct {
	name string
	body func(client, n int) string
}

func cases() []testCase {
	fixed := func(s string) func(int, int) string { return func(int, int) string { return s } }
	call := func(tool, args string) string {
		return `{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"` + tool + `","arguments":` + args + `}}`
	}
	words := []string{"deploy", "payment", "timeout", "release", "login", "invoice", "cache", "migration", "rollback", "latency"}
	return []testCase{
		{"initialize", fixed(initialize)},
		{"tools/list", fixed(`{"jsonrpc":"2.0","id":7,"method":"tools/list"}`)},
		{"tools/call, same arguments", fixed(call("jira_search_issues", `{"jql":"text ~ \"deploy\"","max_results":10}`))},
		{"tools/call, varied arguments", func(client, n int) string {
			a, b := words[n%len(words)], client*1_000_003+n
			switch n % 4 {
			case 0:
				return call("slack_conversations_search_messages", fmt.Sprintf(`{"query":%q,"count":%d}`, a+fmt.Sprint(" ", b), 5+n%20))
			case 1:
				return call("jira_get_issue", fmt.Sprintf(`{"issue_key":"OPS-%d"}`, b%1_000_000))
			case 2:
				return call("postgresql_execute_select_query", fmt.Sprintf(`{"query":"SELECT * FROM users WHERE id = %d LIMIT 5"}`, b))
			}
			return call("github_search_repositories", fmt.Sprintf(`{"query":%q,"per_page":5}`, a+fmt.Sprint(" ", b)))
		}},
	}
}

func runCases(sensor, bare *server) error {
	fmt.Printf("%-29s %8s %10s %9s %9s %10s %9s %9s %6s\n", "", "bytes", "sensor/s", "p50", "p99", "bare/s", "p50", "p99", "ratio")
	for _, c := range cases() {
		ours, theirs := &result{}, &result{}
		for range *rounds {
			for _, side := range []struct {
				of   *server
				into *result
			}{{sensor, ours}, {bare, theirs}} {
				path := "/mcp"
				if side.of == bare {
					path += "?" + strconv.FormatInt(ours.bytes/int64(ours.n), 10)
				}
				r, err := turn(side.of, c, path)
				if err != nil {
					return fmt.Errorf("%s: %w", c.name, err)
				}
				side.into.add(r)
			}
		}
		fmt.Printf("%-29s %8d %10.0f %9v %9v %10.0f %9v %9v %6.2f\n", c.name, ours.bytes/int64(ours.n),
			ours.rate(), ours.quantile(.5).Round(time.Microsecond), ours.quantile(.99).Round(time.Microsecond),
			theirs.rate(), theirs.quantile(.5).Round(time.Microsecond), theirs.quantile(.99).Round(time.Microsecond),
			ours.rate()/theirs.rate())
	}
	return nil
}

// turn loads one server for a round, on fresh connections.
func turn(s *server, c testCase, path string) (*result, error) {
	var clients []*client
	defer func() {
		for _, c := range clients {
			c.close()
		}
	}()
	for range *conns {
		cl, err := dial(s.addr)
		if err != nil {
			return nil, err
		}
		cl.path = path
		clients = append(clients, cl)
		if err := cl.initialize(); err != nil {
			return nil, err
		}
	}
	if _, err := load(clients, *round/6, c.body); err != nil {
		return nil, err
	}
	return load(clients, *round, c.body)
}

// memory prints what the sensor holds after the load, and what it wrote.
func memory(s *server, state string) error {
	if *soak > 0 {
		for _, c := range cases()[1:] {
			old := *round
			*round = *soak / 3
			_, err := turn(s, c, "/mcp")
			*round = old
			if err != nil {
				return err
			}
		}
	}
	fmt.Printf("\nresident memory after the load: %.0f MB (anonymous %.0f, mapped files %.0f)\n",
		s.memory("VmRSS"), s.memory("RssAnon"), s.memory("RssFile"))
	info, err := os.Stat(filepath.Join(state, "journal.db"))
	if err == nil {
		fmt.Printf("journal: %.0f MB\n", float64(info.Size())/(1<<20))
	}
	return nil
}
