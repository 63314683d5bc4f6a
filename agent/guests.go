package agent

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/killdeer-mcp/killdeer/agent/config"
	"github.com/killdeer-mcp/killdeer/internal/guests"
	"github.com/killdeer-mcp/killdeer/internal/pack"
	"github.com/killdeer-mcp/killdeer/internal/wasm"
	"github.com/killdeer-mcp/killdeer/persona"
	"github.com/killdeer-mcp/killdeer/rules"
)

// guestSuffix and tomlSuffix are how the configuration tells files from built-in
// guests.
const (
	guestSuffix = ".wasm"
	tomlSuffix  = ".toml"
	maxTOML     = 1 << 20
)

// tomlGuests are the built-in guests that run what is written in TOML.
var tomlGuests = map[string]string{pack.KindPersona: "persona-toml", pack.KindRules: "rules-toml"}

// A cast is the guests of one configuration. Those that the cast before had
// are taken over from it, so that only what changed is loaded.
type cast struct {
	rt     *wasm.Runtime
	store  *pack.Store
	before *cast // nil for the first one, and after [cast.settle]
	log    *slog.Logger
	limit  int // bytes of a module
	// closed is why there is no store, which matters to those that need it.
	closed error
	// spares reports whether a rule pack that cannot be loaded is left out; nil: none is.
	spares func(name string) bool

	personas []*member
	packs    []*member
	lacks    []Lack // rule packs that were left out
	rules    *rules.Engine
}

// A member is one guest of a cast.
type member struct {
	name   string // as the configuration has it
	digest [sha256.Size]byte
	module *wasm.Module
	config []byte          // what is written in TOML, as the guest that runs it takes it
	pack   *pack.Installed // that it came in, or nil
}

// openCast makes an empty cast for a configuration.
func (s *Sensor) openCast(c *config.Config, rt *wasm.Runtime) *cast {
	next := &cast{rt: rt, before: s.guests.cast, log: s.log, limit: wasm.DefaultLimits().Module, rules: rules.New(s.log)}
	if namesPack(c) { // a trust directory that nothing needs cannot be at fault
		next.store, next.closed = pack.Open(packOptions(c, s.options.Version, s.log))
	}
	return next
}

func namesPack(c *config.Config) bool {
	return slices.ContainsFunc(slices.Concat(c.Decoy.Personas, c.Rules.Packs), config.IsPack)
}

func (s *cast) loadPersonas(ctx context.Context, names []string) error {
	for _, name := range names {
		b, err := s.load(ctx, name, pack.KindPersona)
		if err != nil {
			return fmt.Errorf("persona %q: %w", name, err)
		}
		s.personas = append(s.personas, b)
	}
	return nil
}

// loadRules loads rule packs. Which of them may be left out, spares says. Built-in ones
// come first: of two packs with one rule the later is at fault.
func (s *cast) loadRules(ctx context.Context, names []string) error {
	for _, name := range builtInFirst(names) {
		n := len(s.packs)
		err := s.loadPack(ctx, name)
		switch {
		case err == nil:
		case ctx.Err() == nil && s.spares != nil && s.spares(name):
			s.leaveOut(ctx, name, n, err)
		default:
			return fmt.Errorf("rule pack %q: %w", name, err)
		}
	}
	return nil
}

func builtInFirst(names []string) []string {
	builtIn := func(name string) int {
		if guests.Known(name) {
			return 0
		}
		return 1
	}
	return slices.SortedStableFunc(slices.Values(names), func(a, b string) int { return builtIn(a) - builtIn(b) })
}

func (s *cast) loadPack(ctx context.Context, name string) error {
	b, err := s.load(ctx, name, pack.KindRules)
	if err != nil {
		return err
	}
	s.packs = append(s.packs, b)
	return addRules(ctx, s.rules, b)
}

func addRules(ctx context.Context, e *rules.Engine, b *member) error {
	if b.config == nil {
		return e.Add(ctx, b.name, rules.FromModule(b.module))
	}
	return e.AddConfigured(ctx, b.name, rules.FromModule(b.module), b.config)
}

// modules are the personas as their host takes them.
func (s *cast) modules() []persona.Module {
	var list []persona.Module
	for _, b := range s.personas {
		list = append(list, b.persona())
	}
	return list
}

// persona is the member as personas are loaded.
func (b *member) persona() persona.Module {
	m := persona.Module{Name: b.name, Guest: b.module}
	if b.config != nil {
		m.Guest = persona.Configured(b.module, b.config)
	}
	return m
}

// load finds the guest of a name and loads it, unless the cast before has it.
func (s *cast) load(ctx context.Context, name, kind string) (*member, error) {
	b, code, err := s.read(name, kind)
	if err != nil {
		return nil, err
	}
	if s.before != nil {
		for _, old := range s.before.members() {
			if old.name == b.name && old.digest == b.digest {
				b.module = old.module
				return b, nil
			}
		}
	}
	b.module, err = s.rt.Load(ctx, filepath.Base(name), code)
	return b, err
}

func (s *cast) members() []*member { return slices.Concat(s.personas, s.packs) }

// read returns the module that a name of the configuration stands for: a built-in
// guest, a file, or the guest of an installed pack. What is written in TOML is run
// by a built-in one.
func (s *cast) read(name, kind string) (b *member, code []byte, err error) {
	b = &member{name: name}
	file := name
	switch {
	case config.IsPack(name) && s.closed != nil:
		err = s.closed
	case config.IsPack(name):
		b.pack, file, code, err = readPacked(s.store, name, kind)
	case strings.HasSuffix(name, tomlSuffix):
		code, err = readGuestFile(name, maxTOML)
	case strings.HasSuffix(name, guestSuffix):
		code, err = readGuestFile(name, s.limit)
	default:
		code, err = guests.Open(name)
	}
	if err == nil {
		code, b.config, err = asModule(kind, file, code)
	}
	b.digest = sha256.Sum256(slices.Concat(b.config, code))
	return b, code, err
}

// asModule returns the module that runs what is in a file, and what to hand to it.
func asModule(kind, file string, text []byte) (code, config []byte, err error) {
	if !strings.HasSuffix(file, tomlSuffix) {
		return text, nil, nil
	}
	if config, err = parseText(kind, file, text); err != nil {
		return nil, nil, err
	}
	code, err = guests.Open(tomlGuests[kind])
	return code, config, err
}

// parseText reads a file in TOML as the configuration of the guest that runs it.
func parseText(kind, file string, text []byte) (config []byte, err error) {
	if kind == pack.KindPersona {
		return persona.ParseTOML(file, text)
	}
	return rules.ParseTOML(file, text)
}

func readGuestFile(name string, limit int) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("open guest: %w", err)
	}
	defer f.Close()
	code, err := io.ReadAll(io.LimitReader(f, int64(limit)+1))
	if err != nil {
		return nil, fmt.Errorf("read guest: %w", err)
	}
	if len(code) > limit && filepath.Ext(name) != guestSuffix { // of modules the runtime says more
		return nil, fmt.Errorf("guest %s is over %d bytes", name, limit)
	}
	return code, nil
}

// readPacked verifies an installed pack and returns its guest.
func readPacked(store *pack.Store, id, kind string) (in *pack.Installed, file string, code []byte, err error) {
	if in, err = store.Current(id); err != nil {
		return nil, "", nil, err
	}
	f, err := in.Guest(kind)
	if err != nil {
		return nil, "", nil, err
	}
	code, err = in.ReadFile(f.Path)
	return in, f.Path, code, err
}

// abandon closes what was loaded for a cast that is not used.
func (s *cast) abandon(ctx context.Context) error { return closeMembers(ctx, s.members(), s.before) }

// closeMembers closes the modules of members that another cast does not share.
func closeMembers(ctx context.Context, members []*member, sharing *cast) error {
	var errs []error
	for _, b := range members {
		shared := sharing != nil && slices.ContainsFunc(sharing.members(), func(o *member) bool { return o.module == b.module })
		if !shared && b.module != nil {
			errs = append(errs, b.module.Close(ctx))
		}
	}
	return errors.Join(errs...)
}

// CompileGuest is what a compile child does: it compiles the module on in into
// the cache. See [Options.CompileCommand].
func CompileGuest(ctx context.Context, in io.Reader, cacheDir string) error {
	return wasm.CompileChild(ctx, in, cacheDir)
}
