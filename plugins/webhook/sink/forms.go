package sink

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"text/template"
	"time"

	"github.com/killdeer-mcp/killdeer/plugins/encode"
	"github.com/killdeer-mcp/killdeer/sdk"
)

func newForm(c *Config, p *pace) (form, error) {
	switch c.Form {
	case formTemplate:
		return newTemplated(c, p)
	case formSlack:
		return &chat{pace: p, limit: c.MaxBytes, render: slack}, nil
	case formTeams:
		return &chat{pace: p, limit: min(c.MaxBytes, teamsBytes), render: teams}, nil
	case formDiscord:
		return &chat{pace: p, limit: c.MaxBytes, render: discord}, nil
	default:
		return &standard{batch: c.Batch, limit: c.MaxBytes}, nil
	}
}

// standard makes Standard Webhooks: {type, timestamp, data}.
type standard struct {
	batch int // events in a message
	limit int // bytes of a body
}

type envelope struct {
	Type      string    `json:"type"`
	Timestamp time.Time `json:"timestamp"`
	Data      any       `json:"data"`
}

func (s *standard) messages(batch []sdk.Event) ([]message, error) {
	var made []message
	for begin := 0; begin < len(batch); {
		m, err := s.message(batch, begin)
		if err != nil {
			return made, err
		}
		made = append(made, m)
		begin = m.end
	}
	return made, nil
}

// message makes one of as many events from begin on as it may hold.
func (s *standard) message(batch []sdk.Event, begin int) (message, error) {
	for n := min(s.batch, len(batch)-begin); ; n /= 2 {
		events := batch[begin : begin+n]
		body, err := s.body(events)
		if err != nil {
			return message{}, err
		}
		if len(body) <= s.limit || n == 1 {
			return message{identity(events), body, begin + n}, nil
		}
	}
}

func (s *standard) body(events []sdk.Event) ([]byte, error) {
	first := &events[0]
	if s.batch == 1 {
		return s.single(first)
	}
	var all []*reduced
	for i := range events {
		all = append(all, reduce(&events[i], s.limit/2))
	}
	return marshal(envelope{"events.batch", first.Time.UTC(), all})
}

// single leaves out of an event what is too much for one message.
func (s *standard) single(e *sdk.Event) ([]byte, error) {
	return marshal(envelope{eventType(e), e.Time.UTC(), reduce(e, s.limit-200)})
}

// eventType is what kind of event it is in the words of webhooks.
func eventType(e *sdk.Event) string {
	switch e.Kind {
	case sdk.KindDetection:
		return "detection.created"
	case sdk.KindAccess:
		return "access.recorded"
	case sdk.KindHeartbeat:
		return "sensor.heartbeat"
	default:
		return "sensor." + string(e.Kind)
	}
}

// reduced is an event and the names of the fields that were cut or left out of it.
type reduced struct {
	*sdk.Event
	Reduced []string `json:"reduced,omitempty"`
}

// reduce returns e, without as many of its long fields as it takes to be at most
// limit bytes of JSON.
func reduce(e *sdk.Event, limit int) *reduced {
	copied := *e
	r := &reduced{Event: &copied}
	for _, step := range []struct {
		name string
		cut  func(*sdk.Event) bool // reports whether there was something to cut
	}{
		{"head", cutHead}, {"body", cutBody}, {"args", cutArgs}, {"notes", cutNotes}, {"text", cutText},
	} {
		if size(r) <= limit {
			return r
		}
		if step.cut(&copied) {
			r.Reduced = append(r.Reduced, step.name)
		}
	}
	return r
}

func cutHead(e *sdk.Event) bool {
	had := e.Head != "" || e.HeadB64 != nil
	e.Head, e.HeadB64 = "", nil
	return had
}

func cutArgs(e *sdk.Event) bool {
	had := e.Args != nil
	e.Args, e.ArgsCut = nil, had || e.ArgsCut
	return had
}

func cutNotes(e *sdk.Event) bool {
	had := e.Notes != nil
	e.Notes = nil
	return had
}

func cutBody(e *sdk.Event) bool {
	if e.Body == nil || e.Body.Text == "" && e.Body.Base64 == "" {
		return false
	}
	e.Body = &sdk.Body{Size: e.Body.Size, SHA256: e.Body.SHA256, Cut: true}
	return true
}

// maxText is to what texts are cut at last. Some thirty of them are below the least
// limit of a body.
const maxText = 64

func cutText(e *sdk.Event) bool {
	for _, text := range []*string{
		&e.Session, &e.Method, &e.Path, &e.UA, &e.MCPMethod, &e.Tool, &e.URI, &e.Prompt, &e.Error, &e.Actor, &e.Protocol,
		&e.Justification,
	} {
		*text = encode.Visible(*text, maxText)
	}
	e.RPCID, e.Client = nil, nil
	e.CanariesMinted, e.CanariesSeen = e.CanariesMinted[:min(len(e.CanariesMinted), 4)], firstSeen(e.CanariesSeen)
	if e.Detection != nil {
		d := *e.Detection
		for _, text := range []*string{&d.Session, &d.Tool, &d.MCPMethod, &d.Subject, &d.Summary, &d.Title, &d.Actor} {
			*text = encode.Visible(*text, maxText)
		}
		d.Evidence, d.Events = nil, d.Events[:min(len(d.Events), 4)]
		e.Detection = &d
	}
	return true
}

// firstSeen is the first of the honeytokens, its texts cut.
func firstSeen(all []sdk.CanarySeen) []sdk.CanarySeen {
	if len(all) == 0 {
		return nil
	}
	c := all[0]
	for _, text := range []*string{&c.Label, &c.OriginSession, &c.OriginActor, &c.Position} {
		*text = encode.Visible(*text, maxText)
	}
	return []sdk.CanarySeen{c}
}

func size(v any) int {
	text, err := marshal(v)
	if err != nil {
		return 0 // marshal tells
	}
	return len(text)
}

func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// templated makes messages by the operator's template, one for all events of a
// batch.
type templated struct {
	template *template.Template
	pace     *pace
	limit    int
}

// view is what a template sees.
type view struct {
	Events []sdk.Event // to tell
	Silent int         // how many more there were, within the cool-down
}

func newTemplated(c *Config, p *pace) (*templated, error) {
	parsed, err := template.New("template").Option("missingkey=error").Funcs(template.FuncMap{
		"json": func(v any) (string, error) { text, err := marshal(v); return string(text), err },
		"text": func(limit int, s any) string { return encode.Visible(fmt.Sprint(s), max(limit, 0)) },
	}).Parse(c.Template)
	if err != nil {
		return nil, fmt.Errorf("read template: %w", err)
	}
	t := &templated{parsed, p, c.MaxBytes}
	sample := []sdk.Event{{Kind: sdk.KindDetection, Detection: &sdk.Detection{RuleID: "SAMPLE"}}, {Kind: sdk.KindAccess}}
	if _, err := t.render(view{Events: sample}); err != nil {
		return nil, fmt.Errorf("try template: %w", err)
	}
	return t, nil
}

// messages makes as few as fit into the limit.
func (t *templated) messages(batch []sdk.Event) ([]message, error) {
	tell, silent := t.pace.news(batch)
	var made []message
	for begin := 0; begin < len(tell); {
		m, n, err := t.message(batch, tell[begin:], silent)
		if err != nil {
			return made, err
		}
		begin += n
		m.end = endOf(batch, tell, begin)
		made = append(made, m)
	}
	return made, nil
}

func (t *templated) message(batch []sdk.Event, tell []int, silent int) (m message, n int, err error) {
	for n = len(tell); ; n = (n + 1) / 2 {
		events := pick(batch, tell[:n])
		body, err := t.render(view{events, silent})
		if err == nil || n == 1 || !errors.Is(err, errTooLong) {
			return message{id: identity(events), body: body}, n, err
		}
	}
}

func pick(batch []sdk.Event, at []int) []sdk.Event {
	var events []sdk.Event
	for _, i := range at {
		events = append(events, batch[i])
	}
	return events
}

// endOf is how much of the batch is done when the first n of those to tell are.
func endOf(batch []sdk.Event, tell []int, n int) int {
	if n == len(tell) {
		return len(batch)
	}
	return tell[n]
}

func (t *templated) render(v view) ([]byte, error) {
	out := &bounded{limit: t.limit}
	err := t.template.Execute(out, v)
	return out.Bytes(), err
}

var errTooLong = errors.New("the message is longer than max_bytes")

// bounded refuses to grow beyond its limit.
type bounded struct {
	bytes.Buffer
	limit int
}

// Write implements [io.Writer].
func (b *bounded) Write(p []byte) (int, error) {
	if b.Len()+len(p) > b.limit {
		return 0, errTooLong
	}
	return b.Buffer.Write(p)
}
