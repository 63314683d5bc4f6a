package audit

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/killdeer-mcp/killdeer/audit/evidence"
	"github.com/killdeer-mcp/killdeer/sdk"
)

// What is written of an audit besides its report.
const (
	manifestFile     = "manifest.json"
	observationsFile = "observations.jsonl"
)

// writeGathered keeps the lists of the first pass, and what the tracer saw of all.
// Payloads are left out: they may hold what was planted.
func writeGathered(dir string, a *evidence.Audit) error {
	var cat evidence.Catalog
	for _, p := range a.Passes {
		if len(p.Catalog) > 0 {
			cat = p.Catalog[0]
			break
		}
	}
	err := writeTo(filepath.Join(dir, manifestFile), func(w io.Writer) error {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(map[string][]sdk.RawJSON{
			"tools": orNone(cat.Tools), "resources": orNone(cat.Resources), "resourceTemplates": orNone(cat.Templates), "prompts": orNone(cat.Prompts),
		})
	})
	if err != nil {
		return err
	}
	return writeTo(filepath.Join(dir, observationsFile), func(w io.Writer) error {
		e := json.NewEncoder(w)
		for _, p := range a.Passes {
			for _, o := range p.Observations {
				o.Data = nil
				if err := e.Encode(o); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

func orNone(list []sdk.RawJSON) []sdk.RawJSON {
	if list == nil {
		return []sdk.RawJSON{}
	}
	return list
}

func writeTo(name string, write func(io.Writer) error) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("keep what was gathered: %w", err)
	}
	w := bufio.NewWriter(f)
	if err := errors.Join(write(w), w.Flush(), f.Close()); err != nil {
		return fmt.Errorf("keep what was gathered: %w", err)
	}
	return nil
}
