package report

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/killdeer-mcp/killdeer/audit/evidence"
	"github.com/killdeer-mcp/killdeer/internal/printable"
	"github.com/killdeer-mcp/killdeer/sdk"
)

// What one screen holds.
const (
	minWidth    = 60
	maxWidth    = 160
	maxTools    = 12
	maxFindings = 8
	maxLines    = 6 // of each of the other blocks
)

// terminal writes a report into text; everything a server chose goes through show.
type terminal struct {
	strings.Builder
	width  int
	colour bool
}

// Terminal writes a report for a terminal of the given width, in characters: about
// one screen. What does not fit is counted.
func Terminal(w io.Writer, r *evidence.Report, width int, colour bool) error {
	t := &terminal{width: min(max(width, minWidth), maxWidth), colour: colour}
	t.head(r)
	t.tools(r)
	t.findings(r)
	t.drift(r)
	t.block("OF THE AUDIT ITSELF", faultLines(r))
	t.block("NOT EXERCISED", r.Not)
	t.block("TIME", timeLines(r))
	if _, err := io.WriteString(w, t.String()); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return nil
}

// show cuts hostile text to limit characters, all of which print. A limit of 0 cuts
// nothing.
func show(s string, limit int) string {
	if limit <= 0 {
		return printable.Text(s, 0)
	}
	return cut(printable.Text(s, 0), limit)
}

func cut(s string, limit int) string {
	if utf8.RuneCountInString(s) <= limit {
		return s
	}
	return string([]rune(s)[:limit-1]) + "…"
}

// line writes one line and cuts it at the width.
func (t *terminal) line(format string, args ...any) {
	t.WriteString(strings.TrimRight(cut(fmt.Sprintf(format, args...), t.width), " ") + "\n")
}

// The colours, as SGR parameters of ECMA-48.
var colours = map[string]string{
	"critical": "1;31", "high": "31", "medium": "33", "low": "36", "info": "2", "clean": "1;32", "bold": "1",
	"findings": "1;31", "inconclusive": "1;33", "failed": "1;31",
}

func (t *terminal) paint(name, text string) string {
	if code := colours[name]; t.colour && code != "" {
		return "\x1b[" + code + "m" + text + "\x1b[0m"
	}
	return text
}

func (t *terminal) head(r *evidence.Report) {
	name := strings.TrimSpace(r.Server.Name + " " + r.Server.Version)
	if name == "" {
		name = r.Target.Name
	}
	verdict := strings.ToUpper(r.Outcome)
	left := "killdeer audit  " + show(name, t.width-40)
	right := fmt.Sprintf("exit %d", r.Exit.Code)
	pad := max(2, t.width-utf8.RuneCountInString(left+verdict+right)-2)
	t.WriteString(t.paint("bold", left) + strings.Repeat(" ", pad) + t.paint(r.Outcome, verdict) + "  " + right + "\n")
	if command := targetText(r); command != "" {
		t.line("%s", show(command, 0))
	}
	parts := []string{counts(r.Findings), fmt.Sprintf("%d of %d tools succeeded", r.Coverage.ToolsOK, r.Coverage.Tools), fmt.Sprintf("%d calls", r.Coverage.Calls)}
	if len(r.Coverage.Passes) > 0 {
		parts = append(parts, "passes "+strings.Join(r.Coverage.Passes, " "))
	}
	if !r.Coverage.Observed {
		parts = append(parts, "behaviour not observed")
	}
	if r.Run != nil {
		parts = append(parts, seconds(r.Run.TookMS))
	}
	t.line("%s", strings.Join(parts, " · "))
	for _, reason := range r.Reasons[:min(len(r.Reasons), maxLines)] {
		t.line("%s", show(reason, 0))
	}
	t.line("exit %d: %s", r.Exit.Code, r.Exit.Why)
}

func targetText(r *evidence.Report) string {
	if r.Target.URL != "" {
		return r.Target.URL
	}
	return strings.Join(r.Target.Argv, " ")
}

// counts says how many findings there are of each severity.
func counts(list []sdk.Finding) string {
	if len(list) == 0 {
		return "no findings"
	}
	var parts []string
	for _, s := range slices.Backward(severities) {
		n := 0
		for _, f := range list {
			if f.Severity == s {
				n++
			}
		}
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, s))
		}
	}
	return plural(len(list), "finding") + ": " + strings.Join(parts, ", ")
}

func (t *terminal) title(text string) { t.WriteString("\n" + t.paint("bold", text) + "\n") }

// tools is the table of what is declared against what was observed.
func (t *terminal) tools(r *evidence.Report) {
	if len(r.Tools) == 0 {
		return
	}
	shown := r.Tools
	if len(shown) > maxTools {
		shown = slices.Clone(shown)
		slices.SortStableFunc(shown, func(a, b evidence.ToolRow) int { return len(b.Findings) - len(a.Findings) })
		shown = shown[:maxTools]
	}
	name := 4
	for _, row := range shown {
		name = max(name, min(24, utf8.RuneCountInString(printable.Text(row.Tool, 0))))
	}
	rest := t.width - name - 8 - 2*4
	declared, observed := rest*2/5, rest-rest*2/5
	t.WriteString("\n")
	t.row(name, declared, observed, "TOOL", "DECLARED", "OBSERVED", "CALLS", "")
	for _, row := range shown {
		t.row(name, declared, observed, row.Tool, list(row.Declared), list(row.Observed), fmt.Sprintf("%d/%d", row.OK, row.Calls), short(row.Findings))
	}
	if more := len(r.Tools) - len(shown); more > 0 {
		t.line("and %s more: --format json or html has all", plural(more, "tool"))
	}
}

func (t *terminal) row(name, declared, observed int, tool, says, does, calls, ids string) {
	if ids != "" {
		does = "[" + ids + "] " + does // first: they must not be cut
	}
	t.line("%-*s  %-*s  %-*s  %s", name, show(tool, name), declared, show(says, declared), observed, show(does, observed), calls)
}

func list(words []string) string {
	if len(words) == 0 {
		return "-"
	}
	return strings.Join(words, ", ")
}

// short leaves out of ids what all of them have.
func short(ids []string) string {
	cut := make([]string, len(ids))
	for i, id := range ids {
		cut[i] = strings.TrimPrefix(id, "AUD-")
	}
	return strings.Join(cut, " ")
}

func (t *terminal) findings(r *evidence.Report) {
	if len(r.Findings) > 0 {
		t.title("FINDINGS")
	}
	for _, f := range r.Findings[:min(len(r.Findings), maxFindings)] {
		t.finding(f)
	}
	if more := len(r.Findings) - maxFindings; more > 0 {
		t.line("and %d more, %s: --format json or html has all", more, strings.TrimPrefix(counts(r.Findings[maxFindings:]), plural(more, "finding")+": "))
	}
	if n := len(r.Set); n > 0 {
		t.line("%s set aside by the policy", plural(n, "finding"))
	}
}

func (t *terminal) finding(f sdk.Finding) {
	const indent = "          "
	severity := fmt.Sprintf("%-8s", f.Severity)
	text := fmt.Sprintf("  %s  %s  %s", f.ID, show(orDash(f.Tool), 24), f.Title)
	t.WriteString(t.paint(string(f.Severity), severity) + show(text, t.width-8) + "\n")
	if what := details(f); what != "" {
		t.line("%s%s", indent, show(what, 0))
	}
	if f.Claim != nil {
		t.line("%s%s says: %s", indent, show(f.Claim.Source, 20), show(fmt.Sprintf("%q", f.Claim.Quote), 0))
	}
	if f.Replay != "" {
		t.line("%sagain: %s", indent, show(f.Replay, 0))
	}
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// details is where and how a finding was seen.
func details(f sdk.Finding) string {
	var parts []string
	add := func(form, s string) {
		if s != "" {
			parts = append(parts, fmt.Sprintf(form, s))
		}
	}
	add("%s", f.Object)
	if f.Canary != nil {
		add("canary %s", f.Canary.ID)
		add("as %s", f.Canary.Encoding)
	}
	add("%s", string(f.Confidence))
	if f.Call > 0 {
		parts = append(parts, fmt.Sprintf("call %d of pass %s", f.Call, f.Pass))
	} else {
		add("%s", f.Phase)
	}
	if f.Count > 1 {
		parts = append(parts, fmt.Sprintf("%d times", f.Count))
	}
	return strings.Join(parts, " · ")
}

func (t *terminal) drift(r *evidence.Report) {
	if r.Lock.State != "drift" {
		return
	}
	lines := make([]string, len(r.Lock.Changes))
	for i, c := range r.Lock.Changes {
		lines[i] = c.Change + " " + c.Path
	}
	t.block("AGAINST "+show(r.Lock.File, 40), lines)
}

func faultLines(r *evidence.Report) []string {
	lines := make([]string, len(r.Faults))
	for i, f := range r.Faults {
		lines[i] = strings.Join(slices.DeleteFunc([]string{f.ID, f.Tool, f.Title, f.Object}, func(s string) bool { return s == "" }), "  ")
	}
	return lines
}

func timeLines(r *evidence.Report) []string {
	if r.Run == nil || len(r.Run.Stages) == 0 {
		return nil
	}
	parts := make([]string, len(r.Run.Stages))
	for i, s := range r.Run.Stages {
		parts[i] = s.Name + " " + seconds(s.TookMS)
	}
	return []string{strings.Join(parts, " · ")}
}

func (t *terminal) block(title string, lines []string) {
	if len(lines) == 0 {
		return
	}
	t.title(title)
	for _, l := range lines[:min(len(lines), maxLines)] {
		t.line("%s", show(l, 0))
	}
	if more := len(lines) - maxLines; more > 0 {
		t.line("and %d more", more)
	}
}

// ignored lists why observations came to nothing, for the page.
func ignored(r *evidence.Report) []string {
	var lines []string
	for _, reason := range slices.Sorted(maps.Keys(r.Ignored)) {
		lines = append(lines, fmt.Sprintf("%s: %d", reason, r.Ignored[reason]))
	}
	return lines
}
