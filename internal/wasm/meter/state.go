package meter

import "strconv"

// What metering exports for the host. A guest that exports such a name is refused.
const (
	hiddenPrefix = "killdeer.hidden/"
	// HiddenStart is what a start function is exported as, in place of a start
	// section.
	HiddenStart = hiddenPrefix + "start"
)

// Variable is the index of a global that its module may change.
type Variable uint32

// Name is what a metered module exports a variable as.
func (v Variable) Name() string { return hiddenPrefix + strconv.FormatUint(uint64(v), 10) }

// scalar are the types of variables that the host can write.
var scalar = map[string]bool{"i32": true, "i64": true, "f32": true, "f64": true}

// Fixed reports whether an instance's memory and variables are all that a guest
// leaves behind: it writes no table, and drops no segment. Only what has been
// metered can tell.
func (s *Module) Fixed() bool { return len(s.functions) > 0 && !s.unfixed }
