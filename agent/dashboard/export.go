package dashboard

import (
	"bufio"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/labstack/echo/v4"

	"github.com/killdeer-mcp/killdeer/internal/printable"
	"github.com/killdeer-mcp/killdeer/sdk"
)

const (
	maxExport     = 1_000_000 // events
	defaultExport = 100_000
	exportPage    = 500
)

// export sends events that match, newest first: whole ones as NDJSON, or the fields
// that a table has room for as CSV.
func (s *Server) export(c echo.Context) error {
	p := parameters(c)
	format := p.oneOf("format", "csv", "ndjson")
	q := p.filters()
	q.Kind, q.Outcome = p.kind(), p.text("outcome")
	p.ofDetections(&q)
	limit := p.capped("limit", defaultExport, maxExport)
	if err := p.end(); err != nil {
		return err
	}
	q.Limit = min(exportPage, limit)
	ctx, cancel := within(c)
	page, err := s.Events.Query(ctx, q) // the first one, while an error can still be said
	cancel()
	if err != nil {
		return err
	}
	kind, form := "application/x-ndjson", writer(&lines{})
	if format != "ndjson" {
		kind, form, format = "text/csv; charset=utf-8", &sheet{}, "csv"
	}
	h := c.Response().Header()
	h.Set("Content-Type", kind)
	h.Set("Content-Disposition", fmt.Sprintf("attachment; filename=\"killdeer-%s.%s\"", time.Now().UTC().Format("20060102T150405Z"), format))
	c.Response().WriteHeader(http.StatusOK)
	if err := s.write(c, form, q, page, limit); err != nil {
		panic(http.ErrAbortHandler) // a file that ends early must not look whole
	}
	return nil
}

func (s *Server) write(c echo.Context, form writer, q Query, page Page, left int) error {
	control := http.NewResponseController(c.Response())
	out := bufio.NewWriterSize(c.Response(), 64<<10)
	form.begin(out)
	for {
		_ = control.SetWriteDeadline(time.Now().Add(writeWithin)) // the test recorder has none
		for _, ev := range page.Events[:min(left, len(page.Events))] {
			if err := form.event(ev); err != nil {
				return err
			}
		}
		if left -= len(page.Events); left <= 0 || page.Next == 0 {
			break
		}
		q.Before = page.Next
		var err error
		if page, err = s.next(c.Request().Context(), q); err != nil {
			return err
		}
	}
	if err := form.end(); err != nil {
		return err
	}
	return out.Flush()
}

func (s *Server) next(ctx context.Context, q Query) (Page, error) {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	return s.Events.Query(ctx, q)
}

// writer is a form of export.
type writer interface {
	begin(w io.Writer)
	event(ev *sdk.Event) error
	end() error
}

// lines are events as JSON, one a line.
type lines struct{ enc *json.Encoder }

func (l *lines) begin(w io.Writer)         { l.enc = json.NewEncoder(w) }
func (l *lines) event(ev *sdk.Event) error { return l.enc.Encode(ev) }
func (l *lines) end() error                { return nil }

// sheet is a table for spreadsheets.
type sheet struct{ csv *csv.Writer }

var columns = []string{
	"seq", "time", "kind", "ip", "actor", "session_id", "transport", "method", "path", "ua", "mcp_method", "tool", "args", "outcome", "status",
	"latency_ms", "client_name", "client_version", "operator", "demo", "rule_id", "severity", "confidence", "summary", "id",
}

func (s *sheet) begin(w io.Writer) {
	s.csv = csv.NewWriter(w)
	s.csv.UseCRLF = true     // RFC 4180 §2
	_ = s.csv.Write(columns) // kept by the writer: its end reports it
}

func (s *sheet) event(ev *sdk.Event) error {
	row := []string{
		strconv.FormatUint(ev.Seq, 10), stamp(ev.Time), string(ev.Kind), cell(ev.IP), cell(ev.Actor), cell(ev.Session), cell(ev.Transport), cell(ev.Method), cell(ev.Path),
		cell(ev.UA), cell(ev.MCPMethod), cell(ev.Tool), cell(string(ev.Args)), cell(ev.Outcome), number(ev.Status), decimal(ev.LatencyMS),
	}
	client := sdk.ClientInfo{}
	if ev.Client != nil {
		client = *ev.Client
	}
	demo := ""
	if ev.Demo {
		demo = "true"
	}
	row = append(row, cell(client.Name), cell(client.Version), cell(ev.Operator), demo)
	d := sdk.Detection{}
	if ev.Detection != nil {
		d = *ev.Detection
	}
	return s.csv.Write(append(row, cell(d.RuleID), cell(string(d.Severity)), cell(string(d.Confidence)), cell(d.Summary), cell(ev.ID)))
}

func (s *sheet) end() error {
	s.csv.Flush()
	return s.csv.Error()
}

func number(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

func decimal(f float64) string {
	if f == 0 {
		return ""
	}
	return strconv.FormatFloat(f, 'f', 1, 64)
}

// formulas begin what a spreadsheet computes, in their wide forms too.
const formulas = "=+-@|%＝＋－＠"

// cell makes text that a spreadsheet shows and does not compute: characters that
// do not print are written out, and an apostrophe stands before what would begin a
// formula, also behind quotes and blanks, which some programs take away first.
func cell(text string) string {
	text = printable.Text(text, 0)
	start := strings.TrimLeftFunc(text, func(r rune) bool { return unicode.IsSpace(r) || strings.ContainsRune(`"';,`, r) })
	if r, _ := utf8.DecodeRuneInString(start); start != "" && strings.ContainsRune(formulas, r) {
		return "'" + text
	}
	return text
}
