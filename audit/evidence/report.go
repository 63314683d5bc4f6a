package evidence

import (
	"time"

	"github.com/killdeer-mcp/killdeer/sdk"
)

// ReportVersion is the version of [Report]'s layout.
const ReportVersion = 1

// Report is one audit as its reader gets it: what every format shows. It holds no
// planted value. What differs from run to run stands in Run, in members that begin
// with "at" or end in "_ms", and in process ids; a normalised report has none of it.
type Report struct {
	Version int        `json:"version"` // of this layout: 1
	Program string     `json:"program"` // killdeer and its version
	Seed    string     `json:"seed"`
	Target  Target     `json:"target"`
	Machine Machine    `json:"machine"`
	Server  Identity   `json:"server"`
	Exit    ExitStatus `json:"exit"`

	// Outcome is clean, findings, inconclusive or failed.
	Outcome  string         `json:"outcome"`
	Reasons  []string       `json:"reasons"`
	Coverage Coverage       `json:"coverage"`
	Passes   []PassSummary  `json:"passes"`
	Tools    []ToolRow      `json:"tools"`
	Findings []sdk.Finding  `json:"findings"`
	Faults   []sdk.Finding  `json:"operational"` // AUD-T*: of the audit, never risks
	Set      []sdk.Finding  `json:"suppressed"`  // findings that the policy sets aside
	Not      []string       `json:"not_exercised"`
	Ignored  map[string]int `json:"ignored"` // observations that no finding came of, by reason

	Calls     []CallSummary `json:"calls"`
	Processes []Process     `json:"processes"`
	Network   []Endpoint    `json:"network"`
	Seen      Allow         `json:"seen"` // what a policy would have to allow for all of it
	Lock      LockStatus    `json:"lock"`
	Locked    *LockedServer `json:"locked,omitempty"` // what a lock of this audit says
	Run       *RunTimes     `json:"run,omitempty"`
}

// Identity is what a server says that it is.
type Identity struct {
	Name         string          `json:"name"`
	Version      string          `json:"version,omitempty"`
	Protocol     string          `json:"protocol,omitempty"`
	Instructions string          `json:"instructions,omitempty"`
	SurfaceHash  string          `json:"surface_sha256,omitempty"` // of all that it declares
	Tools        []DeclaredTool  `json:"tools"`
	Counts       DeclaredSurface `json:"counts"`
}

// DeclaredTool is a tool in its server's words, cut to a bearable length.
type DeclaredTool struct {
	Name        string `json:"name"`
	Title       string `json:"title,omitempty"`
	Description string `json:"description,omitempty"`
}

// DeclaredSurface counts what a server offers.
type DeclaredSurface struct {
	Tools     int `json:"tools"`
	Resources int `json:"resources"`
	Templates int `json:"templates"`
	Prompts   int `json:"prompts"`
}

// ExitStatus is the verdict as an exit code, and what it was held against. It is
// the same in every format.
type ExitStatus struct {
	Code        int     `json:"code"`
	Why         string  `json:"why"`
	FailOn      string  `json:"fail_on"`
	MinCoverage float64 `json:"min_coverage"`
}

// PassSummary is one pass in a line.
type PassSummary struct {
	Name         string `json:"name"`
	Change       string `json:"change"`
	Clock        string `json:"clock,omitempty"` // what libfaketime was told; empty: the machine's clock
	Traced       bool   `json:"traced"`
	Calls        int    `json:"calls"`
	CallsOK      int    `json:"calls_ok"`
	Observations int    `json:"observations"`
	Lost         uint64 `json:"lost"`
	Ended        string `json:"ended,omitempty"` // how the server did
	TookMS       int64  `json:"took_ms"`
}

// CallSummary is one call on the time line of its pass.
type CallSummary struct {
	Pass     string   `json:"pass"`
	N        int      `json:"n"`
	Kind     string   `json:"kind"`
	Name     string   `json:"name"`
	Case     string   `json:"case"`
	Outcome  string   `json:"outcome"`
	Findings []string `json:"findings,omitempty"` // ids
	AtMS     int64    `json:"at_ms"`              // since the pass began
	TookMS   int64    `json:"took_ms"`
}

// Process is one process of the server's tree, and what it ran.
type Process struct {
	Pass    string   `json:"pass"`
	N       int      `json:"n"`      // from 1, in the order of their beginning
	Parent  int      `json:"parent"` // its N; 0: none of the tree
	Command []string `json:"command"`
	Call    int      `json:"call,omitempty"` // in which it began
	Status  string   `json:"status,omitempty"`
	PID     int      `json:"pid,omitempty"`
}

// Endpoint is one place that the server spoke to, or tried to.
type Endpoint struct {
	Name  string   `json:"name"` // host name, else address
	Port  int      `json:"port"`
	Proto string   `json:"proto"` // tcp, udp or dns
	TLS   bool     `json:"tls,omitempty"`
	Count int      `json:"count"`
	Bytes int      `json:"bytes"` // that it sent
	Tools []string `json:"tools"` // during whose calls; "" is outside of calls
	Error string   `json:"refused,omitempty"`
}

// LockStatus says how an audit stands to the lock file.
type LockStatus struct {
	File    string       `json:"file,omitempty"`
	State   string       `json:"state"` // none, new, same, drift or updated
	Changes []LockChange `json:"changes"`
	// Enforced is whether drift decides the exit code.
	Enforced bool `json:"enforced,omitempty"`
}

// LockChange is one difference between a lock and an audit.
type LockChange struct {
	Path   string `json:"path"` // tools.echo.description, tools.echo.behaviour.hosts, ...
	Change string `json:"change"`
	Old    string `json:"old,omitempty"`
	New    string `json:"new,omitempty"`
}

// RunTimes says when an audit ran and where its time went.
type RunTimes struct {
	Started time.Time `json:"started"`
	TookMS  int64     `json:"took_ms"`
	Stages  []Stage   `json:"stages"` // in their order
}

// Stage is a part of an audit's time.
type Stage struct {
	Name   string `json:"name"`
	TookMS int64  `json:"took_ms"`
}
