package imitate

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/yosida95/uritemplate/v3"

	"github.com/killdeer-mcp/killdeer/audit/evidence"
	"github.com/killdeer-mcp/killdeer/sdk/guest"
)

// sample is one call and what came of it, on its way into an answer.
type sample struct {
	call    *evidence.Call
	args    guest.Object
	spelled []needle     // values of a template's variables
	known   guest.Object // arguments that are described: those that templates may use
	body    string       // the keys of the answer, as the file has them
	tables  string       // those that are tables
}

// needle is a value that stands in an answer because it stood in the request.
type needle struct{ text, with string }

const minNeedle = 3 // bytes of a value that is no coincidence

var identifier = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// argument is the template of an argument.
func argument(name string) string {
	if identifier.MatchString(name) {
		return ".args." + name
	}
	return "index .args " + strconv.Quote(name)
}

// needles are the texts among the arguments, the longest first.
func (s *sample) needles() []needle {
	all := slices.Clone(s.spelled)
	for _, name := range s.args.Keys() {
		raw := s.args.Raw(name)
		with := "{{" + argument(name) + "}}"
		if s.reads() {
			with = "{{.uri}}"
		} else if !s.known.Has(name) {
			continue
		}
		if text := guest.String(raw); raw[0] == '"' && len(text) >= minNeedle {
			all = append(all, needle{text, with})
		}
	}
	slices.SortStableFunc(all, func(a, b needle) int { return len(b.text) - len(a.text) })
	return all
}

// reads reports whether the sample is of a resource.
func (s *sample) reads() bool { return s.call.Kind == "resource" || s.call.Kind == "template" }

// text is a text of an answer as a template.
func (s *sample) text(im *imitation, text string) string {
	if name := s.same(text); name != "" {
		return "{{pretty " + strconv.Quote(name) + "}}"
	}
	return im.secrets.template(text, s.needles())
}

// same is the argument, a list or an object, that a text is the JSON of.
func (s *sample) same(text string) string {
	t := strings.TrimSpace(text)
	if t == "" || (t[0] != '{' && t[0] != '[') || len(t) < 5 {
		return ""
	}
	return s.equal([]byte(t))
}

// equal is the argument, a list or an object with something in it, that has a value.
func (s *sample) equal(raw []byte) string {
	var v any
	if len(raw) < 5 || json.Unmarshal(raw, &v) != nil {
		return ""
	}
	for _, name := range s.args.Keys() {
		var a any
		if r := s.args.Raw(name); s.known.Has(name) && (r[0] == '{' || r[0] == '[') && json.Unmarshal(r, &a) == nil && reflect.DeepEqual(a, v) {
			return name
		}
	}
	return ""
}

// json is a JSON value of an answer whose strings are templates.
func (s *sample) json(im *imitation, raw []byte) string {
	var w guest.Writer
	s.write(im, &w, raw, "")
	var b bytes.Buffer
	if json.Indent(&b, w.Bytes(), "", "  ") != nil {
		return string(w.Bytes())
	}
	return b.String()
}

func (s *sample) write(im *imitation, w *guest.Writer, raw []byte, key string) {
	switch raw[0] {
	case '{', '[':
		if name := s.equal(raw); name != "" {
			w.Str("{{raw " + strconv.Quote(name) + "}}")
			return
		}
		if raw[0] == '{' {
			w.Obj()
			_ = guest.Members(raw, func(k string, v []byte) {
				if k != "_meta" {
					s.write(im, w.Key(k), v, k)
				}
			})
		} else {
			w.Arr()
			_ = guest.Elements(raw, func(v []byte) { s.write(im, w, v, "") })
		}
		w.End()
	case '"':
		text := guest.String(raw)
		if key != "data" && key != "blob" && key != "type" && key != "role" {
			text = s.text(im, text)
		}
		w.Str(text)
	default:
		w.Raw(raw)
	}
}

func (s *sample) add(key, value string) { s.body += key + " = " + value + "\n" }

// tool makes a tool's answer.
func (s *sample) tool(im *imitation) error {
	if s.call.Outcome == "rpc_error" {
		s.fault(im, "rpc")
		return nil
	}
	result, err := guest.ParseObject(s.call.Result)
	if err != nil || !result.Has("content") {
		return errUnusable
	}
	if text, ok := onlyText(result.Raw("content")); ok {
		s.add("text", literal(s.text(im, text)))
	} else {
		s.add("content", literal(s.json(im, result.Raw("content"))))
	}
	if structured := rawOf(result, "structuredContent"); structured != nil {
		if structured[0] != '{' {
			return fmt.Errorf("%w: structuredContent is no object", errUnusable)
		}
		s.add("structured", literal(s.json(im, structured)))
	}
	if result.Bool("isError") {
		s.add("error", "true")
	}
	if im.delay != "" {
		s.add("delay_ms", im.delay)
	}
	return nil
}

// onlyText is the text of a content that is one text block and nothing else.
func onlyText(content []byte) (string, bool) {
	var blocks []guest.Object
	_ = guest.Elements(content, func(v []byte) {
		o, _ := guest.ParseObject(v)
		blocks = append(blocks, o)
	})
	if len(blocks) != 1 || blocks[0].Str("type") != "text" || len(blocks[0].Keys()) != 2 {
		return "", false
	}
	return blocks[0].Str("text"), true
}

// fault makes an answer of a JSON-RPC error. The call has its code and message.
func (s *sample) fault(im *imitation, kind string) {
	code, message, _ := strings.Cut(s.call.Error, ": ")
	n, err := strconv.ParseInt(code, 10, 32)
	if err != nil || n == 0 {
		n, message = -32603, s.call.Error
	}
	text := quoted(im.secrets.template(message, s.needles()))
	s.add("fault", fmt.Sprintf("{ kind = %s, code = %d, message = %s }", quoted(kind), n, text))
}

// resource makes the answer of what is read.
func (s *sample) resource(im *imitation) error {
	if s.call.Outcome == "rpc_error" {
		s.fault(im, "rpc")
		return nil
	}
	result, err := guest.ParseObject(s.call.Result)
	if err != nil || !result.Has("contents") {
		return errUnusable
	}
	s.add("content", literal(s.json(im, result.Raw("contents"))))
	return nil
}

// prompt makes the answer of a prompt.
func (s *sample) prompt(im *imitation) error {
	if s.call.Outcome == "rpc_error" {
		s.fault(im, "rpc")
		return nil
	}
	result, err := guest.ParseObject(s.call.Result)
	if err != nil || !result.Has("messages") {
		return errUnusable
	}
	if about := result.Str("description"); about != "" {
		s.add("description", literal(s.text(im, about)))
	}
	n := 0
	err = guest.Elements(result.Raw("messages"), func(v []byte) {
		m, _ := guest.ParseObject(v)
		if n++; !m.Has("content") {
			return
		}
		s.tables += "[[prompt.answer.messages]]\nrole = " + quoted(m.Str("role")) + "\ncontent = " + literal(s.json(im, m.Raw("content"))) + "\n"
	})
	if n == 0 {
		s.add("messages", "[]")
	}
	return err
}

// variables are the values of a URI template's variables in a URI.
func variables(template, uri string) []needle {
	t, err := uritemplate.New(template)
	if err != nil {
		return nil
	}
	values := t.Match(uri)
	var all []needle
	for _, name := range t.Varnames() {
		if v := values.Get(name).String(); len(v) >= minNeedle {
			with := "{{.vars." + name + "}}"
			if !identifier.MatchString(name) {
				with = "{{index .vars " + strconv.Quote(name) + "}}"
			}
			all = append(all, needle{v, with})
		}
	}
	return all
}
