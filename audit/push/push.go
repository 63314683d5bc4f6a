// Package push sends a report to a dashboard of MCP servers, in the body that
// dashboards of mcp-behave take.
//
// It sends what the report says and nothing of the machine that it was made on. It
// follows no redirect: the token is for one address.
package push

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/killdeer-mcp/killdeer/audit/evidence"
	"github.com/killdeer-mcp/killdeer/sdk"
)

// Timeout bounds one push.
const Timeout = 30 * time.Second

// maxAnswer is how much of a refusal is repeated.
const maxAnswer = 500

// Categories are what a dashboard sorts servers by.
var Categories = []string{"local", "network", "database", "other"}

// Listing is what a dashboard shows of a server beside its audit.
type Listing struct {
	Name        string `json:"name"`
	Transport   string `json:"transport"`
	Category    string `json:"category"`
	Description string `json:"description,omitempty"`
	GitHubURL   string `json:"githubUrl,omitempty"`
	NPMPackage  string `json:"npmPackage,omitempty"`
	Author      string `json:"author,omitempty"`
}

// Body is what is sent.
type Body struct {
	Server   Listing   `json:"server"`
	Audit    Audit     `json:"audit"`
	Tools    []Tool    `json:"tools"`
	Findings []Finding `json:"findings"`
}

// Audit is the verdict.
type Audit struct {
	Version      string `json:"version"`
	Status       string `json:"status"` // clean or findings
	ExitCode     int    `json:"exitCode"`
	ManifestHash string `json:"manifestHash"`
}

// Tool is one tool in its server's words.
type Tool struct {
	Name        string `json:"name"`
	Description string `json:"description"`
}

// Finding is one finding in a dashboard's classes.
type Finding struct {
	Type        string `json:"type"`     // network_egress, sensitive_file_read, rug_pull or other
	Severity    string `json:"severity"` // high or info
	Description string `json:"description"`
	Detail      string `json:"detail"`
}

// Make turns a report into a body. What the listing leaves out comes from the report.
func Make(r *evidence.Report, l Listing) Body {
	if l.Name == "" {
		l.Name = r.Server.Name
	}
	if l.Transport == "" {
		l.Transport = r.Target.Transport
	}
	if l.Category == "" {
		l.Category = "other"
	}
	b := Body{
		Server: l, Tools: []Tool{}, Findings: []Finding{},
		Audit: Audit{Version: strings.TrimPrefix(r.Program, "killdeer "), Status: "clean", ExitCode: r.Exit.Code, ManifestHash: r.Server.SurfaceHash},
	}
	if len(r.Findings) > 0 {
		b.Audit.Status = "findings"
	}
	for _, t := range r.Server.Tools {
		b.Tools = append(b.Tools, Tool{t.Name, t.Description})
	}
	for _, f := range r.Findings {
		b.Findings = append(b.Findings, finding(f))
	}
	return b
}

func finding(f sdk.Finding) Finding {
	out := Finding{Type: kind(f.ID), Severity: "info", Description: f.ID + ": " + f.Title, Detail: f.Object}
	if f.Severity == sdk.SeverityHigh || f.Severity == sdk.SeverityCritical {
		out.Severity = "high"
	}
	if f.Tool != "" {
		out.Detail = strings.TrimSpace(f.Tool + " " + f.Object)
	}
	return out
}

func kind(id string) string {
	switch {
	case slices.Contains([]string{"AUD-M04", "AUD-M05", "AUD-M06"}, id):
		return "rug_pull"
	case slices.Contains([]string{"AUD-C01", "AUD-F05"}, id):
		return "sensitive_file_read"
	case slices.Contains([]string{"AUD-C02", "AUD-C03", "AUD-C06", "AUD-N01", "AUD-N02", "AUD-N03", "AUD-N05", "AUD-N07"}, id):
		return "network_egress"
	}
	return "other"
}

// Send posts a body to the dashboard at base and returns what it answered. An answer
// that is no success is an error.
func Send(ctx context.Context, base, token string, b Body) (string, error) {
	u, err := url.Parse(base)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil {
		return "", errors.New("push report: want the dashboard's address as https://HOST, without a user")
	}
	text, err := json.Marshal(b)
	if err != nil {
		return "", fmt.Errorf("push report: %w", err)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, Timeout, fmt.Errorf("no answer within %v", Timeout))
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.JoinPath("api", "audits").String(), bytes.NewReader(text))
	if err != nil {
		return "", fmt.Errorf("push report: %w", err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(req)
	if err != nil {
		return "", fmt.Errorf("push report: %w", err)
	}
	defer resp.Body.Close()
	answer, _ := io.ReadAll(io.LimitReader(resp.Body, maxAnswer)) // the status alone decides
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return "", fmt.Errorf("push report: the dashboard answered %s: %q", resp.Status, answer)
	}
	return string(answer), nil
}
