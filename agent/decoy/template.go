package decoy

import (
	"net/url"
	"regexp"
	"strings"

	"github.com/yosida95/uritemplate/v3"

	"github.com/killdeer-mcp/killdeer/sdk"
	"github.com/killdeer-mcp/killdeer/sdk/guest"
)

// maxMatched is the length of a URI that is taken apart by a template which is
// not plain: the library's matcher takes time in the square of it.
const maxMatched = 256

// template is a resource template that URIs can be matched with.
type template struct {
	*sdk.ResourceTemplate
	parsed *uritemplate.Template
	re     *regexp.Regexp
	plain  bool // every expression is one variable, whose text is the expression's group
}

func newTemplate(t *sdk.ResourceTemplate) (*template, error) {
	parsed, err := uritemplate.New(t.URITemplate)
	if err != nil {
		return nil, err
	}
	n := &template{ResourceTemplate: t, parsed: parsed, re: parsed.Regexp()}
	named := strings.Contains(t.URITemplate, "{?") || strings.Contains(t.URITemplate, "{&") || strings.Contains(t.URITemplate, "{;")
	n.plain = !named && !strings.Contains(t.URITemplate, "*}") && n.re.NumSubexp() == len(parsed.Varnames())
	return n, nil
}

// match returns a URI's variables as an object of strings, nil when it does not
// match.
func (t *template) match(uri string) sdk.RawJSON {
	groups := t.re.FindStringSubmatch(uri)
	if groups == nil {
		return nil
	}
	var w guest.Writer
	w.Obj()
	if !t.plain {
		if len(uri) > maxMatched {
			return nil
		}
		values := t.parsed.Match(uri)
		if values == nil {
			return nil
		}
		for _, name := range t.parsed.Varnames() {
			v := values.Get(name)
			w.Key(name).Str(v.String() + strings.Join(v.List(), ",")) // one of the two is empty
		}
		return w.End().Bytes()
	}
	for i, name := range t.parsed.Varnames() {
		v, err := url.PathUnescape(groups[i+1])
		if err != nil {
			return nil
		}
		w.Key(name).Str(v)
	}
	return w.End().Bytes()
}
