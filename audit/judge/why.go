package judge

import (
	"bytes"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/net/publicsuffix"

	"github.com/killdeer-mcp/killdeer/audit/evidence"
	"github.com/killdeer-mcp/killdeer/audit/judge/wording"
	"github.com/killdeer-mcp/killdeer/sdk"
)

// why is who asked for an object. Only what nobody asked for can be a finding.
type why string

const (
	argument  why = "argument"
	root      why = "root"
	proposal  why = "schema default"
	earlier   why = "earlier result"
	own       why = "own state"
	child     why = "well-known child read"
	candidate why = "config candidate"
	declared  why = "declared"
	runtime   why = "runtime"
	none      why = "none"
)

// asked is what a call's arguments ask for.
type asked struct {
	paths []string
	exact []string // that are asked for without what is below
	hosts []string
	text  string
	all   strings.Builder // of text, while it is read
	// offered is what stands in them because the schema proposes it: the server's own
	// words, whoever repeats them.
	offered *asked
}

const maxAsked = 256 // paths of one call

// asks reads a call's arguments.
func (c *court) asks(p *pass, call *evidence.Call) *asked {
	a := &asked{offered: &asked{}}
	proposes := c.says.of(moment{call: call}).defaults
	take := func(s string) {
		if _, own := slices.BinarySearch(proposes, s); own && call.Kind == "tool" {
			a.offered.take(p, s)
			return
		}
		a.take(p, s)
	}
	eachString(call.Args, take)
	if call.Kind != "tool" {
		take(call.Name)
	}
	a.text, a.offered.text = a.all.String(), a.offered.all.String()
	return a
}

func (a *asked) take(p *pass, s string) {
	if a.all.Len() < wording.MaxText {
		a.all.WriteString(s)
		a.all.WriteByte('\n')
	}
	a.hosts = append(a.hosts, hostOf(s))
	a.hosts = append(a.hosts, wording.Hosts(s)...)
	a.takePaths(p, s)
}

func (a *asked) takePaths(p *pass, s string) {
	if u, err := url.Parse(s); err == nil && u.Scheme == "file" {
		s = u.Path
	}
	for i, w := range append([]string{s}, strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune(" \t\n\"'`()<>;|&,=$", r) })...) {
		if w == "" || len(w) > 4096 || len(a.paths)+len(a.exact) > maxAsked || strings.ContainsRune(w, '\n') {
			continue
		}
		switch {
		case w == "~" || strings.HasPrefix(w, "~/"):
			a.paths = append(a.paths, path.Join(p.Home, w[1:]))
		case path.IsAbs(w):
			a.paths = append(a.paths, path.Clean(w))
		case i == 0 || strings.ContainsAny(w, "./"):
			for _, base := range append([]string{p.dir}, p.roots...) {
				full := path.Join(base, w)
				if base == "" {
					continue
				}
				if within(full, base) {
					a.paths = append(a.paths, full)
				} else {
					a.exact = append(a.exact, full)
				}
			}
		}
	}
}

// path reports whether a path was asked for: it, what is above, or a neighbour that
// begins with its name, as programs make them to replace a file.
func (a *asked) path(name string) bool {
	if a == nil {
		return false
	}
	return slices.Contains(a.exact, name) || slices.ContainsFunc(a.paths, func(p string) bool {
		return within(name, p) || within(p, name) || path.Dir(p) == path.Dir(name) && strings.HasPrefix(path.Base(name), path.Base(p))
	})
}

// proposed reports whether a path was asked for in the schema's own words. Those for
// all of a home say nothing.
func (a *asked) proposed(name, home string) bool {
	if a == nil {
		return false
	}
	o := &asked{exact: a.offered.exact}
	for _, p := range a.offered.paths {
		if !within(home, p) {
			o.paths = append(o.paths, p)
		}
	}
	return o.path(name)
}

func (a *asked) host(name string) bool {
	return a != nil && name != "" && slices.Contains(a.hosts, name)
}

func (a *asked) offers(host string) bool { return a != nil && a.offered.host(host) }

// hostOf is the host of a URL, "" for what is none.
func hostOf(s string) string {
	u, err := url.Parse(strings.TrimSpace(s))
	if err != nil || u.Host == "" {
		return ""
	}
	return strings.ToLower(u.Hostname())
}

// reads are the files below a home that well-known programs read on their own, in
// addition to those that they are told to.
var reads = map[string][]string{
	"git": {".gitconfig", ".config/git/", ".netrc", ".git-credentials", ".ssh/", ".gnupg/"},
	"gh":  {".config/gh/", ".gitconfig", ".netrc"}, "curl": {".curlrc", ".netrc"}, "wget": {".wgetrc", ".netrc"},
	"ssh": {".ssh/"}, "scp": {".ssh/"}, "sftp": {".ssh/"}, "rsync": {".ssh/"},
	"npm": {".npmrc"}, "npx": {".npmrc"}, "yarn": {".npmrc", ".yarnrc"}, "pnpm": {".npmrc"}, "bun": {".npmrc"},
	"pip": {".netrc", ".pypirc", ".config/pip/"}, "uv": {".netrc", ".config/uv/"}, "uvx": {".netrc", ".config/uv/"}, "twine": {".pypirc"},
	"docker": {".docker/"}, "podman": {".docker/"}, "kubectl": {".kube/"}, "helm": {".kube/", ".docker/"}, "kubernetes": {".kube/"},
	"aws": {".aws/"}, "gcloud": {".config/gcloud/"}, "az": {".azure/"}, "gpg": {".gnupg/"}, "terraform": {".terraform.d/", ".aws/"},
	"psql": {".pgpass", ".psql_history"}, "mysql": {".my.cnf", ".mysql_history"}, "mercurial": {".netrc"}, "hg": {".netrc"}, "svn": {".subversion/"},
	"bash": {".bash_history"}, "zsh": {".zsh_history"},
}

// aliases are programs of one family.
var aliases = map[string]string{
	"git-remote-https": "git", "git-remote-http": "git", "git-credential-store": "git", "npm-cli.js": "npm", "npx-cli.js": "npx", "yarn.js": "yarn", "pnpm.cjs": "pnpm",
	"pip3": "pip", "gpg2": "gpg", "gpg-agent": "gpg", "ssh-keyscan": "ssh", "ssh-add": "ssh", "dockerd": "docker", "gcloud.py": "gcloud",
}

// byChild reports whether a well-known program reads a file on its own.
func (c *court) byChild(p *pass, o *sdk.Observation, name string) bool {
	inside, home := strings.CutPrefix(name, p.Home+"/")
	if !home || o == nil {
		return false
	}
	runs := p.procs.chain(o.PID, o.MonoNS)
	if len(runs) == 0 || !slices.ContainsFunc(append(runtimeDirs, c.audit.Target.Install...), func(d string) bool { return within(runs[0].path, d) }) {
		return false // a program of that name that the server brought along
	}
	program := path.Base(runs[0].path)
	if program == "node" || strings.HasPrefix(program, "python") {
		program = runs[0].program()
	}
	if family := aliases[program]; family != "" {
		program = family
	}
	return listed(reads[program], inside)
}

// byTrade reports whether a tool that says it is about a program reads what that
// program would, or names the file itself.
func (c *court) byTrade(p *pass, m moment, name string) bool {
	inside, home := strings.CutPrefix(name, p.Home+"/")
	if !home {
		return false
	}
	for _, program := range sortedKeys(reads) {
		if program != "bash" && program != "zsh" && c.says.mentions(m, program) && listed(reads[program], inside) {
			return true
		}
	}
	text := c.says.of(m).text + "\n" + c.says.server.text
	return (strings.Contains(text, "~/"+inside) || strings.Contains(text, name)) && len(c.reader.Orders(text)) == 0
}

// folderOf finds the folders below a home that a text names.
var folderOf = regexp.MustCompile(`(?:^|[\s"'(\x60])~/([\w.\-][\w.\-/]*)`)

// names reports whether a tool's text names a folder of the home that a path is in.
func (c *court) names(p *pass, m moment, name string) bool {
	text := c.says.of(m).text + "\n" + c.says.server.text
	for _, g := range folderOf.FindAllStringSubmatch(text[:min(len(text), maxRules)], maxNamed) {
		if within(name, path.Join(p.Home, strings.TrimRight(g[1], "./"))) {
			return true
		}
	}
	return false
}

const (
	maxRules = 16 << 10 // bytes of a text in which folders are sought
	maxNamed = 32       // folders of one text
)

// pathWhy says who asked for a path.
func (c *court) pathWhy(p *pass, m moment, o *sdk.Observation, name string, k class, write bool) why {
	guarded := k == inCanary || k == inSecrets || k == inStart || k == inAgents || write && c.starts(p, name)
	anyOf := func(list []string) bool {
		return slices.ContainsFunc(list, func(d string) bool { return within(name, d) })
	}
	allowed := c.says.allow.Read
	if write {
		allowed = c.says.allow.Write
	}
	switch {
	case slices.ContainsFunc(allowed, func(pattern string) bool { return matches(pattern, name, p.Home) }):
		return declared
	case m.call != nil && p.asked[m.call.N].path(name):
		return argument
	case isDotenv(name) && path.Dir(name) == p.dir && !write:
		return candidate
	case anyOf(p.roots), anyOf(c.says.argv):
		return root
	case anyOf(c.says.paths):
		return declared
	case !write && c.byChild(p, o, name):
		return child
	case !write && c.byTrade(p, m, name), write && !guarded && c.names(p, m, name):
		return declared
	case k == inInstall || k == inState || k == inTemp || !write && !guarded && p.made[name]:
		return own
	case k == inRoot, !write && k == inConfig, k == inRuntime, k == inProc, !write && (k == inHome || k == inOther || k == inStart):
		return runtime
	case !guarded && m.call != nil && p.asked[m.call.N].proposed(name, p.Home),
		!guarded && slices.ContainsFunc(c.says.of(m).defaults, func(d string) bool {
			return path.IsAbs(d) && !within(p.Home, path.Clean(d)) && within(name, path.Clean(d))
		}):
		return proposal
	case !guarded && c.inEarlier(p, m, name):
		return earlier
	}
	return none
}

// inEarlier reports whether a result of an earlier call had a text. A server could
// excuse anything that way: it counts for nothing that is guarded.
func (c *court) inEarlier(p *pass, m moment, text string) bool {
	if m.call == nil || len(text) < 5 {
		return false
	}
	for n := 1; n < m.call.N; n++ {
		if x := p.calls[n]; x != nil && bytes.Contains(x.Result[:min(len(x.Result), maxEarlier)], []byte(text)) {
			return true
		}
	}
	return false
}

const maxEarlier = 64 << 10 // bytes of one result

// hostWhy says who asked for a host.
func (c *court) hostWhy(p *pass, m moment, host string, port int) why {
	anyOf := func(list []string) bool {
		return slices.ContainsFunc(list, func(h string) bool { return sameHost(h, host) })
	}
	texts := c.says.of(m).hosts
	if m.call == nil {
		texts = c.says.known
	}
	switch {
	case slices.ContainsFunc(c.says.allow.Net, func(pattern string) bool {
		return matches(pattern, host, "") || matches(pattern, hostPort(host, port), "")
	}):
		return declared
	case m.call != nil && p.asked[m.call.N].host(host):
		return argument
	case anyOf(c.says.hosts), anyOf(texts), anyOf(c.says.server.hosts):
		return declared
	case slices.ContainsFunc(c.says.of(m).defaults, func(d string) bool { return sameHost(hostOf(d), host) }),
		m.call != nil && p.asked[m.call.N].offers(host):
		return proposal
	case c.says.ownHost(host), c.says.brand(m, host):
		return own
	case c.inEarlier(p, m, host):
		return earlier
	}
	return none
}

// sameHost reports whether a declared host takes another: itself and, for a name of
// several labels that somebody registered, all below.
func sameHost(declared, host string) bool {
	if declared == "" || host == "" {
		return false
	}
	if declared == host {
		return true
	}
	if !strings.Contains(declared, ".") || !strings.HasSuffix(host, "."+declared) || isAddr(declared) {
		return false
	}
	suffix, icann := publicsuffix.PublicSuffix(declared)
	return !icann || suffix != declared
}
