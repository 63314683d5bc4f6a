package sink

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"time"
)

// settle is how long a fresh TLS connection is watched before it is used. In TLS
// 1.3 a client has finished before the receiver has looked at its certificate, and
// would take what it then sends for delivered.
const settle = 300 * time.Millisecond

// conn is a connection to a receiver, which is not expected to say anything: what
// it sends is thrown away, and its end is noticed at once.
type conn struct {
	net.Conn
	socket net.Conn // below TLS
	made   time.Time

	ended chan struct{} // closed by watch, after err is set
	err   error
}

func dial(ctx context.Context, c *Config) (*conn, error) {
	network := transportTCP
	if c.Transport == transportUDP {
		network = transportUDP
	}
	socket, err := new(net.Dialer).DialContext(ctx, network, c.Address)
	if err != nil {
		return nil, err
	}
	made := &conn{Conn: socket, socket: socket, made: time.Now(), ended: make(chan struct{})}
	switch c.Transport {
	case transportUDP:
		close(made.ended)
		return made, nil
	case transportTLS:
		return made.secure(ctx, c)
	}
	go made.watch()
	return made, nil
}

// secure makes a TLS connection of c, and waits for the receiver to accept it.
func (c *conn) secure(ctx context.Context, config *Config) (*conn, error) {
	client, err := config.TLS.client(config.Address)
	if err != nil {
		return nil, errors.Join(err, c.socket.Close())
	}
	accepted := make(ticket, 1)
	client.ClientSessionCache = accepted
	secured := tls.Client(c.socket, client)
	if err := secured.HandshakeContext(ctx); err != nil {
		return nil, errors.Join(err, c.socket.Close())
	}
	c.Conn = secured
	go c.watch()
	if secured.ConnectionState().Version < tls.VersionTLS13 {
		return c, nil
	}
	patience := time.NewTimer(settle)
	defer patience.Stop()
	select {
	case <-accepted:
	case <-patience.C: // it gives no tickets, and has not refused
	case <-c.ended:
		return nil, errors.Join(c.err, c.close())
	case <-ctx.Done():
		return nil, errors.Join(ctx.Err(), c.close())
	}
	return c, nil
}

// ticket tells when a receiver has given a session ticket, which it does after it
// has verified the client. Sessions are not resumed.
type ticket chan struct{}

// Get returns no session.
func (ticket) Get(string) (*tls.ClientSessionState, bool) { return nil, false }

// Put keeps no session.
func (t ticket) Put(string, *tls.ClientSessionState) {
	select {
	case t <- struct{}{}:
	default:
	}
}

// watch reads until the connection ends.
func (c *conn) watch() {
	defer close(c.ended)
	var unwanted [512]byte
	for {
		if _, err := c.Read(unwanted[:]); err != nil {
			c.err = err
			if errors.Is(err, io.EOF) {
				c.err = errors.New("the receiver closed the connection")
			}
			return
		}
	}
}

// usable says whether messages may be sent: a stream that has not ended, a
// datagram socket that is young.
func (c *conn) usable() bool {
	if _, ok := c.socket.(*net.UDPConn); ok {
		return time.Since(c.made) < datagramsFor
	}
	select {
	case <-c.ended:
		return false
	default:
		return true
	}
}

// deadline lets writes end with ctx.
func (c *conn) deadline(ctx context.Context) error {
	at, _ := ctx.Deadline()
	return c.SetWriteDeadline(at)
}

// deliver writes text and returns when the receiver's TCP has acknowledged all of
// it on a connection that still stands.
func (c *conn) deliver(ctx context.Context, text []byte) error {
	if err := c.deadline(ctx); err != nil {
		return err
	}
	if _, err := c.Write(text); err != nil {
		return c.because(err)
	}
	if err := acknowledged(ctx, c.socket); err != nil {
		return c.because(err)
	}
	select {
	case <-c.ended:
		return c.err
	default:
		return nil
	}
}

// because prefers what the receiver did to what followed from it here.
func (c *conn) because(err error) error {
	select {
	case <-c.ended:
		return fmt.Errorf("%w: %w", err, c.err)
	default:
		return err
	}
}

func (c *conn) close() error {
	err := c.Conn.Close()
	<-c.ended
	return err
}

// proof says in words what is known of what was sent.
func (c *conn) proof() string {
	switch made := c.Conn.(type) {
	case *net.UDPConn:
		return "sent; over UDP nobody answers, so look for it at the receiver"
	case *tls.Conn:
		state := made.ConnectionState()
		return fmt.Sprintf("%s with %s", tls.VersionName(state.Version), state.PeerCertificates[0].Subject.CommonName) + ", " + tcpProof
	default:
		return tcpProof
	}
}
