package persona

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/yosida95/uritemplate/v3"

	"github.com/killdeer-mcp/killdeer/internal/schema"
	"github.com/killdeer-mcp/killdeer/sdk"
)

// Limits of what a persona may offer.
const (
	maxTools     = 1024
	maxResources = 1024
	maxTemplates = 256
	maxPrompts   = 1024
	maxArguments = 64 // of a prompt
	maxName      = 128
	maxURI       = 2048
	maxTemplate  = 1024 // bytes of a URI template
	maxVariables = 16   // of a URI template, repeated ones counted again
	minEvery     = time.Second
	maxEvery     = 24 * time.Hour
)

var (
	toolName   = regexp.MustCompile(`^[A-Za-z0-9_./-]{1,128}$`) // MCP 2025-11-25, tool names
	expression = regexp.MustCompile(`\{[^}]*\}`)                // of a URI template
	scheme     = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.-]*:`)
	// longPrefix is a prefix modifier of more than 99 characters: a matcher has a
	// state for each of them.
	longPrefix = regexp.MustCompile(`:[0-9]{3,}[,}]`)
)

// Clients refuse a whole list for one member of another type.
var (
	offerShape = metaShape.with(
		member{"name", isString, true}, member{"title", isString, false}, member{"description", isString, false},
		member{"icons", isList, false})
	toolShape = offerShape.with(
		member{"inputSchema", isObject, true}, member{"outputSchema", isObject, false}, member{"annotations", isObject, false},
		member{"execution", isObject, false})
	listedShape = offerShape.with(
		member{"uri", isFilled, true}, member{"mimeType", isString, false}, member{"size", isNumber, false},
		member{"annotations", isObject, false})
	templateShape = offerShape.with(
		member{"uriTemplate", isFilled, true}, member{"mimeType", isString, false}, member{"annotations", isObject, false})
	offeredPromptShape = offerShape.with(member{"arguments", isList, false})
	argumentShape      = shape{
		{"name", isString, true}, {"title", isString, false}, {"description", isString, false}, {"required", isBoolean, false},
	}
)

// offers reads everything that a persona offers into its catalog.
func (p *wirePersona) offers(d *description, e *expander) error {
	c := &d.catalog
	steps := []struct {
		what  string
		list  []sdk.RawJSON
		limit int
		add   func(definition []byte) error
	}{
		{"tools", p.Tools, maxTools, func(b []byte) error { return p.addTool(d, e, b) }},
		{"resources", p.Resources, maxResources, func(b []byte) error { return p.addResource(d, b) }},
		{"resource_templates", p.ResourceTemplates, maxTemplates, func(b []byte) error { return p.addTemplate(d, b) }},
		{"prompts", p.Prompts, maxPrompts, func(b []byte) error { return p.addPrompt(d, b) }},
	}
	for _, s := range steps {
		if len(s.list) > s.limit {
			return fmt.Errorf("more than %d %s", s.limit, s.what)
		}
		for i, raw := range s.list {
			var line bytes.Buffer
			if err := json.Compact(&line, e.json(raw)); err != nil {
				return fmt.Errorf("%s[%d]: %w", s.what, i, err)
			}
			if err := s.add(line.Bytes()); err != nil {
				return fmt.Errorf("%s[%d]: %w", s.what, i, err)
			}
		}
	}
	c.Completions, c.Logging, c.Subscribe = p.Completions, p.Logging, p.Subscribe
	if err := p.listChanges(&c.Changes); err != nil {
		return err
	}
	return p.updates(c, e)
}

func (p *wirePersona) addTool(d *description, e *expander, b []byte) error {
	o, err := toolShape.read("tool", b)
	if err != nil {
		return err
	}
	name, info := o.Str("name"), p.ToolInfo[o.Str("name")]
	if !toolName.MatchString(name) {
		return fmt.Errorf("tool name %q does not match %s", name, toolName)
	}
	for _, key := range []string{"inputSchema", "outputSchema"} {
		if s := o.Object(key); o.Has(key) && s.Str("type") != "object" {
			return fmt.Errorf(`tool %q: %s is not an object schema with "type":"object"`, name, key)
		}
	}
	if err := checkHeaders(o.Raw("inputSchema")); err != nil {
		return fmt.Errorf("tool %q: inputSchema: %w", name, err)
	}
	if output := o.Raw("outputSchema"); output != nil {
		if d.outputs[name], err = schema.Compile(output); err != nil {
			return fmt.Errorf("tool %q: outputSchema: %w", name, err)
		}
	}
	reason := e.text(info.Justification)
	if properties := o.Object("inputSchema").Object("properties"); reason != "" && !properties.Has(reason) {
		return fmt.Errorf("tool %q: justification %q is not a property of its inputSchema", name, reason)
	}
	d.services[name] = info.Service
	d.catalog.Tools = append(d.catalog.Tools, sdk.Tool{
		Name: name, Definition: b, InputSchema: o.Raw("inputSchema"), OutputSchema: o.Raw("outputSchema"), Persona: p.ID,
		Service: info.Service, Class: info.Class, Category: info.Category, Justification: reason,
	})
	return nil
}

func (p *wirePersona) addResource(d *description, b []byte) error {
	o, err := listedShape.read("resource", b)
	if err != nil {
		return err
	}
	uri := o.Str("uri")
	if err := checkName(o.Str("name")); err != nil {
		return err
	}
	if err := checkURI(uri); err != nil {
		return err
	}
	d.catalog.Resources = append(d.catalog.Resources, sdk.Resource{URI: uri, Definition: b, Persona: p.ID, Grain: d.grain})
	return nil
}

func (p *wirePersona) addTemplate(d *description, b []byte) error {
	o, err := templateShape.read("resource template", b)
	if err != nil {
		return err
	}
	if err := checkName(o.Str("name")); err != nil {
		return err
	}
	text := o.Str("uriTemplate")
	if err := checkTemplate(text); err != nil {
		return fmt.Errorf("uriTemplate %.80q: %w", text, err)
	}
	d.catalog.Templates = append(d.catalog.Templates, sdk.ResourceTemplate{URITemplate: text, Definition: b, Persona: p.ID, Grain: d.grain})
	return nil
}

func (p *wirePersona) addPrompt(d *description, b []byte) error {
	o, err := offeredPromptShape.read("prompt", b)
	if err != nil {
		return err
	}
	prompt := sdk.Prompt{Name: o.Str("name"), Definition: b, Persona: p.ID}
	if err := checkName(prompt.Name); err != nil {
		return err
	}
	seen := map[string]bool{}
	err = each("arguments", orElse(o.Raw("arguments"), "[]"), maxArguments, func(at string, v []byte) error {
		o, err := argumentShape.read(at, v)
		if err != nil {
			return err
		}
		name := o.Str("name")
		if err := checkName(name); err != nil {
			return fmt.Errorf("%s: %w", at, err)
		}
		if seen[name] {
			return fmt.Errorf("%s: there is another argument %q", at, name)
		}
		seen[name] = true
		prompt.Arguments = append(prompt.Arguments, sdk.PromptArgument{Name: name, Required: o.Bool("required")})
		return nil
	})
	if err != nil {
		return fmt.Errorf("prompt %q: %w", prompt.Name, err)
	}
	d.catalog.Prompts = append(d.catalog.Prompts, prompt)
	return nil
}

// checkName refuses names that no client would show.
func checkName(name string) error {
	if name == "" || len(name) > maxName {
		return fmt.Errorf("name %.80q is empty or over %d bytes", name, maxName)
	}
	for _, r := range name {
		if unicode.IsControl(r) || r == utf8.RuneError {
			return fmt.Errorf("name %q has a control character", name)
		}
	}
	return nil
}

func checkURI(uri string) error {
	if len(uri) > maxURI {
		return fmt.Errorf("uri %.80q is over %d bytes", uri, maxURI)
	}
	u, err := url.Parse(uri)
	switch {
	case err != nil:
		return fmt.Errorf("uri %.80q does not parse", uri)
	case !u.IsAbs():
		return fmt.Errorf("uri %q has no scheme", uri)
	case strings.ContainsAny(uri, " \t"):
		return fmt.Errorf("uri %q has a space", uri)
	}
	return nil
}

// checkTemplate refuses what does not parse, and what would be dear to match
// with the URIs that a client sends.
func checkTemplate(text string) error {
	if len(text) > maxTemplate {
		return fmt.Errorf("it is over %d bytes", maxTemplate)
	}
	if _, err := uritemplate.New(text); err != nil {
		return fmt.Errorf("parse: %w", err)
	}
	if !scheme.MatchString(text) {
		return errors.New("it does not begin with a scheme")
	}
	variables := 0
	for _, e := range expression.FindAllString(text, -1) {
		variables += 1 + strings.Count(e, ",")
	}
	if variables > maxVariables {
		return fmt.Errorf("it has over %d variables", maxVariables)
	}
	if longPrefix.MatchString(text) {
		return errors.New("a prefix is over 99 characters")
	}
	return nil
}

func (p *wirePersona) listChanges(c *sdk.Changes) error {
	for _, name := range p.ListChanged {
		switch name {
		case "tools":
			c.Tools = true
		case "resources":
			c.Resources = true
		case "prompts":
			c.Prompts = true
		default:
			return fmt.Errorf("list_changed: %q is not tools, prompts or resources", name)
		}
	}
	return nil
}

// updates sets how often the changes of resources are announced.
func (p *wirePersona) updates(c *sdk.Catalog, e *expander) error {
	if len(p.Updates) > 0 && !p.Subscribe {
		return errors.New(`updates need "subscribe":true`)
	}
	for key, every := range p.Updates {
		uri := e.text(key)
		i := slices.IndexFunc(c.Resources, func(r sdk.Resource) bool { return r.URI == uri })
		if i < 0 {
			return fmt.Errorf("updates: resource %.80q is not listed", uri)
		}
		d, err := time.ParseDuration(every)
		if err != nil || d < minEvery || d > maxEvery {
			return fmt.Errorf("updates of %s: %.80q is not within 1s to 24h", uri, every)
		}
		c.Resources[i].Every = d
	}
	return nil
}
