package policy

import (
	"encoding/json"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/killdeer-mcp/killdeer/audit/evidence"
)

// Learn makes a policy that allows what was observed, and nothing else. It says what
// happened, not what should have: read it before you keep it. What cannot stand in a
// policy is left out.
func Learn(seen evidence.Allow) *evidence.Policy {
	return &evidence.Policy{Allow: evidence.Allow{
		Net:   valid(seen.Net, checkHost),
		Read:  valid(seen.Read, checkPath),
		Write: valid(seen.Write, checkPath),
		Exec:  valid(seen.Exec, checkPattern),
		Env:   valid(seen.Env, checkEnv),
	}}
}

// valid keeps what a policy may hold: the entries are a server's doing.
func valid(list []string, check func(string) error) []string {
	kept := slices.DeleteFunc(sorted(list), func(s string) bool { return s == "" || len(s) > maxText || check(s) != nil })
	return kept[:min(len(kept), maxEntries)]
}

func sorted(list []string) []string {
	list = slices.Clone(list)
	slices.Sort(list)
	return slices.Compact(list)
}

// Format writes a policy as the text of audit.toml.
func Format(p *evidence.Policy) []byte {
	var b strings.Builder
	b.WriteString("# What was observed in an audit. Read it: whatever stands here is allowed from now on.\n\n[allow]\n")
	for _, l := range []struct {
		key, comment string
		entries      []string
	}{
		{"net", "host, or host:port", p.Allow.Net},
		{"read", `paths as the server sees them; "/**" at the end takes all below`, p.Allow.Read},
		{"write", "", p.Allow.Write},
		{"exec", "programs", p.Allow.Exec},
		{"env", "variables that may be handed out", p.Allow.Env},
	} {
		if l.comment != "" {
			fmt.Fprintf(&b, "# %s\n", l.comment)
		}
		quoted := make([]string, len(l.entries))
		for i, e := range l.entries {
			quoted[i] = quote(e)
		}
		fmt.Fprintf(&b, "%s = [%s]\n", l.key, strings.Join(quoted, ", "))
	}
	for _, s := range p.Suppress {
		formatSuppression(&b, s)
	}
	return []byte(b.String())
}

func formatSuppression(b *strings.Builder, s evidence.Suppression) {
	fmt.Fprintf(b, "\n[[suppress]]\nid = %s\n", quote(s.ID))
	if s.Tool != "" {
		fmt.Fprintf(b, "tool = %s\n", quote(s.Tool))
	}
	if s.Object != "" {
		fmt.Fprintf(b, "object = %s\n", quote(s.Object))
	}
	fmt.Fprintf(b, "reason = %s\n", quote(s.Reason))
	if !s.Expires.IsZero() {
		fmt.Fprintf(b, "expires = %s\n", s.Expires.UTC().Format("2006-01-02T15:04:05Z"))
	}
}

// quote writes a basic string of TOML, everything beyond ASCII and what does not
// print as an escape: the text may be a hostile server's.
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range strings.ToValidUTF8(s, "\ufffd") {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r >= ' ' && r <= '~':
			b.WriteRune(r)
		case r <= 0xffff:
			fmt.Fprintf(&b, `\u%04X`, r)
		default:
			fmt.Fprintf(&b, `\U%08X`, r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// profile is a permission profile of ToolHive.
type profile struct {
	Name    string   `json:"name"`
	Read    []string `json:"read"`
	Write   []string `json:"write"`
	Network struct {
		Outbound struct {
			InsecureAllowAll bool     `json:"insecure_allow_all"`
			AllowHost        []string `json:"allow_host"`
			AllowPort        []int    `json:"allow_port"`
		} `json:"outbound"`
	} `json:"network"`
}

// ToolHive writes what a policy allows as a permission profile for "thv run
// --permission-profile". The form knows hosts and ports apart, and neither programs
// nor variables: it allows at least what the policy does.
func ToolHive(name string, p *evidence.Policy) ([]byte, error) {
	f := profile{Name: name, Read: append([]string{}, p.Allow.Read...), Write: append([]string{}, p.Allow.Write...)}
	hosts, ports := []string{}, []int{}
	for _, entry := range p.Allow.Net {
		host, port, err := net.SplitHostPort(entry)
		if err != nil {
			host = entry
		} else if n, err := strconv.Atoi(port); err == nil {
			ports = append(ports, n)
		}
		// ToolHive writes "all below" with a leading dot.
		if rest, ok := strings.CutPrefix(host, "*."); ok {
			host = "." + rest
		}
		hosts = append(hosts, host)
	}
	slices.Sort(ports)
	slices.Sort(hosts)
	f.Network.Outbound.AllowHost, f.Network.Outbound.AllowPort = slices.Compact(hosts), slices.Compact(ports)
	b, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("write permission profile: %w", err)
	}
	return append(b, '\n'), nil
}
