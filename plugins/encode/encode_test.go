package encode_test

import (
	"encoding/json"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/leodido/go-syslog/v4/rfc5424"

	"github.com/killdeer-mcp/killdeer/plugins/encode"
	"github.com/killdeer-mcp/killdeer/plugins/encode/encodetest"
	"github.com/killdeer-mcp/killdeer/sdk"
)

var update = flag.Bool("update", false, "write the golden files anew")

// predecessor is as a sensor is configured whose receivers knew the predecessor.
func predecessor() *encode.Syslog {
	return &encode.Syslog{
		Facility: encode.DefaultFacility, Severity: encode.DefaultSeverity, Host: "hostname", App: encode.DefaultApp,
		ProcID: "1234", PEN: encode.DocumentationPEN, MaxBytes: 8192, ArgsMax: 256, Version: "1.0",
	}
}

func TestGolden(t *testing.T) {
	cef := predecessor()
	cef.CEF = true
	short := predecessor()
	short.MaxBytes = encode.MinMessage
	forms := map[string]func(e *sdk.Event) []byte{
		"rfc5424": func(e *sdk.Event) []byte { return predecessor().Append(nil, e) },
		"short":   func(e *sdk.Event) []byte { return short.Append(nil, e) },
		"cef":     func(e *sdk.Event) []byte { return cef.Append(nil, e) },
		"ndjson":  line(t, encode.NDJSON),
		"ecs":     line(t, encode.ECS),
		"ocsf":    line(t, encode.OCSF),
	}
	events := encodetest.Events()
	events["hostile call"] = encodetest.Filled(false, encodetest.Hostile()["forged message"])
	events["hostile detection"] = encodetest.Filled(true, encodetest.Hostile()["brackets"])
	for form, encoded := range forms {
		t.Run(form, func(t *testing.T) {
			var got strings.Builder
			for _, name := range slices.Sorted(maps.Keys(events)) {
				e := events[name]
				got.WriteString("# " + name + "\n" + strings.TrimSuffix(string(encoded(&e)), "\n") + "\n")
			}
			golden(t, form+".golden", got.String())
		})
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s differs; go test -update writes it anew (-want +got):\n%s", path, diff)
	}
}

func line(t *testing.T, format encode.Format) func(e *sdk.Event) []byte {
	lines, err := encode.NewLines(format, "1.0")
	if err != nil {
		t.Fatal(err)
	}
	return func(e *sdk.Event) []byte {
		text, err := lines.Append(nil, e)
		if err != nil {
			t.Errorf("%s: %v", format, err)
		}
		return text
	}
}

func TestLinesRefuseUnknownFormats(t *testing.T) {
	if _, err := encode.NewLines("xml", ""); err == nil || !strings.Contains(err.Error(), "ndjson") {
		t.Errorf("NewLines(xml) = %v, want an error that names the formats", err)
	}
}

// TestPredecessor holds the layouts to the predecessor's, but for the SD-IDs, and
// its expressions to the one change that the documentation tells of.
func TestPredecessor(t *testing.T) {
	call, verdict := encodetest.Call(), encodetest.Verdict()
	tests := []struct {
		name       string
		event      sdk.Event
		head, tail string
		expression string
		want       []string
	}{
		{
			"access", call,
			`<133>1 2026-04-22T14:30:00.125Z hostname mcp-decoy 1234 tools/call [mcp@32473 id="0196c0de-0000-7000-8000-000000000001" ip="10.0.1.42" mcp_method="tools/call" tool="confluence_search"]`,
			` MCP tool call: confluence_search from 10.0.1.42`,
			`\[mcp@\d+ id="([^"]+)" ip="([^"]+)" mcp_method="([^"]+)" tool="([^"]+)"\]`,
			[]string{call.ID, "10.0.1.42", "tools/call", "confluence_search"},
		},
		{
			"detection", verdict,
			`<131>1 2026-04-22T14:30:00.125Z hostname mcp-decoy 1234 detection [mcp-detection@32473 detection_id="0196c0de-0000-7000-8000-000000000002" rule_id="MCP_DATASTORE_RECON" severity="high" confidence="high" source_ip="10.0.1.42" tool="postgresql_list_databases" mcp_method="tools/call" evidence_count="1"]`,
			` MCP detection: MCP_DATASTORE_RECON high from 10.0.1.42`,
			`rule_id="([^"]+)" severity="([^"]+)" confidence="([^"]+)" source_ip="([^"]+)" tool="([^"]+)".*evidence_count="([^"]+)"`,
			[]string{"MCP_DATASTORE_RECON", "high", "high", "10.0.1.42", "postgresql_list_databases", "1"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := string(predecessor().Append(nil, &tt.event))
			if !strings.HasPrefix(got, tt.head) || !strings.HasSuffix(got, tt.tail) {
				t.Errorf("got  %s\nwant %s ...%s", got, tt.head, tt.tail)
			}
			found := regexp.MustCompile(tt.expression).FindStringSubmatch(got)
			if len(found) == 0 || !slices.Equal(found[1:], tt.want) {
				t.Errorf("%s finds %q, want %q", tt.expression, found, tt.want)
			}
		})
	}
}

func TestSeverities(t *testing.T) {
	for severity, want := range map[sdk.Severity]string{
		sdk.SeverityCritical: "<130>", sdk.SeverityHigh: "<131>", sdk.SeverityMedium: "<132>",
		sdk.SeverityLow: "<133>", sdk.SeverityInfo: "<134>", "made up": "<134>",
	} {
		e := encodetest.Verdict()
		e.Detection.Severity = severity
		if got := string(predecessor().Append(nil, &e)); !strings.HasPrefix(got, want) {
			t.Errorf("a %s detection begins %.6s, want %s", severity, got, want)
		}
	}
}

// TestClientsCannotNameMessages: the predecessor's searches tell accesses from
// detections by MSGID.
func TestClientsCannotNameMessages(t *testing.T) {
	for method, want := range map[string]string{
		"tools/call": "tools/call", "initialize": "initialize", "notifications/initialized": "notifications/initialized",
		"detection": "access", "gap": "access", "": "access", "tools/call\n": "access", "tools/call x": "access",
		"a/" + strings.Repeat("b", 40): "access", "tools/call]": "access",
	} {
		e := encodetest.Call()
		e.MCPMethod = method
		if got := *parsed(t, predecessor().Append(nil, &e)).MsgID; got != want {
			t.Errorf("method %q has MSGID %q, want %q", method, got, want)
		}
	}
}

// TestOneMessage: whatever a client sends in whatever field, a strict parser sees
// one message, with our header and our elements, and in each field what was sent.
func TestOneMessage(t *testing.T) {
	for name, text := range encodetest.Hostile() {
		for _, detection := range []bool{false, true} {
			for _, limit := range []int{encode.MinMessage, 1024, 2048, 8192, 1 << 20} {
				e := encodetest.Filled(detection, text)
				s := predecessor()
				s.MaxBytes, s.ArgsMax = limit, limit
				raw := s.Append(nil, &e)
				if len(raw) > limit {
					t.Errorf("%s: %d bytes, want at most %d", name, len(raw), limit)
				}
				checkMessage(t, name, raw, &e)
			}
		}
	}
}

func checkMessage(t *testing.T, name string, raw []byte, e *sdk.Event) {
	t.Helper()
	checkText(t, name, raw)
	m := parsed(t, raw)
	data := *m.StructuredData
	known, tool := "mcp@32473", e.Tool
	if e.Detection != nil {
		known, tool = "mcp-detection@32473", e.Detection.Tool
	}
	own := maps.Clone(data)
	delete(own, known)
	delete(own, "killdeer@32473")
	if len(data[known]) == 0 || len(own) != 0 {
		t.Errorf("%s: elements %v, want %s and killdeer", name, slices.Collect(maps.Keys(data)), known)
	}
	if got := data[known]["tool"]; !isCut(got, encode.Visible(tool, 1<<20)) {
		t.Errorf("%s: tool %.80q, want %.80q", name, got, encode.Visible(tool, 1<<20))
	}
	if args, ok := data["killdeer@32473"]["args"]; ok && !isCut(args, encode.Visible(string(e.Args), 1<<20)) {
		t.Errorf("%s: args %.80q of %.80q", name, args, e.Args)
	}
	if strings.Contains(*m.Message, "rule_id=") {
		t.Errorf("%s: the text can be taken for structured data: %s", name, *m.Message)
	}
}

// isCut says whether got is all of whole, or its beginning with the mark of a cut.
func isCut(got, whole string) bool {
	if got == whole {
		return true
	}
	begin, ok := strings.CutSuffix(got, "...")
	return ok && strings.HasPrefix(whole, begin)
}

// checkText: one line of valid UTF-8 in which nothing is hidden.
func checkText(t *testing.T, name string, raw []byte) {
	t.Helper()
	if !utf8.Valid(raw) {
		t.Errorf("%s: not UTF-8: %q", name, raw)
	}
	for i, r := range string(raw) {
		if unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) && r != '\ufeff' {
			t.Errorf("%s: %U at byte %d of %.200q", name, r, i, raw)
		}
	}
}

// parsed reads a message by a parser that others wrote from the RFC's grammar.
func parsed(t *testing.T, raw []byte) *rfc5424.SyslogMessage {
	t.Helper()
	m, err := rfc5424.NewParser().Parse(raw)
	if err != nil {
		t.Fatalf("not RFC 5424: %v\n%q", err, raw)
	}
	message := m.(*rfc5424.SyslogMessage)
	if message.StructuredData == nil {
		message.StructuredData = &map[string]map[string]string{}
	}
	if message.Message == nil {
		message.Message = new(string)
	}
	return message
}

func TestVisible(t *testing.T) {
	tests := []struct {
		name, text string
		limit      int
		want       string
	}{
		{"plain", "abc", 3, "abc"},
		{"cut", "abcdef", 5, "ab..."},
		{"no room for the mark", "abcdef", 2, ""},
		{"on a border", "a\u20ac\u20acb", 6, "a..."},
		{"an escape is whole", "ab\ncd", 9, "ab..."},
		{"tag", "\U000e0041", 20, `\U000e0041`},
		{"bytes", "a\xffb", 20, "a\ufffdb"},
		{"letters stay", "\u691c\u7d22", 20, "\u691c\u7d22"},
		{"empty", "", 0, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := encode.Visible(tt.text, tt.limit); got != tt.want {
				t.Errorf("Visible(%q, %d) = %q, want %q", tt.text, tt.limit, got, tt.want)
			}
		})
	}
}

func TestByteOrderMark(t *testing.T) {
	m := encode.Message{Facility: 1, Text: "caf\u00e9"}
	if got := string(m.Append(nil)); !strings.HasSuffix(got, " - \ufeffcaf\u00e9") {
		t.Errorf("%q: a text that is not ASCII begins with a byte order mark", got)
	}
	m.Text = "cafe"
	if got := string(m.Append(nil)); strings.Contains(got, "\ufeff") {
		t.Errorf("%q: ASCII has no byte order mark", got)
	}
}

func TestValidate(t *testing.T) {
	tests := []struct {
		name   string
		change func(s *encode.Syslog)
		want   string
	}{
		{"good", func(*encode.Syslog) {}, ""},
		{"facility", func(s *encode.Syslog) { s.Facility = 24 }, "facility 24"},
		{"severity", func(s *encode.Syslog) { s.Severity = -1 }, "severity -1"},
		{"host", func(s *encode.Syslog) { s.Host = "a b" }, `hostname "a b"`},
		{"app", func(s *encode.Syslog) { s.App = strings.Repeat("a", 49) }, "app_name"},
		{"pen", func(s *encode.Syslog) { s.PEN = 0 }, "enterprise 0"},
		{"small", func(s *encode.Syslog) { s.MaxBytes = 100 }, "at least 480"},
		{"long header", func(s *encode.Syslog) { s.MaxBytes, s.Host = 480, strings.Repeat("h", 250) }, "need"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := predecessor()
			tt.change(s)
			err := s.Validate()
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("Validate() = %v, want %q", err, tt.want)
			}
		})
	}
}

// TestNDJSONLosesNothing: the line is the event's own JSON, invisible characters
// spelt differently.
func TestNDJSONLosesNothing(t *testing.T) {
	for name, text := range encodetest.Hostile() {
		e := encodetest.Filled(true, text)
		e.RPCID, e.Args = nil, nil // text is no JSON
		raw := line(t, encode.NDJSON)(&e)
		checkText(t, name, raw[:len(raw)-1])
		var got sdk.Event
		if err := json.Unmarshal(raw, &got); err != nil {
			t.Fatal(err)
		}
		want := asJSON(t, e)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-sent +read):\n%s", name, diff)
		}
	}
}

// asJSON is e as encoding/json gives it back.
func asJSON(t *testing.T, e sdk.Event) sdk.Event {
	t.Helper()
	text, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	var back sdk.Event
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	return back
}
