package agent

import (
	"cmp"
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"

	"github.com/killdeer-mcp/killdeer/agent/certs"
	"github.com/killdeer-mcp/killdeer/agent/config"
	"github.com/killdeer-mcp/killdeer/plugins"
)

// decoyTLS is how the decoy secures its connections, nil for not at all.
func (s *Sensor) decoyTLS() (*tls.Config, error) {
	return listenerTLS(s.cfg.Decoy.TLS, filepath.Join(s.cfg.Sensor.StateDir, "tls", "decoy"), s.identity, s.log)
}

// identity is whom a generated certificate names, once the personas are loaded.
func (s *Sensor) identity(ctx context.Context) (certs.Identity, error) {
	c := s.cfg.Decoy.TLS
	name, domain, err := s.personas.Organization(ctx)
	return certs.Identity{Organization: cmp.Or(c.Organization, name), Domain: domain, Hosts: c.Hosts}, err
}

// listenerTLS is how one listener secures its connections. base begins the names of
// the files of a generated certificate.
func listenerTLS(c config.TLS, base string, who func(context.Context) (certs.Identity, error), log *slog.Logger) (*tls.Config, error) {
	switch c.Mode {
	case "generated":
		return certs.Generated(base+".crt", base+".key", who, log).Config(), nil
	case "files":
		cert, err := secretFile(c.Certificate)
		if err != nil {
			return nil, err
		}
		key, err := secretFile(c.Key)
		if err != nil {
			return nil, err
		}
		source, err := certs.Files(cert, key, log)
		if err != nil {
			return nil, fmt.Errorf("secure the decoy: %w", err)
		}
		return source.Config(), nil
	}
	return nil, nil
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
