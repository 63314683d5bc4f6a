package judge

import (
	"fmt"
	"path"
	"slices"

	"github.com/killdeer-mcp/killdeer/audit/evidence"
	"github.com/killdeer-mcp/killdeer/sdk"
)

// judgeInstall reports what a package runs when it is installed. That it builds
// itself in its own folder is worth a line, more is worth a look.
func (c *court) judgeInstall(p *pass) {
	if p.Name != evidence.InstallPass {
		return
	}
	f := sdk.Finding{ID: "AUD-S01", Severity: info, Title: "runs scripts when it is installed", Object: p.Change}
	for _, k := range p.Files {
		if k.Change == "mode" || c.ofNPM(p, k.Path) {
			continue
		}
		f.Severity, f.Title = medium, "runs scripts when it is installed, which write outside of its folder"
		f.Evidence = append(f.Evidence, k.Path+" was "+k.Change)
	}
	for _, n := range p.Net {
		if n.Proto != "unix" && !isResolver(&n) {
			f.Severity = medium
			f.Evidence = append(f.Evidence, fmt.Sprintf("%d bytes sent to %s", n.SentSize, hostPort(c.shown(p, c.hostOfFlow(p, &n)), n.Port)))
		}
	}
	slices.Sort(f.Evidence)
	f.Evidence = slices.Compact(f.Evidence)
	f.Evidence = f.Evidence[:min(len(f.Evidence), maxEvidence)]
	c.report(p, p.during(evidence.Install, 0), f)
}

// ofNPM reports whether a file is where npm and the package itself write.
func (c *court) ofNPM(p *pass, name string) bool {
	return within(name, path.Join(p.Home, ".npm")) || within(name, path.Join(p.Home, ".cache")) || within(name, "/tmp") ||
		slices.ContainsFunc(c.audit.Target.Install, func(d string) bool { return within(name, d) })
}

// judgePinned reports a command line under which tomorrow another program may run.
func (c *court) judgePinned() {
	if t := c.audit.Target; t.Unpinned {
		c.report(nil, moment{}, sdk.Finding{
			ID: "AUD-S02", Title: "the command line names no version of " + t.Package, Object: t.Package,
			Evidence: []string{"another version may run next time"},
		})
	}
}
