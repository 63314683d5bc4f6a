package persona

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"github.com/killdeer-mcp/killdeer/internal/wasm"
	"github.com/killdeer-mcp/killdeer/sdk"
	"github.com/killdeer-mcp/killdeer/sdk/guest"
)

// Limits and defaults of a describe document.
const (
	maxDescribe     = 1 << 20
	maxTools        = 1024
	maxRoutes       = 32
	describeTimeout = 2 * time.Second
	defaultGrain    = time.Minute
	fallbackText    = "upstream request timed out"
)

var (
	personaID = regexp.MustCompile(`^[a-z0-9-]{1,32}$`)
	toolName  = regexp.MustCompile(`^[A-Za-z0-9_./-]{1,128}$`) // MCP 2025-11-25, tool names
)

// description is what one persona says of itself.
type description struct {
	id            string
	catalog       sdk.Catalog
	grain         time.Duration
	fallbackText  string
	fallbackDelay [2]time.Duration
}

// describe loads a module's personas, from the cache where it has been described
// before: a describe document depends on nothing but the module.
func (h *Host) describe(ctx context.Context, m Module) ([]*loaded, error) {
	digest := m.Guest.Digest()
	file := ""
	if h.CacheDir != "" {
		file = filepath.Join(h.CacheDir, "describe-"+hex.EncodeToString(digest[:])+".json")
		if doc, err := os.ReadFile(file); err == nil {
			if all, err := h.parseDescribe(doc, m); err == nil {
				return all, nil
			}
			h.Log.Warn("cached describe document is damaged: asking the guest again", "file", file)
		}
	}
	doc, err := askDescribe(ctx, m.Guest)
	if err != nil {
		return nil, err
	}
	all, err := h.parseDescribe(doc, m)
	if err != nil {
		return nil, err
	}
	if file != "" {
		if err := os.WriteFile(file, doc, 0o600); err != nil {
			h.Log.Warn("describe document not cached", "error", err)
		}
	}
	return all, nil
}

// askDescribe calls describe twice: an impure guest shows here first.
func askDescribe(ctx context.Context, g Guest) ([]byte, error) {
	var docs [2][]byte
	for i := range docs {
		r, err := g.Call(ctx, wasm.Request{Input: []byte(`{"abi":1,"op":"describe"}`), Deadline: describeTimeout})
		if err != nil {
			return nil, fmt.Errorf("describe: %w", err)
		}
		docs[i] = r.Output
	}
	if !bytes.Equal(docs[0], docs[1]) {
		return nil, errors.New("describe: two calls gave different documents: the guest is not a pure function")
	}
	return docs[0], nil
}

// wireDescribe and wirePersona mirror the document of docs/guest-abi.md.
type wireDescribe struct {
	ABI      int
	Kind     string
	ID       string
	Version  string
	Personas []wirePersona
}

type wirePersona struct {
	ID           string
	Server       sdk.ServerInfo
	Instructions string
	Tools        []sdk.RawJSON
	ToolInfo     map[string]struct{ Service, Class, Category string } `json:"tool_info"`
	Routes       map[string]sdk.RawJSON
	Grain        string
	Needs        []string
	Fallback     struct {
		Text    string
		DelayMS []int64 `json:"delay_ms"`
	}
}

func (h *Host) parseDescribe(doc []byte, m Module) ([]*loaded, error) {
	if len(doc) > maxDescribe {
		return nil, fmt.Errorf("describe: document is over %d bytes", maxDescribe)
	}
	var d wireDescribe
	if err := json.Unmarshal(doc, &d); err != nil {
		return nil, fmt.Errorf("describe: %w", err)
	}
	switch {
	case d.ABI != sdk.ABIVersion:
		return nil, fmt.Errorf("describe: abi is %d, this sensor speaks %d", d.ABI, sdk.ABIVersion)
	case d.Kind != "persona":
		return nil, fmt.Errorf("describe: kind is %q, not persona", d.Kind)
	case len(d.Personas) == 0:
		return nil, errors.New("describe: no persona")
	}
	var all []*loaded
	for _, p := range d.Personas {
		seed := seedFor(h.WorldSeed, p.ID)
		desc, err := p.description(seed)
		if err != nil {
			return nil, fmt.Errorf("describe persona %q: %w", p.ID, err)
		}
		all = append(all, &loaded{description: desc, guest: m.Guest, module: m.Name, seed: seed})
	}
	return all, nil
}

func (p *wirePersona) description(seed uint64) (*description, error) {
	if !personaID.MatchString(p.ID) {
		return nil, fmt.Errorf("id does not match %s", personaID)
	}
	if len(p.Tools) > maxTools || len(p.Routes) > maxRoutes {
		return nil, fmt.Errorf("more than %d tools or %d routes", maxTools, maxRoutes)
	}
	if len(p.Needs) > 0 {
		return nil, fmt.Errorf("needs %q, which this sensor does not give", p.Needs)
	}
	d := &description{id: p.ID, grain: defaultGrain, fallbackText: fallbackText}
	if err := p.settings(d); err != nil {
		return nil, err
	}
	name := func(s string) string { return string(expandText(s, seed)) }
	d.catalog.Server = sdk.ServerInfo{Name: name(p.Server.Name), Title: name(p.Server.Title), Version: name(p.Server.Version)}
	if d.catalog.Server.Name == "" || d.catalog.Server.Version == "" {
		return nil, errors.New("server.name and server.version are required")
	}
	d.catalog.Instructions = name(p.Instructions)
	d.catalog.Routes = map[string]sdk.RawJSON{}
	for path, body := range p.Routes {
		page, err := oneLine(body)
		if err != nil {
			return nil, fmt.Errorf("route %s: %w", path, err)
		}
		d.catalog.Routes[path] = expand(page, seed)
	}
	for _, raw := range p.Tools {
		t, err := p.tool(expand(raw, seed))
		if err != nil {
			return nil, err
		}
		d.catalog.Tools = append(d.catalog.Tools, t)
	}
	return d, nil
}

// settings reads grain and fallback.
func (p *wirePersona) settings(d *description) error {
	if p.Grain != "" {
		g, err := time.ParseDuration(p.Grain)
		if err != nil || g < time.Second || g > 24*time.Hour {
			return fmt.Errorf("grain %q is not within 1s to 24h", p.Grain)
		}
		d.grain = g
	}
	if p.Fallback.Text != "" {
		d.fallbackText = p.Fallback.Text
	}
	if ms := p.Fallback.DelayMS; ms != nil {
		if len(ms) != 2 || ms[0] < 0 || ms[1] < ms[0] || ms[1] > maxDelay.Milliseconds() {
			return errors.New("fallback.delay_ms is not two rising numbers up to 60000")
		}
		d.fallbackDelay = [2]time.Duration{time.Duration(ms[0]) * time.Millisecond, time.Duration(ms[1]) * time.Millisecond}
	}
	return nil
}

func (p *wirePersona) tool(raw sdk.RawJSON) (sdk.Tool, error) {
	var compact bytes.Buffer
	if err := json.Compact(&compact, raw); err != nil {
		return sdk.Tool{}, fmt.Errorf("tool: %w", err)
	}
	o, err := guest.ParseObject(compact.Bytes())
	if err != nil {
		return sdk.Tool{}, errors.New("a tool is not an object")
	}
	name, schema := o.Str("name"), o.Raw("inputSchema")
	if !toolName.MatchString(name) {
		return sdk.Tool{}, fmt.Errorf("tool name %q does not match %s", name, toolName)
	}
	if s, err := guest.ParseObject(schema); err != nil || s.Str("type") != "object" {
		return sdk.Tool{}, fmt.Errorf(`tool %q: inputSchema is not an object schema with "type":"object"`, name)
	}
	info := p.ToolInfo[name]
	return sdk.Tool{
		Name: name, Definition: compact.Bytes(), InputSchema: schema, Persona: p.ID,
		Service: info.Service, Class: info.Class, Category: info.Category,
	}, nil
}

// merge makes one catalog of all personas: the first one's identity, everyone's
// tools.
func (h *Host) merge(all []*loaded) (*sdk.Catalog, error) {
	c := &sdk.Catalog{Routes: map[string]sdk.RawJSON{}}
	seen := map[string]string{}
	for i, p := range all {
		if h.by[p.id] != nil {
			return nil, fmt.Errorf("persona id %q is loaded twice", p.id)
		}
		h.by[p.id] = p
		if i == 0 {
			c.Server, c.Instructions = p.catalog.Server, p.catalog.Instructions
		}
		for _, t := range p.catalog.Tools {
			if other := seen[t.Name]; other != "" {
				return nil, fmt.Errorf("tool %q is offered by personas %q and %q", t.Name, other, p.id)
			}
			seen[t.Name] = p.id
			c.Tools = append(c.Tools, t)
		}
		for path, body := range p.catalog.Routes {
			if c.Routes[path] == nil {
				c.Routes[path] = body
			}
		}
	}
	if h.ServerName != "" {
		c.Server.Name = h.ServerName
	}
	for path, body := range c.Routes {
		c.Routes[path] = expandServer(body, c.Server)
	}
	return c, nil
}
