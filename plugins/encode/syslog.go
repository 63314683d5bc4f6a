package encode

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/killdeer-mcp/killdeer/sdk"
)

// Names and numbers that the predecessor used, and that stay so that searches do.
const (
	DefaultFacility = 16 // local0
	DefaultSeverity = 5  // notice, of what arrives
	DefaultApp      = "mcp-decoy"
	// DocumentationPEN is the enterprise number that RFC 5612 sets aside for
	// examples. An organisation with a number of its own puts that into SD-IDs.
	DocumentationPEN = 32473
)

// MinMessage is the smallest length to which messages can be held: what any
// receiver of RFC 5424 takes.
const MinMessage = 480

// The lengths to which values are cut when there is room enough.
const (
	maxIdentity = 40 // a UUID has 36
	maxWord     = 64
	maxValue    = 256
)

// Syslog makes RFC 5424 messages of events.
type Syslog struct {
	Facility int    // of every message
	Severity int    // of access events; the others have their own
	Host     string // of the sensor
	App      string
	ProcID   string
	PEN      int // enterprise number in SD-IDs
	MaxBytes int // of a message, at least [MinMessage]
	ArgsMax  int // bytes of a call's arguments to show, 0 for none
	CEF      bool
	Version  string // of the product, in CEF
}

// Validate checks the fields against RFC 5424, and that the longest event fits
// into MaxBytes with the header that they make.
func (s *Syslog) Validate() error {
	var faults []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	check(s.Facility >= 0 && s.Facility <= 23, "facility %d: 0 to 23 exist", s.Facility)
	check(s.Severity >= 0 && s.Severity <= 7, "severity %d: 0 to 7 exist", s.Severity)
	check(headerField(s.Host, maxHost), "hostname %q: at most %d printable ASCII characters without spaces", s.Host, maxHost)
	check(headerField(s.App, maxApp), "app_name %q: at most %d printable ASCII characters without spaces", s.App, maxApp)
	check(s.PEN > 0 && s.PEN < 1<<32, "enterprise %d: not an enterprise number", s.PEN)
	check(s.ArgsMax >= 0, "args_bytes %d: below 0", s.ArgsMax)
	check(s.MaxBytes >= MinMessage, "max_bytes %d: at least %d", s.MaxBytes, MinMessage)
	if len(faults) == 0 {
		smallest := s.build(&worst, shape{value: smallestValue})
		check(len(smallest) <= s.MaxBytes, "max_bytes %d: these header fields need %d", s.MaxBytes, len(smallest))
	}
	return errors.Join(faults...)
}

func headerField(s string, limit int) bool {
	return len(s) <= limit && string(appendName(nil, s, limit, "")) == s
}

// Append appends the message for e to dst, without framing. It is at most MaxBytes
// long: arguments are cut first, then what the predecessor did not send goes,
// then all values are cut.
func (s *Syslog) Append(dst []byte, e *sdk.Event) []byte {
	for shape := (shape{value: maxValue, args: s.ArgsMax, more: true}); ; shape = shape.smaller() {
		text := s.build(e, shape)
		if len(text) <= s.MaxBytes || shape.smallest() {
			return append(dst, text...)
		}
	}
}

// shape is how much of an event a message shows.
type shape struct {
	value int  // bytes of a value
	args  int  // bytes of the arguments
	more  bool // what the predecessor did not send
}

const (
	smallestArgs  = 32
	smallestValue = 8
)

func (s shape) smaller() shape {
	switch {
	case s.args > smallestArgs:
		s.args /= 2
	case s.args > 0:
		s.args = 0
	case s.value > maxValue/2:
		s.value /= 2
	case s.more:
		s.more = false
	default:
		s.value = max(s.value/2, smallestValue)
	}
	return s
}

func (s shape) smallest() bool { return !s.more && s.value == smallestValue }

// worst is an event that needs as much room as any can.
var worst = func() sdk.Event {
	quotes := strings.Repeat(`"`, maxWord)
	const ip = "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"
	return sdk.Event{
		ID: quotes, Kind: sdk.KindDetection, Time: time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC),
		Sensor: quotes, IP: ip, Peer: "[" + ip + "]:65535", Tool: quotes, MCPMethod: quotes,
		Detection: &sdk.Detection{
			ID: quotes, RuleID: quotes, Title: quotes, Severity: sdk.Severity(quotes), Confidence: sdk.Confidence(quotes),
			SourceIP: ip, Tool: quotes, MCPMethod: quotes, Count: -1 << 63,
		},
	}
}()

func (s *Syslog) build(e *sdk.Event, shape shape) []byte {
	m := Message{
		Facility: s.Facility, Severity: s.severity(e), Time: e.Time,
		Host: s.Host, App: s.App, ProcID: s.ProcID, MsgID: msgID(e),
	}
	if s.CEF {
		m.Text, m.NoBOM = cef(e, s.Version, shape), true
		return m.Append(nil)
	}
	m.Data = append(m.Data, s.known(e, shape)...)
	if shape.more {
		m.Data = append(m.Data, s.element("killdeer", more(e, shape)))
	}
	m.Text = sentence(e, shape)
	return m.Append(nil)
}

func (s *Syslog) element(name string, params []Param) Element {
	return Element{ID: name + "@" + strconv.Itoa(s.PEN), Params: params}
}

// known returns the element that the predecessor sent, with its names and order.
func (s *Syslog) known(e *sdk.Event, shape shape) []Element {
	v := func(text string) string { return Visible(text, shape.value) }
	switch {
	case e.Detection != nil:
		d := e.Detection
		return []Element{s.element("mcp-detection", []Param{
			{"detection_id", identity(d.ID)},
			{"rule_id", v(d.RuleID)},
			{"severity", v(string(d.Severity))},
			{"confidence", v(string(d.Confidence))},
			{"source_ip", address(sourceIP(e), shape)},
			{"tool", v(d.Tool)},
			{"mcp_method", v(d.MCPMethod)},
			{"evidence_count", strconv.Itoa(d.Count)},
		})}
	case e.Kind == sdk.KindAccess:
		return []Element{s.element("mcp", []Param{
			{"id", identity(e.ID)}, {"ip", address(e.IP, shape)}, {"mcp_method", v(e.MCPMethod)}, {"tool", v(e.Tool)},
		})}
	}
	return nil
}

// identity is an id in full: they are ours, and what duplicates are found by.
func identity(id string) string { return Visible(id, maxIdentity) }

// address is an IP address in full, and of anything else what there is room for.
func address(s string, shape shape) string {
	if ip, err := netip.ParseAddr(s); err == nil {
		return ip.WithZone("").String()
	}
	return Visible(s, shape.value)
}

// sentence is the message text, the predecessor's words where it had some.
func sentence(e *sdk.Event, shape shape) string {
	v := func(text string) string { return atom(text, min(shape.value, maxWord)) }
	switch {
	case e.Detection != nil:
		d := e.Detection
		return fmt.Sprintf("MCP detection: %s %s from %s", v(d.RuleID), v(string(d.Severity)), from(sourceIP(e), v))
	case e.Kind != sdk.KindAccess:
		return "Killdeer: " + condition(e, v)
	case e.Tool != "":
		return fmt.Sprintf("MCP tool call: %s from %s", v(e.Tool), from(e.IP, v))
	default:
		return fmt.Sprintf("MCP access: %s from %s", v(action(e)), from(e.IP, v))
	}
}

// from is where a sentence says that something came from.
func from(ip string, v func(string) string) string {
	if addr, err := netip.ParseAddr(ip); err == nil {
		return addr.WithZone("").String()
	}
	if ip == "" {
		return "unknown"
	}
	return v(ip)
}

// condition says what an event of the sensor's own reports.
func condition(e *sdk.Event, v func(string) string) string {
	switch {
	case e.Gap != nil:
		return fmt.Sprintf("%d events lost (%s)", e.Gap.Lost, v(e.Gap.Reason))
	case e.Guest != nil:
		return fmt.Sprintf("guest %s failed (%s)", v(e.Guest.Module), v(e.Guest.Code))
	case e.Clock != nil:
		return fmt.Sprintf("clock was set by %g s", e.Clock.By)
	case e.Health != nil:
		return fmt.Sprintf("%s is %s", v(e.Health.Part), v(e.Health.State))
	case e.Canary != nil:
		return fmt.Sprintf("canary handed out (%s)", v(e.Canary.Kind))
	case e.Pack != nil:
		return fmt.Sprintf("pack %s has expired", v(e.Pack.ID))
	default:
		return v(string(e.Kind))
	}
}

// action names what was asked of the decoy.
func action(e *sdk.Event) string {
	for _, name := range []string{e.MCPMethod, e.Method, e.Event} {
		if name != "" {
			return name
		}
	}
	return "unknown"
}

func sourceIP(e *sdk.Event) string {
	if e.Detection != nil && e.Detection.SourceIP != "" {
		return e.Detection.SourceIP
	}
	return e.IP
}

// msgID is the MCP method of a message, as the predecessor had it. A client can
// send any method: only what looks like one of MCP's is shown, and none of those
// is a word that we use for something else.
func msgID(e *sdk.Event) string {
	switch {
	case e.Detection != nil:
		return "detection"
	case e.Kind != sdk.KindAccess:
		return string(e.Kind)
	case mcpMethod(e.MCPMethod):
		return e.MCPMethod
	default:
		return "access"
	}
}

func mcpMethod(s string) bool {
	if s == "initialize" || s == "ping" {
		return true
	}
	for i := range len(s) {
		c := s[i]
		if c != '/' && c != '_' && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			return false
		}
	}
	return len(s) <= maxMsgID && strings.Contains(s, "/")
}

// failing says whether an event of the sensor's own is bad news: something was lost,
// a part does not work, or works with what is out of date.
func failing(e *sdk.Event) bool {
	switch e.Kind {
	case sdk.KindGap, sdk.KindGuest, sdk.KindPackStale:
		return true
	case sdk.KindHealth:
		return e.Health != nil && e.Health.State != "up" && e.Health.State != "test"
	}
	return false
}

// severity is a syslog severity, RFC 5424 §6.2.1.
func (s *Syslog) severity(e *sdk.Event) int {
	if e.Detection == nil {
		switch {
		case e.Kind == sdk.KindAccess:
			return s.Severity
		case failing(e):
			return 4
		case e.Kind == sdk.KindClock:
			return 5
		default:
			return 6
		}
	}
	switch e.Detection.Severity {
	case sdk.SeverityCritical:
		return 2
	case sdk.SeverityHigh:
		return 3
	case sdk.SeverityMedium:
		return 4
	case sdk.SeverityLow:
		return 5
	default:
		return 6
	}
}
