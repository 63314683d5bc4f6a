package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/killdeer-mcp/killdeer/packaging"
)

// Every command is in the manual, and those below it where any of them is.
func TestManual(t *testing.T) {
	named := map[string][]string{}
	for line := range strings.Lines(packaging.Manual) {
		if rest, ok := strings.CutPrefix(line, ".It Cm "); ok {
			words := strings.Fields(strings.NewReplacer("Cm ", "", "| ", "").Replace(rest))
			named[words[0]] = words[1:]
		}
	}
	for _, cmd := range (&cli{}).root().Commands() {
		if cmd.Hidden || cmd.Name() == "help" {
			continue
		}
		below, ok := named[cmd.Name()]
		if !ok {
			t.Errorf("killdeer(1) does not name %q", cmd.Name())
		}
		for _, sub := range cmd.Commands() {
			if len(below) > 0 && !sub.Hidden && !slices.Contains(below, sub.Name()) {
				t.Errorf("killdeer(1) does not name %q", cmd.Name()+" "+sub.Name())
			}
		}
	}
}
