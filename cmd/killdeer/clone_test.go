//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/killdeer-mcp/killdeer/internal/guests"
)

// real are servers from npm, the folders that they are given, and calls that they and
// their clones must answer in the same shape. Files lie in the folder that a server
// is given.
var real = []struct {
	server string
	folder bool
	calls  string
}{
	{server: "memory", calls: `[
		["create_entities",{"entities":[{"name":"Rigel","entityType":"host","observations":["runs the billing jobs","in Potsdam"]}]}],
		["read_graph",{}], ["search_nodes",{"query":"Rigel"}], ["delete_entities",{"entityNames":["Rigel"]}], ["search_nodes",{"query":7}]]`},
	{server: "filesystem", folder: true, calls: `[
		["list_allowed_directories",{}], ["list_directory",{"path":"FOLDER"}], ["read_text_file",{"path":"FOLDER/notes.txt"}],
		["write_file",{"path":"FOLDER/new.txt","content":"twelve"}], ["read_text_file",{"path":"FOLDER/notes.txt","head":1,"tail":1}]]`},
	{server: "everything", calls: `[
		["echo",{"message":"hello \"there\" {{.args}} </b>"}], ["get-sum",{"a":2,"b":40}], ["get-tiny-image",{}],
		["get-structured-content",{"location":"Chicago"}], ["get-annotated-message",{"messageType":"error"}], ["get-env",{}], ["get-resource-reference",{"resourceType":"Blob","resourceId":2}]]`},
}

// A clone of a real server is listed by the official client as the server itself is,
// and answers in the same shape.
func TestCloneRealServers(t *testing.T) {
	clients := filepath.Join("..", "..", "internal", "clients")
	for need, there := range map[string]bool{
		"make clients": exists(filepath.Join(clients, "node_modules", "@modelcontextprotocol", "server-memory")),
		"bwrap":        hasProgram("bwrap"), "node": hasProgram("node"),
	} {
		if !there {
			lacking(t, "clients", need)
		}
	}
	if _, err := guests.Open("persona-toml"); err != nil {
		t.Skip(err)
	}
	cache := t.TempDir()
	for _, r := range real {
		t.Run(r.server, func(t *testing.T) {
			t.Parallel()
			cloneReal(t, clients, cache, r.server, r.folder, r.calls)
		})
	}
}

func cloneReal(t *testing.T, clients, cache, server string, folder bool, calls string) {
	script, err := filepath.Abs(filepath.Join(clients, "node_modules", "@modelcontextprotocol", "server-"+server, "dist", "index.js"))
	if err != nil {
		t.Fatal(err)
	}
	argv := []string{"node", script}
	if folder {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "notes.txt"), []byte("one\ntwo\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		argv, calls = append(argv, dir), strings.ReplaceAll(calls, "FOLDER", dir)
	}
	file := filepath.Join(t.TempDir(), server+".toml")
	out, err := exec.CommandContext(t.Context(), "killdeer", append([]string{"persona", "clone", "-o", file, "--"}, argv...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("clone: %v\n%s", err, out)
	}
	t.Logf("%s", out)
	v := decoyOf(t, cache, file)
	v.start()
	defer v.stop()
	target, err := json.Marshal(argv)
	if err != nil {
		t.Fatal(err)
	}
	original, clone := lookAt(t, clients, "stdio:"+string(target), calls), lookAt(t, clients, v.url, calls)
	for _, part := range []string{"server", "instructions", "lists"} {
		if diff := cmp.Diff(original[part], clone[part]); diff != "" {
			t.Errorf("%s of the clone (-original +clone):\n%s", part, diff)
		}
	}
	for i, want := range original["answers"].([]any) {
		got := clone["answers"].([]any)[i]
		if diff := differs("answer", want, got); diff != nil {
			t.Errorf("answer %d has another shape: %q\noriginal %v\nclone %v", i, diff, want, got)
		}
	}
}

// differs says where two values have not the same members and types. Lists are
// alike if their first elements are, or if one is empty.
func differs(at string, a, b any) []string {
	switch a := a.(type) {
	case map[string]any:
		other, _ := b.(map[string]any)
		var out []string
		for _, key := range slices.Sorted(maps.Keys(a)) {
			if _, ok := other[key]; !ok {
				out = append(out, at+"."+key+" is missing")
			} else if out = append(out, differs(at+"."+key, a[key], other[key])...); slices.Contains([]string{"type", "isError", "mimeType", "error"}, key) && a[key] != other[key] {
				out = append(out, fmt.Sprintf("%s.%s is %v, not %v", at, key, other[key], a[key]))
			}
		}
		for key := range other {
			if _, ok := a[key]; !ok {
				out = append(out, at+"."+key+" is more")
			}
		}
		return out
	case []any:
		other, ok := b.([]any)
		if ok && (len(a) == 0 || len(other) == 0) {
			return nil
		}
		if ok {
			return differs(at+"[0]", a[0], other[0])
		}
	}
	if fmt.Sprintf("%T", a) != fmt.Sprintf("%T", b) {
		return []string{fmt.Sprintf("%s is %T, not %T", at, b, a)}
	}
	return nil
}
