package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

const (
	barWidth    = 30
	barEvery    = 100 * time.Millisecond
	barPatience = 300 * time.Millisecond // shorter work shows nothing
)

// progress is a bar on a terminal, and nothing elsewhere.
type progress struct {
	w     io.Writer // nil: not a terminal
	what  string
	began time.Time
	shown time.Time
}

func newProgress(w io.Writer, what string) *progress {
	p := &progress{what: what, began: time.Now()}
	if f, ok := w.(*os.File); ok {
		if info, err := f.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
			p.w = w
		}
	}
	return p
}

// show draws how far the work has come.
func (p *progress) show(done, total int64) {
	now := time.Now()
	if p.w == nil || total <= 0 || now.Sub(p.began) < barPatience || now.Sub(p.shown) < barEvery {
		return
	}
	p.shown = now
	part := min(float64(done)/float64(total), 1)
	n := int(part * barWidth)
	fmt.Fprintf(p.w, "\r%s [%s%s] %3.0f%%", p.what, strings.Repeat("=", n), strings.Repeat(" ", barWidth-n), 100*part)
}

// end takes the bar away.
func (p *progress) end() {
	if p.w != nil && !p.shown.IsZero() {
		fmt.Fprintf(p.w, "\r%s\r", strings.Repeat(" ", len(p.what)+barWidth+10))
	}
}
