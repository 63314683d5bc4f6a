package dashboard

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/killdeer-mcp/killdeer/sdk"
)

const (
	troubleSpan = time.Hour // errors of guests, and losses, that count for the health
	maxTrouble  = 200       // of each kind of event that are looked at
	maxBehind   = 10_000    // events that are not judged yet
)

// wellness is how the sensor is.
type wellness struct {
	State   string   `json:"state"`   // ok or degraded
	Reasons []string `json:"reasons"` // why it is degraded
	Status
	Guests []guestHealth `json:"guests"`
	Lost   uint64        `json:"lost"` // events, in the last hour
}

// guestHealth are the failures of one guest in the last hour.
type guestHealth struct {
	Module string `json:"module"`
	Errors int    `json:"errors"`
	Last   string `json:"last"`
	Code   string `json:"code"` // of the last one
	Detail string `json:"detail,omitempty"`
}

// health says how the sensor and its parts are.
func (s *Server) health(c echo.Context) error {
	if err := parameters(c).end(); err != nil {
		return err
	}
	ctx, cancel := within(c)
	defer cancel()
	st, err := s.Sensor.Status(ctx)
	if err != nil {
		return err
	}
	out := wellness{State: "ok", Reasons: []string{}, Status: st, Guests: []guestHealth{}}
	complete(&out.Status)
	since := time.Now().Add(-troubleSpan)
	if out.Guests, err = s.guests(ctx, since); err != nil {
		return err
	}
	if out.Lost, err = s.lost(ctx, since); err != nil {
		return err
	}
	out.judge()
	return writeJSON(c, http.StatusOK, out)
}

// complete gives lists that are empty their form in JSON.
func complete(st *Status) {
	st.Decoy.Personas = append([]string{}, st.Decoy.Personas...)
	st.Sinks = append([]SinkStatus{}, st.Sinks...)
	st.Packs = append([]PackStatus{}, st.Packs...)
}

// judge finds out what is wrong.
func (w *wellness) judge() {
	if w.Journal.Low {
		w.Reasons = append(w.Reasons, "the disk is nearly full: new events are shed and counted")
	}
	if n := len(w.Journal.Aside); n > 0 {
		w.Reasons = append(w.Reasons, fmt.Sprintf("%d damaged files of the journal were set aside", n))
	}
	if w.Journal.JudgeBehind > maxBehind {
		w.Reasons = append(w.Reasons, fmt.Sprintf("the rules are %d events behind", w.Journal.JudgeBehind))
	}
	if w.Lost > 0 {
		w.Reasons = append(w.Reasons, fmt.Sprintf("%d events were lost in the last hour", w.Lost))
	}
	for _, sink := range w.Sinks {
		if sink.State != "up" && sink.State != "starting" {
			w.Reasons = append(w.Reasons, fmt.Sprintf("sink %s is %s", sink.Name, sink.State))
		}
	}
	for _, lack := range w.Lacks {
		w.Reasons = append(w.Reasons, "rule pack "+lack)
	}
	for _, g := range w.Guests {
		w.Reasons = append(w.Reasons, fmt.Sprintf("guest %s failed %d times in the last hour", g.Module, g.Errors))
	}
	now := time.Now()
	for _, p := range w.Packs {
		if !p.Expires.IsZero() && now.After(p.Expires) {
			w.Reasons = append(w.Reasons, fmt.Sprintf("pack %s has expired", p.ID))
		}
	}
	if len(w.Reasons) > 0 {
		w.State = "degraded"
	}
}

func (s *Server) guests(ctx context.Context, since time.Time) ([]guestHealth, error) {
	page, err := s.Events.Query(ctx, Query{Kind: sdk.KindGuest, From: since, Limit: maxTrouble})
	all := []guestHealth{}
	for _, ev := range page.Events {
		if ev.Guest == nil {
			continue
		}
		i := slices.IndexFunc(all, func(g guestHealth) bool { return g.Module == ev.Guest.Module })
		if i < 0 {
			i = len(all)
			all = append(all, guestHealth{Module: ev.Guest.Module, Last: stamp(ev.Time), Code: ev.Guest.Code, Detail: ev.Guest.Detail})
		}
		all[i].Errors++
	}
	slices.SortFunc(all, func(a, b guestHealth) int { return strings.Compare(a.Module, b.Module) })
	return all, err
}

func (s *Server) lost(ctx context.Context, since time.Time) (n uint64, err error) {
	page, err := s.Events.Query(ctx, Query{Kind: sdk.KindGap, From: since, Limit: maxTrouble})
	for _, ev := range page.Events {
		if ev.Gap != nil && ev.Gap.Reason != "not_judged" {
			n += ev.Gap.Lost
		}
	}
	return n, err
}

// sinks says how the sinks are.
func (s *Server) sinks(c echo.Context) error {
	if err := parameters(c).end(); err != nil {
		return err
	}
	ctx, cancel := within(c)
	defer cancel()
	st, err := s.Sensor.Status(ctx)
	if err != nil {
		return err
	}
	complete(&st)
	return writeJSON(c, http.StatusOK, map[string]any{"sinks": st.Sinks})
}
