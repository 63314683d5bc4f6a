package config

import (
	"cmp"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/killdeer-mcp/killdeer/internal/tomltext"
)

// The ranges of the values, where zero is not the lower end.
const (
	maxName        = 255 // RFC 5424 §6.2.4, HOSTNAME
	maxServerName  = 128
	maxURLPath     = 256
	maxHost        = 253 // RFC 1035 §2.3.4, as text
	maxGuestName   = 32
	maxPersonas    = 16
	maxPacks       = 64
	minBody        = 1 * KiB
	maxBody        = 64 * MiB
	minHeader      = 1 * KiB
	maxHeader      = 1 * MiB
	minDepth       = 4
	maxDepth       = 64 // what the readers of JSON here go down to
	maxBatch       = 10_000
	maxHeld        = 1_000_000
	minSessionIdle = Duration(time.Second)
	maxSessionIdle = Duration(7 * 24 * time.Hour)
	maxPage        = 10000
	minDeadline    = Duration(100 * time.Millisecond)
	maxDeadline    = Duration(time.Hour)
	minCallTimeout = Duration(10 * time.Millisecond)
	maxCallTimeout = Duration(time.Minute)
	maxQueue       = 1 << 20
	maxDelay       = Duration(time.Second)

	minKeepAge       = Duration(time.Hour)
	maxKeepAge       = Duration(100 * 365 * 24 * time.Hour)
	minKeepBytes     = 64 * MiB
	maxKeepBytes     = 1 << 20 * GiB
	maxMinFree       = 1024 * GiB
	minReserve       = 1 * MiB
	maxReserve       = 1 * GiB
	minSegmentEvents = 1000
	maxSegmentEvents = 4_000_000
	minSegmentBytes  = 1 * MiB
	maxSegmentBytes  = 4 * GiB
	minSegmentAge    = Duration(time.Minute)
	maxSegmentAge    = Duration(720 * time.Hour)

	maxMemoryMiB = 1024
	maxSpares    = 64
)

// check looks at every value that was decoded, and at the files and folders
// that the values name.
func check(cfg *Config, c *collector) {
	checkSensor(&cfg.Sensor, c)
	checkDecoy(&cfg.Decoy, c)
	checkLimits(&cfg.Decoy.Limits, c)
	checkDashboard(&cfg.Dashboard, c)
	checkJournal(&cfg.Journal, c)
	checkRules(&cfg.Rules, c)
	checkPacks(&cfg.Packs, c)
	oneOf(c, "wasm.engine", cfg.WASM.Engine, "compiler", "interpreter")
	between(c, "wasm.memory_mib", cfg.WASM.MemoryMiB, 1, maxMemoryMiB)
	between(c, "wasm.spares", cfg.WASM.Spares, 0, maxSpares)
	checkSinks(cfg.Sinks, c)
	checkAudit(&cfg.Audit, c)
}

func checkJournal(j *Journal, c *collector) {
	between(c, "journal.queue", j.Queue, 1, maxQueue)
	between(c, "journal.delay", j.Delay, 0, maxDelay)
	oneOf(c, "journal.durability", j.Durability, "group", "strict")
	if j.MaxAge != 0 {
		between(c, "journal.max_age", j.MaxAge, minKeepAge, maxKeepAge)
	}
	if j.MaxBytes != 0 {
		between(c, "journal.max_bytes", j.MaxBytes, minKeepBytes, maxKeepBytes)
	}
	between(c, "journal.max_lag_bytes", j.MaxLagBytes, 0, maxLagBytes)
	between(c, "journal.min_free", j.MinFree, 0, maxMinFree)
	between(c, "journal.reserve", j.Reserve, minReserve, maxReserve)
	between(c, "journal.segment_events", j.SegmentEvents, minSegmentEvents, maxSegmentEvents)
	between(c, "journal.segment_bytes", j.SegmentBytes, minSegmentBytes, maxSegmentBytes)
	between(c, "journal.segment_age", j.SegmentAge, minSegmentAge, maxSegmentAge)
}

func checkSensor(s *Sensor, c *collector) {
	if len(s.Name) > maxName || strings.IndexFunc(s.Name, notGraphic) >= 0 {
		c.add("sensor.name", "want 1 to %d printable ASCII characters without blanks, got %s", maxName, shown(s.Name))
	}
	oneOf(c, "sensor.log_level", s.LogLevel, "debug", "info", "warn", "error")
	if s.Heartbeat != 0 {
		between(c, "sensor.heartbeat", s.Heartbeat, minHeartbeat, maxHeartbeat)
	}
	if s.StateDir == "" {
		c.add("sensor.state_dir", "must not be empty")
		return
	}
	folderFault := checkFolder(s.StateDir)
	if folderFault != nil {
		c.add("sensor.state_dir", "%v", folderFault)
	}
	// Paths that follow from a faulty state_dir would only repeat its fault.
	if err := checkFolder(s.CacheDir); err != nil && (folderFault == nil || c.has("sensor.cache_dir")) {
		c.add("sensor.cache_dir", "%v", err)
	}
	if err := checkPlace(s.WorldSeedFile); err != nil && (folderFault == nil || c.has("sensor.world_seed_file")) {
		c.add("sensor.world_seed_file", "%v", err)
	}
}

func notGraphic(r rune) bool { return r <= ' ' || r > '~' }

func checkDecoy(d *Decoy, c *collector) {
	if err := checkListen(d.Listen); err != nil {
		c.add("decoy.listen", "%v", err)
	}
	if !validURLPath(d.Path) {
		c.add("decoy.path", `want "/" and at most %d characters that need no escaping, got %s`, maxURLPath-1, shown(d.Path))
	}
	checkGuests(c, "decoy.personas", d.Personas, BuiltInPersonas, 1, maxPersonas)
	oneOf(c, "decoy.profile", d.Profile, "strict")
	oneOf(c, "decoy.framing", d.Framing, "json", "sse")
	oneOf(c, "decoy.latency", d.Latency, "on", "off")
	oneOf(c, "decoy.friction", d.Friction, "on", "off")
	if len(d.ServerName) > maxServerName || strings.IndexFunc(d.ServerName, isControl) >= 0 {
		c.add("decoy.server_name", "want at most %d bytes without control characters, got %s", maxServerName, shown(d.ServerName))
	}
	for i, origin := range d.AllowedOrigins {
		if !validOrigin(origin) {
			c.addEntry("decoy.allowed_origins", i, `want an origin such as "https://hub.example.com", got %s`, shown(origin))
		}
	}
	for i, host := range d.AllowedHosts {
		if !validHost(host) {
			c.addEntry("decoy.allowed_hosts", i, "want a host name or address without a port, got %s", shown(host))
		}
	}
	for i, proxy := range d.TrustedProxies {
		if _, err := parseProxy(proxy); err != nil {
			c.addEntry("decoy.trusted_proxies", i, "%v", err)
		}
	}
	if d.ProxyProtocol && len(d.TrustedProxies) == 0 {
		c.add("decoy.proxy_protocol", "needs decoy.trusted_proxies: nobody else's word is taken for where a client is")
	}
	d.TLS.check("decoy.tls", c)
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f }

func checkListen(listen string) error {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return fmt.Errorf("want an address and a port such as \"127.0.0.1:3110\", got %s", shown(listen))
	}
	if host != "" && !validHost(host) {
		return fmt.Errorf("%s is neither an address nor a host name", shown(host))
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return fmt.Errorf("want a port from 0 to 65535, got %s", shown(port))
	}
	return nil
}

func validHost(host string) bool {
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	if len(host) > maxHost {
		return false
	}
	for label := range strings.SplitSeq(host, ".") {
		if label == "" || strings.IndexFunc(label, tomltext.NotBare) >= 0 {
			return false
		}
	}
	return true
}

func validURLPath(path string) bool {
	if !strings.HasPrefix(path, "/") || len(path) > maxURLPath {
		return false
	}
	return strings.IndexFunc(path, func(r rune) bool {
		return tomltext.NotBare(r) && !strings.ContainsRune("/._~", r)
	}) < 0
}

func validOrigin(origin string) bool {
	u, err := url.Parse(origin)
	return err == nil && u.Scheme != "" && validHost(u.Hostname()) && origin == u.Scheme+"://"+u.Host
}

// parseProxy reads an address as the prefix that holds only it.
func parseProxy(text string) (netip.Prefix, error) {
	if addr, err := netip.ParseAddr(text); err == nil && addr.Zone() == "" {
		return netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	p, err := netip.ParsePrefix(text)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("want an address or a CIDR prefix such as \"10.0.0.0/8\", got %s", shown(text))
	}
	if p != p.Masked() {
		return netip.Prefix{}, fmt.Errorf("%s has bits set after its prefix, want %q", shown(text), p.Masked())
	}
	return p, nil
}

// Proxies returns the trusted proxies as prefixes. Entries that are not
// addresses or prefixes, which a loaded configuration does not have, are left
// out.
func (d *Decoy) Proxies() []netip.Prefix {
	prefixes := make([]netip.Prefix, 0, len(d.TrustedProxies))
	for _, text := range d.TrustedProxies {
		if p, err := parseProxy(text); err == nil {
			prefixes = append(prefixes, p)
		}
	}
	return prefixes
}

func checkLimits(l *Limits, c *collector) {
	const t = "decoy.limits."
	between(c, t+"body", l.Body, minBody, maxBody)
	between(c, t+"recorded_body", l.RecordedBody, 0, maxBody)
	between(c, t+"header", l.Header, minHeader, maxHeader)
	between(c, t+"depth", l.Depth, minDepth, maxDepth)
	between(c, t+"batch", l.Batch, 1, maxBatch)
	between(c, t+"connections", l.Connections, 1, maxHeld)
	between(c, t+"connections_per_source", l.ConnectionsPerSource, 1, maxHeld)
	between(c, t+"sessions", l.Sessions, 1, maxHeld)
	between(c, t+"sessions_per_source", l.SessionsPerSource, 1, maxHeld)
	between(c, t+"sse_per_source", l.SSEPerSource, 1, maxHeld)
	between(c, t+"session_idle", l.SessionIdle, minSessionIdle, maxSessionIdle)
	between(c, t+"page", l.Page, 1, maxPage)
	between(c, t+"head_timeout", l.HeadTimeout, minDeadline, maxDeadline)
	between(c, t+"body_timeout", l.BodyTimeout, minDeadline, maxDeadline)
	between(c, t+"write_timeout", l.WriteTimeout, minDeadline, maxDeadline)
	between(c, t+"idle_timeout", l.IdleTimeout, minDeadline, maxDeadline)
	between(c, t+"call_timeout", l.CallTimeout, minCallTimeout, maxCallTimeout)
	within(c, t+"recorded_body", l.RecordedBody, t+"body", l.Body)
	within(c, t+"connections_per_source", l.ConnectionsPerSource, t+"connections", l.Connections)
	within(c, t+"sessions_per_source", l.SessionsPerSource, t+"sessions", l.Sessions)
	within(c, t+"sse_per_source", l.SSEPerSource, t+"connections_per_source", l.ConnectionsPerSource)
}

func between[T cmp.Ordered](c *collector, key string, got, low, high T) {
	if got < low || got > high {
		c.add(key, "want %v to %v, got %v", low, high, got)
	}
}

// within checks one value against another, unless either has a fault already.
func within[T cmp.Ordered](c *collector, key string, got T, bound string, high T) {
	if !c.bad[key] && !c.bad[bound] && got > high {
		c.add(key, "%v is more than %s, which is %v", got, bound, high)
	}
}

func oneOf(c *collector, key, got string, want ...string) {
	if slices.Contains(want, got) {
		return
	}
	c.add(key, "want %s, got %s", strings.Join(quoteAll(want), " or "), shown(got))
}

func quoteAll(words []string) []string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = strconv.Quote(w)
	}
	return quoted
}

func checkGuests(c *collector, key string, names, builtIn []string, low, high int) {
	if len(names) < low || len(names) > high {
		c.add(key, "has %d entries, want %d to %d", len(names), low, high)
		return
	}
	for i, name := range names {
		if first := slices.Index(names, name); first < i {
			c.addEntry(key, i, "%s is entry %d already", shown(name), first+1)
		} else if err := checkGuest(name, builtIn); err != nil {
			c.addEntry(key, i, "%v", err)
		}
	}
}

func checkGuest(name string, builtIn []string) error {
	if isGuestFile(name) || isTextFile(name) {
		return checkReadable(name)
	}
	if slices.Contains(builtIn, name) || IsPack(name) {
		return nil
	}
	if near := nearest(name, builtIn); near != "" {
		return fmt.Errorf("%s is not built in, did you mean %q?", shown(name), near)
	}
	return fmt.Errorf("want %s, an installed pack as publisher/name, or a path that ends in .wasm or .toml, got %s", strings.Join(quoteAll(builtIn), " or "), shown(name))
}
