package encode_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/killdeer-mcp/killdeer/plugins/encode"
	"github.com/killdeer-mcp/killdeer/plugins/encode/encodetest"
	"github.com/killdeer-mcp/killdeer/sdk"
)

// ocsfFile is the published schema without its texts; internal/receivers prints it
// from a package that holds the whole, and a test there compares them.
const ocsfFile = "testdata/ocsf-1.8.0.json"

// all are the ordinary events, and those filled with what is hostile.
func all() map[string]sdk.Event {
	events := encodetest.Events()
	for name, text := range encodetest.Hostile() {
		events[name+", call"] = encodetest.Filled(false, text)
		events[name+", detection"] = encodetest.Filled(true, text)
	}
	return events
}

func TestOCSFSchema(t *testing.T) {
	valid := ocsfValidator(t)
	for name, e := range all() {
		if err := valid(line(t, encode.OCSF)(&e)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestOCSFSchemaRefuses keeps the test above from passing for want of a schema.
func TestOCSFSchemaRefuses(t *testing.T) {
	valid := ocsfValidator(t)
	e := encodetest.Call()
	good := string(line(t, encode.OCSF)(&e))
	for name, change := range map[string][2]string{
		"unknown field": {`"time":`, `"when":1,"time":`},
		"wrong type":    {`"time":1776868200125`, `"time":"now"`},
		"no operation":  {`"operation":"confluence_search",`, ``},
		"bad address":   {`"ip":"10.0.1.42"`, `"ip":"10.0.1"`},
		"bad severity":  {`"severity_id":1`, `"severity_id":42`},
	} {
		bad := strings.Replace(good, change[0], change[1], 1)
		if bad == good {
			t.Fatalf("%s: nothing to replace in %s", name, good)
		}
		if valid([]byte(bad)) == nil {
			t.Errorf("%s passes", name)
		}
	}
}

func ocsfValidator(t testing.TB) func(line []byte) error {
	t.Helper()
	text, err := os.ReadFile(ocsfFile)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(jsonschema.Draft2020)
	compiler.AssertFormat()
	if err := compiler.AddResource("ocsf.json", doc); err != nil {
		t.Fatal(err)
	}
	classes := map[string]*jsonschema.Schema{}
	for _, uid := range []string{"0", "2004", "6003", "6008"} {
		schema, err := compiler.Compile("ocsf.json#/$defs/class-" + uid)
		if err != nil {
			t.Fatal(err)
		}
		classes[uid] = schema
	}
	return func(line []byte) error {
		value, err := jsonschema.UnmarshalJSON(bytes.NewReader(line))
		if err != nil {
			return err
		}
		uid := fmt.Sprint(value.(map[string]any)["class_uid"])
		if classes[uid] == nil {
			return fmt.Errorf("class_uid %s", uid)
		}
		return classes[uid].Validate(value)
	}
}

func TestECSSchema(t *testing.T) {
	types := ecsTypes(t)
	for name, e := range all() {
		for _, fault := range ecsFaults(types, line(t, encode.ECS)(&e)) {
			t.Errorf("%s: %s", name, fault)
		}
	}
}

func TestECSSchemaRefuses(t *testing.T) {
	types := ecsTypes(t)
	for name, bad := range map[string]string{
		"no such field": `{"event":{"kind":"event","flavour":"x"}}`,
		"wrong type":    `{"event":{"severity":"high"}}`,
		"no address":    `{"source":{"ip":"localhost"}}`,
		"no kind":       `{"event":{"kind":"detection"}}`,
		"no such type":  `{"event":{"category":["intrusion_detection"],"type":["access"]}}`,
	} {
		if len(ecsFaults(types, []byte(bad))) == 0 {
			t.Errorf("%s passes: %s", name, bad)
		}
	}
}

// ecsTypes reads which fields the schema has, and of what type.
func ecsTypes(t testing.TB) map[string]string {
	t.Helper()
	file, err := os.Open("testdata/ecs-fields.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	reader := csv.NewReader(file)
	reader.Comment = '#'
	rows, err := reader.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	types := map[string]string{}
	for _, row := range rows {
		types[row[0]] = row[1]
	}
	return types
}

// The schema's words for the categories that lines use, and for the types that go
// with each.
var (
	ecsKinds    = []string{"alert", "asset", "enrichment", "event", "metric", "pipeline_error", "signal", "state"}
	ecsOutcomes = []string{"failure", "success", "unknown"}
	ecsExpected = map[string][]string{
		"api":                 {"access", "admin", "allowed", "change", "creation", "deletion", "denied", "end", "info", "start", "user"},
		"host":                {"access", "change", "end", "info", "start"},
		"intrusion_detection": {"allowed", "denied", "info"},
	}
)

func ecsFaults(types map[string]string, line []byte) []string {
	var doc map[string]any
	if err := json.Unmarshal(line, &doc); err != nil {
		return []string{err.Error()}
	}
	delete(doc, "mcp") // the schema leaves room for fields of one's own
	faults := ecsWalk(types, "", doc)
	event, _ := doc["event"].(map[string]any)
	if kind, ok := event["kind"].(string); ok && !slices.Contains(ecsKinds, kind) {
		faults = append(faults, "event.kind is "+kind)
	}
	if outcome, ok := event["outcome"].(string); ok && !slices.Contains(ecsOutcomes, outcome) {
		faults = append(faults, "event.outcome is "+outcome)
	}
	for _, category := range list(event["category"]) {
		for _, of := range list(event["type"]) {
			if !slices.Contains(ecsExpected[category], of) {
				faults = append(faults, fmt.Sprintf("event.type %s does not go with event.category %s", of, category))
			}
		}
	}
	return faults
}

func list(v any) []string {
	var words []string
	values, _ := v.([]any)
	for _, value := range values {
		words = append(words, fmt.Sprint(value))
	}
	return words
}

func ecsWalk(types map[string]string, path string, value any) []string {
	if fields, ok := value.(map[string]any); ok && types[path] == "" {
		var faults []string
		for name, field := range fields {
			faults = append(faults, ecsWalk(types, strings.TrimPrefix(path+"."+name, "."), field)...)
		}
		return faults
	}
	of, ok := types[path]
	if !ok {
		return []string{path + " is no field of the schema"}
	}
	values, ok := value.([]any)
	if !ok {
		values = []any{value}
	}
	for _, v := range values {
		if !ecsFits(of, v) {
			return []string{fmt.Sprintf("%s is %v, which is no %s", path, v, of)}
		}
	}
	return nil
}

func ecsFits(of string, v any) bool {
	text, isText := v.(string)
	number, isNumber := v.(float64)
	switch of {
	case "keyword", "wildcard", "match_only_text":
		return isText
	case "long":
		return isNumber && number == float64(int64(number))
	case "date":
		_, err := time.Parse(time.RFC3339, text)
		return err == nil
	case "ip":
		_, err := netip.ParseAddr(text)
		return err == nil
	}
	return false
}
