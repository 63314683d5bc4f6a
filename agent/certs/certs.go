// Package certs gives a listener its TLS certificate: one in files, read again when
// they change, or one that is made to look like an organization's own, and kept.
//
// It serves nothing and judges no client. Whoever knows TLS stacks sees Go's behind
// either certificate: a proxy in front hides that.
package certs

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"time"
)

// lookEvery is how often files are looked at for changes.
const lookEvery = time.Second

// maxFile bounds a file with certificates or a key.
const maxFile = 1 << 20

// Source has the certificate of a listener. Its methods may be called concurrently.
type Source struct {
	cert, key string
	identity  func(context.Context) (Identity, error) // nil: the files are the operator's
	log       *slog.Logger

	mu     sync.Mutex
	held   *tls.Certificate
	stamp  stamp
	looked time.Time
	failed string // the last fault, which is told once
}

// stamp tells versions of files apart.
type stamp struct {
	cert, key         time.Time
	certSize, keySize int64
}

// Files returns a source of a PEM chain and its key. It fails if they do not fit
// together now; later, faulty files are logged and the earlier ones stay.
func Files(cert, key string, log *slog.Logger) (*Source, error) {
	s := &Source{cert: cert, key: key, log: log}
	_, err := s.read(time.Now())
	return s, err
}

// errDamaged means that files were read and hold no certificate that fits its key.
var errDamaged = errors.New("no usable pair")

// Generated returns a source of a certificate that is made when it is first asked
// for, and kept in two files, which are replaced a month before it expires, and at
// the start if they are damaged. Files that cannot be read stay as they are.
func Generated(cert, key string, identity func(context.Context) (Identity, error), log *slog.Logger) *Source {
	return &Source{cert: cert, key: key, identity: identity, log: log}
}

// Config returns a server's configuration with this certificate: TLS 1.2 and newer,
// HTTP/1.1.
func (s *Source) Config() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"},
		GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) { return s.get(hello.Context()) },
	}
}

// Leaf returns the certificate in use, nil if there is none yet.
func (s *Source) Leaf() *x509.Certificate {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.held == nil {
		return nil
	}
	return s.held.Leaf
}

// Usable says why clients get no certificate, nil if they get one. Where there is none
// yet it tries to have one.
func (s *Source) Usable(ctx context.Context) error {
	_, err := s.get(ctx)
	return err
}

func (s *Source) get(ctx context.Context) (*tls.Certificate, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if s.held != nil && now.Sub(s.looked).Abs() < lookEvery {
		return s.held, nil
	}
	s.looked = now
	err := s.look(ctx, now)
	if err != nil && err.Error() != s.failed {
		s.log.Error("the certificate cannot be renewed: the earlier one is used, if there is one", "error", err)
	}
	s.failed = ""
	if err != nil {
		s.failed = err.Error()
	}
	if s.held == nil {
		return nil, err
	}
	return s.held, nil
}

// look brings the certificate up to date.
func (s *Source) look(ctx context.Context, now time.Time) error {
	if s.identity == nil {
		_, err := s.read(now)
		return err
	}
	if s.held == nil {
		fresh, err := s.read(now)
		switch {
		case errors.Is(err, errDamaged):
			s.log.Warn("the generated certificate is damaged: another one takes its place", "error", err)
		case fresh, err != nil && !errors.Is(err, fs.ErrNotExist):
			return err
		}
	}
	if s.held != nil && now.Before(s.held.Leaf.NotAfter.Add(-renewBefore)) && !now.Before(s.held.Leaf.NotBefore) {
		return nil
	}
	who, err := s.identity(ctx)
	if err != nil {
		return fmt.Errorf("make a certificate: %w", err)
	}
	if err := generate(s.cert, s.key, who, now); err != nil {
		return fmt.Errorf("make a certificate: %w", err)
	}
	_, err = s.read(now)
	return err
}

// read reads the files if they changed; fresh says that they hold a certificate.
func (s *Source) read(time.Time) (fresh bool, err error) {
	at, err := s.stat()
	if err != nil {
		return false, fmt.Errorf("read certificate: %w", err)
	}
	if s.held != nil && at == s.stamp {
		return true, nil
	}
	pair, err := load(s.cert, s.key)
	if err != nil {
		return false, fmt.Errorf("read certificate %s and key %s: %w", s.cert, s.key, err)
	}
	s.held, s.stamp = pair, at
	return true, nil
}

// load reads a certificate and its key. The error wraps [errDamaged] if both files
// were read.
func load(certFile, keyFile string) (*tls.Certificate, error) {
	cert, err := os.ReadFile(certFile)
	if err != nil {
		return nil, err
	}
	key, err := os.ReadFile(keyFile)
	if err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errDamaged, err)
	}
	return &pair, nil
}

func (s *Source) stat() (at stamp, err error) {
	cert, err := os.Stat(s.cert)
	if err != nil {
		return at, err
	}
	key, err := os.Stat(s.key)
	if err != nil {
		return at, err
	}
	if cert.Size() > maxFile || key.Size() > maxFile {
		return at, fmt.Errorf("%w: %s or %s is larger than %d bytes", errDamaged, s.cert, s.key, maxFile)
	}
	return stamp{cert.ModTime(), key.ModTime(), cert.Size(), key.Size()}, nil
}
