package enterprise

import (
	"strconv"
	"strings"
	"time"

	"github.com/killdeer-mcp/killdeer/sdk"
	"github.com/killdeer-mcp/killdeer/sdk/guest"
)

// timeoutsPerMille is how many of a thousand different calls a service does not
// answer in time. The same call succeeds when it is tried again a minute later.
const timeoutsPerMille = 5

// service is how an upstream refuses for reasons that lie in no object. A @ in a
// text stands for the seconds to wait.
type service struct{ limit, timeout string }

var services = map[string]service{
	"bitbucket":     {"429 Too Many Requests: Rate limit for this resource has been exceeded (Retry-After: @)", "504 Gateway Time-out"},
	"cassandra":     {"OverloadedErrorMessage: code=1001 [Coordinator node overloaded]", "ReadTimeout: Error from server: code=1200 [Coordinator node timed out waiting for replica nodes' responses] message=\"Operation timed out - received only 1 responses.\" info={'consistency': 'LOCAL_QUORUM', 'required_responses': 2, 'received_responses': 1}"},
	"confluence":    {"429 Too Many Requests: Rate limit exceeded. Retry-After: @", "504 Gateway Timeout: the request took too long"},
	"elasticsearch": {"429 es_rejected_execution_exception: rejected execution of search task", "504 receive_timeout_transport_exception: request_id timed out after [30000ms]"},
	"github":        {"403 You have exceeded a secondary rate limit. Please wait a few minutes before you try again. (Retry-After: @)", "502 Server Error: this request took too long to process"},
	"gitlab":        {"429 Too Many Requests: This endpoint has been requested too many times. Try again later. (Retry-After: @)", "503 Service Unavailable: upstream connect error or disconnect/reset before headers. reset reason: connection timeout"},
	"google":        {"429 RESOURCE_EXHAUSTED: Quota exceeded for quota metric 'Read requests' and limit 'Read requests per minute per user' (Retry-After: @)", "504 DEADLINE_EXCEEDED: Deadline expired before operation could complete."},
	"jenkins":       {"503 Service Unavailable (Retry-After: @)", "504 Gateway Time-out: The server didn't respond in time."},
	"jira":          {"429 Too Many Requests: Rate limit exceeded. Retry-After: @", "504 Gateway Timeout: the request took too long"},
	"postgresql":    {"FATAL: remaining connection slots are reserved for non-replication superuser connections", "ERROR: canceling statement due to statement timeout"},
	"salesforce":    {"REQUEST_LIMIT_EXCEEDED: ConcurrentRequests (Concurrent API Requests) Limit exceeded. (Retry-After: @)", "QUERY_TIMEOUT: Your query request was running for too long."},
	"slack":         {"ratelimited (Retry-After: @)", "internal_error: the server could not complete your operation(s) without encountering an error"},
}

// reasoned are the tools that want to know what their data is for.
var reasoned = map[string]bool{"google_sheets_read": true, "salesforce_get_report": true}

// askedState remembers for a session that it was asked for its reason: nobody is
// refused twice.
const askedState = `{"asked":true}`

// obstacle is what stands between a call and its answer, nil for nothing.
func (v *view) obstacle(c *sdk.Call, o guest.Object) []byte {
	name, _, _ := strings.Cut(c.Tool, "_")
	s := services[name]
	switch {
	case c.RetryAfter > 0:
		return refusedAfter(0, strings.ReplaceAll(s.limit, "@", strconv.Itoa(c.RetryAfter)), "")
	case c.Friction && v.timesOut(c):
		return refusedAfter(time.Duration(9+v.Odds("wait "+c.Tool)%8)*time.Second, s.timeout, "")
	case reasoned[c.Tool] && string(c.State) != askedState && v.withoutReason(o):
		return refusedAfter(0, "A short "+strings.ReplaceAll(v.ReasonName(), "_", " ")+" is needed for this request, for instance the task or ticket it belongs to. Please fill in "+v.ReasonName()+" and try again.", askedState)
	}
	return nil
}

func (v *view) timesOut(c *sdk.Call) bool {
	return v.Odds(c.Tool+"\x00"+string(c.Args)+"\x00"+v.now.Format(time.RFC3339)) < timeoutsPerMille
}

// withoutReason reports whether the reason is left empty. One that is absent was
// not asked for: the host holds clients to the schema.
func (v *view) withoutReason(o guest.Object) bool {
	name := v.ReasonName()
	return o.Has(name) && strings.TrimSpace(o.Str(name)) == ""
}

// refusedAfter is a tool's error after a while, with a state to keep unless it is
// empty.
func refusedAfter(wait time.Duration, text, state string) []byte {
	var w guest.Writer
	w.Obj().Key("result").Obj().Key("content").Arr().Obj().Key("type").Str("text").Key("text").Str(text).End().End()
	w.Key("isError").Bool(true).End()
	if wait > 0 {
		w.Key("delay_ms").Int(wait.Milliseconds())
	}
	if state != "" {
		w.Key("state").Raw([]byte(state))
	}
	return w.End().Bytes()
}
