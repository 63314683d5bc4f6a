package rules

import (
	"regexp"
	"strings"
)

// What looks like a secret in a piece of evidence. People paste real ones by
// mistake, and a detection travels further than its event, which has the whole.
var (
	named  = regexp.MustCompile(`(?i)(passw(?:or)?d|pwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|authorization|bearer|credentials?)(["']?\s*(?:[=:]|=>|\bis\b)\s*["']?(?:bearer |basic )?|\s+['"])([^\s"'&,;]{4,})`)
	shaped = regexp.MustCompile(`\b(?:AKIA|ASIA)[A-Z0-9]{12,}|\bgh[pousr]_[A-Za-z0-9]{16,}|\bglpat-[\w-]{16,}|\bxox[abeoprs]-[\w-]{8,}|\bsk[-_](?:live_|test_|ant-)?[\w-]{16,}|\bnpm_[A-Za-z0-9]{16,}|\bAIza[\w-]{20,}|\beyJ[\w-]{8,}\.[\w-]{8,}\.?[\w-]*|\b[0-9a-fA-F]{40,}\b`)
)

// redact leaves of each secret the first characters, which say what it is, and
// its length.
func redact(s string) string {
	s = named.ReplaceAllStringFunc(s, func(m string) string {
		i := named.FindStringSubmatchIndex(m)
		return m[:i[6]] + mask(m[i[6]:])
	})
	return shaped.ReplaceAllStringFunc(s, mask)
}

func mask(secret string) string {
	if strings.Contains(secret, "[redacted]") {
		return secret
	}
	return cut(secret, min(4, len(secret)/4)) + "[redacted]"
}
