package sink

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/killdeer-mcp/killdeer/plugins/encode"
	"github.com/killdeer-mcp/killdeer/sdk/plugin"
)

// The transports, and how messages are told apart on a stream.
const (
	transportUDP = "udp" // RFC 5426: a datagram each
	transportTCP = "tcp" // RFC 6587
	transportTLS = "tls" // RFC 5425

	framingOctet   = "octet" // length, space, message
	framingNewline = "newline"
)

// Lengths of messages. Receivers take 480 bytes at the least, and should take
// 2048: RFC 5425 §4.3.1, RFC 5426 §3.2. A datagram above the path's MTU is sent in
// fragments, which not every network delivers.
const (
	datagramBytes = 2048
	streamBytes   = 8192
	maxDatagram   = 65_000
	maxStream     = 1 << 20
)

// Config is the table [sinks.config] of a syslog sink. docs/siem.md says what each
// key is for.
type Config struct {
	Address    string          `json:"address"`
	Transport  string          `json:"transport"`
	Framing    string          `json:"framing"`
	Format     string          `json:"format"`
	Facility   number          `json:"facility"`
	Severity   number          `json:"severity"`
	AppName    string          `json:"app_name"`
	Hostname   string          `json:"hostname"`
	Enterprise int             `json:"enterprise"`
	MaxBytes   int             `json:"max_bytes"`
	ArgsBytes  int             `json:"args_bytes"`
	Timeout    plugin.Duration `json:"timeout"`
	TLS        TLS             `json:"tls"`
}

// TLS says whom to trust and who to be. Each is PEM text or the path of a file
// that has it.
type TLS struct {
	CA         string `json:"ca"` // the system's roots if empty
	Cert       string `json:"cert"`
	Key        string `json:"key"`
	ServerName string `json:"server_name"` // the address's host if empty
}

// defaults are the predecessor's, where it had any.
func defaults() Config {
	return Config{
		Transport: transportUDP, Framing: framingOctet, Format: "rfc5424",
		Facility: encode.DefaultFacility, Severity: encode.DefaultSeverity, AppName: encode.DefaultApp,
		Enterprise: encode.DocumentationPEN, ArgsBytes: 256, Timeout: plugin.Duration(8 * time.Second),
	}
}

func parse(text json.RawMessage) (Config, error) {
	c := defaults()
	if err := plugin.Decode(text, &c); err != nil {
		return c, err
	}
	if c.MaxBytes == 0 {
		c.MaxBytes = datagramBytes
		if c.Transport != transportUDP {
			c.MaxBytes = streamBytes
		}
	}
	if c.Hostname == "" {
		c.Hostname = hostname()
	}
	return c, c.validate()
}

// hostname is the machine's, as far as a header may say it.
func hostname() string {
	name, err := os.Hostname()
	if err != nil || name == "" {
		return "-"
	}
	return name
}

func (c *Config) validate() error {
	var faults []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	host, port, err := net.SplitHostPort(c.Address)
	check(err == nil && host != "" && port != "", "address %q: host:port is needed", c.Address)
	check(slices.Contains([]string{transportUDP, transportTCP, transportTLS}, c.Transport),
		"transport %q: udp, tcp or tls", c.Transport)
	check(c.Framing == framingOctet || c.Framing == framingNewline, "framing %q: octet or newline", c.Framing)
	check(c.Framing == framingOctet || c.Transport == transportTCP,
		"framing %q: only tcp has a choice, tls is always octet (RFC 5425)", c.Framing)
	check(c.Format == "rfc5424" || c.Format == "cef", "format %q: rfc5424 or cef", c.Format)
	limit := maxStream
	if c.Transport == transportUDP {
		limit = maxDatagram
	}
	check(c.MaxBytes <= limit, "max_bytes %d: at most %d over %s", c.MaxBytes, limit, c.Transport)
	check(c.Timeout > 0, "timeout %s: above 0", time.Duration(c.Timeout))
	check(c.Transport == transportTLS || c.TLS == TLS{}, "tls: needs transport = \"tls\"")
	check((c.TLS.Cert == "") == (c.TLS.Key == ""), "tls: cert and key belong together")
	return errors.Join(faults...)
}

func (c *Config) encoder(version string) *encode.Syslog {
	return &encode.Syslog{
		Facility: int(c.Facility), Severity: int(c.Severity), Host: c.Hostname, App: c.AppName,
		ProcID: strconv.Itoa(os.Getpid()), PEN: c.Enterprise, MaxBytes: c.MaxBytes, ArgsMax: c.ArgsBytes,
		CEF: c.Format == "cef", Version: version,
	}
}

// client makes what a connection needs. Files are read for each connection, so
// that a renewed certificate is used without a restart.
func (t *TLS) client(address string) (*tls.Config, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	config := &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12}
	if t.ServerName != "" {
		config.ServerName = t.ServerName
	}
	if t.CA != "" {
		text, err := pem(t.CA)
		if err != nil {
			return nil, fmt.Errorf("read tls.ca: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(text) {
			return nil, errors.New("read tls.ca: no certificate in it")
		}
	}
	if t.Cert == "" {
		return config, nil
	}
	pair, err := t.pair()
	if err != nil {
		return nil, err
	}
	config.Certificates = []tls.Certificate{pair}
	return config, nil
}

func (t *TLS) pair() (tls.Certificate, error) {
	cert, err := pem(t.Cert)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("read tls.cert: %w", err)
	}
	key, err := pem(t.Key)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("read tls.key: %w", err)
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("read tls.cert and tls.key: %w", err)
	}
	return pair, nil
}

// pem is s itself if it is PEM, and else what the file of that name holds.
func pem(s string) ([]byte, error) {
	if strings.Contains(s, "-----BEGIN ") {
		return []byte(s), nil
	}
	return os.ReadFile(s)
}

// number is a facility or severity, by number or by name.
type number int

var names = map[string]number{
	"kern": 0, "user": 1, "mail": 2, "daemon": 3, "auth": 4, "syslog": 5, "lpr": 6, "news": 7, "uucp": 8, "cron": 9,
	"authpriv": 10, "ftp": 11, "local0": 16, "local1": 17, "local2": 18, "local3": 19, "local4": 20, "local5": 21,
	"local6": 22, "local7": 23,
	"emerg": 0, "alert": 1, "crit": 2, "err": 3, "warning": 4, "notice": 5, "info": 6, "debug": 7,
}

// UnmarshalJSON reads 16 or "local0".
func (n *number) UnmarshalJSON(text []byte) error {
	var name string
	if err := json.Unmarshal(text, &name); err != nil {
		return json.Unmarshal(text, (*int)(n))
	}
	value, ok := names[name]
	if !ok {
		return fmt.Errorf("%q is no facility or severity", name)
	}
	*n = value
	return nil
}
