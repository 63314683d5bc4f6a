package agent

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"time"

	"github.com/killdeer-mcp/killdeer/agent/config"
	"github.com/killdeer-mcp/killdeer/agent/dashboard"
	"github.com/killdeer-mcp/killdeer/agent/journal"
	"github.com/killdeer-mcp/killdeer/internal/pack"
	"github.com/killdeer-mcp/killdeer/plugins"
	"github.com/killdeer-mcp/killdeer/sdk"
)

const (
	minToken      = 32 // characters: a token is compared with one digest, not with a slow one
	leaveFeedsFor = time.Second
)

// listenDashboard binds the dashboard's address, unless the configuration has none.
func (s *Sensor) listenDashboard() error {
	if s.cfg.Dashboard.Listen == "" {
		return nil
	}
	l := s.options.Sockets["dashboard"]
	if l == nil {
		var err error
		if l, err = net.Listen("tcp", s.cfg.Dashboard.Listen); err != nil {
			return fmt.Errorf("start dashboard: %w", err)
		}
	}
	s.board = l
	s.onStop("close dashboard's listener", func(context.Context) error {
		if err := l.Close(); !errors.Is(err, net.ErrClosed) {
			return err
		}
		return nil
	})
	return nil
}

// startDashboard serves what the dashboard's listener accepts.
func (s *Sensor) startDashboard() error {
	if s.board == nil {
		return nil
	}
	c := &s.cfg.Dashboard
	o := dashboard.Options{
		Events: shownEvents{s.journal}, Feed: shownFeed{s.journal, s.log}, Tables: shownTables{s.journal.Tables()}, Sensor: shownSensor{s, time.Now().UTC()},
		Log: s.log, Hosts: c.Hosts,
	}
	var err error
	if o.TokenHash, err = tokenHash(c); err != nil {
		return fmt.Errorf("dashboard.token: %w", err)
	}
	if c.TLSCert != "" {
		source, err := secretPair(c.TLSCert, c.TLSKey, s.log)
		if err != nil {
			return fmt.Errorf("secure the dashboard: %w", err)
		}
		o.TLS = source.Config()
	}
	for _, r := range s.Watched() {
		o.Routes = append(o.Routes, dashboard.Route(r))
	}
	if addr, ok := s.board.Addr().(*net.TCPAddr); ok && !addr.IP.IsLoopback() && o.TLS == nil {
		s.log.Warn("the dashboard's token crosses the network in the clear: set dashboard.tls_cert, or let a proxy on this machine do TLS", "address", s.board.Addr().String())
	}
	d := dashboard.New(o)
	s.tasks.Go(func() { s.fail(d.Serve(s.board)) })
	s.onStop("close dashboard", func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, leaveFeedsFor)
		defer cancel()
		return d.Shutdown(ctx)
	})
	return nil
}

// tokenHash returns the digest of the token that the configuration has or names,
// nil for none.
func tokenHash(c *config.Dashboard) ([]byte, error) {
	if c.Token == "" {
		return nil, nil
	}
	if sum, ok := c.TokenHash(); ok {
		return sum, nil
	}
	token, err := plugins.Secret(c.Token)
	if err != nil {
		return nil, err
	}
	if sum, ok := (&config.Dashboard{Token: token}).TokenHash(); ok {
		return sum, nil
	}
	if len(token) < minToken {
		return nil, fmt.Errorf(`the token has %d characters, want at least %d: "killdeer dashboard token" makes one`, len(token), minToken)
	}
	sum := sha256.Sum256([]byte(token))
	return sum[:], nil
}

// DashboardURL is where the dashboard is, "" for nowhere.
func (s *Sensor) DashboardURL() string {
	if s.board == nil {
		return ""
	}
	scheme := "http://"
	if s.cfg.Dashboard.TLSCert != "" {
		scheme = "https://"
	}
	return scheme + s.board.Addr().String()
}

// shownEvents is the journal as the dashboard asks it.
type shownEvents struct{ *journal.Journal }

var _ dashboard.Events = shownEvents{}

// Query implements [dashboard.Events].
func (j shownEvents) Query(ctx context.Context, q dashboard.Query) (dashboard.Page, error) {
	page, err := j.Journal.Query(ctx, journal.Query(q))
	return dashboard.Page(page), asShown(err)
}

// Count implements [dashboard.Events].
func (j shownEvents) Count(ctx context.Context, q dashboard.Query) (dashboard.Tally, error) {
	n, err := j.Journal.Count(ctx, journal.Query(q))
	return dashboard.Tally(n), asShown(err)
}

// Get implements [dashboard.Events].
func (j shownEvents) Get(ctx context.Context, id string) (*sdk.Event, error) {
	ev, err := j.Journal.Get(ctx, id)
	return ev, asShown(err)
}

// asShown puts the dashboard's errors in the place of the journal's.
func asShown(err error) error {
	switch {
	case errors.Is(err, journal.ErrNotFound):
		return dashboard.ErrNotFound
	case errors.Is(err, journal.ErrQuery):
		return fmt.Errorf("%w: %w", dashboard.ErrQuery, err)
	}
	return err
}

// shownFeed is the journal as live feeds read it.
type shownFeed struct {
	*journal.Journal
	log *slog.Logger
}

var _ dashboard.Feed = shownFeed{}

// Read implements [dashboard.Feed].
func (j shownFeed) Read(ctx context.Context, after uint64, limit int) (events []*sdk.Event, end uint64, err error) {
	return readOn(ctx, j.Journal, after, limit, j.log)
}

// shownTables are the journal's tables as the dashboard has them.
type shownTables struct{ *journal.Tables }

var _ dashboard.Tables = shownTables{}

// Session implements [dashboard.Tables].
func (t shownTables) Session(id string) (dashboard.Session, error) {
	row, err := t.Tables.Session(id)
	return dashboard.Session(row), asShown(err)
}

// Sessions implements [dashboard.Tables].
func (t shownTables) Sessions(before uint64, limit int) (all []dashboard.Session, err error) {
	rows, err := t.Tables.Sessions(before, limit)
	for _, row := range rows {
		all = append(all, dashboard.Session(row))
	}
	return all, err
}

// Canaries implements [dashboard.Tables].
func (t shownTables) Canaries(before uint64, limit int) (all []dashboard.Canary, err error) {
	rows, err := t.Tables.Canaries(before, limit)
	for _, row := range rows {
		all = append(all, dashboard.Canary(row))
	}
	return all, err
}

// shownSensor tells the dashboard of the sensor.
type shownSensor struct {
	*Sensor
	started time.Time
}

var _ dashboard.Sensor = shownSensor{}

// Tools implements [dashboard.Sensor]. While the guests load there are none.
func (s shownSensor) Tools(ctx context.Context) (names []string, err error) {
	if !s.loaded() {
		return nil, nil
	}
	catalog, err := s.personas.Catalog(ctx)
	if err != nil {
		return nil, err
	}
	for _, t := range catalog.Tools {
		names = append(names, t.Name)
	}
	return names, nil
}

func (s shownSensor) loaded() bool {
	select {
	case <-s.ready:
		return true
	default:
		return false
	}
}

// Stats implements [dashboard.Sensor].
func (s shownSensor) Stats(context.Context) (dashboard.Stats, error) {
	st, err := s.journal.Stats()
	out := dashboard.Stats{
		Events: st.Events, Lost: st.Lost, Outcomes: st.Outcomes, Severities: st.Severities,
		Tools: counts(st.Tools), Methods: counts(st.Methods), Sources: counts(st.Sources), Rules: counts(st.Rules),
		UniqueSources: st.UniqueSources, Exact: st.Exact, From: st.From, To: st.To,
	}
	for _, m := range st.Minutes {
		out.Minutes = append(out.Minutes, dashboard.Minute(m))
	}
	return out, err
}

func counts(all []journal.Count) (out []dashboard.Count) {
	for _, c := range all {
		out = append(out, dashboard.Count{Name: c.Name, Count: c.Count})
	}
	return out
}

// Status implements [dashboard.Sensor].
func (s shownSensor) Status(ctx context.Context) (dashboard.Status, error) {
	st := dashboard.Status{Sensor: s.cfg.Sensor.Name, Version: s.options.Version, Started: s.started, Packs: s.packsInUse()}
	if s.listener != nil {
		st.Decoy.URL = s.scheme() + "://" + s.listener.Addr().String() + s.cfg.Decoy.Path
	}
	if s.loaded() {
		if catalog, err := s.personas.Catalog(ctx); err == nil {
			st.Decoy.ServerName, st.Decoy.Tools = catalog.Server.Name, len(catalog.Tools)
		}
		st.Decoy.Personas = s.personas.Personas()
	}
	if h := s.sinks.host(); h != nil {
		for _, sink := range h.Status() {
			st.Sinks = append(st.Sinks, dashboard.SinkStatus{
				Name: sink.Name, Program: sink.Program, State: string(sink.State), At: sink.At, Behind: sink.Behind, Sent: sink.Sent,
				Failures: sink.Failures, Restarts: sink.Restarts, Dead: sink.Dead, Error: sink.Error, ErrorAt: sink.ErrorAt,
			})
		}
	}
	for _, l := range s.lacks() {
		st.Lacks = append(st.Lacks, l.Name+" cannot be loaded: "+l.Reason)
	}
	info, err := s.journal.Info()
	st.Journal = journalStatus(&info)
	return st, err
}

func journalStatus(i *journal.Info) dashboard.JournalStatus {
	st := dashboard.JournalStatus{
		Epoch: i.Epoch, First: i.First, Last: i.Last, Events: i.Events, Bytes: i.Bytes, MaxBytes: i.MaxBytes, Free: i.Free,
		Low: i.Low, Reserve: i.Reserve, Segments: len(i.Segments), Aside: i.Aside,
	}
	for _, seg := range i.Segments {
		if seg.Sealed {
			st.Sealed++
		}
	}
	if m := slices.IndexFunc(i.Marks, func(m journal.Mark) bool { return m.Consumer == judgeConsumer }); m >= 0 {
		st.JudgeBehind = i.Last - min(i.Marks[m].Seq, i.Last)
	}
	return st
}

// packsInUse lists the guests. While they are exchanged the list is empty: nobody
// waits for that.
func (s *Sensor) packsInUse() (all []dashboard.PackStatus) {
	if !s.guests.mu.TryLock() {
		return nil
	}
	defer s.guests.mu.Unlock()
	if s.guests.cast == nil {
		return nil
	}
	for _, m := range s.guests.cast.personas {
		all = append(all, packStatus(m, pack.KindPersona))
	}
	infos := s.guests.cast.rules.Packs()
	for _, m := range s.guests.cast.packs {
		st := packStatus(m, pack.KindRules)
		for _, info := range infos {
			if info.Name == m.name {
				st.Rules = len(info.Rules)
				if st.Version == "" {
					st.Version = info.Version
				}
			}
		}
		all = append(all, st)
	}
	return all
}

func packStatus(m *member, kind string) dashboard.PackStatus {
	st := dashboard.PackStatus{ID: m.name, Kind: kind}
	if m.pack != nil {
		st.Version, st.Serial, st.Expires = m.pack.Version, m.pack.Serial, m.pack.Expires
	}
	return st
}
