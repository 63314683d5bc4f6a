package config

import (
	"encoding/hex"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/killdeer-mcp/killdeer/internal/tomltext"
	"github.com/killdeer-mcp/killdeer/sdk"
)

const (
	maxSinks       = 64
	maxSinkName    = 64
	maxFields      = 256
	minSinkTimeout = Duration(time.Second)
	maxSinkTimeout = Duration(5 * time.Minute)
	minHeartbeat   = Duration(time.Second)
	maxHeartbeat   = Duration(24 * time.Hour)
	maxLagBytes    = maxKeepBytes

	// not begins a source that is kept out.
	not = "!"
	// checksumForm begins a checksum.
	checksumForm = "sha256:"
)

// A Sink says where events go, and which.
type Sink struct {
	// Name is the sink's: 1 to 64 letters, digits, "-" and "_". Its place in the
	// journal is kept under it.
	Name string `toml:"name"`
	// Plugin is the program: a name such as "syslog", sought beside the killdeer
	// program, or a path.
	Plugin string `toml:"plugin"`
	// Checksum is "sha256:" and the digest that the program must have, or empty.
	Checksum string `toml:"checksum"`
	// Only are the kinds of event that it gets. Default all.
	Only []string `toml:"only"`
	// MinSeverity is the lowest severity of detections. Default "info".
	MinSeverity string `toml:"min_severity"`
	// Rules are the ids of rules whose detections it gets; "*" stands for anything.
	// Default all.
	Rules []string `toml:"rules"`
	// Personas are those whose clients it hears of. Default all.
	Personas []string `toml:"personas"`
	// Sources are addresses or prefixes whose clients it hears of, or with "!" in
	// front does not. Default all.
	Sources []string `toml:"sources"`
	// Fields are the dotted paths of all that it gets of an event. Default
	// everything.
	Fields []string `toml:"fields"`
	// Drop are those that it does not get.
	Drop []string `toml:"drop"`
	// Redact are those whose text it does not get.
	Redact []string `toml:"redact"`
	// Start is where a sink that never ran begins: "oldest" or "newest" event.
	// Default "oldest".
	Start string `toml:"start"`
	// Timeout is how long the plugin may take for a batch, 1s to 5m. Default 10s.
	Timeout Duration `toml:"timeout"`
	// Config is the plugin's own table.
	Config map[string]any `toml:"config"`
}

func blankSink() Sink {
	return Sink{MinSeverity: string(sdk.SeverityInfo), Start: "oldest", Timeout: Duration(10 * time.Second)}
}

// isPath reports whether a plugin is named by its path.
func (s *Sink) isPath() bool { return strings.Contains(s.Plugin, "/") }

// Prefixes returns the sources as prefixes, and whether each is kept out.
func (s *Sink) Prefixes() (prefixes []netip.Prefix, out []bool) {
	for _, text := range s.Sources {
		plain, excluded := strings.CutPrefix(text, not)
		if p, err := parseProxy(plain); err == nil {
			prefixes, out = append(prefixes, p), append(out, excluded)
		}
	}
	return prefixes, out
}

// SHA256 returns the digest that the program must have, in hexadecimal digits, or "".
func (s *Sink) SHA256() string { return strings.TrimPrefix(s.Checksum, checksumForm) }

func checkSinks(sinks []Sink, c *collector) {
	if len(sinks) > maxSinks {
		c.add("sinks", "has %d entries, want at most %d", len(sinks), maxSinks)
		return
	}
	for i := range sinks {
		path := tomltext.EntryPath("sinks", i) + "."
		sinks[i].check(path, c)
		first := slices.IndexFunc(sinks, func(o Sink) bool { return o.Name == sinks[i].Name })
		if first < i && sinks[i].Name != "" {
			c.add(path+"name", "%s is the name of another sink", shown(sinks[i].Name))
		}
	}
}

func (s *Sink) check(path string, c *collector) {
	s.checkNames(path, c)
	s.checkFilters(path, c)
	oneOf(c, path+"start", s.Start, "oldest", "newest")
	between(c, path+"timeout", s.Timeout, minSinkTimeout, maxSinkTimeout)
	for _, l := range []struct {
		key   string
		paths []string
	}{{"fields", s.Fields}, {"drop", s.Drop}, {"redact", s.Redact}} {
		if len(l.paths) > maxFields {
			c.add(path+l.key, "has %d entries, want at most %d", len(l.paths), maxFields)
		}
		for i, field := range l.paths {
			if field == "" || slices.Contains(strings.Split(field, "."), "") {
				c.addEntry(path+l.key, i, `want a field such as "ip" or "args.password", got %s`, shown(field))
			}
		}
	}
}

func (s *Sink) checkNames(path string, c *collector) {
	at := path + "name"
	if !c.has(at) {
		at = strings.TrimSuffix(path, ".")
	}
	if s.Name == "" || len(s.Name) > maxSinkName || strings.IndexFunc(s.Name, tomltext.NotBare) >= 0 {
		c.add(at, "want a name of 1 to %d letters, digits, - and _, got %s", maxSinkName, shown(s.Name))
	}
	switch {
	case s.isPath():
		if err := checkReadable(s.Plugin); err != nil {
			c.add(path+"plugin", "%v", err)
		}
	case s.Plugin == "" && !c.has(path+"plugin"):
		c.add(strings.TrimSuffix(path, "."), `lacks plugin: want a name such as "file", or a path`)
	case s.Plugin == "" || len(s.Plugin) > maxSinkName || strings.IndexFunc(s.Plugin, tomltext.NotBare) >= 0:
		c.add(path+"plugin", `want a name such as "file", or a path, got %s`, shown(s.Plugin))
	}
	digest, ok := strings.CutPrefix(s.Checksum, checksumForm)
	if b, err := hex.DecodeString(digest); s.Checksum != "" && (!ok || err != nil || len(b) != 32) {
		c.add(path+"checksum", `want "sha256:" and 64 hexadecimal digits, got %s`, shown(s.Checksum))
	}
}

func (s *Sink) checkFilters(path string, c *collector) {
	var kinds []string
	for _, k := range sdk.Kinds() {
		kinds = append(kinds, string(k))
	}
	for i, k := range s.Only {
		if slices.Contains(kinds, k) {
			continue
		}
		if near := nearest(k, kinds); near != "" {
			c.addEntry(path+"only", i, "%s is no kind of event, did you mean %q?", shown(k), near)
		} else {
			c.addEntry(path+"only", i, "want %s, got %s", strings.Join(quoteAll(kinds), " or "), shown(k))
		}
	}
	oneOf(c, path+"min_severity", s.MinSeverity, "info", "low", "medium", "high", "critical")
	for i, text := range s.Sources {
		if _, err := parseProxy(strings.TrimPrefix(text, not)); err != nil {
			c.addEntry(path+"sources", i, "%v", err)
		}
	}
}

// sinks decodes an array of tables.
func (d *decoder) sinks(path string, in any, out *[]Sink) {
	tables, ok := in.([]map[string]any)
	if !ok {
		d.add(path, "want an array of tables, [[%s]], got %s", path, kindOf(in))
		return
	}
	for i, table := range tables {
		*out = append(*out, blankSink())
		d.table(tomltext.EntryPath(path, i), table, reflect.ValueOf(&(*out)[i]).Elem())
	}
}

// opaque takes a table that is a plugin's own.
func (d *decoder) opaque(path string, in any, out *map[string]any) {
	set(d, path, in, out, "a table")
}
