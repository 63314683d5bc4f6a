package config_test

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/killdeer-mcp/killdeer/agent/config"
)

// Whatever can be set is reported, with its meaning.
func TestExplainHasEverySetting(t *testing.T) {
	text, err := os.ReadFile(shipped)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "agent.toml")
	write(t, file, uncommented(string(text)))
	settings, err := config.Explain(file, string(text))
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]config.Setting{}
	for _, s := range settings {
		found[s.Key] = s
		if len(s.Text) < 15 && !strings.Contains(s.Key, "].config.") {
			t.Errorf("%s is explained as %q", s.Key, s.Text)
		}
		if s.Line == 0 && !strings.HasPrefix(s.Key, "sinks[") {
			t.Errorf("%s is in the file, and has no line", s.Key)
		}
	}
	var walk func(typ reflect.Type, path string)
	walk = func(typ reflect.Type, path string) {
		for f := range typ.Fields() {
			key := strings.TrimPrefix(path+"."+f.Tag.Get("toml"), ".")
			switch {
			case f.Type.Kind() == reflect.Struct:
				walk(f.Type, key)
			case f.Type.Kind() == reflect.Slice && f.Type.Elem().Kind() == reflect.Struct:
				walk(f.Type.Elem(), key+"[0]")
			case f.Type.Kind() != reflect.Map && found[key].Key == "":
				t.Errorf("%s is not reported", key)
			}
		}
	}
	walk(reflect.TypeFor[config.Config](), "")
}

func TestExplain(t *testing.T) {
	file := filepath.Join(t.TempDir(), "agent.toml")
	write(t, file, `[sensor]
name = "a"
[rules]
operator = ["header:X-Own: 0123456789abcdef"]
[[sinks]]
name = "soc"
plugin = "webhook"
config.url = "cred:soc-url"
config.secret = "plain"
`)
	text, err := os.ReadFile(shipped)
	if err != nil {
		t.Fatal(err)
	}
	settings, err := config.Explain(file, string(text))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]config.Setting{}
	for _, s := range settings {
		got[s.Key] = s
	}
	for key, want := range map[string]config.Setting{
		"sensor.name":            {Value: `"a"`, Default: `""`, Line: 2},
		"journal.delay":          {Value: `"5ms"`, Default: `"5ms"`},
		"decoy.limits.body":      {Value: `"1MiB"`, Default: `"1MiB"`},
		"decoy.limits.depth":     {Value: "64", Default: "64"},
		"rules.operator":         {Value: `["header:X-Own: (set)"]`, Default: "[]", Line: 4},
		"sinks[0].timeout":       {Value: `"10s"`, Default: `"10s"`},
		"sinks[0].config.url":    {Value: `"cred:soc-url"`, Line: 8},
		"sinks[0].config.secret": {Value: "(set)", Line: 9},
	} {
		s := got[key]
		if s.Value != want.Value || s.Default != want.Default || s.Line != want.Line {
			t.Errorf("%s is %+v, want %+v", key, s, want)
		}
	}
	if s := got["decoy.limits.connections_per_source"]; !strings.HasPrefix(s.Text, "Open connections in all") {
		t.Errorf("keys that share a comment: %q", s.Text)
	}
}
