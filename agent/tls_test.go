package agent

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"testing"

	"github.com/killdeer-mcp/killdeer/agent/certs"
)

// A decoy that no client can speak to is not ready.
func TestNoCertificateIsNotReady(t *testing.T) {
	dir := t.TempDir()
	s := &Sensor{life: t.Context()}
	fault := errors.New("no persona is loaded")
	s.certificate = certs.Generated(filepath.Join(dir, "a.crt"), filepath.Join(dir, "a.key"),
		func(context.Context) (certs.Identity, error) { return certs.Identity{}, fault }, slog.New(slog.DiscardHandler))
	if c := s.certificateReady(); c.OK || !c.Needed || c.Detail == "" {
		t.Errorf("without a certificate: %+v", c)
	}
	s.certificate = certs.Generated(filepath.Join(dir, "a.crt"), filepath.Join(dir, "a.key"),
		func(context.Context) (certs.Identity, error) {
			return certs.Identity{Organization: "Larkfield Foods", Domain: "larkfield.example"}, nil
		}, slog.New(slog.DiscardHandler))
	if c := s.certificateReady(); !c.OK {
		t.Errorf("with a certificate: %+v", c)
	}
}
