package rules

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/killdeer-mcp/killdeer/sdk"
)

// Limits on a guest's reply to evaluate, and on what of it is kept.
const (
	maxReply   = 1 << 20
	maxHits    = 64
	maxSubject = 256
	maxReason  = 512
	maxPath    = 256
	maxSnippet = 256
	maxRaw     = 2 * maxSnippet // of a snippet that is yet to be redacted
	maxCount   = 1 << 30
)

var severities = []sdk.Severity{
	sdk.SeverityInfo, sdk.SeverityLow, sdk.SeverityMedium, sdk.SeverityHigh, sdk.SeverityCritical,
}

func severityRank(s sdk.Severity) (int, error) {
	i := slices.Index(severities, s)
	if i < 0 {
		return 0, fmt.Errorf("severity is %q, want info, low, medium, high or critical", cut(string(s), maxTitle))
	}
	return i, nil
}

func checkConfidence(c sdk.Confidence) error {
	switch c {
	case sdk.ConfidenceLow, sdk.ConfidenceMedium, sdk.ConfidenceHigh:
		return nil
	}
	return fmt.Errorf("confidence is %q, want low, medium or high", cut(string(c), maxTitle))
}

// parseReply decodes a guest's hits and fills in each rule's defaults. One bad
// hit spoils the reply: a guest that is wrong about one is not believed at all.
func (p *pack) parseReply(b []byte) ([]sdk.Hit, error) {
	if len(b) > maxReply {
		return nil, fmt.Errorf("reply of %d bytes, at most %d", len(b), maxReply)
	}
	if string(b) == `{"hits":[]}` {
		return nil, nil // nearly always
	}
	var reply struct {
		Hits  *[]sdk.Hit `json:"hits"`
		Error *struct {
			Kind    string `json:"kind"`
			Message string `json:"message"`
		} `json:"error"`
	}
	if err := json.Unmarshal(b, &reply); err != nil {
		return nil, fmt.Errorf("decode reply: %w", err)
	}
	switch {
	case reply.Error != nil:
		return nil, fmt.Errorf("guest answered with an error: %q: %q", cut(reply.Error.Kind, maxTitle), cut(reply.Error.Message, maxTitle))
	case reply.Hits == nil:
		return nil, errors.New("reply has no hits")
	case len(*reply.Hits) > maxHits:
		return nil, fmt.Errorf("%d hits, at most %d", len(*reply.Hits), maxHits)
	}
	for i := range *reply.Hits {
		if err := p.complete(&(*reply.Hits)[i]); err != nil {
			return nil, fmt.Errorf("hit %d: %w", i, err)
		}
	}
	return *reply.Hits, nil
}

// complete validates a hit and gives it the defaults of its rule.
func (p *pack) complete(h *sdk.Hit) error {
	r := p.rules[h.Rule]
	if r == nil {
		return fmt.Errorf("unknown rule %q", cut(h.Rule, maxTitle))
	}
	if h.Severity == "" {
		h.Severity = r.info.Severity
	}
	if _, err := severityRank(h.Severity); err != nil {
		return err
	}
	if h.Confidence == "" {
		h.Confidence = r.info.Confidence
	}
	if err := checkConfidence(h.Confidence); err != nil {
		return err
	}
	if h.Count < 0 || h.Count > maxCount {
		return fmt.Errorf("count is %d, want 0 to %d", h.Count, maxCount)
	}
	h.Count = max(h.Count, 1)
	h.Subject, h.Reason = clean(h.Subject, maxSubject), clean(h.Reason, maxReason)
	if h.Evidence != nil {
		h.Evidence.Path, h.Evidence.Snippet = clean(h.Evidence.Path, maxPath), clean(h.Evidence.Snippet, maxRaw)
	}
	return nil
}

// clean makes s valid text of at most n bytes that holds nothing of what it was
// cut from.
func clean(s string, n int) string {
	if len(s) > n {
		s = strings.Clone(cut(s, n))
	}
	return cut(strings.ToValidUTF8(s, "\uFFFD"), n)
}
