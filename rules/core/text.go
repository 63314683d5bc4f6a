package core

import (
	"strings"
	"sync"

	"github.com/killdeer-mcp/killdeer/rules/fold"
	"github.com/killdeer-mcp/killdeer/sdk"
	"github.com/killdeer-mcp/killdeer/sdk/guest"
)

// other stands in folded text for a character that passes for no ASCII one.
const other = 0x80

// reading is what one pass over what a client wrote has found, for all rules that
// look for words.
type reading struct {
	event *sdk.Event
	found [kinds]finding
	seen  [kinds]bool

	named  bool   // the text at hand is how the client calls itself
	raw    []byte // the JSON text at hand
	prefix string // path of raw in the event
	w      walker
	norm   []byte  // of the string at hand, folded and decoded
	at     []int32 // where in raw each byte of norm stood
}

// part is a folded string of the arguments under judgement.
type part struct {
	*reading
	text string // valid for the judgement only
}

// wordKind is what a word may be a sign of.
type wordKind int

const (
	kindSQL wordKind = iota
	kindCommand
	kindPath
	kindAddress
	kindTemplate
	kindPrompt
	kindProbe
	kinds
)

// judge looks closely at the place of a word and returns what it found, "" for
// nothing. It looks only so far around that many words in one text cost no more
// than the text is long.
type judge func(p part, start, end int) (what string, c sdk.Confidence)

// anchor is a word at which a judge looks.
type anchor struct {
	word  string
	kind  wordKind
	judge judge
}

// anchors are those of all kinds; the matcher is built when it is first needed.
var (
	anchors = concat(sqlAnchors(), commandAnchors(), pathAnchors(), addressAnchors(), templateAnchors(), promptAnchors(), probeAnchors())
	words   = sync.OnceValue(func() *fold.Words {
		list := make([]string, len(anchors))
		for i, a := range anchors {
			list[i] = a.word
		}
		return fold.NewWords(list)
	})
)

func concat(lists ...[]anchor) (out []anchor) {
	for _, l := range lists {
		out = append(out, l...)
	}
	return out
}

// on makes anchors of words with one judge.
func on(kind wordKind, j judge, list ...string) (out []anchor) {
	for _, w := range list {
		out = append(out, anchor{w, kind, j})
	}
	return out
}

// encodings are the beginnings of characters that are spelled by number. A text
// that holds one is always looked at, since any word may hide behind it.
var encodings = []string{
	"%0", "%2", "%3", "%4", "%5", "%6", "%7", "%c0", "%c1", "%u", `\u`, `\x`, "&#", "&lt", "&gt", "&quot", "&amp", "/*",
}

// termsOf are the words of a kind, for the host's first look at a request.
func termsOf(kind wordKind) []string { return append(wordsOf(kind), encodings...) }

// wordsOf are the words of a kind. The host's look takes the end of a line for a
// blank.
func wordsOf(kind wordKind) (out []string) {
	for _, a := range anchors {
		if a.kind != kind || strings.Contains(a.word, "\n") {
			continue
		}
		if narrow := narrower[a.word]; narrow != nil {
			out = append(out, narrow...)
			continue
		}
		out = append(out, a.word)
	}
	return out
}

// read looks through what the client wrote, once for all rules of an event.
func read(in *sdk.Evaluation) *reading {
	if r, ok := in.Shared.(*reading); ok {
		return r
	}
	r := &reading{event: in.Event}
	in.Shared = r
	ev := in.Event
	if asks(ev) {
		r.document("args", ev.Args)
		r.plain("uri", ev.URI)
		r.plain("prompt", ev.Prompt)
		r.plain("tool", ev.Tool)
	}
	r.named = true
	r.plain("path", ev.Path)
	r.plain("ua", ev.UA)
	if c := ev.Client; c != nil {
		r.plain("client.name", c.Name)
		r.plain("client.version", c.Version)
		r.plain("client.title", c.Title)
	}
	return r
}

// plain reads a text that is no JSON.
func (r *reading) plain(path, s string) {
	if s != "" {
		var w guest.Writer
		r.document(path, w.Str(s).Bytes())
	}
}

// document reads every string of a JSON text, keys too.
func (r *reading) document(prefix string, b []byte) {
	r.raw, r.prefix, r.w = b, prefix, walker{}
	for i := 0; i < len(b); {
		if b[i] != '"' {
			if !r.w.structure(b[i]) {
				return
			}
			i++
			continue
		}
		end := stringEnd(b, i)
		if end < 0 {
			return
		}
		r.w.key(b[i:end])
		r.string(i, end)
		i = end
	}
}

// string judges the string at raw[start:end], quotes included.
func (r *reading) string(start, end int) {
	r.fold(start+1, end-1)
	p := part{r, view(r.norm)}
	m, state := words(), uint16(0)
	for i, c := range r.norm {
		if state = m.Next(state, c); !m.Fires(state) {
			continue
		}
		for _, n := range m.Ends(state) {
			a := &anchors[n]
			if r.named && a.kind < kindPrompt || r.seen[a.kind] && r.found[a.kind].confidence == sdk.ConfidenceHigh {
				continue
			}
			at := i + 1 - len(a.word)
			if what, c := a.judge(p, at, i+1); what != "" {
				r.note(a.kind, what, c, start, end, at)
			}
		}
	}
}

// note keeps the first finding of a kind, or the first of high confidence.
func (r *reading) note(kind wordKind, what string, c sdk.Confidence, start, end, at int) {
	if r.seen[kind] && c != sdk.ConfidenceHigh {
		return
	}
	decoded := guest.String(r.raw[start:end])
	lead := append(append([]byte(nil), r.raw[start:r.at[at]]...), '"')
	offset := min(len(guest.String(lead)), len(decoded))
	for offset > 0 && offset < len(decoded) && decoded[offset]&0xC0 == 0x80 {
		offset--
	}
	r.seen[kind] = true
	r.found[kind] = finding{term: what, path: r.w.pathIn(r.prefix), snippet: snippet(decoded, offset), confidence: c}
}

// member is the name of the argument that the string is, in lower case.
func (p part) member() string {
	for i := p.w.depth - 1; i >= 0; i-- {
		if l := &p.w.stack[i]; l.object {
			return fold.Text(cut(guest.String(l.key), maxKey))
		}
	}
	return p.prefix
}

// spelled reports whether a folded character was spelled by number in the text,
// as %2e or &#46; are.
func (p part) spelled(i int) bool {
	switch p.raw[p.at[i]] {
	case '%', '&':
		return p.text[i] != '%' && p.text[i] != '&'
	case '\\':
		return p.text[i] == '.' || p.text[i] == '/' && int(p.at[i])+1 < len(p.raw) && p.raw[p.at[i]+1] != '/'
	}
	return false
}

// evaluateWords is what a rule of one kind of word does.
func evaluateWords(kind wordKind, hit func(in *sdk.Evaluation, f *finding) sdk.Hit) func(*sdk.Evaluation) []sdk.Hit {
	return func(in *sdk.Evaluation) []sdk.Hit {
		r := read(in)
		if !r.seen[kind] {
			return nil
		}
		f := &r.found[kind]
		h := hit(in, f)
		h.Subject, h.Evidence = subjectOf(in.Event), &sdk.Evidence{Path: f.path, Snippet: f.snippet}
		if h.Confidence == "" {
			h.Confidence = f.confidence
		}
		return []sdk.Hit{h}
	}
}

// subjectOf is what a verdict on words is about.
func subjectOf(ev *sdk.Event) string {
	for _, s := range [...]string{ev.Tool, ev.Prompt, ev.URI, ev.MCPMethod, ev.Path} {
		if s != "" {
			return cut(s, maxSubject)
		}
	}
	return ""
}
