package dashboard

import (
	"context"
	"net/http"
	"strconv"

	"github.com/labstack/echo/v4"

	"github.com/killdeer-mcp/killdeer/sdk"
)

// list is a page of events.
type list struct {
	Total      uint64       `json:"total"`
	Exact      bool         `json:"total_exact"` // else a few of them may not match
	Logs       []*sdk.Event `json:"logs"`
	Next       string       `json:"next,omitempty"`
	Unreadable int          `json:"unreadable,omitempty"` // damaged records that may have belonged here
}

// logs lists recorded requests, or events of another kind, newest first.
func (s *Server) logs(c echo.Context) error {
	p := parameters(c)
	q := p.filters()
	q.Kind, q.Outcome = p.kind(), p.text("outcome")
	p.ofDetections(&q)
	offset := p.page(&q)
	whole := p.oneOf("raw", "true", "false") == "true"
	if err := p.end(); err != nil {
		return err
	}
	ctx, cancel := within(c)
	defer cancel()
	page, err := s.look(ctx, q, offset)
	if err != nil {
		return err
	}
	if !whole {
		trim(page.Logs)
	}
	return writeJSON(c, http.StatusOK, page)
}

// look returns the page of a query that begins behind the first offset events.
func (s *Server) look(ctx context.Context, q Query, offset int) (*list, error) {
	tally, err := s.Events.Count(ctx, q)
	if err != nil {
		return nil, err
	}
	at, err := s.skip(ctx, q, offset)
	if err != nil {
		return nil, err
	}
	out := &list{Total: tally.Events, Exact: tally.Exact, Logs: []*sdk.Event{}}
	if at == nil {
		return out, nil
	}
	page, err := s.Events.Query(ctx, *at)
	if err != nil {
		return nil, err
	}
	out.Logs = append(out.Logs, page.Events...)
	out.Unreadable, out.Next = page.Unreadable, cursorOf(page.Next)
	return out, nil
}

// skip returns the query from behind the first n events, nil when there are no more.
func (s *Server) skip(ctx context.Context, q Query, n int) (*Query, error) {
	limit := q.Limit
	for n > 0 {
		q.Limit = min(n, maxLimit)
		page, err := s.Events.Query(ctx, q)
		if err != nil {
			return nil, err
		}
		n -= len(page.Events)
		if q.Before = page.Next; q.Before == 0 {
			return nil, nil
		}
	}
	q.Limit = limit
	return &q, nil
}

func cursorOf(next uint64) string {
	if next == 0 {
		return ""
	}
	return strconv.FormatUint(next, 10)
}

// trim takes from events of a list what is only shown of one: the request as it
// came, which may be many times as long as the rest.
func trim(events []*sdk.Event) {
	for i, ev := range events {
		events[i] = trimmed(ev)
	}
}

func trimmed(ev *sdk.Event) *sdk.Event {
	short := *ev
	short.Head, short.HeadB64 = "", nil
	if ev.Body != nil {
		short.Body = &sdk.Body{Size: ev.Body.Size, SHA256: ev.Body.SHA256, Cut: ev.Body.Cut}
	}
	return &short
}

// log shows one event, whole.
func (s *Server) log(c echo.Context) error {
	p := parameters(c)
	if err := p.end(); err != nil {
		return err
	}
	id, err := pathText(c, "id")
	if err != nil {
		return err
	}
	ctx, cancel := within(c)
	defer cancel()
	ev, err := s.Events.Get(ctx, id)
	if err != nil {
		return err
	}
	return writeJSON(c, http.StatusOK, ev)
}

// found is a detection as the list shows it: flat, as in the predecessor's.
type found struct {
	Seq   uint64 `json:"seq"`
	Time  string `json:"time"`
	Actor string `json:"actor,omitempty"`
	*sdk.Detection
	Client       *sdk.ClientInfo  `json:"client,omitempty"`
	CanariesSeen []sdk.CanarySeen `json:"canaries_seen,omitempty"`
	Demo         bool             `json:"demo,omitempty"`
}

type detectionList struct {
	Total      uint64  `json:"total"`
	Exact      bool    `json:"total_exact"`
	Detections []found `json:"detections"`
	Next       string  `json:"next,omitempty"`
	Unreadable int     `json:"unreadable,omitempty"`
}

// detections lists what rules found, newest first.
func (s *Server) detections(c echo.Context) error {
	p := parameters(c)
	q := p.filters()
	p.ofDetections(&q)
	offset := p.page(&q)
	if err := p.end(); err != nil {
		return err
	}
	q.Kind = sdk.KindDetection
	ctx, cancel := within(c)
	defer cancel()
	page, err := s.look(ctx, q, offset)
	if err != nil {
		return err
	}
	out := detectionList{Total: page.Total, Exact: page.Exact, Detections: []found{}, Next: page.Next, Unreadable: page.Unreadable}
	for _, ev := range page.Logs {
		if d, ok := asFound(ev); ok {
			out.Detections = append(out.Detections, d)
		}
	}
	return writeJSON(c, http.StatusOK, out)
}

func asFound(ev *sdk.Event) (found, bool) {
	if ev.Detection == nil {
		return found{}, false
	}
	return found{
		Seq: ev.Seq, Time: stamp(ev.Time), Actor: ev.Actor, Detection: ev.Detection, Client: ev.Client,
		CanariesSeen: ev.CanariesSeen, Demo: ev.Demo,
	}, true
}
