package dashboard_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// described is the description of the API, as far as the tests read it.
type described struct {
	Paths map[string]map[string]struct {
		OperationID string
		Parameters  []parameter
		Responses   map[string]json.RawMessage
	}
	Components struct {
		Parameters map[string]parameter
		Responses  map[string]json.RawMessage
	}
}

type parameter struct {
	Ref    string `json:"$ref"`
	Name   string
	In     string
	Schema struct {
		Type, Format, Pattern string
		Enum                  []string
		Minimum, Maximum      *int
	}
}

func description(t testing.TB) (*described, *jsonschema.Compiler) {
	t.Helper()
	text, err := os.ReadFile("openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	var d described
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("mem:///openapi.json", doc); err != nil {
		t.Fatal(err)
	}
	return &d, c
}

// pointer is a step of a JSON pointer (RFC 6901 §3), in a URL's fragment.
func pointer(step string) string {
	return url.PathEscape(strings.NewReplacer("~", "~0", "/", "~1").Replace(step))
}

// check holds one answer to what the description says of its path and status.
func (d *described) check(t testing.TB, c *jsonschema.Compiler, path, method string, resp *http.Response, body string) {
	t.Helper()
	op, ok := d.Paths[path][method]
	if !ok {
		t.Errorf("%s %s is not described", method, path)
		return
	}
	code := fmt.Sprint(resp.StatusCode)
	raw, ok := op.Responses[code]
	if !ok {
		t.Errorf("%s %s: status %s is not described: %.200s", method, path, code, body)
		return
	}
	at := "mem:///openapi.json#/paths/" + pointer(path) + "/" + method + "/responses/" + code
	var link struct {
		Ref string `json:"$ref"`
	}
	if json.Unmarshal(raw, &link) == nil && link.Ref != "" {
		name := link.Ref[strings.LastIndexByte(link.Ref, '/')+1:]
		raw, at = d.Components.Responses[name], "mem:///openapi.json"+link.Ref
	}
	var content struct{ Content map[string]json.RawMessage }
	if err := json.Unmarshal(raw, &content); err != nil {
		t.Fatal(err)
	}
	kind, _, _ := strings.Cut(resp.Header.Get("Content-Type"), ";")
	if _, ok := content.Content[kind]; !ok && (body != "" || len(content.Content) > 0) {
		t.Errorf("%s %s: %s: content %q, want %v", method, path, code, kind, slices.Collect(maps.Keys(content.Content)))
		return
	}
	if kind != "application/json" {
		return
	}
	schema, err := c.Compile(at + "/content/application~1json/schema")
	if err != nil {
		t.Fatal(err)
	}
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(body))
	if err == nil {
		err = schema.Validate(v)
	}
	if err != nil {
		t.Errorf("%s %s: %s: %v in %.500s", method, path, code, err, body)
	}
}

// values returns what a parameter may be, and what it may not.
func (p *parameter) values() (good, bad []string) {
	switch {
	case p.Schema.Enum != nil:
		return p.Schema.Enum, []string{"other", "\x00"}
	case p.Schema.Type == "integer":
		return []string{fmt.Sprint(*p.Schema.Minimum), fmt.Sprint(*p.Schema.Minimum + 7), fmt.Sprint(*p.Schema.Maximum)},
			[]string{"abc", "-1", "1.5", "99999999999999999999", "0x10", " 1", fmt.Sprint(*p.Schema.Minimum - 1), fmt.Sprint(*p.Schema.Maximum + 1)}
	case p.Schema.Format == "date-time":
		return []string{"2026-11-20T14:03:00Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999999+14:00"}, []string{"yesterday", "2026-11-20", "2026-13-01T00:00:00Z"}
	case p.Schema.Pattern != "":
		return []string{"1", "999999999999999999"}, []string{"0", "abc", "-1", "99999999999999999999"}
	}
	return []string{"x", "10.0.0.1", "tools/call", "s-1", "a b&c=%00\x00\u202e", strings.Repeat("é", 900)}, []string{"\xff\xfe", strings.Repeat("x", 3000)}
}

// TestAnswersAsDescribed asks every path with every parameter it has, each with
// values that the description allows and ones that it does not.
func TestAnswersAsDescribed(t *testing.T) {
	d, c := description(t)
	b := serve(t, sample(), nil)
	asked := 0
	one := func(path, method string, q url.Values, id string, want ...int) {
		at := strings.NewReplacer("{id}", url.PathEscape(id), "{ip}", url.PathEscape(id)).Replace(path)
		if enc := q.Encode(); enc != "" {
			at += "?" + enc
		}
		resp := b.ask(strings.ToUpper(method), at, "")
		asked++
		if !slices.Contains(want, resp.StatusCode) {
			t.Errorf("%s %s: %s, want %v", method, at, resp.Status, want)
		}
		body := ""
		if path != "/api/events" || resp.StatusCode != http.StatusOK {
			body = read(t, resp)
		}
		d.check(t, c, path, method, resp, body)
		resp.Body.Close()
	}
	for path, methods := range d.Paths {
		op, ok := methods["get"]
		if !ok {
			continue
		}
		found := map[string][]string{
			"/api/logs/{id}": {"a1", "7"}, "/api/sessions/{id}": {"s-1", hostile}, "/api/sessions/{id}/transcript": {"s-1", hostile}, "/api/sources/{ip}": {"10.0.0.1"},
		}[path]
		if found != nil {
			for _, id := range found {
				one(path, "get", nil, id, 200)
			}
			for _, id := range []string{"nope", "..", "%", "a/b", "\x00\u202e", strings.Repeat("x", 300)} {
				one(path, "get", nil, id, 404)
			}
			one(path, "get", nil, "\xff", 400, 404)
		} else {
			one(path, "get", nil, "", 200)
		}
		id := slices.Concat(found, []string{""})[0]
		one(path, "get", url.Values{"nonsense": {"1"}}, id, 400)
		for _, p := range op.Parameters {
			if p.Ref != "" {
				p = d.Components.Parameters[p.Ref[strings.LastIndexByte(p.Ref, '/')+1:]]
			}
			if p.In != "query" {
				continue
			}
			good, bad := p.values()
			for _, v := range good {
				one(path, "get", url.Values{p.Name: {v}}, id, 200)
			}
			for _, v := range bad {
				one(path, "get", url.Values{p.Name: {v}}, id, 400)
			}
			one(path, "get", url.Values{p.Name: {good[0], good[0]}}, id, 400)
		}
	}
	one("/api/logout", "post", nil, "", 204)
	t.Logf("%d requests", asked)
}

// Everything that is served is described, and the other way round: the path of a
// request that comes without the token is not told from one that does not exist, so
// it is asked with it.
func TestDescribedPathsExist(t *testing.T) {
	d, _ := description(t)
	b := serve(t, sample(), nil)
	for path, methods := range d.Paths {
		for method := range methods {
			at := strings.NewReplacer("{id}", "a1", "{ip}", "10.0.0.1").Replace(path)
			if resp := b.ask(strings.ToUpper(method), at, ""); resp.StatusCode == http.StatusMethodNotAllowed || resp.StatusCode == http.StatusNotFound && !strings.Contains(path, "{") {
				t.Errorf("%s %s: %s", method, path, resp.Status)
			}
			if resp := b.ask("DELETE", at, ""); resp.StatusCode != http.StatusMethodNotAllowed {
				t.Errorf("DELETE %s: %s", path, resp.Status)
			}
		}
	}
	if resp := b.ask("GET", "/api/nothing", ""); resp.StatusCode != http.StatusNotFound || resp.Header.Get("Content-Type") != "application/json" {
		t.Errorf("a path that is not there: %s %s", resp.Status, resp.Header.Get("Content-Type"))
	}
}

// TestSchemathesis lets a tool that knows only the description look for answers that
// are not as it says.
func TestSchemathesis(t *testing.T) {
	const tool = "pagetest/.venv/bin/schemathesis"
	need(t, "browser", "schemathesis is not installed: run make browser", absent(tool))
	program, err := filepath.Abs(tool)
	if err != nil {
		t.Fatal(err)
	}
	file, err := filepath.Abs("openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	b := serve(t, sample(), nil)
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	// A live feed does not end: it has tests of its own.
	cmd := exec.CommandContext(ctx, program, "run", file, "--url", b.url, "--header", "Authorization: Bearer "+token, "--exclude-path", "/api/events",
		"--max-examples", "8", "--phases", "examples,coverage,fuzzing", "--seed", "7", "--generation-database", "none", "--request-timeout", "10", "--no-color")
	cmd.Dir = t.TempDir() // it leaves notes behind
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Error(err)
	}
}
