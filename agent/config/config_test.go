package config_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/killdeer-mcp/killdeer/agent/config"
)

const shipped = "../../agent.toml"

func TestShippedFileIsTheDefault(t *testing.T) {
	data, err := os.ReadFile(shipped)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	got, err := config.Parse("agent.toml", data, dir)
	if err != nil {
		t.Fatal(err)
	}
	want := config.Default()
	for _, p := range []*string{&want.Sensor.StateDir, &want.Sensor.CacheDir, &want.Sensor.WorldSeedFile, &want.Packs.Dir, &want.Packs.Trust} {
		*p = filepath.Join(dir, *p)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("agent.toml is not Default() (-want +got):\n%s", diff)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 {
		t.Errorf("Parse left %v in the folder (%v)", entries, err)
	}
}

func TestShippedFileHasEveryKey(t *testing.T) {
	data, err := os.ReadFile(shipped)
	if err != nil {
		t.Fatal(err)
	}
	sections := strings.Split(strings.ReplaceAll(uncommented(string(data)), "\n[[sinks]]", "\n[sinks]"), "\n[")
	var walk func(typ reflect.Type, path string)
	walk = func(typ reflect.Type, path string) {
		for f := range typ.Fields() {
			key := f.Tag.Get("toml")
			inner := f.Type
			if inner.Kind() == reflect.Slice {
				inner = inner.Elem()
			}
			if inner.Kind() == reflect.Struct {
				walk(inner, strings.TrimPrefix(path+"."+key, "."))
				continue
			}
			if inner.Kind() == reflect.Map {
				continue // a plugin's own
			}
			if !hasKey(sections, path, key) {
				t.Errorf("agent.toml lacks %s in [%s]", key, path)
			}
		}
	}
	walk(reflect.TypeFor[config.Config](), "")
}

// uncommented turns the examples into settings: what is commented out has no blank
// after its "#".
func uncommented(text string) string {
	return regexp.MustCompile(`(?m)^#(\S)`).ReplaceAllString(text, "$1")
}

// The example sinks are ones; the first, which has every key, has the defaults.
func TestShippedSink(t *testing.T) {
	data, err := os.ReadFile(shipped)
	if err != nil {
		t.Fatal(err)
	}
	got, err := config.Parse("agent.toml", []byte(uncommented(string(data))), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	bare, err := config.Parse("agent.toml", []byte("[[sinks]]\nname = \"archive\"\nplugin = \"file\"\nconfig.path = \"/var/log/killdeer/events.ndjson\""), "")
	if err != nil {
		t.Fatal(err)
	}
	if got := len(got.Sinks); got != 3 {
		t.Fatalf("%d examples, want one of each sink", got)
	}
	if diff := cmp.Diff(bare.Sinks, got.Sinks[:1], cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("the example has not the defaults (-default +example):\n%s", diff)
	}
}

func hasKey(sections []string, table, key string) bool {
	for _, s := range sections {
		if strings.HasPrefix(s, table+"]") && strings.Contains(s, "\n"+key+" = ") {
			return true
		}
	}
	return false
}

func TestEmptyFile(t *testing.T) {
	got, err := config.Parse("agent.toml", nil, "")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(config.Default(), got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "agent.toml")
	write(t, filepath.Join(dir, "p.wasm"), "x")
	write(t, path, "[decoy]\npersonas = [\"p.wasm\"]\ntrusted_proxies = [\"10.0.0.0/8\", \"::1\"]\n[decoy.limits]\nbody = 2048\nrecorded_body = \"1KB\"\n")
	got, err := config.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if want := filepath.Join(dir, "p.wasm"); got.Decoy.Personas[0] != want {
		t.Errorf("persona = %q, want %q", got.Decoy.Personas[0], want)
	}
	if got.Decoy.Limits.Body != 2*config.KiB || got.Decoy.Limits.RecordedBody != 1000 {
		t.Errorf("limits = %+v", got.Decoy.Limits)
	}
	if p := got.Decoy.Proxies(); len(p) != 2 || p[1].String() != "::1/128" {
		t.Errorf("Proxies() = %v", p)
	}
	if _, err := config.Load(filepath.Join(dir, "none.toml")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Load of no file: %v", err)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestFaults(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "file"), "")
	if err := os.Mkdir(filepath.Join(dir, "folder.wasm"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, in, want string }{
		{"nearest key", "[decoy]\nlisen = \"x\"", `a.toml:2: decoy.lisen: unknown key, did you mean "listen"?`},
		{"hyphen and case", "[sensor]\nState-Dir = \"x\"", `a.toml:2: sensor.State-Dir: unknown key, did you mean "state_dir"?`},
		{"key of another table", "[sensor]\nlisten = \"x\"", `a.toml:2: sensor.listen: unknown key, "listen" is a key of [dashboard] and [decoy]`},
		{"key before any table", "listen = \"x\"", `a.toml:1: listen: unknown key, "listen" is a key of [dashboard] and [decoy]`},
		{"nearest table", "\n[decoi]\nx = 1", `a.toml:2: decoi: unknown table, did you mean [decoy]?`},
		{"nearest inner table", "[decoy.limit]\n", `a.toml:1: decoy.limit: unknown table, did you mean [decoy.limits]?`},
		{"nothing near", "zebra = 1", `a.toml:1: zebra: unknown key`},
		{"quoted key", "\"a\\nb\" = 1", `a.toml:1: "a\nb": unknown key`},
		{"dotted and inline", "decoy.limits = {\n depht = 1 }", `a.toml:2: decoy.limits.depht: unknown key, did you mean "depth"?`},
		{"string wanted", "[decoy]\nlisten = 1", `a.toml:2: decoy.listen: want a string, got an integer`},
		{"integer wanted", "[wasm]\nspares = 1.5", `a.toml:2: wasm.spares: want an integer, got a float`},
		{"table wanted", "sensor = \"x\"", `a.toml:1: sensor: want a table, got a string`},
		{"one table wanted", "[[sensor]]", `a.toml:1: sensor: want a table, got an array of tables`},
		{"list wanted", "rules.packs = true", `a.toml:1: rules.packs: want an array of strings, got a boolean`},
		{"entry", "[rules]\npacks = [\n \"core\", # c\n 2,\n]", `a.toml:4: rules.packs: entry 2: want a string, got an integer`},
		{"size type", "[decoy.limits]\nbody = 1979-05-27", `a.toml:2: decoy.limits.body: want a size such as "64KiB", got a date or time`},
		{"size text", "[decoy.limits]\nbody = \"1 potato\"", `a.toml:2: decoy.limits.body: invalid size "1 potato", want a whole number and a unit such as KiB, MiB, KB or MB`},
		{"size overflow", "[decoy.limits]\nbody = \"9999999999GiB\"", `a.toml:2: decoy.limits.body: size "9999999999GiB" is too large`},
		{"size negative", "[decoy.limits]\nbody = -1", `a.toml:2: decoy.limits.body: want a size, got the negative number -1`},
		{"size range", "[decoy.limits]\nheader = \"2MiB\"", `a.toml:2: decoy.limits.header: want 1KiB to 1MiB, got 2MiB`},
		{"duration unit", "[journal]\ndelay = \"50\"", `a.toml:2: journal.delay: missing unit in duration "50"`},
		{"duration type", "[journal]\ndelay = 50", `a.toml:2: journal.delay: want a duration such as "5ms", got an integer`},
		{"duration range", "[decoy.limits]\nsession_idle = \"0s\"", `a.toml:2: decoy.limits.session_idle: want 1s to 168h, got 0s`},
		{"integer range", "[journal]\nqueue = 0", `a.toml:2: journal.queue: want 1 to 1048576, got 0`},
		{"integer size", "[journal]\nqueue = 9223372036854775807", `a.toml:2: journal.queue: 9223372036854775807 is out of range`},
		{"bound", "[decoy.limits]\nconnections = 10\nsse_per_source = 4", `a.toml:0: decoy.limits.connections_per_source: 64 is more than decoy.limits.connections, which is 10`},
		{"no second fault", "[decoy.limits]\nbody = true\nrecorded_body = \"2MiB\"", `a.toml:2: decoy.limits.body: want a size such as "64KiB", got a boolean`},
		{"listen", "[decoy]\nlisten = \"127.0.0.1\"", `a.toml:2: decoy.listen: want an address and a port such as "127.0.0.1:3110", got "127.0.0.1"`},
		{"port", "[decoy]\nlisten = \":65536\"", `a.toml:2: decoy.listen: want a port from 0 to 65535, got "65536"`},
		{"listen host", "[decoy]\nlisten = \"a b:1\"", `a.toml:2: decoy.listen: "a b" is neither an address nor a host name`},
		{"path", "[decoy]\npath = \"mcp\"", `a.toml:2: decoy.path: want "/" and at most 255 characters that need no escaping, got "mcp"`},
		{"profile", "[decoy]\nprofile = \"lax\"", `a.toml:2: decoy.profile: want "strict", got "lax"`},
		{"engine", "[wasm]\nengine = \"jit\"", `a.toml:2: wasm.engine: want "compiler" or "interpreter", got "jit"`},
		{"log level", "[sensor]\nlog_level = \"INFO\"", `a.toml:2: sensor.log_level: want "debug" or "info" or "warn" or "error", got "INFO"`},
		{"name", "[sensor]\nname = \"a b\"", `a.toml:2: sensor.name: want 1 to 255 printable ASCII characters without blanks, got "a b"`},
		{"no persona", "[decoy]\npersonas = []", `a.toml:2: decoy.personas: has 0 entries, want 1 to 16`},
		{"same persona", "[decoy]\npersonas = [\"enterprise\", \"enterprise\"]", `a.toml:2: decoy.personas: entry 2: "enterprise" is entry 1 already`},
		{"persona name", "[decoy]\npersonas = [\"../x\"]", `a.toml:2: decoy.personas: entry 1: want "enterprise", an installed pack as publisher/name, or a path that ends in .wasm or .toml, got "../x"`},
		{"persona misspelt", "[decoy]\npersonas = [\"enterprize\"]", `a.toml:2: decoy.personas: entry 1: "enterprize" is not built in, did you mean "enterprise"?`},
		{"pack as persona", "[decoy]\npersonas = [\"core\"]", `a.toml:2: decoy.personas: entry 1: want "enterprise", an installed pack as publisher/name, or a path that ends in .wasm or .toml, got "core"`},
		{"boolean wanted", "[packs]\nallow_unsigned = \"yes\"", `a.toml:2: packs.allow_unsigned: want true or false, got a string`},
		{"trust", "[packs]\ntrust = \"\"", `a.toml:2: packs.trust: must not be empty: name a folder, which need not exist`},
		{"trust is a file", "[packs]\ntrust = \"file\"", `a.toml:2: packs.trust: "DIR/file" is not a folder`},
		{"packs dir is a file", "[packs]\ndir = \"file\"", `a.toml:2: packs.dir: "DIR/file" is not a folder`},
		{"no pack file", "[rules]\npacks = [\"no.wasm\"]", `a.toml:2: rules.packs: entry 1: "DIR/no.wasm": no such file or directory`},
		{"pack is a folder", "[rules]\npacks = [\"folder.wasm\"]", `a.toml:2: rules.packs: entry 1: "DIR/folder.wasm" is not a regular file`},
		{"state_dir", "[sensor]\nstate_dir = \"file\"", `a.toml:2: sensor.state_dir: "DIR/file" is not a folder`},
		{"state_dir below a file", "[sensor]\nstate_dir = \"file/x\"", `a.toml:2: sensor.state_dir: "DIR/file/x": not a directory`},
		{"state_dir empty", "[sensor]\nstate_dir = \"\"", `a.toml:2: sensor.state_dir: must not be empty`},
		{"seed is a folder", "[sensor]\nworld_seed_file = \"folder.wasm\"", `a.toml:2: sensor.world_seed_file: "DIR/folder.wasm" is not a regular file`},
		{"origin", "[decoy]\nallowed_origins = [\"hub.example.com\"]", `a.toml:2: decoy.allowed_origins: entry 1: want an origin such as "https://hub.example.com", got "hub.example.com"`},
		{"host", "[decoy]\nallowed_hosts = [\"hub:80\"]", `a.toml:2: decoy.allowed_hosts: entry 1: want a host name or address without a port, got "hub:80"`},
		{"proxy", "[decoy]\ntrusted_proxies = [\"10.0.0.0/33\"]", `a.toml:2: decoy.trusted_proxies: entry 1: want an address or a CIDR prefix such as "10.0.0.0/8", got "10.0.0.0/33"`},
		{"proxy bits", "[decoy]\ntrusted_proxies = [\"10.0.0.5/8\"]", `a.toml:2: decoy.trusted_proxies: entry 1: "10.0.0.5/8" has bits set after its prefix, want "10.0.0.0/8"`},
		{"sink without a name", "[[sinks]]\nplugin = \"file\"", `a.toml:1: sinks[0]: want a name of 1 to 64 letters, digits, - and _, got ""`},
		{"sink name", "[[sinks]]\nname = \"../x\"\nplugin = \"file\"", `a.toml:2: sinks[0].name: want a name of 1 to 64 letters, digits, - and _, got "../x"`},
		{"sink names", "[[sinks]]\nname = \"a\"\nplugin = \"file\"\n[[sinks]]\nname = \"a\"\nplugin = \"file\"", `a.toml:5: sinks[1].name: "a" is the name of another sink`},
		{"sink without a plugin", "\n[[sinks]]\nname = \"a\"", `a.toml:2: sinks[0]: lacks plugin: want a name such as "file", or a path`},
		{"sink plugin", "[[sinks]]\nname = \"a\"\nplugin = \"a b\"", `a.toml:3: sinks[0].plugin: want a name such as "file", or a path, got "a b"`},
		{"no sink plugin", "[[sinks]]\nname = \"a\"\nplugin = \"./no\"", `a.toml:3: sinks[0].plugin: "DIR/no": no such file or directory`},
		{"sink checksum", "[[sinks]]\nname = \"a\"\nplugin = \"file\"\nchecksum = \"sha256:ab\"", `a.toml:4: sinks[0].checksum: want "sha256:" and 64 hexadecimal digits, got "sha256:ab"`},
		{"sink kind", "[[sinks]]\nname = \"a\"\nplugin = \"file\"\nonly = [\"access\", \"detections\"]", `a.toml:4: sinks[0].only: entry 2: "detections" is no kind of event, did you mean "detection"?`},
		{"sink severity", "[[sinks]]\nname = \"a\"\nplugin = \"file\"\nmin_severity = \"bad\"", `a.toml:4: sinks[0].min_severity: want "info" or "low" or "medium" or "high" or "critical", got "bad"`},
		{"sink source", "[[sinks]]\nname = \"a\"\nplugin = \"file\"\nsources = [\"!10.0.0.1/8\"]", `a.toml:4: sinks[0].sources: entry 1: "10.0.0.1/8" has bits set after its prefix, want "10.0.0.0/8"`},
		{"sink start", "[[sinks]]\nname = \"a\"\nplugin = \"file\"\nstart = \"now\"", `a.toml:4: sinks[0].start: want "oldest" or "newest", got "now"`},
		{"sink timeout", "[[sinks]]\nname = \"a\"\nplugin = \"file\"\ntimeout = \"1ms\"", `a.toml:4: sinks[0].timeout: want 1s to 5m, got 1ms`},
		{"sink field", "[[sinks]]\nname = \"a\"\nplugin = \"file\"\ndrop = [\"args..x\"]", `a.toml:4: sinks[0].drop: entry 1: want a field such as "ip" or "args.password", got "args..x"`},
		{"sink key", "[[sinks]]\nname = \"a\"\nplugin = \"file\"\n[[sinks]]\nname = \"b\"\nplugin = \"file\"\nredacts = []", `a.toml:7: sinks[1].redacts: unknown key, did you mean "redact"?`},
		{"sinks as a table", "[sinks]\nname = \"a\"", `a.toml:1: sinks: want an array of tables, [[sinks]], got a table`},
		{"sink config", "[[sinks]]\nname = \"a\"\nplugin = \"file\"\nconfig = 1", `a.toml:4: sinks[0].config: want a table, got an integer`},
		{"sink of a misspelt table", "[[sink]]\nname = \"a\"", `a.toml:1: sink: unknown key, did you mean "sinks"?`},
		{"open dashboard", "[dashboard]\nlisten = \":3111\"", `a.toml:2: dashboard.listen: ":3111" is reachable from other machines: set dashboard.token, which "killdeer dashboard token" makes`},
		{"dashboard on a name", "[dashboard]\nlisten = \"localhost.evil.example:1\"", `a.toml:2: dashboard.listen: "localhost.evil.example:1" is reachable from other machines: set dashboard.token, which "killdeer dashboard token" makes`},
		{"plain token", "[dashboard]\ntoken = \"hunter2\"", `a.toml:2: dashboard.token: want "sha256:" and a digest, "cred:NAME", "file:/PATH" or "env:NAME": a token does not stand in a configuration; "killdeer dashboard token" makes one`},
		{"half a digest", "[dashboard]\ntoken = \"sha256:00ff\"", `a.toml:2: dashboard.token: want "sha256:" and 64 hexadecimal digits`},
		{"credential with a path", "[dashboard]\ntoken = \"cred:../x\"", `a.toml:2: dashboard.token: want the name of a credential after "cred:"`},
		{"dashboard host", "[dashboard]\nhosts = [\"a b\"]", `a.toml:2: dashboard.hosts: entry 1: want a host name or address without a port, got "a b"`},
		{"certificate without key", "[dashboard]\ntls_cert = \"x.pem\"", `a.toml:2: dashboard.tls_cert: want both dashboard.tls_cert and dashboard.tls_key, or neither`},
		{"key in a path of credentials", "[dashboard]\ntls_cert = \"cred:board.crt\"\ntls_key = \"cred:../x\"", `a.toml:3: dashboard.tls_key: want the name of a credential after "cred:", without a path`},
		{"syntax", "[decoy]\nlisten = 3x\n", `a.toml:2: column 11: expected a top-level item to end with a newline, comment, or EOF, but got 'x' instead, in "listen = 3x"`},
		{"no value", "[decoy]\nlisten =\npath = \"/\"\n", `a.toml:2: column 9: expected value but found '\n' instead, in "listen ="`},
		{"twice", "[wasm]\nspares = 1\nspares = 2", `a.toml:3: column 1: Key 'wasm.spares' has already been defined, in "spares = 2"`},
		{"open", "a = [", `a.toml:1: column 5: unexpected EOF; expected value, in "a = ["`},
		{"too deep", "a = " + strings.Repeat("[", 1<<19), `a.toml:1: nested deeper than 16 levels`},
		{"too many parts", strings.Repeat("a.", 1<<18) + "a = 1", `a.toml:1: nested deeper than 16 levels`},
		{"too large", strings.Repeat("\n", 1<<20+1), `a.toml: larger than 1MiB`},
		{
			"all at once", "[wasm]\nspares = -1\nengin = \"x\"\n[sensor]\nlog_level = 3\n\n[decoy]\nlisten = \"\"",
			"a.toml:2: wasm.spares: want 0 to 64, got -1\n" +
				"a.toml:3: wasm.engin: unknown key, did you mean \"engine\"?\n" +
				"a.toml:5: sensor.log_level: want a string, got an integer\n" +
				"a.toml:8: decoy.listen: want an address and a port such as \"127.0.0.1:3110\", got \"\"",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cfg, err := config.Parse("a.toml", []byte(tt.in), dir)
			var faults config.Faults
			if cfg != nil || !errors.As(err, &faults) {
				t.Fatalf("Parse = %v, %v, want Faults", cfg, err)
			}
			got := strings.ReplaceAll(err.Error(), dir, "DIR")
			if want := strings.ReplaceAll(tt.want, ":0:", ":"); got != want {
				t.Errorf("Parse(%.80q):\n got %s\nwant %s", tt.in, got, want)
			}
		})
	}
}

func TestUnits(t *testing.T) {
	for text, want := range map[string]string{"64KiB": "64KiB", "1MB": "1000000B", "1024": "1KiB", "0": "0B", "3 MiB": "3MiB"} {
		var s config.Size
		if err := s.UnmarshalText([]byte(text)); err != nil || s.String() != want {
			t.Errorf("Size %q = %v, %v, want %s", text, s, err, want)
		}
	}
	for text, want := range map[string]string{"30m": "30m", "90m": "1h30m", "2h": "2h", "5ms": "5ms", "10s": "10s"} {
		var d config.Duration
		if err := d.UnmarshalText([]byte(text)); err != nil || d.String() != want {
			t.Errorf("Duration %q = %v, %v, want %s", text, d, err, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	if data, err := os.ReadFile(shipped); err == nil {
		f.Add(string(data))
	}
	f.Add("[[a]]\nb = 1\n[a.c]\n\"d\\u0041\" = '''\n'x''''\n")
	f.Add("[[sinks]]\nname = \"a\"\nplugin = \"file\"\nonly = [\"access\"]\n[sinks.config]\na.b = [1, {c = 2}]\n")
	f.Add("a = { b = [1, {c = \"]\"}], }\r\n[decoy]\nlisten=\"\"\"\\\n :1\"\"\"\n")
	f.Fuzz(func(t *testing.T, text string) {
		cfg, err := config.Parse("a.toml", []byte(text), "")
		if (cfg == nil) == (err == nil) {
			t.Fatalf("Parse = %v, %v", cfg, err)
		}
		var faults config.Faults
		if err != nil && !errors.As(err, &faults) {
			t.Fatalf("Parse gave %T", err)
		}
		if n := strings.Count(text, "\n") + 1; err != nil {
			for _, fault := range faults {
				if fault.Line < 0 || fault.Line > n || strings.Contains(fault.Error(), "\n") {
					t.Errorf("fault %+v of %d lines", fault, n)
				}
			}
		}
	})
}

func TestNeedsRestart(t *testing.T) {
	a, b := config.Default(), config.Default()
	b.Decoy.Personas, b.Rules.Packs, b.Packs.AllowUnsigned = []string{"acme/bank"}, nil, true
	if got := a.NeedsRestart(b); len(got) != 0 {
		t.Errorf("NeedsRestart = %v, want none", got)
	}
	b.Decoy.Limits.Body, b.Sinks, b.Audit.Depth = 7, []config.Sink{{Name: "a"}}, "quick"
	if diff := cmp.Diff([]string{"decoy.personas", "decoy.limits.body", "rules.packs", "packs.allow_unsigned", "sinks"}, a.TakenOver(b)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	b.Decoy.Listen, b.Decoy.Limits.Header, b.WASM.Spares = ":80", 3, 0
	if diff := cmp.Diff([]string{"decoy.listen", "decoy.limits.header", "wasm.spares"}, a.NeedsRestart(b)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestPackNames(t *testing.T) {
	for name, want := range map[string]bool{
		"acme/bank": true, "a/b-2": true, "core": false, "acme/bank.wasm": false, "../x": false, "/a": false, "a/": false, "A/b": false, "a/b/c": false,
	} {
		if got := config.IsPack(name); got != want {
			t.Errorf("IsPack(%q) = %v, want %v", name, got, want)
		}
	}
}
