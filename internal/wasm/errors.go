package wasm

import (
	"errors"
	"fmt"
	"strings"
	"unicode"

	"github.com/killdeer-mcp/killdeer/internal/wasm/meter"
)

// maxDetail bounds how much text of a guest's making an error may carry.
const maxDetail = 256

// The reasons a module is refused.
const (
	CodeTooBig      = "too_big"     // the file is larger than Limits.Module
	CodeNotWasm     = "not_wasm"    // no WebAssembly header
	CodeComponent   = "component"   // a component, not a core module
	CodeTableLimit  = "table_limit" // a table's minimum size, or too many tables
	CodeCompile     = "compile"     // malformed, invalid, over a limit, or too long to compile
	CodeImport      = "import"      // an import that no guest is offered
	CodeImportType  = "import_type" // an offered import with another type
	CodeMemory      = "memory"      // no exported memory
	CodeEntry       = "entry"       // neither killdeer_call nor _start
	CodeEntryBoth   = "entry_both"  // both of them
	CodeEntryType   = "entry_type"  // an entry with another type
	CodeInstantiate = "instantiate" // start code trapped, exited or ran too long
)

// LoadError says why a module was refused. Detail may quote names from the
// module, clipped and printable.
type LoadError struct {
	Code   string
	Detail string
}

// Error names the cause, and what the module's author can do about it.
func (e *LoadError) Error() string {
	return "load guest: " + e.Code + ": " + e.Detail + "; " + remedy(e.Code, e.Detail)
}

func refuse(code, format string, args ...any) *LoadError {
	return &LoadError{Code: code, Detail: clip(fmt.Sprintf(format, args...))}
}

// faultCodes has the code of each fault that a file can have.
var faultCodes = map[meter.Fault]string{
	meter.Malformed: CodeCompile, meter.NotWasm: CodeNotWasm, meter.Component: CodeComponent,
	meter.Tables: CodeTableLimit, meter.ImportKind: CodeImportType,
}

// refusal is a LoadError for what package meter says.
func refusal(err error) *LoadError {
	if e, ok := errors.AsType[*meter.Error](err); ok {
		return refuse(faultCodes[e.Fault], "%s", e.Detail)
	}
	return refuse(CodeCompile, "%v", err)
}

// What [CallError] wraps. Callers branch on these with errors.Is.
var (
	ErrTimeout  = errors.New("guest ran past its deadline")
	ErrTrap     = errors.New("guest trapped")
	ErrOutput   = errors.New("guest output is over its limit")
	ErrStatus   = errors.New("guest returned a status other than 0")
	ErrBusy     = errors.New("no turn before the caller gave up")
	ErrDegraded = errors.New("guest is degraded after repeated failures")
	ErrInput    = errors.New("input is over its limit")
	ErrClosed   = errors.New("guest is closed")
)

// CallError says why a call gave no output. Code is one of timeout, trap,
// output, status, busy, degraded, input and closed. Err wraps the sentinel of
// that code.
type CallError struct {
	Code string
	Err  error
}

func (e *CallError) Error() string { return "call guest: " + e.Err.Error() }

// Unwrap returns Err.
func (e *CallError) Unwrap() error { return e.Err }

var callCodes = map[error]string{
	ErrTimeout: "timeout", ErrTrap: "trap", ErrOutput: "output", ErrStatus: "status",
	ErrBusy: "busy", ErrDegraded: "degraded", ErrInput: "input", ErrClosed: "closed",
}

// failed builds a CallError around a sentinel. The cause is rendered, not
// wrapped: wazero's errors carry stack traces full of the guest's names.
func failed(sentinel error, cause string) *CallError {
	err := sentinel
	if cause != "" {
		err = fmt.Errorf("%w: %s", sentinel, clip(cause))
	}
	return &CallError{Code: callCodes[sentinel], Err: err}
}

// clip makes s fit for one log line: the first line, printable, bounded.
func clip(s string) string {
	s, _, _ = strings.Cut(s, "\n")
	if len(s) > maxDetail {
		s = s[:maxDetail]
	}
	return strings.Map(func(r rune) rune {
		if r == unicode.ReplacementChar || !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, s)
}
