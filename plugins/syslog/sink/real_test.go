package sink_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/killdeer-mcp/killdeer/internal/receivers"
	"github.com/killdeer-mcp/killdeer/plugins/encode"
	"github.com/killdeer-mcp/killdeer/plugins/encode/encodetest"
	"github.com/killdeer-mcp/killdeer/plugins/syslog/sink"
	"github.com/killdeer-mcp/killdeer/sdk"
)

// hostile are calls and verdicts of which every text was chosen by a client, each
// with an id of its own.
func hostile() []sdk.Event {
	texts := encodetest.Hostile()
	var events []sdk.Event
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		for _, detection := range []bool{false, true} {
			e := encodetest.Filled(detection, texts[name])
			e.ID = fmt.Sprintf("0196c0de-0000-7000-8000-%012d", len(events))
			if detection {
				e.Detection.ID = e.ID
			}
			events = append(events, e)
		}
	}
	return events
}

// TestReceivers: rsyslog and syslog-ng see one message for each event, and in each
// field what was sent, whatever a client chose to send, over every transport.
func TestReceivers(t *testing.T) {
	authority := receivers.NewAuthority(t)
	client := authority.Issue(t, "sensor")
	for name, start := range map[string]func(testing.TB, *receivers.Authority) *receivers.Daemon{
		"rsyslog": receivers.Rsyslog, "syslog-ng": receivers.SyslogNG,
	} {
		for _, transport := range []string{"udp", "tcp", "newline", "tls"} {
			t.Run(name+" "+transport, func(t *testing.T) {
				daemon := start(t, authority)
				sent := hostile()
				s := open(t, daemon, transport, authority, client)
				if err := s.Write(t.Context(), sent); err != nil {
					t.Fatal(err)
				}
				compare(t, daemon.Records(t, len(sent)), sent)
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

// TestReceiversCEF: rsyslog's own parser of CEF finds in each key what was sent.
func TestReceiversCEF(t *testing.T) {
	authority := receivers.NewAuthority(t)
	daemon := receivers.Rsyslog(t, authority)
	sent := hostile()
	s := open(t, daemon, "cef", authority, receivers.Pair{})
	if err := s.Write(t.Context(), sent); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	byID := map[string]receivers.CEF{}
	for _, r := range daemon.Records(t, len(sent)) {
		byID[r.CEF.Extensions["externalId"]] = r.CEF
	}
	for i := range sent {
		compareCEF(t, byID[sent[i].ID], &sent[i])
	}
}

func compareCEF(t *testing.T, got receivers.CEF, e *sdk.Event) {
	t.Helper()
	signature, severity := "access", "1"
	if e.Detection != nil {
		signature, severity = "MCP_DATASTORE_RECON", "8"
	}
	if got.Vendor != "Killdeer" || got.Version != "1.0" || got.SignatureID != signature || got.Severity != severity {
		t.Errorf("%s: header %+v", e.ID, got)
	}
	if got.Extensions["src"] != "10.0.1.42" {
		t.Errorf("%s: src is %q", e.ID, got.Extensions["src"])
	}
	for key, want := range map[string]string{
		"cs1": e.Tool, "cs2": e.MCPMethod, "cs3": e.Session, "request": e.Path, "requestClientApplication": e.UA,
	} {
		want = encode.Visible(want, 1<<20)
		if text := got.Extensions[key]; text != want && !(strings.HasSuffix(text, "...") && strings.HasPrefix(want, strings.TrimSuffix(text, "..."))) {
			t.Errorf("%s: %s is %.200q, want %.200q", e.ID, key, text, want)
		}
	}
}

func open(t *testing.T, d *receivers.Daemon, transport string, authority *receivers.Authority, client receivers.Pair) *sink.Sink {
	t.Helper()
	config := map[string]any{"transport": transport, "hostname": "sensor-1", "args_bytes": 4096}
	switch transport {
	case "udp":
		config["address"] = receivers.Loopback(d.UDP)
	case "tcp":
		config["address"] = receivers.Loopback(d.TCP)
	case "newline":
		config["address"], config["transport"], config["framing"] = receivers.Loopback(d.Lines), "tcp", "newline"
	case "cef":
		config["address"], config["transport"], config["format"] = receivers.Loopback(d.TCP), "tcp", "cef"
	case "tls":
		config["address"] = receivers.Loopback(d.TLS)
		config["tls"] = map[string]any{"ca": authority.PEM, "cert": client.Cert, "key": client.Key, "server_name": "localhost"}
	}
	text, err := json.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	s, err := sink.New(text, "1.0")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// compare finds each event's record by its id.
func compare(t *testing.T, got []receivers.Record, sent []sdk.Event) {
	t.Helper()
	byID := map[string]receivers.Record{}
	for _, r := range got {
		for _, element := range []string{"mcp@32473", "mcp-detection@32473"} {
			byID[r.Data[element]["id"]+r.Data[element]["detection_id"]] = r
		}
	}
	for i := range sent {
		e := &sent[i]
		r, ok := byID[e.ID]
		if !ok {
			t.Errorf("%s is missing", e.ID)
			continue
		}
		for _, fault := range differences(r, e) {
			t.Errorf("%s: %s", e.ID, fault)
		}
	}
}

func differences(r receivers.Record, e *sdk.Event) []string {
	var faults []string
	check := func(field, got, want string) {
		if got != want && !(strings.HasSuffix(got, "...") && strings.HasPrefix(want, strings.TrimSuffix(got, "..."))) {
			faults = append(faults, fmt.Sprintf("%s is %.200q, want %.200q", field, got, want))
		}
	}
	whole := func(s string) string { return encode.Visible(s, 1<<20) }
	element, tool, pri, id, text := "mcp@32473", e.Tool, 133, "access", "MCP "
	if e.Detection != nil {
		element, tool, pri, id, text = "mcp-detection@32473", e.Detection.Tool, 131, "detection", "MCP detection: MCP_DATASTORE_RECON high from 10.0.1.42"
		check("rule_id", r.Data[element]["rule_id"], e.Detection.RuleID)
		check("evidence_count", r.Data[element]["evidence_count"], "1")
	}
	if r.Pri != pri {
		faults = append(faults, fmt.Sprintf("pri is %d, want %d", r.Pri, pri))
	}
	check("host", r.Host, "sensor-1")
	check("app", r.App, "mcp-decoy")
	check("msgid", r.ID, id)
	check("tool", r.Data[element]["tool"], whole(tool))
	check("mcp_method", r.Data[element]["mcp_method"], whole(e.MCPMethod))
	own := r.Data["killdeer@32473"]
	for field, want := range map[string]string{"ua": e.UA, "path": e.Path, "session": e.Session, "args": string(e.Args), "sensor": e.Sensor} {
		if len(own) > 0 && (own[field] != "" || field == "sensor") {
			check(field, own[field], whole(want))
		}
	}
	if message := strings.TrimPrefix(strings.TrimPrefix(r.Msg, " "), "\ufeff"); !strings.HasPrefix(message, text) {
		faults = append(faults, fmt.Sprintf("msg is %.200q, want %q", r.Msg, text))
	}
	for element := range r.Data {
		if element != "killdeer@32473" && element != "mcp@32473" && element != "mcp-detection@32473" {
			faults = append(faults, "a forged element "+element)
		}
	}
	return faults
}
