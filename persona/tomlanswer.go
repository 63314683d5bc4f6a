package persona

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/killdeer-mcp/killdeer/persona/toml"
	"github.com/killdeer-mcp/killdeer/sdk"
	"github.com/killdeer-mcp/killdeer/sdk/guest"
)

// answerKeys are the keys of an answer by what it belongs to. When the first of them
// stand in the offer itself, that is one more answer, the last.
var (
	toolKeys     = []string{"text", "content", "structured", "error", "fault", "delay_ms", "state", "notes", "notify"}
	resourceKeys = []string{"text", "blob", "content", "fault", "delay_ms", "state", "notes"}
	promptKeys   = []string{"text", "messages", "fault", "delay_ms", "state", "notes"}
)

// answers reads [[answer]] and what stands in the offer itself.
func (r *tomlReader) answers(t *tomlTable, keys, args []string) []*toml.Answer {
	var all []*toml.Answer
	for _, a := range t.list("answer") {
		made := r.answer(a, keys, args)
		if made.When = a.text("when"); made.When != "" {
			if err := toml.CheckCondition(made.When, args); err != nil {
				a.fault("when", "%v", err)
			}
		}
		if slices.Contains(keys, "blob") {
			made.MIME = a.text("mime")
		}
		if slices.Contains(keys, "messages") {
			made.About = a.template("description", args)
		}
		a.done()
		all = append(all, made)
	}
	if len(all) > toml.MaxAnswers {
		t.fault("answer", "%d answers, at most %d", len(all), toml.MaxAnswers)
	}
	own := t.has(keys...)
	if made := r.answer(t, keys, args); own {
		all = append(all, made)
	}
	return all
}

// answer reads one answer. Its keys count as known in any case.
func (r *tomlReader) answer(t *tomlTable, keys, args []string) *toml.Answer {
	a := &toml.Answer{}
	for _, key := range keys {
		switch key {
		case "text":
			if text := t.template(key, args); t.has(key) {
				a.Text = &text
			}
		case "blob":
			a.Blob = r.blob(t)
		case "content":
			a.Content = t.rendered(key, '[', args)
		case "structured":
			a.Structured = t.rendered(key, '{', args)
		case "messages":
			a.Messages = r.messages(t, args)
		case "error":
			a.Failed = t.boolean(key)
		case "fault":
			a.Fault = r.fault(t, args)
		case "delay_ms":
			a.DelayMS = t.milliseconds(key)
		case "state":
			a.State = t.template(key, args)
		case "notes":
			a.Notes = t.notes(args)
		case "notify":
			a.Notify = r.notify(t, args)
		}
	}
	r.oneBody(t, a, keys)
	return a
}

// oneBody complains of answers that say two things or nothing.
func (r *tomlReader) oneBody(t *tomlTable, a *toml.Answer, keys []string) {
	var bodies []string
	for _, key := range []string{"text", "blob", "content", "messages", "fault"} {
		if slices.Contains(keys, key) && t.has(key) {
			bodies = append(bodies, key)
		}
	}
	if len(bodies) > 1 {
		t.fault(bodies[1], "an answer has one of %s", strings.Join(bodies, " and "))
	}
	if slices.Contains(keys, "messages") && a.Text != nil {
		a.Messages, a.Text = []toml.Message{{Role: "user", Text: *a.Text}}, nil
	}
	isAnswer := t.has("when") || t.has(keys...)
	if isAnswer && len(bodies) == 0 && !(slices.Contains(keys, "structured") && t.has("structured")) {
		r.add(t.at, "an answer needs one of %s", strings.Join(slices.DeleteFunc(slices.Clone(keys), func(k string) bool {
			return !slices.Contains([]string{"text", "blob", "content", "structured", "messages", "fault"}, k)
		}), ", "))
	}
}

// rendered is JSON of which templates make something: a table or JSON whose texts
// are templates, or a text that is one and gives JSON.
func (t *tomlTable) rendered(key string, opening byte, args []string) sdk.RawJSON {
	in, ok := t.get(key)
	if !ok {
		return nil
	}
	text, isText := in.(string)
	if !isText {
		t.checkTree(key, in, args)
		return t.json(key, opening)
	}
	var tree any
	if err := json.Unmarshal([]byte(text), &tree); err == nil || !strings.Contains(text, "{{") {
		t.checkTree(key, tree, args)
		return t.json(key, opening) // it is JSON as it stands, or should be: now is the time to say that it is not
	}
	t.checkTemplate(key, text, args)
	return guest.Quote(text)
}

func (t *tomlTable) checkTree(key string, v any, args []string) {
	switch v := v.(type) {
	case string:
		t.checkTemplate(key, v, args)
	case []any:
		for _, e := range v {
			t.checkTree(key, e, args)
		}
	case []map[string]any:
		for _, e := range v {
			t.checkTree(key, e, args)
		}
	case map[string]any:
		for _, k := range slices.Sorted(maps.Keys(v)) {
			t.checkTree(key, v[k], args)
		}
	}
}

func (r *tomlReader) blob(t *tomlTable) string {
	text := t.text("blob")
	if _, err := base64.StdEncoding.Strict().DecodeString(text); err != nil {
		t.fault("blob", "want padded base64 in one line")
	}
	return text
}

func (r *tomlReader) messages(t *tomlTable, args []string) []toml.Message {
	var all []toml.Message
	for _, m := range t.list("messages") {
		made := toml.Message{Role: m.required("role"), Text: m.template("text", args), Content: m.rendered("content", '{', args)}
		if made.Role != "user" && made.Role != "assistant" {
			m.fault("role", "want user or assistant")
		}
		if m.has("text") == m.has("content") {
			r.add(m.at, "want one of text and content")
		}
		m.done()
		all = append(all, made)
	}
	return all
}

func (r *tomlReader) fault(t *tomlTable, args []string) *toml.Fault {
	s := t.table("fault")
	if s == nil {
		return nil
	}
	f := &toml.Fault{Kind: s.required("kind"), Message: s.template("message", args), Code: s.integer("code")}
	if !faultKinds[f.Kind] {
		s.fault("kind", "want one of %s", strings.Join(slices.Sorted(maps.Keys(faultKinds)), ", "))
	}
	if f.Kind == sdk.FaultRPC && (f.Code == 0 || f.Code != int64(int32(f.Code))) {
		s.fault("code", "want the number of a JSON-RPC error, as -32000")
	}
	s.done()
	return f
}

func (t *tomlTable) notes(args []string) map[string]string {
	s := t.table("notes")
	if s == nil {
		return nil
	}
	all := map[string]string{}
	for name := range s.in {
		all[name] = s.template(name, args)
	}
	if len(all) > maxNotes {
		t.fault("notes", "%d notes, at most %d", len(all), maxNotes)
	}
	return all
}

func (r *tomlReader) notify(t *tomlTable, args []string) []toml.Notice {
	var all []toml.Notice
	for _, n := range t.list("notify") {
		made := toml.Notice{Progress: n.rendered("progress", '{', args), Log: n.rendered("log", '{', args)}
		if span := n.milliseconds("after_ms"); span != nil {
			made.AfterMS = span[0]
		}
		if n.has("progress") == n.has("log") {
			r.add(n.at, "want one of progress and log")
		}
		n.done()
		all = append(all, made)
	}
	if len(all) > maxNotices {
		t.fault("notify", "%d notices, at most %d", len(all), maxNotices)
	}
	return all
}
