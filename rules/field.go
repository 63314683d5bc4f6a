package rules

import (
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/killdeer-mcp/killdeer/sdk"
	"github.com/killdeer-mcp/killdeer/sdk/guest"
)

// Limits on the arguments that a guest is given as JSON. What is deeper, larger
// or no JSON at all is given as a string, so that it is judged all the same.
const (
	maxArgsDepth = 60
	maxArgs      = 1 << 20
)

type shape int

const (
	shapeText   shape = iota
	shapeNumber       // JSON number
	shapeJSON         // any JSON value
)

// field is one field of an event that rules may see: its JSON name and its value
// as text, "" for absent.
type field struct {
	name  string
	shape shape
	value func(*sdk.Event) string
}

// fields are all of them, in the order in which they are sent. Head and body are
// not among them, nor what only events of other kinds carry.
var fields = []field{
	{"v", shapeNumber, func(e *sdk.Event) string { return integer(e.V) }},
	{"seq", shapeNumber, func(e *sdk.Event) string { return unsigned(e.Seq) }},
	{"id", shapeText, func(e *sdk.Event) string { return e.ID }},
	{"kind", shapeText, func(e *sdk.Event) string { return string(e.Kind) }},
	{"time", shapeText, func(e *sdk.Event) string { return e.Time.UTC().Format(time.RFC3339Nano) }},
	{"sensor", shapeText, func(e *sdk.Event) string { return e.Sensor }},
	{"ip", shapeText, func(e *sdk.Event) string { return e.IP }},
	{"peer", shapeText, func(e *sdk.Event) string { return e.Peer }},
	{"actor", shapeText, func(e *sdk.Event) string { return e.Actor }},
	{"session_id", shapeText, func(e *sdk.Event) string { return e.Session }},
	{"transport", shapeText, func(e *sdk.Event) string { return e.Transport }},
	{"event", shapeText, func(e *sdk.Event) string { return e.Event }},
	{"method", shapeText, func(e *sdk.Event) string { return e.Method }},
	{"path", shapeText, func(e *sdk.Event) string { return e.Path }},
	{"ua", shapeText, func(e *sdk.Event) string { return e.UA }},
	{"era", shapeText, func(e *sdk.Event) string { return e.Era }},
	{"protocol", shapeText, func(e *sdk.Event) string { return e.Protocol }},
	{"rpc_id", shapeJSON, func(e *sdk.Event) string { return string(e.RPCID) }},
	{"mcp_method", shapeText, func(e *sdk.Event) string { return e.MCPMethod }},
	{"tool", shapeText, func(e *sdk.Event) string { return e.Tool }},
	{"service", shapeText, func(e *sdk.Event) string { return e.Service }},
	{"class", shapeText, func(e *sdk.Event) string { return e.Class }},
	{"category", shapeText, func(e *sdk.Event) string { return e.Category }},
	{"args", shapeJSON, func(e *sdk.Event) string { return string(e.Args) }},
	{"uri", shapeText, func(e *sdk.Event) string { return e.URI }},
	{"prompt", shapeText, func(e *sdk.Event) string { return e.Prompt }},
	{"client", shapeJSON, clientJSON},
	{"persona", shapeText, func(e *sdk.Event) string { return e.Persona }},
	{"profile", shapeText, func(e *sdk.Event) string { return e.Profile }},
	{"outcome", shapeText, func(e *sdk.Event) string { return e.Outcome }},
	{"status", shapeNumber, func(e *sdk.Event) string { return integer(e.Status) }},
	{"latency_ms", shapeNumber, func(e *sdk.Event) string { return number(e.LatencyMS) }},
	{"result_bytes", shapeNumber, func(e *sdk.Event) string { return integer(e.ResultBytes) }},
	{"error", shapeText, func(e *sdk.Event) string { return e.Error }},
	{"notes", shapeJSON, notesJSON},
	{"justification", shapeText, func(e *sdk.Event) string { return e.Justification }},
	{"canaries_minted", shapeJSON, func(e *sdk.Event) string { return listJSON(e.CanariesMinted) }},
	{"canaries_seen", shapeJSON, func(e *sdk.Event) string { return listJSON(e.CanariesSeen) }},
}

// fieldNamed returns the named field's number.
func fieldNamed(name string) int {
	return slices.IndexFunc(fields, func(f field) bool { return f.name == name })
}

func integer(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

func unsigned(n uint64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatUint(n, 10)
}

func number(f float64) string {
	if f == 0 || math.IsNaN(f) || math.IsInf(f, 0) {
		return ""
	}
	return strconv.FormatFloat(f, 'f', -1, 64)
}

func clientJSON(e *sdk.Event) string { return guest.FieldText(&sdk.Evaluation{Event: e}, "client") }

func notesJSON(e *sdk.Event) string { return guest.FieldText(&sdk.Evaluation{Event: e}, "notes") }

func listJSON[T any](list []T) string {
	if len(list) == 0 {
		return ""
	}
	return object(list)
}

func parseNumber(s string) float64 {
	if s == "" {
		return 0 // without the error, which costs more
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return 0
	}
	return f
}

// finite keeps a sum expressible in JSON.
func finite(f float64) float64 { return min(max(f, -math.MaxFloat64), math.MaxFloat64) }

// object encodes a value of plain fields, which cannot fail.
func object(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	return string(b)
}

// writeMember writes a value as a member of an object, nothing when it is absent.
func writeMember(w *guest.Writer, name string, s shape, v string) {
	if v == "" {
		return
	}
	w.Key(name)
	switch {
	case s == shapeText:
		w.Str(v)
	case s == shapeNumber || sendable(v):
		w.Raw([]byte(v))
	default:
		w.Str(cut(v, maxArgs))
	}
}

// sendable reports whether v can be a part of the envelope.
func sendable(v string) bool {
	return len(v) <= maxArgs && guest.Valid([]byte(v), maxArgsDepth)
}

// cut shortens s to at most n bytes without breaking a character.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
