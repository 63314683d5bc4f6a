package sink_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/killdeer-mcp/killdeer/plugins/file/sink"
	"github.com/killdeer-mcp/killdeer/sdk"
)

func open(t *testing.T, config string) *sink.Sink {
	t.Helper()
	s, err := sink.New(json.RawMessage(config), "test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func batch(from, n int) (all []sdk.RawJSON) {
	for i := range n {
		all = append(all, sdk.RawJSON(fmt.Sprintf(`{"v":1,"seq":%d,"id":"%d","kind":"access","time":"2026-11-20T10:00:00Z","sensor":"s"}`, from+i, from+i)))
	}
	return all
}

func write(t *testing.T, s *sink.Sink, events []sdk.RawJSON) {
	t.Helper()
	if err := s.WriteJSON(t.Context(), events); err != nil {
		t.Fatal(err)
	}
}

// lines returns the lines of files, in the order of their names, the one at hand last.
func lines(t *testing.T, path string) (all []string, files int) {
	t.Helper()
	names, err := filepath.Glob(path + ".2*")
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(names)
	for _, name := range append(names, path) {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if len(text) > 0 && text[len(text)-1] != '\n' {
			t.Errorf("%s ends in half a line", name)
		}
		all = append(all, strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")...)
	}
	return all, len(names) + 1
}

// Files that are full are put aside, and the oldest of them removed.
func TestRotateBySize(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events")
	s := open(t, fmt.Sprintf(`{"path":%q,"max_bytes":"2KiB","keep":3,"fsync":"never"}`, path))
	for i := range 12 {
		write(t, s, batch(i*10, 10))
	}
	all, files := lines(t, path)
	if files != 4 || len(all) != 80 || !strings.Contains(all[0], `"seq":40,`) || !strings.Contains(all[79], `"seq":119,`) {
		t.Errorf("%d files with %d lines, from %s to %s", files, len(all), all[0], all[len(all)-1])
	}
}

// Days have files of their own, also when the sink was not running at midnight.
func TestRotateByTime(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events")
	s := open(t, fmt.Sprintf(`{"path":%q,"max_age":"24h"}`, path))
	write(t, s, batch(1, 2))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	yesterday := time.Now().Add(-24 * time.Hour)
	if err := os.Chtimes(path, yesterday, yesterday); err != nil {
		t.Fatal(err)
	}
	s = open(t, fmt.Sprintf(`{"path":%q,"max_age":"24h"}`, path))
	write(t, s, batch(3, 1))
	write(t, s, batch(4, 1))
	if all, files := lines(t, path); files != 2 || len(all) != 4 {
		t.Errorf("%d files with %d lines, want 2 with 4", files, len(all))
	}
}

// A file that is moved away under the sink is left, as logrotate expects.
func TestMoved(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events")
	s := open(t, fmt.Sprintf(`{"path":%q,"mode":"0640"}`, path))
	write(t, s, batch(1, 1))
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	write(t, s, batch(2, 1))
	if text, _ := os.ReadFile(path + ".1"); strings.Count(string(text), "\n") != 1 {
		t.Errorf("the moved file has %q", text)
	}
	if all, _ := lines(t, path); len(all) != 1 {
		t.Errorf("the new file has %q", all)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	write(t, s, batch(3, 1))
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("mode %v, %v, want 0640", info.Mode(), err)
	}
}

// What a crash left of a line goes before the next is written.
func TestHalfALine(t *testing.T) {
	for _, left := range []string{"{\"v\":1", "{\"v\":1}\n{\"v\":1,\"id", strings.Repeat("x", 200<<10)} {
		path := filepath.Join(t.TempDir(), "events")
		if err := os.WriteFile(path, []byte(left), 0o600); err != nil {
			t.Fatal(err)
		}
		s := open(t, fmt.Sprintf(`{"path":%q}`, path))
		write(t, s, batch(1, 1))
		all, _ := lines(t, path)
		if len(all) != strings.Count(left, "\n")+1 || !strings.Contains(all[len(all)-1], `"seq":1,`) {
			t.Errorf("after %.20q there are the lines %.200q", left, all)
		}
	}
}

// Two sinks do not write to one file.
func TestHeld(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events")
	first := open(t, fmt.Sprintf(`{"path":%q}`, path))
	second := open(t, fmt.Sprintf(`{"path":%q}`, path))
	write(t, first, batch(1, 1))
	if err := second.WriteJSON(t.Context(), batch(2, 1)); err == nil || !strings.Contains(err.Error(), "another sink writes to it") {
		t.Errorf("the second sink: %v", err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	write(t, second, batch(2, 1))
}

// The forms of the encoders are there, and an event that has none is refused alone.
func TestFormats(t *testing.T) {
	for format, want := range map[string]string{"ndjson": `"v":1`, "ecs": `"@timestamp"`, "ocsf": `"class_uid"`} {
		path := filepath.Join(t.TempDir(), "events")
		s := open(t, fmt.Sprintf(`{"path":%q,"format":%q}`, path, format))
		events := batch(1, 3)
		if format != "ndjson" {
			events[1] = sdk.RawJSON(`{"v":"one"}`)
			err := s.WriteJSON(t.Context(), events)
			var w *sdk.WriteError
			if !errors.As(err, &w) || w.Done != 1 || !errors.Is(err, sdk.ErrPermanent) {
				t.Errorf("%s: %v", format, err)
			}
			events = events[2:]
		}
		write(t, s, events)
		all, _ := lines(t, path)
		for _, line := range all {
			if !strings.Contains(line, want) || !json.Valid([]byte(line)) {
				t.Errorf("%s: %s", format, line)
			}
		}
		if n := map[bool]int{true: 3, false: 2}[format == "ndjson"]; len(all) != n {
			t.Errorf("%s: %d lines, want %d", format, len(all), n)
		}
	}
}

// A full disk is an error, and leaves whole lines.
func TestFull(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("there is no /dev/full here")
	}
	s := open(t, `{"path":"/dev/full"}`)
	if err := s.WriteJSON(t.Context(), batch(1, 1)); err == nil || !strings.Contains(err.Error(), "no regular file") {
		t.Errorf("a device is taken for a file: %v", err)
	}
}
