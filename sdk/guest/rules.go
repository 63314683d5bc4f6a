package guest

import (
	"slices"
	"strconv"
	"time"
	"unsafe"

	"github.com/killdeer-mcp/killdeer/sdk"
)

// RulesHandler returns the function that answers envelopes for a rules module,
// for tests that need no WebAssembly. It answers one envelope at a time, and a
// rule must not keep what Evaluate is given.
func RulesHandler(id, version string, rules ...sdk.Rule) func(in []byte) []byte {
	describe := describeRules(id, version, rules)
	ids := make([]string, len(rules))
	for i, r := range rules {
		ids[i] = r.Info().ID
	}
	var w Writer
	e := &envelope{Evaluation: sdk.Evaluation{Event: &sdk.Event{}, Windows: map[string]sdk.WindowValue{}}}
	return func(in []byte) []byte {
		if err := e.decode(in, len(rules)); err != nil {
			return Error("internal", "bad envelope")
		}
		if e.op == "describe" {
			return describe
		}
		w.Reset()
		w.Obj().Key("hits").Arr()
		for _, i := range e.asked {
			for _, h := range rules[i].Evaluate(&e.Evaluation) {
				if h.Rule == "" {
					h.Rule = ids[i]
				}
				writeHit(&w, h)
			}
		}
		return w.End().End().Bytes()
	}
}

// ConfiguredHandler is as [RulesHandler] for a pack whose rules follow from the
// configuration that the host hands it. It makes them anew when the configuration
// changes, which for one pack it never does.
func ConfiguredHandler(configure func(config []byte) (id, version string, rules []sdk.Rule, err error)) func(in []byte) []byte {
	return configured(func(config []byte) (func(in []byte) []byte, error) {
		id, version, rules, err := configure(config)
		if err != nil {
			return nil, err
		}
		return RulesHandler(id, version, rules...), nil
	})
}

// configOf finds the configuration without reading the rest.
func configOf(in []byte) (config []byte) {
	_ = members(in, func(k, v []byte) {
		if string(name(k)) == "config" {
			config = v
		}
	})
	return config
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
		for _, win := range slices.Concat(r.Info().Windows, r.Info().GateWindows) {
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
	optional(w, "false_positives", i.FalsePositives)
	list(w, "attack", i.Attack)
	list(w, "atlas", i.Atlas)
	list(w, "owasp", i.OWASP)
	if i.Dedup != nil {
		w.Key("dedup").Obj().Key("by").Str(i.Dedup.By).Key("over").Str(i.Dedup.Over).End()
	}
	list(w, "fields", i.Fields)
	writeGate(w, i.Gate)
	if len(i.Also) > 0 {
		w.Key("also").Arr()
		for _, g := range i.Also {
			w.Obj()
			writeGate(w, g)
			w.End()
		}
		w.End()
	}
	w.Key("windows").Arr()
	for _, win := range i.Windows {
		w.Str(win.Name)
	}
	w.End().End()
}

func writeGate(w *Writer, g sdk.Gate) {
	filter(w, "when", g.When)
	conditions(w, "match", g.Match)
	list(w, "terms", g.Terms)
	list(w, "client_terms", g.ClientTerms)
	if len(g.AtLeast) > 0 {
		w.Key("at_least").Obj()
		for _, k := range sortedKeys(g.AtLeast) {
			w.Key(k).Float(g.AtLeast[k], -1)
		}
		w.End()
	}
	if len(g.At) > 0 {
		w.Key("at").Obj()
		for _, k := range sortedKeys(g.At) {
			w.Key(k).Arr()
			for _, n := range g.At[k] {
				w.Int(int64(n))
			}
			w.End()
		}
		w.End()
	}
	if g.Subject != "" {
		w.Key("subject").Str(g.Subject)
	}
}

func conditions(w *Writer, key string, all map[string]sdk.Match) {
	if len(all) == 0 {
		return
	}
	w.Key(key).Obj()
	for _, k := range sortedKeys(all) {
		m := all[k]
		w.Key(k).Obj()
		list(w, "is", m.Is)
		list(w, "prefix", m.Prefix)
		list(w, "contains", m.Contains)
		list(w, "regex", m.Regex)
		list(w, "cidr", m.CIDR)
		if m.Min != 0 {
			w.Key("min").Float(m.Min, -1)
		}
		if m.Not {
			w.Key("not").Bool(true)
		}
		w.End()
	}
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
	optional(w, "first", win.First)
	if len(win.Steps) > 0 {
		w.Key("steps").Arr()
		for _, step := range win.Steps {
			w.Obj().Key("name").Str(step.Name)
			conditions(w, "match", step.Match)
			w.End()
		}
		w.End()
	}
	if win.Keep != 0 {
		w.Key("keep").Int(int64(win.Keep))
	}
	filter(w, "where", win.Where)
	conditions(w, "match", win.Match)
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

func sortedKeys[V any](m map[string]V) []string {
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

// maxWindowValues is how many values the host shows of a window.
const maxWindowValues = 32

// envelope is the input of a rules module. Its memory is used again for every
// event.
type envelope struct {
	sdk.Evaluation
	op    string
	asked []int // rules by number
}

// decode overwrites e. Without a list of rules all of them are asked.
func (e *envelope) decode(in []byte, rules int) error {
	*e.Event = sdk.Event{}
	clear(e.Windows)
	e.Evaluation = sdk.Evaluation{Event: e.Event, Windows: e.Windows}
	e.op, e.asked = "", e.asked[:0]
	listed := false
	i, err := walk(in, space(in, 0), func(k []byte, i int) (int, error) {
		k = name(k)
		switch string(k) {
		case "event":
			return walk(in, i, func(k []byte, i int) (int, error) {
				j, err := skip(in, i, 2)
				if err == nil {
					e.field(name(k), in[i:j])
				}
				return j, err
			})
		case "windows":
			return walk(in, i, func(k []byte, i int) (int, error) {
				j, err := skip(in, i, 2)
				if err == nil {
					e.Windows[String(k)] = decodeWindow(in[i:j])
				}
				return j, err
			})
		}
		j, err := skip(in, i, 1)
		if err != nil {
			return 0, err
		}
		switch string(k) {
		case "op":
			e.op = view(in[i:j])
		case "now":
			e.Now, _ = time.Parse(time.RFC3339Nano, view(in[i:j]))
		case "config":
			e.Config = in[i:j]
		case "rules":
			listed = true
			_ = Elements(in[i:j], func(v []byte) { e.ask(int(integer(v, -1)), rules) })
		}
		return j, nil
	})
	if err != nil {
		return err
	}
	for i := 0; !listed && i < rules; i++ {
		e.asked = append(e.asked, i)
	}
	return end(in, i)
}

func (e *envelope) ask(i, rules int) {
	if i >= 0 && i < rules {
		e.asked = append(e.asked, i)
	}
}

// field reads a member of the event: one of its own fields, or a fact.
func (e *envelope) field(key, v []byte) {
	if s := factField(&e.Facts, key); s != nil {
		*s = view(v)
		return
	}
	switch string(key) {
	case "odd_chars":
		e.Facts.OddChars = int(integer(v, 0))
	case "longest_run":
		e.Facts.LongestRun = int(integer(v, 0))
	default:
		decodeField(e.Event, key, v)
	}
}

func factField(f *sdk.Facts, key []byte) *string {
	switch string(key) {
	case "host":
		return &f.Host
	case "origin":
		return &f.Origin
	case "headers":
		return &f.Headers
	case "auth_scheme":
		return &f.AuthScheme
	case "auth_user":
		return &f.AuthUser
	case "auth_secret":
		return &f.AuthSecret
	case "fault":
		return &f.Fault
	case "call":
		return &f.Call
	case "key":
		return &f.Key
	case "page":
		return &f.Page
	case "pace":
		return &f.Pace
	}
	return nil
}

func decodeWindow(b []byte) (v sdk.WindowValue) {
	err := members(b, func(k, raw []byte) {
		switch string(name(k)) {
		case "n":
			v.N = int(integer(raw, 0))
		case "sum":
			v.Sum, _ = strconv.ParseFloat(string(raw), 64)
		case "values":
			v.Values = make([]string, 0, min(max(v.N, 0), maxWindowValues))
			_ = Elements(raw, func(s []byte) {
				if s[0] == '"' {
					v.Values = append(v.Values, view(s))
				}
			})
		}
	})
	if err != nil {
		return sdk.WindowValue{}
	}
	return v
}

// view is [String] without the copy: the text lies in the input, which the next
// call overwrites.
func view(v []byte) string {
	if len(v) < 2 || v[0] != '"' || v[len(v)-1] != '"' {
		return ""
	}
	if escaped(v) {
		return String(v)
	}
	return unsafe.String(unsafe.SliceData(v[1:]), len(v)-2)
}

// name returns what a spelled key says, without a copy when it has no escapes.
func name(key []byte) []byte {
	if escaped(key) {
		return []byte(String(key))
	}
	return key[1 : len(key)-1]
}

// decodeField reads a field of an event that rules may see; head, body, and the
// records that other kinds of event carry are left out by the host.
func decodeField(ev *sdk.Event, key, v []byte) {
	if s := stringField(ev, key); s != nil {
		*s = view(v)
		return
	}
	switch string(key) {
	case "kind":
		ev.Kind = sdk.Kind(view(v))
	case "v":
		ev.V, _ = strconv.Atoi(string(v))
	case "seq":
		ev.Seq, _ = strconv.ParseUint(string(v), 10, 64)
	case "time":
		ev.Time, _ = time.Parse(time.RFC3339Nano, view(v))
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
	case "canaries_minted":
		_ = Elements(v, func(v []byte) { ev.CanariesMinted = append(ev.CanariesMinted, canaryRef(v)) })
	case "canaries_seen":
		_ = Elements(v, func(v []byte) { ev.CanariesSeen = append(ev.CanariesSeen, canarySeen(v)) })
	case "notes":
		ev.Notes = map[string]string{}
		_ = Members(v, func(k string, v []byte) { ev.Notes[k] = String(v) })
	}
}

func canaryRef(v []byte) sdk.CanaryRef {
	o, _ := ParseObject(v)
	return sdk.CanaryRef{ID: o.Str("id"), Kind: o.Str("kind"), Label: o.Str("label")}
}

func canarySeen(v []byte) sdk.CanarySeen {
	o, _ := ParseObject(v)
	at, _ := time.Parse(time.RFC3339Nano, o.Str("origin_time"))
	return sdk.CanarySeen{
		CanaryRef: canaryRef(v), Scope: o.Str("scope"), OriginSession: o.Str("origin_session"), OriginActor: o.Str("origin_actor"),
		OriginIP: o.Str("origin_ip"), OriginEvent: o.Str("origin_event"), OriginTime: at,
		Position: o.Str("position"), Encoding: o.Str("encoding"), Credential: o.Bool("credential"), Partial: o.Bool("partial"),
		SameSession: o.Bool("same_session"), SameActor: o.Bool("same_actor"), SameIP: o.Bool("same_ip"),
	}
}

func stringField(ev *sdk.Event, key []byte) *string {
	switch string(key) {
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
	case "uri":
		return &ev.URI
	case "prompt":
		return &ev.Prompt
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
	case "justification":
		return &ev.Justification
	}
	return nil
}
