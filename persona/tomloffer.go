package persona

import (
	"bytes"
	"encoding/json"
	"slices"

	"github.com/yosida95/uritemplate/v3"

	"github.com/killdeer-mcp/killdeer/persona/toml"
	"github.com/killdeer-mcp/killdeer/sdk"
	"github.com/killdeer-mcp/killdeer/sdk/guest"
)

// noSchema is what a tool takes that says nothing of it.
const noSchema = `{"type":"object","properties":{}}`

func (r *tomlReader) tool(t *tomlTable, f *toml.File, w, info *guest.Writer) {
	def := t.definition(
		definedMember{"name", "name", 0}, definedMember{"title", "title", 0}, definedMember{"description", "description", 0},
		definedMember{"input", "inputSchema", '{'}, definedMember{"output", "outputSchema", '{'},
		definedMember{"annotations", "annotations", '{'}, definedMember{"meta", "_meta", '{'})
	o, _ := guest.ParseObject(def)
	if o.Raw("inputSchema") == nil && !t.has("definition") {
		def = append(def[:len(def)-1:len(def)-1], `,"inputSchema":`+noSchema+"}"...)
		o, _ = guest.ParseObject(def)
	}
	name := o.Str("name")
	r.once(t, "tool", name, f.Tools[name] != nil)
	of := &toml.Offer{Service: t.text("service"), Args: arguments(o.Object("inputSchema"))}
	of.Answers = r.answers(t, toolKeys, argumentNames(o.Object("inputSchema")))
	r.unconditional(t, of, "tool")
	if showsJSON(of.Answers) {
		of.Schema = o.Object("inputSchema").Raw("properties")
	}
	info.Key(name).Obj().Key("service").Str(of.Service)
	for _, key := range []string{"class", "category", "justification"} {
		info.Key(key).Str(t.text(key))
	}
	info.End()
	t.done()
	f.Tools[name] = of
	if def != nil {
		w.Raw(def)
	}
}

// showsJSON reports whether an answer may show the JSON of an argument.
func showsJSON(answers []*toml.Answer) bool {
	text, err := json.Marshal(answers)
	return err != nil || bytes.Contains(text, []byte("raw ")) || bytes.Contains(text, []byte("pretty "))
}

// once complains of a second thing of a name.
func (r *tomlReader) once(t *tomlTable, what, name string, taken bool) {
	switch {
	case name == "":
		r.add(t.at, "the %s has no name", what)
	case taken:
		r.add(t.at, "there is another %s %q", what, clipText(name, maxName))
	}
}

// unconditional complains where a request may find no answer.
func (r *tomlReader) unconditional(t *tomlTable, of *toml.Offer, what string) {
	switch n := len(of.Answers); {
	case n == 0:
		r.add(t.at, "the %s has no answer: give it a text, or [[%s.answer]]", what, what)
	case of.Answers[n-1].When != "":
		r.add(t.at, "the last answer has a condition: add one without, for all other requests")
	}
	for i, a := range of.Answers[:max(0, len(of.Answers)-1)] {
		if a.When == "" {
			r.add(t.at, "answer %d has no condition: those behind it never count", i+1)
		}
	}
}

// arguments are the properties of a schema with their defaults.
func arguments(schema guest.Object) map[string]sdk.RawJSON {
	args := map[string]sdk.RawJSON{}
	properties := schema.Object("properties")
	for _, name := range properties.Keys() {
		if args[name] = properties.Object(name).Raw("default"); args[name] == nil {
			args[name] = sdk.RawJSON(`""`)
		}
	}
	return args
}

// argumentNames are the arguments that templates may use, nil when a schema does
// not tell all of them.
func argumentNames(schema guest.Object) []string {
	if slices.ContainsFunc([]string{"$ref", "allOf", "anyOf", "oneOf", "if", "patternProperties"}, schema.Has) {
		return nil
	}
	if more := schema.Raw("additionalProperties"); more != nil && string(more) != "false" {
		return nil
	}
	return append([]string{}, schema.Object("properties").Keys()...)
}

func (r *tomlReader) resource(t *tomlTable, f *toml.File, w, updates *guest.Writer) {
	def := t.definition(
		definedMember{"uri", "uri", 0}, definedMember{"name", "name", 0}, definedMember{"title", "title", 0},
		definedMember{"description", "description", 0}, definedMember{"mime", "mimeType", 0}, definedMember{"annotations", "annotations", '{'})
	o, _ := guest.ParseObject(def)
	uri := o.Str("uri")
	r.once(t, "resource", uri, f.Resources[uri] != nil)
	of := &toml.Offer{MIME: o.Str("mimeType"), Answers: r.answers(t, resourceKeys, []string{})}
	r.unconditional(t, of, "resource")
	if every := t.text("updates"); every != "" {
		updates.Key(uri).Str(every)
	}
	t.done()
	f.Resources[uri] = of
	if def != nil {
		w.Raw(def)
	}
}

func (r *tomlReader) template(t *tomlTable, f *toml.File, w *guest.Writer) {
	def := t.definition(
		definedMember{"uri_template", "uriTemplate", 0}, definedMember{"name", "name", 0}, definedMember{"title", "title", 0},
		definedMember{"description", "description", 0}, definedMember{"mime", "mimeType", 0}, definedMember{"annotations", "annotations", '{'})
	o, _ := guest.ParseObject(def)
	uri := o.Str("uriTemplate")
	r.once(t, "resource template", uri, f.Templates[uri] != nil)
	of := &toml.Offer{MIME: o.Str("mimeType"), Answers: r.answers(t, resourceKeys, []string{}), Complete: t.completions()}
	if len(of.Answers) == 0 {
		r.add(t.at, "the resource template has no answer: give it a text, or [[resource_template.answer]]")
	}
	if made, err := uritemplate.New(uri); err == nil {
		for name := range of.Complete {
			if !slices.Contains(made.Varnames(), name) {
				t.fault("complete", "the template has no variable %q", name)
			}
		}
	}
	t.done()
	f.Templates[uri] = of
	if def != nil {
		w.Raw(def)
	}
}

func (r *tomlReader) prompt(t *tomlTable, f *toml.File, w *guest.Writer) {
	def := t.definition(
		definedMember{"name", "name", 0}, definedMember{"title", "title", 0}, definedMember{"description", "description", 0})
	if args := promptArguments(t.list("argument")); args != nil {
		if t.has("definition") {
			t.fault("argument", "stands in the definition already: want one of them")
		} else {
			def = append(def[:len(def)-1:len(def)-1], `,"arguments":`+string(args)+"}"...)
		}
	}
	o, _ := guest.ParseObject(def)
	name := o.Str("name")
	r.once(t, "prompt", name, f.Prompts[name] != nil)
	of := &toml.Offer{Args: map[string]sdk.RawJSON{}, Complete: t.completions()}
	names := []string{}
	_ = guest.Elements(o.Raw("arguments"), func(v []byte) {
		a, _ := guest.ParseObject(v)
		names = append(names, a.Str("name"))
		of.Args[a.Str("name")] = sdk.RawJSON(`""`)
	})
	for name := range of.Complete {
		if !slices.Contains(names, name) {
			t.fault("complete", "the prompt has no argument %q", name)
		}
	}
	of.Answers = r.answers(t, promptKeys, names)
	r.unconditional(t, of, "prompt")
	t.done()
	f.Prompts[name] = of
	if def != nil {
		w.Raw(def)
	}
}

// promptArguments is the list of a prompt's arguments, nil for none.
func promptArguments(list []*tomlTable) []byte {
	if len(list) == 0 {
		return nil
	}
	var w guest.Writer
	w.Arr()
	for _, a := range list {
		w.Raw(a.members(
			definedMember{"name", "name", 0}, definedMember{"title", "title", 0},
			definedMember{"description", "description", 0}, definedMember{"required", "required", 't'}))
		a.done()
	}
	return w.End().Bytes()
}

// completions are the values that are offered for arguments.
func (t *tomlTable) completions() map[string][]string {
	of := t.table("complete")
	if of == nil {
		return nil
	}
	all := map[string][]string{}
	for name := range of.in {
		all[name] = of.texts(name)
	}
	return all
}
