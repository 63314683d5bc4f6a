package judge

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/killdeer-mcp/killdeer/audit/evidence"
	"github.com/killdeer-mcp/killdeer/audit/judge/wording"
	"github.com/killdeer-mcp/killdeer/sdk"
)

// helpers are programs that runtimes start to learn where they are.
var helpers = []string{
	"uname", "df", "getconf", "ldconfig", "lsb_release", "which", "env", "hostname", "arch", "id", "whoami", "tty", "stty", "locale", "nproc", "sysctl",
	"file", "dirname", "basename", "readlink", "realpath", "expr", "sed", "grep", "cut", "tr", "head", "tail", "sleep", "true", "false", "test", "[", "printf", "echo",
	"gcc", "cc", "ld", "objdump", "lscpu", "free", "ps", "uptime", "date", "pwd", "ls", "mkdir", "rg", "esbuild", "xdg-user-dir", "pkg-config", "dpkg", "ldd", "tput",
}

// carriers bring bytes in or out, or run code that comes from elsewhere.
var carriers = []string{"curl", "wget", "nc", "ncat", "netcat", "socat", "ssh", "scp", "sftp", "ftp", "tftp", "telnet", "rsync", "openssl", "dig", "nslookup", "host", "crontab", "at", "systemctl", "systemd-run", "sudo", "su", "pkexec", "gpg", "base64", "xxd", "osascript", "powershell", "pwsh", "perl", "ruby", "php", "lua", "gdb", "strace", "nsenter", "unshare", "chattr", "insmod", "useradd", "usermod", "passwd", "iptables"}

var (
	shells     = []string{"sh", "bash", "dash", "zsh", "ksh", "ash", "busybox", "fish"}
	piped      = regexp.MustCompile(`(?:\b(?:curl|wget)\b[^|;&]*\|\s*(?:\S*/)?(?:sudo\s+)?(?:ba|da|z|k)?sh\b)|\b(?:ba|da|z|k)?sh\b\s+-c\s+.{0,4}\$\((?:curl|wget)\b|<\((?:curl|wget)\b|\beval\b.{0,8}\$\((?:curl|wget)\b`)
	preloading = regexp.MustCompile(`\b(?:LD_PRELOAD|LD_LIBRARY_PATH|LD_AUDIT|DYLD_INSERT_LIBRARIES|NODE_OPTIONS=\S*--require|PYTHONSTARTUP)=(\S+)`)
	inMemory   = regexp.MustCompile(`^/(?:proc/(?:self|thread-self|\d+)|dev)/fd/\d+$`)
	library    = regexp.MustCompile(`\.so(?:\.\d+)*$`)
)

// judgeExec judges what was started, and by what means.
func (c *court) judgeExec(p *pass) {
	for i := range p.seen {
		o := &p.seen[i]
		switch o.Kind {
		case sdk.ObservedExec:
			if o.Ret >= 0 && o.Errno == "" {
				c.executed(p, o)
			} else if m := p.when(o.MonoNS); o.Errno == "ENOEXEC" && p.made[p.pathOf(o, p.dir)] && c.fetched(p, m) {
				name := p.pathOf(o, p.dir)
				c.execFinding(p, m, o, "AUD-X06", "", "runs "+name+", which it made after a download", name)
			} else if o.Errno == "ENOENT" {
				c.scheduled(p, p.when(o.MonoNS), o, strings.Join(o.Argv, " ")) // it is not here, but may be elsewhere
			}
		case sdk.ObservedOpen:
			c.loaded(p, o)
		case sdk.ObservedPtrace, sdk.ObservedVMRW:
			c.injected(p, o)
		case sdk.ObservedPriv:
			c.privileged(p, o)
		}
	}
	c.markers(p)
	c.survivors(p)
}

func (c *court) executed(p *pass, o *sdk.Observation) {
	m := p.when(o.MonoNS)
	x := execution{o.MonoNS, o.Argv, cmpOr(p.pathOf(o, p.dir), o.Path)}
	line := strings.Join(o.Argv, " ")
	c.preloaded(p, m, o, x, line)
	c.scheduled(p, m, o, line)
	if c.downloaded(p, m, o, x, line) {
		return
	}
	if m.call != nil && m.call.Marker != "" && slices.Contains(o.Argv, m.call.Marker) {
		return // our own payload, which its file gives away
	}
	w := c.execWhy(p, m, o, x)
	name := x.program()
	c.note(m.tool(), "runs "+name, w)
	if (m.phase == evidence.Startup || m.phase == evidence.Install) && w == none && !slices.Contains(carriers, name) {
		return // the way in which it is started
	}
	c.behaved(p, m, func(b *evidence.Behaviour) { b.Execs = append(b.Execs, name) })
	if w != none {
		return
	}
	s := sdk.Severity("")
	if slices.Contains(carriers, name) || quiet(m) {
		s = high
	}
	p.add(m, "exec "+name, false)
	c.execFinding(p, m, o, "AUD-X01", s, "runs "+name+", undeclared", name)
}

// preloaded reports libraries that a program is made to load: by its own variables,
// or those that its command line sets. Those of the system are usual.
func (c *court) preloaded(p *pass, m moment, o *sdk.Observation, x execution, line string) {
	sets := o.Env
	if g := preloading.FindString(line); g != "" && c.execWhy(p, m, o, x) != argument {
		sets = append(slices.Clone(sets), g)
	}
	for _, set := range sets {
		name, value, _ := strings.Cut(set, "=")
		if name == "LD_LIBRARY_PATH" && slices.Contains(o.Env, set) || m.phase == evidence.Startup && len(p.procs.chain(o.PID, o.MonoNS)) < 2 {
			continue // where libraries are sought is often set by those who bring them along
		}
		for _, lib := range strings.FieldsFunc(value, func(r rune) bool { return r == ':' || r == ' ' }) {
			if path.IsAbs(lib) && c.classOf(p, path.Clean(lib)) == inRuntime || strings.Contains(lib, "faketime") || strings.HasPrefix(lib, "--") {
				continue
			}
			c.execFinding(p, m, o, "AUD-X04", "", "starts a program with "+name+"="+lib, "preload "+path.Base(lib))
		}
	}
}

func cmpOr(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

func (c *court) execFinding(p *pass, m moment, o *sdk.Observation, id string, s sdk.Severity, title, object string) {
	p.add(m, id+" "+object, false)
	c.report(p, m, sdk.Finding{
		ID: id, Severity: s, Title: title, Object: object, Syscall: o.Syscall, Processes: p.commands(o), Confidence: confidence(m),
		Claim: c.says.denied(m, wording.Exec), Evidence: []string{act(o, strings.Join(o.Argv, " "))},
	})
}

// execWhy says who asked for a program.
func (c *court) execWhy(p *pass, m moment, o *sdk.Observation, x execution) why {
	name, runs := path.Base(x.path), p.procs.chain(o.PID, o.MonoNS-1)
	program := x.program()
	switch {
	case slices.ContainsFunc(c.says.allow.Exec, func(a string) bool { return matches(a, name, "") || matches(a, x.path, p.Home) }):
		return declared
	case m.call != nil && (wording.Word(p.asked[m.call.N].text, name) || wording.Word(p.asked[m.call.N].text, program)) && c.says.claims(m, wording.Exec):
		return argument
	case c.says.mentions(m, name) || c.says.mentions(m, strings.TrimRight(name, "0123456789.")):
		return declared
	case c.says.claims(m, wording.Exec):
		return declared
	case slices.ContainsFunc(c.says.argv, func(a string) bool { return a == x.path }), slices.ContainsFunc(c.audit.Target.Argv, func(a string) bool { return path.Base(a) == name }):
		return root
	case slices.ContainsFunc(c.audit.Target.Install, func(d string) bool { return within(x.path, d) }):
		return own
	case c.itself(p, x, runs):
		return own
	case slices.Contains(shells, name) && !c.worthy(p, o), slices.Contains(helpers, name):
		return runtime
	case c.says.claims(m, wording.Watch) && !slices.Contains(carriers, name):
		return declared
	case c.byParent(p, runs):
		return child
	}
	return none
}

// itself reports whether a program is the server's own again: a fork or a worker.
func (c *court) itself(p *pass, x execution, runs []execution) bool {
	for _, r := range runs {
		if r.path == x.path && !within(x.path, "/tmp") {
			if name := path.Base(x.path); name != "node" && !strings.HasPrefix(name, "python") && !slices.Contains(shells, name) {
				return true
			}
			// An interpreter must run what belongs to the server.
			return len(x.argv) > 1 && !strings.HasPrefix(x.argv[1], "-") && c.classOf(p, p.resolve(x.argv[1], "", p.dir)) != inTemp
		}
	}
	return false
}

// byParent reports whether a well-known program, not the server, started it: git
// starts its parts, a package manager starts what it installed.
func (c *court) byParent(p *pass, runs []execution) bool {
	for _, r := range runs {
		if within(r.path, "/usr") && (aliases[r.program()] != "" || reads[r.program()] != nil) && !slices.Contains(shells, r.program()) {
			return true
		}
	}
	return false
}

// worthy reports whether a shell is more than a wrapper: nothing tells whether its
// text is the server's own, so only one that talks to the outside is.
func (c *court) worthy(_ *pass, o *sdk.Observation) bool {
	line := strings.Join(o.Argv, " ")
	return strings.Contains(line, "/dev/tcp/") || strings.Contains(line, "/dev/udp/") || slices.Contains(o.Argv, "-i")
}

// downloaded reports programs that came from the network, or from nowhere.
func (c *court) downloaded(p *pass, m moment, o *sdk.Observation, x execution, line string) bool {
	memory := inMemory.MatchString(o.Path) || strings.HasPrefix(strings.TrimSuffix(x.path, " (deleted)"), "/memfd:") || strings.HasPrefix(o.DirPath, "/memfd:")
	shell := slices.Contains(shells, path.Base(x.path))
	asked := m.call != nil && strings.Contains(p.asked[m.call.N].text, "| sh")
	switch {
	case shell && piped.MatchString(line) && !asked:
		c.execFinding(p, m, o, "AUD-X06", "", "runs what it downloads", "download into a shell")
	case memory:
		c.execFinding(p, m, o, "AUD-X06", "", "runs a program that is no file", "program in memory")
	case p.made[x.path] && c.fetched(p, m):
		c.execFinding(p, m, o, "AUD-X06", "", "runs "+x.path+", which it made after a download", x.path)
	default:
		return false
	}
	return true
}

// fetched reports whether something was received before, in the same call or
// outside of calls.
func (c *court) fetched(p *pass, m moment) bool {
	return slices.ContainsFunc(p.Net, func(f evidence.Flow) bool {
		return f.GotSize > 0 && f.At <= m.at && f.Proto != "unix" && !isResolver(&f) && p.when(f.At).tool() == m.tool()
	})
}

// loaded reports shared objects from places where none belong.
func (c *court) loaded(p *pass, o *sdk.Observation) {
	name := p.pathOf(o, p.dir)
	if o.Ret < 0 || !o.Access.Read || o.Access.Write || o.Access.Create || !library.MatchString(name) {
		return
	}
	switch k := c.classOf(p, name); k {
	case inTemp, inHome, inState, inRoot, inOther:
		m := p.when(o.MonoNS)
		if w := c.pathWhy(p, m, o, name, k, false); w == argument || w == declared || w == root && !p.made[name] {
			return
		}
		if k != inTemp && !p.made[name] && k != inHome {
			return
		}
		c.execFinding(p, m, o, "AUD-X04", "", "loads the shared object "+name, name)
	}
}

func (c *court) injected(p *pass, o *sdk.Observation) {
	if o.Ret < 0 && o.Errno != "EPERM" && o.Errno != "EACCES" || traceMe(o) {
		return
	}
	m := p.when(o.MonoNS)
	if c.says.claims(m, wording.Exec) && c.says.mentions(m, "debug") {
		c.note(m.tool(), "traces a process", declared)
		return
	}
	c.execFinding(p, m, o, "AUD-X04", "", "reaches into another process by "+o.Syscall, o.Syscall)
}

func traceMe(o *sdk.Observation) bool {
	return strings.Contains(o.Detail, "TRACEME")
}

// privileged reports attempts to gain rights. Browsers make namespaces for their
// own pages.
func (c *court) privileged(p *pass, o *sdk.Observation) {
	m := p.when(o.MonoNS)
	if runs := p.procs.chain(o.PID, o.MonoNS); len(runs) > 0 && regexpBrowser.MatchString(runs[0].program()) {
		c.note(m.tool(), o.Syscall, runtime)
		return
	}
	s := medium
	if o.Ret >= 0 && o.Errno == "" {
		if s = high; o.Syscall == "setuid" || o.Syscall == "setresuid" || o.Syscall == "capset" {
			s = low // it already was that user
		}
	}
	c.execFinding(p, m, o, "AUD-X05", s, "calls "+o.Syscall+", which is for privileged programs", o.Syscall)
}

var regexpBrowser = regexp.MustCompile(`^(?:chrom|headless_shell|firefox|bwrap|webkit|msedge)`)

// markers reports files that only come into being if an argument is executed.
func (c *court) markers(p *pass) {
	for _, call := range p.Calls {
		if call == nil || call.Marker == "" || !p.made[call.Marker] {
			continue
		}
		m := moment{phase: evidence.InCall, call: call, at: call.From}
		if c.says.claims(m, wording.Exec) && len(c.says.of(m).scopes) > 0 {
			if _, own := c.says.of(m).scopes[wording.Exec]; own {
				c.note(m.tool(), "executes an argument", declared)
				continue
			}
		}
		p.add(m, "executes", true)
		c.report(p, m, sdk.Finding{
			ID: "AUD-X02", Title: "executes what stands in an argument", Object: "argument of the case " + call.Case,
			Claim: c.says.denied(m, wording.Exec), Evidence: []string{fmt.Sprintf("the case %s asked for a file that then was there", call.Case)},
		})
	}
}
