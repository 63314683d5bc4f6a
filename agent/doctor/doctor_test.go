package doctor_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/killdeer-mcp/killdeer/agent/config"
	"github.com/killdeer-mcp/killdeer/agent/doctor"
)

// examine looks at a configuration in a folder, and returns the checks by name.
func examine(t *testing.T, dir, text string, o doctor.Options) map[string]doctor.Check {
	t.Helper()
	cfg, err := config.Parse("agent.toml", []byte(text), dir)
	if err != nil {
		t.Fatal(err)
	}
	o.Config = cfg
	o.Credential = func(string) (string, error) { return "", os.ErrNotExist }
	if o.FindPlugin == nil {
		o.FindPlugin = func(name string) (string, error) { return name, nil }
	}
	found := map[string]doctor.Check{}
	for _, c := range doctor.Examine(t.Context(), o) {
		if (c.Status == doctor.OK) != (c.Remedy == "") || c.Detail == "" {
			t.Errorf("%+v: a remedy is for what is not ok, a detail for all", c)
		}
		found[c.Name] = c
	}
	return found
}

// makeCertificate makes NAME.crt and NAME.key in a folder.
func makeCertificate(t *testing.T, dir, name string, until time.Time) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	blocks := map[string]*pem.Block{".crt": {Type: "CERTIFICATE"}, ".key": {Type: "PRIVATE KEY"}}
	leaf := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: until.Add(-48 * time.Hour), NotAfter: until}
	if blocks[".crt"].Bytes, err = x509.CreateCertificate(rand.Reader, leaf, leaf, key.Public(), key); err != nil {
		t.Fatal(err)
	}
	if blocks[".key"].Bytes, err = x509.MarshalPKCS8PrivateKey(key); err != nil {
		t.Fatal(err)
	}
	for end, block := range blocks {
		if err := os.WriteFile(filepath.Join(dir, name+end), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestExamine(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	_, number, err := net.SplitHostPort(taken.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for sub, mode := range map[string]os.FileMode{"open": 0o755, "trust.d": 0o755, "state/events": 0o700} {
		if err := os.MkdirAll(filepath.Join(dir, sub), mode); err != nil {
			t.Fatal(err)
		}
	}
	for file, mode := range map[string]os.FileMode{"sink": 0o755, "loose": 0o777, "trust.d/acme.pub": 0o644, "state/events/1-1.seg.corrupt-1": 0o600} {
		if err := os.WriteFile(filepath.Join(dir, file), []byte("x"), mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(filepath.Join(dir, file), mode); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(filepath.Join(dir, "state"), 0o700); err != nil {
		t.Fatal(err)
	}
	makeCertificate(t, dir, "good", time.Now().Add(time.Hour))
	makeCertificate(t, dir, "old", time.Now().Add(-time.Hour))
	pair := func(cert, key string) string {
		return fmt.Sprintf("decoy.tls = {mode = \"files\", certificate = %q, key = %q}", cert, key)
	}
	sink := func(file string) string {
		return fmt.Sprintf("[[sinks]]\nname = %q\nplugin = %q\n", file, filepath.Join(dir, file))
	}
	for _, tt := range []struct {
		name, text, check string
		options           doctor.Options
		want              doctor.Status
		says              string
	}{
		{"port free", `decoy.listen = "127.0.0.1:0"`, "decoy port", doctor.Options{}, doctor.OK, "is free"},
		{"port taken", fmt.Sprintf("decoy.listen = %q", taken.Addr()), "decoy port", doctor.Options{}, doctor.Failure, "in use"},
		{"port ours", fmt.Sprintf("decoy.listen = %q", taken.Addr()), "decoy port", doctor.Options{Running: true}, doctor.OK, "running sensor's"},
		{"port ours, as it says", fmt.Sprintf("decoy.listen = %q", taken.Addr()), "decoy port", doctor.Options{Running: true, Serving: []string{"[::]:" + number}}, doctor.OK, "running sensor's"},
		{"port of another", fmt.Sprintf("decoy.listen = %q", taken.Addr()), "decoy port", doctor.Options{Running: true, Serving: []string{"127.0.0.1:1", "127.0.0.2:" + number}}, doctor.Failure, "in use"},
		{"state", "", "state directory", doctor.Options{}, doctor.OK, "state"},
		{"state open", `sensor.state_dir = "open"`, "state directory", doctor.Options{}, doctor.Failure, "mode 0755"},
		{"state new", `sensor.state_dir = "new"`, "state directory", doctor.Options{}, doctor.OK, "first start"},
		{"set aside", "", "journal", doctor.Options{}, doctor.Warning, "1 damaged"},
		{"little room", `journal.max_bytes = "1048576GiB"`, "disk space", doctor.Options{}, doctor.Warning, "min_free"},
		{"interpreter", `wasm.engine = "interpreter"`, "guest engine", doctor.Options{}, doctor.Warning, "slower"},
		{"compiler", "", "guest engine", doctor.Options{}, doctor.OK, "compiler"},
		{"bad key", "", "trust keys", doctor.Options{}, doctor.Failure, "acme"},
		{"no keys", `packs.trust = "none"`, "trust keys", doctor.Options{}, doctor.OK, "0 publishers"},
		{"unsigned", "packs.trust = \"none\"\npacks.allow_unsigned = true", "trust keys", doctor.Options{}, doctor.Warning, "nobody signed"},
		{"plugin", sink("sink"), "sink sink", doctor.Options{}, doctor.OK, "sink"},
		{"loose plugin", sink("loose"), "sink loose", doctor.Options{}, doctor.Failure, "loose"},
		{"certificate", pair("good.crt", "good.key"), "decoy certificate", doctor.Options{}, doctor.OK, "good.crt, until 20"},
		{"certificate expired", pair("old.crt", "old.key"), "decoy certificate", doctor.Options{}, doctor.Warning, "expired"},
		{"key of another", pair("good.crt", "old.key"), "decoy certificate", doctor.Options{}, doctor.Failure, "does not match"},
		{"credential", pair("good.crt", "cred:key"), "decoy certificate", doctor.Options{}, doctor.OK, "not looked at"},
		{"dashboard's key", fmt.Sprintf("dashboard = {tls_cert = %q, tls_key = %q}", "good.crt", "old.key"), "dashboard certificate", doctor.Options{}, doctor.Failure, "does not match"},
		{"clock", "", "clock", doctor.Options{Built: time.Now().Add(time.Hour)}, doctor.Failure, "before this program was made"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := examine(t, dir, tt.text, tt.options)[tt.check]
			if got.Status != tt.want || !strings.Contains(got.Detail, tt.says) {
				t.Errorf("%+v, want %s with %q", got, tt.want, tt.says)
			}
		})
	}
}

// Root sees every file, and is not whom the sensor runs as.
func TestOwners(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give files away")
	}
	const text = "sensor.state_dir = \"state\"\nsensor.cache_dir = \"cache\""
	dir := t.TempDir()
	for _, sub := range []string{"state/events", "cache"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		give string
		want doctor.Status
		says string
	}{
		{"", doctor.OK, "user 0"},
		{"state", doctor.Failure, "no user's sensor"},
		{"cache", doctor.Warning, "events does not belong to user 12345"},
		{"state/events", doctor.OK, "user 12345"},
	} {
		if tt.give != "" {
			if err := os.Chown(filepath.Join(dir, tt.give), 12345, 12345); err != nil {
				t.Fatal(err)
			}
		}
		found := examine(t, dir, text, doctor.Options{})
		if got := found["owner"]; got.Status != tt.want || !strings.Contains(got.Detail, tt.says) {
			t.Errorf("%q given away: %+v, want %s with %q", tt.give, got, tt.want, tt.says)
		}
		if got := found["state directory"]; tt.give != "" && !strings.Contains(got.Detail, "of user 12345") {
			t.Errorf("%+v does not say whose it is", got)
		}
	}
}
