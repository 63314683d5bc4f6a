package tracers

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/killdeer-mcp/killdeer/sdk"
	"github.com/killdeer-mcp/killdeer/sdk/plugin/pluginpb"
)

func batch(t *testing.T, all ...sdk.Observation) *pluginpb.ObservationBatch {
	t.Helper()
	b := &pluginpb.ObservationBatch{}
	for _, o := range all {
		j, err := json.Marshal(o)
		if err != nil {
			t.Fatal(err)
		}
		b.Observations = append(b.Observations, j)
	}
	return b
}

// A tracer is held to its word.
func TestReader(t *testing.T) {
	at := func(seq uint64) sdk.Observation {
		return sdk.Observation{Session: "s", Seq: seq, Kind: sdk.ObservedOpen}
	}
	end := sdk.Observation{Session: "s", Seq: 1, Kind: sdk.ObservedEnd}
	for _, tt := range []struct {
		name  string
		in    []sdk.Observation
		want  []uint64 // numbers
		holes uint64
		end   bool
		err   string
	}{
		{"whole", []sdk.Observation{at(0), end}, []uint64{0, 1}, 0, true, ""},
		{"hole", []sdk.Observation{at(0), at(5)}, []uint64{0, 1, 5}, 4, false, ""},
		{"hole at the start", []sdk.Observation{at(2)}, []uint64{0, 2}, 2, false, ""},
		{"twice", []sdk.Observation{at(0), at(0)}, []uint64{0}, 0, false, "observation 0 comes after 0"},
		{"after the end", []sdk.Observation{at(0), end, at(2)}, []uint64{0, 1}, 0, true, "goes on after the end"},
		{"another session", []sdk.Observation{{Session: "x"}}, nil, 0, false, `session "x" instead of "s"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got []uint64
			lost := uint64(0)
			r := reader{session: "s", emit: func(o sdk.Observation) error {
				got = append(got, o.Seq)
				if o.Kind == sdk.ObservedLoss && o.Cause == "transport" {
					lost += o.Lost
				}
				return nil
			}}
			err := r.batch(batch(t, tt.in...))
			if (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Errorf("error %v, want %q", err, tt.err)
			}
			if d := cmp.Diff(tt.want, got); d != "" || r.holes != tt.holes || lost != tt.holes || r.end != tt.end {
				t.Errorf("%d holes, %d reported, end %v (-want +got):\n%s", r.holes, lost, r.end, d)
			}
		})
	}
}

func TestReaderErrors(t *testing.T) {
	enough := errors.New("enough")
	r := reader{session: "s", emit: func(sdk.Observation) error { return enough }}
	if err := r.batch(batch(t, sdk.Observation{Session: "s"})); !errors.Is(err, enough) {
		t.Errorf("batch = %v", err)
	}
	r = reader{session: "s"}
	if err := r.batch(&pluginpb.ObservationBatch{Observations: [][]byte{[]byte("{")}}); err == nil {
		t.Error("what is no JSON is taken")
	}
}
