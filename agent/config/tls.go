package config

import (
	"path/filepath"
	"strings"
)

const (
	maxOrganization = 64 // RFC 5280, appendix A.1, ub-organization-name
	maxHosts        = 32
	credPrefix      = "cred:"
)

// TLS says with what a listener secures its connections.
type TLS struct {
	// Mode is "off"; "files" for Certificate and Key; or "generated" for a
	// certificate that looks like the persona's organization's own. Default "off".
	Mode string `toml:"mode"`
	// Certificate and Key are PEM files, read again when they change; "cred:NAME" is
	// a credential of the service manager. Only for "files".
	Certificate string `toml:"certificate"`
	Key         string `toml:"key"`
	// Organization and Hosts are what a generated certificate says. Empty: the
	// persona's organization, and names in its domain.
	Organization string   `toml:"organization"`
	Hosts        []string `toml:"hosts"`
}

func defaultTLS() TLS { return TLS{Mode: "off", Hosts: []string{}} }

func (t *TLS) complete(dir string) {
	t.Certificate, t.Key = resolveSecret(dir, t.Certificate), resolveSecret(dir, t.Key)
}

// resolveSecret is [resolve] for what may be a credential.
func resolveSecret(dir, file string) string {
	if strings.HasPrefix(file, credPrefix) {
		return file
	}
	return resolve(dir, file)
}

// checkSecret looks at a file, or at the name of a credential. Whether there is such a
// credential only the start knows.
func checkSecret(c *collector, key, file string) {
	name, isCred := strings.CutPrefix(file, credPrefix)
	if !isCred {
		if err := checkReadable(file); err != nil {
			c.add(key, "%v", err)
		}
	} else if name == "" || name != filepath.Base(name) {
		c.add(key, "want the name of a credential after %q, without a path", credPrefix)
	}
}

// check looks at the table with the given key.
func (t *TLS) check(table string, c *collector) {
	oneOf(c, table+".mode", t.Mode, "off", "files", "generated")
	for _, f := range []struct{ key, file string }{{"certificate", t.Certificate}, {"key", t.Key}} {
		switch {
		case f.file == "" && t.Mode == "files":
			c.add(table+"."+f.key, `must name a file, as %s.mode is "files"`, table)
		case t.Mode == "files", strings.HasPrefix(f.file, credPrefix):
			checkSecret(c, table+"."+f.key, f.file)
		}
	}
	if len(t.Organization) > maxOrganization || strings.IndexFunc(t.Organization, isControl) >= 0 {
		c.add(table+".organization", "want at most %d bytes without control characters, got %s", maxOrganization, shown(t.Organization))
	}
	if len(t.Hosts) > maxHosts {
		c.add(table+".hosts", "has %d entries, want at most %d", len(t.Hosts), maxHosts)
	}
	for i, host := range t.Hosts {
		if !validHost(host) {
			c.addEntry(table+".hosts", i, "want a host name, got %s", shown(host))
		}
	}
}
