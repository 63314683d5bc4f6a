package sink

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/killdeer-mcp/killdeer/sdk/plugin"
)

// The forms of message.
const (
	formStandard = "standard" // Standard Webhooks 1.0
	formTemplate = "template"
	formSlack    = "slack"
	formTeams    = "teams"
	formDiscord  = "discord"
)

// Limits. Standard Webhooks wants bodies below 20 kB and secrets of 24 to 64 bytes.
const (
	defaultBytes = 20_000
	leastBytes   = 4096
	mostBytes    = 1 << 20
	maxBatch     = 256
	maxSecrets   = 4
	leastSecret  = 24
	mostSecret   = 64
	teamsBytes   = 28_000

	maxDigest = 4 * time.Minute // within the longest time that the sensor waits for a batch
)

// Config is the table [sinks.config] of a webhook sink. docs/siem.md says what each
// key is for.
type Config struct {
	URL         string            `json:"url"`
	Form        string            `json:"form"`
	Secrets     []string          `json:"secrets"`
	Headers     map[string]string `json:"headers"`
	Template    string            `json:"template"`
	ContentType string            `json:"content_type"`
	Batch       int               `json:"batch"`
	MaxBytes    int               `json:"max_bytes"`
	Timeout     plugin.Duration   `json:"timeout"`
	Digest      plugin.Duration   `json:"digest"`
	CoolDown    plugin.Duration   `json:"cooldown"`
	Allow       []string          `json:"allow"`
	PlainHTTP   bool              `json:"plain_http"`
	CA          string            `json:"ca"`

	url     *url.URL
	allowed []netip.Prefix
	keys    [][]byte
}

func parse(text json.RawMessage) (*Config, error) {
	c := &Config{
		Form: formStandard, ContentType: "application/json", Batch: 1, MaxBytes: defaultBytes,
		Timeout: plugin.Duration(8 * time.Second),
	}
	if err := plugin.Decode(text, c); err != nil {
		return nil, err
	}
	return c, errors.Join(c.readURL(), c.readAllowed(), c.readSecrets(), c.validate())
}

// readURL never repeats the address in an error: for Slack and its like it is the
// secret itself.
func (c *Config) readURL() error {
	parsed, err := url.Parse(c.URL)
	if err != nil || parsed.Host == "" {
		return errors.New("url: https://host/path is needed")
	}
	if parsed.Scheme != "https" && (parsed.Scheme != "http" || !c.PlainHTTP) {
		return errors.New("url: https is needed, or plain_http = true")
	}
	if parsed.User != nil {
		return errors.New("url: no user and password in it; set headers.Authorization")
	}
	c.url = parsed
	return nil
}

func (c *Config) readAllowed() error {
	for _, text := range c.Allow {
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			return fmt.Errorf("allow: %q is no network such as 10.1.2.0/24", text)
		}
		c.allowed = append(c.allowed, prefix)
	}
	return nil
}

func (c *Config) readSecrets() error {
	if len(c.Secrets) > maxSecrets {
		return fmt.Errorf("secrets: at most %d, the newest first", maxSecrets)
	}
	for i, secret := range c.Secrets {
		text, ok := strings.CutPrefix(secret, "whsec_")
		key, err := base64.StdEncoding.DecodeString(text)
		if !ok || err != nil || len(key) < leastSecret || len(key) > mostSecret {
			return fmt.Errorf("secrets: number %d is not whsec_ and the base64 of %d to %d bytes", i+1, leastSecret, mostSecret)
		}
		c.keys = append(c.keys, key)
	}
	return nil
}

func (c *Config) validate() error {
	var faults []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	chat := slices.Contains([]string{formSlack, formTeams, formDiscord}, c.Form)
	check(chat || c.Form == formStandard || c.Form == formTemplate, "form %q: standard, template, slack, teams or discord", c.Form)
	check((c.Form == formTemplate) == (c.Template != ""), "template: belongs to form = \"template\"")
	check(c.Batch >= 1 && c.Batch <= maxBatch, "batch %d: 1 to %d", c.Batch, maxBatch)
	check(c.Batch == 1 || c.Form == formStandard, "batch: belongs to form = \"standard\"; the others take digest")
	check(c.MaxBytes >= leastBytes && c.MaxBytes <= mostBytes, "max_bytes %d: %d to %d", c.MaxBytes, leastBytes, mostBytes)
	check(c.Timeout > 0, "timeout: above 0")
	check(c.Form != formStandard || c.Digest == 0 && c.CoolDown == 0, "digest, cooldown: not of form = \"standard\", which sends every event")
	check(time.Duration(c.Digest) <= maxDigest, "digest: at most %s", maxDigest)
	for name, value := range c.Headers {
		request := http.Request{Header: http.Header{}}
		request.Header.Set(name, value)
		check(name != "" && !strings.ContainsAny(name+value, "\r\n\x00") && !strings.Contains(name, " "), "headers: %q is no header", name)
	}
	return errors.Join(faults...)
}

func (c *Config) tls() (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.CA == "" {
		return config, nil
	}
	text := []byte(c.CA)
	if !strings.Contains(c.CA, "-----BEGIN ") {
		read, err := os.ReadFile(c.CA)
		if err != nil {
			return nil, fmt.Errorf("read ca: %w", err)
		}
		text = read
	}
	config.RootCAs = x509.NewCertPool()
	if !config.RootCAs.AppendCertsFromPEM(text) {
		return nil, errors.New("read ca: no certificate in it")
	}
	return config, nil
}
