package meter

import "fmt"

// Fault is what is wrong with a file.
type Fault int

// The faults. Malformed stands for all that a compiler would refuse too, and for what
// is over a limit.
const (
	Malformed  Fault = iota
	NotWasm          // no WebAssembly header
	Component        // a component, not a core module
	Tables           // a table's minimum size, or too many tables
	ImportKind       // an import that is not a function
)

// Error says why a module was refused. Detail may quote names from the module, of any
// length.
type Error struct {
	Fault  Fault
	Detail string
}

// Error implements error.
func (e *Error) Error() string { return "read a WebAssembly module: " + e.Detail }

func fault(f Fault, format string, args ...any) *Error {
	return &Error{Fault: f, Detail: fmt.Sprintf(format, args...)}
}
