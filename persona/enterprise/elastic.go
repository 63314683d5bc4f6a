package enterprise

import (
	"strconv"
	"strings"
	"time"

	"github.com/killdeer-mcp/killdeer/persona/world"
	"github.com/killdeer-mcp/killdeer/sdk/guest"
)

const (
	bytesPerLine = 318 // of a log line on disk
	maxHits      = 200
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
			out = append(out, logDay{".ds-logs-app-default-" + d.Format("2006.01.02") + "-" + serial, from, to})
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

// logQuery is what a log search asks for.
type logQuery struct {
	ws                          words
	service, host, level, index string
}

func parseLogQuery(a args) logQuery {
	q := logQuery{index: a.text("index")}
	q.ws = parseWords(a.text("query"), func(name, value string) bool {
		switch name {
		case "service", "service.name":
			q.service = value
		case "host", "host.name":
			q.host = value
		case "level", "log.level":
			q.level = value
		case "message":
			q.ws = append(q.ws, value)
		default:
			return false
		}
		return true
	})
	return q
}

func (q *logQuery) match(l *world.LogLine) bool {
	return (q.service == "" || strings.EqualFold(q.service, l.Service)) && (q.host == "" || strings.HasPrefix(strings.ToLower(l.Host), strings.TrimSuffix(q.host, "*"))) &&
		(q.level == "" || strings.EqualFold(q.level, l.Level)) && q.ws.in(l.Text())
}

// indexMatch tells whether a pattern such as logs-* names an index. Data streams
// are also known by the name that their indices carry.
func indexMatch(pattern, index string) bool {
	for _, p := range strings.Split(pattern, ",") {
		if p == "" || p == "_all" || wildcard(p, index) || wildcard(p, strings.TrimPrefix(index, ".ds-")) || strings.HasPrefix(index, ".ds-"+p+"-2") {
			return true
		}
	}
	return false
}

func wildcard(pattern, s string) bool {
	return like(s, strings.NewReplacer("*", "%", "_", `_`).Replace(pattern))
}

func elasticSearch(v *view, a args, w *guest.Writer) error {
	q := parseLogQuery(a)
	if closedIndex(q.index) {
		return errIndexClosed
	}
	size := a.limit("size", 10, maxHits)
	levels := [...]string{"INFO", "WARN", "ERROR", "DEBUG"}
	var counts [len(levels)]int
	total, named := 0, false
	w.Obj().Key("hits").Arr()
	days := v.logDays()
	for d := len(days) - 1; d >= 0; d-- {
		if q.index != "" && !indexMatch(q.index, days[d].index) {
			continue
		}
		named = true
		for n := days[d].to - 1; n >= days[d].from; n-- {
			l := v.logLine(n)
			if !q.match(l) {
				continue
			}
			if total < size {
				writeHit(w, days[d].index, l)
			}
			total++
			for i, name := range levels {
				if l.Level == name {
					counts[i]++
				}
			}
		}
	}
	if !named && q.index != "" && !strings.ContainsAny(q.index, "*,") {
		return refusal("index_not_found_exception: no such index")
	}
	w.End().Key("total").Obj().Key("value").Int(int64(total)).Key("relation").Str("eq").End()
	w.Key("aggregations").Obj().Key("levels").Obj().Key("buckets").Arr()
	for i, name := range levels {
		if counts[i] > 0 {
			w.Obj().Key("key").Str(name).Key("doc_count").Int(int64(counts[i])).End()
		}
	}
	w.End().End().End().End()
	return nil
}

func writeHit(w *guest.Writer, index string, l *world.LogLine) {
	w.Obj().Key("_index").Str(index).Key("_id").Str(l.ID()).Key("_score").Null().Key("_source").Obj()
	stamp(w, "@timestamp", l.Time, milliTime)
	w.Key("message").Str(l.Message).Key("host").Str(l.Host).Key("service").Str(l.Service).Key("level").Str(l.Level).End().End()
}
