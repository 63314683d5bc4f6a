package agent

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/killdeer-mcp/killdeer/agent/journal"
	"github.com/killdeer-mcp/killdeer/plugins"
	"github.com/killdeer-mcp/killdeer/plugins/sinktest"
	"github.com/killdeer-mcp/killdeer/sdk"
)

const (
	outagePatience = time.Minute
	outageTick     = 10 * time.Millisecond
	outagePerTick  = 5 // of events: 500 a second
	outageBody     = 8 << 10
)

// TestOutage records 500 events a second, while a syslog receiver goes away for the
// middle third and comes back. It gets everything, in order, at most a batch of it
// twice; another sink is at the journal's end all the time; what waits is not in
// memory.
func TestOutage(t *testing.T) {
	third := 2000
	if testing.Short() {
		third = 500
	}
	o := newOutage(t)
	o.record(third)
	o.until("both sinks have the first third", func() bool { return o.behind("siem")+o.behind("archive") == 0 })
	before := liveHeap()

	o.receiver.down()
	o.record(third)
	o.until("the other sink has the second third", func() bool { return o.behind("archive") == 0 })
	if got := o.behind("siem"); got < uint64(third-plugins.MaxBatch) {
		t.Errorf("%d events wait while the receiver is down, want about %d", got, third)
	}
	waiting := liveHeap()

	o.receiver.up()
	o.record(third)
	o.until("everything arrived", func() bool { return o.behind("siem")+o.behind("archive") == 0 })
	after := liveHeap()
	backlog := int64(third) * outageBody
	t.Logf("heap: %d KiB before, %d KiB with %d KiB of events waiting, %d KiB after", before>>10, waiting>>10, backlog>>10, after>>10)
	if most := max(waiting, after) - before; most > backlog/3 {
		t.Errorf("the heap grew by %d bytes while %d bytes of events waited", most, backlog)
	}
	last := uint64(3 * third)
	o.until("the receiver has read it", func() bool { return o.receiver.due() > last })
	o.receiver.check(t, last)
}

func liveHeap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// outage is a journal with two sinks.
type outage struct {
	t        *testing.T
	journal  *journal.Journal
	host     *plugins.Host
	receiver *syslogReceiver
}

func newOutage(t *testing.T) *outage {
	j, err := journal.Open(t.TempDir(), journal.Options{Sensor: "test"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = j.Close() })
	o := &outage{t: t, journal: j, receiver: newSyslogReceiver(t)}
	quiet, program := slog.New(slog.DiscardHandler), sinktest.Program(t)
	o.host, err = plugins.New(plugins.Options{
		Sinks: []plugins.Spec{
			{Name: "siem", Program: program, Config: map[string]any{"address": o.receiver.address, "transport": "tcp"}},
			{Name: "archive", Program: program, Config: map[string]any{"path": filepath.Join(t.TempDir(), "events.ndjson"), "fsync": "never"}},
		},
		Journal: sinkJournal{j, quiet}, StateDir: t.TempDir(), Log: quiet,
		Report: func(*sdk.Event) {}, Fail: func(err error) { t.Error(err) },
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var running sync.WaitGroup
	running.Go(func() { o.host.Run(ctx) })
	t.Cleanup(func() { cancel(); running.Wait() })
	return o
}

// record appends n events at the pace of the test, which a busy machine may slow.
func (o *outage) record(n int) {
	o.t.Helper()
	pace := time.NewTicker(outageTick)
	defer pace.Stop()
	for ; n > 0; n -= outagePerTick {
		<-pace.C
		batch := make([]*sdk.Event, outagePerTick)
		for i := range batch {
			batch[i] = &sdk.Event{
				V: sdk.EventVersion, ID: uuid.Must(uuid.NewV7()).String(), Kind: sdk.KindAccess, Time: time.Now().UTC(), IP: "192.0.2.7",
				MCPMethod: "tools/call", Tool: "jira_search_issues", Body: &sdk.Body{Size: outageBody, Text: strings.Repeat("x", outageBody)},
			}
		}
		if err := o.journal.Append(o.t.Context(), batch); err != nil {
			o.t.Fatal(err)
		}
	}
}

func (o *outage) behind(name string) uint64 {
	for _, st := range o.host.Status() {
		if st.Name == name {
			return st.Behind
		}
	}
	o.t.Fatalf("no sink %q", name)
	return 0
}

func (o *outage) until(what string, ok func() bool) {
	o.t.Helper()
	for deadline := time.Now().Add(outagePatience); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			o.t.Fatalf("waited %v until %s: %+v", outagePatience, what, o.host.Status())
		}
	}
}

// syslogReceiver counts messages over TCP by the number of their event. It goes away
// as a receiver does that is stopped: it ends its side, and reads what was sent.
type syslogReceiver struct {
	t       *testing.T
	address string

	listener net.Listener
	reading  sync.WaitGroup

	mu    sync.Mutex
	conns []net.Conn
	next  uint64 // the number of the event that is to come
	twice int
	fault error
}

func newSyslogReceiver(t *testing.T) *syslogReceiver {
	r := &syslogReceiver{t: t, address: "127.0.0.1:0", next: 1}
	r.up()
	t.Cleanup(func() { r.down(); r.reading.Wait() })
	return r
}

func (r *syslogReceiver) up() {
	r.t.Helper()
	l, err := net.Listen("tcp", r.address)
	if err != nil {
		r.t.Fatal(err)
	}
	r.listener, r.address = l, l.Addr().String()
	r.reading.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			r.mu.Lock()
			r.conns = append(r.conns, conn)
			r.mu.Unlock()
			r.reading.Go(func() { r.read(conn) })
		}
	})
}

func (r *syslogReceiver) down() {
	_ = r.listener.Close()
	r.mu.Lock()
	for _, conn := range r.conns {
		_ = conn.(*net.TCPConn).CloseWrite()
		_ = conn.SetReadDeadline(time.Now().Add(outagePatience))
	}
	r.conns = nil
	r.mu.Unlock()
}

var eventNumber = regexp.MustCompile(` seq="(\d+)"`)

// read takes messages in octet counting, RFC 6587 §3.4.1.
func (r *syslogReceiver) read(conn net.Conn) {
	defer conn.Close()
	in := bufio.NewReader(conn)
	for {
		var length int
		if _, err := fmt.Fscanf(in, "%d ", &length); err != nil {
			return
		}
		message := make([]byte, length)
		if _, err := io.ReadFull(in, message); err != nil {
			return
		}
		r.take(message)
	}
}

func (r *syslogReceiver) take(message []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	m := eventNumber.FindSubmatch(message)
	if m == nil {
		r.fault = errors.Join(r.fault, fmt.Errorf("no event: %.200s", message))
		return
	}
	switch n, _ := strconv.ParseUint(string(m[1]), 10, 64); {
	case n == r.next:
		r.next++
	case n < r.next:
		r.twice++
	default:
		r.fault = errors.Join(r.fault, fmt.Errorf("event %d came when %d was due", n, r.next))
	}
}

// due is the number of the event that is to come.
func (r *syslogReceiver) due() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.next
}

// check wants all events up to a number to have come.
func (r *syslogReceiver) check(t *testing.T, last uint64) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.next != last+1 || r.twice > plugins.MaxBatch || r.fault != nil {
		t.Errorf("the receiver has the events up to %d of %d, %d came twice: %v", r.next-1, last, r.twice, r.fault)
	}
}
