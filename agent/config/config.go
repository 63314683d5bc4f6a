// Package config reads agent.toml, the one configuration file of a sensor.
//
// It decodes strictly: an unknown key, a value of the wrong type and a value
// that cannot work are all faults, each with its line, and all of them are
// reported at once. A [Config] that it returns without an error is complete,
// its paths are resolved and its values lie inside the documented limits.
//
// It creates no file or folder, opens no socket, and does not look into guests.
// It does not resolve secrets and never reads the environment.
package config

import (
	"os"
	"path/filepath"
	"strings"
	"time"
)

// The guests that come with the program, by the names under which a
// configuration has them.
var (
	BuiltInPersonas = []string{"enterprise"}
	BuiltInPacks    = []string{"core"}
)

// A Config is the whole of agent.toml. Every field has a key of its own, and
// [Default] says what holds when the key is absent.
type Config struct {
	Sensor    Sensor    `toml:"sensor"`
	Decoy     Decoy     `toml:"decoy"`
	Dashboard Dashboard `toml:"dashboard"`
	Journal   Journal   `toml:"journal"`
	Rules     Rules     `toml:"rules"`
	Packs     Packs     `toml:"packs"`
	WASM      WASM      `toml:"wasm"`
	Sinks     []Sink    `toml:"sinks"`
	Audit     Audit     `toml:"audit"`
}

// A Sensor says who this sensor is and where it keeps what it must remember.
type Sensor struct {
	// Name is the sensor's name in every event: 1 to 255 printable ASCII
	// characters without blanks. Empty or absent: the host name.
	Name string `toml:"name"`
	// StateDir holds the journal and the seed. Default "state", beside the file.
	StateDir string `toml:"state_dir"`
	// CacheDir holds what can be made again, such as compiled guests. Empty or
	// absent: "cache" inside StateDir.
	CacheDir string `toml:"cache_dir"`
	// WorldSeedFile holds the seed of the fake company. Empty or absent:
	// "world.seed" inside StateDir.
	WorldSeedFile string `toml:"world_seed_file"`
	// LogLevel is debug, info, warn or error. Default "info".
	LogLevel string `toml:"log_level"`
	// Heartbeat is how often an event says that the sensor runs, while there are
	// sinks: 1s to 24h; 0s never. Default 5m.
	Heartbeat Duration `toml:"heartbeat"`
}

// A Decoy says what an attacker finds, and what one may cost.
type Decoy struct {
	// Listen is the address and port of the decoy. Port 0 takes any free one.
	// Default "127.0.0.1:3110".
	Listen string `toml:"listen"`
	// Path is where the MCP endpoint is. Default "/mcp".
	Path string `toml:"path"`
	// Personas are built-in names, installed packs as publisher/name, or paths
	// that end in ".wasm" or ".toml", 1 to 16.
	// Default ["enterprise"].
	Personas []string `toml:"personas"`
	// Profile names the imitated server stack. Default and only value "strict".
	Profile string `toml:"profile"`
	// Framing is how an answer to a request travels when nothing has to be said
	// before it: "json", or "sse" for an event stream. Default "json".
	Framing string `toml:"framing"`
	// Latency is "on" where answers take as long as those of the imitated
	// services, or "off". Default "on".
	Latency string `toml:"latency"`
	// Friction is "on" where the imitated services limit the rate of calls and
	// fail now and then, or "off". Default "on".
	Friction string `toml:"friction"`
	// ServerName replaces the name that the persona gives its server, at most
	// 128 bytes. Empty or absent: the persona's own.
	ServerName string `toml:"server_name"`
	// AllowedOrigins are the Origin header values answered beside the
	// server's own, such as "https://hub.example.com". Default none.
	AllowedOrigins []string `toml:"allowed_origins"`
	// AllowedHosts are the names in the Host header, without a port, answered
	// on a loopback listener beside the loopback names. Default none.
	AllowedHosts []string `toml:"allowed_hosts"`
	// TrustedProxies are the addresses or CIDR prefixes whose X-Forwarded-For
	// is believed. Default none.
	TrustedProxies []string `toml:"trusted_proxies"`
	// ProxyProtocol says that connections of TrustedProxies begin with a header of
	// the PROXY protocol, version 1 or 2. Default false.
	ProxyProtocol bool `toml:"proxy_protocol"`
	// TLS secures the decoy's connections.
	TLS TLS `toml:"tls"`
	// Limits bound what clients may hold.
	Limits Limits `toml:"limits"`
}

// Limits bound what one client, and all of them together, may hold. A limit on
// a source may not be above the limit on all sources.
type Limits struct {
	// Body is the largest request body answered, 1KiB to 64MiB. Default 1MiB.
	Body Size `toml:"body"`
	// RecordedBody is how much of a body an event keeps, at most Body.
	// Default 64KiB.
	RecordedBody Size `toml:"recorded_body"`
	// Header is the largest request head, 1KiB to 1MiB. Default 16KiB.
	Header Size `toml:"header"`
	// Depth is how deep JSON may nest, 4 to 64. Default 64.
	Depth int `toml:"depth"`
	// Batch is the number of messages in one body, 1 to 10000. Default 64.
	Batch int `toml:"batch"`
	// Connections is the number of open connections, 1 to 1000000.
	// Default 10000.
	Connections int `toml:"connections"`
	// ConnectionsPerSource is the same for one source address. Default 64.
	ConnectionsPerSource int `toml:"connections_per_source"`
	// Sessions is the number of live MCP sessions, 1 to 1000000.
	// Default 10000.
	Sessions int `toml:"sessions"`
	// SessionsPerSource is the same for one source address. Default 256.
	SessionsPerSource int `toml:"sessions_per_source"`
	// SSEPerSource is the number of open event streams of one source address,
	// 1 to ConnectionsPerSource. Default 8.
	SSEPerSource int `toml:"sse_per_source"`
	// SessionIdle is how long a silent session lives, 1s to 168h. Default 30m.
	SessionIdle Duration `toml:"session_idle"`
	// Page is the number of entries on a page of a list, 1 to 10000.
	// Default 100.
	Page int `toml:"page"`
	// HeadTimeout is how long a request head may take to arrive, 100ms to 1h.
	// Default 5s.
	HeadTimeout Duration `toml:"head_timeout"`
	// BodyTimeout is the same for a body. Default 15s.
	BodyTimeout Duration `toml:"body_timeout"`
	// WriteTimeout is how long a client may take to accept what it is sent.
	// Default 10s.
	WriteTimeout Duration `toml:"write_timeout"`
	// IdleTimeout is how long a connection may be silent between two requests.
	// Default 1m.
	IdleTimeout Duration `toml:"idle_timeout"`
	// CallTimeout is how long a persona may take for one call, 10ms to 1m.
	// Default 2s.
	CallTimeout Duration `toml:"call_timeout"`
}

// A Journal says how events reach the disk.
type Journal struct {
	// Queue is how many events may wait for the disk before some are dropped
	// and counted, 1 to 1048576. Default 65536.
	Queue int `toml:"queue"`
	// Delay is how long a commit waits for more events, 0s to 1s. Default 5ms.
	Delay Duration `toml:"delay"`
	// Durability is "group": an answer may leave before its event is on disk, by
	// Delay and a commit; or "strict": it waits. Default "group".
	Durability string `toml:"durability"`
	// MaxAge is how long events are kept, at least 1h; 0s for ever. Default 0s.
	MaxAge Duration `toml:"max_age"`
	// MaxBytes is how much disk events may take, at least 64MiB; 0B without
	// limit. The newest segment is always kept. Default 20GiB.
	MaxBytes Size `toml:"max_bytes"`
	// MaxLagBytes is how much more is kept of what a sink has not had yet, beyond
	// MaxAge and MaxBytes; 0B: nothing. Default 2GiB.
	MaxLagBytes Size `toml:"max_lag_bytes"`
	// MinFree is the free disk space below which old segments are removed, and
	// then new events are shed and counted, 0B to 1TiB. Default 256MiB.
	MinFree Size `toml:"min_free"`
	// Reserve is the disk space held for what must be written when it is full,
	// 1MiB to 1GiB. Default 64MiB.
	Reserve Size `toml:"reserve"`
	// SegmentEvents, SegmentBytes and SegmentAge end a segment, whichever is
	// first: 1000 to 4000000, default 256000; 1MiB to 4GiB, default 256MiB; 1m to
	// 720h, default 24h.
	SegmentEvents int      `toml:"segment_events"`
	SegmentBytes  Size     `toml:"segment_bytes"`
	SegmentAge    Duration `toml:"segment_age"`
}

// Rules says which rule packs judge the events.
type Rules struct {
	// Packs are built-in names, installed packs as publisher/name, or paths that
	// end in ".wasm" or ".toml", at most 64. An empty list records without judging.
	// Default ["core"].
	Packs []string `toml:"packs"`
	// Operator says which requests are the operator's own: addresses or CIDR
	// prefixes, "ua:PREFIX" of the user agent, or "header:NAME: VALUE". They are
	// recorded and tagged, but neither judged nor counted. Default none.
	Operator []string `toml:"operator"`
}

// WASM bounds the guests: personas and rule packs.
type WASM struct {
	// Engine is "compiler", or "interpreter" where the machine forbids
	// executable memory. Default "compiler".
	Engine string `toml:"engine"`
	// MemoryMiB is the memory of one guest instance in MiB, 1 to 1024.
	// Default 32.
	MemoryMiB int `toml:"memory_mib"`
	// Spares is the number of instances kept ready per module, 0 to 64.
	// Default 2.
	Spares int `toml:"spares"`
}

// Default returns the configuration of an empty file in the working directory.
func Default() *Config {
	c := blank()
	c.complete("")
	return c
}

// blank returns the defaults with nothing filled in from the machine and no
// path resolved.
func blank() *Config {
	return &Config{
		Sensor: Sensor{StateDir: "state", LogLevel: "info", Heartbeat: Duration(5 * time.Minute)},
		Decoy: Decoy{
			Listen:         "127.0.0.1:3110",
			Path:           "/mcp",
			Personas:       []string{"enterprise"},
			Profile:        "strict",
			Framing:        "json",
			Latency:        "on",
			Friction:       "on",
			AllowedOrigins: []string{},
			AllowedHosts:   []string{},
			TrustedProxies: []string{},
			TLS:            defaultTLS(),
			Limits:         defaultLimits(),
		},
		Dashboard: Dashboard{Listen: "127.0.0.1:3111", Hosts: []string{}},
		Journal:   defaultJournal(),
		Rules:     Rules{Packs: []string{"core"}, Operator: []string{}},
		Packs:     Packs{Trust: "trust.d"},
		WASM:      WASM{Engine: "compiler", MemoryMiB: 32, Spares: 2},
		Audit:     defaultAudit(),
	}
}

func defaultJournal() Journal {
	return Journal{
		Queue:         65536,
		Delay:         Duration(5 * time.Millisecond),
		Durability:    "group",
		MaxBytes:      20 * GiB,
		MaxLagBytes:   2 * GiB,
		MinFree:       256 * MiB,
		Reserve:       64 * MiB,
		SegmentEvents: 256_000,
		SegmentBytes:  256 * MiB,
		SegmentAge:    Duration(24 * time.Hour),
	}
}

func defaultLimits() Limits {
	return Limits{
		Body:                 1 * MiB,
		RecordedBody:         64 * KiB,
		Header:               16 * KiB,
		Depth:                64,
		Batch:                64,
		Connections:          10000,
		ConnectionsPerSource: 64,
		Sessions:             10000,
		SessionsPerSource:    256,
		SSEPerSource:         8,
		SessionIdle:          Duration(30 * time.Minute),
		Page:                 100,
		HeadTimeout:          Duration(5 * time.Second),
		BodyTimeout:          Duration(15 * time.Second),
		WriteTimeout:         Duration(10 * time.Second),
		IdleTimeout:          Duration(time.Minute),
		CallTimeout:          Duration(2 * time.Second),
	}
}

// complete resolves paths against dir and fills in what an empty value stands
// for. An empty state_dir stays empty: the checks refuse it.
func (c *Config) complete(dir string) {
	s := &c.Sensor
	if s.Name == "" {
		s.Name = hostName()
	}
	s.StateDir = resolve(dir, s.StateDir)
	s.CacheDir = resolve(dir, s.CacheDir)
	if s.CacheDir == "" {
		s.CacheDir = filepath.Join(s.StateDir, "cache")
	}
	s.WorldSeedFile = resolve(dir, s.WorldSeedFile)
	if s.WorldSeedFile == "" {
		s.WorldSeedFile = filepath.Join(s.StateDir, "world.seed")
	}
	c.Dashboard.complete(dir)
	c.Packs.complete(dir, s.StateDir)
	c.Decoy.TLS.complete(dir)
	resolveGuests(dir, c.Decoy.Personas)
	resolveGuests(dir, c.Rules.Packs)
	c.Audit.Policy = resolve(dir, c.Audit.Policy)
	for i := range c.Sinks {
		if c.Sinks[i].isPath() {
			c.Sinks[i].Plugin = resolve(dir, c.Sinks[i].Plugin)
		}
	}
}

// hostName never fails: a sensor on a machine without a name still needs one.
func hostName() string {
	if name, err := os.Hostname(); err == nil && name != "" {
		return name
	}
	return "localhost"
}

func resolve(dir, path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}

// resolveGuests resolves those of names that are paths, in place.
func resolveGuests(dir string, names []string) {
	for i, name := range names {
		if isGuestFile(name) || isTextFile(name) {
			names[i] = resolve(dir, name)
		}
	}
}

// isGuestFile reports whether a persona or pack is named by the path of a module.
func isGuestFile(name string) bool { return strings.HasSuffix(name, ".wasm") }

// isTextFile reports whether a persona or pack is named by the path of one that is
// written in TOML.
func isTextFile(name string) bool { return strings.HasSuffix(name, ".toml") }
