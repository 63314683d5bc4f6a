package persona

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/yosida95/uritemplate/v3"

	"github.com/killdeer-mcp/killdeer/sdk"
)

func openDoc(t testing.TB, doc string) (*sdk.Catalog, error) {
	t.Helper()
	h := NewHost(Options{WorldSeed: []byte("seed"), Log: slog.New(slog.DiscardHandler)})
	if err := h.Open(t.Context(), []Module{{"t", &fakeGuest{describe: doc}}}, nil); err != nil {
		return nil, err
	}
	return h.Catalog(t.Context())
}

// with puts members before the last ones of a small description.
func with(members string) string {
	return strings.Replace(describeDoc, `"fallback"`, members+`,"fallback"`, 1)
}

func TestOffers(t *testing.T) {
	c, err := openDoc(t, fullDoc)
	if err != nil {
		t.Fatal(err)
	}
	seed := seedFor([]byte("seed"), companyOf)
	a := string(expand("test://a/{{fake:login:1}}", seed))
	want := &sdk.Catalog{
		Resources: []sdk.Resource{
			{URI: a, Definition: sdk.RawJSON(`{"uri":"` + a + `","name":"a","mimeType":"text/plain"}`), Persona: "t", Grain: 5 * time.Minute, Every: 3 * time.Second},
			{URI: "test://b", Definition: sdk.RawJSON(`{"uri":"test://b","name":"b"}`), Persona: "t", Grain: 5 * time.Minute},
		},
		Templates: []sdk.ResourceTemplate{
			{URITemplate: "test://c/{id}", Definition: sdk.RawJSON(`{"uriTemplate":"test://c/{id}","name":"c"}`), Persona: "t", Grain: 5 * time.Minute},
		},
		Prompts: []sdk.Prompt{
			{Name: "plain", Definition: sdk.RawJSON(`{"name":"plain"}`), Persona: "t"},
			{
				Name: "with", Definition: sdk.RawJSON(`{"name":"with","arguments":[{"name":"x","required":true},{"name":"y"}]}`), Persona: "t",
				Arguments: []sdk.PromptArgument{{Name: "x", Required: true}, {Name: "y"}},
			},
		},
		Completions: true, Logging: true, Subscribe: true, Changes: sdk.Changes{Tools: true, Prompts: true},
	}
	if diff := cmp.Diff(want, c, cmpopts.IgnoreFields(sdk.Catalog{}, "Server", "Tools", "Routes")); diff != "" {
		t.Error(diff)
	}
	if strings.Contains(a, "{{") {
		t.Errorf("uri = %s, not expanded", a)
	}
	if got := string(c.Tools[1].OutputSchema); !strings.HasPrefix(got, `{"type":"object"`) || c.Tools[0].OutputSchema != nil {
		t.Errorf("output schemas: %s and %s", c.Tools[0].OutputSchema, got)
	}
}

func TestOffersRefused(t *testing.T) {
	tool := func(members string) string {
		return strings.Replace(describeDoc, `"inputSchema":{"type":"object"}`, members, 1)
	}
	header := func(schema string) string { return tool(`"inputSchema":{"type":"object",` + schema + `}`) }
	template := func(text string) string {
		return with(`"resource_templates":[{"name":"n","uriTemplate":"` + text + `"}]`)
	}
	tests := []struct{ name, doc, want string }{
		{"tool is null", strings.Replace(describeDoc, `{"name":"echo","inputSchema":{"type":"object"}}`, `null`, 1), "tools[0]: tool is not an object"},
		{"tool without schema", tool(`"title":"x"`), "tools[0]: tool.inputSchema is missing"},
		{"tool title", tool(`"inputSchema":{"type":"object"},"title":null`), "tool.title is not a string"},
		{"output schema type", tool(`"inputSchema":{"type":"object"},"outputSchema":{"type":"array"}`), "outputSchema is not an object schema"},
		{"output schema list", tool(`"inputSchema":{"type":"object"},"outputSchema":[]`), "tool.outputSchema is not an object"},
		{"output schema faulty", tool(`"inputSchema":{"type":"object"},"outputSchema":{"type":"object","required":1}`), `tool "echo": outputSchema: compile`},
		{"output schema remote", tool(`"inputSchema":{"type":"object"},"outputSchema":{"type":"object","$ref":"file:///etc/passwd"}`), `tool "echo": outputSchema: compile`},
		{"output schema wild", tool(`"inputSchema":{"type":"object"},"outputSchema":{"type":"object","minProperties":1e999999999}`), "a number is too long"},

		{"header empty", header(`"properties":{"a":{"type":"string","x-mcp-header":""}}`), "x-mcp-header of a is not a header name"},
		{"header no string", header(`"properties":{"a":{"type":"string","x-mcp-header":1}}`), "x-mcp-header of a is not a header name"},
		{"header no token", header(`"properties":{"a":{"type":"string","x-mcp-header":"A B"}}`), "x-mcp-header of a is not a header name"},
		{"header twice", header(`"properties":{"a":{"type":"string","x-mcp-header":"Region"},"b":{"type":"object","properties":{"c":{"type":"string","x-mcp-header":"region"}}}}`), `x-mcp-header of b.c: another property has the name "region"`},
		{"header of a number", header(`"properties":{"a":{"type":"number","x-mcp-header":"A"}}`), "its type is not string, integer or boolean"},
		{"header of many types", header(`"properties":{"a":{"type":["string","null"],"x-mcp-header":"A"}}`), "its type is not string, integer or boolean"},
		{"header of items", header(`"properties":{"a":{"type":"array","items":{"type":"string","x-mcp-header":"A"}}}`), "not reached through properties alone"},
		{"header of a branch", header(`"oneOf":[{"properties":{"a":{"type":"string","x-mcp-header":"A"}}}]`), "not reached through properties alone"},
		{"header of the root", header(`"\u0078-mcp-header":"A"`), "not reached through properties alone"},

		{"uri missing", with(`"resources":[{"name":"n"}]`), "resources[0]: resource.uri is missing"},
		{"uri empty", with(`"resources":[{"name":"n","uri":""}]`), "resource.uri is not a string with something in it"},
		{"uri relative", with(`"resources":[{"name":"n","uri":"/a/b"}]`), `uri "/a/b" has no scheme`},
		{"uri faulty", with(`"resources":[{"name":"n","uri":"a://%zz"}]`), "does not parse"},
		{"uri with a space", with(`"resources":[{"name":"n","uri":"a://b/c d"}]`), "has a space"},
		{"uri long", with(`"resources":[{"name":"n","uri":"a://` + strings.Repeat("x", maxURI) + `"}]`), "is over 2048 bytes"},
		{"resource name missing", with(`"resources":[{"uri":"a://b"}]`), "resource.name is missing"},
		{"resource name empty", with(`"resources":[{"uri":"a://b","name":""}]`), "is empty or over"},
		{"resource size", with(`"resources":[{"uri":"a://b","name":"n","size":"1"}]`), "resource.size is not a number"},
		{"resource twice", with(`"resources":[{"uri":"a://b","name":"n"},{"uri":"a://b","name":"m"}]`), `resource "a://b" is offered by`},
		{"too many resources", with(`"resources":[` + times(maxResources+1, `{}`) + `]`), "more than 1024 resources"},

		{"template faulty", template(`a://{b`), "parse:"},
		{"template without scheme", template(`{+any}`), "does not begin with a scheme"},
		{"template long", template(`a://` + strings.Repeat("x", maxTemplate)), "it is over 1024 bytes"},
		{"template of many variables", template(`a://` + variables(maxVariables+1)), "over 16 variables"},
		{"template of one variable", template(`a://` + strings.Repeat("{b}", maxVariables+1)), "over 16 variables"},
		{"template of a long prefix", template(`a://{b:100}`), "a prefix is over 99 characters"},
		{"template twice", with(`"resource_templates":[` + times(2, `{"name":"n","uriTemplate":"a://{b}"}`) + `]`), `resource template "a://{b}" is offered by`},

		{"prompt name", with(`"prompts":[{"name":"a\nb"}]`), "has a control character"},
		{"prompt twice", with(`"prompts":[{"name":"a"},{"name":"a"}]`), `prompt "a" is offered by`},
		{"prompt arguments", with(`"prompts":[{"name":"a","arguments":{}}]`), "prompt.arguments is not a list"},
		{"prompt argument name", with(`"prompts":[{"name":"a","arguments":[{}]}]`), `prompt "a": arguments[0].name is missing`},
		{"prompt argument twice", with(`"prompts":[{"name":"a","arguments":[{"name":"x"},{"name":"x"}]}]`), `there is another argument "x"`},
		{"prompt argument required", with(`"prompts":[{"name":"a","arguments":[{"name":"x","required":1}]}]`), "arguments[0].required is not a boolean"},
		{"too many arguments", with(`"prompts":[{"name":"a","arguments":[` + times(maxArguments+1, `{"name":"x"}`) + `]}]`), "at most 64"},

		{"list changed", with(`"list_changed":["roots"]`), `"roots" is not tools, prompts or resources`},
		{"updates without subscribe", with(`"resources":[{"uri":"a://b","name":"n"}],"updates":{"a://b":"3s"}`), `updates need "subscribe":true`},
		{"updates of nothing", with(`"subscribe":true,"updates":{"a://b":"3s"}`), `resource "a://b" is not listed`},
		{"updates too often", with(`"subscribe":true,"resources":[{"uri":"a://b","name":"n"}],"updates":{"a://b":"10ms"}`), `"10ms" is not within 1s to 24h`},
		{"subscribe", with(`"subscribe":"yes"`), "Subscribe"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := openDoc(t, tt.doc); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error = %v, want %q", err, tt.want)
			}
		})
	}
}

func variables(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "{v%d}", i)
	}
	return b.String()
}

func TestHeadersAllowed(t *testing.T) {
	doc := strings.Replace(describeDoc, `"inputSchema":{"type":"object"}`, `"inputSchema":{"type":"object","properties":{
	  "region":{"type":"string","x-mcp-header":"Region"},"x-mcp-header":{"type":"string"},
	  "where":{"type":"object","properties":{"zone":{"type":"integer","x-mcp-header":"Zone"},"on":{"type":"boolean","x-mcp-header":"X~On"}}}}}`, 1)
	if _, err := openDoc(t, doc); err != nil {
		t.Error(err)
	}
}

// All personas' offers make one catalog; no two may offer the same.
func TestMergePersonas(t *testing.T) {
	second := func(members string) string {
		return `{"abi":1,"kind":"persona","id":"u","version":"1","personas":[{"id":"u","server":{"name":"n","version":"1"},` + members + `}]}`
	}
	merge := func(t *testing.T, members string) (*sdk.Catalog, error) {
		h := NewHost(Options{Log: slog.New(slog.DiscardHandler)})
		first := with(`"resources":[{"uri":"a://b","name":"n"}],"resource_templates":[{"uriTemplate":"a://c/{d}","name":"n"}],"prompts":[{"name":"p"}],"logging":true,"list_changed":["tools"]`)
		err := h.Open(t.Context(), []Module{{"t", &fakeGuest{describe: first}}, {"u", &fakeGuest{describe: second(members)}}}, nil)
		return h.catalog, err
	}
	c, err := merge(t, `"resources":[{"uri":"a://e","name":"n"}],"prompts":[{"name":"q"}],"completions":true,"subscribe":true,"list_changed":["resources"]`)
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Tools) != 1 || len(c.Resources) != 2 || len(c.Templates) != 1 || len(c.Prompts) != 2 || c.Resources[1].Persona != "u" {
		t.Errorf("catalog = %+v", c)
	}
	if !c.Logging || !c.Completions || !c.Subscribe || c.Changes != (sdk.Changes{Tools: true, Resources: true}) {
		t.Errorf("abilities = %+v", c)
	}
	for members, want := range map[string]string{
		`"tools":[{"name":"echo","inputSchema":{"type":"object"}}]`:         `tool "echo"`,
		`"resources":[{"uri":"a://b","name":"other"}]`:                      `resource "a://b"`,
		`"resource_templates":[{"uriTemplate":"a://c/{d}","name":"other"}]`: `resource template "a://c/{d}"`,
		`"prompts":[{"name":"p"}]`:                                          `prompt "p"`,
	} {
		if _, err := merge(t, members); err == nil || !strings.Contains(err.Error(), want+` is offered by personas "t" and "u"`) {
			t.Errorf("%s: error = %v", members, err)
		}
	}
}

// FuzzTemplate holds that a template which is let in can be matched.
func FuzzTemplate(f *testing.F) {
	for _, s := range []string{"a://{b}", "a:{+b,c:99}{#d*}{.e}{/f*}{;g,h*}{?i}{&j:1}", "a://{b}{b}", "a:[ü]{x%20y}"} {
		f.Add(s, "a://x%20y/z?i=1")
	}
	f.Fuzz(func(t *testing.T, template, uri string) {
		if checkTemplate(template) != nil || len(uri) > maxURI {
			return
		}
		start := time.Now()
		parsed, err := uritemplate.New(template)
		if err != nil {
			t.Fatal(err)
		}
		_ = parsed.Regexp().MatchString(uri)
		if took := time.Since(start); took > 2*time.Second {
			t.Fatalf("%q took %v", template, took)
		}
	})
}

func FuzzHeaders(f *testing.F) {
	f.Add([]byte(`{"properties":{"a":{"type":"string","x-mcp-header":"A"},"b":true},"items":[{"\u0078-mcp-header":1}]}`))
	f.Fuzz(func(_ *testing.T, b []byte) { _ = checkHeaders(b) })
}
