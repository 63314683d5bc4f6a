package report

import (
	"fmt"
	"io"
	"net/url"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/killdeer-mcp/killdeer/audit/evidence"
	"github.com/killdeer-mcp/killdeer/internal/printable"
	"github.com/killdeer-mcp/killdeer/sdk"
)

// sarifSchema is the published schema of SARIF 2.1.0, errata 01.
const sarifSchema = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"

const (
	maxMessage = 1000 // characters of a message
	maxResults = 5000 // of one run: GitHub takes no more
)

// Place is the file that findings are shown at: the lock, a client's mcp.json or a
// manifest. Code hosts want one, though what was found is in no file.
type Place struct {
	File string                // relative to the repository, or absolute
	Line func(tool string) int // from 1; nil: the first
}

// What follows is as much of SARIF 2.1.0 §3 as is written.
type (
	sarifLog struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool        sarifTool         `json:"tool"`
		Automation  sarifAutomation   `json:"automationDetails"`
		Invocations []sarifInvocation `json:"invocations"`
		Taxonomies  []sarifComponent  `json:"taxonomies"`
		Results     []sarifResult     `json:"results"`
		Column      string            `json:"columnKind"`
	}
	sarifTool struct {
		Driver sarifComponent `json:"driver"`
	}
	sarifAutomation struct {
		ID string `json:"id"`
	}
	sarifComponent struct {
		Name         string       `json:"name"`
		Version      string       `json:"version,omitempty"`
		Organization string       `json:"organization,omitempty"`
		URI          string       `json:"informationUri,omitempty"`
		Rules        []sarifRule  `json:"rules,omitempty"`
		Taxa         []sarifTaxon `json:"taxa,omitempty"`
	}
	sarifRule struct {
		ID            string              `json:"id"`
		Name          string              `json:"name"`
		Short         sarifText           `json:"shortDescription"`
		Help          sarifText           `json:"help"`
		HelpURI       string              `json:"helpUri"`
		Configuration sarifConfiguration  `json:"defaultConfiguration"`
		Relationships []sarifRelationship `json:"relationships,omitempty"`
		Properties    sarifRuleProperties `json:"properties"`
	}
	sarifConfiguration struct {
		Level string `json:"level"`
	}
	sarifRuleProperties struct {
		Tags     []string `json:"tags"`
		Severity string   `json:"security-severity,omitempty"`
	}
	sarifTaxon struct {
		ID string `json:"id"`
	}
	sarifRelationship struct {
		Target sarifTarget `json:"target"`
		Kinds  []string    `json:"kinds"`
	}
	sarifTarget struct {
		ID        string            `json:"id"`
		Component sarifComponentRef `json:"toolComponent"`
	}
	sarifComponentRef struct {
		Name string `json:"name"`
	}
	sarifText struct {
		Text string `json:"text"`
	}
	sarifInvocation struct {
		Successful    bool                `json:"executionSuccessful"`
		Exit          int                 `json:"exitCode"`
		Notifications []sarifNotification `json:"toolExecutionNotifications,omitempty"`
	}
	sarifNotification struct {
		Descriptor sarifTaxon `json:"descriptor"`
		Level      string     `json:"level"`
		Message    sarifText  `json:"message"`
	}
	sarifResult struct {
		RuleID       string             `json:"ruleId"`
		RuleIndex    int                `json:"ruleIndex"`
		Level        string             `json:"level"`
		Message      sarifText          `json:"message"`
		Locations    []sarifLocation    `json:"locations"`
		Fingerprints map[string]string  `json:"partialFingerprints"`
		Suppressions []sarifSuppression `json:"suppressions,omitempty"`
		Properties   map[string]any     `json:"properties"`
	}
	sarifLocation struct {
		Physical sarifPhysical  `json:"physicalLocation"`
		Logical  []sarifLogical `json:"logicalLocations"`
	}
	sarifPhysical struct {
		Artifact sarifArtifact `json:"artifactLocation"`
		Region   sarifRegion   `json:"region"`
	}
	sarifArtifact struct {
		URI string `json:"uri"`
	}
	sarifRegion struct {
		StartLine int `json:"startLine"`
	}
	sarifLogical struct {
		Name string `json:"name"`
		Full string `json:"fullyQualifiedName"`
		Kind string `json:"kind"`
	}
	sarifSuppression struct {
		Kind          string `json:"kind"`
		Justification string `json:"justification"`
	}
)

// SARIF writes a report as SARIF 2.1.0. Findings that a policy sets aside are in it
// as suppressed results; what befell the audit itself is in its invocation.
func SARIF(w io.Writer, r *evidence.Report, place Place) error {
	s := &sarifWriter{report: r, place: place, index: map[string]int{}}
	run := sarifRun{
		Tool:       sarifTool{sarifComponent{Name: "killdeer", Version: strings.TrimPrefix(r.Program, "killdeer "), URI: strings.TrimSuffix(helpBase, "#"), Rules: s.rules()}},
		Automation: sarifAutomation{"killdeer-audit/" + plain(serverName(r), 200) + "/"},
		Invocations: []sarifInvocation{{
			Successful: r.Exit.Code != ExitSetup && r.Exit.Code != ExitError, Exit: r.Exit.Code, Notifications: s.notifications(),
		}},
		Taxonomies: s.taxonomies(),
		Results:    s.results(),
		Column:     "unicodeCodePoints",
	}
	if err := printable.JSON(w, sarifLog{sarifSchema, "2.1.0", []sarifRun{run}}, "  "); err != nil {
		return fmt.Errorf("write report as SARIF: %w", err)
	}
	return nil
}

type sarifWriter struct {
	report *evidence.Report
	place  Place
	index  map[string]int // of rules
}

func serverName(r *evidence.Report) string {
	if r.Server.Name != "" {
		return r.Server.Name
	}
	return r.Target.Name
}

// plain is hostile text for a message of SARIF, which has links in brackets
// (§3.11.6) and placeholders in braces (§3.11.5).
func plain(s string, limit int) string {
	return strings.NewReplacer(`\`, `\\`, `[`, `\[`, `]`, `\]`, `{`, `{{`, `}`, `}}`).Replace(printable.Points(s, limit))
}

func (s *sarifWriter) found() []sdk.Finding { return slices.Concat(s.report.Findings, s.report.Set) }

// rules are those of the findings there are, in their order.
func (s *sarifWriter) rules() []sarifRule {
	worst := map[string]sdk.Finding{}
	for _, f := range s.found() {
		if have, ok := worst[f.ID]; !ok || compareFindings(f, have) < 0 {
			worst[f.ID] = f
		}
	}
	list := []sarifRule{}
	for _, id := range sortedKeys(worst) {
		s.index[id] = len(list)
		r := ruleOf(id, worst[id].Title)
		list = append(list, sarifRule{
			ID: id, Name: r.name, Short: sarifText{r.text + "."}, Help: sarifText{r.text + ". An observation, not an accusation: see " + helpURI(id)}, HelpURI: helpURI(id),
			Configuration: sarifConfiguration{level(worst[id].Severity)},
			Relationships: relationships(r),
			Properties:    sarifRuleProperties{[]string{"security", "mcp"}, score(worst[id].Severity)},
		})
	}
	return list
}

func helpURI(id string) string { return helpBase + strings.ToLower(id) }

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

const (
	owaspName  = "OWASP MCP Top 10"
	attackName = "MITRE ATT&CK"
)

func relationships(r rule) []sarifRelationship {
	var list []sarifRelationship
	for _, id := range r.owasp {
		list = append(list, sarifRelationship{sarifTarget{id, sarifComponentRef{owaspName}}, []string{"relevant"}})
	}
	for _, id := range r.attack {
		list = append(list, sarifRelationship{sarifTarget{id, sarifComponentRef{attackName}}, []string{"relevant"}})
	}
	return list
}

// taxonomies hold what the rules relate to.
func (s *sarifWriter) taxonomies() []sarifComponent {
	owaspIDs, attackIDs := map[string]bool{}, map[string]bool{}
	for _, f := range s.found() {
		r := ruleOf(f.ID, f.Title)
		for _, id := range r.owasp {
			owaspIDs[id] = true
		}
		for _, id := range r.attack {
			attackIDs[id] = true
		}
	}
	list := []sarifComponent{}
	add := func(name, owner, uri string, ids map[string]bool) {
		if len(ids) == 0 {
			return
		}
		c := sarifComponent{Name: name, Organization: owner, URI: uri}
		for _, id := range sortedKeys(ids) {
			c.Taxa = append(c.Taxa, sarifTaxon{id})
		}
		list = append(list, c)
	}
	add(owaspName, "OWASP", "https://owasp.org/www-project-mcp-top-10/", owaspIDs)
	add(attackName, "MITRE", "https://attack.mitre.org/", attackIDs)
	return list
}

// level is the severity in SARIF's words.
func level(s sdk.Severity) string {
	switch s {
	case sdk.SeverityCritical, sdk.SeverityHigh:
		return "error"
	case sdk.SeverityMedium:
		return "warning"
	}
	return "note"
}

// score is the severity as GitHub sorts by it: over 9.0 is critical, from 7.0 high,
// from 4.0 medium.
func score(s sdk.Severity) string {
	return map[sdk.Severity]string{
		sdk.SeverityCritical: "9.5", sdk.SeverityHigh: "8.0", sdk.SeverityMedium: "5.5", sdk.SeverityLow: "3.0", sdk.SeverityInfo: "0.0",
	}[s]
}

func (s *sarifWriter) notifications() []sarifNotification {
	var list []sarifNotification
	for _, f := range s.report.Faults {
		list = append(list, sarifNotification{sarifTaxon{f.ID}, "warning", sarifText{plain(strings.TrimSpace(f.Title+" "+f.Tool+" "+f.Object), maxMessage)}})
	}
	for _, text := range s.report.Not {
		list = append(list, sarifNotification{sarifTaxon{"not-exercised"}, "note", sarifText{plain(text, maxMessage)}})
	}
	return list
}

func (s *sarifWriter) results() []sarifResult {
	list := []sarifResult{}
	for _, f := range s.found() {
		if len(list) == maxResults {
			break
		}
		list = append(list, s.result(f))
	}
	return list
}

func (s *sarifWriter) result(f sdk.Finding) sarifResult {
	out := sarifResult{
		RuleID: f.ID, RuleIndex: s.index[f.ID], Level: level(f.Severity), Message: sarifText{message(f)},
		Locations:    []sarifLocation{{s.physical(f.Tool), s.logical(f.Tool)}},
		Fingerprints: map[string]string{"killdeerFinding/v1": f.Fingerprint},
		Properties:   map[string]any{"severity": f.Severity, "confidence": f.Confidence, "security-severity": score(f.Severity)},
	}
	if f.Suppressed != "" {
		out.Suppressions = []sarifSuppression{{"external", printable.Points(f.Suppressed, maxMessage)}}
	}
	return out
}

func message(f sdk.Finding) string {
	text := f.Title
	if f.Tool != "" {
		text = f.Tool + ": " + text
	}
	if d := details(f); d != "" {
		text += " (" + d + ")"
	}
	text += "."
	if f.Claim != nil {
		text += fmt.Sprintf(" Its %s says %q.", f.Claim.Source, f.Claim.Quote)
	}
	return plain(text, maxMessage)
}

func (s *sarifWriter) physical(tool string) sarifPhysical {
	line := 1
	if s.place.Line != nil {
		line = max(1, s.place.Line(tool))
	}
	return sarifPhysical{sarifArtifact{artifactURI(s.place.File)}, sarifRegion{line}}
}

// artifactURI is a path as SARIF wants it (§3.4.3): relative, or a file URI.
func artifactURI(file string) string {
	if file == "" {
		file = "mcp.lock"
	}
	file = filepath.ToSlash(file)
	if strings.HasPrefix(file, "/") {
		return (&url.URL{Scheme: "file", Path: file}).String()
	}
	return (&url.URL{Path: path.Clean(file)}).EscapedPath()
}

func (s *sarifWriter) logical(tool string) []sarifLogical {
	server := printable.Points(serverName(s.report), 200)
	if tool == "" {
		return []sarifLogical{{server, server, "module"}}
	}
	name := printable.Points(tool, 200)
	return []sarifLogical{{name, server + "/" + name, "function"}}
}
