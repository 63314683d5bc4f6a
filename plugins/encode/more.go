package encode

import (
	"strconv"
	"strings"
	"time"

	"github.com/killdeer-mcp/killdeer/sdk"
)

// fields gathers parameters and leaves out what is empty.
type fields struct {
	list  []Param
	limit int // bytes of a value
}

func (f *fields) add(name, value string) {
	if shown := Visible(value, f.limit); shown != "" {
		f.list = append(f.list, Param{name, shown})
	}
}

func (f *fields) addInt(name string, value int) {
	if value != 0 {
		f.add(name, strconv.Itoa(value))
	}
}

// more lists what the predecessor did not send.
func more(e *sdk.Event, shape shape) []Param {
	f := fields{limit: shape.value}
	f.add("id", e.ID)
	f.add("kind", string(e.Kind))
	if e.Seq > 0 {
		f.add("seq", strconv.FormatUint(e.Seq, 10))
	}
	f.add("sensor", e.Sensor)
	f.add("session", e.Session)
	f.add("actor", e.Actor)
	f.addAccess(e)
	f.addDetection(e.Detection)
	f.addCanaries(e)
	f.addCondition(e)
	f.addOwn(e)
	f.limit = shape.args
	if shape.args > 0 {
		f.add("args", string(e.Args))
		f.addFlag("args_cut", e.ArgsCut)
	}
	return f.list
}

func (f *fields) addAccess(e *sdk.Event) {
	f.add("transport", e.Transport)
	f.add("event", e.Event)
	f.add("method", e.Method)
	f.add("path", e.Path)
	f.add("ua", e.UA)
	if e.Client != nil {
		f.add("client", strings.TrimSpace(e.Client.Name+" "+e.Client.Version))
	}
	f.add("uri", e.URI)
	f.add("prompt", e.Prompt)
	f.add("service", e.Service)
	f.add("category", e.Category)
	f.add("class", e.Class)
	f.add("justification", e.Justification)
	f.add("operator", e.Operator)
	f.addFlag("demo", e.Demo)
	f.add("persona", e.Persona)
	f.add("outcome", e.Outcome)
	f.addInt("status", e.Status)
	f.add("error", e.Error)
}

// addCanaries lists the tokens that a request carries, and those that its answer
// holds. What is known of the first token is in canary_ids at the same place as
// its kind is in canary_kinds.
func (f *fields) addCanaries(e *sdk.Event) {
	column := func(name string, of func(c *sdk.CanarySeen) string) {
		var column []string
		for i := range e.CanariesSeen {
			column = append(column, of(&e.CanariesSeen[i]))
		}
		f.addList(name, column)
	}
	column("canary_ids", func(c *sdk.CanarySeen) string { return c.ID })
	column("canary_kinds", func(c *sdk.CanarySeen) string { return c.Kind })
	column("canary_labels", func(c *sdk.CanarySeen) string { return c.Label })
	column("canary_positions", func(c *sdk.CanarySeen) string { return c.Position })
	column("canary_origin_ips", func(c *sdk.CanarySeen) string { return c.OriginIP })
	column("canary_origin_sessions", func(c *sdk.CanarySeen) string { return c.OriginSession })
	column("canary_origin_actors", func(c *sdk.CanarySeen) string { return c.OriginActor })
	column("canary_origin_times", func(c *sdk.CanarySeen) string { return stamp(c.OriginTime) })
	var minted []string
	for _, c := range e.CanariesMinted {
		minted = append(minted, c.ID)
	}
	f.addList("canaries_minted", minted)
}

// addList adds values separated by commas. A comma within one is escaped; empty
// values keep their places, unless all are empty.
func (f *fields) addList(name string, values []string) {
	text := make([]string, len(values))
	for i, v := range values {
		text[i] = strings.ReplaceAll(v, ",", `\u002c`)
	}
	if strings.Join(text, "") != "" {
		f.add(name, strings.Join(text, ","))
	}
}

func (f *fields) addFlag(name string, set bool) {
	if set {
		f.add(name, "true")
	}
}

func (f *fields) addNumber(name string, value float64) {
	f.add(name, strconv.FormatFloat(value, 'f', -1, 64))
}

// stamp is t in RFC 3339, or "" for none, and for one that it cannot say.
func stamp(t time.Time) string {
	if t.IsZero() || instant(t) == nil {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

func (f *fields) addDetection(d *sdk.Detection) {
	if d == nil {
		return
	}
	f.add("title", d.Title)
	f.add("pack", d.Pack)
	f.add("subject", d.Subject)
	f.add("summary", d.Summary)
	if d.Evidence != nil {
		f.add("evidence_path", d.Evidence.Path)
		f.add("evidence", d.Evidence.Snippet)
	}
	f.addList("evidence_events", d.Events)
	f.add("attack", strings.Join(d.Attack, ","))
	f.add("atlas", strings.Join(d.Atlas, ","))
	f.add("owasp", strings.Join(d.OWASP, ","))
}

// addCondition adds what an event reports of losses, guests and the clock.
func (f *fields) addCondition(e *sdk.Event) {
	if g := e.Gap; g != nil {
		f.add("lost", strconv.FormatUint(g.Lost, 10))
		f.add("reason", g.Reason)
		f.add("from", stamp(g.From))
		f.add("to", stamp(g.To))
	}
	if g := e.Guest; g != nil {
		f.add("module", g.Module)
		f.add("op", g.Op)
		f.add("code", g.Code)
		f.add("detail", g.Detail)
		f.addNumber("took_ms", g.TookMS)
	}
	if e.Clock != nil {
		f.addNumber("by_s", e.Clock.By)
	}
	if p := e.Pack; p != nil {
		f.add("pack", p.ID)
		f.add("pack_version", p.Version)
		f.add("pack_serial", strconv.FormatUint(p.Serial, 10))
		f.add("pack_expires", stamp(p.Expires))
	}
}

// addOwn adds what an event reports of the sensor's parts, of itself, and of a
// value that it handed out.
func (f *fields) addOwn(e *sdk.Event) {
	if c := e.Canary; c != nil {
		f.add("canary_id", c.ID)
		f.add("canary_kind", c.Kind)
		f.add("canary_label", c.Label)
		f.add("canary_scope", c.Scope)
		f.add("canary_value", c.Value)
	}
	if h := e.Health; h != nil {
		f.add("part", h.Part)
		f.add("state", h.State)
		f.add("detail", h.Detail)
	}
	if h := e.Heartbeat; h != nil {
		f.addNumber("every_s", h.Every)
		f.addNumber("uptime_s", h.Uptime)
		f.add("last_seq", strconv.FormatUint(h.Last, 10))
	}
}
