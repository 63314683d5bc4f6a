package agent

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/killdeer-mcp/killdeer/agent/config"
	"github.com/killdeer-mcp/killdeer/agent/journal"
	"github.com/killdeer-mcp/killdeer/plugins"
	"github.com/killdeer-mcp/killdeer/sdk"
)

// A sink of the configuration is what the host is given.
func TestSinkSpec(t *testing.T) {
	dir := t.TempDir()
	program := filepath.Join(dir, "killdeer-sink-syslog")
	if err := os.WriteFile(program, nil, 0o700); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Parse("agent.toml", []byte(`
[[sinks]]
name = "siem"
plugin = "syslog"
only = ["detection"]
min_severity = "high"
rules = ["core.*"]
sources = ["!10.0.0.1", "10.0.0.0/8"]
drop = ["head"]
start = "newest"
timeout = "30s"
config.address = "x:1"
[[sinks]]
name = "all"
plugin = "syslog"
`), dir)
	if err != nil {
		t.Fatal(err)
	}
	specs, err := sinkSpecs(cfg.Sinks, []string{t.TempDir(), dir})
	if err != nil {
		t.Fatal(err)
	}
	siem, all := specs[0], specs[1]
	if siem.Program != program || !siem.Newest || siem.Timeout.String() != "30s" || siem.Config["address"] != "x:1" {
		t.Errorf("spec = %+v", siem)
	}
	r := siem.Route
	if r.MinSeverity != sdk.SeverityHigh || len(r.Sources) != 2 || !r.Sources[0].Not || r.Sources[1].Not || r.Sources[1].Prefix.String() != "10.0.0.0/8" {
		t.Errorf("route = %+v", r)
	}
	if diff := cmp.Diff(plugins.Route{}.Only, all.Route.Only); diff != "" || all.Route.MinSeverity != "" || all.Newest {
		t.Errorf("a sink without filters has the route %+v", all.Route)
	}
	if _, err := sinkSpecs(cfg.Sinks, nil); err == nil || !strings.Contains(err.Error(), `sink "siem": plugin "syslog": there is no killdeer-sink-syslog`) {
		t.Errorf("without plugins: %v", err)
	}
}

// A sink that began where the journal had no events yet has begun, and its next
// start goes on from there.
func TestSinkBeginsWithNothing(t *testing.T) {
	dir := t.TempDir()
	j := openJournal(t, dir)
	if err := (sinkJournal{Journal: j}).Keep(t.Context(), "siem", j.Last()); err != nil {
		t.Fatal(err)
	}
	if err := j.Append(t.Context(), []*sdk.Event{testEvent("s", "siem")}); err != nil {
		t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	j = openJournal(t, dir)
	defer j.Close()
	if at, ok, err := (sinkJournal{Journal: j}).Place("siem"); at != 0 || !ok || err != nil {
		t.Errorf("Place = %d, %v, %v, want 0 and that there is one", at, ok, err)
	}
}

// A place never goes back, and one that a journal does not have yet is none.
func TestSinkJournal(t *testing.T) {
	j, err := journal.Open(t.TempDir(), journal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	for range 10 {
		if err := j.Append(t.Context(), []*sdk.Event{testEvent("s", "siem")}); err != nil {
			t.Fatal(err)
		}
	}
	sj := sinkJournal{Journal: j}
	if _, ok, err := sj.Place("siem"); ok || err != nil {
		t.Errorf("a place before the first: %v, %v", ok, err)
	}
	for _, seq := range []uint64{7, 3} {
		if err := sj.Keep(t.Context(), "siem", seq); err != nil {
			t.Fatal(err)
		}
	}
	if at, ok, err := sj.Place("siem"); at != 7 || !ok || err != nil {
		t.Errorf("Place = %d, %v, %v, want 7", at, ok, err)
	}
	records, end, err := sj.Read(t.Context(), 7, 10)
	if err != nil || end != 10 || len(records) != 3 || records[0].Seq != 8 {
		t.Errorf("Read = %d records to %d, %v", len(records), end, err)
	}
	var ev sdk.Event
	if b, err := sj.Record(t.Context(), 8); err != nil || json.Unmarshal(b, &ev) != nil || ev.Health.State != "test" {
		t.Errorf("Record = %s, %v", b, err)
	}
	if _, end, err = sj.Read(t.Context(), 10, 10); end != 10 || err != nil {
		t.Errorf("Read at the end = %d, %v", end, err)
	}
}
