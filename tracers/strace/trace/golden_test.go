package trace

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/killdeer-mcp/killdeer/sdk"
)

var update = flag.Bool("update", false, "rewrite golden files")

// translate makes observations of a whole log.
func translate(log []byte, setup int) (*translator, []sdk.Observation, error) {
	var all []sdk.Observation
	t := newTranslator("s", PayloadMax, setup, 0, func(o sdk.Observation) error {
		all = append(all, o)
		return nil
	})
	for l := range bytes.Lines(log) {
		if err := t.line(bytes.TrimSuffix(l, []byte("\n"))); err != nil {
			return t, all, err
		}
	}
	return t, all, t.end()
}

// show is an observation on one line, without its clocks.
func show(o sdk.Observation) string {
	var b strings.Builder
	say := func(format string, args ...any) { fmt.Fprintf(&b, " "+format, args...) }
	fmt.Fprintf(&b, "%d %d/%d<%d %s %s %s", o.Seq, o.PID, o.TID, o.PPID, o.Comm, o.Kind, o.Syscall)
	if o.ABI == "compat" {
		say("compat")
	}
	for _, f := range []struct{ name, value string }{
		{"path", o.Path},
		{"path2", o.Path2},
		{"dir", o.DirPath},
		{"real", o.PathReal},
		{"detail", o.Detail},
		{"status", o.Status},
		{"cause", o.Cause},
		{"errno", o.Errno},
	} {
		if f.value != "" {
			say("%s=%q", f.name, f.value)
		}
	}
	if o.Access != (sdk.Access{}) {
		say("access=%+v", o.Access)
	}
	if o.Argv != nil {
		say("argv=%.200q env=%.200q", o.Argv, o.Env)
	}
	if o.Peer != nil {
		say("peer=%s|%s|%d", o.Peer.Family, o.Peer.Addr, o.Peer.Port)
	}
	if o.Total > 0 || o.Data != nil {
		say("data=%.80q total=%d", o.Data, o.Total)
	}
	for _, f := range []struct {
		name string
		set  bool
	}{{"truncated", o.Truncated}, {"unreadable", o.Unreadable}, {"pre_exec", o.PreExec}, {"injected", o.Injected}} {
		if f.set {
			say(f.name)
		}
	}
	return b.String()
}

// TestGolden translates logs that strace wrote of real programs.
func TestGolden(t *testing.T) {
	logs, err := filepath.Glob("testdata/*.log")
	if err != nil || len(logs) == 0 {
		t.Fatal("no logs", err)
	}
	for _, name := range logs {
		t.Run(filepath.Base(name), func(t *testing.T) {
			log, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			setup := 0
			if strings.Contains(name, "bwrap") {
				setup = 1
			}
			tr, all, err := translate(log, setup)
			if err != nil || !tr.sum.Complete || tr.sum.Unparsed != 0 || tr.sum.Emitted != uint64(len(all)) {
				t.Errorf("%v, %+v", err, tr.sum)
			}
			var got strings.Builder
			for i, o := range all {
				if o.Seq != uint64(i) {
					t.Errorf("observation %d has number %d", i, o.Seq)
				}
				got.WriteString(show(o) + "\n")
			}
			golden := strings.TrimSuffix(name, ".log") + ".golden"
			if *update {
				if err := os.WriteFile(golden, []byte(got.String()), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got.String(), "\n")); d != "" {
				t.Errorf("%s (-want +got):\n%s", golden, d)
			}
		})
	}
}
