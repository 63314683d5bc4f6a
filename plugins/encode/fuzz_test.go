package encode_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/killdeer-mcp/killdeer/plugins/encode"
	"github.com/killdeer-mcp/killdeer/plugins/encode/encodetest"
	"github.com/killdeer-mcp/killdeer/sdk"
)

func seed(f *testing.F) {
	for _, text := range encodetest.Hostile() {
		if len(text) > 1000 {
			text = text[:1000]
		}
		f.Add(text, "tools/call", "10.0.0.1", text, int64(1776868200), uint64(1), uint16(600), true)
		f.Add("tool", text, text, "{}", int64(-1), uint64(0), uint16(0), false)
	}
}

// fuzzed is an event out of a fuzzer's hands.
func fuzzed(a, b, ip, args string, at int64, seq uint64, detection bool) sdk.Event {
	e := encodetest.Filled(detection, a)
	e.ID, e.MCPMethod, e.IP, e.Peer, e.Args, e.UA = b, b, ip, ip, sdk.RawJSON(args), args
	e.Time, e.Seq, e.Sensor, e.Outcome, e.Actor = time.Unix(at, 0), seq, a, b, b
	if detection {
		e.Detection.RuleID, e.Detection.ID, e.Detection.SourceIP, e.Detection.Count = b, b, ip, int(at)
		e.Detection.Severity, e.Detection.Confidence = sdk.Severity(b), sdk.Confidence(b)
		e.Detection.Attack, e.Detection.Atlas, e.Detection.Events = []string{a}, []string{b}, []string{a, b}
	} else if seq%3 == 0 {
		e.Kind = sdk.Kind(b)
	}
	return e
}

func FuzzSyslog(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, a, b, ip, args string, at int64, seq uint64, limit uint16, detection bool) {
		e := fuzzed(a, b, ip, args, at, seq, detection)
		s := predecessor()
		s.MaxBytes, s.ArgsMax = encode.MinMessage+int(limit), int(limit)
		if err := s.Validate(); err != nil {
			t.Fatal(err)
		}
		raw := s.Append(nil, &e)
		if len(raw) > s.MaxBytes {
			t.Errorf("%d bytes, want at most %d: %q", len(raw), s.MaxBytes, raw)
		}
		if e.Detection == nil && e.Kind != sdk.KindAccess {
			checkText(t, "fuzzed", raw)
			parsed(t, raw)
			return
		}
		checkMessage(t, "fuzzed", raw, &e)
	})
}

func FuzzCEF(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, a, b, ip, args string, at int64, seq uint64, limit uint16, detection bool) {
		e := fuzzed(a, b, ip, args, at, seq, detection)
		s := predecessor()
		s.CEF, s.MaxBytes, s.ArgsMax = true, encode.MinMessage+int(limit), int(limit)
		if s.Validate() != nil {
			s.MaxBytes = 600
		}
		checkCEF(t, s, &e)
	})
}

func FuzzLines(f *testing.F) {
	seed(f)
	ocsf, types := ocsfValidator(f), ecsTypes(f)
	f.Fuzz(func(t *testing.T, a, b, ip, args string, at int64, seq uint64, _ uint16, detection bool) {
		e := fuzzed(a, b, ip, args, at, seq, detection)
		for _, format := range []encode.Format{encode.NDJSON, encode.ECS, encode.OCSF} {
			if format == encode.NDJSON && (e.Time.UTC().Year() < 0 || e.Time.UTC().Year() > 9999) {
				continue // JSON's own form of an event has no such time
			}
			raw := line(t, format)(&e)
			if !bytes.HasSuffix(raw, []byte("\n")) {
				t.Fatalf("%s: no line feed ends %q", format, raw)
			}
			checkText(t, string(format), raw[:len(raw)-1])
			switch format {
			case encode.OCSF:
				if err := ocsf(raw); err != nil {
					t.Error(err)
				}
			case encode.ECS:
				if e.Time.UTC().Year() >= 0 && e.Time.UTC().Year() <= 9999 {
					for _, fault := range ecsFaults(types, raw) {
						t.Error(fault)
					}
				}
			default:
				var back sdk.Event
				if err := json.Unmarshal(raw, &back); err != nil {
					t.Errorf("%v: %s", err, raw)
				}
			}
		}
	})
}

func FuzzVisible(f *testing.F) {
	for _, text := range encodetest.Hostile() {
		f.Add(text, 40)
	}
	f.Fuzz(func(t *testing.T, text string, limit int) {
		limit = max(0, min(limit, 1<<20))
		got := encode.Visible(text, limit)
		if len(got) > limit {
			t.Errorf("Visible(%q, %d) has %d bytes", text, limit, len(got))
		}
		checkText(t, "visible", []byte(got))
		if whole := encode.Visible(text, 6*len(text)); limit >= 3 && !isCut(got, whole) {
			t.Errorf("Visible(%q, %d) = %q is no beginning of %q", text, limit, got, whole)
		}
	})
}

func TestCEF(t *testing.T) {
	for name, e := range all() {
		for _, limit := range []int{encode.MinMessage, 2048, 1 << 20} {
			t.Run(name+" "+strconv.Itoa(limit), func(t *testing.T) {
				s := predecessor()
				s.CEF, s.MaxBytes, s.ArgsMax = true, limit, limit
				checkCEF(t, s, &e)
			})
		}
	}
}

// checkCEF reads a message by the rules of the CEF standard and compares.
func checkCEF(t *testing.T, s *encode.Syslog, e *sdk.Event) {
	t.Helper()
	raw := s.Append(nil, e)
	if len(raw) > s.MaxBytes {
		t.Errorf("%d bytes, want at most %d", len(raw), s.MaxBytes)
	}
	checkText(t, "CEF", raw)
	if bytes.Contains(raw, []byte("\ufeff")) {
		t.Errorf("a byte order mark in %q", raw)
	}
	header, extension, err := readCEF(*parsed(t, raw).Message)
	if err != nil {
		t.Fatalf("%v: %s", err, raw)
	}
	if diff := cmp.Diff([]string{"Killdeer", "Killdeer", "1.0"}, header[1:4]); diff != "" {
		t.Error(diff)
	}
	for key, want := range map[string]string{"cs1": e.Tool, "cs2": e.MCPMethod, "externalId": e.ID} {
		if got := extension[key]; !isCut(got, strings.TrimRight(encode.Visible(want, 1<<20), " ")) && got != "" {
			t.Errorf("%s is %q, want %q", key, got, want)
		}
	}
}

// readCEF splits a record into its seven header fields and the extension.
func readCEF(text string) (header []string, extension map[string]string, err error) {
	rest, ok := strings.CutPrefix(text, "CEF:0|")
	if !ok {
		return nil, nil, fmt.Errorf("no CEF:0")
	}
	header = []string{"0"}
	for len(header) < 7 {
		field, after, err := readField(rest)
		if err != nil {
			return nil, nil, err
		}
		header, rest = append(header, field), after
	}
	severity, err := strconv.Atoi(header[6])
	if err != nil || severity < 0 || severity > 10 {
		return nil, nil, fmt.Errorf("severity %q", header[6])
	}
	extension, err = readExtension(rest)
	return header, extension, err
}

// readField reads up to a bar that is not escaped.
func readField(s string) (field, rest string, err error) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '|':
			return b.String(), s[i+1:], nil
		case s[i] != '\\':
			b.WriteByte(s[i])
		case i+1 < len(s) && (s[i+1] == '\\' || s[i+1] == '|'):
			i++
			b.WriteByte(s[i])
		default:
			return "", "", fmt.Errorf("a lone backslash in the header %q", s)
		}
	}
	return "", "", fmt.Errorf("the header ends at %q", s)
}

// readExtension finds keys by the equals signs that are not escaped: a key is the
// word before one.
func readExtension(s string) (map[string]string, error) {
	found := map[string]string{}
	key, value := "", strings.Builder{}
	keep := func() error {
		if key == "" {
			return nil
		}
		if _, twice := found[key]; twice {
			return fmt.Errorf("%s stands twice", key)
		}
		found[key] = strings.TrimRight(value.String(), " ")
		return nil
	}
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\':
			if i++; i == len(s) || s[i] != '\\' && s[i] != '=' && s[i] != 'n' && s[i] != 'r' {
				return nil, fmt.Errorf("a lone backslash in the extension %q", s)
			}
			value.WriteByte(s[i])
		case s[i] == '=':
			text := value.String()
			at := strings.LastIndexByte(text, ' ') + 1
			next := text[at:]
			value.Reset()
			value.WriteString(text[:at])
			if err := keep(); err != nil {
				return nil, err
			}
			if next == "" || !utf8.ValidString(next) {
				return nil, fmt.Errorf("an equals sign without a key in %q", s)
			}
			key = next
			value.Reset()
		default:
			value.WriteByte(s[i])
		}
	}
	return found, keep()
}
