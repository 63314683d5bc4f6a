package rules

import (
	"encoding/hex"
	"slices"
	"strconv"
	"strings"

	"github.com/killdeer-mcp/killdeer/rules/fold"
	"github.com/killdeer-mcp/killdeer/sdk"
	"github.com/killdeer-mcp/killdeer/sdk/guest"
)

const (
	methodCall   = "tools/call"
	maxKeyDigits = 18  // of a number in a key
	maxKeyText   = 96  // bytes of a value that may be a key
	maxPageText  = 64  // bytes of a page's value
	maxPaceTool  = 48  // bytes of a tool's name in a pace
	wordsToSpeak = 5   // words in a row that make a value natural language
	maxProse     = 512 // bytes of a value that are looked at for that
)

// facts are what the host works out of an event for rules, as [sdk.Facts] has it.
var facts = []struct {
	name  string
	shape shape
	value func(*view) string
}{
	{"host", shapeText, func(v *view) string { return v.headers().host }},
	{"origin", shapeText, func(v *view) string { return v.headers().origin }},
	{"headers", shapeText, func(v *view) string { return v.headers().names }},
	{"auth_scheme", shapeText, func(v *view) string { return v.headers().authScheme }},
	{"auth_user", shapeText, func(v *view) string { return v.headers().user }},
	{"auth_secret", shapeText, func(v *view) string { return v.headers().password }},
	{"fault", shapeText, func(v *view) string { return fault(v.ev) }},
	{"call", shapeText, func(v *view) string { return callDigest(v.ev) }},
	{"key", shapeText, func(v *view) string { return keyOf(v.ev) }},
	{"page", shapeText, func(v *view) string { return pageOf(v.ev) }},
	{"pace", shapeText, pace},
	{"odd_chars", shapeNumber, func(v *view) string { return integer(v.chars().odd) }},
	{"longest_run", shapeNumber, func(v *view) string { return integer(v.chars().run) }},
}

func factNamed(name string) int {
	for i := range facts {
		if facts[i].name == name {
			return i
		}
	}
	return -1
}

// faults are the outcomes of what breaks the protocol.
var faults = []string{
	"parse_error", "invalid_request", "bad_params", "batch_rejected", "batch_too_large", "bad_version_header",
	"unsupported_version", "header_mismatch", "missing_meta", "wrong_content_type", "empty_body", "body_too_large", "bad_body",
	"bad_head", "head_too_large",
}

// known are MCP's methods, as far as clients call them to see what a server can
// do: one that a server lacks is no fault of the client.
var known = []string{
	"initialize", "ping", "server/discover", "tools/list", "tools/call", "resources/list", "resources/read", "resources/templates/list",
	"resources/subscribe", "resources/unsubscribe", "prompts/list", "prompts/get", "completion/complete", "logging/setLevel",
	"subscriptions/listen", "tasks/list", "tasks/get", "tasks/result", "tasks/cancel", "roots/list", "sampling/createMessage", "elicitation/create",
}

func fault(ev *sdk.Event) string {
	if slices.Contains(faults, ev.Outcome) || ev.Outcome == "unknown_method" && !slices.Contains(known, ev.MCPMethod) {
		return ev.Outcome
	}
	return ""
}

func callDigest(ev *sdk.Event) string {
	if ev.MCPMethod != methodCall || ev.Tool == "" {
		return ""
	}
	sum := digest(ev.Tool, string(ev.Args))
	return hex.EncodeToString(sum[:8])
}

// paging are the names of arguments that page through a list, and bounding those
// that say how much of it is wanted, in lower case and without what parts words.
var (
	paging   = nameSet("page cursor offset startat start next after pagetoken nextpagetoken skip from pagingstate nextcursor")
	bounding = nameSet("limit perpage pagesize size count max maxresults top first last per n days hours")
)

func nameSet(list string) map[string]bool {
	set := map[string]bool{}
	for name := range strings.FieldsSeq(list) {
		set[name] = true
	}
	return set
}

// isNamed reports whether a name is in a set, however it is spelled.
func isNamed(set map[string]bool, name string) bool {
	var bare [maxTerm]byte
	n := 0
	for i := 0; i < len(name) && n < len(bare); i++ {
		if c := name[i]; c != '_' && c != '-' && c != '.' {
			bare[n] = fold.ASCII(c)
			n++
		}
	}
	return set[string(bare[:n])]
}

// keyOf is "tool/argument/prefix#number" of the first argument that ends in a
// number and is neither a page nor a bound.
func keyOf(ev *sdk.Event) (key string) {
	if ev.MCPMethod != methodCall || ev.Tool == "" || len(ev.Args) > maxObject {
		return ""
	}
	_ = guest.Members(ev.Args, func(name string, raw []byte) {
		if key != "" || len(raw) == 0 || isNamed(paging, name) || isNamed(bounding, name) {
			return
		}
		text := string(raw)
		if raw[0] == '"' {
			text = guest.String(raw)
		}
		if prefix, number, ok := numbered(text); ok {
			key = cut(ev.Tool, maxTerm) + "/" + cut(name, maxTerm) + "/" + prefix + "#" + number
		}
	})
	return key
}

// numbered splits what may be the name of a numbered thing: PROJ-17, 4711,
// user_0042.
func numbered(s string) (prefix, number string, ok bool) {
	i := len(s)
	for i > 0 && s[i-1] >= '0' && s[i-1] <= '9' {
		i--
	}
	if i == len(s) || len(s) > maxKeyText || len(s)-i > maxKeyDigits || strings.ContainsAny(s, " \t\n\"'=%*") {
		return "", "", false
	}
	return s[:i], strings.TrimLeft(s[i:len(s)-1], "0") + s[len(s)-1:], true
}

func pageOf(ev *sdk.Event) (page string) {
	if ev.MCPMethod != methodCall || ev.Tool == "" || len(ev.Args) > maxObject {
		return ""
	}
	_ = guest.Members(ev.Args, func(name string, raw []byte) {
		if page == "" && len(raw) > 0 && isNamed(paging, name) {
			page = cut(ev.Tool, maxTerm) + "/" + cut(string(raw), maxPageText)
		}
	})
	return page
}

// pace is "TIME DURATION OUTCOME WORDING TOOL" of a call: milliseconds since 1970
// and of the answer; r for a result, e for an error, - for neither; n if an
// argument reads like natural language, else -.
func pace(v *view) string {
	ev := v.ev
	if ev.MCPMethod != methodCall || ev.Tool == "" {
		return ""
	}
	outcome := " - "
	switch ev.Outcome {
	case "result":
		outcome = " r "
	case "tool_error", "bad_args", "unknown_tool", "bad_params", "internal":
		outcome = " e "
	}
	wording := "- "
	if v.speaks() {
		wording = "n "
	}
	return strconv.FormatInt(ev.Time.UnixMilli(), 10) + " " + strconv.Itoa(int(min(max(ev.LatencyMS, 0), 1e9))) + outcome + wording +
		strings.ReplaceAll(cut(ev.Tool, maxPaceTool), " ", "_")
}

// maxObject is how large arguments may be for a look at their members.
const maxObject = 8 << 10

// speaks reports whether some argument holds several plain words in a row.
func (v *view) speaks() bool {
	if v.prose == undecided {
		v.prose = passed
		if speaks(v.ev.Args) {
			v.prose = matched
		}
	}
	return v.prose == matched
}

func speaks(args sdk.RawJSON) (found bool) {
	if len(args) > maxObject {
		return false
	}
	_ = guest.Members(args, func(_ string, raw []byte) {
		found = found || len(raw) > 1 && raw[0] == '"' && prose(raw[1:min(len(raw)-1, maxProse)])
	})
	return found
}

func prose(b []byte) bool {
	words, letters := 0, 0
	for i := 0; i <= len(b); i++ {
		c := byte(' ')
		if i < len(b) {
			c = b[i]
		}
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z' && letters == 0, c == '\'' && letters > 0, c >= 0x80:
			letters++
			continue
		case (c == ' ' || c == ',' || c == '.' || c == '?') && letters > 0:
			words++
		case c != ' ' || letters > 0:
			words = 0
		}
		if letters = 0; words >= wordsToSpeak {
			return true
		}
	}
	return false
}
