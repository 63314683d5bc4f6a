package journal

import (
	"encoding/json"
	"math"
	"reflect"
	"slices"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/killdeer-mcp/killdeer/sdk"
)

// texts are strings that JSON writes in different ways.
var texts = []string{
	"", "plain", "\"\\/<>&\x00\x08\x0c\n\r\t\x1f\x7f", "é\u2028\u2029\U0001F426\uFFFD", "cut \xff\xc3", "\xe2\x80",
}

// sameAsJSON holds that what appendAccess writes is what encoding/json does.
func sameAsJSON(t *testing.T, ev *sdk.Event) (fit bool) {
	t.Helper()
	got, fit := appendAccess([]byte("before"), ev)
	if !fit {
		if string(got) != "before" {
			t.Errorf("unfit, and wrote %q", got)
		}
		return false
	}
	plain := *ev
	plain.Seq = 0
	want, err := marshal(&plain)
	if err != nil || string(got) != "before"+string(want) {
		t.Errorf("wrote %s\nwant  before%s, %v", got, want, err)
	}
	return true
}

// Every member of an event, alone: one that is added later and that the encoder does
// not know must not get lost.
func TestAppendAccessMembers(t *testing.T) {
	others := []string{
		"Kind", "CanariesMinted", "CanariesSeen", "Detection", "Gap", "Guest", "Clock", "Canary", "Pack", "Health", "Heartbeat",
	}
	for field := range reflect.TypeFor[sdk.Event]().Fields() {
		for _, text := range texts {
			ev := &sdk.Event{V: 1, Kind: sdk.KindAccess, Time: time.Date(2026, 11, 21, 1, 2, 3, 4_000, time.UTC)}
			setAll(reflect.ValueOf(ev).Elem().FieldByIndex(field.Index), text)
			want := !slices.Contains(others, field.Name) && (field.Name != "Notes" || utf8.ValidString(text))
			if fit := sameAsJSON(t, ev); fit != want {
				t.Errorf("%s %q: fit = %v", field.Name, text, fit)
			}
		}
	}
}

// setAll sets a value, and all there is in it.
func setAll(v reflect.Value, text string) {
	switch v.Interface().(type) {
	case time.Time:
		return
	case sdk.RawJSON:
		b, _ := json.Marshal(map[string]any{"a": text, "b": []int{1, 2}})
		v.SetBytes(b)
		return
	case []byte:
		v.SetBytes([]byte(text))
		return
	case map[string]string:
		v.Set(reflect.ValueOf(map[string]string{"z": text, text: "a", "b<": "x"}))
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(1000*len(text)) - 5000)
	case reflect.Uint64:
		v.SetUint(7)
	case reflect.Float64:
		v.SetFloat(float64(len(text))/3 + 0.001)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		setAll(v.Elem(), text)
	case reflect.Struct:
		for _, f := range v.Fields() {
			setAll(f, text)
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		setAll(v.Index(0), text)
	}
}

func TestAppendAccessUnfit(t *testing.T) {
	for name, change := range map[string]func(ev *sdk.Event){
		"another kind":      func(ev *sdk.Event) { ev.Kind = sdk.KindHeartbeat },
		"args are no JSON":  func(ev *sdk.Event) { ev.Args = sdk.RawJSON(`{"a":`) },
		"an endless number": func(ev *sdk.Event) { ev.LatencyMS = math.Inf(1) },
		"a tiny number":     func(ev *sdk.Event) { ev.LatencyMS = 1e-9 },
		"a local time":      func(ev *sdk.Event) { ev.Time = time.Unix(0, 0).In(time.FixedZone("", 3600)) },
		"a year too late":   func(ev *sdk.Event) { ev.Time = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) },
	} {
		ev := &sdk.Event{V: 1, ID: "x", Kind: sdk.KindAccess, Time: time.Now().UTC()} // with its monotonic clock
		if !sameAsJSON(t, ev) {
			t.Error("a plain event is unfit")
		}
		if change(ev); sameAsJSON(t, ev) {
			t.Errorf("%s: not for encoding/json", name)
		}
	}
}

func FuzzAppendAccess(f *testing.F) {
	f.Add("query", `{"a":[1, {"b":null}]}`, "text", 1.5, int64(1790000000))
	f.Add("\xff\x00", `{"a":`, "\xc3\x28", math.Inf(1), int64(math.MaxInt64/4))
	f.Add("\u2028", ` " \u2028" `, "</script>", 1e21, int64(-62200000000))
	f.Fuzz(func(t *testing.T, tool, args, text string, latency float64, unix int64) {
		sameAsJSON(t, &sdk.Event{
			V: 1, ID: tool, Kind: sdk.KindAccess, Time: time.Unix(unix, unix%1e9).UTC(), Tool: tool, Args: sdk.RawJSON(args), RPCID: sdk.RawJSON(text),
			Head: text, LatencyMS: latency, Notes: map[string]string{text: tool, tool: text, "": text},
			Body: &sdk.Body{Size: len(text), Text: text}, Client: &sdk.ClientInfo{Title: text},
		})
	})
}
