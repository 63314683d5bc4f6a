package encode

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/killdeer-mcp/killdeer/sdk"
)

// ECSVersion is the version of the Elastic Common Schema that lines follow.
const ECSVersion = "8.17.0"

// ecsDoc is one document. Fields under mcp are not the schema's: it has none for
// MCP.
type ecsDoc struct {
	Timestamp *time.Time   `json:"@timestamp"`
	ECS       ecsVersion   `json:"ecs"`
	Message   string       `json:"message"`
	Event     ecsEvent     `json:"event"`
	Observer  ecsObserver  `json:"observer"`
	Source    *ecsSource   `json:"source,omitempty"`
	Related   *ecsRelated  `json:"related,omitempty"`
	Agent     *ecsOriginal `json:"user_agent,omitempty"`
	HTTP      *ecsHTTP     `json:"http,omitempty"`
	URL       *ecsOriginal `json:"url,omitempty"`
	Rule      *ecsRule     `json:"rule,omitempty"`
	Threat    *ecsThreat   `json:"threat,omitempty"`
	Error     *ecsError    `json:"error,omitempty"`
	MCP       ecsMCP       `json:"mcp"`
}

type ecsVersion struct {
	Version string `json:"version"`
}

type ecsEvent struct {
	ID       string   `json:"id,omitempty"`
	Kind     string   `json:"kind"`
	Category []string `json:"category,omitempty"`
	Type     []string `json:"type,omitempty"`
	Action   string   `json:"action,omitempty"`
	Outcome  string   `json:"outcome,omitempty"`
	Severity int      `json:"severity"`
	Sequence uint64   `json:"sequence,omitempty"`
	Duration int64    `json:"duration,omitempty"` // nanoseconds
	Module   string   `json:"module"`
	Dataset  string   `json:"dataset"`
	Original string   `json:"original,omitempty"`
}

type ecsObserver struct {
	Vendor  string `json:"vendor"`
	Product string `json:"product"`
	Type    string `json:"type"`
	Version string `json:"version,omitempty"`
	Name    string `json:"name,omitempty"`
}

type ecsSource struct {
	Address string `json:"address"`
	IP      string `json:"ip,omitempty"`
	Port    int    `json:"port,omitempty"`
}

type ecsRelated struct {
	IP []string `json:"ip"`
}

type ecsOriginal struct {
	Original string `json:"original"`
}

type ecsHTTP struct {
	Request  ecsRequest   `json:"request"`
	Response *ecsResponse `json:"response,omitempty"`
}

type ecsRequest struct {
	Method string   `json:"method,omitempty"`
	Body   *ecsBody `json:"body,omitempty"`
}

type ecsBody struct {
	Bytes   int    `json:"bytes"`
	Content string `json:"content,omitempty"`
}

type ecsResponse struct {
	Status int      `json:"status_code,omitempty"`
	Body   *ecsBody `json:"body,omitempty"`
}

type ecsRule struct {
	ID          string `json:"id"`
	Name        string `json:"name,omitempty"`
	Ruleset     string `json:"ruleset,omitempty"`
	Description string `json:"description,omitempty"`
}

type ecsThreat struct {
	Framework string       `json:"framework"`
	Technique ecsTechnique `json:"technique"`
}

type ecsTechnique struct {
	ID  []string `json:"id"`
	Sub *ecsIDs  `json:"subtechnique,omitempty"`
}

type ecsIDs struct {
	ID []string `json:"id"`
}

type ecsError struct {
	Code    string `json:"code,omitempty"`
	Message string `json:"message,omitempty"`
}

// ecsMCP holds what only MCP has. Names are those of the event; a call's
// arguments are one string, since their keys are whatever a client sends and an
// index would make a field of each.
type ecsMCP struct {
	Method    string            `json:"method,omitempty"`
	Tool      string            `json:"tool,omitempty"`
	Args      string            `json:"args,omitempty"`
	ArgsCut   bool              `json:"args_cut,omitempty"`
	URI       string            `json:"uri,omitempty"`
	Prompt    string            `json:"prompt,omitempty"`
	Service   string            `json:"service,omitempty"`
	Class     string            `json:"class,omitempty"`
	Category  string            `json:"category,omitempty"`
	Session   string            `json:"session_id,omitempty"`
	Actor     string            `json:"actor,omitempty"`
	Peer      string            `json:"peer,omitempty"`
	Transport string            `json:"transport,omitempty"`
	Event     string            `json:"event,omitempty"`
	Era       string            `json:"era,omitempty"`
	Protocol  string            `json:"protocol,omitempty"`
	RPCID     string            `json:"rpc_id,omitempty"`
	Client    *sdk.ClientInfo   `json:"client,omitempty"`
	Persona   string            `json:"persona,omitempty"`
	Profile   string            `json:"profile,omitempty"`
	Outcome   string            `json:"outcome,omitempty"`
	Notes     map[string]string `json:"notes,omitempty"`
	HeadB64   []byte            `json:"head_base64,omitempty"`
	BodyHash  string            `json:"body_sha256,omitempty"`
	BodyB64   string            `json:"body_base64,omitempty"`
	BodyCut   bool              `json:"body_cut,omitempty"`
	Operator  string            `json:"operator,omitempty"`
	Demo      bool              `json:"demo,omitempty"`
	Reason    string            `json:"justification,omitempty"`
	Minted    []sdk.CanaryRef   `json:"canaries_minted,omitempty"`
	Seen      []sdk.CanarySeen  `json:"canaries_seen,omitempty"`
	Detection *ecsDetection     `json:"detection,omitempty"`
	Gap       *sdk.Gap          `json:"gap,omitempty"`
	Guest     *sdk.GuestError   `json:"guest,omitempty"`
	Clock     *sdk.ClockStep    `json:"clock,omitempty"`
	Canary    *sdk.Canary       `json:"canary,omitempty"`
	Pack      *sdk.PackStale    `json:"pack,omitempty"`
	Health    *sdk.Health       `json:"health,omitempty"`
	Heartbeat *sdk.Heartbeat    `json:"heartbeat,omitempty"`
}

type ecsDetection struct {
	Severity   string        `json:"severity"`
	Confidence string        `json:"confidence"`
	Subject    string        `json:"subject,omitempty"`
	Count      int           `json:"evidence_count"`
	Events     []string      `json:"events,omitempty"`
	Evidence   *sdk.Evidence `json:"evidence,omitempty"`
	Atlas      []string      `json:"atlas,omitempty"`
	OWASP      []string      `json:"owasp,omitempty"`
}

func ecs(e *sdk.Event, version string) *ecsDoc {
	return &ecsDoc{
		Timestamp: instant(e.Time), ECS: ecsVersion{ECSVersion},
		Message: sentence(e, shape{value: maxValue}),
		Event:   ecsKind(e),
		Observer: ecsObserver{
			Vendor: "Killdeer", Product: "Killdeer", Type: "honeypot", Version: version, Name: e.Sensor,
		},
		Source: ecsFrom(e), Related: ecsRelatives(e), Agent: ecsText(e.UA), HTTP: ecsWeb(e), URL: ecsText(e.Path),
		Rule: ecsRuleOf(e.Detection), Threat: ecsThreatOf(e.Detection), Error: ecsFault(e),
		MCP: ecsOwn(e),
	}
}

// instant is t, or nil for a time that RFC 3339 cannot say.
func instant(t time.Time) *time.Time {
	t = t.UTC()
	if t.Year() < 0 || t.Year() > 9999 {
		return nil
	}
	return &t
}

func ecsKind(e *sdk.Event) ecsEvent {
	doc := ecsEvent{
		ID: e.ID, Kind: "event", Module: "killdeer", Dataset: "killdeer." + string(e.Kind),
		Severity: score(e), Sequence: e.Seq, Original: e.Head,
	}
	switch {
	case e.Detection != nil:
		doc.Kind, doc.Category, doc.Type = "alert", []string{"intrusion_detection"}, []string{"info"}
		doc.Action = e.Detection.RuleID
	case e.Kind == sdk.KindAccess:
		doc.Category, doc.Type = []string{"api"}, []string{"access"}
		doc.Action, doc.Outcome = action(e), ecsOutcome(e)
		doc.Duration = int64(e.LatencyMS * 1e6)
	default:
		doc.Category, doc.Type = []string{"host"}, []string{"info"}
		doc.Action = string(e.Kind)
	}
	return doc
}

// succeeded are the outcomes that gave the client what it wanted.
var succeeded = map[string]bool{
	"result": true, "accepted": true, "route": true, "stream_opened": true, "stream_closed": true, "session_ended": true,
}

func ecsOutcome(e *sdk.Event) string {
	switch {
	case e.Outcome == "":
		return "unknown"
	case succeeded[e.Outcome]:
		return "success"
	default:
		return "failure"
	}
}

func ecsFrom(e *sdk.Event) *ecsSource {
	from := sourceIP(e)
	if from == "" {
		return nil
	}
	return &ecsSource{Address: from, IP: cleanIP(from), Port: sourcePort(e)}
}

// ecsRelatives are the addresses that an event is about: the client's, and those
// that were given the tokens which it sends.
func ecsRelatives(e *sdk.Event) *ecsRelated {
	var related ecsRelated
	add := func(ip string) {
		if ip = cleanIP(ip); ip != "" && !slices.Contains(related.IP, ip) {
			related.IP = append(related.IP, ip)
		}
	}
	add(sourceIP(e))
	for i := range e.CanariesSeen {
		add(e.CanariesSeen[i].OriginIP)
	}
	if len(related.IP) == 0 {
		return nil
	}
	return &related
}

// cleanIP is s in the common spelling, without a zone, or "" if it is no address.
func cleanIP(s string) string {
	ip, err := netip.ParseAddr(s)
	if err != nil {
		return ""
	}
	return ip.Unmap().WithZone("").String()
}

func ecsText(s string) *ecsOriginal {
	if s == "" {
		return nil
	}
	return &ecsOriginal{s}
}

func ecsWeb(e *sdk.Event) *ecsHTTP {
	if e.Method == "" && e.Status == 0 && e.Body == nil {
		return nil
	}
	doc := &ecsHTTP{Request: ecsRequest{Method: e.Method}}
	if e.Body != nil {
		doc.Request.Body = &ecsBody{Bytes: e.Body.Size, Content: e.Body.Text}
	}
	if e.Status != 0 {
		doc.Response = &ecsResponse{Status: e.Status}
		if e.ResultBytes > 0 {
			doc.Response.Body = &ecsBody{Bytes: e.ResultBytes}
		}
	}
	return doc
}

func ecsRuleOf(d *sdk.Detection) *ecsRule {
	if d == nil {
		return nil
	}
	return &ecsRule{ID: d.RuleID, Name: d.Title, Ruleset: d.Pack, Description: d.Summary}
}

// ecsThreatOf names ATT&CK techniques. A sub-technique stands under its technique
// as well, as the schema wants it.
func ecsThreatOf(d *sdk.Detection) *ecsThreat {
	if d == nil || len(d.Attack) == 0 {
		return nil
	}
	doc := &ecsThreat{Framework: "MITRE ATT&CK"}
	var sub ecsIDs
	for _, id := range d.Attack {
		parent, _, isSub := strings.Cut(id, ".")
		doc.Technique.ID = append(doc.Technique.ID, parent)
		if isSub {
			sub.ID = append(sub.ID, id)
		}
	}
	if len(sub.ID) > 0 {
		doc.Technique.Sub = &sub
	}
	return doc
}

func ecsFault(e *sdk.Event) *ecsError {
	switch {
	case e.Guest != nil:
		return &ecsError{Code: e.Guest.Code, Message: e.Guest.Detail}
	case e.Error != "":
		return &ecsError{Message: e.Error}
	}
	return nil
}

func ecsOwn(e *sdk.Event) ecsMCP {
	doc := ecsMCP{
		Method: e.MCPMethod, Tool: e.Tool, Args: string(e.Args), ArgsCut: e.ArgsCut, URI: e.URI, Prompt: e.Prompt,
		Service: e.Service, Class: e.Class, Category: e.Category,
		Session: e.Session, Actor: e.Actor, Peer: e.Peer, Transport: e.Transport, Event: e.Event,
		Era: e.Era, Protocol: e.Protocol, RPCID: string(e.RPCID), Client: e.Client,
		Persona: e.Persona, Profile: e.Profile, Outcome: e.Outcome, Notes: e.Notes,
		HeadB64: e.HeadB64, Operator: e.Operator, Demo: e.Demo, Reason: e.Justification,
		Minted: e.CanariesMinted, Seen: e.CanariesSeen, Pack: e.Pack,
		Gap: e.Gap, Guest: e.Guest, Clock: e.Clock, Canary: e.Canary, Health: e.Health, Heartbeat: e.Heartbeat,
	}
	if e.Body != nil {
		doc.BodyHash, doc.BodyB64, doc.BodyCut = e.Body.SHA256, e.Body.Base64, e.Body.Cut
	}
	if d := e.Detection; d != nil {
		doc.Detection = &ecsDetection{
			Severity: string(d.Severity), Confidence: string(d.Confidence), Subject: d.Subject, Count: d.Count,
			Events: d.Events, Evidence: d.Evidence, Atlas: d.Atlas, OWASP: d.OWASP,
		}
	}
	return doc
}
