package plugins_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/killdeer-mcp/killdeer/plugins/sinktest"
	"github.com/killdeer-mcp/killdeer/sdk"
	"github.com/killdeer-mcp/killdeer/sdk/plugin"
)

func TestMain(m *testing.M) {
	sinktest.Main(m, func() { plugin.Serve(openOdd) })
}

// odd is a sink that misbehaves as its configuration says. It writes the ids of
// events to a file, each with a newline.
type odd struct {
	Path    string `json:"path"`
	Down    string `json:"down"`     // while this file is there, nothing is delivered
	Hang    string `json:"hang"`     // while this file is there, Write does not return
	Refuse  string `json:"refuse"`   // tools that are refused for ever
	Located bool   `json:"located"`  // and it says which event that is
	AllDone bool   `json:"all_done"` // and it says that all were delivered
	Panic   string `json:"panic"`    // tools that it cannot bear
	Gone    string `json:"gone"`     // while this file is there, it wants nothing
	Noise   int    `json:"noise"`    // bytes a second on standard error
	Print   bool   `json:"print"`    // on standard output
	Child   bool   `json:"child"`    // leaves a program behind that holds its pipes
	Escape  string `json:"escape"`   // leaves one behind in a session of its own, and its number there
	Env     string `json:"env"`      // writes its environment there
	Exit    bool   `json:"exit"`     // ends at once, with words
	Secret  string `json:"secret"`
}

func openOdd(config json.RawMessage) (sdk.Sink, error) {
	s := &odd{}
	if err := plugin.Decode(config, s); err != nil {
		return nil, err
	}
	if s.Exit {
		fmt.Fprintln(os.Stderr, "[ERROR] this cannot go on")
		panic("out of order")
	}
	if s.Noise > 0 {
		go s.shout()
	}
	if s.Env != "" {
		stdin, _ := os.Readlink("/proc/self/fd/0")
		text := strings.Join(os.Environ(), "\n") + "\nSTDIN=" + stdin + "\nSECRET=" + s.Secret
		return s, os.WriteFile(s.Env, []byte(text), 0o600)
	}
	if s.Child {
		_, err := leaveChild(false)
		return s, err
	}
	if s.Escape != "" {
		pid, err := leaveChild(true)
		if err != nil {
			return nil, err
		}
		return s, os.WriteFile(s.Escape, []byte(strconv.Itoa(pid)), 0o600)
	}
	return s, nil
}

// The program's own standard streams, whatever os.Stdout and os.Stderr are by now.
// A file that nobody holds is closed, and its number is then that of another.
var stdout, stderr = os.NewFile(1, "stdout"), os.NewFile(2, "stderr")

func (s *odd) shout() {
	line := []byte(strings.Repeat("x", 99) + "\n")
	for {
		for range s.Noise / 100 / len(line) {
			_, _ = stderr.Write(line)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func there(file string) bool {
	_, err := os.Stat(file)
	return file != "" && err == nil
}

func (s *odd) Write(ctx context.Context, batch []sdk.Event) error {
	if s.Print {
		fmt.Println("a line on standard output")
		fmt.Fprintln(os.Stderr, "a line on standard error")
		plugin.Log().Warn("a record", "n", len(batch))
	}
	for there(s.Hang) {
		time.Sleep(10 * time.Millisecond)
	}
	if there(s.Gone) {
		return fmt.Errorf("%w: go away", sdk.ErrGone)
	}
	if there(s.Down) {
		return fmt.Errorf("the receiver is down")
	}
	var text strings.Builder
	for i := range batch {
		tool := batch[i].Tool
		if s.Panic != "" && tool == s.Panic {
			panic("cannot bear " + tool)
		}
		if s.Refuse != "" && tool == s.Refuse {
			if !s.Located {
				return fmt.Errorf("%w: %s", sdk.ErrPermanent, tool)
			}
			if s.AllDone {
				i = len(batch)
			}
			return &sdk.WriteError{Done: i, Err: errOf(s.append(text.String()), fmt.Errorf("%w: %s", sdk.ErrPermanent, tool))}
		}
		text.WriteString(batch[i].ID + "\n")
	}
	return s.append(text.String())
}

func errOf(first, second error) error {
	if first != nil {
		return first
	}
	return second
}

func (s *odd) append(text string) error {
	f, err := os.OpenFile(s.Path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := wholeLines(s.Path); err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return err
}

// wholeLines takes off what a kill left of a line.
func wholeLines(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return os.Truncate(path, int64(bytes.LastIndexByte(text, '\n')+1))
}

// leaveChild starts a program that outlives this one unless somebody sees to it.
func leaveChild(session bool) (pid int, err error) {
	cmd := exec.Command("sleep", "600")
	cmd.Stdout, cmd.Stderr = stdout, stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: session}
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	return cmd.Process.Pid, nil
}
