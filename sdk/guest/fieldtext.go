package guest

import (
	"strconv"
	"strings"
	"time"

	"github.com/killdeer-mcp/killdeer/sdk"
)

// Lookup returns the member of a JSON value at a dotted path: a string decoded,
// anything else as it is spelled, "" when it is absent. Numbers in a path count
// the elements of an array.
func Lookup(value []byte, path string) string {
	for name := range strings.SplitSeq(path, ".") {
		if len(value) == 0 {
			return ""
		}
		value = child(value, name)
	}
	if len(value) > 0 && value[0] == '"' {
		return String(value)
	}
	return string(value)
}

func child(value []byte, name string) (found []byte) {
	if value[0] == '[' {
		i := 0
		_ = Elements(value, func(v []byte) {
			if strconv.Itoa(i) == name {
				found = v
			}
			i++
		})
		return found
	}
	_ = Members(value, func(k string, v []byte) {
		if k == name {
			found = v
		}
	})
	return found
}

// FieldText returns an event field or a fact by its JSON name, as text: "" for
// one that is absent, unknown or was not sent.
func FieldText(in *sdk.Evaluation, name string) string {
	if s := stringField(in.Event, []byte(name)); s != nil {
		return *s
	}
	if s := factField(&in.Facts, []byte(name)); s != nil {
		return *s
	}
	ev := in.Event
	switch name {
	case "kind":
		return string(ev.Kind)
	case "time":
		return ev.Time.UTC().Format(time.RFC3339Nano)
	case "args":
		return string(ev.Args)
	case "rpc_id":
		return string(ev.RPCID)
	case "v":
		return numberText(float64(ev.V))
	case "seq":
		return numberText(float64(ev.Seq))
	case "status":
		return numberText(float64(ev.Status))
	case "result_bytes":
		return numberText(float64(ev.ResultBytes))
	case "latency_ms":
		return numberText(ev.LatencyMS)
	case "odd_chars":
		return numberText(float64(in.Facts.OddChars))
	case "longest_run":
		return numberText(float64(in.Facts.LongestRun))
	case "client":
		return clientText(ev.Client)
	case "notes":
		return notesText(ev.Notes)
	case "canaries_minted":
		return refsText(ev.CanariesMinted)
	case "canaries_seen":
		return seenText(ev.CanariesSeen)
	}
	return ""
}

func numberText(f float64) string {
	if f == 0 {
		return ""
	}
	return strconv.FormatFloat(f, 'f', -1, 64)
}

// clientText and notesText spell what the host spells: compact JSON, keys sorted.
func clientText(c *sdk.ClientInfo) string {
	if c == nil {
		return ""
	}
	var w Writer
	w.Obj()
	optional(&w, "name", c.Name)
	optional(&w, "version", c.Version)
	optional(&w, "title", c.Title)
	return string(w.End().Bytes())
}

func notesText(notes map[string]string) string {
	if len(notes) == 0 {
		return ""
	}
	var w Writer
	w.Obj()
	for _, k := range sortedKeys(notes) {
		w.Key(k).Str(notes[k])
	}
	return string(w.End().Bytes())
}

func refsText(list []sdk.CanaryRef) string {
	if len(list) == 0 {
		return ""
	}
	var w Writer
	w.Arr()
	for i := range list {
		writeRef(w.Obj(), &list[i])
		w.End()
	}
	return string(w.End().Bytes())
}

func writeRef(w *Writer, r *sdk.CanaryRef) {
	w.Key("id").Str(r.ID).Key("kind").Str(r.Kind)
	optional(w, "label", r.Label)
}

func seenText(list []sdk.CanarySeen) string {
	if len(list) == 0 {
		return ""
	}
	var w Writer
	w.Arr()
	for i := range list {
		c := &list[i]
		writeRef(w.Obj(), &c.CanaryRef)
		for _, m := range [...]struct{ key, text string }{
			{"scope", c.Scope},
			{"origin_session", c.OriginSession},
			{"origin_actor", c.OriginActor},
			{"origin_ip", c.OriginIP},
			{"origin_event", c.OriginEvent},
			{"origin_time", stamp(c.OriginTime)},
		} {
			optional(&w, m.key, m.text)
		}
		w.Key("position").Str(c.Position)
		optional(&w, "encoding", c.Encoding)
		for _, m := range [...]struct {
			key string
			yes bool
		}{{"credential", c.Credential}, {"partial", c.Partial}} {
			if m.yes {
				w.Key(m.key).Bool(true)
			}
		}
		w.Key("same_session").Bool(c.SameSession).Key("same_actor").Bool(c.SameActor).Key("same_ip").Bool(c.SameIP)
		w.End()
	}
	return string(w.End().Bytes())
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format(time.RFC3339Nano)
}
