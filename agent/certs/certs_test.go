package certs

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

var acme = Identity{Organization: "Larkfield Foods", Domain: "larkfield.example"}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// shake makes a handshake and returns the server's certificate.
func shake(t *testing.T, s *Source) (*x509.Certificate, error) {
	t.Helper()
	near, far := net.Pipe()
	defer near.Close()
	defer far.Close()
	go func() { _ = tls.Server(far, s.Config()).HandshakeContext(t.Context()) }()
	c := tls.Client(near, &tls.Config{InsecureSkipVerify: true, ServerName: "integrations.larkfield.example"})
	if err := c.HandshakeContext(t.Context()); err != nil {
		return nil, err
	}
	return c.ConnectionState().PeerCertificates[0], nil
}

func TestGenerated(t *testing.T) {
	dir := t.TempDir()
	open := func() *Source {
		return Generated(filepath.Join(dir, "a.crt"), filepath.Join(dir, "a.key"), func(context.Context) (Identity, error) { return acme, nil }, quiet())
	}
	s := open()
	c, err := shake(t, s)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	for what, ok := range map[string]bool{
		"P-256":        c.PublicKey.(*ecdsa.PublicKey).Curve.Params().BitSize == 256,
		"names":        slices.Equal(c.DNSNames, []string{"integrations.larkfield.example", "mcp.larkfield.example"}),
		"organization": slices.Equal(c.Subject.Organization, []string{"Larkfield Foods"}),
		"issuer":       strings.HasPrefix(c.Issuer.CommonName, "Larkfield Foods Issuing CA "),
		"issued":       c.NotBefore.Before(now.Add(-8*time.Hour)) && c.NotBefore.After(now.Add(-202*24*time.Hour)),
		"valid":        c.NotAfter.Sub(c.NotBefore) == 397*24*time.Hour-time.Second,
		"serial":       c.SerialNumber.BitLen() > 140,
		"no authority": !c.IsCA,
		"no tell":      !bytes.Contains(c.Raw, []byte("localhost")) && !bytes.Contains(c.Raw, []byte("Acme Co")) && !bytes.Contains(bytes.ToLower(c.Raw), []byte("killdeer")),
	} {
		if !ok {
			t.Errorf("%s: %+v", what, c)
		}
	}
	if again, err := shake(t, open()); err != nil || !again.Equal(c) {
		t.Errorf("after a restart the certificate is another one, %v", err)
	}
	info, err := os.Stat(filepath.Join(dir, "a.key"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("key: %v, %v", info.Mode(), err)
	}
	// A month before its end it is replaced.
	s.mu.Lock()
	if err := s.look(t.Context(), c.NotAfter.Add(-renewBefore/2)); err != nil {
		t.Fatal(err)
	}
	renewed := s.held.Leaf
	s.mu.Unlock()
	if renewed.Equal(c) {
		t.Error("a certificate that ends is not replaced")
	}
}

// Clients that come by an address find it among the addresses.
func TestAddresses(t *testing.T) {
	dir := t.TempDir()
	who := acme
	who.Hosts = []string{"mcp.larkfield.example", "10.0.0.5", "2001:db8::5"}
	s := Generated(filepath.Join(dir, "a.crt"), filepath.Join(dir, "a.key"), func(context.Context) (Identity, error) { return who, nil }, quiet())
	c, err := shake(t, s)
	if err != nil {
		t.Fatal(err)
	}
	for _, host := range who.Hosts {
		if err := c.VerifyHostname(host); err != nil {
			t.Error(err)
		}
	}
	if len(c.DNSNames) != 1 {
		t.Errorf("names %q", c.DNSNames)
	}
}

func TestNoIdentity(t *testing.T) {
	dir := t.TempDir()
	fault := errors.New("no personas")
	s := Generated(filepath.Join(dir, "a.crt"), filepath.Join(dir, "a.key"), func(context.Context) (Identity, error) { return Identity{}, fault }, quiet())
	if _, err := s.get(t.Context()); !errors.Is(err, fault) {
		t.Errorf("got %v", err)
	}
}

// Files are read again when they change, and faulty ones change nothing.
func TestFiles(t *testing.T) {
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "a.crt"), filepath.Join(dir, "a.key")
	if _, err := Files(cert, key, quiet()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("files that are not there: %v", err)
	}
	if err := generate(cert, key, acme, time.Now()); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	s, err := Files(cert, key, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	first, err := shake(t, s)
	if err != nil {
		t.Fatal(err)
	}
	change := func(do func() error) *x509.Certificate {
		t.Helper()
		if err := do(); err != nil {
			t.Fatal(err)
		}
		s.mu.Lock()
		s.looked = time.Time{}
		s.mu.Unlock()
		c, err := shake(t, s)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	other := acme
	other.Hosts = []string{"hub.larkfield.example"}
	second := change(func() error { return generate(cert, key, other, time.Now()) })
	if second.Equal(first) || second.DNSNames[0] != "hub.larkfield.example" {
		t.Error("a changed certificate is not taken up")
	}
	for range 2 {
		if c := change(func() error { return os.WriteFile(cert, []byte("x"), 0o600) }); !c.Equal(second) {
			t.Error("a faulty certificate is taken up")
		}
	}
	if n := strings.Count(log.String(), "level=ERROR"); n != 1 {
		t.Errorf("a fault is told %d times:\n%s", n, &log)
	}
}

// A generated pair that a crash or a full disk left in pieces is made again.
func TestGeneratedDamaged(t *testing.T) {
	for what, damage := range map[string]func(t *testing.T, cert, key string){
		"empty certificate": func(t *testing.T, cert, _ string) { write(t, cert, nil) },
		"empty key":         func(t *testing.T, _, key string) { write(t, key, nil) },
		"cut certificate":   func(t *testing.T, cert, _ string) { write(t, cert, []byte("-----BEGIN CERTIFICATE-----\nMII")) },
		"too large":         func(t *testing.T, cert, _ string) { write(t, cert, make([]byte, maxFile+1)) },
		"another key": func(t *testing.T, cert, key string) {
			if err := generate(cert+".other", key, acme, time.Now()); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(what, func(t *testing.T) {
			dir := t.TempDir()
			cert, key := filepath.Join(dir, "a.crt"), filepath.Join(dir, "a.key")
			if err := generate(cert, key, acme, time.Now()); err != nil {
				t.Fatal(err)
			}
			damage(t, cert, key)
			open := func() *Source {
				return Generated(cert, key, func(context.Context) (Identity, error) { return acme, nil }, quiet())
			}
			s := open()
			if err := s.Usable(t.Context()); err != nil {
				t.Fatal(err)
			}
			c, err := shake(t, s)
			if err != nil {
				t.Fatal(err)
			}
			if again, err := shake(t, open()); err != nil || !again.Equal(c) {
				t.Errorf("what was made is not kept: %v", err)
			}
		})
	}
}

// What cannot be read may be whole: it is not replaced.
func TestGeneratedUnreadable(t *testing.T) {
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "a.crt"), filepath.Join(dir, "a.key")
	if err := generate(cert, key, acme, time.Now()); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(cert)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Remove(key), os.Mkdir(key, 0o700)); err != nil {
		t.Fatal(err)
	}
	s := Generated(cert, key, func(context.Context) (Identity, error) { return acme, nil }, quiet())
	if err := s.Usable(t.Context()); err == nil {
		t.Error("a certificate without a key is usable")
	}
	if after, err := os.ReadFile(cert); err != nil || !bytes.Equal(before, after) {
		t.Errorf("the certificate is another one: %v", err)
	}
}

func write(t *testing.T, file string, text []byte) {
	t.Helper()
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
}
