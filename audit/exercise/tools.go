package exercise

import (
	"context"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/killdeer-mcp/killdeer/audit/evidence"
	"github.com/killdeer-mcp/killdeer/audit/exercise/synth"
)

// Cases that the generator of arguments does not know: the plain call again, other
// branches of what may be chosen, and payloads for interpreters.
const (
	repeatCase  = "repeat-" // 2, 3, ... of the full case
	branchCase  = "branch-" // 2, 3, ... of each enum, type, anyOf and oneOf
	probeJS     = "probe-js"
	probePython = "probe-python"
	folderCase  = "folder" // a folder where a path belongs
)

// The cases in their order: what shows most comes first, since a slow tool or a
// large catalog leaves no time for all.
var (
	allCases = []string{
		string(synth.Full), string(synth.Minimal), repeatCase + "2", string(synth.Probe), string(synth.CanaryPath),
		string(synth.SinkURL), repeatCase + "3", string(synth.Defaults), string(synth.Boundary), branchCase + "2",
		branchCase + "3", branchCase + "4", probeJS, probePython, repeatCase + "4",
	}
	quickCases = []string{
		string(synth.Full), string(synth.Minimal), repeatCase + "2", repeatCase + "3", string(synth.Probe), string(synth.CanaryPath),
	}
)

const (
	minCalls = 3   // of each tool, whatever the catalog's size
	maxTools = 500 // that are called
)

// callAll calls everything, under the budget.
func (s *Session) callAll(ctx context.Context) {
	budget, stop := ctx, context.CancelFunc(func() {})
	if s.opts.Budget > 0 {
		budget, stop = within(ctx, s.opts.Budget, "the budget ended: not all calls were made")
	}
	defer stop()
	s.callTools(budget)
	s.chain(budget)
	s.readResources(budget)
	s.getPrompts(budget)
	s.complete(budget)
	s.relist(ctx)
	if budget.Err() != nil && ctx.Err() == nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.fault(context.Cause(budget).Error())
	}
}

// callTools calls every tool in every case. Tools that appear meanwhile are
// called too.
func (s *Session) callTools(ctx context.Context) {
	called := map[string]bool{}
	for len(called) < maxTools {
		t, ok := s.next(called)
		if !ok {
			return
		}
		called[t.Name] = true
		if s.asked("tool", t.Name) {
			continue
		}
		if s.opts.ReadOnly && !t.Hints.ReadOnly {
			s.skip("tool", t.Name, len(s.opts.Cases), "it does not say that it only reads")
			continue
		}
		s.callTool(ctx, t)
		s.relist(ctx)
	}
}

// next is the tool to call next.
func (s *Session) next(called map[string]bool) (next tool, ok bool) {
	for _, t := range s.catalog.tools {
		if !called[t.Name] && (!ok || s.opts.Orderly && stage(t.Name) < stage(next.Name)) {
			next, ok = t, true
		}
	}
	return next, ok
}

// share is how many calls each tool may have.
func (s *Session) share() int {
	return max(minCalls, s.opts.MaxCalls/max(1, len(s.catalog.tools)))
}

// drain is how long to wait behind the last call of each of n things.
func (s *Session) drain(n int) time.Duration {
	return max(s.opts.Gap, min(s.opts.Drain, maxDrains/time.Duration(max(1, n))))
}

// callTool calls a tool in every case that makes sense and was not tried yet.
func (s *Session) callTool(ctx context.Context, t tool) {
	maker, made := synth.New(t.Schema), []string{}
	var cost tally
	last := 0
	cases := s.plan(maker)
	for i, name := range cases {
		if why := s.enough(ctx, &cost); why != "" {
			s.skip("tool", t.Name, len(cases)-i, why)
			break
		}
		c := s.toolCall(maker, t.Name, name)
		if c == nil || !strings.HasPrefix(name, repeatCase) && slices.Contains(made, string(c.Args)) {
			continue
		}
		made = append(made, string(c.Args))
		if last > 0 {
			s.settle(ctx, last, s.opts.Gap)
		}
		s.invoke(ctx, c, &cost)
		last = c.N
	}
	if last > 0 {
		s.settle(ctx, last, s.drain(len(s.catalog.tools)))
	}
}

// enough says why a tool is not called any more, empty when it is.
func (s *Session) enough(ctx context.Context, cost *tally) string {
	switch {
	case s.stop != nil || ctx.Err() != nil:
		return "the pass had to end"
	case cost.calls >= s.share():
		return "the budget of calls"
	case s.weary(cost):
		return "the tool is slow"
	}
	return ""
}

// plan is the list of cases for a schema: branches only as many as it has.
func (s *Session) plan(maker *synth.Maker) []string {
	branches := maker.Make(s.want(synth.Full)).Alternatives
	return slices.DeleteFunc(slices.Clone(s.opts.Cases), func(name string) bool {
		n, isBranch := strings.CutPrefix(name, branchCase)
		number, err := strconv.Atoi(n)
		return isBranch && (err != nil || number > branches)
	})
}

func (s *Session) invoke(ctx context.Context, c *evidence.Call, cost *tally) {
	begun := time.Now()
	s.do(ctx, c, "tools/call", map[string]any{"name": c.Name, "arguments": json.RawMessage(c.Args)}, s.patience(cost))
	cost.add(c.Outcome, time.Since(begun))
	s.pool.harvest(c)
}

// toolCall makes the call of a case, nil if the case makes no sense for the tool.
func (s *Session) toolCall(maker *synth.Maker, tool, name string) *evidence.Call {
	c := &evidence.Call{Kind: "tool", Name: tool, Case: name}
	want, needsPlace := s.caseWant(name, tool, c)
	if needsPlace && want.Place == "" {
		return nil
	}
	args := maker.Make(want)
	if needsPlace && args.Placed == 0 {
		return nil
	}
	c.Args, c.Unchecked = args.JSON, args.Fallback
	return c
}

// caseWant is what to ask of the generator for a case. Some cases are about a
// value, and make no sense where there is no place for it.
func (s *Session) caseWant(name, tool string, c *evidence.Call) (want synth.Want, needsPlace bool) {
	kind, number, _ := strings.Cut(name, "-")
	switch {
	case kind+"-" == repeatCase:
		return s.want(synth.Full), false
	case kind+"-" == branchCase:
		want = s.want(synth.Full)
		n, err := strconv.Atoi(number)
		if err == nil {
			want.Branch = n - 1
		}
		return want, false
	case kind == string(synth.Probe):
		want = s.want(synth.Probe)
		if s.opts.MarkerDir != "" {
			c.Marker = path.Join(s.opts.MarkerDir, word(s.opts.Seed, tool+"/"+name)[:12])
			want.Place = payload(name, c.Marker)
		}
		return want, true
	}
	if name == folderCase {
		want = s.want(synth.Full)
		want.Words.Path = want.Words.Dir
		return want, false
	}
	want = s.want(synth.Case(name))
	switch want.Case {
	case synth.CanaryPath:
		want.Place, needsPlace = s.opts.CanaryPath, true
	case synth.SinkURL:
		want.Place, needsPlace = s.opts.SinkURL, true
	}
	return want, needsPlace
}

// payload is text that makes a file if something executes it. The first works in
// a shell unquoted, within double quotes and within single ones.
func payload(name, marker string) string {
	switch name {
	case probeJS:
		return fmt.Sprintf("(typeof require=='function'?require:process.getBuiltinModule)('fs').writeFileSync('%s','')", marker)
	case probePython:
		return fmt.Sprintf("open('%s','w').close()", marker)
	}
	return fmt.Sprintf("../x$(touch %s)'$(touch %s)' {{7*7}};touch %s #", marker, marker, marker)
}

// want is a wish with the ordinary words of this session.
func (s *Session) want(c synth.Case) synth.Want {
	dir := "/tmp"
	if len(s.opts.Roots) > 0 {
		dir = s.opts.Roots[0]
	}
	return synth.Want{Case: c, Seed: s.opts.Seed, Words: synth.Words{
		Text: s.planted("argument", "argument:text"), Path: path.Join(dir, "notes.txt"), Dir: dir,
		URL: "http://example.com/", Host: "example.com", Email: "probe@example.com", // RFC 2606
	}}
}
