package dashboard

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/killdeer-mcp/killdeer/sdk"
)

const (
	maxFeeds  = 32
	keepAlive = 25 * time.Second

	feedStep  = 100 * time.Millisecond // a feed sends what came in it at once
	feedBatch = 1024                   // events of one read
	feedBack  = 4096                   // a feed further behind goes on at the newest
	maxRate   = 1000                   // events a second that a feed sends
)

// live sends events as they come: "log" for what arrived at the decoy, "detection"
// for what rules found, "sensor" for what the sensor says of itself. It is for eyes:
// of a flood it sends as many as were asked for, detections first, and
// "skipped" says how many there were beside those. What is complete is the list.
func (s *Server) live(c echo.Context) error {
	p := parameters(c)
	rate := p.capped("rate", maxRate, maxRate)
	if err := p.end(); err != nil {
		return err
	}
	select {
	case s.watched <- struct{}{}:
		defer func() { <-s.watched }()
	default:
		return problem(http.StatusServiceUnavailable, "too many live feeds are open: close one")
	}
	s.feeds.Add(1)
	defer s.feeds.Done()
	ctx, cancel := context.WithCancel(c.Request().Context())
	defer cancel()
	defer context.AfterFunc(s.closing, cancel)()
	f := &feed{to: c.Response(), control: http.NewResponseController(c.Response()), rate: rate}
	h := c.Response().Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no") // a proxy that gathers answers would hold them back
	c.Response().WriteHeader(http.StatusOK)
	_ = f.run(ctx, s.Feed) // the reader is gone, or the sensor stops
	return nil
}

// feed is one reader of live events.
type feed struct {
	to      http.ResponseWriter
	control *http.ResponseController
	rate    int // events a second
	out     bytes.Buffer
	spoke   time.Time
}

func (f *feed) run(ctx context.Context, from Feed) error {
	at := from.Last()
	fmt.Fprintf(&f.out, "event: hello\ndata: {\"last\":%d}\n\n", at)
	if err := f.flush(); err != nil {
		return err
	}
	pace := time.NewTicker(feedStep)
	defer pace.Stop()
	for {
		wait, cancel := context.WithTimeout(ctx, keepAlive)
		err := from.Wait(wait, at)
		cancel()
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil && wait.Err() == nil:
			return err
		case err != nil:
			f.out.WriteString(": keep-alive\n\n")
		default:
			if at, err = f.step(ctx, from, at); err != nil {
				return err
			}
		}
		if err := f.flush(); err != nil {
			return err
		}
		select {
		case <-pace.C: // what comes within a step goes together
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// step writes what came since the last one, as far as the rate has room.
func (f *feed) step(ctx context.Context, from Feed, at uint64) (uint64, error) {
	skipped := uint64(0)
	if last := from.Last(); last > at+feedBack {
		skipped += last - feedBack - at
		at = last - feedBack
	}
	room := max(1, f.rate*int(feedStep)/int(time.Second))
	var logs []*sdk.Event
	for more := true; more; {
		events, end, err := from.Read(ctx, at, feedBatch)
		if err != nil {
			return at, err
		}
		more = len(events) == feedBatch
		at = end
		for _, ev := range events {
			if ev.Kind != sdk.KindAccess && room > 0 {
				f.write(ev)
				room--
			} else {
				logs = append(logs, ev)
			}
		}
	}
	over := max(0, len(logs)-room)
	skipped += uint64(over)
	for _, ev := range logs[over:] { // the newest ones
		f.write(ev)
	}
	if skipped > 0 {
		fmt.Fprintf(&f.out, "event: skipped\ndata: {\"count\":%d}\n\n", skipped)
	}
	return at, nil
}

// write adds one event. JSON has no line breaks, so it is one line of data.
func (f *feed) write(ev *sdk.Event) {
	name, data := "sensor", any(trimmed(ev))
	switch ev.Kind {
	case sdk.KindAccess:
		name = "log"
	case sdk.KindDetection:
		name = "detection"
		if d, ok := asFound(ev); ok {
			data = d
		}
	}
	b, err := json.Marshal(data)
	if err != nil {
		return // no event that was recorded fails to encode
	}
	fmt.Fprintf(&f.out, "event: %s\nid: %d\ndata: %s\n\n", name, ev.Seq, b)
}

func (f *feed) flush() error {
	if f.out.Len() == 0 {
		return nil
	}
	f.spoke = time.Now()
	if err := f.control.SetWriteDeadline(f.spoke.Add(writeWithin)); err != nil {
		return err
	}
	_, err := f.to.Write(f.out.Bytes())
	f.out.Reset()
	if err != nil {
		return err
	}
	return f.control.Flush()
}
