package report

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/killdeer-mcp/killdeer/audit/evidence"
	"github.com/killdeer-mcp/killdeer/internal/printable"
	"github.com/killdeer-mcp/killdeer/sdk"
)

//go:embed page.html
var pageText string

// page is the layout of the HTML report. It has no script, and its policy forbids
// all that would be fetched.
var page = template.Must(template.New("page").Funcs(template.FuncMap{
	"show":    func(s string) string { return printable.Points(s, maxCell) },
	"long":    func(s string) string { return printable.Points(s, maxLong) },
	"raw":     func(j sdk.RawJSON) string { return printable.Points(string(j), maxLong) },
	"join":    func(words []string) string { return printable.Points(strings.Join(words, ", "), maxLong) },
	"command": func(words []string) string { return printable.Points(strings.Join(words, " "), maxLong) },
	"seconds": seconds,
	"upper":   strings.ToUpper,
	"percent": func(f float64) string { return strconv.Itoa(int(math.Round(100*f))) + " %" },
	"text":    Describe,
	"anchor":  helpURI,
}).Parse(pageText))

// How much of a server's text the page shows.
const (
	maxCell      = 300
	maxLong      = 4000
	maxCalls     = 2000
	maxProcesses = 500
	maxEndpoints = 40 // in the graph; the table has all
	maxLabel     = 40 // characters of a host in the graph
)

// pageData is a report as its page shows it.
type pageData struct {
	*evidence.Report
	Title, Command string
	Counts         string
	Ignored        []string
	Lanes          []lane
	Tree           []branch
	Graph          graph
	Full           string // the whole report as JSON
}

// HTML writes a report as one page that fetches nothing.
func HTML(w io.Writer, r *evidence.Report) error {
	full, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return fmt.Errorf("write report as HTML: %w", err)
	}
	data := pageData{
		Report: r, Title: serverName(r), Command: targetText(r), Counts: counts(r.Findings), Ignored: ignored(r),
		Lanes: lanes(r.Calls), Tree: tree(r.Processes), Graph: draw(r.Network), Full: printable.Points(string(full), 0),
	}
	data.Full = strings.ReplaceAll(data.Full, "⟨U+000A⟩", "\n")
	if err := page.Execute(w, data); err != nil {
		return fmt.Errorf("write report as HTML: %w", err)
	}
	return nil
}

// lane is the time line of one pass.
type lane struct {
	Pass  string
	Width int64 // ms
	Calls []bar
	More  int
}

// bar is one call. X and W are in thousandths of the lane.
type bar struct {
	evidence.CallSummary
	X, W  int64
	Class string
}

const laneUnits = 1000

// lanes sets the calls of each pass on a line. Without times, as in a normalised
// report, they stand side by side.
func lanes(calls []evidence.CallSummary) []lane {
	var list []lane
	at := map[string]int{}
	for _, c := range calls {
		i, ok := at[c.Pass]
		if !ok {
			i = len(list)
			at[c.Pass] = i
			list = append(list, lane{Pass: c.Pass})
		}
		l := &list[i]
		if len(l.Calls) == maxCalls {
			l.More++
			continue
		}
		l.Width = max(l.Width, c.AtMS+c.TookMS)
		l.Calls = append(l.Calls, bar{CallSummary: c, Class: barClass(c)})
	}
	for i := range list {
		list[i].place()
	}
	return list
}

func (l *lane) place() {
	for i := range l.Calls {
		c := &l.Calls[i]
		if l.Width <= 0 {
			n := int64(len(l.Calls))
			c.X, c.W = int64(i)*laneUnits/n, max(1, laneUnits/n-1)
			continue
		}
		c.X, c.W = c.AtMS*laneUnits/l.Width, max(2, c.TookMS*laneUnits/l.Width)
	}
}

func barClass(c evidence.CallSummary) string {
	switch {
	case len(c.Findings) > 0:
		return "found"
	case c.Outcome == "ok":
		return "ok"
	}
	return "bad"
}

// branch is a process, indented below its parent.
type branch struct {
	evidence.Process
	Indent int
}

// tree orders processes so that children stand below their parents. Parents that are
// not there, or come later, make a root.
func tree(list []evidence.Process) []branch {
	if len(list) > maxProcesses {
		list = list[:maxProcesses]
	}
	type key struct {
		pass string
		n    int
	}
	there, children := map[key]bool{}, map[key][]evidence.Process{}
	var roots []evidence.Process
	for _, p := range list {
		parent := key{p.Pass, p.Parent}
		if there[parent] {
			children[parent] = append(children[parent], p)
		} else {
			roots = append(roots, p)
		}
		there[key{p.Pass, p.N}] = true
	}
	var out []branch
	var walk func(p evidence.Process, depth int)
	walk = func(p evidence.Process, depth int) {
		out = append(out, branch{p, min(depth, 12)})
		next := children[key{p.Pass, p.N}]
		delete(children, key{p.Pass, p.N}) // a second process of that number has none
		for _, c := range next {
			walk(c, depth+1)
		}
	}
	for _, p := range roots {
		walk(p, 0)
	}
	return out
}

// graph is the server in the middle left and the places it spoke to at the right.
type graph struct {
	Height, Middle int
	Nodes          []node
	More           int
}

type node struct {
	evidence.Endpoint
	Y     int
	Label string
}

const nodeHeight = 26

func draw(list []evidence.Endpoint) graph {
	g := graph{}
	for i, e := range list {
		if i == maxEndpoints {
			g.More = len(list) - i
			break
		}
		label := fmt.Sprintf("%s:%d %s", cut(printable.Points(e.Name, 0), maxLabel), e.Port, e.Proto)
		if e.TLS {
			label += " TLS"
		}
		g.Nodes = append(g.Nodes, node{e, nodeHeight*i + nodeHeight/2 + 4, fmt.Sprintf("%s · %s sent", label, plural(e.Bytes, "byte"))})
	}
	g.Height = nodeHeight*len(g.Nodes) + 8
	g.Middle = g.Height / 2
	return g
}
