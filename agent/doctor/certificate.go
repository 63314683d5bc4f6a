package doctor

import (
	"crypto/tls"
	"strings"
	"time"

	"github.com/killdeer-mcp/killdeer/agent/config"
)

// Certificates looks at the certificates that a configuration has in files. credential
// finds the file of a credential; one that the service manager has not handed to this
// process is not looked at.
func Certificates(c *config.Config, credential func(name string) (string, error)) []Check {
	var checks []Check
	if t := c.Decoy.TLS; t.Mode == "files" {
		checks = append(checks, certificate("decoy certificate", t.Certificate, t.Key, credential))
	}
	if d := c.Dashboard; d.Listen != "" && d.TLSCert != "" {
		checks = append(checks, certificate("dashboard certificate", d.TLSCert, d.TLSKey, credential))
	}
	return checks
}

func certificate(name, cert, key string, credential func(string) (string, error)) Check {
	for _, file := range []*string{&cert, &key} {
		cred, isCred := strings.CutPrefix(*file, "cred:")
		if !isCred {
			continue
		}
		found, err := credential(cred)
		if err != nil {
			return ok(name, "%s is the service manager's, and not looked at", *file)
		}
		*file = found
	}
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		return bad(Failure, name, "put the PEM files there that belong together, readable by the sensor's user", "%s and %s: %v", cert, key, err)
	}
	switch now, leaf := time.Now(), pair.Leaf; {
	case now.After(leaf.NotAfter):
		return bad(Warning, name, "renew it", "%s expired at %s, and is served nevertheless", cert, leaf.NotAfter.UTC().Format(time.RFC3339))
	case now.Before(leaf.NotBefore):
		return bad(Warning, name, "look at the clock, or have it made again", "%s is valid from %s on only", cert, leaf.NotBefore.UTC().Format(time.RFC3339))
	default:
		return ok(name, "%s, until %s", cert, leaf.NotAfter.UTC().Format(time.RFC3339))
	}
}
