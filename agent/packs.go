package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/google/uuid"

	"github.com/killdeer-mcp/killdeer/agent/config"
	"github.com/killdeer-mcp/killdeer/internal/pack"
	"github.com/killdeer-mcp/killdeer/internal/wasm"
	"github.com/killdeer-mcp/killdeer/persona"
	"github.com/killdeer-mcp/killdeer/rules"
	"github.com/killdeer-mcp/killdeer/sdk"
)

// staleEvery is how often a sensor looks whether its packs have expired.
const staleEvery = time.Hour

func packOptions(c *config.Config, version string, log *slog.Logger) pack.Options {
	return pack.Options{
		Dir: c.Packs.Dir, StateDir: c.Sensor.StateDir, TrustDir: c.Packs.Trust, AllowUnsigned: c.Packs.AllowUnsigned,
		ABIs: []string{fmt.Sprintf("killdeer/%d", sdk.ABIVersion)}, Sensor: version, Built: Built(), Log: log,
	}
}

// Built is when this program's source was committed: a clock before it is wrong.
func Built() time.Time {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return time.Time{}
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.time" {
			t, _ := time.Parse(time.RFC3339, s.Value)
			return t
		}
	}
	return time.Time{}
}

// OpenPacks opens the store of packs of a configuration for changes: what is
// installed through it is tested first. version is this program's, compile as in
// [Options].
func OpenPacks(c *config.Config, version string, compile []string, log *slog.Logger) (*pack.Store, error) {
	o := packOptions(c, version, log)
	o.SelfTest = func(ctx context.Context, m *pack.Manifest, dir string) error {
		return selfTest(ctx, c, compile, m, dir)
	}
	return pack.Open(o)
}

// CheckPacks says which of the packs that a configuration names could not be
// loaded.
func CheckPacks(c *config.Config, version string, log *slog.Logger) error {
	if !namesPack(c) {
		return nil
	}
	store, err := pack.Open(packOptions(c, version, log))
	if err != nil {
		return err
	}
	var faults []error
	for _, l := range []struct {
		key, kind string
		names     []string
	}{{"decoy.personas", pack.KindPersona, c.Decoy.Personas}, {"rules.packs", pack.KindRules, c.Rules.Packs}} {
		for _, name := range l.names {
			if !config.IsPack(name) {
				continue
			}
			if _, _, _, err := readPacked(store, name, l.kind); err != nil {
				faults = append(faults, fmt.Errorf("%s: %q: %w", l.key, name, err))
			}
		}
	}
	return errors.Join(faults...)
}

// CheckTexts says what is wrong with the personas and rules in TOML that a
// configuration names. It loads no guest.
func CheckTexts(c *config.Config) error {
	var faults []error
	for kind, names := range map[string][]string{pack.KindPersona: c.Decoy.Personas, pack.KindRules: c.Rules.Packs} {
		for _, name := range names {
			if !strings.HasSuffix(name, tomlSuffix) {
				continue
			}
			text, err := readGuestFile(name, maxTOML)
			if err == nil {
				_, err = parseText(kind, name, text)
			}
			faults = append(faults, err)
		}
	}
	slices.SortFunc(faults, func(a, b error) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	return errors.Join(faults...)
}

// CheckModules says which modules, among the files that a configuration names, a sensor
// could not load as what they are named for. compile is as in [Options]. Compiled code is
// looked for in the cache, and kept there if the folder exists and is the caller's.
func CheckModules(ctx context.Context, c *config.Config, compile []string, log *slog.Logger) (err error) {
	isModule := func(name string) bool { return strings.HasSuffix(name, guestSuffix) }
	if !slices.ContainsFunc(slices.Concat(c.Decoy.Personas, c.Rules.Packs), isModule) {
		return nil
	}
	cache, remove, err := checkCache(c.Sensor.CacheDir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, remove()) }()
	rt, err := wasm.New(ctx, wasmOptions(c, cache, compile, log))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rt.Close(context.WithoutCancel(ctx))) }()
	all := &cast{rt: rt, log: log, limit: wasm.DefaultLimits().Module, rules: rules.New(slog.New(slog.DiscardHandler))}
	var faults []error
	for _, l := range []struct {
		key   string
		names []string
		load  func(context.Context, string) error
	}{{"decoy.personas", c.Decoy.Personas, all.checkPersona}, {"rules.packs", c.Rules.Packs, all.loadPack}} {
		for _, name := range l.names {
			if !isModule(name) {
				continue
			}
			if err := l.load(ctx, name); err != nil {
				faults = append(faults, fmt.Errorf("%s: %q: %w", l.key, name, err))
			}
		}
	}
	return errors.Join(faults...)
}

// checkCache returns the cache to check with, and what to call when that is done. What
// another user's sensor would then not be able to read must not be left in its cache.
func checkCache(dir string) (cache string, done func() error, err error) {
	if ownFolder(dir) {
		return dir, func() error { return nil }, nil
	}
	if cache, err = os.MkdirTemp("", "killdeer-check-"); err != nil {
		return "", nil, fmt.Errorf("make a cache for the check: %w", err)
	}
	return cache, func() error { return os.RemoveAll(cache) }, nil
}

func ownFolder(dir string) bool {
	info, err := os.Stat(dir)
	if err != nil || !info.IsDir() {
		return false
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(st.Uid) == os.Geteuid()
}

// checkPersona loads a persona and describes it.
func (s *cast) checkPersona(ctx context.Context, name string) error {
	b, err := s.load(ctx, name, pack.KindPersona)
	if err != nil {
		return err
	}
	h := persona.NewHost(persona.Options{WorldSeed: make([]byte, worldSeedBytes), Log: slog.New(slog.DiscardHandler)})
	return h.Open(ctx, []persona.Module{b.persona()}, nil)
}

// selfTest loads a pack's guests as a sensor would, but in a runtime of their own
// with a cache of its own, and has each of them do something.
func selfTest(ctx context.Context, c *config.Config, compile []string, m *pack.Manifest, dir string) (err error) {
	cache, err := os.MkdirTemp("", "killdeer-self-test-")
	if err != nil {
		return fmt.Errorf("make a cache for the self-test: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(cache)) }()
	rt, err := wasm.New(ctx, wasmOptions(c, cache, compile, slog.New(slog.DiscardHandler)))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rt.Close(context.WithoutCancel(ctx))) }()
	for _, kind := range m.Kind {
		f, err := m.Guest(kind)
		if err != nil {
			return err
		}
		code, err := readGuestFile(filepath.Join(dir, filepath.FromSlash(f.Path)), wasm.DefaultLimits().Module)
		if err != nil {
			return err
		}
		b := &member{name: f.Path}
		if code, b.config, err = asModule(kind, f.Path, code); err == nil {
			b.module, err = rt.Load(ctx, f.Path, code)
		}
		if err != nil {
			return err
		}
		if err := tryOut(ctx, kind, b); err != nil {
			return fmt.Errorf("%s: %w", f.Path, err)
		}
	}
	return nil
}

func tryOut(ctx context.Context, kind string, b *member) error {
	if kind == pack.KindPersona {
		return tryPersona(ctx, b)
	}
	return tryRules(ctx, b)
}

// tryRules describes a rule pack and has it judge one event.
func tryRules(ctx context.Context, b *member) error {
	e := rules.New(slog.New(slog.DiscardHandler))
	if err := addRules(ctx, e, b); err != nil {
		return err
	}
	found, err := e.Judge(ctx, trialEvent())
	if err != nil {
		return err
	}
	for _, ev := range found {
		if ev.Guest != nil {
			return fmt.Errorf("evaluate: %s: %s", ev.Guest.Code, ev.Guest.Detail)
		}
	}
	return nil
}

// trialEvent is an ordinary call of a tool.
func trialEvent() *sdk.Event {
	return &sdk.Event{
		V: sdk.EventVersion, ID: "019cb7a1-0000-7000-8000-000000000001", Kind: sdk.KindAccess,
		Time: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Sensor: "self-test", IP: "192.0.2.1", Peer: "192.0.2.1:40000",
		Actor: "self-test", Session: "self-test", Transport: "http", Method: "POST", Path: "/mcp", UA: "self-test/1",
		Era: "legacy", Protocol: "2025-11-25", MCPMethod: "tools/call", Tool: "self_test", Args: sdk.RawJSON(`{"query":"select 1"}`),
		Client: &sdk.ClientInfo{Name: "self-test", Version: "1"}, Outcome: "result", Status: 200,
	}
}

// tryPersona describes a persona and calls the first of its tools that may be
// called without arguments.
func tryPersona(ctx context.Context, b *member) error {
	h := persona.NewHost(persona.Options{WorldSeed: make([]byte, worldSeedBytes), Log: slog.New(slog.DiscardHandler)})
	if err := h.Open(ctx, []persona.Module{b.persona()}, nil); err != nil {
		return err
	}
	catalog, err := h.Catalog(ctx)
	if err != nil {
		return err
	}
	for _, tool := range catalog.Tools {
		if !callable(tool) {
			continue
		}
		a, err := h.Call(ctx, "self-test", &sdk.Call{
			Op: sdk.OpCall, Persona: tool.Persona, Tool: tool.Name, Args: sdk.RawJSON("{}"), Now: trialEvent().Time,
		})
		if err != nil {
			return err
		}
		if a.Guest != nil {
			return fmt.Errorf("call %s: %s: %s", tool.Name, a.Guest.Code, a.Guest.Detail)
		}
		return nil
	}
	return nil
}

// callable reports whether a tool may be called without arguments.
func callable(t sdk.Tool) bool {
	var schema struct{ Required []string }
	return json.Unmarshal(t.InputSchema, &schema) == nil && len(schema.Required) == 0
}

// watchPacks says when a pack in use grows old, until ctx ends.
func (s *Sensor) watchPacks(ctx context.Context) {
	tick := time.NewTicker(staleEvery)
	defer tick.Stop()
	said := map[string]bool{}
	for {
		s.sayStale(said)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// sayStale records packs that have expired, and warns of those that will soon,
// each once.
func (s *Sensor) sayStale(said map[string]bool) {
	s.guests.mu.Lock()
	current := s.guests.cast
	s.guests.mu.Unlock()
	if current.store == nil {
		return
	}
	var ids []string
	for _, b := range current.members() {
		if b.pack != nil {
			ids = append(ids, b.pack.ID())
		}
	}
	slices.Sort(ids)
	old, err := current.store.Stale(slices.Compact(ids))
	if err != nil {
		s.log.Error("look whether packs have expired", "error", err)
		return
	}
	for _, in := range old {
		key := in.Digest + string(in.Freshness)
		if said[key] {
			continue
		}
		said[key] = true
		s.log.Warn("a pack grows old: install a newer one", "pack", in.ID(), "serial", in.Serial, "expires", in.Expires, "state", in.Freshness)
		if in.Freshness == pack.Stale {
			s.writer.Record(s.staleEvent(in))
		}
	}
}

func (s *Sensor) staleEvent(in *pack.Installed) *sdk.Event {
	return &sdk.Event{
		V: sdk.EventVersion, ID: uuid.Must(uuid.NewV7()).String(), Kind: sdk.KindPackStale, Time: time.Now().UTC(), Sensor: s.cfg.Sensor.Name,
		Pack: &sdk.PackStale{ID: in.ID(), Version: in.Version, Serial: in.Serial, Expires: in.Expires},
	}
}

// InstallPack installs a pack, and if the configuration names it has the sensor
// that runs take it up: running says that there is one. A pack that it refuses is taken back, and the one before
// is in use again.
func InstallPack(ctx context.Context, c *config.Config, store *pack.Store, data []byte, o pack.InstallOptions) (change *pack.Change, running bool, err error) {
	change, err = store.Install(ctx, data, o)
	if err != nil {
		return nil, false, err
	}
	if !slices.Contains(c.Decoy.Personas, change.ID()) && !slices.Contains(c.Rules.Packs, change.ID()) {
		return change, false, nil // a reload would be about something else
	}
	done, err := Reload(ctx, c.Sensor.StateDir)
	if err == nil {
		err = done.lacking(change.ID())
	}
	switch {
	case errors.Is(err, ErrNoSensor):
		return change, false, nil
	case err == nil:
		return change, true, nil
	}
	err = fmt.Errorf("the running sensor refused %s, and goes on with what it had: %w", change.Label(), err)
	return nil, true, &pack.Error{Class: pack.SelfTest, Err: errors.Join(err, store.Undo(change))}
}
