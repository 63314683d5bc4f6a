package guest

import (
	"encoding/base64"
	"time"

	"github.com/killdeer-mcp/killdeer/sdk"
)

// Answer builds the output document of a call from parts that may come in any
// order. The zero value is a tool's result without content. Its methods return
// the Answer, so that they chain.
//
// What the result is follows from its first part: a tool's content, with
// [Answer.Message] a prompt, with [Answer.Contents] or [Answer.Blob] a resource.
// Once a request or [Answer.Resume] is there, it is no result but a question,
// and content does not go with it.
//
// An Answer is for comfort. A tool that answers with one text a thousand times
// a second writes its document with a [Writer].
type Answer struct {
	list       string // name of the result's list: content, messages or contents
	parts      Writer
	role       string // of the prompt message that the next content is
	result     Writer // other members of the result
	requests   Writer
	resume     []byte
	notices    Writer
	after      time.Duration
	afterDue   bool // the next notice says after
	notes      Writer
	beside     Writer // delay and state
	asks, said bool
}

// Text adds a text block.
func (a *Answer) Text(text string) *Answer {
	a.content("text").Key("text").Str(text)
	return a.endContent()
}

// Image adds an image.
func (a *Answer) Image(mimeType string, data []byte) *Answer {
	a.content("image").Key("data").base64(data).Key("mimeType").Str(mimeType)
	return a.endContent()
}

// Audio adds a sound.
func (a *Answer) Audio(mimeType string, data []byte) *Answer {
	a.content("audio").Key("data").base64(data).Key("mimeType").Str(mimeType)
	return a.endContent()
}

// Link adds a link to a resource.
func (a *Answer) Link(uri, name, mimeType string) *Answer {
	w := a.content("resource_link").Key("uri").Str(uri).Key("name").Str(name)
	optional(w, "mimeType", mimeType)
	return a.endContent()
}

// Embed adds a resource with its text.
func (a *Answer) Embed(uri, mimeType, text string) *Answer {
	w := a.content("resource").Key("resource").Obj().Key("uri").Str(uri)
	optional(w, "mimeType", mimeType)
	w.Key("text").Str(text).End()
	return a.endContent()
}

// EmbedBlob adds a resource with its bytes.
func (a *Answer) EmbedBlob(uri, mimeType string, data []byte) *Answer {
	w := a.content("resource").Key("resource").Obj().Key("uri").Str(uri)
	optional(w, "mimeType", mimeType)
	w.Key("blob").base64(data).End()
	return a.endContent()
}

// Structured sets a tool's structuredContent, a JSON object. MCP asks that the
// same JSON also stands in a text block: add it with [Answer.Text].
func (a *Answer) Structured(json []byte) *Answer {
	a.member("structuredContent").Raw(json)
	return a
}

// Failed marks a tool's result as an error.
func (a *Answer) Failed() *Answer {
	a.member("isError").Bool(true)
	return a
}

// Message makes the next content a message of a prompt. Role is user or
// assistant.
func (a *Answer) Message(role string) *Answer {
	a.role = role
	return a
}

// Description sets a prompt's description.
func (a *Answer) Description(text string) *Answer {
	a.member("description").Str(text)
	return a
}

// Contents adds a text to the contents of a resource.
func (a *Answer) Contents(uri, mimeType, text string) *Answer {
	w := a.part("contents").Obj().Key("uri").Str(uri)
	optional(w, "mimeType", mimeType)
	w.Key("text").Str(text).End()
	return a
}

// Blob adds bytes to the contents of a resource.
func (a *Answer) Blob(uri, mimeType string, data []byte) *Answer {
	w := a.part("contents").Obj().Key("uri").Str(uri)
	optional(w, "mimeType", mimeType)
	w.Key("blob").base64(data).End()
	return a
}

// Delay has the host answer no earlier than d after the request's arrival.
func (a *Answer) Delay(d time.Duration) *Answer {
	a.aside("delay_ms").Int(d.Milliseconds())
	return a
}

// State keeps a JSON value for this session, to be found in [sdk.Call.State].
// JSON null clears it.
func (a *Answer) State(json []byte) *Answer {
	a.aside("state").Raw(json)
	return a
}

// Note has the host record a key and value with the event.
func (a *Answer) Note(key, value string) *Answer {
	object(&a.notes).Key(key).Str(value)
	return a
}

// Bytes returns the output document and ends the Answer.
func (a *Answer) Bytes() []byte {
	var w Writer
	w.Obj()
	if a.asks {
		a.writeQuestion(w.Key("input_required").Obj())
	}
	if !a.asks || a.list != "" {
		a.writeResult(w.Key("result").Obj())
	}
	if a.said {
		w.Key("notify").Raw(a.notices.End().Bytes())
	}
	splice(&w, &a.beside)
	if a.notes.depth > 0 {
		w.Key("notes").Raw(a.notes.End().Bytes())
	}
	return w.End().Bytes()
}

func (a *Answer) writeResult(w *Writer) {
	if a.list == "" {
		a.list = "content"
		a.parts.Arr()
	}
	if a.list == "messages" { // a prompt's description goes first, as servers write it
		splice(w, &a.result)
	}
	w.Key(a.list).Raw(a.parts.End().Bytes())
	splice(w, &a.result)
	w.End()
}

// splice writes the members of from, an object that is still open, once.
func splice(w, from *Writer) {
	if from.depth > 0 {
		_ = Members(from.End().Bytes(), func(k string, v []byte) { w.Key(k).Raw(v) })
	}
}

// part opens the result's list unless it is open, and returns its writer.
func (a *Answer) part(list string) *Writer {
	if a.list == "" {
		a.list = list
		a.parts.Arr()
	}
	return &a.parts
}

// content opens a content object, as a message if one was announced.
func (a *Answer) content(kind string) *Writer {
	if a.role != "" {
		a.part("messages").Obj().Key("role").Str(a.role).Key("content")
	} else {
		a.part("content")
	}
	return a.parts.Obj().Key("type").Str(kind)
}

func (a *Answer) endContent() *Answer {
	a.parts.End()
	if a.role != "" {
		a.role = ""
		a.parts.End()
	}
	return a
}

func (a *Answer) member(key string) *Writer { return object(&a.result).Key(key) }

func (a *Answer) aside(key string) *Writer { return object(&a.beside).Key(key) }

// object returns w inside its object, which it opens at first use.
func object(w *Writer) *Writer {
	if w.depth == 0 {
		w.Obj()
	}
	return w
}

func (w *Writer) base64(data []byte) *Writer {
	w.value()
	w.buf = append(w.buf, '"')
	w.buf = base64.StdEncoding.AppendEncode(w.buf, data)
	w.buf = append(w.buf, '"')
	return w
}

// Text returns the output document of a tool that answers with one text.
func Text(text string) []byte {
	var w Writer
	w.Obj().Key("result").Obj().Key("content").Arr().Obj().Key("type").Str("text").Key("text").Str(text)
	return w.End().End().End().End().Bytes()
}

// Completion returns the output document of a completion: at most 100 values,
// of total in all.
func Completion(values []string, total int) []byte {
	var w Writer
	w.Obj().Key("result").Obj().Key("completion").Obj().Key("values").Arr()
	for _, v := range values {
		w.Str(v)
	}
	w.End().Key("total").Int(int64(total)).Key("hasMore").Bool(total > len(values))
	return w.End().End().End().Bytes()
}

// Input returns what the client answered to the request of that key, and
// whether it did. An elicitation's answer has "action" and perhaps "content", a
// sampling's has "role" and "content", and that to roots/list has "roots".
func Input(c *sdk.Call, key string) (Object, bool) {
	all, err := ParseObject(c.Inputs)
	if err != nil || !all.Has(key) {
		return Object{}, false
	}
	return all.Object(key), true
}
