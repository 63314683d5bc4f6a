package service

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// makeFiles makes files with their folders below dir. A name that ends with a slash is a folder.
func makeFiles(t *testing.T, dir string, names ...string) {
	t.Helper()
	for _, name := range names {
		place := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(place), 0o755); err != nil {
			t.Fatal(err)
		}
		var err error
		if strings.HasSuffix(name, "/") {
			err = os.Mkdir(place, 0o755)
		} else {
			err = os.WriteFile(place, []byte(name), 0o755)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestInstalledModes(t *testing.T) {
	dir := t.TempDir()
	makeFiles(t, dir, "killdeer", "killdeer-sink-file")
	i := Installation{Root: filepath.Join(dir, "root"), Program: filepath.Join(dir, "killdeer"), Out: &bytes.Buffer{}}
	defer syscall.Umask(syscall.Umask(0o077))
	if err := i.Install(t.Context()); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]fs.FileMode{
		"/etc": 0o755, configDir: 0o755, configDir + "/credentials": 0o700, configDir + "/trust.d": 0o755,
		unitDir: 0o755, "/usr/local": 0o755, binDir: 0o755, pluginDir: 0o755,
		configFile: 0o640, tmpfiles: 0o644, sysusers: 0o644, unitDir + "/killdeer.service": 0o644,
		binDir + "/killdeer": 0o755, pluginDir + "/killdeer-sink-file": 0o755,
	} {
		info, err := os.Stat(i.at(name))
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v, want %v", name, info.Mode(), err, want)
		}
	}
}

func TestInstalledPlugins(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new[1]")
	makeFiles(t, dir, "killdeer", "killdeer-sink-file", "killdeer-tracer-strace", "killdeer-src/", "killdeer-sink-src/", "killdeer-1.0-1.x86_64.rpm")
	i := Installation{Root: filepath.Join(dir, "root"), Program: filepath.Join(dir, "killdeer"), Out: &bytes.Buffer{}}
	if err := i.Install(t.Context()); err != nil {
		t.Fatal(err)
	}
	got, err := filepath.Glob(filepath.Join(strings.ReplaceAll(i.at(pluginDir), "[", "\\["), "*"))
	if err != nil || len(got) != 2 || filepath.Base(got[0]) != "killdeer-sink-file" || filepath.Base(got[1]) != "killdeer-tracer-strace" {
		t.Errorf("installed %q, %v", got, err)
	}
}

// A masked unit is a link to where nobody wants a unit written.
func TestLinksAreRefused(t *testing.T) {
	dir := t.TempDir()
	makeFiles(t, dir, "killdeer", "mine", "root"+unitDir+"/")
	if err := os.Chmod(filepath.Join(dir, "mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	i := Installation{Root: filepath.Join(dir, "root"), Program: filepath.Join(dir, "killdeer"), Out: &bytes.Buffer{}}
	if err := os.Symlink(filepath.Join(dir, "mine"), i.at(unitDir+"/killdeer-activated.socket")); err != nil {
		t.Fatal(err)
	}
	if err := i.Install(t.Context()); err == nil || !strings.Contains(err.Error(), "systemctl unmask") {
		t.Errorf("a link in a unit's place: %v", err)
	}
	info, err := os.Stat(filepath.Join(dir, "mine"))
	if err != nil || info.Mode().Perm() != 0o600 || info.Size() != int64(len("mine")) {
		t.Errorf("what the link leads to was changed: %v, %v", info.Mode(), err)
	}
	if _, err := os.Lstat(i.at(binDir)); err == nil {
		t.Error("it was installed in part")
	}
}

// A folder of an image may be a link to one of this machine.
func TestImageIsConfined(t *testing.T) {
	dir := t.TempDir()
	makeFiles(t, dir, "killdeer", "outside/killdeer.conf", "root/usr/lib/local/", "root/etc/")
	i := Installation{Root: filepath.Join(dir, "root"), Program: filepath.Join(dir, "killdeer"), Out: &bytes.Buffer{}}
	for link, to := range map[string]string{"/usr/local": "lib/local", "/etc/sysusers.d": filepath.Join(dir, "outside")} {
		if err := os.Symlink(to, i.at(link)); err != nil {
			t.Fatal(err)
		}
	}
	for what, err := range map[string]error{"install": i.Install(t.Context()), "uninstall": i.Uninstall(t.Context(), true)} {
		if err == nil || !strings.Contains(err.Error(), "sysusers.d leads to") {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := os.Remove(i.at("/etc/sysusers.d")); err != nil {
		t.Fatal(err)
	}
	if err := i.Install(t.Context()); err != nil {
		t.Errorf("with a link that stays inside: %v", err)
	}
	if text, err := os.ReadFile(filepath.Join(dir, "outside/killdeer.conf")); err != nil || string(text) != "outside/killdeer.conf" {
		t.Errorf("a file outside is %q, %v", text, err)
	}
}

// The user of an image is made when it starts first; each boot hands the configuration over.
func TestImage(t *testing.T) {
	dir := t.TempDir()
	makeFiles(t, dir, "killdeer")
	i := Installation{Root: filepath.Join(dir, "root"), Program: filepath.Join(dir, "killdeer"), Out: &bytes.Buffer{}}
	if err := i.Install(t.Context()); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(i.at(tmpfiles))
	if err != nil || string(text) != "z /etc/killdeer/agent.toml - - killdeer -\n" {
		t.Errorf("tmpfiles: %q, %v", text, err)
	}
	if err := i.Uninstall(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	err = filepath.WalkDir(i.Root, func(name string, _ fs.DirEntry, err error) error {
		if strings.Contains(filepath.Base(name), "killdeer") {
			t.Errorf("%s is left", name)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
