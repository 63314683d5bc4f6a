package clients

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A cancelled client is gone, and so is the server that it started, even one
// that ignores every polite request.
func TestCancel(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range All(t) {
		if len(c.StdioModes) == 0 {
			continue
		}
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "pid")
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			done := make(chan struct{})
			go func() {
				defer close(done)
				// Some clients have an error, others a report of the session that broke.
				_, _ = c.RunStdio(ctx, []string{self, stubborn, file}, c.StdioModes[0], nil)
			}()
			pid := readPID(t, file, done)
			cancel()
			<-done
			if err := gone(pid); err != nil {
				t.Errorf("process %d: %v", pid, err)
				_ = syscall.Kill(pid, syscall.SIGKILL)
			}
		})
	}
}

// readPID waits for the server to have started.
func readPID(t *testing.T, file string, done <-chan struct{}) int {
	t.Helper()
	for {
		text, err := os.ReadFile(file)
		if err == nil {
			pid, err := strconv.Atoi(string(text))
			if err != nil {
				t.Fatal(err)
			}
			return pid
		}
		select {
		case <-done:
			t.Fatal("the client left before its server started")
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// gone waits for the kernel to be done with a killed process; nobody waits for
// an orphan but the init process.
func gone(pid int) error {
	for range 100 {
		if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) || zombie(pid) {
			return nil
		}
		time.Sleep(10 * time.Millisecond)
	}
	return errors.New("still there")
}

func zombie(pid int) bool {
	stat, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	return err == nil && strings.Contains(string(stat), ") Z ")
}

func TestOutputBounds(t *testing.T) {
	stdout, _, err := output(command(t.Context(), "head", "-c", strconv.Itoa(maxStdout+1), "/dev/zero"))
	if !errors.Is(err, errTooMuch) || len(stdout) > maxStdout {
		t.Errorf("%d bytes of stdout, error %v, want %v", len(stdout), err, errTooMuch)
	}
	_, stderr, err := output(command(t.Context(), "sh", "-c", "head -c 5000000 /dev/zero >&2; echo end >&2; exit 3"))
	if !exited(err) || len(stderr) != maxStderr || !strings.HasSuffix(stderr, "end\n") {
		t.Errorf("%d bytes of stderr, error %v", len(stderr), err)
	}
	if _, _, err := output(command(t.Context(), "./no-such-program")); err == nil || exited(err) {
		t.Errorf("error %v, want one of a program that did not run", err)
	}
}

func TestLoggedTools(t *testing.T) {
	const start = "[12] Received message: {\n  \"text\": \"x\\n[12] Tools: {}\"\n}\n"
	for name, tt := range map[string]struct {
		log  string
		want []string
		err  string
	}{
		"tools":  {log: start + "[12] Tools: {\n \"tools\": [\n {\"name\": \"a\"}, {\"name\": \"b\"}]}\n[12] Exiting OK...\n", want: []string{"a", "b"}},
		"none":   {log: start + "[12] Tools: {}\n"},
		"failed": {log: start + "[12] Error requesting tools list: no\n", err: "logged no tools"},
		"cut":    {log: start + "[12] Tools: {\"tools\": [\n", err: "decode the logged tools"},
		"empty":  {err: "logged no tools"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := loggedTools(tt.log)
			if !slices.Equal(got, tt.want) || (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Errorf("tools %q, error %v, want %q, %q", got, err, tt.want, tt.err)
			}
		})
	}
}

func FuzzLoggedTools(f *testing.F) {
	f.Add("[1] Tools: {\"tools\":[{\"name\":\"a\"}]}")
	f.Add("[1] Tools: null")
	f.Add("[1] Tools: {\"tools\":{}}")
	f.Fuzz(func(t *testing.T, log string) {
		if names, err := loggedTools(log); err != nil && names != nil {
			t.Errorf("tools %q beside the error %v", names, err)
		}
	})
}
