// Package audit runs a real MCP server in a sealed box, has it exercised and
// watched, and returns a report of what it did against what it says.
//
// It puts the parts below it together: sandbox, tracer, exercise, judge and report.
// It decides no exit code, prints nothing, and writes files only below
// [Options.Out].
package audit

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/killdeer-mcp/killdeer/audit/evidence"
)

// ErrSetup is wrapped by errors of a machine on which the server cannot be sealed or
// traced. Their text says why, and what to do about it.
var ErrSetup = errors.New("the audit cannot be set up")

// Depth is how many passes an audit makes.
type Depth string

// The depths.
const (
	Quick    Depth = "quick"    // pass A
	Default  Depth = "default"  // passes A, B, C and E
	Thorough Depth = "thorough" // all
)

// The tracers by name. TracerNone watches by canaries, sinkhole and files only.
const (
	TracerAuto = "auto"
	TracerNone = "none"
)

// Options say what to audit and how.
type Options struct {
	Argv      []string // of a server that is started
	URL       string   // of one that runs elsewhere: its texts only
	Manifest  []byte   // a saved answer to tools/list: its texts only
	Transport string   // stdio, streamable-http or sse
	Env       []string // names of variables that it wants; it gets made-up values
	Dir       string   // that relative paths of Argv are taken from; empty: the current one
	Server    string   // its name in a lock or a client's file; may be empty

	Depth       Depth
	Seed        string // empty: a new one
	Tracer      string // a name, TracerAuto or TracerNone
	Sandbox     bool   // false runs the server as it is, on this machine
	CallTimeout time.Duration
	Budget      time.Duration // of the whole audit
	// Tracers are the folders in which the programs of tracers are sought.
	Tracers []string
	// Cache is a folder for packages that are fetched; empty: the user's own.
	Cache string

	Policy *evidence.Policy // may be nil
	Lock   *evidence.Lock   // may be nil
	Others []string         // names of other servers of the same client

	Out      string                              // folder for what was gathered; empty: none
	Program  string                              // killdeer and its version
	Progress func(stage string, done, total int) // may be nil
	Log      *slog.Logger
}

// Runner is what runs an audit. An audit that ended early, in its budget or with the
// server, still has a report; an error means that there is none.
type Runner func(ctx context.Context, o Options) (*evidence.Report, error)
