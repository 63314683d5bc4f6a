package conformance_test

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// external names another server for the suites to look at, to tell a fault of
// this package from one of the sensor: what the go-sdk's everything-server passes
// is no fault of the harness.
const external = "KILLDEER_CONFORMANCE_URL"

func ours() bool { return os.Getenv(external) == "" }

// The official conformance suites pass against a sensor with this package's
// persona, whether its answers are JSON or event streams. Each run has a sensor of
// its own, with the limits that are the default for one source address.
func TestSuites(t *testing.T) {
	if testing.Short() {
		t.Skip("runs the conformance suites")
	}
	node, modules := installed(t)
	if !ours() {
		for _, r := range runs() {
			t.Run(r.name, func(t *testing.T) { r.check(t, node, modules, os.Getenv(external)) })
		}
		return
	}
	start := sensors(t)
	for _, framing := range []string{"json", "sse"} {
		for _, r := range runs() {
			if framing == "sse" {
				r.checks += r.streamed
			}
			t.Run(framing+"/"+r.name, func(t *testing.T) {
				url := endpoint(start(t, framing)) // before the others run: the first one compiles the guest for all
				t.Parallel()
				r.check(t, node, modules, url)
			})
		}
	}
}

// check runs a suite and reports what is amiss.
func (r run) check(t *testing.T, node, modules, url string) {
	t.Helper()
	began := time.Now()
	found, err := r.start(t.Context(), node, modules, url, t.TempDir())
	if err != nil {
		t.Error(err)
	}
	for _, fault := range r.faults(found, ours()) {
		t.Error(fault)
	}
	t.Logf("%s, took %v", r.summary(found), time.Since(began).Round(100*time.Millisecond))
}

// faults lists where what a suite found is not what it had to find. Of a strict
// run, nothing may be amiss: a warning is something that servers should do, and
// what was skipped was not looked at.
func (r run) faults(found map[string]scenario, strict bool) []string {
	var faults []string
	want := slices.Sorted(slices.Values(slices.Concat(r.asserted, r.reported)))
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(found))); diff != "" {
		faults = append(faults, "scenarios that ran (-want +got):\n"+diff)
	}
	passed := 0
	for _, name := range r.asserted {
		s, ok := found[name]
		if !ok {
			continue // the difference says so
		}
		passed += s.count(statusPassed)
		for _, fault := range s.faults(strict) {
			faults = append(faults, name+": "+fault)
		}
	}
	if strict && passed != r.checks {
		faults = append(faults, fmt.Sprintf("%d checks passed, want %d", passed, r.checks))
	}
	return faults
}

func (s scenario) faults(strict bool) []string {
	var faults []string
	if s.count(statusPassed) == 0 {
		faults = append(faults, "not one check passed")
	}
	for _, c := range s.checks {
		if c.Status == statusFailed || strict && (c.Status == statusWarned || c.Status == statusSkipped) {
			faults = append(faults, fmt.Sprintf("%s %s: %s: %s", c.Status, c.ID, c.Description, c.ErrorMessage))
		}
	}
	return faults
}

// summary is what a run found in numbers, and the outcome of each scenario that
// is reported only.
func (r run) summary(found map[string]scenario) string {
	total := map[string]int{}
	for _, name := range r.asserted {
		for _, status := range []string{statusPassed, statusFailed, statusWarned, statusSkipped} {
			total[status] += found[name].count(status)
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s: %d scenarios (%d required), %d checks passed, %d failed, %d warnings, %d skipped",
		r.release, strings.Join(r.args, " "), len(r.asserted), r.required, total[statusPassed], total[statusFailed], total[statusWarned], total[statusSkipped])
	for _, name := range r.reported {
		s := found[name]
		fmt.Fprintf(&b, "; not ours: %s %d passed, %d failed", name, s.count(statusPassed), s.count(statusFailed))
	}
	return b.String()
}
