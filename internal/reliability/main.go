// Command reliability does to a built sensor what machines, disks and attackers do to
// it, and prints for each of ten tests what was promised and what came of it.
//
// The short form takes about a minute; -long is the form before a release, which
// takes hours. It is not about speed: internal/bench is. Power cuts need root and
// ext4 on a loop device; what a machine cannot do is said, and fails where
// KILLDEER_REQUIRE names "reliability".
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/killdeer-mcp/killdeer/sdk/plugin"
)

// suite is one run.
type suite struct {
	dir    string // of all that the run writes
	binary string
	long   bool
}

// test is one line of the table. run returns what was measured, and an error when
// that does not meet the target.
type test struct {
	n            int
	name, target string
	run          func(*suite) (string, error)
}

// errUnable means that this machine cannot do a test.
var errUnable = errors.New("this machine cannot do it")

func main() {
	if plugin.Started() { // as a sink of the sensors under test
		serveSink()
		return
	}
	if err := errors.Join(alone(), run(os.Args[1:])); err != nil {
		fmt.Fprintln(os.Stderr, "reliability:", err)
		os.Exit(1)
	}
}

func run(args []string) (err error) {
	f := flag.NewFlagSet("reliability", flag.ContinueOnError)
	s := &suite{}
	f.StringVar(&s.binary, "binary", "dist/killdeer", "the sensor to test")
	f.BoolVar(&s.long, "long", false, "the form before a release, which takes hours")
	only := f.String("run", "", "tests to run, a regular expression over number and name")
	if err := f.Parse(args); err != nil {
		return err
	}
	pick, err := regexp.Compile(*only)
	if err != nil {
		return err
	}
	if s.binary, err = filepath.Abs(s.binary); err != nil {
		return err
	}
	if s.dir, err = os.MkdirTemp("", "killdeer-reliability-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(s.dir)) }()
	return s.all(pick)
}

// all runs the tests and prints the table as it grows.
func (s *suite) all(pick *regexp.Regexp) error {
	failed := 0
	fmt.Println("| # | test | target | result | |\n|---|---|---|---|---|")
	for _, t := range tests {
		if !pick.MatchString(fmt.Sprintf("%d %s", t.n, t.name)) {
			continue
		}
		began := time.Now()
		result, err := t.run(s)
		mark := "ok"
		switch {
		case errors.Is(err, errUnable) && !required():
			mark, result = "left out", err.Error()
		case err != nil:
			mark, failed = "FAILED", failed+1
			result = strings.ReplaceAll(strings.TrimPrefix(result+"; "+err.Error(), "; "), "\n", "; ")
		}
		fmt.Printf("| %d | %s | %s | %s (%v) | %s |\n", t.n, t.name, t.target, result, time.Since(began).Round(100*time.Millisecond), mark)
	}
	if failed > 0 {
		return fmt.Errorf("%d tests failed", failed)
	}
	return nil
}

func required() bool { return strings.Contains(os.Getenv("KILLDEER_REQUIRE"), "reliability") }

// pick is one value for the short form and one for the long.
func choose[T any](s *suite, short, long T) T {
	if s.long {
		return long
	}
	return short
}

// want is an error unless a condition holds.
func want(ok bool, format string, args ...any) error {
	if ok {
		return nil
	}
	return fmt.Errorf(format, args...)
}

var tests = []test{
	{1, "kill -9 under load", "0 acknowledged events lost, 0 gaps, check clean, ready < 2 s", (*suite).kills},
	{2, "power cut", "0 acknowledged events lost, start succeeds", (*suite).powerCuts},
	{3, "disk full", "answers p99 < 100 ms; sent = stored + counted; records again < 10 s", (*suite).fullDisk},
	{4, "sink down, then up", "all delivered in order, memory +< 20 MB, drain >= 10 000/s, other sink < 1 s behind", (*suite).sinkDown},
	{5, "plugin killed, stopped, shouting", "sensor runs on, median recovery < 2 s, no orphan 3 s after kill -9", (*suite).plugins},
	{6, "idle and dawdling connections", "memory < 400 MB, honest p99 < 250 ms, descriptors back to +5 % in 60 s", (*suite).crowd},
	{7, "fuzzing", "0 crashes", (*suite).fuzz},
	{8, "tampered packs", "at least 25, all refused with their code", (*suite).tampered},
	{9, "hostile guests", "calls end at their deadline, others are answered", (*suite).hostile},
	{10, "soak with reloads", "no request or connection dropped, memory and descriptors flat, disk <= cap + 1 segment", (*suite).soak},
}
