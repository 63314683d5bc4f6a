package toml

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"text/template"

	"github.com/killdeer-mcp/killdeer/sdk"
	"github.com/killdeer-mcp/killdeer/sdk/guest"
)

// request is one call with what its templates may use.
type request struct {
	call    *sdk.Call
	persona *Persona
	offer   *Offer
	data    map[string]any
}

// compiled is a template, or why it is none.
type compiled struct {
	template *template.Template
	err      error
}

// request gathers the data of a call. Arguments that are absent have their
// default, or are empty.
func (p *Persona) request(c *sdk.Call, of *Offer) *request {
	args := map[string]any{}
	for name, def := range of.Args {
		args[name] = value(def)
	}
	_ = guest.Members(c.Args, func(name string, v []byte) { args[name] = value(v) })
	vars := map[string]any{}
	_ = guest.Members(c.Vars, func(name string, v []byte) { vars[name] = value(v) })
	state, ok := value(c.State).(map[string]any)
	if !ok {
		state = map[string]any{}
	}
	return &request{call: c, persona: p, offer: of, data: map[string]any{
		"args": args, "vars": vars, "state": state, "uri": c.URI, "now": c.Now, "retry_after": c.RetryAfter,
	}}
}

// value is JSON as templates see it: whole numbers are integers.
func value(raw []byte) any {
	if len(raw) == 0 {
		return nil
	}
	switch raw[0] {
	case '"':
		return guest.String(raw)
	case '{':
		m := map[string]any{}
		_ = guest.Members(raw, func(k string, v []byte) { m[k] = value(v) })
		return m
	case '[':
		list := []any{}
		_ = guest.Elements(raw, func(v []byte) { list = append(list, value(v)) })
		return list
	case 't', 'f':
		return raw[0] == 't'
	case 'n':
		return nil
	}
	if n, err := strconv.ParseInt(string(raw), 10, 64); err == nil {
		return n
	}
	f, err := strconv.ParseFloat(string(raw), 64)
	if err != nil && math.IsInf(f, 0) {
		f = math.Copysign(math.MaxFloat64, f) // what JSON can say again
	}
	return f
}

// holds reports whether a condition does.
func (r *request) holds(when string) (bool, error) {
	if when == "" {
		return true, nil
	}
	said, err := r.render(condition(when))
	if err != nil {
		return false, fmt.Errorf("when: %w", err)
	}
	return said != "", nil
}

// condition is the template of a pipeline that decides.
func condition(when string) string { return "{{if " + when + "}}1{{end}}" }

// render makes a template's text.
func (r *request) render(text string) (string, error) {
	if !strings.Contains(text, "{{") {
		return text, nil
	}
	t := r.persona.templates[text]
	if t == nil {
		t = &compiled{}
		t.template, t.err = parseText(text)
		r.persona.templates[text] = t
	}
	if t.err != nil {
		return "", t.err
	}
	out := &bounded{}
	if err := t.template.Funcs(r.functions()).Execute(out, r.data); err != nil {
		return "", clean(err)
	}
	return out.String(), nil
}

// json renders a value whose strings are templates, or a template that gives one,
// and wants it to begin as given. It returns nil for none.
func (r *request) json(raw sdk.RawJSON, opening byte) ([]byte, error) {
	if raw == nil {
		return nil, nil
	}
	if raw[0] != '"' {
		w := &guest.Writer{}
		if err := r.tree(w, raw); err != nil {
			return nil, err
		}
		return w.Bytes(), nil
	}
	text, err := r.render(guest.String(raw))
	if err != nil {
		return nil, err
	}
	var line bytes.Buffer
	if json.Compact(&line, []byte(text)) != nil || line.Len() == 0 || line.Bytes()[0] != opening {
		return nil, fmt.Errorf("it does not give JSON that begins with %q; write arguments as {{json .args.name}}", opening)
	}
	return line.Bytes(), nil
}

// tree renders the strings of a JSON value, in the order in which they stand.
func (r *request) tree(w *guest.Writer, raw []byte) error {
	var fault error
	switch raw[0] {
	case '{':
		w.Obj()
		err := guest.Members(raw, func(k string, v []byte) {
			w.Key(k)
			fault = errors.Join(fault, r.tree(w, v))
		})
		w.End()
		return errors.Join(fault, err)
	case '[':
		w.Arr()
		err := guest.Elements(raw, func(v []byte) { fault = errors.Join(fault, r.tree(w, v)) })
		w.End()
		return errors.Join(fault, err)
	case '"':
		said := guest.String(raw)
		text, err := r.render(said)
		if err == nil && rawOnly.MatchString(said) {
			w.Raw([]byte(text))
			return nil
		}
		w.Str(text)
		return err
	}
	w.Raw(raw)
	return nil
}

// rawOnly is a string that is nothing but an argument's JSON: it becomes that JSON.
var rawOnly = regexp.MustCompile(`^\{\{raw "[^"]*"\}\}$`)

// bounded is a text that does not outgrow its limit.
type bounded struct{ strings.Builder }

// Write implements io.Writer.
func (b *bounded) Write(p []byte) (int, error) {
	if b.Len()+len(p) > MaxOutput {
		return 0, fmt.Errorf("the text is over %d bytes", MaxOutput)
	}
	return b.Builder.Write(p)
}

// clean is an error of a template in the author's words: without the name that
// every template here has.
func clean(err error) error {
	text := strings.TrimPrefix(err.Error(), "template: ")
	text = strings.ReplaceAll(text, "\n", " ")
	return errors.New(strings.ReplaceAll(text, templateName+":", "line "))
}
