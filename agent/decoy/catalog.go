package decoy

import (
	"bytes"
	"fmt"
	"hash/maphash"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/killdeer-mcp/killdeer/agent/decoy/profile"
	"github.com/killdeer-mcp/killdeer/internal/schema"
	"github.com/killdeer-mcp/killdeer/sdk"
	"github.com/killdeer-mcp/killdeer/sdk/guest"
)

const (
	listTTL   = 5 * time.Minute // for which a 2026-07-28 client may keep a list
	listScope = "public"        // a list is the same for everybody
	readScope = "private"       // a resource may depend on who asks
	serverKey = "io.modelcontextprotocol/serverInfo"
	maxURI    = 2 << 10 // bytes of a URI that can name a resource
)

// catalog is a persona's catalog with every answer that does not depend on the
// request made once.
type catalog struct {
	of        *sdk.Catalog
	sealer    *sealer
	tools     map[string]*tool
	prompts   map[string]*sdk.Prompt
	resources map[string]*sdk.Resource
	templates []*template
	lists     map[string][]page // by method
	meta      sdk.RawJSON       // modern: _meta of every result
	discover  sdk.RawJSON
	routes    map[string]sdk.RawJSON
}

// page is one page of a list, for both eras.
type page struct{ legacy, modern sdk.RawJSON }

// tool is one tool, its schema compiled when it is first called.
type tool struct {
	sdk.Tool
	headers []paramHeader
	once    sync.Once
	schema  *schema.Schema
	err     error
	fitted  [fittedArgs]atomic.Uint64 // hashes of arguments that fit lately
}

// fittedArgs is how many arguments of a tool are known to fit without looking
// again. The hash has a key of the process's own: nobody can make one collide.
const fittedArgs = 64

// check validates arguments and returns what the tool's schema refuses.
func (t *tool) check(args []byte) ([]string, error) {
	t.once.Do(func() { t.schema, t.err = schema.Compile(t.InputSchema) })
	if t.err != nil {
		return nil, fmt.Errorf("tool %s: %w", t.Name, t.err)
	}
	if len(args) > maxEventArgs {
		return []string{"too large"}, nil
	}
	hash := maphash.Bytes(hashSeed, args)
	known := &t.fitted[hash%fittedArgs]
	if known.Load() == hash && hash != 0 {
		return nil, nil
	}
	problems, err := t.schema.Problems(args)
	if err == nil && problems == nil {
		known.Store(hash)
	}
	return problems, err
}

var hashSeed = maphash.MakeSeed()

func newCatalog(of *sdk.Catalog, pageSize int, seal *sealer) *catalog {
	c := &catalog{
		of: of, sealer: seal, routes: of.Routes, lists: map[string][]page{},
		tools: map[string]*tool{}, prompts: map[string]*sdk.Prompt{}, resources: map[string]*sdk.Resource{},
	}
	var w guest.Writer
	c.meta = bytes.Clone(serverInfo(w.Obj().Key(serverKey), of.Server, true).End().Bytes())
	var tools, resources, templates, prompts []sdk.RawJSON
	for _, t := range of.Tools {
		c.tools[t.Name] = &tool{Tool: t, headers: paramHeaders(t.InputSchema)}
		tools = append(tools, t.Definition)
	}
	for i, r := range of.Resources {
		c.resources[r.URI] = &of.Resources[i]
		resources = append(resources, r.Definition)
	}
	for i, t := range of.Templates {
		if parsed, err := newTemplate(&of.Templates[i]); err == nil { // checked where it came from
			c.templates = append(c.templates, parsed)
		}
		templates = append(templates, t.Definition)
	}
	for i, p := range of.Prompts {
		c.prompts[p.Name] = &of.Prompts[i]
		prompts = append(prompts, p.Definition)
	}
	c.paginate("tools/list", "tools", tools, pageSize)
	c.paginate("resources/list", "resources", resources, pageSize)
	c.paginate("resources/templates/list", "resourceTemplates", templates, pageSize)
	c.paginate("prompts/list", "prompts", prompts, pageSize)
	c.discover = c.discoverResult()
	return c
}

// paginate makes the pages of a list, at least one.
func (c *catalog) paginate(method, key string, entries []sdk.RawJSON, size int) {
	for n := 0; n == 0 || n*size < len(entries); n++ {
		part := entries[n*size : min((n+1)*size, len(entries))]
		next := ""
		if (n+1)*size < len(entries) {
			next = c.sealer.seal(cursorToken, []byte(method+" "+strconv.Itoa(n+1)))
		}
		c.lists[method] = append(c.lists[method], page{c.listPage(key, part, next, false), c.listPage(key, part, next, true)})
	}
}

func (c *catalog) listPage(key string, entries []sdk.RawJSON, next string, modern bool) sdk.RawJSON {
	var w guest.Writer
	w.Obj().Key(key).Arr()
	for _, e := range entries {
		w.Raw(e)
	}
	w.End()
	if next != "" {
		w.Key("nextCursor").Str(next)
	}
	if modern {
		c.cacheable(&w)
	}
	return w.End().Bytes()
}

// cursor returns the number of the page that a cursor of ours names.
func (c *catalog) cursor(method, token string) (int, error) {
	plain, err := c.sealer.open(cursorToken, token)
	if err != nil {
		return 0, err
	}
	number, ok := bytes.CutPrefix(plain, []byte(method+" "))
	if !ok {
		return 0, errToken
	}
	return strconv.Atoi(string(number))
}

// offers reports whether a method is served: what is not advertised is unknown.
func (c *catalog) offers(method string) bool {
	switch method {
	case "resources/list", "resources/templates/list", "resources/read":
		return c.hasResources()
	case "resources/subscribe", "resources/unsubscribe":
		return c.of.Subscribe
	case "prompts/list", "prompts/get":
		return len(c.of.Prompts) > 0
	case "completion/complete":
		return c.of.Completions
	case "logging/setLevel":
		return c.of.Logging
	}
	return true
}

func (c *catalog) hasResources() bool { return len(c.of.Resources)+len(c.of.Templates) > 0 }

// announces reports whether a change is of a kind that is advertised.
func (c *catalog) announces(n sdk.Notice) bool {
	switch n.Changed {
	case "tools":
		return c.of.Changes.Tools
	case "prompts":
		return c.of.Changes.Prompts
	case "resources":
		return c.of.Changes.Resources
	}
	return c.of.Subscribe
}

// found is who answers for a URI.
type found struct {
	persona  string
	template string
	vars     sdk.RawJSON
	grain    time.Duration
}

// resource finds a listed resource, or the first template that a URI matches.
func (c *catalog) resource(uri string) (found, bool) {
	if r := c.resources[uri]; r != nil {
		return found{persona: r.Persona, grain: r.Grain}, true
	}
	if len(uri) > maxURI {
		return found{}, false
	}
	for _, t := range c.templates {
		if vars := t.match(uri); vars != nil {
			return found{persona: t.Persona, template: t.URITemplate, vars: vars, grain: t.Grain}, true
		}
	}
	return found{}, false
}

// reference finds what completion/complete refers to: a template as it is
// written, or a resource.
func (c *catalog) reference(uri string) (found, bool) {
	for _, t := range c.templates {
		if t.URITemplate == uri {
			return found{persona: t.Persona}, true
		}
	}
	return c.resource(uri)
}

func serverInfo(w *guest.Writer, s sdk.ServerInfo, title bool) *guest.Writer {
	w.Obj().Key("name").Str(s.Name)
	if title && s.Title != "" {
		w.Key("title").Str(s.Title)
	}
	return w.Key("version").Str(s.Version).End()
}

func (c *catalog) discoverResult() sdk.RawJSON {
	var w guest.Writer
	w.Obj().Key("supportedVersions").Arr().Str(profile.Rev2026_07_28).End()
	c.capabilities(&w)
	if c.of.Instructions != "" {
		w.Key("instructions").Str(c.of.Instructions)
	}
	c.cacheable(&w)
	return w.End().Bytes()
}

// initialize is the result of the legacy handshake.
func (c *catalog) initialize(protocol string) sdk.RawJSON {
	var w guest.Writer
	w.Obj().Key("protocolVersion").Str(protocol)
	c.capabilities(&w)
	serverInfo(w.Key("serverInfo"), c.of.Server, protocol >= profile.Rev2025_06_18)
	if c.of.Instructions != "" {
		w.Key("instructions").Str(c.of.Instructions)
	}
	return w.End().Bytes()
}

func (c *catalog) capabilities(w *guest.Writer) {
	flags := func(key string, listChanged, subscribe bool) {
		w.Key(key).Obj()
		if subscribe {
			w.Key("subscribe").Bool(true)
		}
		if listChanged {
			w.Key("listChanged").Bool(true)
		}
		w.End()
	}
	w.Key("capabilities").Obj()
	if len(c.of.Tools) > 0 {
		flags("tools", c.of.Changes.Tools, false)
	}
	if c.hasResources() {
		flags("resources", c.of.Changes.Resources, c.of.Subscribe)
	}
	if len(c.of.Prompts) > 0 {
		flags("prompts", c.of.Changes.Prompts, false)
	}
	if c.of.Completions {
		flags("completions", false, false)
	}
	if c.of.Logging {
		flags("logging", false, false)
	}
	w.End()
}

// cacheable writes what 2026-07-28 wants in the results of discover and lists.
func (c *catalog) cacheable(w *guest.Writer) {
	w.Key("ttlMs").Int(listTTL.Milliseconds()).Key("cacheScope").Str(listScope)
	w.Key("resultType").Str("complete").Key("_meta").Raw(c.meta)
}

// modernResult adds to a persona's result what 2026-07-28 wants; ttl is how long
// a resource's content may be kept, 0 for results that are not. The persona's own
// members stay first and as they are.
func (c *catalog) modernResult(result sdk.RawJSON, ttl time.Duration) sdk.RawJSON {
	body := bytes.TrimRight(result, " \t\r\n")
	body = body[:len(body)-1]
	out := make([]byte, 0, len(body)+len(c.meta)+100)
	out = append(out, body...)
	if firstByte(body[bytes.IndexByte(body, '{')+1:]) != 0 {
		out = append(out, ',')
	}
	if ttl > 0 {
		out = strconv.AppendInt(append(out, `"ttlMs":`...), ttl.Milliseconds(), 10)
		out = append(out, `,"cacheScope":"`+readScope+`",`...)
	}
	out = append(out, `"resultType":"complete","_meta":`...)
	out = append(out, c.meta...)
	return append(out, '}')
}
