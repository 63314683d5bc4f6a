package exercise

import (
	"context"
	"slices"
	"strings"

	"github.com/yosida95/uritemplate/v3"

	"github.com/killdeer-mcp/killdeer/audit/evidence"
)

// plain is the case of what takes no arguments.
const plain = "plain"

const (
	maxOffers      = 100     // resources, templates and prompts each, that are asked for
	maxCompletions = 20      // that are asked for
	maxTemplate    = 2 << 10 // bytes of a URI template
)

// offers calls each of some things once or more, within the limits. It takes the list
// for its own.
func offers[T any](ctx context.Context, s *Session, kind string, of []T, name func(T) string, requests func(T) []request) {
	of = slices.DeleteFunc(of, func(one T) bool { return s.asked(kind, name(one)) })
	last, slow := 0, 0
	for i, one := range of {
		if i >= maxOffers || s.stop != nil || ctx.Err() != nil || slow >= minCalls {
			s.skip(kind, name(one), len(of)-i, "this and what follows: the budget of calls, or the pass had to end")
			break
		}
		for _, r := range requests(one) {
			if last > 0 {
				s.settle(ctx, last, s.opts.Gap)
			}
			s.do(ctx, r.call, r.method, r.params, min(s.opts.CallTimeout, 2*s.opts.Patience))
			last = r.call.N
			if r.call.Outcome == timeout {
				slow++
			}
			s.pool.harvest(r.call)
		}
		s.relist(ctx)
	}
	if last > 0 {
		s.settle(ctx, last, s.opts.Drain)
	}
}

// request is a call to be made, and what goes out for it.
type request struct {
	call   *evidence.Call
	method string
	params map[string]any
}

func (s *Session) readResources(ctx context.Context) {
	same := func(uri string) string { return uri }
	offers(ctx, s, "resource", slices.Clone(s.catalog.resources), same, func(uri string) []request {
		return []request{readOf("resource", uri, plain)}
	})
	offers(ctx, s, "template", slices.Clone(s.catalog.templates), same, s.expand)
}

func readOf(kind, uri, name string) request {
	call := &evidence.Call{Kind: kind, Name: uri, Case: name, Args: encoded(map[string]any{"uri": uri})}
	return request{call, "resources/read", map[string]any{"uri": uri}}
}

// expand makes URIs of a template: with ordinary values, and with a path where a
// variable asks for one.
func (s *Session) expand(template string) []request {
	if len(template) > maxTemplate {
		s.skip("template", cut(template, keptLine), 1, "the template is too long")
		return nil
	}
	t, err := uritemplate.New(template)
	if err != nil {
		s.skip("template", template, 1, "the template cannot be read")
		return nil
	}
	var out []request
	for _, variant := range []string{plain, "canary-path"} {
		values, placed := uritemplate.Values{}, false
		for _, v := range t.Varnames() {
			value := s.pool.text(v, "1")
			if variant != plain && s.opts.CanaryPath != "" && (strings.Contains(v, "path") || strings.Contains(v, "file")) {
				value, placed = strings.TrimPrefix(s.opts.CanaryPath, "/"), true
			}
			values.Set(v, uritemplate.String(value))
		}
		uri, err := t.Expand(values)
		if err != nil || variant != plain && !placed {
			continue
		}
		r := readOf("template", uri, variant)
		r.call.Name = template
		out = append(out, r)
	}
	return out
}

func (s *Session) getPrompts(ctx context.Context) {
	offers(ctx, s, "prompt", slices.Clone(s.catalog.prompts), func(p prompt) string { return p.Name }, func(p prompt) []request {
		full, fewest := map[string]any{}, map[string]any{}
		words := s.want("full").Words
		for _, a := range p.Args {
			full[a.Name] = words.For(a.Name)
			if a.Required {
				fewest[a.Name] = words.For(a.Name)
			}
		}
		out := []request{promptOf(p.Name, "full", full)}
		if len(fewest) < len(full) {
			out = append(out, promptOf(p.Name, "minimal", fewest))
		}
		return out
	})
}

func promptOf(name, variant string, args map[string]any) request {
	call := &evidence.Call{Kind: "prompt", Name: name, Case: variant, Args: encoded(args)}
	return request{call, "prompts/get", map[string]any{"name": name, "arguments": args}}
}

// complete asks for completions of the arguments of prompts and templates.
func (s *Session) complete(ctx context.Context) {
	if _, ok := s.capabilities["completions"]; !ok {
		return
	}
	var all []request
	typed := "a"
	if s.opts.Untyped {
		typed = ""
	}
	add := func(name, argument string, ref map[string]any) {
		params := map[string]any{"ref": ref, "argument": map[string]any{"name": argument, "value": typed}}
		call := &evidence.Call{Kind: "completion", Name: name, Case: plain, Args: encoded(params)}
		all = append(all, request{call, "completion/complete", params})
	}
	for _, p := range s.catalog.prompts {
		for _, a := range p.Args {
			add(p.Name, a.Name, map[string]any{"type": "ref/prompt", "name": p.Name})
		}
	}
	for _, uri := range s.catalog.templates {
		if t, err := uritemplate.New(cut(uri, maxTemplate)); err == nil {
			for _, v := range t.Varnames() {
				add(uri, v, map[string]any{"type": "ref/resource", "uri": uri})
			}
		}
	}
	if len(all) > maxCompletions {
		s.skip("completion", all[maxCompletions].call.Name, len(all)-maxCompletions, "this and what follows: the budget of calls")
		all = all[:maxCompletions]
	}
	offers(ctx, s, "completion", all, func(r request) string { return r.call.Name }, func(r request) []request { return []request{r} })
}
