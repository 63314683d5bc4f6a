package fetch

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// maxJSON is the largest package.json or package-lock.json that is read.
const maxJSON = 32 << 20

// npm fetches a package of npm's. Its own and others' scripts do not run.
func npm(ctx context.Context, w words, dir string) (*Package, error) {
	spec := w.spec
	local := filepath.IsAbs(spec) || strings.HasPrefix(spec, "./") || strings.HasPrefix(spec, "../")
	if at, err := filepath.Abs(spec); err == nil && local && isFolder(at) {
		spec = at
	}
	err := tool(ctx, dir, "npm", "install", "--prefix", dir, "--ignore-scripts", "--install-links", "--no-audit", "--no-fund", "--no-update-notifier", "--save", "--", spec)
	if err != nil {
		return nil, err
	}
	name, err := installed(dir)
	if err != nil {
		return nil, err
	}
	p := &Package{Movable: true, Name: name, Pinned: pinnedNPM.MatchString(w.spec)}
	if err := p.readLock(filepath.Join(dir, "package-lock.json")); err != nil {
		return nil, err
	}
	p.Argv, err = entry(filepath.Join(dir, "node_modules", filepath.FromSlash(name)), name, w.command)
	return p, err
}

var pinnedNPM = regexp.MustCompile(`^(?:@[^/@]+/)?[^/@]+@\d+\.\d+\.\d+[\w.+-]*$`)

func isFolder(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.IsDir()
}

// installed is the name of the package that was asked for.
func installed(dir string) (string, error) {
	var p struct{ Dependencies map[string]string }
	if err := readJSON(filepath.Join(dir, "package.json"), &p); err != nil {
		return "", err
	}
	for name := range p.Dependencies {
		if len(p.Dependencies) == 1 && filepath.IsLocal(filepath.FromSlash(name)) {
			return name, nil
		}
	}
	return "", fmt.Errorf("npm installed %d packages where one was asked for", len(p.Dependencies))
}

// readLock takes the version, and which packages have scripts.
func (p *Package) readLock(file string) error {
	var lock struct {
		Packages map[string]struct {
			Version          string
			Integrity        string
			HasInstallScript bool
		}
	}
	if err := readJSON(file, &lock); err != nil {
		return err
	}
	own := lock.Packages["node_modules/"+p.Name]
	p.Version, p.Integrity = own.Version, own.Integrity
	for _, at := range slices.Sorted(maps.Keys(lock.Packages)) {
		if lock.Packages[at].HasInstallScript {
			name := at[strings.LastIndex(at, "node_modules/")+len("node_modules/"):]
			p.Scripts = append(p.Scripts, name+"@"+lock.Packages[at].Version)
		}
	}
	return nil
}

// entry is what a package's command runs.
func entry(dir, name, command string) ([]string, error) {
	var p struct{ Bin json.RawMessage }
	if err := readJSON(filepath.Join(dir, "package.json"), &p); err != nil {
		return nil, err
	}
	file, err := pick(p.Bin, path.Base(name), command)
	if err != nil {
		return nil, fmt.Errorf("package %s: %w", name, err)
	}
	if !filepath.IsLocal(filepath.FromSlash(file)) {
		return nil, fmt.Errorf("package %s: its command %q lies outside of it", name, file)
	}
	at := filepath.Join(dir, filepath.FromSlash(file))
	ofNode, err := runsNode(at)
	if err != nil {
		return nil, fmt.Errorf("package %s: %w", name, err)
	}
	if !ofNode {
		return []string{at}, nil
	}
	node, err := exec.LookPath("node")
	if err != nil {
		return nil, fmt.Errorf("start package %s: %w", name, err)
	}
	return []string{node, at}, nil
}

// pick chooses among a package's commands, as npx does.
func pick(bin json.RawMessage, own, command string) (string, error) {
	var one string
	if json.Unmarshal(bin, &one) == nil && one != "" {
		return one, nil
	}
	var all map[string]string
	if len(bin) == 0 || json.Unmarshal(bin, &all) != nil || len(all) == 0 {
		return "", errors.New("it has no command to run")
	}
	if command == "" {
		command = own
	}
	if file, ok := all[command]; ok {
		return file, nil
	}
	files := slices.Compact(slices.Sorted(maps.Values(all)))
	if len(files) == 1 {
		return files[0], nil
	}
	return "", fmt.Errorf("it has no command %q, but %s", command, strings.Join(slices.Sorted(maps.Keys(all)), ", "))
}

// runsNode reports whether a file is a script for Node.
func runsNode(file string) (bool, error) {
	f, err := os.Open(file)
	if err != nil {
		return false, fmt.Errorf("open its command: %w", err)
	}
	defer f.Close()
	first, err := bufio.NewReader(io.LimitReader(f, 256)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return false, fmt.Errorf("read its command: %w", err)
	}
	if strings.HasPrefix(first, "#!") {
		return strings.Contains(first, "node"), nil
	}
	return slices.Contains([]string{".js", ".mjs", ".cjs"}, filepath.Ext(file)), nil
}

func readJSON(file string, into any) error {
	f, err := os.Open(file)
	if err != nil {
		return fmt.Errorf("read what npm wrote: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxJSON+1))
	if err == nil && len(b) > maxJSON {
		err = fmt.Errorf("larger than %d MiB", maxJSON>>20)
	}
	if err == nil {
		err = json.Unmarshal(b, into)
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", file, err)
	}
	return nil
}
