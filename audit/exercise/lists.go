package exercise

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"

	"github.com/killdeer-mcp/killdeer/audit/evidence"
	"github.com/killdeer-mcp/killdeer/sdk"
)

// What a list may be at most.
const (
	maxPages    = 200
	maxItems    = 10_000
	maxListSize = 32 << 20 // bytes
	maxRelists  = 8        // rounds because the server says that a list has changed
)

// catalog is the newest round of lists, as far as calls need it.
type catalog struct {
	tools     []tool
	resources []string // URIs
	templates []string // URI templates
	prompts   []prompt
}

type tool struct {
	Name   string          `json:"name"`
	Schema json.RawMessage `json:"inputSchema"`
	Hints  struct {
		ReadOnly bool `json:"readOnlyHint"`
	} `json:"annotations"`
}

type prompt struct {
	Name string `json:"name"`
	Args []struct {
		Name     string `json:"name"`
		Required bool   `json:"required"`
	} `json:"arguments"`
}

// list makes one round of all lists and records it raw.
func (s *Session) list(ctx context.Context, phase evidence.Phase) {
	s.mu.Lock()
	s.changed = false
	made := evidence.Catalog{Phase: phase, After: len(s.pass.Calls)}
	s.mu.Unlock()

	made.Tools = s.pages(ctx, &made, "tools/list", "tools", "tools")
	made.Resources = s.pages(ctx, &made, "resources/list", "resources", "resources")
	made.Templates = s.pages(ctx, &made, "resources/templates/list", "resourceTemplates", "resources")
	made.Prompts = s.pages(ctx, &made, "prompts/list", "prompts", "prompts")
	s.catalog = read(made)

	s.mu.Lock()
	defer s.mu.Unlock()
	s.pass.Catalog = append(s.pass.Catalog, made)
}

// pages reads all pages of a list. A list that was not advertised is asked for
// all the same, since a server may hide one; then a failure is none.
func (s *Session) pages(ctx context.Context, made *evidence.Catalog, method, key, capability string) []sdk.RawJSON {
	_, advertised := s.capabilities[capability]
	var items []sdk.RawJSON
	var err error
	if s.stop == nil {
		items, err = s.allPages(ctx, method, key, advertised)
	}
	refused, isRPC := errors.AsType[*jsonrpc.Error](err)
	unknown := isRPC && refused.Code == jsonrpc.CodeMethodNotFound && method != "tools/list" // real servers advertise what they lack
	if err != nil && advertised && !unknown {
		made.Errors = append(made.Errors, cut(method+": "+err.Error(), maxError))
	}
	return items
}

func (s *Session) allPages(ctx context.Context, method, key string, advertised bool) ([]sdk.RawJSON, error) {
	patience := s.opts.CallTimeout
	if !advertised {
		patience = s.opts.Patience
	}
	ctx, stop := within(ctx, patience, "no whole list")
	defer stop()
	var items []sdk.RawJSON
	size, seen := 0, map[string]bool{}
	for params := map[string]any(nil); ; {
		page, next, err := s.page(ctx, method, key, params)
		if err != nil {
			return items, err
		}
		for _, item := range page {
			size += len(item)
			items = append(items, sdk.RawJSON(item))
		}
		switch {
		case next == "":
			return items, nil
		case seen[next]:
			return items, errors.New("a cursor comes again: the list has no end")
		case len(seen) >= maxPages || len(items) > maxItems || size > maxListSize:
			return items, fmt.Errorf("the list is too long: %d items on %d pages, and more", len(items), len(seen)+1)
		}
		seen[next] = true
		params = map[string]any{"cursor": next}
	}
}

func (s *Session) page(ctx context.Context, method, key string, params map[string]any) (items []json.RawMessage, next string, err error) {
	raw, err := s.ask(ctx, method, params)
	if err != nil {
		return nil, "", err
	}
	var parts map[string]json.RawMessage
	if err := json.Unmarshal(raw, &parts); err != nil {
		return nil, "", errors.New("the reply is no object")
	}
	if err := json.Unmarshal(parts[key], &items); err != nil {
		return nil, "", fmt.Errorf("the reply holds no list of %s", key)
	}
	// A cursor that is no string is none.
	_ = json.Unmarshal(parts["nextCursor"], &next)
	return items, next, nil
}

// read takes out of a catalog what calls need; items that cannot be read are left
// to the judge.
func read(of evidence.Catalog) catalog {
	var c catalog
	each(of.Tools, func(t tool) {
		if t.Name != "" {
			c.tools = append(c.tools, t)
		}
	})
	each(of.Resources, func(r struct {
		URI string `json:"uri"`
	},
	) {
		c.resources = append(c.resources, r.URI)
	})
	each(of.Templates, func(r struct {
		URI string `json:"uriTemplate"`
	},
	) {
		c.templates = append(c.templates, r.URI)
	})
	each(of.Prompts, func(p prompt) { c.prompts = append(c.prompts, p) })
	return c
}

func each[T any](items []sdk.RawJSON, do func(T)) {
	for _, item := range items {
		var v T
		if json.Unmarshal(item, &v) == nil {
			do(v)
		}
	}
}

// relistTwice lists again at the end. Some servers change only when a client has
// looked for a second time; one whose lists are slow is spared that.
func (s *Session) relistTwice(ctx context.Context) {
	for range 2 {
		if s.stop != nil {
			return
		}
		from := time.Now()
		s.phase(evidence.Relist, 0, func() { s.list(ctx, evidence.Relist) })
		if time.Since(from) > s.opts.Patience {
			return
		}
	}
}

// relist lists again if the server has said that a list has changed.
func (s *Session) relist(ctx context.Context) {
	s.mu.Lock()
	changed, made := s.changed, len(s.pass.Catalog)
	s.mu.Unlock()
	if changed && made <= maxRelists && s.stop == nil {
		s.phase(evidence.Relist, 0, func() { s.list(ctx, evidence.Relist) })
	}
}
