package config

import (
	"encoding/hex"
	"net"
	"net/netip"
	"strings"

	"github.com/killdeer-mcp/killdeer/internal/tomltext"
)

// A Dashboard says where the operator reads what was recorded.
type Dashboard struct {
	// Listen is the address and port of the page and its API; empty: none. Default
	// "127.0.0.1:3111".
	Listen string `toml:"listen"`
	// Token is what is asked for: "sha256:" and the digest of a token, or where one
	// is kept, "cred:NAME", "file:PATH" or "env:NAME". Empty: nothing, which only a
	// loopback listener may have.
	Token string `toml:"token"`
	// Hosts are names, without a port, that the page may be opened under beside
	// addresses and "localhost". Default none.
	Hosts []string `toml:"hosts"`
	// TLSCert and TLSKey are PEM files, or "cred:NAME"; with both it is HTTPS.
	TLSCert string `toml:"tls_cert"`
	TLSKey  string `toml:"tls_key"`
}

// tokenForms are how a token may be given.
var tokenForms = []string{checksumForm, "cred:", "file:/", "env:"}

// TokenHash returns the token's digest where the configuration has it.
func (d *Dashboard) TokenHash() (sum []byte, ok bool) {
	digest, ok := strings.CutPrefix(d.Token, checksumForm)
	sum, err := hex.DecodeString(digest)
	return sum, ok && err == nil && len(sum) == 32
}

func (d *Dashboard) complete(dir string) {
	d.TLSCert, d.TLSKey = resolveSecret(dir, d.TLSCert), resolveSecret(dir, d.TLSKey)
}

func checkDashboard(d *Dashboard, c *collector) {
	if d.Listen != "" {
		if err := checkListen(d.Listen); err != nil {
			c.add("dashboard.listen", "%v", err)
		} else if d.Token == "" && !loopbackOnly(d.Listen) {
			c.add("dashboard.listen", `%s is reachable from other machines: set dashboard.token, which "killdeer dashboard token" makes`, shown(d.Listen))
		}
	}
	checkToken(d, c)
	for i, host := range d.Hosts {
		if !validHost(host) {
			c.addEntry("dashboard.hosts", i, "want a host name or address without a port, got %s", shown(host))
		}
	}
	checkCertificate(d, c)
}

func checkCertificate(d *Dashboard, c *collector) {
	if d.TLSCert == "" && d.TLSKey == "" {
		return
	}
	if d.TLSCert == "" || d.TLSKey == "" {
		c.add("dashboard.tls_cert", "want both dashboard.tls_cert and dashboard.tls_key, or neither")
		return
	}
	checkSecret(c, "dashboard.tls_cert", d.TLSCert)
	checkSecret(c, "dashboard.tls_key", d.TLSKey)
}

// checkToken repeats nothing of what could be a token.
func checkToken(d *Dashboard, c *collector) {
	if d.Token == "" {
		return
	}
	for _, form := range tokenForms {
		if rest, ok := strings.CutPrefix(d.Token, form); ok && rest != "" {
			if _, hashed := d.TokenHash(); form == checksumForm && !hashed {
				c.add("dashboard.token", `want "sha256:" and 64 hexadecimal digits`)
			}
			if name, ok := strings.CutPrefix(d.Token, "cred:"); ok && strings.IndexFunc(name, func(r rune) bool { return r != '.' && tomltext.NotBare(r) }) >= 0 {
				c.add("dashboard.token", "want the name of a credential after \"cred:\"")
			}
			return
		}
	}
	c.add("dashboard.token", `want "sha256:" and a digest, "cred:NAME", "file:/PATH" or "env:NAME": a token does not stand in a configuration; "killdeer dashboard token" makes one`)
}

// loopbackOnly reports whether only this machine reaches a listener.
func loopbackOnly(listen string) bool {
	host, _, err := net.SplitHostPort(listen)
	if err != nil {
		return false
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback() || host == "localhost"
}
