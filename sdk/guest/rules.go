package guest

import (
	"strconv"
	"time"

	"github.com/killdeer-mcp/killdeer/sdk"
)

// RulesHandler returns the function that answers envelopes for a rules module,
// for tests that need no WebAssembly.
func RulesHandler(id, version string, rules ...sdk.Rule) func(in []byte) []byte {
	describe := describeRules(id, version, rules)
	var w Writer
	return func(in []byte) []byte {
		e, op, err := decodeEvaluation(in)
		if err != nil {
			return Error("internal", "bad envelope")
		}
		if op == "describe" {
			return describe
		}
		w.Reset()
		w.Obj().Key("hits").Arr()
		for _, r := range rules {
			for _, h := range r.Evaluate(e) {
				if h.Rule == "" {
					h.Rule = r.Info().ID
				}
				writeHit(&w, h)
			}
		}
		return w.End().End().Bytes()
	}
}

func describeRules(id, version string, rules []sdk.Rule) []byte {
	var w Writer
	w.Obj().Key("abi").Int(sdk.ABIVersion).Key("kind").Str("rules").Key("id").Str(id).Key("version").Str(version)
	w.Key("rules").Arr()
	for _, r := range rules {
		writeRuleInfo(&w, r.Info())
	}
	w.End().Key("windows").Arr()
	seen := map[string]bool{}
	for _, r := range rules {
		for _, win := range r.Info().Windows {
			if !seen[win.Name] {
				seen[win.Name] = true
				writeWindow(&w, win)
			}
		}
	}
	return w.End().End().Bytes()
}

func writeRuleInfo(w *Writer, i sdk.RuleInfo) {
	w.Obj().Key("id").Str(i.ID).Key("title").Str(i.Title).Key("severity").Str(string(i.Severity))
	optional(w, "confidence", string(i.Confidence))
	optional(w, "description", i.Description)
	list(w, "attack", i.Attack)
	list(w, "atlas", i.Atlas)
	list(w, "owasp", i.OWASP)
	if i.Dedup != nil {
		w.Key("dedup").Obj().Key("by").Str(i.Dedup.By).Key("over").Str(i.Dedup.Over).End()
	}
	filter(w, "when", i.When)
	list(w, "fields", i.Fields)
	w.End()
}

func writeWindow(w *Writer, win sdk.Window) {
	w.Obj().Key("name").Str(win.Name).Key("by").Str(win.By).Key("over").Str(win.Over)
	if win.Count {
		w.Key("count").Bool(true)
	}
	optional(w, "distinct", win.Distinct)
	optional(w, "sum", win.Sum)
	optional(w, "last", win.Last)
	filter(w, "where", win.Where)
	w.End()
}

func writeHit(w *Writer, h sdk.Hit) {
	w.Obj().Key("rule").Str(h.Rule)
	optional(w, "severity", string(h.Severity))
	optional(w, "confidence", string(h.Confidence))
	optional(w, "subject", h.Subject)
	w.Key("reason").Str(h.Reason)
	if h.Count > 0 {
		w.Key("count").Int(int64(h.Count))
	}
	if h.Evidence != nil {
		w.Key("evidence").Obj().Key("path").Str(h.Evidence.Path).Key("snippet").Str(h.Evidence.Snippet).End()
	}
	w.End()
}

func optional(w *Writer, key, value string) {
	if value != "" {
		w.Key(key).Str(value)
	}
}

func filter(w *Writer, key string, fields map[string]string) {
	if len(fields) == 0 {
		return
	}
	w.Key(key).Obj()
	for _, k := range sortedKeys(fields) {
		w.Key(k).Str(fields[k])
	}
	w.End()
}

func list(w *Writer, key string, values []string) {
	if len(values) == 0 {
		return
	}
	w.Key(key).Arr()
	for _, v := range values {
		w.Str(v)
	}
	w.End()
}

func sortedKeys(m map[string]string) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		i := len(keys)
		keys = append(keys, k)
		for ; i > 0 && keys[i-1] > k; i-- {
			keys[i] = keys[i-1]
		}
		keys[i] = k
	}
	return keys
}

func decodeEvaluation(in []byte) (*sdk.Evaluation, string, error) {
	e := &sdk.Evaluation{Event: &sdk.Event{}, Windows: map[string]sdk.WindowValue{}}
	op := ""
	var inner error
	err := Members(in, func(k string, v []byte) {
		switch k {
		case "op":
			op = String(v)
		case "now":
			e.Now, _ = time.Parse(time.RFC3339Nano, String(v))
		case "state":
			e.State = v
		case "event":
			inner = decodeEvent(v, e.Event)
		case "windows":
			inner = Members(v, func(name string, v []byte) { e.Windows[name] = decodeWindow(v) })
		}
	})
	if err == nil {
		err = inner
	}
	return e, op, err
}

func decodeWindow(b []byte) (v sdk.WindowValue) {
	o, err := ParseObject(b)
	if err != nil {
		return v
	}
	v.N = int(o.Int("n", 0))
	v.Sum, _ = strconv.ParseFloat(string(o.Raw("sum")), 64)
	v.Values = Strings(o.Raw("values"))
	return v
}

// decodeEvent reads the fields of an event that rules may see; head, body, and
// the records that other kinds of event carry are left out by the host.
func decodeEvent(b []byte, ev *sdk.Event) error {
	return Members(b, func(k string, v []byte) {
		if s := stringField(ev, k); s != nil {
			*s = String(v)
			return
		}
		switch k {
		case "kind":
			ev.Kind = sdk.Kind(String(v))
		case "v":
			ev.V, _ = strconv.Atoi(string(v))
		case "seq":
			ev.Seq, _ = strconv.ParseUint(string(v), 10, 64)
		case "time":
			ev.Time, _ = time.Parse(time.RFC3339Nano, String(v))
		case "args":
			ev.Args = v
		case "rpc_id":
			ev.RPCID = v
		case "status":
			ev.Status, _ = strconv.Atoi(string(v))
		case "result_bytes":
			ev.ResultBytes, _ = strconv.Atoi(string(v))
		case "latency_ms":
			ev.LatencyMS, _ = strconv.ParseFloat(string(v), 64)
		case "client":
			o, _ := ParseObject(v)
			ev.Client = &sdk.ClientInfo{Name: o.Str("name"), Version: o.Str("version"), Title: o.Str("title")}
		case "notes":
			ev.Notes = map[string]string{}
			_ = Members(v, func(k string, v []byte) { ev.Notes[k] = String(v) })
		}
	})
}

func stringField(ev *sdk.Event, key string) *string {
	switch key {
	case "id":
		return &ev.ID
	case "sensor":
		return &ev.Sensor
	case "ip":
		return &ev.IP
	case "peer":
		return &ev.Peer
	case "actor":
		return &ev.Actor
	case "session_id":
		return &ev.Session
	case "transport":
		return &ev.Transport
	case "event":
		return &ev.Event
	case "method":
		return &ev.Method
	case "path":
		return &ev.Path
	case "ua":
		return &ev.UA
	case "era":
		return &ev.Era
	case "protocol":
		return &ev.Protocol
	case "mcp_method":
		return &ev.MCPMethod
	case "tool":
		return &ev.Tool
	case "service":
		return &ev.Service
	case "class":
		return &ev.Class
	case "category":
		return &ev.Category
	case "persona":
		return &ev.Persona
	case "profile":
		return &ev.Profile
	case "outcome":
		return &ev.Outcome
	case "error":
		return &ev.Error
	}
	return nil
}
