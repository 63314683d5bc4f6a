package agent

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/killdeer-mcp/killdeer/internal/wasm"
	"github.com/killdeer-mcp/killdeer/rules"
)

const (
	ruleSuffix  = ".toml"
	tomlGuest   = "rules-toml" // the built-in guest that runs rules written in TOML
	maxRuleFile = 1 << 20
)

// addPack loads what a name of rules.packs stands for: a built-in pack, a module,
// or rules in TOML.
func addPack(ctx context.Context, rt *wasm.Runtime, engine *rules.Engine, name string, limit int) error {
	if !strings.HasSuffix(name, ruleSuffix) {
		m, err := loadGuest(ctx, rt, name, limit)
		if err != nil {
			return err
		}
		return engine.Add(ctx, name, rules.FromModule(m))
	}
	config, err := readRules(name)
	if err != nil {
		return err
	}
	m, err := loadGuest(ctx, rt, tomlGuest, limit)
	if err != nil {
		return err
	}
	return engine.AddConfigured(ctx, name, rules.FromModule(m), config)
}

func readRules(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("open rules: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxRuleFile+1))
	if err != nil {
		return nil, fmt.Errorf("read rules: %w", err)
	}
	return rules.ParseTOML(file, text)
}
