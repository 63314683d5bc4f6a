package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// outcome is what "go test -json" says of tests.
type outcome struct{ passed, failed, skipped int }

// goTest runs tests of this module and counts them, subtests by themselves.
func goTest(args ...string) (o outcome, err error) {
	cmd := exec.Command("go", append([]string{"test", "-json"}, args...)...)
	out, err := cmd.Output()
	var last bytes.Buffer
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
		var e struct{ Action, Test, Output string }
		if json.Unmarshal(lines.Bytes(), &e) != nil {
			continue
		}
		if e.Action == "output" && (strings.Contains(e.Output, "FAIL") || strings.Contains(e.Output, "_test.go:")) {
			last.WriteString(e.Output)
		}
		if e.Test == "" {
			continue
		}
		switch e.Action {
		case "pass":
			o.passed++
		case "fail":
			o.failed++
		case "skip":
			o.skipped++
		}
	}
	if err != nil {
		err = fmt.Errorf("go test %s: %w: %s", strings.Join(args, " "), err, last.String())
	}
	return o, err
}

// fuzzed are the readers of hostile bytes: JSON-RPC, HTTP heads, PROXY headers,
// packs, configurations, segments.
var fuzzed = [][2]string{
	{"./agent/decoy", "FuzzParseBody"},
	{"./agent/decoy", "FuzzConn"},
	{"./agent/decoy", "FuzzRequest"},
	{"./agent/decoy", "FuzzProxyHeader"},
	{"./internal/pack", "FuzzPack"},
	{"./agent/config", "FuzzParse"},
	{"./agent/journal", "FuzzSealed"},
	{"./agent/journal", "FuzzDecodeRecord"},
}

// fuzz is test 7: the seeds, or ten minutes each.
func (s *suite) fuzz() (string, error) {
	each, ran := choose(s, "", "10m"), 0
	if t := os.Getenv("FUZZTIME"); t != "" {
		each = t
	}
	if each == "" {
		total := outcome{}
		for _, pkg := range []string{"./agent/decoy", "./internal/pack", "./agent/config", "./agent/journal"} {
			o, err := goTest("-run", "^Fuzz", pkg)
			total.passed += o.passed
			if err != nil {
				return "", err
			}
		}
		return fmt.Sprintf("seeds of %d targets and their corpora: no crash", total.passed), want(total.passed >= len(fuzzed), "targets are missing")
	}
	var faults []error
	for _, f := range fuzzed {
		if _, err := goTest("-run", "^$", "-fuzz", "^"+f[1]+"$", "-fuzztime", each, "-parallel", "1", f[0]); err != nil {
			faults = append(faults, err)
		}
		ran++
	}
	return fmt.Sprintf("%d targets, %s each, %d crashes", ran, each, len(faults)), errors.Join(faults...)
}

// tampered is test 8.
func (s *suite) tampered() (string, error) {
	o, err := goTest("-run", "^(TestTampered|TestEveryByte|TestClassesAreAllTested)$", "./internal/pack")
	return fmt.Sprintf("%d kinds of tampering and every byte of a pack, %d accepted", o.passed-3, o.failed), errors.Join(err, want(o.passed-3 >= 25, "too few"))
}

// hostile is test 9.
func (s *suite) hostile() (string, error) {
	times := choose(s, "1", "20")
	o, err := goTest("-count", times, "-run", "^(TestCallEndsAtItsDeadline|TestCallErrors|TestCallMemoryLimit|TestCallTableLimit|TestCallLogCap|TestManySourcesBesideASpinningGuest|TestCollectionBesideAGuestThatSpins)$", "./internal/wasm")
	return fmt.Sprintf("%d cases: loops, growth, recursion, floods, traps; %d beyond their bounds", o.passed, o.failed), errors.Join(err, want(o.passed >= 10, "too few"))
}
