package agent

import (
	"fmt"
	"net/url"
	"strconv"
	"time"

	"github.com/killdeer-mcp/killdeer/agent/journal"
)

// queryText are the text filters of a query by parameter name.
func queryText(q *journal.Query) map[string]*string {
	return map[string]*string{
		"kind": (*string)(&q.Kind), "ip": &q.IP, "tool": &q.Tool, "mcp_method": &q.MCPMethod,
		"session": &q.Session, "rule": &q.Rule, "actor": &q.Actor, "outcome": &q.Outcome,
		"severity": (*string)(&q.Severity), "min_severity": (*string)(&q.MinSeverity),
	}
}

func encodeQuery(q journal.Query) url.Values {
	v := url.Values{}
	for name, text := range queryText(&q) {
		if *text != "" {
			v.Set(name, *text)
		}
	}
	for name, t := range map[string]time.Time{"from": q.From, "to": q.To} {
		if !t.IsZero() {
			v.Set(name, t.Format(time.RFC3339Nano))
		}
	}
	if q.Before > 0 {
		v.Set("before", strconv.FormatUint(q.Before, 10))
	}
	if q.Limit > 0 {
		v.Set("limit", strconv.Itoa(q.Limit))
	}
	return v
}

func decodeQuery(v url.Values) (q journal.Query, err error) {
	texts := queryText(&q)
	for name := range v {
		value := v.Get(name)
		switch name {
		case "from":
			q.From, err = time.Parse(time.RFC3339Nano, value)
		case "to":
			q.To, err = time.Parse(time.RFC3339Nano, value)
		case "before":
			q.Before, err = strconv.ParseUint(value, 10, 64)
		case "limit":
			q.Limit, err = strconv.Atoi(value)
		default:
			text := texts[name]
			if text == nil {
				return q, fmt.Errorf("unknown parameter %q", name)
			}
			*text = value
		}
		if err != nil {
			return q, fmt.Errorf("parameter %q: %w", name, err)
		}
	}
	return q, nil
}
