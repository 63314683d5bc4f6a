package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/killdeer-mcp/killdeer/audit/evidence"
	"github.com/killdeer-mcp/killdeer/audit/lock"
	"github.com/killdeer-mcp/killdeer/audit/policy"
	"github.com/killdeer-mcp/killdeer/audit/report"
)

// The formats of a report. The first is for people.
var auditFormats = []string{"terminal", "json", "sarif", "html"}

// What --learn and --out write into their folders.
const (
	learnedPolicy  = "audit.toml"
	learnedProfile = "toolhive.json"
	reportFile     = "report.json"
)

const plainWidth = 120 // characters of a line where nothing says how many there are

func defaultWidth() int {
	if n, err := strconv.Atoi(os.Getenv("COLUMNS")); err == nil && n > 0 {
		return n
	}
	return plainWidth
}

// checkOutputs wants at most one format for programs on standard output.
func (f *auditFlags) checkOutputs() error {
	machine := 0
	for i, format := range f.formats {
		if err := oneOf("--format", format, auditFormats); err != nil {
			return err
		}
		if format == "" || slices.Index(f.formats, format) < i {
			return fmt.Errorf("--format: %q twice, or empty", format)
		}
		if format != auditFormats[0] {
			machine++
		}
	}
	if machine > 1 && f.output == "" {
		return errors.New("--format: of several formats for programs standard output takes one: name files with --output")
	}
	return nil
}

// write writes a report in all formats. Standard output has one of them alone: the
// terminal's goes to standard error beside another one there.
func (f *auditFlags) write(cmd *cobra.Command, r *evidence.Report, place report.Place) error {
	f.locate(&place)
	for _, format := range f.formats {
		text, err := f.render(format, r, place)
		if err != nil {
			return err
		}
		if file := f.file(format); file != "" {
			err = os.WriteFile(file, text, 0o644)
		} else if format == auditFormats[0] && len(f.formats) > 1 && f.output == "" {
			_, err = cmd.ErrOrStderr().Write(text)
		} else {
			_, err = cmd.OutOrStdout().Write(text)
		}
		if err != nil {
			return fmt.Errorf("write report: %w", err)
		}
	}
	return f.writeOut(r)
}

// file is where a format is written to, or "" for a standard stream.
func (f *auditFlags) file(format string) string {
	machine := len(f.formats)
	if slices.Contains(f.formats, auditFormats[0]) {
		machine--
	}
	switch {
	case f.output == "" || format == auditFormats[0] && machine > 0:
		return ""
	case machine > 1:
		return f.output + "." + format
	}
	return f.output
}

func (f *auditFlags) render(format string, r *evidence.Report, place report.Place) ([]byte, error) {
	var b bytes.Buffer
	var err error
	switch format {
	case "json":
		err = report.JSON(&b, r)
	case "sarif":
		err = report.SARIF(&b, r, place)
	case "html":
		err = report.HTML(&b, r)
	default:
		err = report.Terminal(&b, r, f.width, f.colour())
	}
	return b.Bytes(), err
}

// colour is for people who see it: a terminal, and no wish against it.
func (f *auditFlags) colour() bool {
	info, err := os.Stdout.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0 && !f.noColour && os.Getenv("NO_COLOR") == "" && f.output == ""
}

// locate finds the lines of a lock that findings are shown at.
func (f *auditFlags) locate(place *report.Place) {
	if place.File != f.settings.Lock {
		return
	}
	place.File = relative(place.File)
	info, err := os.Stat(f.settings.Lock)
	if err != nil || info.Size() > lock.MaxFile {
		return
	}
	if text, err := os.ReadFile(f.settings.Lock); err == nil {
		place.Line = func(tool string) int { return lock.Line(text, f.name, tool) }
	}
}

func (f *auditFlags) writeOut(r *evidence.Report) error {
	if f.out == "" {
		return nil
	}
	if err := os.MkdirAll(f.out, 0o700); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	var b bytes.Buffer
	if err := report.JSON(&b, r); err != nil {
		return err
	}
	return writeFile(filepath.Join(f.out, reportFile), b.Bytes())
}

// writeFile says in an error what was written.
func writeFile(name string, text []byte) error {
	if err := os.WriteFile(name, text, 0o600); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return nil
}

// checkLearn refuses to write over a policy: somebody may have worked on it.
func (f *auditFlags) checkLearn() error {
	if f.learn == "" {
		return nil
	}
	for _, name := range []string{learnedPolicy, learnedProfile} {
		if _, err := os.Lstat(filepath.Join(f.learn, name)); !errors.Is(err, os.ErrNotExist) {
			return &usageError{&hinted{fmt.Errorf("--learn: %s is there already", filepath.Join(f.learn, name)), "move it away, or name another folder"}}
		}
	}
	return nil
}

func (f *auditFlags) writeLearned(r *evidence.Report) error {
	if f.learn == "" {
		return nil
	}
	if !r.Coverage.Observed {
		return errors.New("--learn: behaviour was not observed, there is nothing to learn")
	}
	learned := policy.Learn(r.Seen)
	profile, err := policy.ToolHive(f.name, learned)
	if err == nil {
		err = os.MkdirAll(f.learn, 0o755)
	}
	if err == nil {
		err = create(filepath.Join(f.learn, learnedPolicy), policy.Format(learned))
	}
	if err == nil {
		err = create(filepath.Join(f.learn, learnedProfile), profile)
	}
	if err != nil {
		return fmt.Errorf("write what was learnt: %w", err)
	}
	return nil
}

// create writes a file that is not there yet.
func create(name string, text []byte) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, bytes.NewReader(text))
	return errors.Join(err, f.Close())
}
