package guest

import "time"

// After sets when the notices that follow are due, counted from the arrival of
// the request. Times do not go back.
func (a *Answer) After(d time.Duration) *Answer {
	a.after, a.afterDue = d, true
	return a
}

// Progress tells how far the work is. Total is left out when it is 0, message
// when it is empty.
func (a *Answer) Progress(progress, total float64, message string) *Answer {
	w := a.notice("progress").Obj().Key("progress").Float(progress, -1)
	if total != 0 {
		w.Key("total").Float(total, -1)
	}
	optional(w, "message", message)
	w.End().End()
	return a
}

// Log sends a log message: level is one of MCP's eight, data any JSON value.
func (a *Answer) Log(level, logger string, data []byte) *Answer {
	w := a.notice("log").Obj().Key("level").Str(level)
	optional(w, "logger", logger)
	w.Key("data").Raw(data).End().End()
	return a
}

// Changed announces that a list changed: tools, prompts or resources.
func (a *Answer) Changed(list string) *Answer {
	a.notice("changed").Str(list).End()
	return a
}

// Updated announces to its subscribers that a resource changed.
func (a *Answer) Updated(uri string) *Answer {
	a.notice("updated").Str(uri).End()
	return a
}

// Retry has the host hang up. The client is told to come back after d, and then
// gets what follows.
func (a *Answer) Retry(d time.Duration) *Answer {
	a.notice("retry_ms").Int(d.Milliseconds()).End()
	return a
}

func (a *Answer) notice(kind string) *Writer {
	if !a.said {
		a.said = true
		a.notices.Arr()
	}
	w := a.notices.Obj()
	if a.afterDue {
		a.afterDue = false
		w.Key("after_ms").Int(a.after.Milliseconds())
	}
	return w.Key(kind)
}
