package enterprise

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/killdeer-mcp/killdeer/persona/enterprise/ql"
	"github.com/killdeer-mcp/killdeer/persona/world"
	"github.com/killdeer-mcp/killdeer/sdk/guest"
)

const (
	bytesPerLine = 318    // of a log line on disk
	maxWindow    = 10_000 // index.max_result_window
	oneDay       = 24 * time.Hour
)

// logDay is the index of one day's log lines: the ordinals [from, to).
type logDay struct {
	index    string
	from, to int
}

// logDays returns the indices that are kept, oldest first.
func (v *view) logDays() []logDay {
	first, last := v.LogRange(v.now)
	var out []logDay
	for d := v.now.Add(-world.LogRetention).Truncate(oneDay); !d.After(v.now); d = d.Add(oneDay) {
		from, to := max(first, v.LogsBy(d.Add(-time.Second))), min(last, v.LogsBy(d.Add(oneDay-time.Second)))
		if to > from {
			serial := strconv.Itoa(1_000_000 + int(d.Unix()/86400) - 18_500)[1:]
			out = append(out, logDay{say(".ds-logs-app-default-%-%", d.Format("2006.01.02"), serial), from, to})
		}
	}
	return out
}

func elasticIndices(v *view, _ args, w *guest.Writer) error {
	w.Obj().Key("indices").Arr()
	for _, d := range v.logDays() {
		docs := d.to - d.from
		w.Obj().Key("name").Str(d.index).Key("health").Str("green").Key("status").Str("open").Key("docs_count").Int(int64(docs)).Key("store_size").Str(storeSize(docs)).End()
	}
	w.End().End()
	return nil
}

func storeSize(docs int) string {
	switch n := docs * bytesPerLine; {
	case n < 1<<20:
		return strconv.FormatFloat(float64(n)/(1<<10), 'f', 1, 64) + "kb"
	default:
		return strconv.FormatFloat(float64(n)/(1<<20), 'f', 1, 64) + "mb"
	}
}

func elasticInfo(v *view, _ args, w *guest.Writer) error {
	w.Obj().Key("cluster_name").Str(v.Org.Slug + "-logs").Key("status").Str("green").Key("number_of_nodes").Int(5).Key("number_of_data_nodes").Int(3)
	w.Key("version").Obj().Key("number").Str("8.12.1").Key("lucene_version").Str("9.9.2").End().Key("node_roles").Arr()
	for _, r := range [...]string{"master", "data_hot", "data_content", "ingest"} {
		w.Str(r)
	}
	w.End().Key("nodes").Arr()
	for _, n := range v.Nodes("elasticsearch") {
		w.Obj().Key("name").Str(n.Name).Key("ip").Str(n.Address).End()
	}
	w.End().End()
	return nil
}

// indexMatch tells whether a pattern such as logs-* names an index. Data streams
// are also known by the name that their indices carry.
func indexMatch(pattern, index string) bool {
	return pattern == "" || pattern == "_all" || wildcard(pattern, index) || wildcard(pattern, strings.TrimPrefix(index, ".ds-")) ||
		strings.HasPrefix(index, say(".ds-%-2", pattern))
}

// wildcard matches a pattern of Elasticsearch.
func wildcard(pattern, s string) bool { return ql.Like(s, pattern, '*', '?', 0) }

// noIndex is how Elasticsearch's client reports an index that does not exist.
func noIndex(name string) refusal {
	return refusal(say("index_not_found_exception\n\tRoot causes:\n\t\tindex_not_found_exception: no such index [%]", name))
}

const errWindow = refusal("search_phase_execution_exception\n\tRoot causes:\n\t\tillegal_argument_exception: Result window is too large, from + size must be less than or equal to: [10000]. See the scroll api for a more efficient way to request large data sets. This limit can be set by changing the [index.max_result_window] index level setting.")

// errTooLarge is what a node says of an answer that it has no memory for.
const errTooLarge = refusal("circuit_breaking_exception\n\tRoot causes:\n\t\tcircuit_breaking_exception: [parent] Data too large, data for [<http_request>] would be larger than the limit of [1020054732/972.7mb]")

var logLevels = [...]string{"INFO", "WARN", "ERROR", "DEBUG"}

// logHits collects what a search found, latest first.
type logHits struct {
	from, size, total int
	counts            [len(logLevels)]int
}

func (h *logHits) add(l *world.LogLine) (shown bool) {
	shown = h.total >= h.from && h.total < h.from+h.size
	h.total++
	for i, name := range logLevels {
		if l.Level == name {
			h.counts[i]++
		}
	}
	return shown
}

func elasticSearch(v *view, a args, w *guest.Writer) error {
	if closedIndex(a.text("index")) {
		return errIndexClosed
	}
	expr, err := ql.ParseLucene(a.text("query"))
	if err != nil {
		return err
	}
	if err := v.checkLogQuery(expr); err != nil {
		return err
	}
	h := logHits{from: a.offset("from"), size: a.offsetOr("size", 10)}
	if h.from+h.size > maxWindow {
		return errWindow
	}
	days, err := v.indices(a.text("index"))
	if err != nil {
		return err
	}
	budget := ql.DefaultBudget
	defer v.spent(&budget)
	w.Obj().Key("hits").Arr()
	for d := len(days) - 1; d >= 0 && expr != nil; d-- {
		for n := days[d].to - 1; n >= days[d].from; n-- {
			l := v.logLine(n)
			if expr.Eval(func(c *ql.Clause) bool {
				return budget.Spend(c.Terms.Cost(2*len(l.Message))) && v.logMeets(l, days[d].index, c)
			}) && h.add(l) {
				if writeHit(w, days[d].index, l); len(w.Bytes()) > maxBytes {
					return errTooLarge
				}
			}
		}
	}
	if budget.Gone() {
		return refusal("search_phase_execution_exception\n\tRoot causes:\n\t\ttask_cancelled_exception: The parent task was cancelled, shouldn't start any child tasks, request timed out")
	}
	w.End().Key("total").Obj().Key("value").Int(int64(h.total)).Key("relation").Str("eq").End()
	w.Key("aggregations").Obj().Key("levels").Obj().Key("buckets").Arr()
	for i, name := range logLevels {
		if h.counts[i] > 0 {
			w.Obj().Key("key").Str(name).Key("doc_count").Int(int64(h.counts[i])).End()
		}
	}
	w.End().End().End().End()
	return nil
}

// indices are those that a list of names and patterns stands for. A name that
// stands for none is an error, a pattern is not.
func (v *view) indices(list string) ([]logDay, error) {
	all := v.logDays()
	if list == "" {
		return all, nil
	}
	named := map[string]bool{}
	for p := range strings.SplitSeq(list, ",") {
		p = strings.TrimSpace(p)
		found := false
		for _, d := range all {
			if indexMatch(strings.TrimPrefix(p, "-"), d.index) {
				named[d.index], found = !strings.HasPrefix(p, "-"), true
			}
		}
		if !found && p != "" && !strings.ContainsAny(p, "*") {
			return nil, noIndex(p)
		}
	}
	return slices.DeleteFunc(all, func(d logDay) bool { return !named[d.index] }), nil
}

func writeHit(w *guest.Writer, index string, l *world.LogLine) {
	w.Obj().Key("_index").Str(index).Key("_id").Str(l.ID()).Key("_score").Null().Key("_source").Obj()
	stamp(w, "@timestamp", l.Time, milliTime)
	w.Key("message").Str(l.Message).Key("host").Str(l.Host).Key("service").Str(l.Service).Key("level").Str(l.Level).End().End()
}
