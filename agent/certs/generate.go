package certs

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	mathrand "math/rand/v2"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"
)

const (
	// validity is what public authorities grant at most, and many internal ones copy.
	validity = 397 * 24 * time.Hour
	// oldest is how far back a certificate may have been issued when it is made: it
	// has most of its time before it.
	oldest      = 200
	renewBefore = 30 * 24 * time.Hour
	serialBytes = 19 // RFC 5280 §4.1.2.2: at most 20, of which the sign may need one
)

// Identity is what a generated certificate says.
type Identity struct {
	Organization string   // as people say it
	Domain       string   // of the organization
	Hosts        []string // names and addresses of the server; empty: "integrations" and "mcp" in the domain
}

// generate makes a key and a certificate that an internal authority of the
// organization seems to have issued on a day in the past, and writes both. What ends
// it between the two leaves a pair that does not fit.
func generate(certFile, keyFile string, who Identity, now time.Time) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	authority, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	issuer, leaf, err := templates(who, now)
	if err != nil {
		return err
	}
	der, err := x509.CreateCertificate(rand.Reader, leaf, issuer, &key.PublicKey, authority)
	if err != nil {
		return err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	for _, dir := range []string{filepath.Dir(keyFile), filepath.Dir(certFile)} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
	}
	if err := writeWhole(keyFile, "PRIVATE KEY", secret); err != nil {
		return err
	}
	return writeWhole(certFile, "CERTIFICATE", der)
}

// templates are the certificates of the authority, which nobody ever sees, and of the
// server.
func templates(who Identity, now time.Time) (issuer, leaf *x509.Certificate, err error) {
	hosts := who.Hosts
	if len(hosts) == 0 {
		hosts = []string{"integrations." + who.Domain, "mcp." + who.Domain}
	}
	serial := make([]byte, serialBytes)
	_, _ = rand.Read(serial) // never fails: crypto/rand ends the process first
	serial[0] |= 1           // never shorter
	// Authorities issue in the hours of work, and with a second's precision.
	begin := now.UTC().Add(-time.Duration(1+mathrand.IntN(oldest)) * 24 * time.Hour).Truncate(24 * time.Hour).
		Add(8*time.Hour + time.Duration(mathrand.IntN(9*3600))*time.Second)
	subject := pkix.Name{Organization: []string{who.Organization}}
	issuer = &x509.Certificate{Subject: subject, SubjectKeyId: make([]byte, 20)}
	issuer.Subject.CommonName = fmt.Sprintf("%s Issuing CA %d", who.Organization, 1+mathrand.IntN(3))
	_, _ = rand.Read(issuer.SubjectKeyId) // never fails
	leaf = &x509.Certificate{
		SerialNumber: new(big.Int).SetBytes(serial), Subject: subject,
		NotBefore: begin, NotAfter: begin.Add(validity - time.Second),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
	}
	leaf.Subject.CommonName = hosts[0]
	leaf.DNSNames, leaf.IPAddresses = subjects(hosts)
	for _, word := range append([]string{who.Organization}, hosts...) {
		if strings.TrimSpace(word) == "" {
			return nil, nil, fmt.Errorf("an organization and names are needed, got %+v", who)
		}
	}
	return issuer, leaf, nil
}

// subjects tells names from addresses: clients look for each in its own list.
func subjects(hosts []string) (names []string, addresses []net.IP) {
	for _, host := range hosts {
		if ip, err := netip.ParseAddr(host); err == nil {
			addresses = append(addresses, ip.Unmap().WithZone("").AsSlice())
		} else {
			names = append(names, host)
		}
	}
	return names, addresses
}

// writeWhole writes a file under another name first: a reader sees all of it or none,
// also after the power failed.
func writeWhole(file, kind string, der []byte) error {
	draft := file + ".new"
	f, err := os.OpenFile(draft, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	err = pem.Encode(f, &pem.Block{Type: kind, Bytes: der})
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(draft, file); err != nil {
		return err
	}
	return syncDir(filepath.Dir(file))
}

// syncDir makes renames in a folder last.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
