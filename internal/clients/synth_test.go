package clients

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

type synthCase struct {
	Name   string `json:"name"`
	Schema any    `json:"schema"`
	Want   any    `json:"want"`
}

func synthCases(t *testing.T) []synthCase {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "synth.json"))
	if err != nil {
		t.Fatal(err)
	}
	var cases []synthCase
	if err := json.Unmarshal(data, &cases); err != nil {
		t.Fatal(err)
	}
	return cases
}

func TestSynth(t *testing.T) {
	for _, tt := range synthCases(t) {
		t.Run(tt.Name, func(t *testing.T) {
			if diff := cmp.Diff(tt.Want, synth(tt.Schema)); diff != "" {
				t.Errorf("synth (-want +got):\n%s", diff)
			}
		})
	}
}

// TestSynthElsewhere holds the other languages to the same cases.
func TestSynthElsewhere(t *testing.T) {
	const (
		js = `import {synth} from './synth.mjs'; import {readFileSync} from 'node:fs';
console.log(JSON.stringify(JSON.parse(readFileSync('testdata/synth.json', 'utf8')).map((c) => synth(c.schema))))`
		py = `import json; from synth import synth
print(json.dumps([synth(c["schema"]) for c in json.load(open("testdata/synth.json"))]))`
	)
	dir, err := scriptDir()
	if err != nil {
		t.Fatal(err)
	}
	commands := map[string][]string{"ts1": {"--input-type=module", "-e", js}, "py": {"-B", "-c", py}}
	for _, s := range scripts(dir) {
		args, ok := commands[s.name]
		if !ok {
			continue
		}
		t.Run(filepath.Base(s.program), func(t *testing.T) {
			if missing := missing(s.files()); missing != "" {
				leaveOut(t, s.name, missing)
				t.SkipNow()
			}
			compareSynth(t, command(t.Context(), append([]string{s.program}, args...)...))
		})
	}
}

func compareSynth(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	out, stderr, err := output(cmd)
	if err != nil {
		t.Fatal(complain(err, stderr))
	}
	var got []any
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatal(err)
	}
	cases := synthCases(t)
	if len(got) != len(cases) {
		t.Fatalf("%d values for %d cases", len(got), len(cases))
	}
	for i, tt := range cases {
		if diff := cmp.Diff(tt.Want, got[i]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.Name, diff)
		}
	}
}

func FuzzSynth(f *testing.F) {
	for _, seed := range []string{
		`{"type":"object","properties":{"a":{"type":"string","maxLength":-1}}}`,
		`{"type":"array","items":{"type":"integer"},"minItems":1e300}`,
		`{"type":"number","multipleOf":1e-300,"minimum":1e300}`,
		`{"$ref":"#/"}`,
		`{"type":["null"],"enum":[],"pattern":"(?=x)"}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var schema any
		if json.Unmarshal(data, &schema) == nil {
			synth(schema) // must not panic, nor run away
		}
	})
}
