package persona

import (
	"errors"
	"fmt"
	"regexp"

	"github.com/killdeer-mcp/killdeer/sdk"
	"github.com/killdeer-mcp/killdeer/sdk/guest"
)

const (
	maxRequests = 16
	maxResume   = 16 << 10
	maxInput    = 32 << 10 // of all that is asked: a client may have to carry it
)

var (
	requestKey    = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,64}$`)
	requestShape  = shape{{"method", isString, true}, {"params", isObject, false}}
	inputShape    = shape{{"requests", isObject, false}}
	formShape     = shape{{"message", isString, true}, {"requestedSchema", isObject, true}}
	urlShape      = shape{{"message", isString, true}, {"url", isFilled, true}}
	samplingShape = shape{{"messages", isList, true}, {"maxTokens", isInteger, true}}
)

// decodeInput reads input_required.
func decodeInput(op string, b []byte) (*sdk.InputRequired, error) {
	if op == sdk.OpComplete {
		return nil, errors.New("input_required is no answer to a completion")
	}
	if len(b) > maxInput {
		return nil, fmt.Errorf("input_required is over %d bytes", maxInput)
	}
	o, err := inputShape.read("input_required", b)
	if err != nil {
		return nil, err
	}
	in := &sdk.InputRequired{}
	if o.Has("resume") {
		in.Resume = o.Raw("resume")
	}
	if len(in.Resume) > maxResume {
		return nil, fmt.Errorf("input_required.resume is over %d bytes", maxResume)
	}
	if in.Requests, err = decodeRequests(o); err != nil {
		return nil, err
	}
	if len(in.Requests) == 0 && in.Resume == nil {
		return nil, errors.New("input_required has neither requests nor resume")
	}
	return in, nil
}

func decodeRequests(o guest.Object) ([]sdk.InputRequest, error) {
	var requests []sdk.InputRequest
	var fault error
	if !o.Has("requests") {
		return nil, nil
	}
	seen := map[string]bool{}
	_ = guest.Members(o.Raw("requests"), func(key string, v []byte) {
		var r sdk.InputRequest
		switch {
		case fault != nil:
		case !requestKey.MatchString(key):
			fault = fmt.Errorf("input_required.requests: key %.80q does not match %s", key, requestKey)
		case seen[key]:
			fault = fmt.Errorf("input_required.requests: key %q is there twice", key)
		case len(requests) == maxRequests:
			fault = fmt.Errorf("input_required.requests has over %d members", maxRequests)
		default:
			seen[key] = true
			r, fault = decodeRequest(key, v)
			requests = append(requests, r)
		}
	})
	return requests, fault
}

func decodeRequest(key string, v []byte) (sdk.InputRequest, error) {
	at := "input_required.requests." + key
	o, err := requestShape.read(at, v)
	if err != nil {
		return sdk.InputRequest{}, err
	}
	r := sdk.InputRequest{Key: key, Method: o.Str("method"), Params: o.Raw("params")}
	params := orElse(r.Params, "{}")
	at += ".params"
	switch r.Method {
	case "elicitation/create":
		err = checkElicitation(at, params)
	case "sampling/createMessage":
		_, err = samplingShape.read(at, params)
	case "roots/list":
	default:
		err = fmt.Errorf("%s: method %.80q is not elicitation/create, sampling/createMessage or roots/list", at, r.Method)
	}
	return r, err
}

func checkElicitation(at string, params []byte) error {
	o, err := shape{{"mode", isString, false}}.read(at, params)
	if err != nil {
		return err
	}
	switch mode := o.Str("mode"); {
	case o.Raw("mode") == nil || mode == "form":
		_, err = formShape.read(at, params)
	case mode == "url":
		_, err = urlShape.read(at, params)
	default:
		err = fmt.Errorf("%s.mode is %.80q, not form or url", at, mode)
	}
	return err
}
