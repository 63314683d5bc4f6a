package sink_test

import (
	"io"
	"net"
	"testing"

	"github.com/killdeer-mcp/killdeer/internal/receivers"
	"github.com/killdeer-mcp/killdeer/plugins/encode/encodetest"
	"github.com/killdeer-mcp/killdeer/sdk"
)

// BenchmarkWrite delivers batches of 256 calls, each acknowledged before the next.
func BenchmarkWrite(b *testing.B) {
	b.Run("discard", func(b *testing.B) {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			b.Fatal(err)
		}
		defer listener.Close()
		go func() {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			defer conn.Close()
			_, _ = io.Copy(io.Discard, conn)
		}()
		benchmark(b, listener.Addr().String())
	})
	b.Run("rsyslog", func(b *testing.B) {
		daemon := receivers.Rsyslog(b, receivers.NewAuthority(b))
		benchmark(b, receivers.Loopback(daemon.TCP))
	})
}

func benchmark(b *testing.B, address string) {
	s := newSink(b, `{"address":"`+address+`","transport":"tcp"}`)
	batch := make([]sdk.Event, 256)
	for i := range batch {
		batch[i] = encodetest.Call()
	}
	for b.Loop() {
		if err := s.Write(b.Context(), batch); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(len(batch)*b.N)/b.Elapsed().Seconds(), "events/s")
}
