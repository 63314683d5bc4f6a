// Package internal_test holds the whole module to its layers.
package internal_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/killdeer-mcp/killdeer"

// mayImport says what each package may import from this module, from the ground
// up. A package that is not listed fails the test: decide its layer before
// adding it. Siblings on one floor do not import each other: declare the small
// interface that is needed, and let the floor above hand the neighbour in.
var mayImport = map[string][]string{
	"sdk": {},

	"sdk/guest":                {"sdk"},
	"persona/canary":           {},
	"persona/world":            {"sdk", "sdk/guest", "persona/canary"},
	"persona/enterprise/pgsql": {},
	"persona/enterprise/ql":    {},
	"persona/enterprise":       {"sdk", "sdk/guest", "persona/canary", "persona/world", "persona/enterprise/pgsql", "persona/enterprise/ql"},
	"persona/enterprise/wasm":  {"sdk", "sdk/guest", "persona/enterprise"},
	"persona/toml":             {"sdk", "sdk/guest", "persona/canary", "persona/world"},
	"persona/toml/wasm":        {"sdk", "sdk/guest", "persona/toml"},
	"rules/fold":               {},
	"rules/match":              {"sdk"},
	"rules/core":               {"sdk", "sdk/guest", "rules/fold"},
	"rules/toml":               {"sdk", "sdk/guest", "rules/match"},
	"rules/toml/wasm":          {"sdk", "sdk/guest", "rules/toml"},
	"rules/core/wasm":          {"sdk", "sdk/guest", "rules/core"},

	"internal/conformance":      {"sdk", "sdk/guest"},
	"internal/conformance/wasm": {"sdk", "sdk/guest", "internal/conformance"},
	"internal/bench/echo":       {"sdk", "sdk/guest"},

	"internal/wasm/meter":             {},
	"internal/wasm":                   {"internal/wasm/meter"},
	"internal/schema":                 {},
	"internal/tomltext":               {},
	"internal/printable":              {},
	"internal/pack":                   {},
	"internal/guests":                 {},
	"internal/guests/guesttest":       {"internal/guests/squeeze"},
	"internal/guests/squeeze":         {},
	"internal/guests/squeeze/squeeze": {"internal/guests/squeeze"},
	"internal/clients":                {},
	"internal/auditfixtures":          {},
	"internal/auditfixtures/server":   {},
	"agent/decoy/profile":             {"sdk", "sdk/guest"},
	"audit/evidence":                  {"sdk"},
	"audit/judge/canary":              {"sdk", "audit/evidence"},
	"audit/sandbox/sinkhole":          {"sdk", "audit/evidence"},
	"audit/sandbox":                   {"sdk", "audit/evidence", "audit/sandbox/sinkhole"},
	"audit/exercise/synth":            {"sdk", "internal/schema"},
	"audit/exercise":                  {"sdk", "audit/evidence", "audit/exercise/synth"},
	"audit/judge/wording":             {"rules/fold"},
	"audit/judge":                     {"sdk", "audit/evidence", "audit/judge/canary", "audit/judge/wording"},
	"audit/imitate":                   {"sdk", "sdk/guest", "audit/evidence"},
	"audit/clientconf":                {},
	"audit/fetch":                     {},
	"audit/lock":                      {"sdk", "audit/evidence"},
	"audit/policy":                    {"sdk", "audit/evidence", "internal/tomltext"},
	"audit/push":                      {"sdk", "audit/evidence"},
	"audit/report":                    {"sdk", "audit/evidence", "internal/printable"},
	"sdk/plugin":                      {"sdk", "sdk/plugin/pluginpb"},
	"sdk/plugin/pluginpb":             {},

	"packaging":        {},
	"packaging/stage":  {"packaging", "agent/config"},
	"agent/config":     {"sdk", "internal/tomltext"},
	"agent/service":    {"packaging"},
	"agent/certs":      {},
	"agent/monitor":    {},
	"agent/doctor":     {"agent/config", "internal/child", "internal/guests", "internal/pack", "internal/wasm"},
	"agent/decoy":      {"sdk", "sdk/guest", "agent/decoy/profile", "internal/schema"},
	"agent/journal":    {"sdk", "sdk/guest"},
	"agent/dashboard":  {"sdk", "internal/printable"},
	"agent/demo":       {},
	"agent/honeytoken": {"sdk", "sdk/guest", "persona/canary"},
	"internal/child":   {"sdk/plugin"},
	"plugins":          {"sdk", "sdk/plugin", "sdk/plugin/pluginpb", "internal/child"},
	"persona/trial":    {"sdk", "sdk/guest", "internal/wasm", "internal/schema", "audit/exercise/synth", "persona"},
	"persona":          {"sdk", "sdk/guest", "internal/wasm", "internal/schema", "internal/tomltext", "persona/canary", "persona/toml", "persona/world"},
	"rules":            {"sdk", "sdk/guest", "internal/wasm", "rules/fold", "rules/match", "rules/toml"},

	"plugins/sinktest":  {"sdk", "sdk/plugin", "plugins"},
	"plugins/file":      {"sdk", "sdk/plugin", "plugins/file/sink"},
	"plugins/file/sink": {"sdk", "sdk/plugin", "plugins/encode"},
	"examples":          {},
	"examples/sink":     {"sdk", "sdk/plugin"},
	"examples/go":       {"sdk", "sdk/guest"},
	"examples/go/wasm":  {"sdk", "sdk/guest", "examples/go"},
	"examples/command":  {},

	"agent": {
		"sdk", "sdk/guest", "agent/certs", "agent/config", "agent/dashboard", "agent/monitor", "agent/decoy", "agent/decoy/profile", "agent/journal", "agent/honeytoken",
		"persona", "persona/trial", "plugins", "rules", "internal/schema", "internal/wasm", "internal/guests", "internal/pack",
	},

	"audit": {"sdk", "audit/evidence", "audit/exercise", "audit/fetch", "audit/imitate", "audit/judge", "audit/lock", "audit/report", "audit/sandbox", "tracers"},

	"cmd/killdeer": {
		"agent", "agent/config", "agent/demo", "agent/journal", "agent/service", "agent/doctor", "packaging", "audit", "audit/clientconf", "audit/evidence", "audit/lock", "audit/imitate", "audit/policy", "audit/push", "audit/report", "audit/sandbox",
		"examples", "internal/pack", "internal/printable", "persona/trial", "plugins", "sdk",
	},
	"internal/bench":         {"internal/wasm"},
	"internal/bench/null":    {"sdk", "sdk/plugin"},
	"internal/bench/tracing": {"sdk", "tracers"},
	"internal/reliability":   {"sdk", "sdk/plugin", "agent/journal"},

	"plugins/encode":            {"sdk"},
	"plugins/encode/encodetest": {"sdk"},
	"plugins/syslog":            {"sdk", "sdk/plugin", "plugins/syslog/sink"},
	"plugins/syslog/sink":       {"sdk", "sdk/plugin", "plugins/encode"},
	"plugins/webhook":           {"sdk", "sdk/plugin", "plugins/webhook/sink"},
	"plugins/webhook/sink":      {"sdk", "sdk/plugin", "plugins/encode"},
	"internal/receivers":        {},

	"tracers":              {"sdk", "sdk/plugin", "sdk/plugin/pluginpb", "internal/child"},
	"tracers/tracetest":    {"sdk", "sdk/plugin", "tracers"},
	"tracers/strace":       {"sdk/plugin", "tracers/strace/trace"},
	"tracers/strace/trace": {"sdk", "tracers/form", "tracers/strace/line"},
	"tracers/strace/line":  {"sdk"},
	"tracers/ebpf":         {"sdk/plugin", "tracers/ebpf/watch"},
	"tracers/ebpf/watch":   {"sdk", "tracers/form"},
	"tracers/form":         {"sdk"},
}

// stdlibOnly are the packages that are compiled into guests, or imported by
// whoever writes one.
var stdlibOnly = []string{"sdk", "sdk/guest", "persona/canary", "persona/world", "persona/enterprise", "persona/enterprise/pgsql", "persona/enterprise/ql", "persona/toml", "rules/core", "rules/fold", "rules/match", "rules/toml", "internal/conformance", "plugins/encode"}

// testOnly are the packages that nothing which ships may import.
var testOnly = []string{
	"internal/auditfixtures", "internal/auditfixtures/server", "internal/clients", "internal/receivers", "internal/guests/guesttest", "internal/conformance", "internal/conformance/wasm",
	"plugins/sinktest", "plugins/encode/encodetest", "tracers/tracetest",
}

func TestLayers(t *testing.T) {
	found := sources(t, "..")
	for _, dir := range slices.Sorted(maps.Keys(found)) {
		for _, fault := range faults(dir, found[dir]) {
			t.Error(fault)
		}
	}
}

// TestTable keeps the table itself honest.
func TestTable(t *testing.T) {
	for pkg, allowed := range mayImport {
		for _, imported := range allowed {
			if _, ok := mayImport[imported]; !ok {
				t.Errorf("%s may import %s, which is not listed", pkg, imported)
			}
			if slices.Contains(mayImport[imported], pkg) {
				t.Errorf("%s and %s may import each other", pkg, imported)
			}
			if slices.Contains(testOnly, imported) && !slices.Contains(testOnly, pkg) {
				t.Errorf("%s may import %s, which is for tests", pkg, imported)
			}
		}
	}
}

func TestFaults(t *testing.T) {
	const doc = "// Package x is documented.\n"
	tests := []struct {
		name, dir, source, want string
	}{
		{"clean", "sdk/guest", doc + `package x; import ("fmt"; "` + module + `/sdk")`, ""},
		{"unlisted", "agent/moon", doc + "package x", "decide its layer"},
		{"upwards", "sdk", doc + `package x; import "` + module + `/agent"`, "sdk may not import agent"},
		{"sibling", "agent/decoy", doc + `package x; import "` + module + `/rules"`, "agent/decoy may not import rules"},
		{"third party", "rules/core", doc + `package x; import "example.com/y"`, "standard library only"},
		{"guest main", "rules/core/wasm", "//go:build wasip1\n\n" + doc + `package main; import "` + module + `/persona"`, "may not import persona"},
		{"no doc", "sdk", "package x", "no package comment"},
		{"doc elsewhere", "sdk", "// go away\n\npackage x", "no package comment"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			file, err := parser.ParseFile(token.NewFileSet(), "x.go", tt.source, parser.ImportsOnly|parser.ParseComments)
			if err != nil {
				t.Fatal(err)
			}
			got := strings.Join(faults(tt.dir, []*ast.File{file}), "\n")
			if tt.want == "" && got != "" || !strings.Contains(got, tt.want) {
				t.Errorf("faults = %q, want %q", got, tt.want)
			}
		})
	}
}

// faults lists what is wrong with one package, in a stable order.
func faults(pkg string, files []*ast.File) []string {
	allowed, ok := mayImport[pkg]
	if !ok {
		return []string{fmt.Sprintf("%s is not in the table of internal/layers_test.go: decide its layer, then list it", pkg)}
	}
	var found []string
	if !slices.ContainsFunc(files, func(f *ast.File) bool { return f.Doc != nil }) {
		found = append(found, fmt.Sprintf("%s has no package comment: say what it does and what it does not", pkg))
	}
	for _, file := range files {
		for _, spec := range file.Imports {
			if fault := importFault(pkg, spec, allowed); fault != "" {
				found = append(found, fault)
			}
		}
	}
	slices.Sort(found)
	return slices.Compact(found) // one line, however many files are at fault
}

func importFault(pkg string, spec *ast.ImportSpec, allowed []string) string {
	imported, err := strconv.Unquote(spec.Path.Value)
	if err != nil {
		return fmt.Sprintf("%s imports %s: %v", pkg, spec.Path.Value, err)
	}
	if imported == module {
		return fmt.Sprintf("%s may not import the root of the module", pkg)
	}
	if ours, ok := strings.CutPrefix(imported, module+"/"); ok {
		if !slices.Contains(allowed, ours) {
			return fmt.Sprintf("%s may not import %s", pkg, ours)
		}
		return ""
	}
	first, _, _ := strings.Cut(imported, "/")
	if strings.Contains(first, ".") && slices.Contains(stdlibOnly, pkg) {
		return fmt.Sprintf("%s imports %s: it may use the standard library only", pkg, imported)
	}
	return ""
}

// sources parses the package clauses and imports of the module, whatever their
// build tags: a guest's main is invisible to the tools of the host.
func sources(t *testing.T, root string) map[string][]*ast.File {
	t.Helper()
	found := map[string][]*ast.File{}
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			return skip(root, name)
		}
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly|parser.ParseComments)
		if err != nil {
			return err
		}
		dir, err := filepath.Rel(root, filepath.Dir(name))
		if err != nil {
			return err
		}
		dir = path.Clean(filepath.ToSlash(dir))
		found[dir] = append(found[dir], file)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// skip leaves out what the go command leaves out too, and modules of their own.
func skip(root, dir string) error {
	if dir == root {
		return nil
	}
	base := filepath.Base(dir)
	if base == "testdata" || base == "node_modules" || strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") {
		return fs.SkipDir
	}
	if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
		return fs.SkipDir
	}
	return nil
}
