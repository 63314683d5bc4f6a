package toml

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"

	"github.com/killdeer-mcp/killdeer/sdk"
	"github.com/killdeer-mcp/killdeer/sdk/guest"
)

// Persona answers by a persona file. Of the file it reads what a request needs, and
// keeps what it has read: none of it depends on a request. It is not safe for
// concurrent use.
type Persona struct {
	config    guest.Object
	log       func(string)
	offers    map[string]*Offer
	templates map[string]*compiled
	worlds    worlds
	waste     int // bytes, about, since garbage was collected
}

var _ sdk.Persona = (*Persona)(nil)

var _ sdk.Preparer = (*Persona)(nil)

// Prepare implements [sdk.Preparer]. The file has been read by then.
func (p *Persona) Prepare(c *sdk.Call) { p.worlds.of(c.Company) }

// Describe implements [sdk.Persona].
func (p *Persona) Describe() []byte { return p.config.Raw("describe") }

// Call implements [sdk.Persona]. It returns nothing when the file's template cannot
// be rendered: the host then says what the persona says while it is broken.
func (p *Persona) Call(c *sdk.Call) []byte {
	defer p.collect()
	of, err := p.offer(c)
	if err != nil {
		return p.broken(c, err)
	}
	if of == nil {
		return unknown(c)
	}
	if c.Op == sdk.OpComplete {
		return complete(of, c)
	}
	r := p.request(c, of)
	if out, err := p.obstacle(r, of); out != nil || err != nil {
		return p.either(c, out, err)
	}
	for _, a := range of.Answers {
		holds, err := r.holds(a.When)
		if err != nil {
			return p.broken(c, err)
		}
		if holds {
			out, err := r.answer(a, of)
			return p.either(c, out, err)
		}
	}
	return unknown(c)
}

const (
	collectAfter = 2 << 20   // bytes of garbage that are worth collecting
	callWaste    = 128 << 10 // that a call leaves, about
)

// collect has the garbage collected by what calls leave: at the runtime's own pace
// the heap would grow to a guest's limit.
func (p *Persona) collect() {
	if p.waste += callWaste; p.waste > collectAfter {
		p.waste = 0
		runtime.GC()
	}
}

func (p *Persona) either(c *sdk.Call, out []byte, err error) []byte {
	if err != nil {
		return p.broken(c, err)
	}
	return out
}

// broken tells the operator why there is no answer.
func (p *Persona) broken(c *sdk.Call, err error) []byte {
	_, name := section(c)
	p.log(fmt.Sprintf("%s %s: %v", c.Op, name, err))
	return nil
}

// offer finds what is asked for, nil if it is not there.
func (p *Persona) offer(c *sdk.Call) (*Offer, error) {
	in, name := section(c)
	key := in + "\x00" + name
	if of := p.offers[key]; of != nil {
		return of, nil
	}
	raw := p.config.Object(in).Raw(name)
	if raw == nil {
		return nil, nil
	}
	of := &Offer{}
	if err := json.Unmarshal(raw, of); err != nil {
		return nil, fmt.Errorf("read the configuration: %w", err)
	}
	p.offers[key] = of
	return of, nil
}

func unknown(c *sdk.Call) []byte {
	switch c.Op {
	case sdk.OpCall:
		return guest.Error(sdk.FaultUnknownTool, "unknown tool")
	case sdk.OpPrompt:
		return guest.Error(sdk.FaultUnknownPrompt, "unknown prompt")
	case sdk.OpComplete:
		return guest.Completion(nil, 0)
	}
	return guest.Error(sdk.FaultUnknownResource, "unknown resource")
}

// maxValues is MCP's limit of values in a completion.
const maxValues = 100

// complete answers with the values that begin with what was typed.
func complete(of *Offer, c *sdk.Call) []byte {
	argument, _ := guest.ParseObject(c.Argument)
	typed := strings.ToLower(argument.Str("value"))
	var found []string
	for _, v := range of.Complete[argument.Str("name")] {
		if strings.HasPrefix(strings.ToLower(v), typed) {
			found = append(found, v)
		}
	}
	return guest.Completion(found[:min(len(found), maxValues)], len(found))
}

// obstacle is how the service behind a tool refuses, nil for not at all.
func (p *Persona) obstacle(r *request, of *Offer) ([]byte, error) {
	if of.Service == "" || r.call.Op != sdk.OpCall {
		return nil, nil
	}
	raw := p.config.Object("services").Raw(of.Service)
	if raw == nil {
		return nil, nil
	}
	var s Service
	if err := json.Unmarshal(raw, &s); err != nil {
		return nil, fmt.Errorf("read the configuration: %w", err)
	}
	text, wait := "", int64(0)
	switch {
	case r.call.RetryAfter > 0 && s.Limited != "":
		text = s.Limited
	case r.call.Friction && s.OneIn > 0 && r.draw("friction", r.call.Tool, string(r.call.Args), r.call.Now.String()).below(s.OneIn) == 0:
		text, wait = s.Text, s.DelayMS
	default:
		return nil, nil
	}
	said, err := r.render(text)
	if err != nil {
		return nil, err
	}
	w := &guest.Writer{}
	w.Obj().Key("result").Obj().Key("content").Arr().Obj().Key("type").Str("text").Key("text").Str(said).End().End()
	w.Key("isError").Bool(true).End()
	if wait > 0 {
		w.Key("delay_ms").Int(wait)
	}
	return w.End().Bytes(), nil
}

// answer renders an answer.
func (r *request) answer(a *Answer, of *Offer) ([]byte, error) {
	w := &guest.Writer{}
	w.Obj()
	var err error
	switch {
	case a.Fault != nil:
		err = r.fault(w.Key("error"), a.Fault)
	case r.call.Op == sdk.OpResource:
		err = r.contents(w.Key("result"), a, of)
	case r.call.Op == sdk.OpPrompt:
		err = r.messages(w.Key("result"), a)
	default:
		err = r.result(w.Key("result"), a)
	}
	if err == nil {
		err = r.beside(w, a)
	}
	return w.End().Bytes(), err
}

func (r *request) fault(w *guest.Writer, f *Fault) error {
	text, err := r.render(f.Message)
	w.Obj().Key("kind").Str(f.Kind).Key("message").Str(text)
	if f.Kind == sdk.FaultRPC {
		w.Key("data").Obj().Key("code").Int(f.Code).End()
	}
	w.End()
	return err
}

// result writes a tool's result. A structured one that has no other content stands
// in a text block too, as MCP asks.
func (r *request) result(w *guest.Writer, a *Answer) error {
	structured, err := r.json(a.Structured, '{')
	if err != nil {
		return fmt.Errorf("structured: %w", err)
	}
	content, err := r.json(a.Content, '[')
	if err != nil {
		return fmt.Errorf("content: %w", err)
	}
	w.Obj().Key("content")
	switch {
	case content != nil:
		w.Raw(content)
	case a.Text != nil || structured != nil:
		text := string(structured)
		if a.Text != nil {
			if text, err = r.render(*a.Text); err != nil {
				return fmt.Errorf("text: %w", err)
			}
		}
		w.Arr().Obj().Key("type").Str("text").Key("text").Str(text).End().End()
	default:
		w.Arr().End()
	}
	if structured != nil {
		w.Key("structuredContent").Raw(structured)
	}
	if a.Failed {
		w.Key("isError").Bool(true)
	}
	w.End()
	return nil
}

// contents writes a resource.
func (r *request) contents(w *guest.Writer, a *Answer, of *Offer) error {
	content, err := r.json(a.Content, '[')
	if err != nil {
		return fmt.Errorf("content: %w", err)
	}
	if content != nil {
		w.Obj().Key("contents").Raw(content).End()
		return nil
	}
	w.Obj().Key("contents").Arr().Obj().Key("uri").Str(r.call.URI)
	if mime := cmp.Or(a.MIME, of.MIME); mime != "" {
		w.Key("mimeType").Str(mime)
	}
	if a.Text == nil {
		w.Key("blob").Str(a.Blob)
	} else {
		text, err := r.render(*a.Text)
		if err != nil {
			return fmt.Errorf("text: %w", err)
		}
		w.Key("text").Str(text)
	}
	w.End().End().End()
	return nil
}

// messages writes a prompt.
func (r *request) messages(w *guest.Writer, a *Answer) error {
	w.Obj()
	about, err := r.render(a.About)
	if err != nil {
		return fmt.Errorf("about: %w", err)
	}
	if about != "" {
		w.Key("description").Str(about)
	}
	w.Key("messages").Arr()
	for i, m := range a.Messages {
		w.Obj().Key("role").Str(m.Role).Key("content")
		if err := r.message(w, m); err != nil {
			return fmt.Errorf("messages[%d]: %w", i, err)
		}
		w.End()
	}
	w.End().End()
	return nil
}

func (r *request) message(w *guest.Writer, m Message) error {
	content, err := r.json(m.Content, '{')
	if err != nil {
		return err
	}
	if content != nil {
		w.Raw(content)
		return nil
	}
	text, err := r.render(m.Text)
	w.Obj().Key("type").Str("text").Key("text").Str(text).End()
	return err
}

// beside writes what may stand beside an outcome.
func (r *request) beside(w *guest.Writer, a *Answer) error {
	if len(a.DelayMS) == 2 {
		span := a.DelayMS[1] - a.DelayMS[0] + 1
		w.Key("delay_ms").Int(a.DelayMS[0] + r.draw("delay", r.call.Tool, r.call.URI, r.call.Name, string(r.call.Args)).below(span))
	}
	if a.State != "" {
		state, err := r.render(a.State)
		if err == nil && !json.Valid([]byte(state)) {
			err = errors.New("it does not give JSON")
		}
		if err != nil {
			return fmt.Errorf("state: %w", err)
		}
		w.Key("state").Raw([]byte(state))
	}
	if err := r.notify(w, a.Notify); err != nil {
		return err
	}
	if len(a.Notes) == 0 {
		return nil
	}
	w.Key("notes").Obj()
	for _, name := range slices.Sorted(maps.Keys(a.Notes)) {
		text, err := r.render(a.Notes[name])
		if err != nil {
			return fmt.Errorf("notes: %w", err)
		}
		w.Key(name).Str(text)
	}
	w.End()
	return nil
}

func (r *request) notify(w *guest.Writer, list []Notice) error {
	if len(list) == 0 {
		return nil
	}
	w.Key("notify").Arr()
	for i, n := range list {
		w.Obj().Key("after_ms").Int(n.AfterMS)
		key, raw := "progress", n.Progress
		if raw == nil {
			key, raw = "log", n.Log
		}
		said, err := r.json(raw, '{')
		if err != nil {
			return fmt.Errorf("notify[%d]: %w", i, err)
		}
		w.Key(key).Raw(said).End()
	}
	w.End()
	return nil
}
