package sandbox

import (
	"fmt"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/killdeer-mcp/killdeer/audit/evidence"
)

// hostname is what a server sees its machine called.
const hostname = "devbox"

// boxID is the user and group that a server runs as.
const boxID = 1000

// trustFile holds the certificates that a server trusts.
const trustFile = "/etc/ssl/certs/ca-certificates.crt"

// sharedEtc are files of the host's /etc that say nothing of the host.
var sharedEtc = []string{"ld.so.cache", "services", "protocols", "mime.types", "shells", "ssl/openssl.cnf"}

// etc returns the files of the box's /etc, and its symbolic links.
func etc(user, home, machine string, root []byte) (files, links map[string]string) {
	files = map[string]string{
		"passwd": fmt.Sprintf("root:x:0:0:root:/root:/bin/bash\n%s:x:%d:%d::%s:/bin/bash\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n",
			user, boxID, boxID, home),
		"group":         fmt.Sprintf("root:x:0:\n%s:x:%d:\nnogroup:x:65534:\n", user, boxID),
		"hosts":         "127.0.0.1\tlocalhost\n127.0.1.1\t" + hostname + "\n::1\tlocalhost ip6-localhost\n",
		"hostname":      hostname + "\n",
		"nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\nservices: files\nprotocols: files\n",
		"resolv.conf":   "nameserver " + evidence.Resolver + "\n",
		"host.conf":     "multi on\n",
		"timezone":      "Etc/UTC\n",
		"machine-id":    machine + "\n",

		// Where distributions and runtimes look for trusted certificates.
		strings.TrimPrefix(trustFile, "/etc/"): string(root),
		"pki/tls/certs/ca-bundle.crt":          string(root),
		"ssl/cert.pem":                         string(root),
	}
	for _, name := range sharedEtc {
		if b, err := os.ReadFile(path.Join("/etc", name)); err == nil { // a host may lack any of them
			files[name] = string(b)
		}
	}
	links = map[string]string{
		"localtime":  "/usr/share/zoneinfo/Etc/UTC",
		"os-release": "../usr/lib/os-release",
		"mtab":       "/proc/self/mounts",
	}
	return files, links
}

// environment is everything that a server's environment holds, in order.
func environment(o *Options, p Planting, agent string) []string {
	search := slices.Concat(o.Path, []string{"/usr/local/bin", "/usr/bin", "/bin"})
	env := []string{
		"HOME=" + o.Home,
		"USER=" + path.Base(o.Home),
		"LOGNAME=" + path.Base(o.Home),
		"SHELL=/bin/bash",
		"LANG=C.UTF-8",
		"PATH=" + strings.Join(search, ":"),
	}
	if agent != "" {
		env = append(env, "SSH_AUTH_SOCK="+agent,
			"NODE_EXTRA_CA_CERTS="+trustFile, "SSL_CERT_FILE="+trustFile,
			"CURL_CA_BUNDLE="+trustFile, "REQUESTS_CA_BUNDLE="+trustFile)
	}
	return slices.Concat(env, p.Env, o.Env)
}
