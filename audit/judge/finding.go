package judge

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"iter"
	"maps"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/killdeer-mcp/killdeer/audit/evidence"
	"github.com/killdeer-mcp/killdeer/audit/judge/canary"
	"github.com/killdeer-mcp/killdeer/sdk"
)

const (
	maxFindings = 2000 // different ones of an audit
	maxEvidence = 8    // lines of one finding
	maxObject   = 300  // bytes
	maxArgs     = 4 << 10
)

// report adds a finding, or counts it again. The rest of its fields come from f.
func (c *court) report(p *pass, m moment, f sdk.Finding) {
	k := kinds[f.ID]
	again := strings.Join([]string{f.ID, cmp.Or(f.Tool, m.tool()), f.Object, string(f.Severity), string(f.Confidence), passName(p)}, "\x00")
	if old := c.known[again]; old != nil {
		old.Count++
		if p != nil && old.Pass == p.Name {
			old.LastMS = max(old.LastMS, p.offset(m.at))
		}
		return
	}
	f.Severity = cmp.Or(f.Severity, k.severity)
	if !strings.HasPrefix(f.ID, "AUD-T") && !c.room(f.Severity) {
		c.ignored[tooMany]++
		return
	}
	f.Confidence = cmp.Or(f.Confidence, sdk.FindingObserved)
	f.Object = c.plain(p, f.Object)
	f.Title = c.plain(p, f.Title)
	f.Tool = c.redact.text(cmp.Or(f.Tool, m.tool()))
	f.Fix, f.OWASP, f.Attack = k.fix, k.owasp, k.attack
	for i := range f.Evidence {
		f.Evidence[i] = c.plain(p, f.Evidence[i])
	}
	for i := range f.Processes {
		f.Processes[i] = c.redact.text(f.Processes[i])
	}
	if f.Claim != nil {
		f.Claim.Quote = c.redact.text(f.Claim.Quote)
	}
	f.Provenance = cmp.Or(f.Provenance, string(none))
	if p != nil {
		c.place(p, m, &f)
	}
	f.Count = 1
	f.Fingerprint = key(f.ID, f.Tool, f.Object)
	c.known[again] = c.merge(f)
}

func passName(p *pass) string {
	if p == nil {
		return ""
	}
	return p.Name
}

// place says where in the audit a finding is, and how to see it again.
func (c *court) place(p *pass, m moment, f *sdk.Finding) {
	f.Pass, f.Phase = p.Name, string(m.phase)
	f.OffsetMS = p.offset(m.at)
	f.FirstMS, f.LastMS = f.OffsetMS, f.OffsetMS
	if m.call != nil {
		f.Call = m.call.N
		f.Args = c.redact.json(m.call.Args)
	}
	f.Replay = c.replay(p)
}

// room reports whether a finding may be listed: there is room, or there may be a less
// grave one that gives way.
func (c *court) room(s sdk.Severity) bool { return len(c.found) < maxFindings || rank[s] < c.least }

const tooMany = "more findings than are listed"

// list adds a finding. Where there is no room, the least grave one makes some: a flood
// of small ones hides no grave one.
func (c *court) list(f *sdk.Finding) {
	if strings.HasPrefix(f.ID, "AUD-T") {
		if len(c.ops) < maxFindings {
			c.ops[f.Fingerprint] = f
		}
		return
	}
	if len(c.found) >= maxFindings {
		c.ignored[tooMany]++
		last := leastOf(c.found)
		if c.least = rank[last.Severity]; rank[f.Severity] >= c.least {
			return
		}
		delete(c.found, last.Fingerprint)
	}
	c.found[f.Fingerprint] = f
}

// leastOf finds the finding that matters least, the same in every run.
func leastOf(m map[string]*sdk.Finding) (last *sdk.Finding) {
	for _, f := range m {
		if last == nil || cmp.Or(cmp.Compare(rank[f.Severity], rank[last.Severity]), strings.Compare(f.Fingerprint, last.Fingerprint)) > 0 {
			last = f
		}
	}
	return last
}

// merge keeps the first of equal findings, and the gravest severity.
func (c *court) merge(f sdk.Finding) *sdk.Finding {
	into := c.found
	if strings.HasPrefix(f.ID, "AUD-T") {
		into = c.ops
	}
	old := into[f.Fingerprint]
	if old == nil {
		c.list(&f)
		return &f
	}
	old.Count++
	if rank[f.Severity] < rank[old.Severity] {
		old.Severity = f.Severity
		old.Title = f.Title
	}
	if f.Confidence == sdk.FindingObserved {
		old.Confidence = f.Confidence
	}
	if f.Pass == old.Pass {
		old.FirstMS, old.LastMS = min(old.FirstMS, f.FirstMS), max(old.LastMS, f.LastMS)
	}
	for _, e := range f.Evidence {
		if len(old.Evidence) < maxEvidence && !slices.Contains(old.Evidence, e) {
			old.Evidence = append(old.Evidence, e)
		}
	}
	return old
}

// key is a finding's fingerprint.
func key(id, tool, object string) string {
	sum := sha256.Sum256([]byte(id + "\x00" + tool + "\x00" + object))
	return hex.EncodeToString(sum[:8])
}

var changing = regexp.MustCompile(`[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F-]{22,}|\b[0-9a-f]{12,}\b|(/tmp/[\w.-]*?)[A-Za-z0-9]{6,}(?:/|$)|\b\d{6,}\b`)

// plain takes out of a text what changes from run to run: planted values, the home,
// and what looks random.
func (c *court) plain(p *pass, s string) string {
	s = c.redact.text(s)
	if p != nil && p.Home != "" && p.Home != "/" {
		s = strings.ReplaceAll(s, p.Home+"/", "~/")
	}
	s = changing.ReplaceAllString(s, "${1}#")
	if len(s) > maxObject {
		s = strings.ToValidUTF8(s[:maxObject], "") + "..."
	}
	return s
}

// replay is a command that makes the same audit again.
func (c *court) replay(p *pass) string {
	words := []string{"killdeer", "audit", "--seed", quote(c.audit.Seed)}
	if p.Name == "D" {
		words = append(words, "--thorough")
	}
	if len(c.passes) == 1 {
		words = append(words, "--quick")
	}
	if c.audit.Target.URL != "" {
		return strings.Join(append(words, quote(c.audit.Target.URL)), " ")
	}
	words = append(words, "--")
	for _, a := range c.audit.Target.Argv {
		words = append(words, quote(c.redact.text(a)))
	}
	return strings.Join(words, " ")
}

var harmless = regexp.MustCompile(`^[\w@%+=:,./-]+$`)

// quote makes one word of a POSIX shell.
func quote(s string) string {
	if harmless.MatchString(s) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// commands are the command lines of a process and those above it, the server's
// first.
func (p *pass) commands(o *sdk.Observation) (all []string) {
	if o == nil {
		return nil
	}
	for _, x := range p.procs.chain(o.PID, o.MonoNS) {
		line := strings.Join(x.argv, " ")
		if line == "" {
			line = x.path
		}
		all = append(all, cutTo(line, maxObject))
	}
	slices.Reverse(all)
	return slices.Compact(all)
}

// act describes a system call.
func act(o *sdk.Observation, object string) string {
	text := cmp.Or(o.Syscall, string(o.Kind)) + "(" + cutTo(object, maxObject) + ")"
	if o.Errno != "" {
		return text + " = " + o.Errno
	}
	return text + " succeeded"
}

func cutTo(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + "..."
}

func hostPort(host string, port int) string {
	if port == 0 {
		return host
	}
	return net.JoinHostPort(host, strconv.Itoa(port))
}

// redactor takes planted values out of what is reported.
type redactor struct {
	plain   *strings.Replacer
	matcher *canary.Matcher
}

const minRedacted = 6 // bytes of a value: shorter ones are ordinary words

func newRedactor(canaries []evidence.Canary) *redactor {
	var pairs []string
	seen := map[string]bool{}
	for _, k := range canaries {
		for _, v := range k.Values {
			if len(v) >= minRedacted && !seen[v] {
				seen[v] = true
				pairs = append(pairs, v, "[canary "+k.ID+"]")
			}
		}
	}
	return &redactor{strings.NewReplacer(pairs...), canary.New(canaries)}
}

func (r *redactor) text(s string) string {
	if s == "" {
		return s
	}
	s = r.plain.Replace(s)
	if found := r.matcher.Find([]byte(s)); len(found) > 0 {
		return fmt.Sprintf("[canary %s as %s]", found[0].ID, found[0].Encoding)
	}
	return s
}

// json is a call's arguments without planted values, cut to what a report takes.
func (r *redactor) json(raw sdk.RawJSON) sdk.RawJSON {
	if len(raw) == 0 {
		return nil
	}
	s := r.plain.Replace(string(raw))
	if len(s) > maxArgs {
		return sdk.RawJSON(fmt.Sprintf(`{"(cut)":"%d bytes"}`, len(raw)))
	}
	if found := r.matcher.Find([]byte(s)); len(found) > 0 {
		return sdk.RawJSON(fmt.Sprintf(`{"(redacted)":"canary %s"}`, found[0].ID))
	}
	return sdk.RawJSON(s)
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

func mapKeys[V any](m map[string]V) iter.Seq[string] { return maps.Keys(m) }
