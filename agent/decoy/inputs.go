package decoy

import (
	"net/url"
	"slices"

	"github.com/killdeer-mcp/killdeer/internal/schema"
	"github.com/killdeer-mcp/killdeer/sdk"
	"github.com/killdeer-mcp/killdeer/sdk/guest"
)

// The requests that a server may put to a client.
const (
	methodElicit = "elicitation/create"
	methodSample = "sampling/createMessage"
	methodRoots  = "roots/list"
)

// missingAbility returns all capabilities that a client would have to declare for
// these requests and has not, nil when it can do all.
func missingAbility(can []string, requests []sdk.InputRequest) sdk.RawJSON {
	missing := map[string]bool{}
	for i := range requests {
		if need := abilityFor(&requests[i]); !slices.Contains(can, need) {
			missing[need] = true
		}
	}
	if len(missing) == 0 {
		return nil
	}
	var w guest.Writer
	w.Obj()
	if missing[sdk.CanElicitForm] || missing[sdk.CanElicitURL] {
		w.Key("elicitation").Obj()
		if missing[sdk.CanElicitURL] { // an empty object stands for forms
			if missing[sdk.CanElicitForm] {
				w.Key("form").Obj().End()
			}
			w.Key("url").Obj().End()
		}
		w.End()
	}
	if missing[sdk.CanRoots] {
		w.Key("roots").Obj().End()
	}
	if missing[sdk.CanSampling] || missing[sdk.CanSamplingTools] {
		w.Key("sampling").Obj()
		if missing[sdk.CanSamplingTools] {
			w.Key("tools").Obj().End()
		}
		w.End()
	}
	return w.End().Bytes()
}

// abilityFor is what a client must be able to do for a request.
func abilityFor(r *sdk.InputRequest) string {
	params, _ := guest.ParseObject(r.Params) // without any it is the plain form
	switch {
	case r.Method == methodRoots:
		return sdk.CanRoots
	case r.Method == methodSample && params.Has("tools"):
		return sdk.CanSamplingTools
	case r.Method == methodSample:
		return sdk.CanSampling
	case params.Str("mode") == "url":
		return sdk.CanElicitURL
	}
	return sdk.CanElicitForm
}

// fitsRequest reports whether a client's answer has the shape that the request
// asks for.
func fitsRequest(r *sdk.InputRequest, answer []byte) bool {
	o, err := guest.ParseObject(answer)
	if err != nil {
		return false
	}
	switch r.Method {
	case methodElicit:
		return fitsElicitation(r, o)
	case methodSample:
		role := o.Str("role")
		return (role == "assistant" || role == "user") && o.Str("model") != "" && isContent(o.Raw("content"))
	case methodRoots:
		return isRoots(o.Raw("roots"))
	}
	return false
}

// fitsElicitation holds an accepted form to the schema that was asked for.
func fitsElicitation(r *sdk.InputRequest, o guest.Object) bool {
	switch o.Str("action") {
	case "decline", "cancel":
		return true
	case "accept":
	default:
		return false
	}
	params, _ := guest.ParseObject(r.Params) // checked where it came from
	if params.Str("mode") == "url" {
		return true
	}
	content := o.Raw("content")
	if !isObject(content) || len(content) > maxEventArgs {
		return false
	}
	form, err := schema.Compile(params.Raw("requestedSchema"))
	if err != nil {
		return false
	}
	problems, err := form.Problems(content)
	return err == nil && problems == nil
}

// isContent reports whether v is a content object or, as 2025-11-25 has it for
// sampling, a list of them.
func isContent(v []byte) bool {
	if o, err := guest.ParseObject(v); err == nil {
		return o.Str("type") != ""
	}
	ok := true
	err := guest.Elements(v, func(e []byte) {
		o, err := guest.ParseObject(e)
		ok = ok && err == nil && o.Str("type") != ""
	})
	return err == nil && ok
}

func isRoots(v []byte) bool {
	ok := true
	err := guest.Elements(v, func(e []byte) {
		o, err := guest.ParseObject(e)
		ok = ok && err == nil && isURI(o.Str("uri"))
	})
	return err == nil && ok
}

func isURI(s string) bool {
	u, err := url.Parse(s)
	return err == nil && u.Scheme != ""
}
