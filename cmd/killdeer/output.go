package main

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/killdeer-mcp/killdeer/internal/printable"
	"github.com/killdeer-mcp/killdeer/sdk"
)

const (
	maxCell = 60   // characters of one cell of a table
	maxRows = 1000 // of a table that are held to align them
)

// printer writes events one by one. Everything an attacker chose goes through
// visible: a terminal obeys control characters.
type printer interface {
	print(ev *sdk.Event) error
	flush() error
}

type jsonPrinter struct {
	w    io.Writer
	pick func(*sdk.Event) any
}

func (p *jsonPrinter) print(ev *sdk.Event) error { return writeJSON(p.w, p.pick(ev), "") }
func (p *jsonPrinter) flush() error              { return nil }

// writeJSON writes v as JSON in which every character prints, since it too may
// end on a terminal.
func writeJSON(w io.Writer, v any, indent string) error { return printable.JSON(w, v, indent) }

// tablePrinter aligns columns over everything it printed: a column only grows,
// so that a tail that prints row by row stays a table.
type tablePrinter struct {
	w      io.Writer
	row    func(*sdk.Event) []string
	rows   [][]string // not printed yet; the header first
	widths []int
}

func newTable(w io.Writer, row func(*sdk.Event) []string, header ...string) *tablePrinter {
	return &tablePrinter{w: w, row: row, rows: [][]string{header}, widths: make([]int, len(header))}
}

func (p *tablePrinter) print(ev *sdk.Event) error {
	cells := p.row(ev)
	for i, c := range cells {
		if cells[i] = visible(c, maxCell); c == "" {
			cells[i] = "-"
		}
	}
	p.rows = append(p.rows, cells)
	if len(p.rows) > maxRows {
		return p.flush()
	}
	return nil
}

func (p *tablePrinter) flush() error {
	if len(p.rows) == 1 && slices.Max(p.widths) == 0 {
		return nil // a header over nothing
	}
	for _, row := range p.rows {
		for i, c := range row {
			p.widths[i] = max(p.widths[i], utf8.RuneCountInString(c))
		}
	}
	var text strings.Builder
	for _, row := range p.rows {
		last := len(row) - 1
		for i, c := range row[:last] {
			fmt.Fprintf(&text, "%-*s", p.widths[i]+2, c)
		}
		text.WriteString(row[last] + "\n")
	}
	p.rows = nil
	_, err := io.WriteString(p.w, text.String())
	return err
}

func newEventPrinter(cmd *cobra.Command, asJSON bool) printer {
	if asJSON {
		return &jsonPrinter{cmd.OutOrStdout(), func(ev *sdk.Event) any { return ev }}
	}
	return newTable(cmd.OutOrStdout(), eventRow, "SEQ", "TIME", "IP", "CLIENT", "REQUEST", "OUTCOME", "STATUS")
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
		return &jsonPrinter{cmd.OutOrStdout(), func(ev *sdk.Event) any { return detectionLine{ev.Seq, ev.Time, ev.Detection} }}
	}
	return newTable(cmd.OutOrStdout(), detectionRow, "SEQ", "TIME", "SEVERITY", "RULE", "IP", "SUBJECT", "SUMMARY")
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
		return writeJSON(w, ev, "")
	}
	return writeJSON(w, ev, "  ")
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// visible shows attacker text: what does not print stands as an escape, and what
// is longer than limit runes is cut. A limit of 0 cuts nothing.
func visible(s string, limit int) string { return printable.Text(s, limit) }
