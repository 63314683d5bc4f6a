package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/killdeer-mcp/killdeer/sdk"
)

// printer writes events one by one. Everything an attacker chose goes through
// visible: a terminal obeys control characters.
type printer interface {
	print(ev *sdk.Event) error
	flush() error
}

type jsonPrinter struct {
	enc  *json.Encoder
	pick func(*sdk.Event) any
}

func newJSONPrinter(w io.Writer, pick func(*sdk.Event) any) *jsonPrinter {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return &jsonPrinter{enc, pick}
}

func (p *jsonPrinter) print(ev *sdk.Event) error { return p.enc.Encode(p.pick(ev)) }
func (p *jsonPrinter) flush() error              { return nil }

type tablePrinter struct {
	w      *tabwriter.Writer
	header string
	row    func(*sdk.Event) []string
}

func (p *tablePrinter) print(ev *sdk.Event) error {
	if p.header != "" {
		fmt.Fprintln(p.w, p.header)
		p.header = ""
	}
	cells := p.row(ev)
	for i, c := range cells {
		if cells[i] = visible(c, 60); c == "" {
			cells[i] = "-"
		}
	}
	_, err := fmt.Fprintln(p.w, strings.Join(cells, "\t"))
	return err
}

func (p *tablePrinter) flush() error { return p.w.Flush() }

func newTable(w io.Writer, header string, row func(*sdk.Event) []string) *tablePrinter {
	return &tablePrinter{tabwriter.NewWriter(w, 0, 8, 2, ' ', 0), header, row}
}

func newEventPrinter(cmd *cobra.Command, asJSON bool) printer {
	if asJSON {
		return newJSONPrinter(cmd.OutOrStdout(), func(ev *sdk.Event) any { return ev })
	}
	return newTable(cmd.OutOrStdout(), "SEQ\tTIME\tIP\tCLIENT\tREQUEST\tOUTCOME\tSTATUS", eventRow)
}

func eventRow(ev *sdk.Event) []string {
	status := ""
	if ev.Status != 0 {
		status = strconv.Itoa(ev.Status)
	}
	return []string{strconv.FormatUint(ev.Seq, 10), stamp(ev.Time), ev.IP, clientText(ev), requestText(ev), outcomeText(ev), status}
}

func clientText(ev *sdk.Event) string {
	if ev.Client != nil && ev.Client.Name != "" {
		return strings.TrimSpace(ev.Client.Name + " " + ev.Client.Version)
	}
	return ev.UA
}

// requestText says in a few words what was asked.
func requestText(ev *sdk.Event) string {
	switch {
	case ev.Kind == sdk.KindDetection && ev.Detection != nil:
		return ev.Detection.RuleID
	case ev.Kind == sdk.KindGap && ev.Gap != nil:
		return fmt.Sprintf("%d events lost", ev.Gap.Lost)
	case ev.Kind == sdk.KindGuest && ev.Guest != nil:
		return "guest " + ev.Guest.Module
	case ev.Tool != "":
		return ev.MCPMethod + " " + ev.Tool
	case ev.MCPMethod != "":
		return ev.MCPMethod
	case ev.Event != "":
		return ev.Transport + " " + ev.Event
	}
	return strings.TrimSpace(ev.Method + " " + ev.Path)
}

func outcomeText(ev *sdk.Event) string {
	switch {
	case ev.Detection != nil:
		return string(ev.Detection.Severity)
	case ev.Gap != nil:
		return ev.Gap.Reason
	case ev.Guest != nil:
		return ev.Guest.Code
	}
	return ev.Outcome
}

// detectionLine is a detection as a program reads it.
type detectionLine struct {
	Seq  uint64    `json:"seq"`
	Time time.Time `json:"time"`
	*sdk.Detection
}

func newDetectionPrinter(cmd *cobra.Command, asJSON bool) printer {
	if asJSON {
		return newJSONPrinter(cmd.OutOrStdout(), func(ev *sdk.Event) any { return detectionLine{ev.Seq, ev.Time, ev.Detection} })
	}
	return newTable(cmd.OutOrStdout(), "SEQ\tTIME\tSEVERITY\tRULE\tIP\tSUBJECT\tSUMMARY", detectionRow)
}

func detectionRow(ev *sdk.Event) []string {
	d := ev.Detection
	if d == nil {
		d = &sdk.Detection{}
	}
	return []string{strconv.FormatUint(ev.Seq, 10), stamp(ev.Time), string(d.Severity), d.RuleID, d.SourceIP, d.Subject, d.Summary}
}

// showEvent prints one event whole: as it is stored, or indented for reading.
func showEvent(w io.Writer, ev *sdk.Event, asJSON bool) error {
	if asJSON {
		return newJSONPrinter(w, func(ev *sdk.Event) any { return ev }).print(ev)
	}
	var text strings.Builder
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(ev); err != nil {
		return err
	}
	for line := range strings.Lines(text.String()) {
		if _, err := fmt.Fprintln(w, visible(strings.TrimSuffix(line, "\n"), 0)); err != nil {
			return err
		}
	}
	return nil
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// visible shows attacker text: what does not print stands as an escape, and what
// is longer than limit runes is cut. A limit of 0 cuts nothing.
func visible(s string, limit int) string {
	var b strings.Builder
	n := 0
	for _, r := range s {
		if limit > 0 && n == limit {
			b.WriteRune('…')
			break
		}
		n++
		if unicode.IsPrint(r) && !unicode.Is(unicode.Bidi_Control, r) {
			b.WriteRune(r)
		} else {
			fmt.Fprintf(&b, "\\u{%x}", r)
		}
	}
	return b.String()
}
