package main

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// patience is how long a script waits for what has to happen.
const patience = 60 * time.Second

// TestScript runs the transcripts in testdata. In their *.toml files $ENTERPRISE,
// $CORE and $HOSTILE stand for guests, $CACHE for where they are compiled and $WORK
// for the folder.
func TestScript(t *testing.T) {
	buildGuests(t)
	// The first script compiles the guests; the others find them in the cache.
	run := func(t *testing.T, files ...string) {
		testscript.Run(t, testscript.Params{
			Files:     files,
			Setup:     setup,
			Condition: condition,
			Cmds: map[string]func(*testscript.TestScript, bool, []string){
				"exits": exits, "until": until, "ready": ready, "jsonlines": jsonLines, "stopwatch": stopwatch, "unhex": unhex,
			},
		})
	}
	const first = "testdata/run.txtar"
	rest, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	rest = slices.DeleteFunc(rest, func(file string) bool { return file == first })
	t.Run("first", func(t *testing.T) { run(t, first) })
	t.Run("rest", func(t *testing.T) { run(t, rest...) })
}

func setup(env *testscript.Env) error {
	vars := map[string]string{
		"ENTERPRISE": shared.enterprise, "CORE": shared.core, "HOSTILE": shared.hostile, "CACHE": shared.cache, "WORK": env.WorkDir,
	}
	files, err := filepath.Glob(filepath.Join(env.WorkDir, "*.toml"))
	if err != nil {
		return err
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		expanded := os.Expand(string(text), func(name string) string { return vars[name] })
		if strings.Contains(expanded, "127.0.0.1:0") && !strings.Contains(expanded, "dashboard") {
			expanded += "\n[dashboard]\nlisten = \"\"\n" // scripts run beside each other
		}
		if err := os.WriteFile(file, []byte(expanded), 0o600); err != nil {
			return err
		}
	}
	env.Setenv("ENTERPRISE", shared.enterprise)
	env.Setenv("CORE", shared.core)
	env.Setenv("HOSTILE", shared.hostile)
	env.Setenv("GORACE", "atexit_sleep_ms=10")
	return nil
}

// condition knows [root]; [bare], which means no built-in guests in this binary;
// and [installed], which means that this machine has a configuration of its own.
func condition(name string) (bool, error) {
	switch name {
	case "root":
		return os.Geteuid() == 0, nil
	case "installed":
		_, err := os.Stat(systemConfig)
		return err == nil, nil
	case "bare":
		built, err := filepath.Glob("../../internal/guests/bin/*.wasm")
		return len(built) == 0, err
	}
	return false, fmt.Errorf("unknown condition %q", name)
}

// exits runs a program and wants its exit code: exits CODE PROGRAM [ARG...].
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM [ARG...]")
	}
	err := ts.Exec(args[1], args[2:]...)
	code := 0
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		code = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if strconv.Itoa(code) != args[0] {
		ts.Fatalf("exit code %d, want %s", code, args[0])
	}
}

// until runs a program again and again until it prints what matches a pattern:
// until PATTERN PROGRAM [ARG...].
func until(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: until PATTERN PROGRAM [ARG...]")
	}
	pattern, err := regexp.Compile("(?m)" + args[0])
	ts.Check(err)
	var out string
	poll(ts, func() bool {
		cmd := exec.Command(args[1], args[2:]...)
		cmd.Dir = ts.MkAbs(".")
		text, _ := cmd.CombinedOutput()
		out = string(text)
		return pattern.MatchString(out)
	}, func() string { return "the last output was\n" + out })
	fmt.Fprint(ts.Stdout(), out)
}

// ready waits for a sensor's banner in a file and sets $URL and $SSE.
func ready(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: ready FILE")
	}
	banner := regexp.MustCompile(`decoy +(\S+)  \(SSE: (\S+)\)\n(?s:.*)\nevents `)
	poll(ts, func() bool {
		text, _ := os.ReadFile(ts.MkAbs(args[0]))
		m := banner.FindSubmatch(text)
		if m != nil {
			ts.Setenv("URL", string(m[1]))
			ts.Setenv("SSE", string(m[2]))
		}
		return m != nil
	}, func() string { return "there is no banner in " + args[0] })
}

func poll(ts *testscript.TestScript, done func() bool, why func() string) {
	for deadline := time.Now().Add(patience); !done(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			ts.Fatalf("waited %v: %s", patience, why())
		}
	}
}

// jsonLines wants each line of the last output, or of a file, to be an object:
// jsonlines stdout COUNT, where 0 stands for one or more.
func jsonLines(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: jsonlines FILE COUNT")
	}
	n := 0
	lines := bufio.NewScanner(strings.NewReader(ts.ReadFile(args[0])))
	lines.Buffer(nil, 8<<20)
	for ; lines.Scan(); n++ {
		var object map[string]any
		if err := json.Unmarshal(lines.Bytes(), &object); err != nil {
			ts.Fatalf("line %d is no JSON object: %v", n+1, err)
		}
	}
	ts.Check(lines.Err())
	if want := args[1]; want == "0" && n == 0 || want != "0" && want != strconv.Itoa(n) {
		ts.Fatalf("%d lines, want %s", n, want)
	}
}

// stopwatch starts without an argument; with one it wants less to have passed.
func stopwatch(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) > 1 {
		ts.Fatalf("usage: stopwatch [DURATION]")
	}
	if len(args) == 0 {
		ts.Setenv("STOPWATCH", time.Now().Format(time.RFC3339Nano))
		return
	}
	began, err := time.Parse(time.RFC3339Nano, ts.Getenv("STOPWATCH"))
	ts.Check(err)
	limit, err := time.ParseDuration(args[0])
	ts.Check(err)
	if took := time.Since(began); took > limit {
		ts.Fatalf("took %v, want less than %v", took, limit)
	}
}

// unhex writes bytes: unhex FILE HEX...
func unhex(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: unhex FILE HEX...")
	}
	b, err := hex.DecodeString(strings.Join(args[1:], ""))
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), b, 0o600))
}
