package trace

import (
	"bytes"

	"github.com/killdeer-mcp/killdeer/sdk"
	"github.com/killdeer-mcp/killdeer/tracers/form"
	"github.com/killdeer-mcp/killdeer/tracers/strace/line"
)

// exec reports a program, also one that could not be executed.
func (s *scene) exec(o *sdk.Observation) bool {
	s.paths(o)
	if o.Path == "" { // a descriptor is executed
		o.PathReal = o.DirPath
	}
	first := s.act.path + 1
	o.Argv = s.list(o, s.arg(first), func(string) bool { return true })
	o.Env = s.list(o, s.arg(first+1), form.Loads)
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
		v := form.Text(b)
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
