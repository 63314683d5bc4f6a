package fetch

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// uv fetches a package of PyPI's into a virtual environment. Only wheels are taken:
// to build another one is to run its code.
func uv(ctx context.Context, w words, dir string) (*Package, error) {
	if at := strings.LastIndex(w.spec, "@"); at > 0 && !strings.Contains(w.spec, "://") { // name@1.0 of uvx
		if version := w.spec[at+1:]; version == "latest" {
			w.spec = w.spec[:at]
		} else {
			w.spec = w.spec[:at] + "==" + version
		}
	}
	env := filepath.Join(dir, "venv")
	if err := tool(ctx, dir, "uv", "venv", "--quiet", env); err != nil {
		return nil, err
	}
	err := tool(ctx, dir, "uv", "pip", "install", "--quiet", "--only-binary", ":all:", "--python", filepath.Join(env, "bin", "python"), "--", w.spec)
	if err != nil {
		return nil, fmt.Errorf("%w (only wheels are taken: to build a package is to run its code)", err)
	}
	name, _, _ := strings.Cut(specEnd.ReplaceAllString(w.spec, " "), " ")
	command := w.command
	if command == "" {
		command = name
	}
	script := filepath.Join(env, "bin", command)
	if !filepath.IsLocal(command) {
		return nil, fmt.Errorf("the command %q is none of a package", command)
	}
	if _, err := os.Stat(script); errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("package %s has no command %q: name it with --from %s", name, command, w.spec)
	}
	p := &Package{Name: name, Pinned: strings.Contains(w.spec, "=="), Argv: []string{filepath.Join(env, "bin", "python"), script}}
	p.Version = version(env, name)
	return p, nil
}

var (
	specEnd  = regexp.MustCompile(`[\[<>=!~;@\s]`)
	notAWord = regexp.MustCompile(`[-_.]+`)
)

// version is what the environment has of a package (PEP 376: NAME-VERSION.dist-info).
func version(env, name string) string {
	all, err := filepath.Glob(filepath.Join(env, "lib", "python*", "site-packages", "*.dist-info"))
	if err != nil {
		return "" // only for a bad pattern
	}
	for _, at := range all {
		found, v, ok := strings.Cut(strings.TrimSuffix(filepath.Base(at), ".dist-info"), "-")
		if ok && strings.EqualFold(notAWord.ReplaceAllString(found, "-"), notAWord.ReplaceAllString(name, "-")) {
			return v
		}
	}
	return ""
}
