package form_test

import (
	"strings"
	"testing"

	"github.com/killdeer-mcp/killdeer/sdk"
	"github.com/killdeer-mcp/killdeer/tracers/form"
)

func TestCheck(t *testing.T) {
	for _, tt := range []struct {
		name string
		spec sdk.TracerSpec
		want int    // payload
		err  string // "" for none
	}{
		{"plain", sdk.TracerSpec{Session: "a-B_9", Dir: "/d"}, form.MaxPayload, ""},
		{"small", sdk.TracerSpec{Session: "s", Dir: "/d", PayloadMax: 1}, form.MinPayload, ""},
		{"large", sdk.TracerSpec{Session: "s", Dir: "/d", PayloadMax: 1 << 30}, form.MaxPayload, ""},
		{"attached", sdk.TracerSpec{Session: "s", Dir: "/d", AttachPID: 7}, form.MaxPayload, ""},
		{"no name", sdk.TracerSpec{Dir: "/d"}, 0, "want 1 to 64"},
		{"a path for a name", sdk.TracerSpec{Session: "../x", Dir: "/d"}, 0, "want 1 to 64"},
		{"relative folder", sdk.TracerSpec{Session: "s", Dir: "d"}, 0, "not an absolute path"},
		{"negative", sdk.TracerSpec{Session: "s", Dir: "/d", SetupExecs: -1}, 0, "negative"},
		{"two to attach to", sdk.TracerSpec{Session: "s", Dir: "/d", AttachPID: 7, AttachCgroup: "/c"}, 0, "not clear"},
		{"negative process", sdk.TracerSpec{Session: "s", Dir: "/d", AttachPID: -7}, 0, "not clear"},
		{"relative cgroup", sdk.TracerSpec{Session: "s", Dir: "/d", AttachCgroup: "c"}, 0, "not an absolute path"},
		{"too many files", sdk.TracerSpec{Session: "s", Dir: "/d", Watch: make([]sdk.FileID, 5000)}, 0, "are more than"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := form.Check(tt.spec)
			if got != tt.want || (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Errorf("%d, %v, want %d, %q", got, err, tt.want, tt.err)
			}
		})
	}
}

func TestText(t *testing.T) {
	for in, want := range map[string]string{"": "", "plain": "plain", "ü\xff!": `ü\xff!`, "\x80": `\x80`} {
		if got := form.Text([]byte(in)); got != want {
			t.Errorf("Text(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestLoads(t *testing.T) {
	for variable, want := range map[string]bool{
		"LD_PRELOAD=x": true, "LD_AUDIT": true, "NODE_OPTIONS=--require x": true, "NODE_ENV=test": false, "ENV=x": true,
		"ENVIRONMENT=x": false, "PATH=/bin": false, "": false, "OLD_LD_PRELOAD=x": false,
	} {
		if got := form.Loads(variable); got != want {
			t.Errorf("Loads(%q) = %v", variable, got)
		}
	}
}
