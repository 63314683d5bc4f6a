package config

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/killdeer-mcp/killdeer/internal/tomltext"
)

const (
	maxPercent      = 100
	minBudget       = Duration(time.Second)
	maxBudget       = Duration(24 * time.Hour)
	minAuditTimeout = Duration(100 * time.Millisecond)
	maxAuditTimeout = Duration(time.Hour)
)

// Audit says how "killdeer audit" works where its command line does not. The sensor
// takes no notice of it.
type Audit struct {
	// Tracer is "strace", "ebpf", "auto" for the best that works here, or "none".
	// Default "auto".
	Tracer string `toml:"tracer"`
	// Sandbox seals the server from the machine and the network. Default true.
	Sandbox bool `toml:"sandbox"`
	// Depth is how many passes are made: "quick", "default" or "thorough". Default
	// "default".
	Depth string `toml:"depth"`
	// Budget is how long an audit may take, 1s to 24h. Default 5m.
	Budget Duration `toml:"budget"`
	// CallTimeout is how long one call may take, 100ms to 1h. Default 15s.
	CallTimeout Duration `toml:"call_timeout"`
	// FailOn is the severity from which a finding fails the audit: "info", "low",
	// "medium", "high", "critical" or "never". Default "high".
	FailOn string `toml:"fail_on"`
	// MinCoverage is how many of a hundred tools must succeed for a conclusive
	// audit, 0 to 100. Default 0: one is enough.
	MinCoverage int `toml:"min_coverage"`
	// Policy is the file that says what servers may do. Empty: none.
	Policy string `toml:"policy"`
	// Lock is the lock file, sought where the command runs. Default "mcp.lock".
	Lock string `toml:"lock"`
}

func defaultAudit() Audit {
	return Audit{
		Tracer: "auto", Sandbox: true, Depth: "default", Budget: Duration(5 * time.Minute), CallTimeout: Duration(15 * time.Second),
		FailOn: "high", Lock: "mcp.lock",
	}
}

func checkAudit(a *Audit, c *collector) {
	oneOf(c, "audit.tracer", a.Tracer, "auto", "strace", "ebpf", "none")
	oneOf(c, "audit.depth", a.Depth, "quick", "default", "thorough")
	oneOf(c, "audit.fail_on", a.FailOn, "never", "info", "low", "medium", "high", "critical")
	between(c, "audit.budget", a.Budget, minBudget, maxBudget)
	between(c, "audit.call_timeout", a.CallTimeout, minAuditTimeout, maxAuditTimeout)
	between(c, "audit.min_coverage", a.MinCoverage, 0, maxPercent)
	if a.Lock == "" {
		c.add("audit.lock", "must not be empty: name a file, which need not exist")
	}
}

// LoadAudit reads the table [audit] of the file at path, and asks nothing else of
// it: who audits a server may be none who could run the sensor. Its error is as that
// of [Load].
func LoadAudit(path string) (Audit, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return Audit{}, fmt.Errorf("find configuration %q: %w", path, err)
	}
	data, err := readFile(abs)
	if err != nil {
		return Audit{}, fmt.Errorf("read configuration: %w", err)
	}
	if len(data) > maxFile {
		return Audit{}, Faults{{File: path, Msg: fmt.Sprintf("larger than %v", Size(maxFile))}}
	}
	tree, lines, err := tomltext.Parse(string(data))
	if se, ok := errors.AsType[*tomltext.SyntaxError](err); ok {
		return Audit{}, Faults{{File: path, Line: se.Line, Msg: se.Msg}}
	}
	cfg, faults := blank(), newCollector(path, lines)
	if table, ok := tree["audit"]; ok {
		(&decoder{faults}).decode(map[string]any{"audit": table}, cfg)
	}
	cfg.Audit.Policy = resolve(filepath.Dir(abs), cfg.Audit.Policy)
	checkAudit(&cfg.Audit, faults)
	return cfg.Audit, faults.err()
}

// Check says what is wrong with the values, in the words of the command line: the
// flags of "killdeer audit" have the names of the keys.
func (a *Audit) Check() error {
	c := newCollector("", nil)
	checkAudit(a, c)
	if len(c.faults) == 0 {
		return nil
	}
	lines := make([]string, len(c.faults))
	for i, f := range c.faults {
		flag := strings.ReplaceAll(strings.TrimPrefix(f.Key, "audit."), "_", "-")
		lines[i] = "--" + flag + ": " + f.Msg
	}
	return errors.New(strings.Join(lines, "\n"))
}
