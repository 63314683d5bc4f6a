// Command stage writes what a package holds beside the programs: the manual, the
// list of changes, and the licences of all that is linked into the programs.
//
// What it writes depends on the sources alone, so that a package can be made again,
// byte for byte. It makes no package: nfpm does.
package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/killdeer-mcp/killdeer/agent/config"
	"github.com/killdeer-mcp/killdeer/packaging"
)

func main() {
	dir := flag.String("o", "dist/package", "folder to write to")
	version := flag.String("version", "0", "of the package")
	at := flag.Int64("time", 0, "of the package, in seconds since 1970")
	flag.Parse()
	if err := stage(*dir, *version, time.Unix(*at, 0).UTC(), flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "stage:", err)
		os.Exit(1)
	}
}

// stage writes everything for programs made of packages.
func stage(dir, version string, at time.Time, packages []string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	changes, err := os.ReadFile("CHANGELOG.md")
	if err != nil {
		return err
	}
	licences, err := licences(packages)
	if err != nil {
		return err
	}
	settings := config.Explanations(packaging.AgentTOML)
	return errors.Join(
		zipped(filepath.Join(dir, "killdeer.1.gz"), []byte(packaging.Manual)),
		zipped(filepath.Join(dir, "killdeer-agent.toml.5.gz"), manual(settings)),
		zipped(filepath.Join(dir, "changelog.gz"), changelog(string(changes), version, at)),
		zipped(filepath.Join(dir, "licenses.gz"), licences),
		os.WriteFile(filepath.Join(dir, "copyright"), []byte(copyright), 0o644),
	)
}

// zipped writes a compressed file without a time or a name in it.
func zipped(file string, text []byte) error {
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return err
	}
	if _, err := w.Write(text); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	return os.WriteFile(file, b.Bytes(), 0o644)
}

// changeWidth is how long lines in Debian's list of changes may be.
const changeWidth = 80

const copyright = `Killdeer: https://github.com/killdeer-mcp/killdeer
Copyright (c) 2026 the Killdeer authors
License: Apache-2.0, see /usr/share/common-licenses/Apache-2.0

The programs contain modules of others; licenses.gz beside this file has their licences.
`

// changelog makes one entry in Debian's form of all that is listed, which packages
// of other kinds carry as well.
func changelog(text, version string, at time.Time) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "killdeer (%s) unstable; urgency=medium\n\n", version)
	for item := range strings.SplitSeq(text, "\n- ") {
		if strings.HasPrefix(item, "[") {
			item, _, _ = strings.Cut(item, "\n\n")
			wrap(&b, strings.Fields(item))
		}
	}
	fmt.Fprintf(&b, "\n -- Killdeer maintainers <maintainers@killdeer.invalid>  %s\n", at.Format(time.RFC1123Z))
	return b.Bytes()
}

// wrap writes the words of one item in lines of at most changeWidth bytes.
func wrap(b *bytes.Buffer, words []string) {
	line := "  *"
	for _, w := range words {
		if len(line)+1+len(w) > changeWidth {
			b.WriteString(line + "\n")
			line = "   "
		}
		line += " " + w
	}
	b.WriteString(line + "\n")
}

// manual is the page of the configuration, in mdoc.
func manual(settings []config.Explanation) []byte {
	var b bytes.Buffer
	b.WriteString(".Dd November 21, 2026\n.Dt KILLDEER-AGENT.TOML 5\n.Os Killdeer\n.Sh NAME\n.Nm agent.toml\n.Nd configuration of a Killdeer sensor\n" +
		".Sh DESCRIPTION\nOne TOML file.\nAn unknown key or a value that cannot work is an error, and nothing starts.\n" +
		"Relative paths start at the file's folder.\nThe values below are those of an installed sensor.\n.Sh SETTINGS\n.Bl -tag -width Ds\n")
	for _, s := range settings {
		fmt.Fprintf(&b, ".It %s\n", escaped(s.Key+" = "+s.Value))
		for line := range strings.Lines(s.Text) {
			b.WriteString(escaped(strings.TrimSuffix(line, "\n")) + "\n")
		}
	}
	b.WriteString(".El\n.Sh SEE ALSO\n.Xr killdeer 1\n")
	return b.Bytes()
}

// escaped is text that roff takes as it stands.
func escaped(s string) string {
	return `\&` + strings.NewReplacer(`\`, `\e`, `"`, `\(dq`, "-", `\-`).Replace(s)
}

// licences lists the modules that are linked into programs, with their licences.
func licences(packages []string) ([]byte, error) {
	list := exec.Command("go", append([]string{"list", "-deps", "-json=Module,Standard"}, packages...)...)
	list.Stderr = os.Stderr
	out, err := list.Output()
	if err != nil {
		return nil, fmt.Errorf("list modules: %w", err)
	}
	dirs := map[string]string{}
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p struct {
			Module *struct{ Path, Version, Dir string }
		}
		if err := d.Decode(&p); err == io.EOF {
			break
		} else if err != nil {
			return nil, fmt.Errorf("list modules: %w", err)
		}
		if p.Module != nil && p.Module.Version != "" {
			dirs[p.Module.Path+" "+p.Module.Version] = p.Module.Dir
		}
	}
	var b bytes.Buffer
	var modules []string
	for m := range dirs {
		modules = append(modules, m)
	}
	slices.Sort(modules)
	b.WriteString("The programs contain these modules.\n")
	for _, m := range modules {
		if err := licence(&b, m, dirs[m]); err != nil {
			return nil, err
		}
	}
	return b.Bytes(), nil
}

// licence adds one module's files.
func licence(b *bytes.Buffer, module, dir string) error {
	var found []string
	for _, pattern := range []string{"LICENSE*", "LICENCE*", "COPYING*", "NOTICE*"} {
		files, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			return err
		}
		found = append(found, files...)
	}
	if len(found) == 0 {
		return fmt.Errorf("module %s has no licence in %s", module, dir)
	}
	fmt.Fprintf(b, "\n==== %s\n", module)
	for _, file := range found {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		fmt.Fprintf(b, "\n%s\n", bytes.TrimSpace(text))
	}
	return nil
}
