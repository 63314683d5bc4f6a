//go:build linux

package sandbox_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/killdeer-mcp/killdeer/audit/sandbox"
)

// TestSealed looks around from inside.
func TestSealed(t *testing.T) { each(t, testSealed) }

func testSealed(t *testing.T) {
	// What the caller was started with, and does not know of, must not get in.
	if err := unix.Dup3(0, 200, 0); err != nil {
		t.Fatal(err)
	}
	defer unix.Close(200)
	b := box(t, sandbox.Options{Mounts: []sandbox.Mount{self(t)}})
	tests := map[string]struct{ script, want string }{
		"no capabilities":    {"grep -E '^Cap(Inh|Prm|Eff|Bnd|Amb)' /proc/self/status | cut -f2 | sort -u", "0000000000000000\n"},
		"no new privileges":  {"grep NoNewPrivs /proc/self/status | cut -f2", "1\n"},
		"no tracer":          {"grep TracerPid /proc/self/status | cut -f2", "0\n"},
		"user":               {"id -u; id -un; echo $HOME; pwd; hostname", "1000\naudit\n/home/audit\n/home/audit/work\ndevbox\n"},
		"no host files":      {"ls -d /root /home/* /srv /mnt /media /boot /sys /var/lib /var/log /etc/shadow /etc/ssh /work 2>/dev/null; true", "/home/audit\n"},
		"root is closed":     {"touch /x /usr/x /etc/x /run/x /dev/x 2>/dev/null; ls /x /usr/x /etc/x /run/x /dev/x 2>/dev/null; true", ""},
		"no route changes":   {"ip link set lo down 2>/dev/null && echo done; ip route del local 0.0.0.0/0 table local 2>/dev/null && echo done; true", ""},
		"only loopback":      {"ls /proc/sys/net/ipv4/conf", "all\ndefault\nlo\n"},
		"no host processes":  {"for p in /proc/[0-9]*; do readlink $p/exe; done 2>/dev/null | grep -c /opt/probe; true", "0\n"},
		"no more namespaces": {"unshare -U true 2>/dev/null && echo done; true", ""},
		"no settings":        {"echo x > /proc/sys/kernel/core_pattern; true 2>/dev/null", ""},
		"descriptors":        {"ls /proc/self/fd | tr '\\n' ' '", "0 1 2 3 "}, // 3 is ls's own
		"limits":             {"grep -E '(processes|open files|core)' /proc/self/limits | tr -s ' ' | cut -d' ' -f4-5", "size 0\n512 processes\n4096 4096\n"},
		"canary":             {"grep -c 'OPENSSH PRIVATE KEY' ~/.ssh/id_rsa; ls -A ~ | tr '\\n' ' '", "2\n.aws .bash_history .bashrc .claude .config .cursor .docker .env .git-credentials .kube .netrc .npmrc .profile .pypirc .ssh .vault-token work "},
		"sockets":            {"test -S $SSH_AUTH_SOCK && test -S /var/run/docker.sock && echo both", "both\n"},
		"names of ours":      {"cat /proc/self/environ /proc/1/cmdline /etc/* 2>/dev/null | grep -aci kill'd'eer; true", "0\n"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			out := sh(t, b, tt.script)
			if name == "no settings" {
				out = "" // what the shell says is not the point: see below
			}
			if out != tt.want {
				t.Errorf("%s\ngot  %q\nwant %q", tt.script, out, tt.want)
			}
		})
	}
	if core, err := os.ReadFile("/proc/sys/kernel/core_pattern"); err == nil && strings.TrimSpace(string(core)) == "x" {
		t.Error("a kernel setting could be changed from inside")
	}
	if _, err := b.Command(sandbox.Launch{Argv: []string{"true"}, Env: []string{"A=\x00--bind\x00/\x00/host"}}); err == nil {
		t.Error("a variable may hold arguments of the sandbox")
	}
	if out, err := run(t, b, "/opt/probe", "probe", "escape"); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

// TestMounts shows folders of the host in each mode.
func TestMounts(t *testing.T) { each(t, testMounts) }

func testMounts(t *testing.T) {
	host := t.TempDir() // closed to the box's user: the folder above it is
	for name, content := range map[string]string{"server/index.js": "code", "copy/data.json": "{}", "copy/deep/x": "x"} {
		at := filepath.Join(host, name)
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(at, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("deep/x", filepath.Join(host, "copy/link")); err != nil {
		t.Fatal(err)
	}
	for to, from := range map[string]string{"copy/data.json": "one.json", "copy": "folder"} {
		if err := os.Symlink(to, filepath.Join(host, from)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(host, 0o700); err != nil {
		t.Fatal(err)
	}
	b := box(t, sandbox.Options{Mounts: []sandbox.Mount{
		{Source: filepath.Join(host, "server")},
		{Source: filepath.Join(host, "copy"), Target: "/opt/copy", Mode: sandbox.Copy},
		{Target: "/opt/root", Mode: sandbox.Fresh},
		{Source: filepath.Join(host, "server/index.js"), Target: "/opt/one.js"},
		{Source: filepath.Join(host, "one.json"), Target: "/opt/linked/one.json", Mode: sandbox.Copy},
		{Source: filepath.Join(host, "folder"), Target: "/opt/linked/folder", Mode: sandbox.Copy},
	}})
	if out := sh(t, b, "cat /opt/linked/one.json /opt/linked/folder/deep/x"); out != "{}x" {
		t.Errorf("behind links: %q", out)
	}
	got := sh(t, b, "cd "+host+"/server; cat index.js /opt/one.js; touch x 2>/dev/null; ls; cd /opt/copy; cat link; echo new > data.json; cat data.json; touch /opt/root/y && ls /opt/root")
	if want := "codecodeindex.js\nxnew\ny\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if old, err := os.ReadFile(filepath.Join(host, "copy/data.json")); err != nil || string(old) != "{}" {
		t.Errorf("the original is %q, %v", old, err)
	}
}

// TestIoUring asks for io_uring with and without the filter.
func TestIoUring(t *testing.T) {
	need(t)
	b := box(t, sandbox.Options{Mounts: []sandbox.Mount{self(t)}})
	argv := []string{"/opt/probe", "probe", "io_uring"}
	out, err := launch(t, b, sandbox.Launch{Argv: argv, DenyIoUring: true})
	if err != nil || out != "function not implemented\n" {
		t.Errorf("with the filter: %q, %v", out, err)
	}
	if out, err = launch(t, b, sandbox.Launch{Argv: argv}); err != nil || out == "function not implemented\n" {
		t.Logf("without the filter the kernel says the same: %q, %v", out, err)
	}
}

// TestCalls makes the calls that no namespace contains, with and without io_uring and
// below strace.
func TestCalls(t *testing.T) { each(t, testCalls) }

func testCalls(t *testing.T) {
	b := box(t, sandbox.Options{Mounts: []sandbox.Mount{self(t)}})
	const want = "aio function not implemented\nlistener operation not permitted\nfilter errno 0\n" +
		"keys function not implemented function not implemented function not implemented true\n" +
		"sockets address family not supported by protocol address family not supported by protocol <nil>\n"
	launches := map[string]sandbox.Launch{"plain": {}, "without io_uring": {DenyIoUring: true}}
	if at, err := exec.LookPath("strace"); err == nil {
		launches["below strace"] = sandbox.Launch{Prefix: []string{at, "-D", "-f", "--seccomp-bpf", "-e", "trace=%file,%network", "-o", "/dev/null", "--"}}
	}
	for name, l := range launches {
		l.Argv = []string{"/opt/probe", "probe", "calls"}
		if out, err := launch(t, b, l); err != nil || out != want {
			t.Errorf("%s: %v\ngot  %q\nwant %q", name, err, out, want)
		}
	}
}

// TestPrefix runs the box below another program, as a tracer does.
func TestPrefix(t *testing.T) { each(t, testPrefix) }

func testPrefix(t *testing.T) {
	need(t, "strace")
	b := box(t, sandbox.Options{})
	log := filepath.Join(b.TracerDir(), "log")
	if err := os.WriteFile(log, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := launch(t, b, sandbox.Launch{
		Prefix: []string{"/usr/bin/strace", "-D", "-f", "--seccomp-bpf", "--quiet=attach", "-e", "trace=%file", "-o", log, "--"},
		Argv:   []string{"/bin/sh", "-c", "grep TracerPid /proc/self/status; cat ~/.netrc > /dev/null"},
	})
	if err != nil || !strings.HasSuffix(out, "\t0\n") {
		t.Fatalf("%v: %s", err, out)
	}
	trace, err := os.ReadFile(log)
	if err != nil || !strings.Contains(string(trace), "/home/audit/.netrc") {
		t.Errorf("%v\n%s", err, trace)
	}
}

// TestBare is what is left of the box where none is wanted.
func TestBare(t *testing.T) {
	b, err := sandbox.New(t.Context(), sandbox.Options{Seed: "1", Pass: "A", NoSandbox: true})
	if err != nil {
		t.Fatal(err)
	}
	before, err := b.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	out, err := run(t, b, "sh", "-c", "pwd; cat ~/work/notes.txt; echo x >> ~/.bashrc; sleep 600 >/dev/null 2>&1 &")
	if err != nil || !strings.HasPrefix(out, b.Home()+"/work\n# Notes") {
		t.Errorf("%q, %v", out, err)
	}
	after, err := b.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	if d := sandbox.Diff(before, after); len(d) != 1 || d[0].Path != b.Home()+"/.bashrc" || string(d[0].Sample) != "x\n" {
		t.Errorf("changes %+v", d)
	}
	if left := b.Survivors(); len(left) != 1 || left[0] != "sleep 600" {
		t.Errorf("survivors %q", left)
	}
	if err := b.Close(); err != nil {
		t.Error(err)
	}
	if left := b.Survivors(); len(left) != 0 {
		t.Errorf("still there: %q", left)
	}
	if b.Describe() != "none" || len(b.Gaps()) != 1 {
		t.Errorf("described as %q with gaps %q", b.Describe(), b.Gaps())
	}
}

// TestDiscovered runs a runtime of this machine, wherever it is installed.
func TestDiscovered(t *testing.T) {
	need(t)
	for name, argv := range map[string][]string{
		"python3": {"python3", "-c", "import json, ssl; print(json.dumps(1))"},
		"node":    {"node", "-e", "console.log(1)"},
	} {
		t.Run(name, func(t *testing.T) {
			need(t, name)
			in, err := sandbox.Discover(argv, "/")
			if err != nil {
				t.Fatal(err)
			}
			b := box(t, sandbox.Options{Mounts: in.Mounts, Path: in.Path})
			if out, err := run(t, b, in.Argv...); err != nil || out != "1\n" {
				t.Errorf("%q with %+v: %q, %v", in.Argv, in.Mounts, out, err)
			}
		})
	}
}

// BenchmarkBox makes a box, which runs a command to prove itself, runs another
// and closes it.
func BenchmarkBox(b *testing.B) {
	for b.Loop() {
		box, err := sandbox.New(b.Context(), sandbox.Options{Seed: "1", Pass: "A"})
		if err != nil {
			b.Skip(err)
		}
		cmd, err := box.Command(sandbox.Launch{Argv: []string{"/usr/bin/true"}})
		if err != nil {
			b.Fatal(err)
		}
		if err := cmd.Run(); err != nil {
			b.Fatal(err)
		}
		if err := box.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
