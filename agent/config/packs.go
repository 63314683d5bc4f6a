package config

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/killdeer-mcp/killdeer/internal/tomltext"
)

// Packs says where signed packs are kept and whose are accepted.
type Packs struct {
	// Dir holds the installed packs. Empty or absent: "packs" inside StateDir.
	Dir string `toml:"dir"`
	// Trust is the folder that says whose packs are accepted. Default "trust.d",
	// beside the file. One that does not exist trusts nobody.
	Trust string `toml:"trust"`
	// AllowUnsigned accepts packs that nobody signed. Default false.
	AllowUnsigned bool `toml:"allow_unsigned"`
}

// installedPack is publisher/name; a path ends in ".wasm".
var installedPack = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,31}/[a-z0-9][a-z0-9-]{0,63}$`)

// IsPack reports whether a persona or rule pack is named as an installed pack.
func IsPack(name string) bool { return installedPack.MatchString(name) }

func (p *Packs) complete(dir, stateDir string) {
	p.Trust = resolve(dir, p.Trust)
	if p.Dir = resolve(dir, p.Dir); p.Dir == "" {
		p.Dir = filepath.Join(stateDir, "packs")
	}
}

func checkPacks(p *Packs, c *collector) {
	if p.Trust == "" {
		c.add("packs.trust", "must not be empty: name a folder, which need not exist")
	} else if info, err := os.Stat(p.Trust); err == nil && !info.IsDir() {
		c.add("packs.trust", "%s is not a folder", shown(p.Trust))
	}
	if info, err := os.Stat(p.Dir); err == nil && !info.IsDir() {
		c.add("packs.dir", "%s is not a folder", shown(p.Dir))
	}
}

// live are the keys that a running sensor takes over from a changed file. Those in
// tables that end in "." are all in it.
var live = []string{
	"sensor.log_level", "sensor.heartbeat",
	"decoy.personas", "decoy.allowed_origins", "decoy.allowed_hosts", "decoy.trusted_proxies", "decoy.limits.",
	"journal.max_age", "journal.max_bytes", "journal.max_lag_bytes",
	"rules.", "packs.", "sinks.", "audit.",
}

// fixed are keys of those tables that it does not take over: connections that are
// open go by them, or guests that are loaded.
var fixed = []string{"decoy.limits.header", "decoy.limits.head_timeout", "decoy.limits.idle_timeout", "decoy.limits.call_timeout"}

// isLive reports whether a running sensor takes over a change of a key.
func isLive(key string) bool {
	key = entry.ReplaceAllString(key, "")
	return !slices.Contains(fixed, key) && slices.ContainsFunc(live, func(l string) bool {
		return l == key || l == key+"." || strings.HasSuffix(l, ".") && strings.HasPrefix(key, l)
	})
}

// NeedsRestart lists the keys in which next differs and that a running sensor
// does not take over.
func (c *Config) NeedsRestart(next *Config) []string {
	return slices.DeleteFunc(c.Differs(next), isLive)
}

// TakenOver lists the keys in which next differs and that a running sensor takes over.
func (c *Config) TakenOver(next *Config) []string {
	return slices.DeleteFunc(c.Differs(next), func(key string) bool { return !isLive(key) || strings.HasPrefix(key, "audit.") })
}

// Differs lists the keys in which next differs; all sinks are one key.
func (c *Config) Differs(next *Config) []string {
	var keys []string
	compare("", reflect.ValueOf(*c), reflect.ValueOf(*next), &keys)
	return keys
}

func compare(path string, a, b reflect.Value, keys *[]string) {
	for i := range a.NumField() {
		key := tomltext.JoinPath(path, a.Type().Field(i).Tag.Get("toml"))
		if a.Field(i).Kind() == reflect.Struct {
			compare(key, a.Field(i), b.Field(i), keys)
		} else if !reflect.DeepEqual(a.Field(i).Interface(), b.Field(i).Interface()) {
			*keys = append(*keys, key)
		}
	}
}
