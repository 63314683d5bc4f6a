// Package sink sends events as syslog messages over UDP, TCP or TLS.
//
// Write returns nil when the receiver's machine has every message: over TCP and
// TLS when its TCP has acknowledged the last byte and the connection still stands,
// over UDP when the datagrams have left, since nobody answers. What a receiver
// loses after that, it loses: syslog has no acknowledgement of its own.
//
// It neither queues nor retries: after an error the connection is closed, and
// whoever called Write sends the batch again.
package sink

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/killdeer-mcp/killdeer/plugins/encode"
	"github.com/killdeer-mcp/killdeer/sdk"
)

// datagramsFor is how long a UDP socket is used: nothing else would notice that
// the receiver's name has another address now.
const datagramsFor = time.Minute

// Sink is one syslog receiver.
type Sink struct {
	config  Config
	encoder *encode.Syslog
	conn    *conn // nil when there is none
}

var (
	_ sdk.Sink   = (*Sink)(nil)
	_ sdk.Tester = (*Sink)(nil)
)

// New makes a sink of its configuration. Version is the product's, for CEF.
func New(config json.RawMessage, version string) (*Sink, error) {
	c, err := parse(config)
	if err != nil {
		return nil, err
	}
	s := &Sink{config: c, encoder: c.encoder(version)}
	if err := s.encoder.Validate(); err != nil {
		return nil, err
	}
	if c.Transport == transportTLS {
		if _, err := c.TLS.client(c.Address); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Write sends one message for each event.
func (s *Sink) Write(ctx context.Context, batch []sdk.Event) error {
	timeout := time.Duration(s.config.Timeout)
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, fmt.Errorf("timeout of %s reached", timeout))
	defer cancel()
	err := s.write(ctx, batch)
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		err = fmt.Errorf("%w (%w)", err, context.Cause(ctx))
	}
	return errors.Join(fmt.Errorf("send to %s over %s: %w", s.config.Address, s.config.Transport, err), s.Close())
}

func (s *Sink) write(ctx context.Context, batch []sdk.Event) error {
	if err := s.connect(ctx); err != nil {
		return err
	}
	if s.config.Transport == transportUDP {
		return s.writeDatagrams(ctx, batch)
	}
	var text []byte
	for i := range batch {
		text = s.appendFrame(text, &batch[i])
	}
	return s.conn.deliver(ctx, text)
}

func (s *Sink) writeDatagrams(ctx context.Context, batch []sdk.Event) error {
	if err := s.conn.deadline(ctx); err != nil {
		return err
	}
	var text []byte
	for i := range batch {
		text = s.encoder.Append(text[:0], &batch[i])
		if _, err := s.conn.Write(text); err != nil {
			return err
		}
	}
	return nil
}

// appendFrame appends a message as RFC 6587 §3.4 has it. A message never holds a
// line feed, which the other framing rests on.
func (s *Sink) appendFrame(dst []byte, e *sdk.Event) []byte {
	message := s.encoder.Append(nil, e)
	if s.config.Framing == framingNewline {
		return append(append(dst, message...), '\n')
	}
	dst = strconv.AppendInt(dst, int64(len(message)), 10)
	dst = append(dst, ' ')
	return append(dst, message...)
}

// connect makes sure of a connection that, as far as is known, still stands.
func (s *Sink) connect(ctx context.Context) error {
	if s.conn != nil && s.conn.usable() {
		return nil
	}
	// How the old one ended does not matter: all that was delivered over it was
	// acknowledged.
	_ = s.Close()
	made, err := dial(ctx, &s.config)
	if err != nil {
		return err
	}
	s.conn = made
	return nil
}

// Close ends the connection.
func (s *Sink) Close() error {
	if s.conn == nil {
		return nil
	}
	old := s.conn
	s.conn = nil
	if err := old.close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("close the connection: %w", err)
	}
	return nil
}

// Test sends one event and says how far it is known to have come.
func (s *Sink) Test(ctx context.Context, e sdk.Event) (string, error) {
	if err := s.Write(ctx, []sdk.Event{e}); err != nil {
		return "", err
	}
	size := len(s.encoder.Append(nil, &e))
	return fmt.Sprintf("%d bytes to %s: %s", size, s.conn.RemoteAddr(), s.conn.proof()), nil
}
