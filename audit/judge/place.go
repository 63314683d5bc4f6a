package judge

import (
	"path"
	"slices"
	"strings"
)

// class is a sort of path.
type class string

const (
	inCanary  class = "canary"
	inSecrets class = "secret-store"
	inStart   class = "persistence"
	inAgents  class = "agent-socket"
	inConfig  class = "system-config"
	inRuntime class = "runtime"
	inInstall class = "install"
	inRoot    class = "root"
	inTemp    class = "temp"
	inProc    class = "proc"
	inState   class = "app-state" // caches and folders of the server's own
	inHome    class = "home"
	inOther   class = "other"
)

// secretPaths are where programs keep secrets, below a home. A slash at the end
// takes what is below.
var secretPaths = []string{
	".ssh/", ".aws/", ".netrc", ".env", ".kube/", ".docker/config.json", ".npmrc", ".pypirc", ".git-credentials",
	".config/gcloud/", ".config/gh/", ".azure/", ".gnupg/", ".password-store/", ".local/share/keyrings/", ".config/op/",
	".mozilla/", ".config/google-chrome/", ".config/chromium/", ".config/BraveSoftware/", ".thunderbird/", ".vault-token",
	".terraform.d/credentials.tfrc.json", ".cargo/credentials.toml", ".cargo/credentials", ".gem/credentials", ".config/hub",
	".bitcoin/", ".ethereum/", ".config/solana/", ".electrum/", ".bash_history", ".zsh_history", ".mysql_history",
	".psql_history", ".python_history", ".pgpass", ".my.cnf", ".s3cfg", ".config/rclone/", ".subversion/auth/", ".cursor/mcp.json",
	".config/Claude/claude_desktop_config.json", ".claude.json", ".claude/.credentials.json", ".codex/auth.json",
}

// secretRoots are those of the whole machine.
var secretRoots = []string{"/etc/shadow", "/etc/gshadow", "/etc/sudoers", "/etc/ssl/private/", "/root/.ssh/", "/var/run/secrets/", "/run/secrets/"}

// startPaths are files below a home that make something run later, or that tell
// other programs what to do.
var startPaths = []string{
	".bashrc", ".bash_profile", ".bash_login", ".bash_logout", ".profile", ".zshrc", ".zshenv", ".zprofile", ".zlogin", ".kshrc", ".xprofile",
	".xinitrc", ".xsession", ".inputrc", ".config/fish/", ".config/autostart/", ".config/systemd/", ".local/share/systemd/", ".config/environment.d/",
	".ssh/authorized_keys", ".ssh/config", ".ssh/rc", ".pam_environment", ".gitconfig", ".config/git/", ".config/pip/", ".pip/", ".npmrc", ".vimrc",
	".config/nvim/", ".emacs", ".tmux.conf", ".local/share/applications/", ".local/bin/", "bin/", ".forward", ".crontab",
	".cursor/", ".vscode/", ".config/Code/", ".claude.json", ".claude/", ".config/Claude/", ".codeium/", ".gemini/", ".codex/", ".continue/",
	".config/zed/", ".windsurf/", ".local/lib/python", ".pythonrc", ".pythonstartup", ".node_modules/", ".config/opencode/",
}

var startRoots = []string{
	"/etc/cron", "/var/spool/cron", "/var/spool/at", "/etc/systemd/", "/usr/lib/systemd/", "/lib/systemd/", "/run/systemd/", "/etc/profile", "/etc/bash.bashrc",
	"/etc/ld.so.preload", "/etc/ld.so.conf", "/etc/rc.local", "/etc/init.d/", "/etc/rc", "/etc/sudoers", "/etc/passwd", "/etc/shadow", "/etc/pam.d/",
	"/etc/udev/", "/etc/xdg/autostart/", "/etc/environment", "/etc/hosts", "/etc/modules", "/etc/apt/", "/root/.ssh/authorized_keys",
}

// startParts make something run wherever they lie.
var startParts = []string{"/.git/hooks/", "/.husky/", "/.vscode/tasks.json", "/.vscode/settings.json", "/.cursor/mcp.json", "/.mcp.json", "/.vscode/mcp.json", "/sitecustomize.py", "/usercustomize.py"}

// agentSockets take orders in their owner's name.
var agentSockets = []string{"/docker.sock", "/containerd.sock", "/podman.sock", "/crio.sock", "/S.gpg-agent", "/S.gpg-agent.ssh", "/keyring/ssh", "/ssh-agent", "/dbus/system_bus_socket"}

var (
	tempDirs    = []string{"/tmp", "/var/tmp", "/dev/shm", "/run/user"}
	procDirs    = []string{"/proc", "/sys", "/dev"}
	runtimeDirs = []string{
		"/usr", "/lib", "/lib64", "/lib32", "/bin", "/sbin", "/opt", "/nix/store", "/etc/ld.so.cache", "/etc/ld.so.preload", "/etc/ssl", "/etc/alternatives", "/etc/localtime", "/etc/timezone",
		"/etc/resolv.conf", "/etc/nsswitch.conf", "/etc/hosts", "/etc/host.conf", "/etc/gai.conf", "/etc/passwd", "/etc/group", "/etc/os-release", "/etc/services", "/etc/protocols",
		"/etc/mime.types", "/etc/python3", "/etc/gitconfig", "/etc/ca-certificates", "/etc/pki", "/etc/fonts", "/etc/magic", "/etc/terminfo", "/etc/lsb-release", "/etc/debian_version", "/etc/machine-id",
	}
	stateDirs = []string{".cache", ".npm", ".local/share", ".local/state", ".node_repl_history", ".pyenv", ".nvm", ".config/configstore", ".yarn", ".cargo/registry"}
)

// classOf sorts a path. What is planted or keeps secrets comes before where it
// lies: a folder named lib or cache hides nothing.
func (c *court) classOf(p *pass, name string) class {
	below := func(dirs ...string) bool {
		return slices.ContainsFunc(dirs, func(d string) bool { return within(name, d) })
	}
	inside, home := strings.CutPrefix(name, p.Home+"/")
	home = home && p.Home != ""
	switch {
	case p.sources[name] != "":
		return inCanary
	case c.isAgent(p, name):
		return inAgents
	case home && listed(secretPaths, inside), listed(secretRoots, name), isDotenv(name) && !below(c.audit.Target.Install...):
		return inSecrets
	case below(c.audit.Target.Install...):
		return inInstall
	case home && listed(startPaths, inside), partly(startParts, name):
		return inStart
	case below(tempDirs...):
		return inTemp
	case below(procDirs...):
		return inProc
	case p.dir != "" && p.dir != p.Home && below(p.dir), below(p.roots...):
		return inRoot
	case home && (listedDir(stateDirs, inside) || c.says.ownName(inside)):
		return inState
	case home || name == p.Home:
		return inHome
	case below(runtimeDirs...):
		return inRuntime
	case listed(startRoots, name), within(name, "/etc"), within(name, "/var/spool"):
		return inConfig
	}
	return inOther
}

// starts reports whether a write to a path makes something run later.
func (c *court) starts(p *pass, name string) bool {
	inside, home := strings.CutPrefix(name, p.Home+"/")
	return home && listed(startPaths, inside) || listed(startRoots, name) || partly(startParts, name)
}

func (c *court) isAgent(p *pass, name string) bool {
	for _, k := range p.canaries {
		if k.Kind == "socket" && k.Source == name {
			return true
		}
	}
	return slices.ContainsFunc(agentSockets, func(s string) bool { return strings.HasSuffix(name, s) }) ||
		strings.HasPrefix(name, "/tmp/ssh-") && strings.Contains(name, "/agent.")
}

func isDotenv(name string) bool {
	base := path.Base(name)
	return base == ".env" || strings.HasPrefix(base, ".env.") && base != ".env.example" && base != ".env.sample" && base != ".env.template"
}

// within reports whether name is dir or lies below it.
func within(name, dir string) bool {
	if dir == "/" {
		return true
	}
	return dir != "" && (name == dir || strings.HasPrefix(name, strings.TrimSuffix(dir, "/")+"/"))
}

// listed reports whether a path is one of a list, in which a slash, or no clean
// end at all, takes what follows.
func listed(list []string, name string) bool {
	return slices.ContainsFunc(list, func(l string) bool {
		if name == l || name+"/" == l {
			return true
		}
		open := strings.HasSuffix(l, "/") || l == "/etc/cron" || l == "/var/spool/cron" || l == "/etc/rc" || l == "/etc/profile" || l == ".local/lib/python" || l == ".env"
		return open && strings.HasPrefix(name, l)
	})
}

func listedDir(list []string, name string) bool {
	return slices.ContainsFunc(list, func(l string) bool { return within(name, l) })
}

func partly(list []string, name string) bool {
	return slices.ContainsFunc(list, func(l string) bool { return strings.Contains(name+"/", l) || strings.HasSuffix(name, l) })
}

// matches reports whether a policy's pattern takes a name. "~/" stands for home.
func matches(pattern, name, home string) bool {
	if rest, ok := strings.CutPrefix(pattern, "~/"); ok && home != "" {
		pattern = path.Join(home, rest)
	}
	if dir, ok := strings.CutSuffix(pattern, "/**"); ok {
		return within(name, dir)
	}
	if suffix, ok := strings.CutPrefix(pattern, "*."); ok {
		host, _, _ := strings.Cut(name, ":")
		if strings.HasSuffix(host, "."+suffix) || strings.HasSuffix(name, "."+suffix) {
			return true
		}
	}
	ok, err := path.Match(pattern, name)
	return err == nil && ok || pattern == name
}
