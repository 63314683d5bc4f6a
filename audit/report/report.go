// Package report shows an audit to its reader: on a terminal, as JSON, as SARIF
// 2.1.0 and as one HTML page. It also makes the report out of what was gathered and
// judged, and the exit code out of the report, so that all formats agree.
//
// Whatever a server wrote is hostile to every format: it is shown with what does not
// print as code points, escaped where the format has markup, and cut. The package
// judges nothing and writes no file.
package report

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"time"

	"github.com/killdeer-mcp/killdeer/audit/evidence"
	"github.com/killdeer-mcp/killdeer/internal/printable"
	"github.com/killdeer-mcp/killdeer/sdk"
)

// Exit codes of an audit. The first that fits of 2, 3, 4 and 5 counts.
const (
	ExitClean        = 0
	ExitError        = 1
	ExitSetup        = 2 // cannot trace or seal the server, or the command line is wrong
	ExitFindings     = 3 // of at least the severity of --fail-on
	ExitDrift        = 4 // from the lock, with --locked
	ExitInconclusive = 5 // too little was exercised
)

// FailNever as a severity lets no finding decide the exit code.
const FailNever = "never"

// severities rise.
var severities = []sdk.Severity{sdk.SeverityInfo, sdk.SeverityLow, sdk.SeverityMedium, sdk.SeverityHigh, sdk.SeverityCritical}

// MaxFile is the largest report that [Read] takes.
const MaxFile = 256 << 20

// Decide works out the exit code of a report and notes it there. The outcome of
// failed is 2: an audit without its tracer says nothing of the server. While the
// lock is enforced, findings of drift (AUD-M06) count as drift, not as findings.
func Decide(r *evidence.Report, failOn string, minCoverage float64) {
	r.Exit = evidence.ExitStatus{FailOn: failOn, MinCoverage: minCoverage}
	worst := 0
	for _, f := range r.Findings {
		if over(f, failOn) && (f.ID != "AUD-M06" || !r.Lock.Enforced) {
			worst++
		}
	}
	e := &r.Exit
	switch {
	case r.Outcome == "failed":
		e.Code, e.Why = ExitSetup, "the server could not be watched"
	case worst > 0:
		e.Code, e.Why = ExitFindings, fmt.Sprintf("%s of severity %s or above", plural(worst, "finding"), failOn)
	case r.Lock.Enforced && r.Lock.State != "same":
		e.Code, e.Why = ExitDrift, "the server is not what the lock pins"
	case r.Outcome == "inconclusive" || r.Outcome == "findings" && len(r.Reasons) > 0: // small findings do not make up for what was not seen
		e.Code, e.Why = ExitInconclusive, "too little could be exercised"
	case r.Coverage.Ratio < minCoverage:
		e.Code, e.Why = ExitInconclusive, fmt.Sprintf("%.0f %% of the tools succeeded, want %.0f %%", 100*r.Coverage.Ratio, 100*minCoverage)
	case len(r.Findings) > 0:
		e.Why = "no finding of severity " + failOn + " or above"
		if failOn == FailNever {
			e.Why = "findings are not to decide"
		}
	default:
		e.Why = "no findings"
	}
}

// over reports whether a finding has at least a severity.
func over(f sdk.Finding, failOn string) bool {
	return failOn != FailNever && slices.Index(severities, f.Severity) >= slices.Index(severities, sdk.Severity(failOn))
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// Normalise takes out of a report what differs between two runs with one seed:
// times, process ids, and how often something was seen, which depends on times.
func Normalise(r *evidence.Report) {
	r.Run = nil
	leaveOutClocked(r)
	r.Coverage.Observations = 0
	for i := range r.Passes {
		r.Passes[i].TookMS, r.Passes[i].Observations = 0, 0
	}
	for why := range r.Ignored {
		r.Ignored[why] = 0
	}
	for i := range r.Network {
		r.Network[i].Count, r.Network[i].Bytes = 0, 0
	}
	for i := range r.Calls {
		r.Calls[i].AtMS, r.Calls[i].TookMS = 0, 0
	}
	for i := range r.Processes {
		r.Processes[i].PID = 0
	}
	for _, list := range [][]sdk.Finding{r.Findings, r.Faults, r.Set} {
		for i := range list {
			list[i].OffsetMS, list[i].FirstMS, list[i].LastMS, list[i].Count = 0, 0, 0, 0
			list[i].Evidence = uncounted(list[i].Evidence)
		}
	}
}

// leaveOutClocked leaves out of calls and counts what a pass with a fast clock did:
// how much a server does before a time of its own is up is another matter each time.
func leaveOutClocked(r *evidence.Report) {
	clocked := map[string]bool{}
	for i, p := range r.Passes {
		if p.Clock != "" {
			clocked[p.Name] = true
			r.Passes[i].Calls, r.Passes[i].CallsOK, r.Passes[i].Lost = 0, 0, 0
		}
	}
	total, done := map[string]int{}, map[string]int{}
	only := map[string]bool{} // called by nothing else
	r.Coverage.Calls, r.Coverage.CallsOK = 0, 0
	kept := r.Calls[:0]
	for _, c := range r.Calls {
		if clocked[c.Pass] {
			only[c.Name] = only[c.Name] || total[c.Name] == 0
			continue
		}
		kept = append(kept, c)
		total[c.Name]++
		r.Coverage.Calls++
		if c.Outcome == "ok" {
			done[c.Name]++
			r.Coverage.CallsOK++
		}
	}
	r.Calls = kept
	rows := r.Tools[:0]
	for _, row := range r.Tools {
		if only[row.Tool] && total[row.Tool] == 0 && len(row.Declared)+len(row.Findings) == 0 {
			continue
		}
		row.Calls, row.OK = total[row.Tool], done[row.Tool]
		rows = append(rows, row)
	}
	r.Tools = rows
}

var amounts = regexp.MustCompile(`\b\d+ (bytes|received)\b`)

// uncounted leaves out of evidence how much it was.
func uncounted(lines []string) []string {
	for i, l := range lines {
		lines[i] = amounts.ReplaceAllString(l, "# $1")
	}
	slices.Sort(lines)
	return slices.Compact(lines)
}

// Sort puts every list of a report in its order: findings by severity, id, tool and
// object, the others by name.
func Sort(r *evidence.Report) {
	for _, list := range [][]sdk.Finding{r.Findings, r.Faults, r.Set} {
		slices.SortStableFunc(list, compareFindings)
	}
	slices.SortStableFunc(r.Tools, func(a, b evidence.ToolRow) int { return cmp.Compare(a.Tool, b.Tool) })
	slices.SortStableFunc(r.Network, func(a, b evidence.Endpoint) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Port, b.Port), cmp.Compare(a.Proto, b.Proto))
	})
}

func compareFindings(a, b sdk.Finding) int {
	return cmp.Or(
		slices.Index(severities, b.Severity)-slices.Index(severities, a.Severity),
		cmp.Compare(a.ID, b.ID), cmp.Compare(a.Tool, b.Tool), cmp.Compare(a.Object, b.Object), cmp.Compare(a.Fingerprint, b.Fingerprint),
	)
}

// JSON writes a report as JSON, version 1, indented. Lists are never null.
func JSON(w io.Writer, r *evidence.Report) error {
	whole := *r
	fill(&whole)
	if err := printable.JSON(w, &whole, "  "); err != nil {
		return fmt.Errorf("write report as JSON: %w", err)
	}
	return nil
}

// fill makes empty lists of lists that are nil.
func fill(r *evidence.Report) {
	orEmpty(&r.Reasons)
	orEmpty(&r.Passes)
	orEmpty(&r.Tools)
	orEmpty(&r.Findings)
	orEmpty(&r.Faults)
	orEmpty(&r.Set)
	orEmpty(&r.Not)
	orEmpty(&r.Calls)
	orEmpty(&r.Processes)
	orEmpty(&r.Network)
	orEmpty(&r.Server.Tools)
	orEmpty(&r.Lock.Changes)
	orEmpty(&r.Coverage.Passes)
	if r.Ignored == nil {
		r.Ignored = map[string]int{}
	}
}

func orEmpty[T any](list *[]T) {
	if *list == nil {
		*list = []T{}
	}
}

// Read reads a report that [JSON] wrote. Members that it does not know are those of
// later versions, and are left out.
func Read(in io.Reader) (*evidence.Report, error) {
	data, err := io.ReadAll(io.LimitReader(in, MaxFile+1))
	if err != nil {
		return nil, fmt.Errorf("read report: %w", err)
	}
	if len(data) > MaxFile {
		return nil, fmt.Errorf("read report: larger than %d MiB", MaxFile>>20)
	}
	var r evidence.Report
	if err := json.Unmarshal(data, &r); err != nil {
		return nil, fmt.Errorf("read report: not the JSON of an audit: %w", err)
	}
	if r.Version != evidence.ReportVersion {
		return nil, fmt.Errorf("read report: version %d is not understood, want %d", r.Version, evidence.ReportVersion)
	}
	if r.Outcome == "" {
		return nil, errors.New("read report: it has no outcome")
	}
	return &r, nil
}

// seconds is a duration for a reader.
func seconds(ms int64) string {
	return fmt.Sprintf("%.1f s", (time.Duration(ms) * time.Millisecond).Seconds())
}
