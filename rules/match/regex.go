package match

import (
	"regexp/syntax"

	"github.com/killdeer-mcp/killdeer/sdk"
)

// MaxProgram bounds what the expressions of one condition compile to, in
// instructions: short ones with repetitions can stand for millions.
const MaxProgram = 10_000

// Weight is about how many instructions the expressions of a condition compile
// to; beyond MaxProgram it is only known that there are more. What is no
// expression weighs nothing.
func Weight(m sdk.Match) (n int) {
	for _, expr := range m.Regex {
		if len(expr) > MaxEntry {
			continue
		}
		if re, err := syntax.Parse(expr, syntax.Perl); err == nil {
			n += weight(re)
		}
		if n > MaxProgram {
			break
		}
	}
	return n
}

func weight(re *syntax.Regexp) int {
	n := 1
	if re.Op == syntax.OpLiteral {
		n = len(re.Rune)
	}
	for _, sub := range re.Sub {
		if n += weight(sub); n > MaxProgram {
			return n
		}
	}
	if re.Op == syntax.OpRepeat {
		n *= max(1, re.Min, re.Max)
	}
	return n
}
