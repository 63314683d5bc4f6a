package agent

import (
	"cmp"
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"time"

	"github.com/killdeer-mcp/killdeer/agent/certs"
	"github.com/killdeer-mcp/killdeer/agent/config"
	"github.com/killdeer-mcp/killdeer/agent/monitor"
	"github.com/killdeer-mcp/killdeer/plugins"
)

// certificateWithin bounds what a question for readiness waits for a certificate.
const certificateWithin = 2 * time.Second

// decoyTLS is how the decoy secures its connections, nil for not at all.
func (s *Sensor) decoyTLS() (*tls.Config, error) {
	source, err := listenerTLS(s.cfg.Decoy.TLS, filepath.Join(s.cfg.Sensor.StateDir, "tls", "decoy"), s.identity, s.log)
	if err != nil || source == nil {
		return nil, err
	}
	s.certificate = source
	return source.Config(), nil
}

// certificateReady says whether clients of the decoy get a certificate. It is asked
// after the guests are loaded: until then a generated one waits for them.
func (s *Sensor) certificateReady() monitor.Check {
	c := monitor.Check{Name: "certificate", Needed: true, OK: true, Detail: "usable"}
	ctx, cancel := context.WithTimeout(s.life, certificateWithin)
	defer cancel()
	if err := s.certificate.Usable(ctx); err != nil {
		c.OK, c.Detail = false, err.Error()
	}
	return c
}

// identity is whom a generated certificate names, once the personas are loaded.
func (s *Sensor) identity(ctx context.Context) (certs.Identity, error) {
	c := s.cfg.Decoy.TLS
	name, domain, err := s.personas.Organization(ctx)
	return certs.Identity{Organization: cmp.Or(c.Organization, name), Domain: domain, Hosts: c.Hosts}, err
}

// listenerTLS is with what one listener secures its connections, nil for nothing.
// base begins the names of the files of a generated certificate.
func listenerTLS(c config.TLS, base string, who func(context.Context) (certs.Identity, error), log *slog.Logger) (*certs.Source, error) {
	switch c.Mode {
	case "generated":
		return certs.Generated(base+".crt", base+".key", who, log), nil
	case "files":
		source, err := secretPair(c.Certificate, c.Key, log)
		if err != nil {
			return nil, fmt.Errorf("secure the decoy: %w", err)
		}
		return source, nil
	}
	return nil, nil
}

// secretPair is the operator's certificate and its key, each a path or a credential.
func secretPair(cert, key string, log *slog.Logger) (*certs.Source, error) {
	certFile, err := secretFile(cert)
	if err != nil {
		return nil, err
	}
	keyFile, err := secretFile(key)
	if err != nil {
		return nil, err
	}
	return certs.Files(certFile, keyFile, log)
}

// secretFile returns the file that a path or a credential stands for.
func secretFile(name string) (string, error) {
	if cred, ok := strings.CutPrefix(name, "cred:"); ok {
		return plugins.CredentialFile(cred)
	}
	return name, nil
}

// scheme begins the decoy's URL.
func (s *Sensor) scheme() string {
	if s.cfg.Decoy.TLS.Mode == "off" {
		return "http"
	}
	return "https"
}
