package audit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/killdeer-mcp/killdeer/audit/evidence"
	"github.com/killdeer-mcp/killdeer/audit/exercise"
	"github.com/killdeer-mcp/killdeer/sdk"
)

// remote audits the texts of a server that runs elsewhere. Nothing is called there:
// what its tools do is real.
func (r *run) remote(ctx context.Context) error {
	plans := []plan{usual}
	if r.opts.Depth != Quick {
		plans = append(plans, plan{name: "B", change: "another session, the newer protocol first", era: exercise.Modern})
	}
	if r.opts.Depth == Thorough {
		for _, c := range clients {
			plans = append(plans, plan{name: "D", change: "the client says that it is " + c.client, client: c.client})
		}
	}
	r.total = len(plans)
	for _, p := range plans {
		if err := r.stage("pass "+p.name, func() error { return r.listen(ctx, p) }); err != nil {
			return err
		}
	}
	return nil
}

// listen lists what a remote server offers.
func (r *run) listen(ctx context.Context, p plan) error {
	pass := &evidence.Pass{Name: p.name, Change: p.change}
	ctx, stop := context.WithTimeout(ctx, available(r.opts.Budget, r.started))
	defer stop()
	t, err := exercise.HTTP(r.opts.URL, r.opts.Transport, nil)
	if err != nil {
		return err
	}
	s, err := exercise.Open(ctx, t, exercise.Options{Era: p.era, Client: p.client, ListOnly: true, Answers: exercise.AnswerDecline, CallTimeout: r.opts.CallTimeout}, pass)
	if errors.Is(err, exercise.ErrNotModern) && ctx.Err() == nil {
		p.era = exercise.Legacy
		return r.listen(ctx, p)
	}
	if err != nil {
		return fmt.Errorf("ask %s: %w", r.opts.URL, err)
	}
	s.Exercise(ctx)
	err = s.Close()
	r.keep(pass)
	if err != nil {
		pass.Faults = append(pass.Faults, err.Error())
	}
	return nil
}

// manifest takes a saved answer to tools/list, with or without its frame, for what a
// server says.
func (r *run) manifest() error {
	type lists struct {
		Tools     []sdk.RawJSON `json:"tools"`
		Resources []sdk.RawJSON `json:"resources"`
		Templates []sdk.RawJSON `json:"resourceTemplates"`
		Prompts   []sdk.RawJSON `json:"prompts"`
	}
	var m struct {
		lists
		Result *lists `json:"result"`
	}
	if err := json.Unmarshal(r.opts.Manifest, &m); err != nil {
		if json.Unmarshal(r.opts.Manifest, &m.Tools) != nil {
			return fmt.Errorf("read the manifest: %w", err)
		}
	}
	l := m.lists
	if m.Result != nil {
		l = *m.Result
	}
	if l.Tools == nil {
		return errors.New(`read the manifest: it has no "tools": want the answer to tools/list`)
	}
	r.total = 1
	r.keep(&evidence.Pass{
		Name: usual.name, Change: "a saved answer", Begin: time.Now(),
		Catalog: []evidence.Catalog{{Phase: evidence.List, Tools: l.Tools, Resources: l.Resources, Templates: l.Templates, Prompts: l.Prompts}},
	})
	return nil
}
