package encode

import (
	"slices"
	"strings"

	"github.com/killdeer-mcp/killdeer/sdk"
)

// OCSFVersion is the version of the Open Cybersecurity Schema Framework that lines
// follow.
const OCSFVersion = "1.8.0"

// The classes and activities that events become. A type is class * 100 + activity.
const (
	ocsfBase     = 0
	ocsfFinding  = 2004
	ocsfAPI      = 6003
	ocsfAppError = 6008

	ocsfCreate = 1
	ocsfRead   = 2
	ocsfUpdate = 3
	ocsfOther  = 99
)

// ocsfDoc is one event of any of the classes: what a class has not stays empty.
type ocsfDoc struct {
	ActivityID   int            `json:"activity_id"`
	ActivityName string         `json:"activity_name,omitempty"`
	CategoryUID  int            `json:"category_uid"`
	ClassUID     int            `json:"class_uid"`
	TypeUID      int            `json:"type_uid"`
	Time         int64          `json:"time"` // ms
	SeverityID   int            `json:"severity_id"`
	Severity     string         `json:"severity,omitempty"`
	Message      string         `json:"message,omitempty"`
	Metadata     ocsfMetadata   `json:"metadata"`
	Count        int            `json:"count,omitempty"`
	ConfidenceID int            `json:"confidence_id,omitempty"`
	Confidence   string         `json:"confidence,omitempty"`
	Finding      *ocsfInfo      `json:"finding_info,omitempty"`
	Evidences    []ocsfEvidence `json:"evidences,omitempty"`
	Actor        *ocsfActor     `json:"actor,omitempty"`
	API          *ocsfCall      `json:"api,omitempty"`
	Source       *ocsfEndpoint  `json:"src_endpoint,omitempty"`
	Request      *ocsfHTTP      `json:"http_request,omitempty"`
	Response     *ocsfStatus    `json:"http_response,omitempty"`
	StatusID     int            `json:"status_id,omitempty"`
	Status       string         `json:"status,omitempty"`
	Duration     int64          `json:"duration,omitempty"` // ms
	Unmapped     ocsfUnmapped   `json:"unmapped"`
}

type ocsfUnmapped struct {
	ecsMCP
	HTTPMethod  string `json:"http_method,omitempty"` // that the schema does not have
	Head        string `json:"head,omitempty"`
	Body        string `json:"body,omitempty"`
	ResultBytes int    `json:"result_bytes,omitempty"`
}

type ocsfMetadata struct {
	Version  string      `json:"version"`
	Product  ocsfProduct `json:"product"`
	UID      string      `json:"uid,omitempty"`
	Sequence uint64      `json:"sequence,omitempty"`
	LogName  string      `json:"log_name"`
	Source   string      `json:"source,omitempty"`
}

type ocsfProduct struct {
	Name    string `json:"name"`
	Vendor  string `json:"vendor_name"`
	Version string `json:"version,omitempty"`
}

type ocsfInfo struct {
	UID      string         `json:"uid"`
	Title    string         `json:"title,omitempty"`
	Desc     string         `json:"desc,omitempty"`
	Created  int64          `json:"created_time"`
	Analytic ocsfAnalytic   `json:"analytic"`
	Attacks  []ocsfAttack   `json:"attacks,omitempty"`
	Related  []ocsfNamed    `json:"related_events,omitempty"`
	Tags     []ocsfKeyValue `json:"tags,omitempty"`
}

type ocsfAnalytic struct {
	TypeID   int    `json:"type_id"`
	Type     string `json:"type"`
	UID      string `json:"uid"`
	Name     string `json:"name,omitempty"`
	Category string `json:"category,omitempty"`
}

type ocsfAttack struct {
	Technique    *ocsfNamed `json:"technique,omitempty"`
	SubTechnique *ocsfNamed `json:"sub_technique,omitempty"`
}

type ocsfNamed struct {
	UID string `json:"uid"`
}

type ocsfKeyValue struct {
	Name   string   `json:"name"`
	Values []string `json:"values"`
}

type ocsfEvidence struct {
	Source *ocsfEndpoint `json:"src_endpoint,omitempty"`
	Actor  *ocsfActor    `json:"actor,omitempty"`
	API    *ocsfCall     `json:"api,omitempty"`
	Data   *sdk.Evidence `json:"data,omitempty"`
}

type ocsfActor struct {
	AppName string       `json:"app_name"`
	AppUID  string       `json:"app_uid,omitempty"`
	Session *ocsfSession `json:"session,omitempty"`
}

type ocsfSession struct {
	UID string `json:"uid"`
}

type ocsfCall struct {
	Operation string       `json:"operation"`
	Version   string       `json:"version,omitempty"`
	Service   *ocsfService `json:"service,omitempty"`
	Request   *ocsfRequest `json:"request,omitempty"`
	Response  *ocsfReply   `json:"response,omitempty"`
}

type ocsfService struct {
	Name string `json:"name"`
}

type ocsfRequest struct {
	UID  string `json:"uid"`
	Data string `json:"data,omitempty"`
}

type ocsfReply struct {
	Error   string `json:"error,omitempty"`
	Message string `json:"message,omitempty"`
}

type ocsfEndpoint struct {
	IP   string `json:"ip,omitempty"`
	Port int    `json:"port,omitempty"`
	Name string `json:"name,omitempty"`
}

type ocsfHTTP struct {
	Method     string   `json:"http_method,omitempty"`
	UserAgent  string   `json:"user_agent,omitempty"`
	BodyLength int      `json:"body_length,omitempty"`
	URL        *ocsfURL `json:"url,omitempty"`
}

type ocsfURL struct {
	Path  string `json:"path"`
	Query string `json:"query_string,omitempty"`
}

type ocsfStatus struct {
	Code int `json:"code"`
}

func ocsf(e *sdk.Event, version string) *ocsfDoc {
	doc := &ocsfDoc{
		Time:    millis(e),
		Message: sentence(e, shape{value: maxValue}),
		Metadata: ocsfMetadata{
			Version: OCSFVersion, UID: e.ID, Sequence: e.Seq, LogName: string(e.Kind), Source: e.Sensor,
			Product: ocsfProduct{Name: "Killdeer", Vendor: "Killdeer", Version: version},
		},
	}
	switch {
	case e.Detection != nil:
		doc.finding(e)
	case e.Kind == sdk.KindAccess:
		doc.call(e)
	case e.Kind == sdk.KindGap, e.Kind == sdk.KindGuest:
		doc.class(ocsfAppError, ocsfOther, 3, "Medium")
		doc.ActivityName = string(e.Kind)
	default:
		doc.class(ocsfBase, ocsfOther, 1, "Informational")
		if failing(e) {
			doc.class(ocsfBase, ocsfOther, 3, "Medium")
		}
		doc.ActivityName = string(e.Kind)
	}
	doc.Unmapped.ecsMCP = ecsOwn(e)
	doc.Unmapped.Args, doc.Unmapped.RPCID = "", "" // they stand in the request
	doc.Unmapped.Head, doc.Unmapped.ResultBytes = e.Head, e.ResultBytes
	if e.Body != nil {
		doc.Unmapped.Body = e.Body.Text
	}
	return doc
}

func (d *ocsfDoc) class(class, activity, severity int, name string) {
	d.ClassUID, d.CategoryUID, d.ActivityID, d.TypeUID = class, class/1000, activity, class*100+activity
	d.SeverityID, d.Severity = severity, name
}

func millis(e *sdk.Event) int64 {
	if instant(e.Time) == nil {
		return 0
	}
	return e.Time.UnixMilli()
}

func (d *ocsfDoc) finding(e *sdk.Event) {
	det := e.Detection
	id, name := ocsfSeverity(det.Severity)
	d.class(ocsfFinding, ocsfCreate, id, name)
	d.ConfidenceID, d.Confidence = ocsfConfidence(det.Confidence)
	d.StatusID, d.Status = 1, "New"
	d.Count = max(det.Count, 0)
	d.Finding = &ocsfInfo{
		UID: det.ID, Title: det.Title, Desc: det.Summary, Created: d.Time,
		Analytic: ocsfAnalytic{TypeID: 1, Type: "Rule", UID: det.RuleID, Name: det.Title, Category: det.Pack},
		Attacks:  ocsfAttacks(det),
	}
	for _, id := range det.Events {
		d.Finding.Related = append(d.Finding.Related, ocsfNamed{id})
	}
	if len(det.OWASP) > 0 {
		d.Finding.Tags = []ocsfKeyValue{{Name: "owasp_mcp", Values: det.OWASP}}
	}
	d.Evidences = []ocsfEvidence{{Source: endpoint(e), Actor: actor(e), API: operation(e), Data: det.Evidence}}
}

// ocsfAttacks names techniques of ATT&CK and of ATLAS, which share the form: what
// follows the dot of the last part is a sub-technique.
func ocsfAttacks(d *sdk.Detection) []ocsfAttack {
	var attacks []ocsfAttack
	add := func(id, parent string, isSub bool) {
		attack := ocsfAttack{Technique: &ocsfNamed{parent}}
		if isSub {
			attack.SubTechnique = &ocsfNamed{id}
		}
		attacks = append(attacks, attack)
	}
	for _, id := range d.Attack {
		parent, _, isSub := strings.Cut(id, ".")
		add(id, parent, isSub)
	}
	for _, id := range d.Atlas { // AML.T0084 or AML.T0084.001
		parts := strings.SplitN(id, ".", 3)
		add(id, strings.Join(parts[:min(len(parts), 2)], "."), len(parts) == 3)
	}
	return attacks
}

func (d *ocsfDoc) call(e *sdk.Event) {
	d.class(ocsfAPI, ocsfOther, 1, "Informational")
	d.ActivityName = action(e)
	switch e.Class {
	case "read":
		d.activity(ocsfRead, "Read")
	case "write":
		d.activity(ocsfUpdate, "Update")
	}
	switch ecsOutcome(e) {
	case "success":
		d.StatusID, d.Status = 1, "Success"
	case "failure":
		d.StatusID, d.Status = 2, "Failure"
	}
	d.Duration = int64(e.LatencyMS)
	d.Actor, d.API, d.Source = actor(e), operation(e), endpoint(e)
	if e.Method != "" || e.UA != "" || e.Path != "" {
		d.Request = &ocsfHTTP{Method: e.Method, UserAgent: e.UA, URL: target(e.Path)}
		if !slices.Contains(ocsfMethods, e.Method) {
			d.Request.Method, d.Unmapped.HTTPMethod = "", e.Method
		}
		if e.Body != nil {
			d.Request.BodyLength = e.Body.Size
		}
	}
	if e.Status != 0 {
		d.Response = &ocsfStatus{e.Status}
	}
}

// ocsfMethods are the HTTP methods that the schema has.
var ocsfMethods = []string{"OPTIONS", "GET", "HEAD", "POST", "PUT", "DELETE", "TRACE", "CONNECT", "PATCH"}

func (d *ocsfDoc) activity(id int, name string) {
	d.ActivityID, d.ActivityName, d.TypeUID = id, name, d.ClassUID*100+id
}

// actor is the client by the name that it gave itself.
func actor(e *sdk.Event) *ocsfActor {
	doc := &ocsfActor{AppName: "unknown", AppUID: e.Actor}
	switch {
	case e.Client != nil && e.Client.Name != "":
		doc.AppName = e.Client.Name
	case e.UA != "":
		doc.AppName = e.UA
	}
	if e.Session != "" {
		doc.Session = &ocsfSession{e.Session}
	}
	return doc
}

func operation(e *sdk.Event) *ocsfCall {
	doc := &ocsfCall{Operation: action(e), Version: e.Protocol}
	if e.Tool != "" {
		doc.Operation = e.Tool
	}
	if e.Service != "" {
		doc.Service = &ocsfService{e.Service}
	}
	if len(e.RPCID) > 0 || len(e.Args) > 0 {
		doc.Request = &ocsfRequest{UID: string(e.RPCID), Data: string(e.Args)}
	}
	if e.Outcome != "" && ecsOutcome(e) == "failure" {
		doc.Response = &ocsfReply{Error: e.Outcome, Message: e.Error}
	}
	return doc
}

func endpoint(e *sdk.Event) *ocsfEndpoint {
	if ip := cleanIP(sourceIP(e)); ip != "" {
		return &ocsfEndpoint{IP: ip, Port: sourcePort(e)}
	}
	for _, name := range []string{sourceIP(e), e.Transport} {
		if name != "" {
			return &ocsfEndpoint{Name: name}
		}
	}
	return &ocsfEndpoint{Name: "unknown"}
}

func target(path string) *ocsfURL {
	if path == "" {
		return nil
	}
	before, query, _ := strings.Cut(path, "?")
	if before == "" {
		before = "/"
	}
	return &ocsfURL{Path: before, Query: query}
}

func ocsfSeverity(s sdk.Severity) (id int, name string) {
	switch s {
	case sdk.SeverityInfo:
		return 1, "Informational"
	case sdk.SeverityLow:
		return 2, "Low"
	case sdk.SeverityMedium:
		return 3, "Medium"
	case sdk.SeverityHigh:
		return 4, "High"
	case sdk.SeverityCritical:
		return 5, "Critical"
	}
	return 0, "Unknown"
}

func ocsfConfidence(c sdk.Confidence) (id int, name string) {
	switch c {
	case sdk.ConfidenceLow:
		return 1, "Low"
	case sdk.ConfidenceMedium:
		return 2, "Medium"
	case sdk.ConfidenceHigh:
		return 3, "High"
	}
	return 0, "Unknown"
}
