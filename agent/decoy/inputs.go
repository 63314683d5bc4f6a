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

// missingAbility returns the capabilities a client would have to declare for
// these requests, nil when it can do all.
func missingAbility(can []string, requests []sdk.InputRequest) sdk.RawJSON {
	need := func(r sdk.InputRequest) (ability, capability string) {
		params, _ := guest.ParseObject(r.Params)
		switch {
		case r.Method == methodRoots:
			return sdk.CanRoots, `{"roots":{}}`
		case r.Method == methodSample && params.Has("tools"):
			return sdk.CanSamplingTools, `{"sampling":{"tools":{}}}`
		case r.Method == methodSample:
			return sdk.CanSampling, `{"sampling":{}}`
		case params.Str("mode") == "url":
			return sdk.CanElicitURL, `{"elicitation":{"url":{}}}`
		}
		return sdk.CanElicitForm, `{"elicitation":{}}`
	}
	for _, r := range requests {
		if ability, capability := need(r); !slices.Contains(can, ability) {
			return sdk.RawJSON(capability)
		}
	}
	return nil
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
