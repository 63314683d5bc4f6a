package audit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"time"

	"github.com/killdeer-mcp/killdeer/audit/evidence"
	"github.com/killdeer-mcp/killdeer/audit/exercise"
	"github.com/killdeer-mcp/killdeer/audit/imitate"
)

// Which tools of a server are called to see how they answer.
const (
	CallAll      = "all"
	CallReadOnly = "read-only" // those that say so themselves
	CallNone     = "none"
)

// CloneOptions say what to imitate.
type CloneOptions struct {
	Options        // Argv, URL, Transport, Env, Dir, Sandbox, CallTimeout, Budget, Progress and Log count
	ID      string // of the persona; empty: made of the server's name
	Calls   string // empty: all in the box, those that only read elsewhere
}

// cloneHome is the server's home when it is imitated: its path stands in answers.
const cloneHome = "/home/node"

// cloneCases are what tools are called with: ordinary arguments, and every choice.
var cloneCases = []string{"full", "minimal", "repeat-2", "defaults", "folder", "branch-2", "branch-3", "branch-4"}

// Clone makes a persona file of a real server. A command is started in the sealed box
// of an audit, so that nothing it does is done to anybody; from a server elsewhere
// only what is read is asked for.
func Clone(ctx context.Context, o CloneOptions) (*imitate.Result, error) {
	o.Depth, o.Tracer = Quick, TracerNone
	r := newRun(o.Options)
	from := ""
	if u, err := url.Parse(o.URL); err == nil {
		from = u.Host
	}
	clone := r.cloneRemote
	if o.URL == "" {
		from, clone = filepath.Base(o.Argv[0]), r.cloneLocal
	}
	passes, err := clone(ctx, o.Calls)
	if err != nil {
		return nil, err
	}
	return imitate.Write(passes[0], passes[1:], imitate.Options{ID: o.ID, From: " (" + cmp.Or(r.audit.Target.Package, from) + ").", Planted: r.audit.Canaries})
}

// cloneLocal lets a client without abilities ask for everything, and one with all of
// them for the lists.
func (r *run) cloneLocal(ctx context.Context, calls string) ([]*evidence.Pass, error) {
	if calls == CallReadOnly {
		return nil, errors.New("in the box all tools or none are called: nothing that they do lasts")
	}
	defer r.closeTracers()
	defer r.removePackage()
	if err := r.install(ctx); err != nil {
		return nil, err
	}
	before := len(r.audit.Passes)
	plans := []plan{
		{name: "A", change: "a client without abilities", home: cloneHome, quick: true, orderly: true, patient: true, answers: exercise.AnswerNone, cases: cloneCases, untyped: true, list: calls == CallNone},
		{name: "B", change: "a client with all abilities", home: cloneHome, quick: true, list: true},
	}
	r.total = len(plans)
	for _, p := range plans {
		if _, err := r.pass(ctx, p, available(r.opts.Budget, r.started)); err != nil {
			return nil, err
		}
	}
	return r.audit.Passes[before:], nil
}

func (r *run) cloneRemote(ctx context.Context, calls string) ([]*evidence.Pass, error) {
	ctx, stop := context.WithTimeout(ctx, available(r.opts.Budget, r.started))
	defer stop()
	for _, era := range []exercise.Era{exercise.Legacy, exercise.Modern} {
		pass := &evidence.Pass{Name: "A", Begin: time.Now()}
		t, err := exercise.HTTP(r.opts.URL, r.opts.Transport, nil)
		if err != nil {
			return nil, err
		}
		s, err := exercise.Open(ctx, t, exercise.Options{
			Era: era, Quick: true, Answers: exercise.AnswerNone, Cases: cloneCases, Untyped: true, Orderly: true, CallTimeout: r.opts.CallTimeout,
			ListOnly: calls == CallNone, ReadOnly: calls != CallAll,
		}, pass)
		if err != nil {
			if era == exercise.Legacy && ctx.Err() == nil {
				continue // it may know no handshake
			}
			return nil, fmt.Errorf("ask %s: %w", r.opts.URL, err)
		}
		s.Exercise(ctx)
		return []*evidence.Pass{pass}, s.Close()
	}
	return nil, fmt.Errorf("ask %s: it answers no greeting", r.opts.URL)
}
