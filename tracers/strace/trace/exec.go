package trace

import (
	"bytes"
	"strings"

	"github.com/killdeer-mcp/killdeer/sdk"
	"github.com/killdeer-mcp/killdeer/tracers/strace/line"
)

// loaders begin the names of variables that change which code a program loads.
var loaders = []string{
	"LD_", "GCONV_PATH", "GLIBC_TUNABLES", "NODE_OPTIONS", "NODE_PATH", "PYTHONPATH", "PYTHONSTARTUP", "PYTHONHOME", "PYTHONINSPECT",
	"PERL5LIB", "PERL5OPT", "RUBYLIB", "RUBYOPT", "JAVA_TOOL_OPTIONS", "BASH_ENV", "ENV", "PROMPT_COMMAND",
	"GIT_SSH_COMMAND", "GIT_EXTERNAL_DIFF",
}

func loads(variable string) bool {
	name, _, _ := strings.Cut(variable, "=")
	for _, l := range loaders {
		if name == l || strings.HasSuffix(l, "_") && strings.HasPrefix(name, l) {
			return true
		}
	}
	return false
}

// exec reports a program, also one that could not be executed.
func (s *scene) exec(o *sdk.Observation) bool {
	s.paths(o)
	if o.Path == "" { // a descriptor is executed
		o.PathReal = o.DirPath
	}
	first := s.act.path + 1
	o.Argv = s.list(o, s.arg(first), func(string) bool { return true })
	o.Env = s.list(o, s.arg(first+1), loads)
	return true
}

// list reads the strings of an array, as many as the payload limit has bytes.
func (s *scene) list(o *sdk.Observation, arg []byte, keep func(string) bool) (out []string) {
	size := 0
	line.Items(line.Inside(arg), func(item []byte) bool {
		b, cut, ok := line.String(item)
		if !ok {
			o.Truncated = o.Truncated || bytes.HasPrefix(item, []byte("...")) || isAddress(item)
			return true
		}
		v := text(b)
		if !keep(v) {
			return true
		}
		size += len(v)
		o.Truncated = o.Truncated || cut || size > s.t.payload
		if size <= s.t.payload {
			out = append(out, v)
		}
		return size <= s.t.payload
	})
	return out
}
