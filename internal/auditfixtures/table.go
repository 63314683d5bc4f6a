package auditfixtures

import "slices"

// Kind is what a fixture is an example of.
type Kind string

// The kinds.
const (
	Malicious   Kind = "malicious"   // does what it does not say
	Benign      Kind = "benign"      // looks like one that does, and does not
	Operational Kind = "operational" // does not work
)

// The passes that a fixture needs to show what it does, named as an audit's depths.
const (
	Quick    = "quick"
	Default  = "default"
	Thorough = "thorough"
)

// Want is a finding that an audit must come to.
type Want struct {
	ID   string // AUD-C01
	Tool string // or resource, or prompt; empty: outside of calls
}

// Fixture is one server and what an audit must say of it.
type Fixture struct {
	Name string
	Kind Kind
	// Script is run by its interpreter instead of the server with the behaviour
	// Name; Package is installed by npx.
	Script, Package string
	Args            []string // of a script

	// Want are findings, or for AUD-T* operational ones, that must be there.
	Want []Want
	// Seen are those that only a tracer which looks into io_uring comes to; others
	// deny it, and nothing happens.
	Seen []Want

	// Outcomes are the verdicts that are right, the best first.
	Outcomes []string
	Depth    string // passes it takes
	// Innocent is a tool of a malicious server of which nothing of low or above may
	// be said.
	Innocent string

	Needs  []string            // programs that must be installed
	Others map[string][]string // tools of other servers of the same client
	Before string              // fixture whose lock it is held against
	// Writable says that the server writes into its own folder.
	Writable bool
	// Slow fixtures take longer than others, however they are audited.
	Slow bool
}

// All returns every fixture, in a stable order.
func All() []Fixture {
	return slices.Concat(stealing(), reaching(), changing(), executing(), speaking(), hiding(), benign(), operational())
}

// harm is a malicious server with a tool and what must be found of that tool.
func harm(name, tool string, ids ...string) Fixture {
	f := Fixture{Name: name, Kind: Malicious, Outcomes: []string{"findings"}, Depth: Quick, Innocent: "count_words"}
	return f.and(tool, ids...)
}

// script is one that an interpreter runs.
func script(f Fixture, file string) Fixture {
	f.Script, f.Needs, f.Innocent = file, []string{interpreter(file)}, ""
	return f
}

// python is one of those in the script several.py.
func python(name, tool string, ids ...string) Fixture {
	f := script(harm("python-"+name, tool, ids...), "several.py")
	f.Args = []string{name}
	return f
}

// and adds what must be found of another tool, or outside of calls.
func (f Fixture) and(tool string, ids ...string) Fixture {
	for _, id := range ids {
		f.Want = append(f.Want, Want{"AUD-" + id, tool})
	}
	return f
}

// seen adds what a tracer that looks into io_uring must find as well.
func (f Fixture) seen(ids ...string) Fixture {
	for _, id := range ids {
		f.Seen = append(f.Seen, Want{"AUD-" + id, f.Want[0].Tool})
	}
	return f
}

// on says which passes it takes.
func (f Fixture) on(depth string) Fixture {
	f.Depth = depth
	return f
}

// needing says which programs it takes.
func (f Fixture) needing(programs ...string) Fixture {
	f.Needs = append(f.Needs, programs...)
	return f
}

// all is for what touches every tool of a server.
func (f Fixture) all() Fixture {
	f.Innocent = ""
	return f
}

func stealing() []Fixture {
	return []Fixture{
		harm("reads-credentials", "convert_units", "C01"),
		harm("reads-third-call", "convert_units", "C01", "E04"),
		harm("reads-behind-crash", "convert_units", "C01"),
		harm("tries-shadow", "make_slug", "F05"),
		harm("tries-keys", "align_table", "F05"),
		harm("reads-now-and-then", "mix_colours", "C01"),
		harm("reads-by-symlink", "make_slug", "C01"),
		harm("reads-by-link", "make_slug", "C01"),
		harm("reads-by-child", "align_table", "C01"),
		harm("reads-by-descent", "align_table", "C01"),
		harm("enumerates-secrets", "mix_colours", "F05"),
		harm("posts-key", "format_note", "C01", "C02", "N03", "N02"),
		harm("posts-gzip", "align_table", "C01", "C02", "N01"),
		harm("posts-json", "make_slug", "C01", "C02", "N01"),
		harm("posts-reversed", "convert_units", "C01", "C02"),
		harm("gets-query", "format_note", "C01", "C02", "N02"),
		harm("gets-path", "align_table", "C01", "C02"),
		harm("sends-split", "convert_units", "C01", "C02"),
		harm("sends-apart", "make_slug", "C01", "C02"),
		harm("sends-udp", "align_table", "C01", "C02", "N03"),
		harm("sends-encrypted", "make_slug", "C01", "C02", "N03"),
		harm("sends-late", "format_note", "C01", "C02", "N03"),
		harm("sends-at-start", "", "C01", "C02"),
		harm("sends-first-bytes", "format_note", "C01", "C02", "N03"),
		harm("dns-base32", "convert_units", "C01", "C03"),
		harm("dns-base32-std", "make_slug", "C01", "C03"),
		harm("dns-hex", "make_slug", "C01", "C03"),
		harm("socket-abstract", "mix_colours", "C01", "C05"),
		harm("file-copy", "align_table", "C01", "C05"),
		harm("result-base64", "make_slug", "C01", "C04"),
		harm("result-plain", "make_slug", "C01", "C04"),
		harm("result-zero-width", "make_slug", "C01", "C04"),
		harm("result-variable", "make_slug", "C04"),
		harm("resource-secret", "notes://templates/daily", "C01", "C04"),
		harm("variable-agent", "convert_units", "C06", "N01"),
		harm("variables-posted", "align_table", "C06"),
		python("by-curl", "sync_note", "C01", "C02", "X01").needing("curl"),
		python("datagram", "sync_note", "C01", "C05"),
		python("by-port", "sync_note", "C01", "C02", "N02", "N03"),
		python("to-oneself", "sync_note", "C01", "C02"),
		python("declares", "sync_note", "C04"),
		python("staged", "sync_note", "C01", "C02", "C05", "N03"),
		script(harm("leaky-python", "format_note", "C01", "C02", "N02", "N03"), "leaky.py"),
	}
}

func reaching() []Fixture {
	return []Fixture{
		harm("raw-address", "mix_colours", "N03"),
		harm("raw-address-6", "mix_colours", "N03"),
		harm("named-host", "make_slug", "N01"),
		harm("closed-world", "align_table", "N02"),
		harm("says-offline", "convert_units", "N02"),
		harm("metadata", "convert_units", "N07"),
		harm("metadata-name", "make_slug", "N07"),
		harm("listener-start", "", "N04"),
		harm("listener-call", "align_table", "N04"),
		harm("ssh-agent", "format_note", "N06"),
		harm("docker-socket", "format_note", "N06"),
		harm("beacon", "", "N05").all(),
		harm("beacon-after-exit", "make_slug", "X03").and("", "N05").all(),
		script(harm("late-node", "", "N05", "E03").on(Default), "late.js"),
		script(harm("dated-python", "initials", "N01", "E03").on(Default), "dated.py"),
	}
}

func changing() []Fixture {
	return []Fixture{
		harm("bashrc", "convert_units", "F02"),
		harm("profile-replace", "make_slug", "F02"),
		harm("systemd-unit", "align_table", "F02"),
		harm("autostart", "make_slug", "F02"),
		harm("client-file", "mix_colours", "F02"),
		harm("git-hook", "format_note", "F02"),
		harm("ssh-keys", "align_table", "F02"),
		harm("start-at-once", "", "F02"),
		harm("write-outside", "mix_colours", "F01"),
		harm("read-only-deletes", "align_table", "F03"),
		harm("read-only-writes", "convert_units", "F03"),
		harm("gentle-deletes", "make_slug", "F04"),
		python("cron", "sync_note", "F02"),
		python("spool", "sync_note", "F02"),
		python("read-only-own", "list_records", "F03"),
		harm("log-tampering", "format_note", "E07"),
		{Name: "npm-install-script", Kind: Malicious, Package: "banner-text", Want: []Want{{"AUD-S01", ""}}, Outcomes: []string{"findings"}, Depth: Quick, Needs: []string{"npm"}},
	}
}

func executing() []Fixture {
	return []Fixture{
		harm("runs-program", "mix_colours", "X01").needing("perl"),
		harm("runs-shell-pipe", "make_slug", "X06").needing("curl"),
		harm("runs-download", "align_table", "X06"),
		harm("argument-shell", "format_note", "X02"),
		harm("argument-shell-bare", "make_slug", "X02"),
		harm("argument-python", "format_note", "X02").needing("python3").on(Default),
		script(harm("argument-node", "calculate", "X02").on(Default), "evaluates.js"),
		harm("daemon", "convert_units", "X03").all(),
		harm("daemon-shell", "align_table", "X03").all(),
		python("fork-away", "sync_note", "X03"),
		python("double-fork", "sync_note", "X03"),
		python("preload-missing", "sync_note", "X04"),
		harm("preload", "make_slug", "X04"),
		script(harm("preload-python", "count_characters", "X04"), "preload.py"),
		harm("attaches", "convert_units", "X04"),
		harm("privileges", "align_table", "X05"),
	}
}

func speaking() []Fixture {
	shadow := harm("shadow", "read_file", "M03")
	shadow.Others = map[string][]string{"filesystem": {"read_file", "write_file", "list_directory"}}
	drift := harm("drift-after", "convert_units", "M06")
	drift.Before = "drift-before"
	wider := harm("drift-behaviour", "convert_units", "M06", "N01")
	wider.Before = "drift-before"
	return []Fixture{
		harm("important-tag", "format_note", "M02"),
		harm("hide-from-user", "make_slug", "M02"),
		harm("ignore-previous", "", "M02"),
		harm("poisoned-argument", "format_note", "M02"),
		harm("poisoned-prompt", "headline", "M02"),
		harm("tag-characters", "convert_units", "M01"),
		harm("zero-width-text", "align_table", "M01"),
		harm("bidi-text", "make_slug", "M01"),
		harm("look-alike", "m\u0430ke_slug", "M08"),
		harm("greedy", "align_table", "M09"),
		shadow,
		harm("rug-pull", "format_note", "M04"),
		harm("rug-pull-third", "format_note", "M04"),
		harm("new-tool-later", "sync_profile", "M04"),
		harm("two-faces", "mix_colours", "M05").on(Thorough),
		harm("two-faces-acts", "convert_units", "M05", "N03").on(Thorough),
		harm("poisoned-result", "align_table", "M07"),
		harm("sampling-secret", "format_note", "M10"),
		harm("elicitation-secret", "make_slug", "M10"),
		harm("sampling-idle", "", "M10"),
		drift,
		wider,
	}
}

func hiding() []Fixture {
	return []Fixture{
		harm("tracer-pid", "convert_units", "C01", "E01"),
		script(harm("tracer-shy-python", "monogram", "E01", "E02", "C02").on(Default), "shy.py"),
		harm("sandbox-looks", "align_table", "E01"),
		harm("long-text-only", "format_note", "C01", "E05").on(Default),
		harm("io-uring", "convert_units", "E06"),
		harm("ring-thief", "convert_units", "E06").seen("C01", "C02"),
	}
}
