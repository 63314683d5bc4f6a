// Package policy reads and writes audit.toml: what the user of an MCP server allows
// it, and which findings were looked at and are set aside.
//
// It reads strictly and reports all faults of a file at once, each with its line.
// It also writes what was observed as a policy and as a permission profile for
// ToolHive. It does not decide what a policy allows; package judge does.
package policy

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/killdeer-mcp/killdeer/audit/evidence"
	"github.com/killdeer-mcp/killdeer/internal/tomltext"
)

// The limits of a policy.
const (
	MaxFile    = 1 << 20
	maxEntries = 1024
	maxText    = 4096
	maxShown   = 80
)

var (
	topKeys      = []string{"allow", "suppress"}
	allowKeys    = []string{"net", "read", "write", "exec", "env"}
	suppressKeys = []string{"id", "tool", "object", "reason", "expires"}

	findingID = regexp.MustCompile(`^AUD-[A-Z][0-9]{2}$`)
	envName   = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
)

// A Fault is one thing that is wrong with a policy.
type Fault struct {
	File string
	Line int // from 1; 0: of no line
	Msg  string
}

// Error returns "file:line: message".
func (f Fault) Error() string {
	if f.Line == 0 {
		return f.File + ": " + f.Msg
	}
	return f.File + ":" + strconv.Itoa(f.Line) + ": " + f.Msg
}

// Load reads the policy at name.
func Load(name string) (*evidence.Policy, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("read policy: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, MaxFile+1))
	if err != nil {
		return nil, fmt.Errorf("read policy %q: %w", name, err)
	}
	return Parse(name, data)
}

// Parse reads the text of a policy. Its error joins a [Fault] for all that is wrong,
// in the order of the lines, and carries name as their file.
func Parse(name string, data []byte) (*evidence.Policy, error) {
	if len(data) > MaxFile {
		return nil, Fault{File: name, Msg: fmt.Sprintf("larger than %d MiB", MaxFile>>20)}
	}
	tree, lines, err := tomltext.Parse(string(data))
	if se, ok := errors.AsType[*tomltext.SyntaxError](err); ok {
		return nil, Fault{File: name, Line: se.Line, Msg: se.Msg}
	}
	r := &reader{file: name, lines: lines}
	p := r.policy(tree)
	if len(r.faults) > 0 {
		return nil, r.err()
	}
	return p, nil
}

// reader turns a tree of values into a policy and gathers what does not fit.
type reader struct {
	file   string
	lines  map[string]int
	faults []Fault
}

func (r *reader) err() error {
	slices.SortStableFunc(r.faults, func(a, b Fault) int { return cmp.Compare(a.Line, b.Line) })
	errs := make([]error, len(r.faults))
	for i, f := range r.faults {
		errs[i] = f
	}
	return errors.Join(errs...)
}

// add notes a fault of a path, or of what holds it when it has no line.
func (r *reader) add(at, format string, args ...any) {
	msg := strings.ReplaceAll(fmt.Sprintf(format, args...), "\n", " ")
	r.faults = append(r.faults, Fault{r.file, r.lines[at], at + ": " + msg})
}

func shown(s string) string {
	if len(s) > maxShown {
		s = strings.ToValidUTF8(s[:maxShown], "") + "..."
	}
	return strconv.Quote(s)
}

func (r *reader) known(at string, table map[string]any, keys []string) {
	for _, key := range slices.Sorted(maps.Keys(table)) {
		if !slices.Contains(keys, key) {
			full := key
			if at != "" || tomltext.JoinPath("", key) != key {
				full = tomltext.JoinPath(at, key)
			}
			r.faults = append(r.faults, Fault{r.file, r.lines[full], fmt.Sprintf("%s: unknown key, want one of %s", clipped(full), strings.Join(keys, ", "))})
		}
	}
}

func clipped(s string) string {
	if len(s) <= maxShown {
		return s
	}
	return strings.ToValidUTF8(s[:maxShown], "") + "..."
}

func (r *reader) policy(tree map[string]any) *evidence.Policy {
	r.known("", tree, topKeys)
	p := &evidence.Policy{}
	if v, ok := tree["allow"]; ok {
		if table, ok := v.(map[string]any); ok {
			p.Allow = r.allow(table)
		} else {
			r.add("allow", "want a table, [allow]")
		}
	}
	if v, ok := tree["suppress"]; ok {
		tables, ok := v.([]map[string]any)
		if !ok || len(tables) > maxEntries {
			r.add("suppress", "want at most %d tables, [[suppress]]", maxEntries)
		}
		for i, table := range tables[:min(len(tables), maxEntries)] {
			p.Suppress = append(p.Suppress, r.suppression(tomltext.EntryPath("suppress", i), table))
		}
	}
	return p
}

func (r *reader) allow(table map[string]any) evidence.Allow {
	r.known("allow", table, allowKeys)
	return evidence.Allow{
		Net:   r.list(table, "net", checkHost),
		Read:  r.list(table, "read", checkPath),
		Write: r.list(table, "write", checkPath),
		Exec:  r.list(table, "exec", checkPattern),
		Env:   r.list(table, "env", checkEnv),
	}
}

func (r *reader) list(table map[string]any, key string, check func(string) error) []string {
	v, ok := table[key]
	if !ok {
		return nil
	}
	at := "allow." + key
	entries, ok := v.([]any)
	if !ok || len(entries) > maxEntries {
		r.add(at, "want an array of at most %d strings", maxEntries)
		return nil
	}
	var list []string
	for i, e := range entries {
		s, ok := e.(string)
		if !ok || s == "" || len(s) > maxText {
			r.add(tomltext.EntryPath(at, i), "want a string of 1 to %d bytes", maxText)
			continue
		}
		if err := check(s); err != nil {
			r.add(tomltext.EntryPath(at, i), "%v", err)
		}
		list = append(list, s)
	}
	return list
}

func checkHost(s string) error {
	host, port := s, ""
	if i := strings.LastIndexByte(s, ':'); i >= 0 && (strings.HasSuffix(s[:i], "]") || !strings.Contains(s[:i], ":")) {
		host, port = s[:i], s[i+1:]
		if _, err := strconv.ParseUint(port, 10, 16); err != nil {
			return fmt.Errorf("%s: want a port from 0 to 65535", shown(s))
		}
	}
	if host == "" || strings.ContainsAny(host, "/@ \t\r\n") {
		return fmt.Errorf(`want a host or host:port such as "api.example.com:443", got %s`, shown(s))
	}
	return checkPattern(strings.Trim(host, "[]"))
}

func checkPath(s string) error {
	if !strings.HasPrefix(s, "/") && !strings.HasPrefix(s, "~/") && s != "~" {
		return fmt.Errorf(`want a path that begins with "/" or "~/", got %s`, shown(s))
	}
	return checkPattern(s)
}

func checkPattern(s string) error {
	if _, err := path.Match(s, ""); err != nil {
		return fmt.Errorf("%s is no pattern: %w", shown(s), err)
	}
	return nil
}

func checkEnv(s string) error {
	if !envName.MatchString(s) {
		return fmt.Errorf("want the name of a variable, got %s", shown(s))
	}
	return nil
}

func (r *reader) suppression(at string, table map[string]any) evidence.Suppression {
	r.known(at, table, suppressKeys)
	s := evidence.Suppression{
		ID:     r.text(at, table, "id"),
		Tool:   r.text(at, table, "tool"),
		Object: r.text(at, table, "object"),
		Reason: strings.TrimSpace(r.text(at, table, "reason")),
	}
	if !findingID.MatchString(s.ID) {
		r.add(r.place(at, "id"), `want the id of a finding such as "AUD-N01", got %s`, shown(s.ID))
	} else if strings.HasPrefix(s.ID, "AUD-T") {
		r.add(r.place(at, "id"), "%s says how the audit went: it cannot be set aside", s.ID)
	}
	if s.Reason == "" {
		r.add(r.place(at, "reason"), "say why this finding is set aside: reason is mandatory")
	}
	if err := checkPattern(s.Object); err != nil {
		r.add(r.place(at, "object"), "%v", err)
	}
	s.Expires = r.expiry(at, table)
	return s
}

// place is where a key stands, or its table when it is not there.
func (r *reader) place(at, key string) string {
	if full := tomltext.JoinPath(at, key); r.lines[full] > 0 {
		return full
	}
	return at
}

func (r *reader) text(at string, table map[string]any, key string) string {
	v, ok := table[key]
	if !ok {
		return ""
	}
	s, ok := v.(string)
	if !ok || len(s) > maxText {
		r.add(tomltext.JoinPath(at, key), "want a string of at most %d bytes", maxText)
	}
	return s
}

// expiry reads a date, which counts to its end in UTC, or a time; both may stand in
// quotes.
func (r *reader) expiry(at string, table map[string]any) time.Time {
	v, ok := table["expires"]
	if !ok {
		return time.Time{}
	}
	text, _ := v.(string)
	if t, ok := v.(time.Time); ok {
		text = t.Format(time.RFC3339)
		if t.Location().String() == "date-local" { // as the TOML library marks a date alone
			text = t.Format(time.DateOnly)
		}
	}
	if day, err := time.Parse(time.DateOnly, text); err == nil {
		return day.AddDate(0, 0, 1)
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		r.add(tomltext.JoinPath(at, "expires"), "want a date such as 2027-01-31, or a time of RFC 3339, got %s", shown(fmt.Sprint(v)))
	}
	return t.UTC()
}
