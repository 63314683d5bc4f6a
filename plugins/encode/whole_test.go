package encode_test

import (
	"encoding/base64"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/killdeer-mcp/killdeer/plugins/encode"
	"github.com/killdeer-mcp/killdeer/sdk"
)

// lacks are the fields of an event that a form has no room for. What is not listed
// here must be found in the form, a field that is new as well.
var lacks = map[string][]string{
	"ecs":  {"v"},
	"ocsf": {"v", "time"}, // in milliseconds
	// The journal and lines of JSON have what was sent as a whole; a message says
	// what it was about.
	"rfc5424": {
		"v", "peer", "head", "head_base64",
		"body.size", "body.sha256", "body.text", "body.base64", "body.cut",
		"era", "protocol", "rpc_id", "profile", "latency_ms", "result_bytes", "notes.*", "client.title",
		"canaries_minted.kind", "canaries_minted.label", "canaries_seen.scope", "canaries_seen.origin_event",
		"canaries_seen.encoding", "canaries_seen.credential", "canaries_seen.partial",
		"canaries_seen.same_session", "canaries_seen.same_actor", "canaries_seen.same_ip",
	},
}

// TestWhole: every field of an event is in every form, but for those listed above.
func TestWhole(t *testing.T) {
	s := predecessor()
	s.MaxBytes, s.ArgsMax = 1<<20, 1<<20
	c := *s
	c.CEF = true
	for name, form := range map[string]func(e *sdk.Event) []byte{
		"ecs": line(t, encode.ECS), "ocsf": line(t, encode.OCSF),
		"rfc5424": func(e *sdk.Event) []byte { return s.Append(nil, e) },
		"cef":     func(e *sdk.Event) []byte { return c.Append(nil, e) },
	} {
		missing := map[string]bool{}
		for _, kind := range sdk.Kinds() {
			e, leaves := full(t, kind)
			text := string(form(e))
			for path, leaf := range leaves {
				if !strings.Contains(text, leaf) {
					missing[path] = true
				}
			}
		}
		allowed := lacks[name]
		if name == "cef" {
			allowed = append(slices.Clone(lacks["rfc5424"]), "args_cut", "demo", "detection.severity") // spelt differently
		}
		for _, path := range slices.Sorted(maps.Keys(missing)) {
			if !slices.Contains(allowed, path) {
				t.Errorf("%s does not have %s", name, path)
			}
		}
	}
}

// carried are the fields that the sensor fills in each kind of event.
func carried(kind sdk.Kind) func(field string) bool {
	own := map[sdk.Kind]string{
		sdk.KindDetection: "detection", sdk.KindGap: "gap", sdk.KindGuest: "guest", sdk.KindClock: "clock",
		sdk.KindCanary: "canary", sdk.KindPackStale: "pack", sdk.KindHealth: "health", sdk.KindHeartbeat: "heartbeat",
	}
	if kind == sdk.KindAccess {
		others := slices.Collect(maps.Values(own))
		return func(field string) bool { return !slices.Contains(others, field) }
	}
	fields := []string{"v", "seq", "id", "kind", "time", "sensor", own[kind]}
	if kind == sdk.KindDetection {
		fields = append(fields, "ip", "actor", "session_id", "mcp_method", "tool", "persona", "client", "canaries_seen")
	}
	return func(field string) bool { return slices.Contains(fields, field) }
}

// full is an event of a kind with all fields filled that such events have, and what
// to look for of each.
func full(t *testing.T, kind sdk.Kind) (*sdk.Event, map[string]string) {
	e := &sdk.Event{}
	marks := marker{t: t, marks: map[string]string{}}
	has := carried(kind)
	for v, i := reflect.ValueOf(e).Elem(), 0; i < v.NumField(); i++ {
		if name := jsonName(v.Type().Field(i)); has(name) {
			marks.fill(v.Field(i), name)
		}
	}
	known(e, marks.marks)
	e.Kind, marks.marks["kind"] = kind, string(kind)
	return e, marks.marks
}

// known gives what must be an address one, and a detection what it repeats of the
// event that carries it.
func known(e *sdk.Event, marks map[string]string) {
	if marks["ip"] != "" {
		e.IP, marks["ip"] = "192.0.2.77", "192.0.2.77"
	}
	if marks["peer"] != "" {
		e.Peer, marks["peer"] = "192.0.2.77:51034", "192.0.2.77:51034"
	}
	d := e.Detection
	if d == nil {
		return
	}
	d.ID, d.SourceIP, d.Actor, d.Session, d.Tool, d.MCPMethod = e.ID, e.IP, e.Actor, e.Session, e.Tool, e.MCPMethod
	for _, name := range []string{"detection_id", "source_ip", "actor", "session_id", "tool", "mcp_method"} {
		delete(marks, "detection."+name)
	}
}

func jsonName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	return name
}

// marker fills fields with values that are found again.
type marker struct {
	t     *testing.T
	n     int
	marks map[string]string
}

func (m *marker) fill(v reflect.Value, path string) {
	m.n++
	mark := fmt.Sprintf("w%dw", 1000+m.n)
	switch value := v.Addr().Interface().(type) {
	case *time.Time:
		*value = time.Date(2026, 1, 2, 3, 4, m.n%60, 0, time.UTC)
		m.marks[path] = value.Format("2006-01-02T15:04:05")
		return
	case *[]byte:
		*value = []byte(mark)
		m.marks[path] = base64.StdEncoding.EncodeToString(*value)
		return
	case *sdk.RawJSON:
		*value = sdk.RawJSON(strconv.Quote(mark))
		m.marks[path] = mark
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(mark)
	case reflect.Int:
		mark = strconv.Itoa(70_000 + m.n)
		v.SetInt(int64(70_000 + m.n))
	case reflect.Uint64:
		mark = strconv.Itoa(70_000 + m.n)
		v.SetUint(uint64(70_000 + m.n))
	case reflect.Float64:
		mark = strconv.Itoa(70_000 + m.n)
		v.SetFloat(float64(70_000 + m.n))
	case reflect.Bool:
		v.SetBool(true)
		mark = path[strings.LastIndexByte(path, '.')+1:]
	default:
		m.inside(v, path)
		return
	}
	m.marks[path] = mark
}

func (m *marker) inside(v reflect.Value, path string) {
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		m.inside(v.Elem(), path)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		m.fill(v.Index(0), path)
	case reflect.Map:
		v.Set(reflect.ValueOf(map[string]string{"key" + path: "value" + path}))
		m.marks[path+".*"] = "value" + path
	case reflect.Struct:
		for i := range v.NumField() {
			field := v.Type().Field(i)
			if field.Anonymous {
				m.inside(v.Field(i), path)
				continue
			}
			m.fill(v.Field(i), path+"."+jsonName(field))
		}
	default:
		m.t.Fatalf("%s is a %s, which this test cannot fill", path, v.Type())
	}
}
