package plugins

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func write(t *testing.T, path, text string, mode os.FileMode) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestResolveConfig(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("CREDENTIALS_DIRECTORY", dir)
	t.Setenv("TOKEN", "from env")
	t.Setenv("EMPTY", "")
	write(t, filepath.Join(dir, "cred"), "from cred\r\n", 0o400)
	file := write(t, filepath.Join(dir, "sub", "file"), "from\nfile\n\n", 0o640)
	open := write(t, filepath.Join(dir, "open"), "hunter2", 0o644)
	large := write(t, filepath.Join(dir, "large"), strings.Repeat("hunter2", 20_000), 0o600)
	for _, tt := range []struct {
		name string
		in   map[string]any
		want string
		err  string
	}{
		{"nothing", nil, `{}`, ""},
		{"plain", map[string]any{"a": "b", "n": int64(3), "t": true, "u": "https://x:1/"}, `{"a":"b","n":3,"t":true,"u":"https://x:1/"}`, ""},
		{"credential", map[string]any{"a": "cred:cred"}, `{"a":"from cred"}`, ""},
		{"file", map[string]any{"a": "file:" + file}, `{"a":"from\nfile"}`, ""},
		{"env", map[string]any{"a": "env:TOKEN", "b": "env:EMPTY"}, `{"a":"from env","b":""}`, ""},
		{
			"inside",
			map[string]any{"l": []any{"env:TOKEN", map[string]any{"k": "cred:cred"}}, "m": []map[string]any{{"x": "env:TOKEN"}}},
			`{"l":["from env",{"k":"from cred"}],"m":[{"x":"from env"}]}`, "",
		},
		{"what is found is not looked at again", map[string]any{"a": "env:TOKEN2"}, "", "config.a: environment variable"},
		{"credential outside", map[string]any{"a": "cred:../x"}, "", "without a path"},
		{"no credential", map[string]any{"a": "cred:none"}, "", "no such file"},
		{"relative file", map[string]any{"a": map[string]any{"b": "file:x"}}, "", "config.a.b: secret file"},
		{"open file", map[string]any{"a": "file:" + open}, "", "is open to everybody"},
		{"large file", map[string]any{"a": "file:" + large}, "", "has more than"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := resolveConfig(tt.in)
			if string(got) != tt.want || tt.err == "" && err != nil || tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)) {
				t.Errorf("resolveConfig = %s, %v, want %s, %q", got, err, tt.want, tt.err)
			}
			if err != nil && strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the error repeats a secret: %.200v", err)
			}
		})
	}
	t.Setenv("CREDENTIALS_DIRECTORY", "")
	if _, err := resolveConfig(map[string]any{"a": "cred:cred"}); err == nil || !strings.Contains(err.Error(), "LoadCredential") {
		t.Errorf("without a service manager: %v", err)
	}
}

// Sockets get a folder for this user alone whose paths are short enough; what was
// left in it goes, and a folder that somebody else made is not taken.
func TestSockets(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	long := filepath.Join(t.TempDir(), strings.Repeat("d", 80))
	first, err := openSockets("", long)
	if err != nil {
		t.Fatal(err)
	}
	if len(first.dir) > maxSocketBase || !strings.Contains(first.dir, "killdeer-") {
		t.Errorf("dir = %s", first.dir)
	}
	if err := os.MkdirAll(first.of(0), 0o700); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", filepath.Join(first.of(0), "plugin-dir1234567890plugin123456789"))
	if err != nil {
		t.Fatal(err)
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	l.Close()
	again, err := openSockets("", long)
	if err != nil || again.dir != first.dir {
		t.Fatalf("the second time: %+v, %v", again, err)
	}
	if left, err := os.ReadDir(again.dir); err != nil || len(left) != 0 {
		t.Errorf("left: %v, %v", left, err)
	}
	if info, err := os.Stat(again.dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if err := again.close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(t.TempDir(), again.dir); err != nil {
		t.Fatal(err)
	}
	if _, err := openSockets("", long); err == nil {
		t.Error("a link is taken for the folder")
	}
	if err := os.Remove(again.dir); err != nil {
		t.Fatal(err)
	}
	runtime, err := os.MkdirTemp("/tmp", "kd")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(runtime)
	if s, err := openSockets(runtime, long); err != nil || s.dir != filepath.Join(runtime, "plugins") {
		t.Errorf("with a runtime folder: %+v, %v", s, err)
	}
}

func TestBackoff(t *testing.T) {
	var b backoff
	for i := range 40 {
		top := min(maxRestart, backoffBase<<min(i, 20))
		if d := b.next(maxRestart); d <= 0 || d > top+time.Millisecond {
			t.Errorf("pause %d is %v, at most %v", i, d, top)
		}
	}
	b.reset()
	if d := b.next(maxRestart); d > backoffBase+time.Millisecond {
		t.Errorf("the first pause is %v", d)
	}
}

func TestCircuit(t *testing.T) {
	var c circuit
	now := time.Now()
	for i := range circuitStarts {
		if c.open(now.Add(time.Duration(i) * time.Second)) {
			t.Fatalf("open after %d starts", i+1)
		}
	}
	if !c.open(now.Add(time.Minute)) || !c.open(now.Add(2*time.Minute)) {
		t.Error("closed after too many starts")
	}
	if c.open(now.Add(time.Minute + 2*circuitWithin)) {
		t.Error("open when the starts are long ago")
	}
}

// A list of dead letters survives a crash in the middle of a line, and is bounded.
func TestDead(t *testing.T) {
	dir := t.TempDir()
	d, err := openDead(dir, "siem")
	if err != nil {
		t.Fatal(err)
	}
	add := func(seq uint64, reason string) {
		t.Helper()
		if _, err := d.add(DeadLetter{Seq: seq, At: time.Now(), Reason: reason}); err != nil {
			t.Fatal(err)
		}
	}
	add(1, "a")
	add(2, "b\n\x00")
	add(1, "c")
	f, err := os.OpenFile(d.path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(f, `{"seq":9,"rea`)
	f.Close()
	add(3, "d")
	letters, err := ReadDead(dir, "siem")
	if err != nil || len(letters) != 3 || letters[0].Reason != "c" || letters[1].Reason != "b\n\x00" || letters[2].Seq != 3 {
		t.Errorf("letters = %+v, %v", letters, err)
	}
	if err := d.remove(1, 3); err != nil {
		t.Fatal(err)
	}
	if letters, err = ReadDead(dir, "siem"); err != nil || len(letters) != 1 || letters[0].Seq != 2 {
		t.Errorf("letters = %+v, %v", letters, err)
	}
	for i := range MaxDead {
		d.put(DeadLetter{Seq: uint64(i + 10)})
	}
	if n := d.count(); n != MaxDead {
		t.Errorf("%d letters", n)
	}
}

// FuzzDead reads lists that a crash or somebody else left.
func FuzzDead(f *testing.F) {
	f.Add([]byte("{\"seq\":1,\"reason\":\"a\"}\n\n{\"seq\":1}\n{\"seq\":"))
	f.Add(bytes.Repeat([]byte("{\"seq\":2}\n"), 3))
	f.Fuzz(func(t *testing.T, text []byte) {
		dir := t.TempDir()
		write(t, filepath.Join(dir, "sinks", "x.dead"), string(text), 0o600)
		letters, err := ReadDead(dir, "x")
		if err != nil {
			t.Fatal(err)
		}
		seen := map[uint64]bool{}
		for _, l := range letters {
			if l.Seq == 0 || seen[l.Seq] {
				t.Errorf("letters = %+v", letters)
			}
			seen[l.Seq] = true
		}
	})
}
