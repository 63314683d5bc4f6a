package sinkhole

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

func quiet(f *testing.F) *Sink {
	ca, err := NewCA("fuzz")
	if err != nil {
		f.Fatal(err)
	}
	s := Start(Config{
		CA:       ca,
		Original: func(net.Conn) netip.AddrPort { return netip.MustParseAddrPort("192.0.2.1:443") },
		Now:      func() int64 { return 1 },
	})
	f.Cleanup(func() {
		if err := s.Close(); err != nil {
			f.Error(err)
		}
	})
	return s
}

func FuzzReply(f *testing.F) {
	s := quiet(f)
	f.Add([]byte("\x00\x07\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x01a\x07example\x03com\x00\x00\x01\x00\x01"))
	f.Add([]byte("\x00\x07\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\xc0\x0c\x00\x01\x00\x01"))
	f.Add([]byte("\x00\x07\x01\x00\xff\xff\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x01\x00\x00\x1c\x00\x01"))
	f.Fuzz(func(t *testing.T, query []byte) {
		out := s.reply(query)
		if out == nil {
			return
		}
		var m dnsmessage.Message
		if err := m.Unpack(out); err != nil {
			t.Fatalf("the reply %x is not DNS: %v", out, err)
		}
		if !m.Response || len(m.Questions) == 0 || len(m.Questions) > maxQuestions || len(m.Answers) > len(m.Questions) {
			t.Errorf("reply %+v", m)
		}
	})
}

// FuzzConn gives the sink the first bytes of a connection, whatever it takes
// them for.
func FuzzConn(f *testing.F) {
	s := quiet(f)
	f.Add([]byte("GET / HTTP/1.1\r\nHost: a\r\n\r\n"))
	f.Add([]byte("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"))
	f.Add([]byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00"))
	f.Add([]byte("CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n\x16\x03\x01"))
	f.Add([]byte("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nOrigin: http://a\r\n\r\n\x81\x81aaaab"))
	f.Add([]byte("\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00"))
	f.Add([]byte("\x00\x00\x00\x01\x0b"))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, proto := range []string{"tcp", "unix"} {
			client, server := net.Pipe()
			rec := &flow{sink: s}
			rec.rec.Proto = proto
			s.admit(server, func(net.Conn) *flow { return rec })
			go func() { _, _ = client.Write(b); client.Close() }()
			_ = client.SetDeadline(time.Now().Add(50 * time.Millisecond))
			answer := make([]byte, 4096)
			for {
				if _, err := client.Read(answer); err != nil {
					break
				}
			}
			client.Close()
			if got := rec.snapshot(); len(got.Sent) > maxKept {
				t.Errorf("%d bytes are kept", len(got.Sent))
			}
		}
	})
}
