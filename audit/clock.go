package audit

import (
	"context"
	"os/exec"
	"strings"
	"time"

	"github.com/killdeer-mcp/killdeer/audit/evidence"
	"github.com/killdeer-mcp/killdeer/sdk"
)

// clock is how libfaketime is told to run ahead.
type clock struct {
	spec string
	env  []string
}

// clockSpec sets the date 400 days ahead and lets a thousand seconds pass in one.
const clockSpec = "+400d x1000"

// findClock finds libfaketime by the program that comes with it, or says why not.
func findClock(ctx context.Context) (clock, string) {
	program, err := exec.LookPath("faketime")
	if err != nil {
		return clock{}, "faketime is not installed (apt-get install faketime)"
	}
	ctx, stop := context.WithTimeout(ctx, 10*time.Second)
	defer stop()
	out, err := exec.CommandContext(ctx, program, "-m", "-f", "+0 x1", "env").Output()
	if err != nil {
		return clock{}, "faketime does not work: " + err.Error()
	}
	for line := range strings.Lines(string(out)) {
		if lib, ok := strings.CutPrefix(strings.TrimSpace(line), "LD_PRELOAD="); ok {
			return clock{clockSpec, []string{"LD_PRELOAD=" + lib, "FAKETIME=" + clockSpec, "FAKETIME_NO_CACHE=1"}}, ""
		}
	}
	return clock{}, "faketime does not name its library"
}

// tookEffect reports whether a program of the server's loaded libfaketime. A static
// one does not.
func tookEffect(p *evidence.Pass) bool {
	for i := range p.Observations {
		o := &p.Observations[i]
		if o.Kind == sdk.ObservedOpen && !o.PreExec && o.Ret >= 0 && strings.Contains(o.Path, "libfaketime") {
			return true
		}
	}
	return !p.Traced // nobody saw
}
