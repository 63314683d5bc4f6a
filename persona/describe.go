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
	"strconv"
	"time"

	"github.com/killdeer-mcp/killdeer/internal/schema"
	"github.com/killdeer-mcp/killdeer/internal/wasm"
	"github.com/killdeer-mcp/killdeer/sdk"
)

// Limits and defaults of a describe document.
const (
	maxDescribe     = 1 << 20
	maxRoutes       = 32
	describeTimeout = 2 * time.Second
	defaultGrain    = time.Minute
	fallbackText    = "upstream request timed out"
)

var personaID = regexp.MustCompile(`^[a-z0-9-]{1,32}$`)

// description is what one persona says of itself.
type description struct {
	id            string
	catalog       sdk.Catalog
	outputs       map[string]*schema.Schema // by tool, of those that have one
	grain         time.Duration
	prepares      bool
	fallbackText  string
	fallbackDelay [2]time.Duration
	upstreams     map[string]upstream // by service
	services      map[string]string   // by tool
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
			return nil, fmt.Errorf("describe: %w%s", err, lastWords(r.Log))
		}
		docs[i] = r.Output
	}
	if !bytes.Equal(docs[0], docs[1]) {
		return nil, errors.New("describe: two calls gave different documents: the guest is not a pure function (no map order, no randomness, no memory of earlier calls)")
	}
	return docs[0], nil
}

// lastWords is what a guest that failed logged last, for its author.
func lastWords(log []wasm.LogLine) string {
	if len(log) == 0 {
		return ""
	}
	return fmt.Sprintf(": it logged %.200q", log[len(log)-1].Text)
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
	ID                string
	Server            sdk.ServerInfo
	Instructions      string
	Tools             []sdk.RawJSON
	ToolInfo          map[string]struct{ Service, Class, Category, Justification string } `json:"tool_info"`
	Upstreams         map[string]wireUpstream
	Resources         []sdk.RawJSON
	ResourceTemplates []sdk.RawJSON `json:"resource_templates"`
	Prompts           []sdk.RawJSON
	Completions       bool
	Logging           bool
	Subscribe         bool
	ListChanged       []string          `json:"list_changed"`
	Updates           map[string]string // resource -> interval
	Routes            map[string]sdk.RawJSON
	Grain             string
	Prepare           bool
	Needs             []string
	Fallback          struct {
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
		return nil, fmt.Errorf("describe: the output is not the document that docs/guest-abi.md has under Personas: %w", err)
	}
	switch {
	case d.ABI != sdk.ABIVersion:
		return nil, fmt.Errorf("describe: abi is %d, this sensor speaks %d: %s", d.ABI, sdk.ABIVersion, otherABI(d.ABI))
	case d.Kind != "persona":
		return nil, fmt.Errorf(`describe: kind is %.80q, not "persona": a guest with rules belongs in rules.packs`, d.Kind)
	case len(d.Personas) == 0:
		return nil, errors.New(`describe: "personas" is missing or empty: list at least one`)
	}
	var all []*loaded
	if err := checkPlaceholders(doc, ""); err != nil {
		return nil, fmt.Errorf("describe: %w", err)
	}
	for _, p := range d.Personas {
		l := &loaded{
			guest: m.Guest, module: m.Name,
			seed: seedFor(h.WorldSeed, p.ID), company: h.fakes.seed, fakes: h.fakes,
			markKey: derive(h.WorldSeed, "killdeer/1 mark "+p.ID),
		}
		l.seeds = [2]string{strconv.FormatUint(l.seed, 10), strconv.FormatUint(l.company, 10)}
		l.mint = newMint(h.WorldSeed, p.ID, l.company)
		e := l.expander("", "")
		var err error
		if l.description, err = p.description(e); err != nil {
			return nil, fmt.Errorf("describe persona %q: %w", p.ID, err)
		}
		l.minted = e.minted
		all = append(all, l)
	}
	return all, nil
}

// otherABI is what to do about a guest for another version of the ABI.
func otherABI(version int) string {
	if version > sdk.ABIVersion {
		return "install a newer Killdeer"
	}
	return fmt.Sprintf(`build the guest for "abi":%d`, sdk.ABIVersion)
}

func (p *wirePersona) description(e *expander) (*description, error) {
	if !personaID.MatchString(p.ID) {
		return nil, fmt.Errorf("id does not match %s", personaID)
	}
	if len(p.Needs) > 0 {
		return nil, fmt.Errorf("needs %q, which this sensor does not give: leave needs out", p.Needs)
	}
	d := &description{id: p.ID, grain: defaultGrain, prepares: p.Prepare, fallbackText: fallbackText, outputs: map[string]*schema.Schema{}, services: map[string]string{}}
	if err := p.settings(d); err != nil {
		return nil, err
	}
	d.catalog.Server = sdk.ServerInfo{Name: e.text(p.Server.Name), Title: e.text(p.Server.Title), Version: e.text(p.Server.Version)}
	if d.catalog.Server.Name == "" || d.catalog.Server.Version == "" {
		return nil, errors.New("server.name and server.version are required")
	}
	d.catalog.Instructions = e.text(p.Instructions)
	if err := p.routes(d, e); err != nil {
		return nil, err
	}
	if err := p.upstreams(d, e); err != nil {
		return nil, err
	}
	return d, p.offers(d, e)
}

func (p *wirePersona) routes(d *description, e *expander) error {
	if len(p.Routes) > maxRoutes {
		return fmt.Errorf("more than %d routes", maxRoutes)
	}
	d.catalog.Routes = map[string]sdk.RawJSON{}
	for path, body := range p.Routes {
		page, err := oneLine(body)
		if err != nil {
			return fmt.Errorf("route %s: %w", path, err)
		}
		d.catalog.Routes[path] = e.json(page)
	}
	return nil
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
