package decoy

import (
	"context"
	"time"

	"github.com/killdeer-mcp/killdeer/agent/decoy/profile"
	"github.com/killdeer-mcp/killdeer/sdk"
	"github.com/killdeer-mcp/killdeer/sdk/guest"
)

// metaLogLevel asks for log notifications in the modern era.
const metaLogLevel = "io.modelcontextprotocol/logLevel"

// maxProgressToken bounds a client's progress token, which every progress
// notification repeats.
const maxProgressToken = 256

// logLevels are the syslog levels of RFC 5424 §6.2.1 in rising order, from 1.
var logLevels = map[string]int{
	"debug": 1, "info": 2, "notice": 3, "warning": 4, "error": 5, "critical": 6, "alert": 7, "emergency": 8,
}

// tell sends what a persona has to say beside its answer, each at its time, and
// waits until the answer itself is due. Changes that come after the answer are
// left to the bulletins.
func (e *engine) tell(ctx context.Context, c *catalog, x *exchange, m *message, start time.Time, a *sdk.Answer) {
	level := wantedLevel(x, m)
	for _, n := range a.Notify {
		due := start.Add(n.After)
		if n.Changed != "" || n.Updated != "" {
			if c.announces(n) {
				e.bulletins.post(x.source, due, n)
			}
			continue
		}
		waitUntil(ctx, due)
		if ctx.Err() != nil {
			return
		}
		if n.Log == nil || c.of.Logging {
			e.send(x, m, n, level)
		}
	}
	e.await(ctx, x, start.Add(a.Delay))
}

// await waits until an answer is due. What waits can be held against the sensor
// by whoever makes many calls, so an address may have so many and no more.
func (e *engine) await(ctx context.Context, x *exchange, due time.Time) {
	if !time.Now().Before(due) {
		return
	}
	source := limitKey(x.event.IP)
	if !e.waiting.add(source) {
		note(x.event, "delay", "skipped: too many calls of this address wait")
		return
	}
	defer e.waiting.remove(source)
	waitUntil(ctx, due)
}

// send sends one notice that belongs to a request.
func (e *engine) send(x *exchange, m *message, n sdk.Notice, level int) {
	switch {
	case x.out == nil:
	case n.Progress != nil:
		token := m.params.Object("_meta").Raw("progressToken")
		if validID(token) && len(token) <= maxProgressToken {
			x.out.send(e.profile.Notification("notifications/progress", progressParams(token, n.Progress)))
		}
	case n.Log != nil && level > 0 && logLevels[n.Level] >= level:
		x.out.send(e.profile.Notification("notifications/message", n.Log))
	case n.Retry > 0:
		x.out.hangUp(n.Retry)
	}
}

// progressParams puts the client's token in front of a persona's progress.
func progressParams(token, progress []byte) []byte {
	var w guest.Writer
	w.Obj().Key("progressToken").Raw(token)
	_ = guest.Members(progress, func(key string, v []byte) { // checked where it came from
		if key != "progressToken" {
			w.Key(key).Raw(v)
		}
	})
	return w.End().Bytes()
}

// wantedLevel is the least level of log notifications that a request is to get,
// 0 for none. A legacy client that set no level gets all, as the SDKs do.
func wantedLevel(x *exchange, m *message) int {
	if x.era == profile.Modern {
		return logLevels[m.params.Object("_meta").Str(metaLogLevel)]
	}
	if x.session == nil {
		return 1
	}
	x.session.mu.Lock()
	defer x.session.mu.Unlock()
	return max(x.session.level, 1)
}

// waitUntil waits for an instant or the end of the request.
func waitUntil(ctx context.Context, due time.Time) {
	d := time.Until(due)
	if d <= 0 {
		return
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
