package agent

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"github.com/yosida95/uritemplate/v3"

	"github.com/killdeer-mcp/killdeer/agent/config"
	"github.com/killdeer-mcp/killdeer/internal/pack"
	"github.com/killdeer-mcp/killdeer/internal/schema"
	"github.com/killdeer-mcp/killdeer/internal/wasm"
	"github.com/killdeer-mcp/killdeer/persona"
	"github.com/killdeer-mcp/killdeer/persona/trial"
	"github.com/killdeer-mcp/killdeer/sdk"
	"github.com/killdeer-mcp/killdeer/sdk/guest"
)

// PersonaKit asks a persona outside of a sensor, for those who write them. Close it.
type PersonaKit struct {
	module persona.Module
	world  []byte
	rt     *wasm.Runtime
	said   *saying
	host   *persona.Host // nil until something is asked
}

// PersonaOptions say which persona is asked, and in what circumstances.
type PersonaOptions struct {
	Name     string         // a built-in name, a module, a .toml file or, with Config, an installed pack
	World    string         // any text: equal ones make equal companies
	Config   *config.Config // says what is installed; nil for nothing
	CacheDir string         // keeps compiled modules, unless Config has a place for them; "" for none
	Version  string         // this program's
	Log      *slog.Logger
}

// OpenPersona loads a persona as a sensor does.
func OpenPersona(ctx context.Context, p PersonaOptions) (_ *PersonaKit, err error) {
	o := wasm.Options{Limits: wasm.DefaultLimits(), CacheDir: p.CacheDir, Log: p.Log}
	all := &cast{log: p.Log, limit: o.Limits.Module}
	if p.Config != nil {
		o.CacheDir = p.Config.Sensor.CacheDir
		if all.store, err = pack.Open(packOptions(p.Config, p.Version, p.Log)); err != nil {
			return nil, err
		}
	} else if config.IsPack(p.Name) {
		return nil, fmt.Errorf("%s is an installed pack: name the configuration that says where", p.Name)
	}
	if all.rt, err = wasm.New(ctx, o); err != nil {
		return nil, err
	}
	seed := sha256.Sum256([]byte(p.World))
	k := &PersonaKit{rt: all.rt, world: seed[:]}
	if err := all.loadPersonas(ctx, []string{p.Name}); err != nil {
		return nil, errors.Join(err, k.Close(ctx))
	}
	k.module = all.modules()[0]
	k.said = &saying{Guest: k.module.Guest}
	return k, nil
}

// Close ends the guest.
func (k *PersonaKit) Close(ctx context.Context) error { return k.rt.Close(ctx) }

// Test tries the persona, see [trial.Run].
func (k *PersonaKit) Test(ctx context.Context, now time.Time, quick bool) (*trial.Report, error) {
	return trial.Run(ctx, k.module, trial.Options{Seed: k.world, Now: now, Quick: quick})
}

// Answered is what a persona made of a call.
type Answered struct {
	*sdk.Answer
	Given, Gave []byte // the guest's input and output, before placeholders are filled in
	Log         []string
}

// Outcome is what a sensor records of it.
func (a *Answered) Outcome() string {
	switch {
	case a.Guest != nil:
		return "guest_error"
	case a.Fault != nil && a.Fault.Kind == sdk.FaultTool:
		return "tool_error"
	case a.Fault != nil && a.Fault.Kind == sdk.FaultRPC:
		return "rpc_error"
	case a.Fault != nil:
		return a.Fault.Kind
	case a.Input != nil:
		return "input_required"
	case a.Failed:
		return "tool_error"
	}
	return "result"
}

// ErrRefused is wrapped by errors of calls that a sensor would not let through to
// the persona: of what it does not offer, or with arguments that its schema refuses.
var ErrRefused = errors.New("the sensor refuses the call")

// Call asks the persona for one thing: of c the operation, its subject, arguments,
// time and state. Which persona of the module is asked follows from the subject.
func (k *PersonaKit) Call(ctx context.Context, source string, c *sdk.Call) (*Answered, error) {
	catalog, err := k.catalog(ctx)
	if err != nil {
		return nil, err
	}
	if err := address(catalog, c); err != nil {
		return nil, err
	}
	k.said.input, k.said.output, k.said.log = nil, nil, nil
	a, err := k.host.Call(ctx, source, c)
	if err != nil {
		return nil, err
	}
	return &Answered{Answer: a, Given: k.said.input, Gave: k.said.output, Log: k.said.log}, nil
}

func (k *PersonaKit) catalog(ctx context.Context) (*sdk.Catalog, error) {
	if k.host == nil {
		k.host = persona.NewHost(persona.Options{WorldSeed: k.world, MemoBytes: 1, Calm: true, Instant: true, Log: slog.New(slog.DiscardHandler)})
		if err := k.host.Open(ctx, []persona.Module{{Name: k.module.Name, Guest: k.said}}, nil); err != nil {
			return nil, err
		}
	}
	return k.host.Catalog(ctx)
}

// address finds what a call is about, and refuses what a sensor would.
func address(catalog *sdk.Catalog, c *sdk.Call) error {
	switch c.Op {
	case sdk.OpCall:
		for _, t := range catalog.Tools {
			if t.Name == c.Tool {
				c.Persona = t.Persona
				return fits(t.InputSchema, c.Args)
			}
		}
		return fmt.Errorf("%w: there is no tool %q", ErrRefused, c.Tool)
	case sdk.OpPrompt:
		for _, p := range catalog.Prompts {
			if p.Name == c.Name {
				c.Persona = p.Persona
				return promptFits(p, c.Args)
			}
		}
		return fmt.Errorf("%w: there is no prompt %q", ErrRefused, c.Name)
	}
	for _, r := range catalog.Resources {
		if r.URI == c.URI {
			c.Persona = r.Persona
			return nil
		}
	}
	for _, t := range catalog.Templates {
		if vars := matchTemplate(t.URITemplate, c.URI); vars != nil {
			c.Persona, c.Template, c.Vars = t.Persona, t.URITemplate, vars
			return nil
		}
	}
	return fmt.Errorf("%w: there is no resource %q", ErrRefused, c.URI)
}

func fits(inputSchema, args []byte) error {
	s, err := schema.Compile(inputSchema)
	if err != nil {
		return fmt.Errorf("inputSchema: %w", err)
	}
	problems, err := s.Problems(args)
	if err != nil {
		return fmt.Errorf("inputSchema: %w", err)
	}
	if problems != nil {
		return fmt.Errorf("%w: its arguments do not fit the schema: %s", ErrRefused, strings.Join(problems, "; "))
	}
	return nil
}

func promptFits(p sdk.Prompt, args []byte) error {
	o, err := guest.ParseObject(args)
	if err != nil {
		return fmt.Errorf("%w: its arguments are no object", ErrRefused)
	}
	for _, a := range p.Arguments {
		if a.Required && !o.Has(a.Name) {
			return fmt.Errorf("%w: it lacks the argument %q", ErrRefused, a.Name)
		}
	}
	return nil
}

// maxKitURI bounds what the library's matcher is given.
const maxKitURI = 256

// matchTemplate returns the variables of a URI, nil if the template does not fit.
func matchTemplate(template, uri string) sdk.RawJSON {
	t, err := uritemplate.New(template)
	if err != nil || len(uri) > maxKitURI {
		return nil
	}
	values := t.Match(uri)
	if values == nil {
		return nil
	}
	var w guest.Writer
	w.Obj()
	for _, name := range t.Varnames() {
		v := values.Get(name)
		w.Key(name).Str(v.String() + strings.Join(v.List(), ","))
	}
	return w.End().Bytes()
}

// saying keeps what a guest was given, gave and logged.
type saying struct {
	persona.Guest
	input, output []byte
	log           []string
}

// Call implements [persona.Guest].
func (s *saying) Call(ctx context.Context, r wasm.Request) (wasm.Reply, error) {
	reply, err := s.Guest.Call(ctx, r)
	s.input, s.output = bytes.Clone(r.Input), bytes.Clone(reply.Output)
	for _, l := range reply.Log {
		s.log = append(s.log, strings.TrimSpace(l.Text))
	}
	return reply, err
}

// Reasked is a recorded request and how the persona answers it now.
type Reasked struct {
	Event  *sdk.Event
	Now    *Answered // nil if it cannot be asked
	Unable string    // why not
}

// Replay asks recorded requests again, one event a line, in their order, and hands
// over what comes of each. Events that are no requests to a persona are left out.
func (k *PersonaKit) Replay(ctx context.Context, events io.Reader, each func(*Reasked) error) error {
	lines := bufio.NewScanner(events)
	lines.Buffer(nil, maxEventLine)
	for n := 1; lines.Scan(); n++ {
		line := bytes.TrimSpace(lines.Bytes())
		if len(line) == 0 {
			continue
		}
		ev := &sdk.Event{}
		if err := json.Unmarshal(line, ev); err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
		again, err := k.reask(ctx, ev)
		if err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
		if again == nil {
			continue
		}
		if err := each(again); err != nil {
			return err
		}
	}
	return lines.Err()
}

func (k *PersonaKit) reask(ctx context.Context, ev *sdk.Event) (*Reasked, error) {
	c := &sdk.Call{Now: ev.Time, Args: ev.Args}
	switch ev.MCPMethod {
	case "tools/call":
		c.Op, c.Tool = sdk.OpCall, ev.Tool
	case "resources/read":
		c.Op, c.URI = sdk.OpResource, ev.URI
	case "prompts/get":
		c.Op, c.Name = sdk.OpPrompt, ev.Prompt
	default:
		return nil, nil
	}
	r := &Reasked{Event: ev}
	if ev.ArgsCut {
		r.Unable = "its arguments were too large to be recorded"
		return r, nil
	}
	if c.Args == nil {
		c.Args = sdk.RawJSON("{}")
	}
	source := ev.Actor + " " + ev.Session
	var err error
	if r.Now, err = k.Call(ctx, strings.TrimSpace(source), c); errors.Is(err, ErrRefused) {
		r.Unable, err = err.Error(), nil
	}
	return r, err
}
