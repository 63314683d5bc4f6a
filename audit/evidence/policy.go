package evidence

import (
	"time"

	"github.com/killdeer-mcp/killdeer/sdk"
)

// Policy is what a server's user allows it, and what they have looked at already.
// Patterns are those of path.Match, and "/**" at an end takes everything below.
type Policy struct {
	Allow    Allow         `json:"allow"`
	Suppress []Suppression `json:"suppress,omitempty"`
}

// Allow is what a server may do. It is the highest of declarations.
type Allow struct {
	Net   []string `json:"net,omitempty"`   // host or host:port; "*.example.com" takes all below
	Read  []string `json:"read,omitempty"`  // paths as the server sees them; "~/" is its home
	Write []string `json:"write,omitempty"` // paths
	Exec  []string `json:"exec,omitempty"`  // names of programs, or paths
	Env   []string `json:"env,omitempty"`   // names of variables that may be handed out
}

// Suppression sets one finding aside. Empty fields take everything.
type Suppression struct {
	ID      string    `json:"id"` // AUD-N01
	Tool    string    `json:"tool,omitempty"`
	Object  string    `json:"object,omitempty"` // pattern
	Reason  string    `json:"reason"`           // never empty
	Expires time.Time `json:"expires,omitzero"`
}

// Verdict is what a judge makes of an audit.
type Verdict struct {
	Outcome     string         `json:"outcome"` // clean, findings, inconclusive or failed
	Reasons     []string       `json:"reasons,omitempty"`
	Findings    []sdk.Finding  `json:"findings"`
	Operational []sdk.Finding  `json:"operational"` // AUD-T*: never risks
	Suppressed  []sdk.Finding  `json:"suppressed"`  // findings that the policy sets aside
	Coverage    Coverage       `json:"coverage"`
	Tools       []ToolRow      `json:"tools"`
	Ignored     map[string]int `json:"ignored"` // observations that no finding came of, by reason
	Locked      *LockedServer  `json:"locked"`  // what a lock of this audit would say
}

// Coverage is what the audit looked at.
type Coverage struct {
	Passes       []string `json:"passes"`
	Observed     bool     `json:"observed"` // behaviour was: a tracer or the sandbox looked on
	Tools        int      `json:"tools"`
	ToolsCalled  int      `json:"tools_called"`
	ToolsOK      int      `json:"tools_ok"` // that succeeded at least once
	Calls        int      `json:"calls"`
	CallsOK      int      `json:"calls_ok"`
	Ratio        float64  `json:"ratio"` // of tools that succeeded, 0 to 1
	Never        []string `json:"never_ok,omitempty"`
	Observations int      `json:"observations"`
	Lost         uint64   `json:"lost"`
	Refused      []string `json:"tls_refused,omitempty"` // hosts whose payload could not be read
}

// ToolRow sets what a tool declares against what it did.
type ToolRow struct {
	Tool     string   `json:"tool"`
	Declared []string `json:"declared,omitempty"` // fs.read, net, read-only, closed-world, no net, ...
	Observed []string `json:"observed,omitempty"` // reads home (argument), net api.example.com:443 (declared), ...
	Calls    int      `json:"calls"`
	OK       int      `json:"ok"`
	Findings []string `json:"findings,omitempty"` // ids
}
