package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/killdeer-mcp/killdeer/agent/config"
	"github.com/killdeer-mcp/killdeer/agent/decoy"
	"github.com/killdeer-mcp/killdeer/agent/honeytoken"
	"github.com/killdeer-mcp/killdeer/rules"
)

// closeWithin is how long calls that a replaced guest still answers may take.
const closeWithin = 10 * time.Second

// readWithin bounds the reading of the configuration, and of what it names.
const readWithin = 5 * time.Second

// guestSet is what a reload exchanges.
type guestSet struct {
	mu   sync.Mutex // held while guests are loaded or exchanged
	cast *cast      // nil until the first load is through
	// current is cast for those who must not wait for a reload.
	current atomic.Pointer[cast]
	cfg     *config.Config // in force, as far as a reload may change it
	reading atomic.Bool    // the configuration is being read again
	judge   struct {
		stop context.CancelFunc
		done chan struct{}
	}
}

// use puts a cast in force. The caller holds the guests' lock.
func (s *Sensor) use(c *cast) {
	s.guests.cast = c
	s.guests.current.Store(c)
	for _, m := range c.members() {
		s.monitor.Loaded(m.module.Name())
	}
}

// settle waits for the end of a load or reload under way. It does not keep the
// lock, which tasks take.
func (g *guestSet) settle() {
	g.mu.Lock()
	defer g.mu.Unlock()
}

// Reloaded says what a reload did.
type Reloaded struct {
	Personas bool     `json:"personas"`           // other personas answer now
	Rules    bool     `json:"rules"`              // other rules judge now
	Settings []string `json:"settings,omitempty"` // keys that have another value now
	Restart  []string `json:"restart,omitempty"`  // keys whose change waits for a restart
	Lacks    []Lack   `json:"lacks,omitempty"`    // rule packs that lacked before and do still
}

// Reload reads the configuration again and takes over what changed, but for what
// needs a restart: personas, rule packs, sinks, limits, retention and more.
// Connections and sessions go on: requests under way are answered by the persona that
// they began with, and events are judged by the new rules from where the old ones
// stopped, with their windows made anew from the journal. A fault leaves everything as
// it was; a rule pack that the sensor has lacked since its start is none.
func (s *Sensor) Reload() (*Reloaded, error) {
	s.guests.mu.Lock()
	defer s.guests.mu.Unlock()
	switch {
	case s.life.Err() != nil:
		return nil, errors.New("reload: the sensor is stopping")
	case s.guests.cast == nil:
		return nil, errors.New("reload: the guests are not loaded")
	}
	done, err := s.reload(s.life)
	if err != nil {
		s.log.Error("reload failed: everything stays as it was", "error", err)
		return nil, fmt.Errorf("reload: %w", err)
	}
	s.log.Info("reloaded", "personas_changed", done.Personas, "rules_changed", done.Rules, "settings", done.Settings, "restart_for", done.Restart)
	return done, nil
}

func (s *Sensor) reload(ctx context.Context) (*Reloaded, error) {
	cfg, err := s.readAgain(ctx)
	if err != nil {
		return nil, err
	}
	was := s.guests.cfg
	sinks := !reflect.DeepEqual(was.Sinks, cfg.Sinks) || was.Sensor.Heartbeat != cfg.Sensor.Heartbeat
	if sinks { // a program that refuses its settings is a fault like any other
		if err := CheckSinks(ctx, cfg, s.log); err != nil {
			return nil, err
		}
	}
	old := s.guests.cast
	next, err := s.loadNext(ctx, cfg, old)
	done := &Reloaded{Settings: was.TakenOver(cfg), Restart: s.cfg.NeedsRestart(cfg), Lacks: next.lacks}
	if err == nil && !sameMembers(old.personas, next.personas) {
		done.Personas = true
		err = s.personas.Swap(ctx, next.modules())
	}
	if err == nil && sinks {
		if err = s.sinks.exchange(ctx, was, cfg, s); err != nil && done.Personas {
			err = errors.Join(err, s.personas.Swap(ctx, old.modules()))
		}
	}
	if err != nil {
		return nil, errors.Join(err, next.abandon(context.WithoutCancel(ctx)))
	}
	s.install(ctx, old, next, done)
	s.sayLacks(old.lacks, next)
	s.apply(cfg)
	if done.Personas {
		s.recordDescribed()
	}
	return done, nil
}

// readAgain reads the configuration. Where a file system hangs it leaves the read
// behind, at most one: that must hold up neither a stop nor later reloads.
func (s *Sensor) readAgain(ctx context.Context) (*config.Config, error) {
	if s.options.Load == nil {
		return s.cfg, nil
	}
	if !s.guests.reading.CompareAndSwap(false, true) {
		return nil, errors.New("an earlier read of the configuration still hangs")
	}
	var cfg *config.Config
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		cfg, err = s.options.Load()
		s.guests.reading.Store(false)
	}()
	select {
	case <-done:
		return cfg, err
	case <-time.After(readWithin):
		return nil, fmt.Errorf("the configuration could not be read within %v", readWithin)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// apply takes over the settings that cannot fail.
func (s *Sensor) apply(cfg *config.Config) {
	s.guests.cfg = cfg
	if l := s.options.LogLevel; l != nil {
		_ = l.UnmarshalText([]byte(cfg.Sensor.LogLevel)) // it was checked
	}
	c := cfg.Decoy
	s.decoy.Apply(decoy.Settings{
		Limits: decoyLimits(c.Limits), AllowedOrigins: c.AllowedOrigins, AllowedHosts: c.AllowedHosts, TrustedProxies: c.Proxies(),
	})
	s.tagger.to(tagOwn(s.recorder(), cfg.Rules.OwnTraffic(), s.demo))
	s.journal.SetRetention(retention(cfg))
}

// install puts a cast in the place of another, after the personas were swapped.
func (s *Sensor) install(ctx context.Context, old, next *cast, done *Reloaded) {
	next.before = nil
	if sameMembers(old.packs, next.packs) {
		next.rules = old.rules // with its windows
		s.use(next)
	} else {
		done.Rules = true
		s.stopJudge()
		s.use(next)
		s.startJudge(ctx)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeWithin)
	defer cancel()
	if err := closeMembers(ctx, old.members(), next); err != nil {
		s.log.Error("close replaced guests", "error", err)
	}
}

// loadNext loads the guests that take the place of others. Rule packs that lacked before
// may do so still: else several could not be mended one after the other.
func (s *Sensor) loadNext(ctx context.Context, cfg *config.Config, old *cast) (*cast, error) {
	next := s.openCast(cfg, old.rt)
	next.spares = old.lacksPack
	err := next.loadPersonas(ctx, cfg.Decoy.Personas)
	if err == nil {
		err = next.loadRules(ctx, cfg.Rules.Packs)
	}
	return next, err
}

// sameMembers reports whether two lists are of the same guests.
func sameMembers(a, b []*member) bool {
	return slices.EqualFunc(a, b, func(x, y *member) bool { return x.name == y.name && x.digest == y.digest })
}

// rulePacks describes the rule packs that judge now.
func (s *Sensor) rulePacks() []rules.PackInfo {
	s.guests.mu.Lock()
	defer s.guests.mu.Unlock()
	if s.guests.cast == nil {
		return nil // they could not be loaded
	}
	return s.guests.cast.rules.Packs()
}

// startJudge starts judging with the rules of the cast, from where judging
// stopped.
func (s *Sensor) startJudge(ctx context.Context) {
	ctx, stop := context.WithCancel(ctx)
	done := make(chan struct{})
	s.guests.judge.stop, s.guests.judge.done = stop, done
	j := &judge{journal: s.journal, rules: s.guests.cast.rules, tokens: honeytoken.New(), log: s.log, found: s.monitor.Detection}
	s.tasks.Go(func() {
		defer close(done)
		if err := goBehind(); errors.Is(err, fs.ErrPermission) {
			s.log.Debug("the judge competes with answers, as the unit's filter of system calls has it", "error", err)
		} else if err != nil {
			s.log.Warn("the judge competes with answers", "error", err)
		}
		s.fail(j.run(ctx))
	})
}

func (s *Sensor) stopJudge() {
	s.guests.judge.stop()
	<-s.guests.judge.done
}

func (s *controlServer) reloadNow(w http.ResponseWriter, _ *http.Request) {
	done, err := s.reload()
	reply(w, done, err)
}

// Reload tells the sensor that runs on a state directory to reload, and waits for
// what comes of it. Without one the error is [ErrNoSensor].
func Reload(ctx context.Context, stateDir string) (*Reloaded, error) {
	c := newControlClient(stateDir)
	defer c.http.CloseIdleConnections()
	u := url.URL{Scheme: "http", Host: controlHost, Path: "/reload"}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), nil)
	if err != nil {
		return nil, err
	}
	resp, err := c.http.Do(req)
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" {
		return nil, ErrNoSensor
	}
	if err != nil {
		return nil, fmt.Errorf("ask the sensor: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
		return nil, &refused{strings.TrimSpace(string(text))}
	}
	var done Reloaded
	if err := json.NewDecoder(resp.Body).Decode(&done); err != nil {
		return nil, fmt.Errorf("ask the sensor: %w", err)
	}
	return &done, nil
}

// refused is what a running sensor said no with.
type refused struct{ text string }

func (r *refused) Error() string { return r.text }
