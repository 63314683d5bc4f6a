package plugins

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

const (
	maxSecret = 64 << 10 // bytes of one secret
	maxConfig = 1 << 20  // of a sink's table with its secrets filled in
)

// resolveConfig returns a sink's table as JSON, with what its references name in
// their place: "cred:NAME" is a credential of the service manager, "file:PATH" a
// file, "env:NAME" a variable of the environment. A trailing newline is not part of
// a secret.
func resolveConfig(table map[string]any) ([]byte, error) {
	if table == nil {
		table = map[string]any{}
	}
	resolved, err := resolveValue("config", table)
	if err != nil {
		return nil, err
	}
	b, err := json.Marshal(resolved)
	if err != nil {
		return nil, fmt.Errorf("encode config: %w", err)
	}
	if len(b) > maxConfig {
		return nil, fmt.Errorf("config has %d bytes, at most %d", len(b), maxConfig)
	}
	return b, nil
}

func resolveValue(path string, v any) (any, error) {
	switch v := v.(type) {
	case string:
		s, err := resolveSecret(v)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		return s, nil
	case map[string]any:
		out := make(map[string]any, len(v))
		var faults error
		for k, inner := range v {
			r, err := resolveValue(path+"."+k, inner)
			faults = errors.Join(faults, err)
			out[k] = r
		}
		return out, faults
	case []any:
		return resolveList(path, v)
	case []map[string]any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = v[i]
		}
		return resolveList(path, list)
	}
	return v, nil
}

func resolveList(path string, list []any) (any, error) {
	out := make([]any, len(list))
	var faults error
	for i, inner := range list {
		r, err := resolveValue(fmt.Sprintf("%s[%d]", path, i), inner)
		faults = errors.Join(faults, err)
		out[i] = r
	}
	return out, faults
}

// Secret returns what a reference names, as sinks' tables may have them: "cred:NAME",
// "file:PATH", "env:NAME". Other text is its own. No error repeats a secret.
func Secret(reference string) (string, error) { return resolveSecret(reference) }

// resolveSecret returns what a string refers to, itself if it is no reference. No
// error repeats a secret.
func resolveSecret(s string) (string, error) {
	kind, name, _ := strings.Cut(s, ":")
	switch kind {
	case "cred":
		file, err := CredentialFile(name)
		if err != nil {
			return "", err
		}
		return readSecret(file)
	case "file":
		if !filepath.IsAbs(name) {
			return "", fmt.Errorf("secret file %q: want an absolute path", name)
		}
		return readSecret(name)
	case "env":
		v, ok := os.LookupEnv(name)
		if !ok {
			return "", fmt.Errorf("environment variable %q is not set", name)
		}
		return v, nil
	}
	return s, nil
}

// folderCredential begins the names of credentials that come out of a folder, as the
// unit's LoadCredential=killdeer:/etc/killdeer/credentials has it.
const folderCredential = "killdeer_"

// CredentialFile returns the file of a credential that the service manager handed
// over.
func CredentialFile(name string) (string, error) {
	dir := os.Getenv("CREDENTIALS_DIRECTORY")
	if dir == "" {
		return "", fmt.Errorf("credential %q: CREDENTIALS_DIRECTORY is not set: the service manager hands credentials over (LoadCredential=)", name)
	}
	if name == "" || name != filepath.Base(name) {
		return "", fmt.Errorf("credential %q: want a name without a path", name)
	}
	if file := filepath.Join(dir, folderCredential+name); isFile(file) {
		return file, nil
	}
	return filepath.Join(dir, name), nil
}

func isFile(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.Mode().IsRegular()
}

func readSecret(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("read secret: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", fmt.Errorf("read secret: %w", err)
	}
	if info.Mode().Perm()&0o007 != 0 {
		return "", fmt.Errorf("secret file %s is open to everybody: chmod o= it", path)
	}
	b, err := io.ReadAll(io.LimitReader(f, maxSecret+1))
	if err != nil {
		return "", fmt.Errorf("read secret: %w", err)
	}
	if len(b) > maxSecret {
		return "", fmt.Errorf("secret file %s has more than %d bytes", path, maxSecret)
	}
	return strings.TrimRight(string(b), "\r\n"), nil
}
