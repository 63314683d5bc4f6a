package honeytoken

import (
	"iter"
	"strconv"
	"strings"

	"github.com/killdeer-mcp/killdeer/persona/canary"
	"github.com/killdeer-mcp/killdeer/sdk"
	"github.com/killdeer-mcp/killdeer/sdk/guest"
)

// What of one request is searched.
const (
	maxPart     = 64 << 10  // bytes of one part, from its beginning
	maxTotal    = 256 << 10 // bytes in all, decoded ones counted again
	maxDecoded  = 2         // encodings inside one another
	maxArgParts = 512       // members of the arguments
	maxArgDepth = 16        // what is deeper is one part
)

// part is a piece of a request that has a name.
type part struct {
	position   string
	text       string
	credential bool
}

// parts yields the parts of a request, the telling ones first: what is found in
// an argument is not reported as found in the body. The head comes before what
// can be large, so that nothing can be put in front of it.
func parts(ev *sdk.Event) iter.Seq[part] {
	return func(yield func(part) bool) {
		_ = headParts(ev, yield) &&
			yield(part{"path", ev.Path, true}) &&
			argParts(ev.Args, yield) &&
			yield(part{"uri", ev.URI, false}) &&
			yield(part{"prompt", ev.Prompt, false}) &&
			clientPart(ev.Client, yield) &&
			bodyPart(ev.Body, yield)
	}
}

func clientPart(c *sdk.ClientInfo, yield func(part) bool) bool {
	return c == nil || yield(part{"client", c.Name + "\n" + c.Version + "\n" + c.Title, false})
}

func bodyPart(b *sdk.Body, yield func(part) bool) bool {
	switch {
	case b == nil:
		return true
	case b.Text != "":
		return yield(part{"body", b.Text, false})
	}
	return yield(part{"body", string(decode64(b.Base64)), false})
}

// headParts yields the header fields.
func headParts(ev *sdk.Event, yield func(part) bool) bool {
	head := ev.Head
	if head == "" {
		head = string(ev.HeadB64)
	}
	first, rest, _ := strings.Cut(head, "\n")
	if ev.Path == "" && !yield(part{"path", first, true}) {
		return false
	}
	for line := range strings.Lines(rest) {
		name, value, _ := strings.Cut(line, ":")
		name = strings.ToLower(strings.TrimSpace(name))
		if !yield(part{"header." + name, strings.TrimSpace(value), credentialName(name)}) {
			return false
		}
	}
	return true
}

// argParts yields the strings of the arguments, and the names of their members.
func argParts(args sdk.RawJSON, yield func(part) bool) bool {
	w := argWalk{left: maxArgParts, yield: yield}
	return len(args) == 0 || w.value("args", "", args, 0)
}

type argWalk struct {
	left  int
	yield func(part) bool
}

func (w *argWalk) value(path, name string, v []byte, depth int) bool {
	goOn := true
	kind := byte(0)
	if len(v) > 0 && depth < maxArgDepth && w.left > 0 {
		kind = v[0]
	}
	w.left--
	switch kind {
	case '{':
		_ = guest.Members(v, func(key string, v []byte) {
			goOn = goOn && w.yield(part{path, key, false}) && w.value(path+"."+key, key, v, depth+1)
		})
		return goOn
	case '[':
		i := 0
		_ = guest.Elements(v, func(v []byte) {
			goOn = goOn && w.value(path+"["+strconv.Itoa(i)+"]", name, v, depth+1)
			i++
		})
		return goOn
	case '"':
		return w.yield(part{path, guest.String(v), credentialName(name)})
	}
	return w.yield(part{path, string(v), false})
}

// credentialWords are what names of headers and arguments that hold credentials
// have in them.
var credentialWords = []string{
	"authorization", "cookie", "password", "passwd", "pwd", "secret", "token", "apikey", "accesskey", "privatekey",
	"credential", "dsn", "connectionstring", "databaseurl", "auth",
}

func credentialName(name string) bool {
	name = strings.Map(func(r rune) rune {
		if r == '_' || r == '-' || r == '.' {
			return -1
		}
		return r
	}, strings.ToLower(name))
	for _, word := range credentialWords {
		if strings.Contains(name, word) {
			return true
		}
	}
	return false
}

// hit is where a token was found.
type hit struct {
	ref        int
	position   string
	encoding   string
	credential bool
	partial    bool
}

// better reports whether h says more than g about one token: all of it before a
// part, a credential before text.
func (h hit) better(g hit) bool {
	if h.partial != g.partial {
		return g.partial
	}
	return h.credential && !g.credential
}

// search is the work on one request.
type search struct {
	set   *Set
	left  int // bytes that may still be looked at
	found []hit
}

func (q *search) part(p part) {
	q.text(p, p.text[:min(len(p.text), maxPart)], "", maxDecoded)
}

// text searches a text, then what can be decoded of it.
func (q *search) text(p part, text, encoding string, deep int) {
	text = text[:max(0, min(len(text), q.left))]
	q.left -= len(text)
	if text == "" {
		return
	}
	q.set.finder.Find(text, func(m canary.Match) bool {
		return q.add(hit{m.Ref, p.position, encoding, p.credential, m.Partial})
	})
	if deep == 0 {
		return
	}
	decodings(text, func(name, decoded string) bool {
		q.text(p, decoded, strings.TrimPrefix(encoding+" "+name, " "), deep-1)
		return q.left > 0
	})
}

func (q *search) add(h hit) bool {
	for i := range q.found {
		if q.found[i].ref == h.ref {
			if h.better(q.found[i]) {
				q.found[i] = h
			}
			return true
		}
	}
	q.found = append(q.found, h)
	return len(q.found) < maxSeen
}

func (q *search) report(ev *sdk.Event) []sdk.CanarySeen {
	var all []sdk.CanarySeen
	for _, h := range q.found {
		all = append(all, q.set.tokens[h.ref].seen(h, ev))
	}
	return all
}
