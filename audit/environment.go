package audit

import (
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"path"
	"slices"
	"strings"

	"github.com/killdeer-mcp/killdeer/audit/evidence"
	"github.com/killdeer-mcp/killdeer/audit/lock"
	"github.com/killdeer-mcp/killdeer/sdk"
)

// plantedEnv are variables that every box plants by itself.
var plantedEnv = []string{"AWS_SECRET_ACCESS_KEY", "GITHUB_TOKEN"}

// environment gives the server made-up values under the names that its user sets
// for it: the real ones are secrets. What is to be a folder or an address looks like
// one.
func (r *run) environment(home string) []string {
	var env []string
	for _, name := range r.opts.Env {
		if name == "" || strings.ContainsAny(name, "=\x00") || slices.Contains(plantedEnv, name) {
			continue
		}
		env = append(env, name+"="+r.value(name, path.Join(home, "work")))
	}
	return env
}

func (r *run) value(name, dir string) string {
	up := strings.ToUpper(name)
	is := func(parts ...string) bool {
		return slices.ContainsFunc(parts, func(p string) bool { return slices.Contains(strings.Split(up, "_"), p) })
	}
	switch {
	case is("TOKEN", "KEY", "SECRET", "PASSWORD"):
	case is("URL", "URI", "ENDPOINT"):
		return "https://service.example.com/"
	case is("HOST", "DOMAIN", "SERVER"):
		return "service.example.com"
	case is("PORT"):
		return "8443"
	case is("DIR", "DIRECTORY", "ROOT", "FOLDER", "PATH", "WORKSPACE"):
		return dir
	case is("EMAIL"):
		return "probe@example.com"
	}
	b, err := hkdf.Key(sha256.New, []byte(r.opts.Seed), nil, "variable "+name, 20)
	if err != nil {
		panic(err) // only for more bytes than HKDF can give
	}
	return hex.EncodeToString(b)
}

// locked is what the lock pins of this server, nil for nothing.
func (r *run) locked() *evidence.LockedServer {
	_, l := r.pick()
	return l
}

func (r *run) pick() (string, *evidence.LockedServer) {
	if r.opts.Lock == nil {
		return "", nil
	}
	now := &evidence.LockedServer{Argv: r.opts.Argv}
	for _, p := range r.audit.Passes {
		if p.Server != nil {
			now.Server = p.Server
			break
		}
	}
	return lock.Pick(r.opts.Lock, r.opts.Server, now)
}

// same reports whether an entry of the lock is this server, under another name.
func (r *run) same(name string, s *evidence.LockedServer) bool {
	if slices.Contains(r.opts.Others, name) {
		return false
	}
	return slices.Equal(s.Argv, r.opts.Argv) || slices.ContainsFunc(r.audit.Passes, func(p *evidence.Pass) bool {
		return len(p.Server) > 0 && infoName(p.Server) == infoName(s.Server)
	})
}

func infoName(raw sdk.RawJSON) string {
	var info struct{ Name string }
	_ = json.Unmarshal(raw, &info) // what cannot be read has no name
	return info.Name
}

// others are the tools that the lock knows of the client's other servers.
func (r *run) others() map[string][]string {
	all := map[string][]string{}
	for _, name := range r.opts.Others {
		all[name] = nil
	}
	if r.opts.Lock == nil {
		return all
	}
	own, _ := r.pick()
	for name, s := range r.opts.Lock.Servers {
		if name == own || r.same(name, s) {
			continue
		}
		for tool := range s.Tools {
			all[name] = append(all[name], tool)
		}
		slices.Sort(all[name])
	}
	return all
}
