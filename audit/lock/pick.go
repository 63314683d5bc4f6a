package lock

import (
	"encoding/json"
	"maps"
	"slices"

	"github.com/killdeer-mcp/killdeer/audit/evidence"
)

// Pick finds an audited server in a lock: by the name that its user gives it, else
// by the name that it gives itself, else by its command line. It returns the name
// under which it is or would be locked, and nil when it is not.
func Pick(l *evidence.Lock, key string, now *evidence.LockedServer) (string, *evidence.LockedServer) {
	if key != "" {
		return key, l.Servers[key]
	}
	var info struct{ Name string }
	_ = json.Unmarshal(now.Server, &info) // a server without a name has another way to be found
	if s := l.Servers[info.Name]; s != nil {
		return info.Name, s
	}
	for _, name := range slices.Sorted(maps.Keys(l.Servers)) {
		if s := l.Servers[name]; len(now.Argv) > 0 && slices.Equal(s.Argv, now.Argv) {
			return name, s
		}
	}
	if info.Name == "" {
		info.Name = "server"
	}
	return info.Name, nil
}
