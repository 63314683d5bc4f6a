package main

import (
	"bufio"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/leodido/go-syslog/v4/rfc5424"

	"github.com/killdeer-mcp/killdeer/plugins/sinktest"
)

func TestMain(m *testing.M) { sinktest.Main(m, main) }

func TestConformance(t *testing.T) {
	sinktest.Run(t, sinktest.Sink{
		Large: true,
		Receiver: func(t *testing.T) (map[string]any, func() []string) {
			r := newReceiver(t)
			return map[string]any{"address": r.address, "transport": "tcp"}, r.received
		},
		Refuses: []map[string]any{
			{},
			{"address": "siem"},
			{"address": "siem:514", "transport": "quic"},
			{"address": "siem:514", "max_bytes": 12},
			{"address": "siem:514", "facility": "local9"},
			{"address": "siem:514", "timeout": "8"},
			{"address": "siem:514", "transport": "tls", "tls": map[string]any{"ca": "/none"}},
		},
	})
}

// receiver takes messages counted in octets and keeps their ids.
type receiver struct {
	t       *testing.T
	address string
	mu      sync.Mutex
	ids     []string
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &receiver{t: t, address: listener.Addr().String()}
	var served sync.WaitGroup
	served.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			served.Go(func() { r.serve(conn) })
		}
	})
	t.Cleanup(func() { _ = listener.Close(); served.Wait() })
	return r
}

func (r *receiver) serve(conn net.Conn) {
	defer conn.Close()
	in, parser := bufio.NewReader(conn), rfc5424.NewParser()
	for {
		size, err := in.ReadString(' ')
		if err != nil {
			return
		}
		n, err := strconv.Atoi(strings.TrimSpace(size))
		if err != nil {
			r.t.Errorf("no length: %q", size)
			return
		}
		text := make([]byte, n)
		if _, err := io.ReadFull(in, text); err != nil {
			return // killed within a message, which then comes again
		}
		message, err := parser.Parse(text)
		if err != nil {
			r.t.Errorf("%v: %.200q", err, text)
			return
		}
		data := *message.(*rfc5424.SyslogMessage).StructuredData
		r.mu.Lock()
		r.ids = append(r.ids, data["killdeer@32473"]["id"])
		r.mu.Unlock()
	}
}

func (r *receiver) received() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.ids)
}
