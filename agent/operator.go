package agent

import (
	"crypto/subtle"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/killdeer-mcp/killdeer/agent/config"
	"github.com/killdeer-mcp/killdeer/agent/decoy"
	"github.com/killdeer-mcp/killdeer/sdk"
)

// DemoHeader carries the value that marks requests of "killdeer demo". A running
// sensor draws another one at each start and tells it on its control socket, so that
// nobody else passes for a demonstration.
const DemoHeader = "X-Killdeer-Demo"

// ownTraffic tags the operator's own requests, and those of demonstrations, before
// they are recorded.
type ownTraffic struct {
	decoy.Recorder
	demo    string
	names   []string
	entries []config.Own
}

// ownCommitter is an ownTraffic before a recorder that commits.
type ownCommitter struct {
	ownTraffic
	decoy.Committer
}

// Record tags the event and hands it on.
func (o *ownTraffic) Record(ev *sdk.Event) {
	if ev.Kind == sdk.KindAccess {
		ev.Operator = o.entryOf(ev)
		ev.Demo = strings.Contains(ev.Head, DemoHeader) && hasHeader(ev.Head, DemoHeader, o.demo)
	}
	o.Recorder.Record(ev)
}

// Record is that of the ownTraffic.
func (o *ownCommitter) Record(ev *sdk.Event) { o.ownTraffic.Record(ev) }

var (
	_ decoy.Recorder  = (*ownTraffic)(nil)
	_ decoy.Committer = (*ownCommitter)(nil)
)

// tagOwn puts the operator's list before a recorder, and the value that marks
// demonstrations.
func tagOwn(r decoy.Recorder, list map[string]config.Own, demo string) decoy.Recorder {
	o := ownTraffic{Recorder: r, demo: demo}
	for _, name := range slices.Sorted(maps.Keys(list)) {
		o.names, o.entries = append(o.names, name), append(o.entries, list[name])
	}
	if c, ok := r.(decoy.Committer); ok {
		return &ownCommitter{o, c}
	}
	return &o
}

// entryOf names the entry that the event fits, "" for none. What names a header
// is given without its value: events are read by many.
func (o *ownTraffic) entryOf(ev *sdk.Event) string {
	ip, _ := netip.ParseAddr(ev.IP)
	for i, e := range o.entries {
		switch {
		case e.Header != "":
			if hasHeader(ev.Head, e.Header, e.Value) {
				return "header:" + e.Header
			}
		case e.UA != "":
			if strings.HasPrefix(ev.UA, e.UA) {
				return o.names[i]
			}
		case ip.IsValid() && e.Prefix.Contains(ip.Unmap()):
			return o.names[i]
		}
	}
	return ""
}

func hasHeader(head, name, value string) bool {
	for line := range strings.Lines(head) {
		n, v, ok := strings.Cut(line, ":")
		if ok && strings.EqualFold(n, name) && subtle.ConstantTimeCompare([]byte(strings.TrimSpace(v)), []byte(value)) == 1 {
			return true
		}
	}
	return false
}
