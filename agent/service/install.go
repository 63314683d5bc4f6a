package service

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/killdeer-mcp/killdeer/packaging"
)

// Where an installation without a package puts things. The plugins are where the
// program seeks them, and the units where the operator's own are.
const (
	binDir     = "/usr/local/bin"
	pluginDir  = "/usr/local/libexec/killdeer"
	unitDir    = "/etc/systemd/system"
	sysusers   = "/etc/sysusers.d/killdeer.conf"
	tmpfiles   = "/etc/tmpfiles.d/killdeer.conf"
	configDir  = "/etc/killdeer"
	configFile = configDir + "/agent.toml"

	packagedUnit = "/usr/lib/systemd/system/killdeer.service"
	packagedBin  = "/usr/bin/killdeer"
)

// configGroup has each boot give the configuration to the group of the sensor.
const configGroup = "z " + configFile + " - - killdeer -\n"

// units are those that are installed.
var units = []string{"killdeer.service", "killdeer-activated.service", "killdeer-activated.socket"}

// stateDirs are what purging removes beside the configuration.
var stateDirs = []string{"/var/lib/killdeer", "/var/cache/killdeer", "/var/log/killdeer"}

// pluginNames begin the names of the plugins' programs. Packages of the sensor and
// folders lie beside it as well.
var pluginNames = []string{"killdeer-sink-", "killdeer-tracer-"}

// ErrPackaged means that a package has installed the service, which then only the
// package may change.
var ErrPackaged = errors.New("a package has installed the service: use the system's package tools")

// Installation is a sensor's service on a file system.
type Installation struct {
	Root    string    // "" for this machine; else nothing outside is touched, and nothing started
	Program string    // path of the program that is installed; plugins are beside it
	Out     io.Writer // one line for each step
	// Run runs a program of the system; it is called for this machine only.
	Run func(ctx context.Context, name string, args ...string) error
}

// Command runs a program of the system and says what it said if it fails.
func Command(ctx context.Context, name string, args ...string) error {
	out, err := exec.CommandContext(ctx, name, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w: %s", name, err, strings.TrimSpace(string(out)))
	}
	return nil
}

func (i *Installation) at(name string) string { return filepath.Join(i.Root, name) }

func (i *Installation) say(format string, args ...any) { fmt.Fprintf(i.Out, format+"\n", args...) }

// packaged reports whether a package's unit is there.
func (i *Installation) packaged() bool {
	_, err := os.Stat(i.at(packagedUnit))
	return err == nil
}

// Install copies the program and its plugins, makes user and configuration, and adds
// the units. It starts nothing. What the operator changed in the configuration stays.
// It may be repeated, which is how to upgrade.
func (i *Installation) Install(ctx context.Context) error {
	if i.packaged() {
		return ErrPackaged
	}
	for _, step := range []func(context.Context) error{i.confine, i.checkPlaces, i.copyPrograms, i.addUser, i.addConfig, i.addUnits} {
		if err := step(ctx); err != nil {
			return fmt.Errorf("install service: %w", err)
		}
	}
	return nil
}

// confine refuses a root in which a link leads out of it, to a place that is another
// system's.
func (i *Installation) confine(context.Context) error {
	root, err := filepath.EvalSymlinks(i.Root)
	if i.Root == "" || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, name := range append([]string{binDir, pluginDir, unitDir, path.Dir(sysusers), path.Dir(tmpfiles), configDir}, stateDirs...) {
		place, err := resolved(i.at(name))
		if err != nil {
			return err
		}
		if inside, err := filepath.Rel(root, place); err != nil || !filepath.IsLocal(inside) {
			return fmt.Errorf("%s leads to %s, which is not in %s", i.at(name), place, i.Root)
		}
	}
	return nil
}

// resolved is where a folder is, or the nearest one above it that exists.
func resolved(dir string) (string, error) {
	for {
		place, err := filepath.EvalSymlinks(dir)
		if !errors.Is(err, fs.ErrNotExist) || dir == filepath.Dir(dir) {
			return place, err
		}
		dir = filepath.Dir(dir)
	}
}

// checkPlaces looks at the files that are written over: a link among them is the
// operator's, such as that of a masked unit.
func (i *Installation) checkPlaces(context.Context) error {
	places := []string{sysusers, tmpfiles}
	for _, unit := range units {
		places = append(places, path.Join(unitDir, unit))
	}
	for _, name := range places {
		if info, err := os.Lstat(i.at(name)); err == nil && !info.Mode().IsRegular() {
			return fmt.Errorf("%s is no file of its own: remove it first, a masked unit with \"systemctl unmask\"", i.at(name))
		}
	}
	return nil
}

func (i *Installation) copyPrograms(context.Context) error {
	if err := i.copy(i.Program, path.Join(binDir, "killdeer")); err != nil {
		return err
	}
	beside, err := os.ReadDir(filepath.Dir(i.Program))
	if err != nil {
		return err
	}
	for _, p := range beside {
		isPlugin := func(begin string) bool { return strings.HasPrefix(p.Name(), begin) }
		if !p.Type().IsRegular() || !slices.ContainsFunc(pluginNames, isPlugin) {
			continue
		}
		if err := i.copy(filepath.Join(filepath.Dir(i.Program), p.Name()), path.Join(pluginDir, p.Name())); err != nil {
			return err
		}
	}
	return nil
}

func (i *Installation) copy(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	i.say("program   %s", to)
	return i.put(to, in, 0o755)
}

// put makes a file, under another name first: a program that is there may be running,
// and what a link leads to is not ours to write to. The file and the folders that it
// needs have their modes whatever the umask is.
func (i *Installation) put(name string, text io.Reader, mode fs.FileMode) error {
	if err := makeDir(filepath.Dir(i.at(name)), 0o755); err != nil {
		return err
	}
	draft := i.at(name) + ".new"
	if err := os.Remove(draft); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	out, err := os.OpenFile(draft, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, text)
	if err = errors.Join(err, out.Chmod(mode), out.Close()); err != nil {
		return errors.Join(err, os.Remove(draft))
	}
	return os.Rename(draft, i.at(name))
}

// makeDir makes a folder, and those above it with 0755. One that is there stays as it is.
func makeDir(dir string, mode fs.FileMode) error {
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := makeDir(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	if err := os.Mkdir(dir, mode); err != nil {
		return err
	}
	return os.Chmod(dir, mode)
}

func (i *Installation) addUser(ctx context.Context) error {
	text, err := packaging.Systemd.ReadFile("systemd/killdeer.sysusers")
	if err != nil {
		return err
	}
	if err := i.write(sysusers, text, 0o644); err != nil || i.Root != "" {
		return err
	}
	if err := i.Run(ctx, "systemd-sysusers", path.Base(sysusers)); err == nil {
		return nil
	}
	if i.Run(ctx, "getent", "passwd", "killdeer") == nil {
		return nil
	}
	return i.Run(ctx, "useradd", "--system", "--user-group", "--home-dir", stateDirs[0], "--shell", "/usr/sbin/nologin", "killdeer")
}

func (i *Installation) addConfig(ctx context.Context) error {
	for dir, mode := range map[string]fs.FileMode{configDir: 0o755, configDir + "/credentials": 0o700, configDir + "/trust.d": 0o755} {
		if err := makeDir(i.at(dir), mode); err != nil {
			return err
		}
	}
	if i.Root != "" {
		// Its user, whom the first boot makes, has no number yet.
		if err := i.write(tmpfiles, []byte(configGroup), 0o644); err != nil {
			return err
		}
	}
	if _, err := os.Lstat(i.at(configFile)); err == nil {
		i.say("kept      %s", configFile)
		return nil
	}
	if err := i.write(configFile, []byte(packaging.AgentTOML), 0o640); err != nil || i.Root != "" {
		return err
	}
	return i.Run(ctx, "chgrp", "killdeer", configFile)
}

func (i *Installation) addUnits(ctx context.Context) error {
	for _, unit := range units {
		text, err := packaging.Systemd.ReadFile("systemd/" + unit)
		if err != nil {
			return err
		}
		local := strings.ReplaceAll(string(text), "="+packagedBin+" ", "="+binDir+"/killdeer ")
		if err := i.write(path.Join(unitDir, unit), []byte(local), 0o644); err != nil {
			return err
		}
	}
	return i.systemctl(ctx, "daemon-reload")
}

func (i *Installation) write(name string, text []byte, mode fs.FileMode) error {
	i.say("file      %s", name)
	return i.put(name, bytes.NewReader(text), mode)
}

// systemctl talks to the service manager of this machine, if one runs.
func (i *Installation) systemctl(ctx context.Context, args ...string) error {
	if i.Root != "" || !Managed() {
		return nil
	}
	return i.Run(ctx, "systemctl", args...)
}

// Managed reports whether systemd runs this machine.
func Managed() bool {
	_, err := os.Stat("/run/systemd/system")
	return err == nil
}

// Uninstall stops the service and removes what Install brought, and with purge also
// the configuration and all that was recorded. The user stays, since files of his may
// lie elsewhere.
func (i *Installation) Uninstall(ctx context.Context, purge bool) error {
	if i.packaged() {
		return ErrPackaged
	}
	if err := i.confine(ctx); err != nil {
		return fmt.Errorf("uninstall service: %w", err)
	}
	// One that was never enabled is no fault.
	_ = i.systemctl(ctx, append([]string{"disable", "--now"}, units...)...)
	gone := []string{path.Join(binDir, "killdeer"), pluginDir, sysusers, tmpfiles}
	for _, unit := range units {
		gone = append(gone, path.Join(unitDir, unit))
	}
	if purge {
		gone = append(append(gone, configDir), stateDirs...)
	}
	for _, name := range gone {
		if _, err := os.Lstat(i.at(name)); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err := os.RemoveAll(i.at(name)); err != nil {
			return fmt.Errorf("uninstall service: %w", err)
		}
		i.say("removed   %s", name)
	}
	return i.systemctl(ctx, "daemon-reload")
}

// Unit is how a unit is.
type Unit struct {
	Name      string `json:"name"`
	Installed string `json:"installed,omitempty"` // the file; empty when there is none
	Active    string `json:"active,omitempty"`    // as systemctl says; empty without systemd
}

// Units tells how the units are.
func (i *Installation) Units(ctx context.Context) []Unit {
	list := make([]Unit, len(units))
	for n, name := range units {
		list[n].Name = name
		for _, dir := range []string{unitDir, path.Dir(packagedUnit)} {
			if _, err := os.Stat(i.at(path.Join(dir, name))); err == nil {
				list[n].Installed = path.Join(dir, name)
				break
			}
		}
		if i.Root == "" && Managed() {
			out, _ := exec.CommandContext(ctx, "systemctl", "is-active", name).Output() // its exit code says the same
			list[n].Active = strings.TrimSpace(string(out))
		}
	}
	return list
}
