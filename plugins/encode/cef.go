package encode

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/killdeer-mcp/killdeer/sdk"
)

// cef makes one CEF:0 record of e, for the text of a syslog message.
func cef(e *sdk.Event, version string, shape shape) string {
	var b strings.Builder
	b.WriteString("CEF:0")
	class, name := cefClass(e, shape)
	for _, field := range []string{"Killdeer", "Killdeer", version, class, name, strconv.Itoa(score(e))} {
		b.WriteByte('|')
		b.WriteString(cefHeader.Replace(Visible(field, maxValue)))
	}
	b.WriteByte('|')
	for i, p := range cefExtension(e, shape) {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(p.Name)
		b.WriteByte('=')
		b.WriteString(cefValue.Replace(p.Value))
	}
	return b.String()
}

var (
	cefHeader = strings.NewReplacer(`\`, `\\`, `|`, `\|`)
	cefValue  = strings.NewReplacer(`\`, `\\`, `=`, `\=`)
)

func cefClass(e *sdk.Event, shape shape) (class, name string) {
	switch {
	case e.Detection != nil:
		name = e.Detection.Title
		if name == "" {
			name = e.Detection.RuleID
		}
		return Visible(e.Detection.RuleID, shape.value), Visible(name, shape.value)
	case e.Kind != sdk.KindAccess:
		return Visible(string(e.Kind), shape.value), "Killdeer " + Visible(string(e.Kind), shape.value)
	case e.Tool != "":
		return msgID(e), "MCP tool call"
	default:
		return msgID(e), "MCP access"
	}
}

// score is the severity from 0 to 10, as CEF has it.
func score(e *sdk.Event) int {
	if e.Detection == nil {
		if failing(e) {
			return 5
		}
		return 1
	}
	switch e.Detection.Severity {
	case sdk.SeverityCritical:
		return 10
	case sdk.SeverityHigh:
		return 8
	case sdk.SeverityMedium:
		return 5
	case sdk.SeverityLow:
		return 3
	default:
		return 1
	}
}

// custom adds one of CEF's custom fields with the label that it needs.
func (f *fields) custom(key, label, value string) {
	if value != "" {
		f.list = append(f.list, Param{key + "Label", label})
		f.add(key, value)
	}
}

// cefExtension lists the extension in the order of its worth. Values are visible,
// not yet escaped.
func cefExtension(e *sdk.Event, shape shape) []Param {
	f := fields{limit: maxIdentity}
	if year := e.Time.UTC().Year(); year >= 1970 && year <= 9999 {
		f.add("rt", strconv.FormatInt(e.Time.UnixMilli(), 10))
	}
	f.add("externalId", e.ID)
	f.cefSource(e)
	f.limit = shape.value
	f.add("dvchost", e.Sensor)
	if d := e.Detection; d != nil {
		f.add("cnt", strconv.Itoa(max(d.Count, 0)))
		f.custom("cs5", "confidence", string(d.Confidence))
	}
	f.custom("cs1", "tool", e.Tool)
	f.custom("cs2", "mcpMethod", e.MCPMethod)
	if shape.more {
		f.cefMore(e, shape)
	}
	return f.list
}

func (f *fields) cefSource(e *sdk.Event) {
	ip, err := netip.ParseAddr(sourceIP(e))
	switch {
	case err != nil:
	case ip.Unmap().Is4():
		f.add("src", ip.Unmap().String())
	default:
		f.custom("c6a2", "Source IPv6 Address", ip.WithZone("").String())
	}
	f.addInt("spt", sourcePort(e))
}

// cefMore adds what a short message goes without.
func (f *fields) cefMore(e *sdk.Event, shape shape) {
	f.add("msg", cefText(e))
	f.custom("cs3", "session", e.Session)
	f.custom("cs4", "actor", e.Actor)
	f.add("request", e.Path)
	f.add("requestMethod", e.Method)
	f.add("requestClientApplication", e.UA)
	f.add("act", e.Outcome)
	if e.Status != 0 {
		f.custom("cn1", "status", strconv.Itoa(e.Status))
	}
	f.cefSix(e, shape)
	f.limit = shape.value
	for _, p := range more(e, shape) {
		if !cefHas[p.Name] {
			f.add(cefOwn(p.Name), p.Value)
		}
	}
}

// cefSix fills the last of the custom strings: a detection's techniques, a call's
// arguments.
func (f *fields) cefSix(e *sdk.Event, shape shape) {
	if d := e.Detection; d != nil {
		f.custom("cs6", "techniques", strings.Join(slices.Concat(d.Attack, d.Atlas, d.OWASP), ","))
		return
	}
	f.limit = shape.args
	if shape.args > 0 && len(e.Args) > 0 {
		f.list = append(f.list, Param{"cs6Label", "args"})
		f.add("cs6", string(e.Args))
	}
}

// cefHas are the parameters of an RFC 5424 message that a CEF record has under keys
// of the format. The others have keys of our own.
var cefHas = map[string]bool{
	"id": true, "kind": true, "sensor": true, "session": true, "actor": true, "method": true, "path": true, "ua": true,
	"outcome": true, "status": true, "error": true, "title": true, "summary": true,
	"attack": true, "atlas": true, "owasp": true, "args": true,
}

// cefOwn makes the key of a parameter that the format has none for, as its guide
// wants such keys: vendor, product, name. Vendor and product are one word here.
func cefOwn(name string) string {
	var b strings.Builder
	b.WriteString("Killdeer")
	for word := range strings.SplitSeq(name, "_") {
		b.WriteString(strings.ToUpper(word[:1]) + word[1:])
	}
	return b.String()
}

func cefText(e *sdk.Event) string {
	if e.Detection != nil && e.Detection.Summary != "" {
		return e.Detection.Summary
	}
	if e.Kind != sdk.KindAccess {
		return sentence(e, shape{value: maxValue})
	}
	return e.Error
}

// sourcePort is the port of the socket's peer if that is the client itself.
func sourcePort(e *sdk.Event) int {
	peer, err := netip.ParseAddrPort(e.Peer)
	if err != nil {
		return 0
	}
	ip, err := netip.ParseAddr(e.IP)
	if err != nil || ip.Unmap() != peer.Addr().Unmap() {
		return 0
	}
	return int(peer.Port())
}
