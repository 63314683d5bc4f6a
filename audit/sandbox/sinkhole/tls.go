package sinkhole

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/killdeer-mcp/killdeer/audit/evidence"
)

// recordHandshake is the first byte of a TLS connection (RFC 8446 §5.1).
const recordHandshake = 0x16

const (
	maxLeaves = 1024 // certificates kept; more are made anew each time
	maxSNI    = 255
	validity  = 5 * 365 * 24 * time.Hour // a server's clock may be set forward
)

// CA signs a certificate for every name, under a root of its own.
type CA struct {
	root *x509.Certificate
	key  *ecdsa.PrivateKey
	leaf *ecdsa.PrivateKey // one for all: nobody who matters checks

	mu     sync.Mutex
	leaves map[string]*tls.Certificate
}

// NewCA makes a root, which name names. It must be used for one audit only: who
// trusts it trusts the sink.
func NewCA(name string) (*CA, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make a certificate authority: %w", err)
	}
	leaf, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make a certificate authority: %w", err)
	}
	t := template(name)
	t.IsCA, t.BasicConstraintsValid = true, true
	t.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	der, err := x509.CreateCertificate(rand.Reader, t, t, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("sign a certificate authority: %w", err)
	}
	root, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("read back a certificate authority: %w", err)
	}
	return &CA{root: root, key: key, leaf: leaf, leaves: map[string]*tls.Certificate{}}, nil
}

// PEM returns the root, for a file of trusted certificates.
func (ca *CA) PEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca.root.Raw})
}

// leafFor returns a certificate for a name or an address.
func (ca *CA) leafFor(name string) (*tls.Certificate, error) {
	ca.mu.Lock()
	defer ca.mu.Unlock()
	if c := ca.leaves[name]; c != nil {
		return c, nil
	}
	t := template(name)
	t.KeyUsage = x509.KeyUsageDigitalSignature
	t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	if addr, err := netip.ParseAddr(name); err == nil {
		t.IPAddresses = []net.IP{addr.AsSlice()}
	} else {
		t.DNSNames = []string{name}
	}
	der, err := x509.CreateCertificate(rand.Reader, t, ca.root, ca.leaf.Public(), ca.key)
	if err != nil {
		return nil, fmt.Errorf("sign a certificate: %w", err)
	}
	c := &tls.Certificate{Certificate: [][]byte{der, ca.root.Raw}, PrivateKey: ca.leaf}
	if len(ca.leaves) < maxLeaves {
		ca.leaves[name] = c
	}
	return c, nil
}

func template(name string) *x509.Certificate {
	serial, _ := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120)) // rand.Reader does not fail
	return &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: cut(name, 64)}, // X.520's bound
		NotBefore:    time.Now().Add(-24 * time.Hour),
		NotAfter:     time.Now().Add(validity),
	}
}

// serveTLS takes the server's side of a handshake and answers what is inside.
func (s *Sink) serveTLS(c *peeked, f *flow, tunnels int) {
	below := &counted{Conn: c}
	secure := tls.Server(below, s.tlsConfig(f))
	ctx, cancel := context.WithTimeout(s.ctx, tlsTimeout)
	defer cancel()
	f.note(func(r *evidence.Flow) { r.TLS = true })
	if err := secure.HandshakeContext(ctx); err != nil {
		f.note(func(r *evidence.Flow) {
			r.Refused, r.Answered = cut(err.Error(), 200), "TLS handshake"
			r.SentSize += int(below.n.Load())
		})
		_ = c.Close()
		return
	}
	inner := &recorded{secure, f}
	if t, ok := talkersTLS[f.snapshot().Port]; ok {
		s.talk(inner, f, t)
		return
	}
	in := bufio.NewReaderSize(secure, sniffSize)
	_ = secure.SetReadDeadline(time.Now().Add(idleTimeout))
	if _, err := in.Peek(1); err != nil {
		s.refusedLate(err, f, below)
		_ = secure.Close()
		return
	}
	s.serveClear(&recorded{&peeked{secure, in}, f}, in, f, tunnels)
}

// refusedLate notes a client of TLS 1.3 that rejects the certificate: it says so
// only after the server's side of the handshake is done.
func (s *Sink) refusedLate(err error, f *flow, below *counted) {
	text := err.Error()
	if !strings.Contains(text, "remote error: tls:") {
		return
	}
	f.note(func(r *evidence.Flow) {
		r.Refused, r.Answered = cut(text, 200), "TLS handshake"
		r.SentSize += int(below.n.Load())
	})
}

func (s *Sink) tlsConfig(f *flow) *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS10, // old clients have secrets too
		GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			name := strings.ToLower(cut(hello.ServerName, maxSNI))
			f.note(func(r *evidence.Flow) { r.SNI = name })
			if name == "" {
				name = f.snapshot().Addr
			}
			leaf, err := s.cfg.CA.leafFor(name)
			if err != nil {
				return nil, err
			}
			return &tls.Config{
				MinVersion:   tls.VersionTLS10,
				Certificates: []tls.Certificate{*leaf},
				NextProtos:   protocols(hello.SupportedProtos),
			}, nil
		},
	}
}

// protocols picks one that the client offers. HTTP/1.1 is the clearest to read.
func protocols(offered []string) []string {
	switch {
	case slices.Contains(offered, "http/1.1"):
		return []string{"http/1.1"}
	case len(offered) > 0:
		return offered[:1]
	}
	return nil
}

func cut(text string, n int) string {
	if len(text) <= n {
		return text
	}
	return strings.ToValidUTF8(text[:n], "")
}
